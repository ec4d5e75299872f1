"""Over TLS 1.3: nginx with one worker, openssl s_server and examples/https_server, side by side: whole
handshakes, as openssl s_time counts them, and a file of 1 KiB over connections that stay, by wrk.

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
        "openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", f"{folder}/server.pem", "-key",
        f"{folder}/server.key", "-www", "-quiet"])


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


def wrk(server, cpu, connections, seconds):
    before = server.processor_ns()
    text = rounds.output_of(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
                             f"https://127.0.0.1:{server.port}/file"], cpu, patience=seconds + 60)
    if "Socket errors" in text or "Non-2xx" in text:
        raise rounds.Failed(f"{server.name}: {text}")
    return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),
            "cost": (server.processor_ns() - before) / int(re.search(r"(\d+) requests in", text)[1])}


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
        pathlib.Path(folder, "root", "file").write_bytes(os.urandom(1024))
        make_certificate(folder)
        both = [eddy(folder, program), nginx.server(folder, tls=True)]
        scenario(chosen, [*both, openssl(folder)], "Handshakes",
                 lambda server, cpu: handshakes(server, cpu, chosen.seconds))
        scenario(chosen, both, "Requests over 50 connections",
                 lambda server, cpu: wrk(server, cpu, 50, chosen.seconds))


if __name__ == "__main__":
    sys.exit(rounds.main(body))
