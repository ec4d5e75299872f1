"""Servers side by side: rounds in turn, what a message costs, and the table. What echo, http and redis share.

The servers run all the time and are asked in turn, for a short while in each round, so that a slow phase of
the machine meets all of them; ratios are taken within each round.
"""
import argparse
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

from servers import Failed, Server, Skip, end, end_all, output_of, spawn

__all__ = ["Failed", "Server", "Skip", "end", "output_of", "spawn"]


def first_and_last_cpu():
    cpus = sorted(os.sched_getaffinity(0))
    return cpus[0], cpus[-1]


# How a program's system calls and its instructions in user mode are counted: words before its command line,
# and where the number stands in the file {} that they write.
COUNTERS = {
    "perf": (["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-o", "{}"], r"^(\d+),"),
    "strace": (["strace", "-c", "-f", "-o", "{}"], r"^\s*\S+\s+\S+\s+\S+\s+(\d+)\s.*\btotal$"),
    "callgrind": (["valgrind", "-q", "--tool=callgrind", "--callgrind-out-file={}"],
                  r"^(?:summary|totals): (\d+)"),
}


def first_that_works(*tools):
    """The name of a counter, or None. perf needs a privilege that a container may not have."""
    for tool in tools:
        with tempfile.TemporaryDirectory() as folder:
            before, pattern = COUNTERS[tool]
            report = pathlib.Path(folder, "report")
            command = [word.format(report) for word in before] + ["true"]
            if shutil.which(command[0]) and subprocess.run(command, capture_output=True).returncode == 0:
                if re.search(pattern, report.read_text(), re.MULTILINE):
                    return tool
    return None


def counted(tool, server, report):
    """What the tool reports of the server until now; this ends it. callgrind is told to report, for it heeds
    no signal while io_uring_enter waits."""
    if tool == "callgrind":
        subprocess.run(["vgdb", f"--pid={server.pid}", "--max-invoke-ms=100", "dump"], capture_output=True,
                       timeout=60, check=False)
        server.stop(signal.SIGKILL)
        report = report.with_name("report.1")
    else:
        server.stop()
    found = re.findall(COUNTERS[tool][1], report.read_text(), re.MULTILINE) if report.exists() else None
    if not found:
        raise Failed(f"{tool} counted nothing for {server.name}")
    return int(found[-1])


def per_message(tool, server, cpu, drive, few, many):
    """What `tool` counts per message: the difference of two runs, so that starting and connecting do not
    count. `drive(server, amount)` has a server answer messages; it returns how many."""
    counts, answered = [], []
    server = Server(server.name, server.command)
    for amount in (few, many):
        with tempfile.TemporaryDirectory() as folder:
            report = pathlib.Path(folder, "report")
            server.start(cpu, [word.format(report) for word in COUNTERS[tool][0]])
            answered.append(drive(server, amount))
            counts.append(counted(tool, server, report))
    return (counts[1] - counts[0]) / (answered[1] - answered[0])


def in_turn(servers, rounds, measure):
    """What `measure(server)` found in each round, by name. Each round begins with another server."""
    found = {server.name: [] for server in servers}
    for number in range(rounds):
        for place in range(len(servers)):
            server = servers[(number + place) % len(servers)]
            found[server.name].append(measure(server))
            if server.process.poll() is not None:
                raise Failed(f"{server.name} ended by itself")
    return found


def median(samples, key):
    return statistics.median(sample[key] for sample in samples)


def ratio(samples, base, key):
    """The median of the rounds' own ratios."""
    return statistics.median(one[key] / other[key] if other[key] else 0 for one, other in zip(samples, base))


def table(head, rows):
    """In Markdown. None is what was not measured."""
    for row in [head, ["---"] + ["---:"] * (len(head) - 1), *rows]:
        print("| " + " | ".join("-" if cell is None else str(cell) for cell in row) + " |")


def example(build, name):
    """The program of an example."""
    path = pathlib.Path(build, "examples", name)
    if not path.is_file():
        raise Skip(f"the example {name} is not built (meson configure -Dexamples=enabled {build})")
    return path


def needs(packages):
    """Programs, each with its Debian package."""
    for program, package in packages.items():
        if not shutil.which(program):
            raise Skip(f"{program} is not installed (apt-get install {package})")


def options(rounds, seconds, description, shortest=0.1):
    """Those that all have. With --smoke there is one round, the shortest there is."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--build", default="build/release", help="the build directory")
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--seconds", type=float, default=seconds, help="of each server in each round")
    parser.add_argument("--smoke", action="store_true", help="a moment of each, to see that they work")
    chosen = parser.parse_args()
    if chosen.smoke:
        chosen.rounds, chosen.seconds = 1, shortest
    congestion = pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control")
    print(f"Linux {os.uname().release}, {len(os.sched_getaffinity(0))} processors, "
          f"{congestion.read_text().strip() if congestion.exists() else 'unknown'} congestion control, "
          f"load {os.getloadavg()[0]:.1f} before; {chosen.rounds} rounds of {chosen.seconds:g} s")
    return chosen


def main(body):
    """The status of the program."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, frame: sys.exit(128 + got))
    try:
        body()
    except Skip as reason:
        print(f"skipped: {reason}")
    except Failed as reason:
        print(f"failed: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        end_all()
    return 0
