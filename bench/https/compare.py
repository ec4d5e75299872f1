"""Over TLS 1.3: nginx with one worker, openssl s_server and examples/https_server, side by side: whole
handshakes, as openssl s_time counts them; a file of 1 KiB over connections that stay, and one of 32 MiB over
a single one, by wrk.

    bench/run https                                                 builds, and runs this
    python3 bench/https/compare.py [--build DIR] [--rounds N] [--seconds S] [--smoke]
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import nginx  # noqa: E402
import rounds  # noqa: E402


def eddy(folder, program):
    return rounds.Server("eddy", lambda port: [program, f"{folder}/server.pem", f"{folder}/server.key",
                                               f"{folder}/root", f"127.0.0.1:{port}"])


def openssl(folder):
    return rounds.Server("openssl s_server", lambda port: [
        "env", "-C", f"{folder}/root", "openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert",
        f"{folder}/server.pem", "-key", f"{folder}/server.key", "-WWW", "-quiet"])


def handshakes(server, cpu, seconds):
    """So many a second, each a new connection without a session, and the server's time for one."""
    before = server.processor_ns()
    text = rounds.output_of(["openssl", "s_time", "-connect", f"127.0.0.1:{server.port}", "-new", "-time",
                             seconds, "-tls1_3"], cpu, patience=seconds + 60)
    count, real = re.search(r"(\d+) connections in (\d+) real seconds", text).groups()
    if int(count) == 0:
        raise rounds.Failed(f"{server.name}: {text}")
    return {"rate": int(count) / max(int(real), 1),
            "cost": (server.processor_ns() - before) / int(count)}


def wrk(server, cpu, connections, seconds, file):
    """What wrk says, and the server's time meanwhile. s_server's answers end with their connection, which wrk
    takes for an error."""
    before = server.processor_ns()
    text = rounds.output_of(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
                             f"https://127.0.0.1:{server.port}/{file}"], cpu, patience=seconds + 60)
    errors = "connect [1-9]|timeout [1-9]" if server.name == "openssl s_server" else "Socket errors"
    if re.search(f"{errors}|Non-2xx", text):
        raise rounds.Failed(f"{server.name}: {text}")
    return text, server.processor_ns() - before


def requests(server, cpu, seconds):
    text, used = wrk(server, cpu, 50, seconds, "small")
    return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),
            "cost": used / int(re.search(r"(\d+) requests in", text)[1])}


def download(server, cpu, seconds):
    """Megabytes a second, and the server's time for one."""
    text, used = wrk(server, cpu, 1, seconds, "large")
    real, amount, unit = re.search(r"requests in ([\d.]+)s, ([\d.]+)([KMG]?B) read", text).groups()
    read = float(amount) * {"B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30}[unit] / 1e6
    return {"rate": read / float(real), "cost": used / read}


def scenario(chosen, servers, title, measure):
    cpu, client_cpu = rounds.first_and_last_cpu()
    for server in servers:
        server.start(cpu)
    try:
        found = rounds.in_turn(servers, chosen.rounds, lambda server: measure(server, client_cpu))
    finally:
        for server in servers:
            server.stop()
    base = found["nginx"]
    print(f"\n{title}; server on CPU {cpu}, client on {client_cpu}\n")
    rounds.table(["", "a second", "ratio", "CPU, ns", "ratio"],
                 [[name, f"{rounds.median(samples, 'rate'):.0f}",
                   f"{rounds.ratio(samples, base, 'rate'):.2f}", f"{rounds.median(samples, 'cost'):.0f}",
                   f"{rounds.ratio(samples, base, 'cost'):.2f}"]
                  for name, samples in found.items()])


def make_certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-keyout", "server.key", "-out", "server.pem", "-subj", "/CN=localhost",
                    "-days", "2"], cwd=folder, check=True, capture_output=True, timeout=60)


def body():
    chosen = rounds.options(5, 2, "nginx, openssl s_server and examples/https_server side by side.", 1)
    chosen.seconds = max(round(chosen.seconds), 1)  # both clients know whole ones
    rounds.needs({"nginx": "nginx-light", "wrk": "wrk", "openssl": "openssl"})
    program = rounds.example(chosen.build, "https_server")
    print("Ratios to nginx; CPU for each")
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "root").mkdir()
        pathlib.Path(folder, "root", "small").write_bytes(os.urandom(1024))
        pathlib.Path(folder, "root", "large").write_bytes(os.urandom(32 << 20))
        make_certificate(folder)
        both = [eddy(folder, program), nginx.server(folder, tls=True)]
        for servers, title, measure in [([*both, openssl(folder)], "Handshakes", handshakes),
                                        (both, "Requests over 50 connections", requests),
                                        ([*both, openssl(folder)], "A download, in MB", download)]:
            scenario(chosen, servers, title,
                     lambda server, cpu, measure=measure: measure(server, cpu, chosen.seconds))


if __name__ == "__main__":
    sys.exit(rounds.main(body))
