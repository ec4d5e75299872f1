"""redis-server and examples/redis_like side by side: redis-benchmark asks them in turn, in short rounds.

The server runs on the first processor, the client on the last. A ratio is the median of the rounds' own
ratios, so that a slow phase of the machine meets both. The client is often what limits the rate: what the
server's processor spent on a request, kernel and busy polling included, tells more. Prints a Markdown table.

  python3 bench/redis/compare.py [--build DIR] [--rounds N] [--requests N] [--tests LIST] [--smoke]

DIR is configured for release with the examples. Needs redis-server and redis-tools.
"""
import argparse
import csv
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import time

CPUS = sorted(os.sched_getaffinity(0))
NAMES = ("redis-server", "redis_like")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as client:
            client.sendall(b"PING\r\n")
            return client.recv(7) == b"+PONG\r\n"
    except OSError:
        return False


def start(command, cpu):
    return subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))


def start_servers(program, spin):
    servers = {}
    for name in NAMES:
        port = free_port()
        command = ["redis-server", "--save", "", "--appendonly", "no", "--port", port]
        if name == "redis_like":
            command = [program, f"127.0.0.1:{port}", "--spin-us", spin]
        servers[name] = (start(command, CPUS[0]), port)
    deadline = time.monotonic() + 20
    for name, (process, port) in servers.items():
        while not answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{name} does not start")
            time.sleep(0.01)
    return servers


def rate(port, test, depth, requests):
    command = ["redis-benchmark", "-p", port, "-c", 50, "-P", depth, "-n", requests, "-t", test, "--csv"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300,
                          preexec_fn=lambda: os.sched_setaffinity(0, {CPUS[-1]}))
    rows = list(csv.DictReader(done.stdout.splitlines()))
    if done.returncode != 0 or not rows:
        sys.exit(f"redis-benchmark failed: {done.stderr}")
    return float(rows[0]["rps"])


def spent(process):
    """Nanoseconds of processor time of all its threads: the process's own clock."""
    return time.clock_gettime_ns((~process.pid << 3) | 2)


def measure(server, test, depth, requests):
    process, port = server
    before = spent(process)
    return rate(port, test, depth, requests), (spent(process) - before) / requests


def compare(servers, test, depth, chosen):
    found = {name: [] for name in NAMES}
    requests = chosen.requests * (4 if depth > 1 else 1)
    for number in range(chosen.rounds):
        for name in NAMES if number % 2 == 0 else NAMES[::-1]:
            found[name].append(measure(servers[name], test, depth, requests))
    cells = [test.upper(), depth]
    for what in (0, 1):  # the rate, then the time
        theirs, ours = ([sample[what] for sample in found[name]] for name in NAMES)
        ratios = [mine / other for mine, other in zip(ours, theirs)]
        cells += [f"{statistics.median(theirs):.0f}", f"{statistics.median(ours):.0f}",
                  f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"]
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build/release", help="the build directory")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--requests", type=int, default=50_000, help="a round; pipelined: 4 times that")
    parser.add_argument("--tests", default="set,get,ping_mbulk")
    parser.add_argument("--spin-us", default="20", help="how long redis_like polls before it blocks")
    parser.add_argument("--smoke", action="store_true", help="a moment of each, to see that they work")
    chosen = parser.parse_args()
    if chosen.smoke:
        chosen.rounds, chosen.requests = 1, 2000
    return chosen


def main():
    chosen = options()
    program = pathlib.Path(chosen.build, "examples", "redis_like")
    for needed in ("redis-server", "redis-benchmark", program):
        if not shutil.which(needed):
            print(f"skipped: there is no {needed}")
            return
    servers = start_servers(program, chosen.spin_us)
    try:
        print(f"{len(CPUS)} processors, Linux {os.uname().release}, load {os.getloadavg()[0]:.1f} before\n")
        print("| test | pipelined | redis-server, 1/s | redis_like, 1/s | ratio (range) "
              "| redis-server, ns | redis_like, ns | ratio (range) |")
        print("|" + " --- |" * 8)
        for depth in (1, 16):
            for test in chosen.tests.split(","):
                compare(servers, test, depth, chosen)
    finally:
        for process, _ in servers.values():
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
