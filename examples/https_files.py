"""A root, and a certificate of it for localhost: what the tests of the examples over TLS need."""
import subprocess

EXTENSIONS = "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n"


def openssl(*words, folder):
    subprocess.run(["openssl", *map(str, words)], cwd=folder, check=True, capture_output=True, timeout=60)


def make_root(folder):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            "root.key", "-out", "root.pem", "-subj", "/CN=a root of tests", "-days", 2,
            "-addext", "keyUsage=critical,keyCertSign,cRLSign", folder=folder)
    return folder / "root.pem"


def make_certificate(folder, serial=1):
    """As server.pem and server.key; again: in their place."""
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "new.key",
            "-out", "new.csr", "-subj", "/CN=localhost", folder=folder)
    (folder / "extensions").write_text(EXTENSIONS)
    openssl("x509", "-req", "-in", "new.csr", "-CA", "root.pem", "-CAkey", "root.key", "-set_serial", serial,
            "-days", 1, "-extfile", "extensions", "-out", "new.pem", folder=folder)
    (folder / "new.key").rename(folder / "server.key")
    (folder / "new.pem").rename(folder / "server.pem")
    return folder / "server.pem", folder / "server.key"
