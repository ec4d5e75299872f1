"""nginx with one worker and examples/http_server, side by side: a file of 1 KiB, asked for by wrk.

    bench/run http                                                  builds, and runs this
    python3 bench/http/compare.py [--build DIR] [--rounds N] [--seconds S] [--smoke]
"""
import os
import pathlib
import re
import sys
import tempfile
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import nginx  # noqa: E402
import rounds  # noqa: E402


def eddy(folder, program):
    return rounds.Server("eddy", lambda port: [program, f"{folder}/root", f"127.0.0.1:{port}"])


def wrk(server, cpu, connections, seconds):
    """How many requests were answered, how many each second, and the latencies."""
    text = rounds.output_of(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency",
                             f"http://127.0.0.1:{server.port}/file"], cpu, patience=seconds + 60)
    if "Socket errors" in text or "Non-2xx" in text:
        raise rounds.Failed(f"{server.name}: {text}")
    units = {"us": 1, "ms": 1e3, "s": 1e6}
    found = {f"p{part}_us": float(value) * units[unit]
             for part, value, unit in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s)\b", text)}
    found["requests"] = int(re.search(r"(\d+) requests in", text)[1])
    found["rate"] = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    return found


def check(server, contents):
    """That it serves the file at all."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/file", timeout=60) as answer:
        if answer.read() != contents:
            raise rounds.Failed(f"{server.name} serves something else")


def measure(server, cpu, connections, seconds):
    before = server.processor_ns()
    found = wrk(server, cpu, connections, seconds)
    found["cost"] = (server.processor_ns() - before) / found["requests"]
    return found


def scenario(chosen, servers, contents, connections, beside):
    cpu, other = rounds.first_and_last_cpu()
    client_cpu = other if beside else cpu
    for server in servers:
        server.start(cpu)
        check(server, contents)
    try:
        found = rounds.in_turn(servers, chosen.rounds,
                               lambda server: measure(server, client_cpu, connections, chosen.seconds))
    finally:
        for server in servers:
            server.stop()
    counter = None if chosen.smoke else rounds.first_that_works("perf", "strace")

    def drive(server, seconds):
        return wrk(server, client_cpu, connections, seconds)["requests"]

    calls = {server.name: rounds.per_message(counter, server, cpu, drive, 1, 3) for server in servers} \
        if counter else {}
    base = found["nginx"]
    print(f"\nConnections: {connections}; server on CPU {cpu}, wrk on {client_cpu}\n")
    rounds.table(
        ["", "requests/s", "ratio", "p50, us", "p99, us", "CPU, ns", "ratio", "system calls"],
        [[name, f"{rounds.median(samples, 'rate'):.0f}", f"{rounds.ratio(samples, base, 'rate'):.2f}",
          f"{rounds.median(samples, 'p50_us'):.0f}", f"{rounds.median(samples, 'p99_us'):.0f}",
          f"{rounds.median(samples, 'cost'):.0f}", f"{rounds.ratio(samples, base, 'cost'):.2f}",
          f"{calls[name]:.3f}" if calls else None] for name, samples in found.items()])


def body():
    chosen = rounds.options(7, 2, "nginx and examples/http_server side by side.", 1)
    chosen.seconds = round(chosen.seconds)  # wrk knows whole ones
    rounds.needs({"nginx": "nginx-light", "wrk": "wrk"})
    program = rounds.example(chosen.build, "http_server")
    print("Ratios to nginx; CPU and system calls per request")
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "root").mkdir()
        contents = os.urandom(1024)
        pathlib.Path(folder, "root", "file").write_bytes(contents)
        servers = [eddy(folder, program), nginx.server(folder)]
        scenario(chosen, servers, contents, 50, True)
        if not chosen.smoke:
            scenario(chosen, servers, contents, 1, False)


if __name__ == "__main__":
    sys.exit(rounds.main(body))
