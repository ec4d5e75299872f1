"""Echo servers side by side: eddy, raw liburing twice, raw epoll, and Asio and libuv if installed.

    bench/run echo                                                  builds, and runs this
    python3 bench/echo/compare.py [--build DIR] [--rounds N] [--seconds S] [--smoke]
"""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import rounds  # noqa: E402

RAW = ["liburing, plain", "liburing, multishot"]
SERVERS = {
    "eddy": ["eddy"],
    RAW[0]: ["raw_uring", "plain"],
    RAW[1]: ["raw_uring", "multishot"],
    "epoll": ["raw_epoll"],
    "Asio": ["asio"],
    "libuv": ["libuv"],
}


class Scenario:
    """So many connections, and where the client runs."""

    def __init__(self, chosen, connections, beside):
        self.chosen, self.connections = chosen, connections
        self.folder = pathlib.Path(chosen.build, "bench", "echo")
        self.cpu, other = rounds.first_and_last_cpu()
        self.client_cpu = other if beside else self.cpu

    def servers(self):
        if not (self.folder / "echo_client").exists():
            raise rounds.Skip("the client is not built (is there a compiler for C?)")
        for name, (program, *words) in SERVERS.items():
            path = self.folder / f"echo_{program}"
            if path.exists():
                yield rounds.Server(name, lambda port, path=path, words=words: [path, port, *words])
            else:
                print(f"skipped: {name} is not built")

    def client(self, server, *words):
        return json.loads(rounds.output_of(
            [self.folder / "echo_client", server.port, "--connections", self.connections,
             "--cpu", self.client_cpu, "--limit", 100, *words], patience=110))

    def measure(self, server):
        warmup = 0.05 if self.chosen.smoke else 0.2
        found = self.client(server, "--pid", server.pid, "--warmup", warmup, "--seconds", self.chosen.seconds)
        if not found["messages"]:
            raise rounds.Failed(f"{server.name} answered nothing")
        found["rate"] = found["messages"] / found["seconds"]
        found["cost"] = found["server_ns"] / found["messages"]
        return found

    def counted(self, tool, servers, few, many):
        """Per message and by name; nothing if there is no tool."""

        def drive(server, count):
            return self.client(server, "--warmup", 0, "--messages", count)["messages"]

        return {server.name: rounds.per_message(tool, server, self.cpu, drive, few, many)
                for server in servers} if tool else {}

    def run(self):
        servers = list(self.servers())
        for server in servers:
            server.start(self.cpu)
        try:
            found = rounds.in_turn(servers, self.chosen.rounds, self.measure)
        finally:
            for server in servers:
                server.stop()
        counter, callgrind = rounds.first_that_works("perf", "strace"), rounds.first_that_works("callgrind")
        few, many = 10000, 110000
        if self.chosen.smoke:  # counting takes its time
            few, many, callgrind = 100, 1100, None
            counter = counter if self.connections == 50 else None
        calls = self.counted(counter, servers, few, many)
        # A server under callgrind is slow, so its batches are as big as they can be.
        self.show(found, calls, self.counted(callgrind, servers, 3000, 13000))

    def show(self, found, calls, instructions):
        base = found[max(RAW, key=lambda name: rounds.median(found[name], "rate"))]
        print(f"\nConnections: {self.connections}; server on CPU {self.cpu}, client on {self.client_cpu}\n")
        rounds.table(
            ["", "messages/s", "ratio", "p50, us", "p99, us", "CPU, ns", "ratio", "system calls",
             "instructions"],
            [[name, f"{rounds.median(samples, 'rate'):.0f}", f"{rounds.ratio(samples, base, 'rate'):.2f}",
              f"{rounds.median(samples, 'p50_us'):.0f}", f"{rounds.median(samples, 'p99_us'):.0f}",
              f"{rounds.median(samples, 'cost'):.0f}", f"{rounds.ratio(samples, base, 'cost'):.2f}",
              f"{calls[name]:.3f}" if calls else None,
              f"{instructions[name]:.0f}" if instructions else None] for name, samples in found.items()])


def body():
    chosen = rounds.options(7, 1, "Echo servers side by side, messages of 64 bytes.")
    print("Ratios to the better liburing; CPU, system calls and instructions (in user mode) per message")
    Scenario(chosen, 50, True).run()
    Scenario(chosen, 500, True).run()
    Scenario(chosen, 1, False).run()


if __name__ == "__main__":
    sys.exit(rounds.main(body))
