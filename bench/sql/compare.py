"""`select 1` by eddy/sql, by libpq alone, by pgbench and, where it is installed, by asyncpg: one at a time
and 16 in each round trip, prepared, on one connection by a UNIX socket.

    bench/run sql                                                  builds, and runs this
    python3 bench/sql/compare.py [--build DIR] [--rounds N] [--seconds S] [--smoke]
"""
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))
import rounds  # noqa: E402

DEPTH = 16
ASYNCPG = """
import asyncio, asyncpg, json, sys, time
async def main():
    words = dict(word.split("=") for word in sys.argv[1].split())
    connection = await asyncpg.connect(host=words["host"], port=int(words["port"]), user=words["user"],
                                       database=words["dbname"])
    statement = await connection.prepare("select 1")
    for _ in range(100):
        await statement.fetchval()
    began, used = time.monotonic(), time.process_time()
    for _ in range(int(sys.argv[2])):
        await statement.fetchval()
    print(json.dumps({"seconds": time.monotonic() - began, "cpu": time.process_time() - used}))
    await connection.close()
asyncio.run(main())
"""


class Postgres:
    """A server of its own, for as long as its standard input is open."""

    def __init__(self, cpu):
        self.process = rounds.spawn([ROOT / "tests/support/postgres.sh"], cpu, stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, text=True)
        self.conninfo = self.process.stdout.readline().strip()
        if not self.conninfo:
            raise rounds.Failed("PostgreSQL does not start")

    def stop(self):
        self.process.stdin.close()
        self.process.wait(60)


def pgbench_program():
    programs = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/pgbench"))
    if not programs:
        raise rounds.Skip("pgbench is not installed (apt-get install postgresql)")
    return programs[-1]


class Bench:
    def __init__(self, chosen, conninfo, cpu, folder):
        self.chosen, self.conninfo, self.cpu, self.folder = chosen, conninfo, cpu, folder
        self.pgbench = pgbench_program()

    def timed(self, command, queries):
        """Of a program that prints what it has measured."""
        found = json.loads(rounds.output_of(command, self.cpu, patience=300))
        return {"rate": queries / found["seconds"], "cost": found["cpu"] / queries * 1e6}

    def by_pgbench(self, depth, queries):
        script = pathlib.Path(self.folder, f"select{depth}.sql")
        lines = ["select 1;"] * depth
        if depth > 1:
            lines = ["\\startpipeline", *lines, "\\endpipeline"]
        script.write_text("\n".join(lines) + "\n")
        text = rounds.output_of([self.pgbench, "-n", "-M", "prepared", "-f", script, "-t", queries // depth,
                                 self.conninfo], self.cpu, patience=300)
        found = re.search(r"^tps = ([\d.]+)", text, re.MULTILINE)
        return {"rate": float(found[1]) * depth, "cost": 0}

    def clients(self, depth):
        build = pathlib.Path(self.chosen.build, "bench", "sql")
        found = {"pgbench": lambda queries: self.by_pgbench(depth, queries)}
        for name, program in {"libpq": "sql_raw", "eddy": "sql_eddy"}.items():
            if not (build / program).exists():
                raise rounds.Skip(f"{program} is not built (needs libpq-dev)")
            found[name] = lambda queries, program=program: self.timed(
                [build / program, self.conninfo, queries, depth], queries)
        if depth == 1 and importlib.util.find_spec("asyncpg"):
            found["asyncpg"] = lambda queries: self.timed(
                [sys.executable, "-c", ASYNCPG, self.conninfo, queries], queries)
        return found

    def run(self, depth):
        clients = self.clients(depth)
        queries = round(self.chosen.seconds * (10_000 if depth == 1 else 60_000)) // DEPTH * DEPTH
        names = list(clients)
        found = {name: [] for name in names}
        for number in range(self.chosen.rounds):
            for place in range(len(names)):
                name = names[(number + place) % len(names)]
                found[name].append(clients[name](queries))
        print(f"\n{depth} in each round trip\n" if depth > 1 else "\nOne at a time\n")
        base = found["libpq"]
        rounds.table(["", "queries/s", "ratio", "client's CPU, us", "ratio"], [
            [name, f"{rounds.median(samples, 'rate'):.0f}", f"{rounds.ratio(samples, base, 'rate'):.2f}",
             f"{rounds.median(samples, 'cost'):.2f}" if name != "pgbench" else None,
             f"{rounds.ratio(samples, base, 'cost'):.2f}" if name != "pgbench" else None]
            for name, samples in found.items()])


def body():
    chosen = rounds.options(9, 1, "`select 1` side by side.")
    server_cpu, client_cpu = rounds.first_and_last_cpu()
    server = Postgres(server_cpu)
    os.environ.pop("PGOPTIONS", None)
    try:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(chosen, server.conninfo, client_cpu, folder)
            print(f"Ratios to libpq; server on CPU {server_cpu}, client on {client_cpu}")
            bench.run(1)
            bench.run(DEPTH)
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(rounds.main(body))
