"""The HTTP server over TLS, against curl, Python's ssl and clients that never say hello."""
import contextlib
import os
import signal
import socket
import ssl
import subprocess

import https_files
from test_http import SMALL, Answers, check, curl, get, make_files, read_to_end


@contextlib.contextmanager
def serving(program, certificate, key, root, patience):
    server = subprocess.Popen([program, certificate, key, root, "127.0.0.1:0", str(patience)],
                              stdout=subprocess.PIPE, text=True)
    try:
        yield server, int(server.stdout.readline().rsplit(":", 1)[1])
        check("still there", server.poll(), None)
    finally:
        server.terminate()
        server.wait(60)
    check("an orderly end", server.returncode, 0)


def connect(port, roots):
    context = ssl.create_default_context(cafile=roots)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=60),
                               server_hostname="localhost", suppress_ragged_eofs=False)


def test_curl(port, roots, root):
    url = f"https://127.0.0.1:{port}"
    check("small", curl("--cacert", roots, url + "/small.txt").stdout, SMALL)
    check("big", curl("--cacert", roots, url + "/big.bin").stdout == (root / "big.bin").read_bytes(), True)
    both = curl("--http2", "--cacert", roots, "-w", "%{http_version} %{num_connects};", "-o", os.devnull,
                "-o", os.devnull, url + "/small.txt", url + "/big.bin")
    check("kept", both.stdout, b"1.1 1;1.1 0;")
    check("post", curl("--cacert", roots, "--data-binary", "@" + str(root / "small.txt"),
                       url + "/api/length").stdout, b'{"length":1024}')
    check("range", curl("--cacert", roots, "-r", "0-9", url + "/small.txt").stdout, SMALL[:10])
    check("not believed", curl(url + "/small.txt").returncode, 60)
    check("plain", curl(f"http://127.0.0.1:{port}/").returncode != 0, True)


def test_ends(port, roots, root):
    """A farewell with each answer that is the last one; pipelined ones before it."""
    with connect(port, roots) as client:
        check("protocol", client.selected_alpn_protocol(), "http/1.1")
        client.sendall(5 * get("/small.txt") + get("/big.bin", "Connection: close"))
        answers = Answers(client)
        for _ in range(5):
            check("pipelined", answers.next()[2], SMALL)
        check("big", answers.next()[2] == (root / "big.bin").read_bytes(), True)
        check("the end", read_to_end(client), b"")  # would raise at a ragged one


def test_silent(port, roots):
    """Those who never say hello are sent away, and keep nobody waiting."""
    silent = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(50)]
    check("served", curl("--cacert", roots, f"https://127.0.0.1:{port}/small.txt").stdout, SMALL)
    for client in silent:
        check("sent away", read_to_end(client), b"")
        client.close()


def test_reload(server, port, roots, folder):
    def serial():
        with connect(port, roots) as client:
            return client.getpeercert()["serialNumber"]

    check("first", serial(), "01")
    https_files.make_certificate(folder, serial=2)
    server.send_signal(signal.SIGHUP)
    check("said", server.stdout.readline(), "reloaded\n")
    check("second", serial(), "02")


def test(program, work):
    root, roots = make_files(work), https_files.make_root(work)
    certificate, key = https_files.make_certificate(work)
    with serving(program, certificate, key, root, patience=60) as (server, port):
        test_curl(port, roots, root)
        test_ends(port, roots, root)
        test_reload(server, port, roots, work)
    with serving(program, certificate, key, root, patience=1) as (server, port):
        test_silent(port, roots)
    refused = subprocess.run([program, certificate, roots], capture_output=True, timeout=60, text=True)
    check("no key", refused.returncode, 1)
    assert "root.pem" in refused.stderr, refused.stderr
