"""users_db: what is in the tables at the end is asked of the server, by its own client."""
import pathlib
import subprocess

from test import check, run

ROOT = pathlib.Path(__file__).resolve().parents[1]


class Postgres:
    """A server of its own, for as long as its standard input is open."""

    def __enter__(self):
        self.process = subprocess.Popen([ROOT / "tests/support/postgres.sh"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.conninfo = self.process.stdout.readline().strip()
        check("started", self.conninfo.startswith("host="), True)
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        self.process.wait(60)

    def ask(self, query):
        answer = run("psql", "-X", "-A", "-t", "-c", query, self.conninfo)
        check("psql", answer.stderr, "")
        return answer.stdout.splitlines()


EXPECTED = """\
100 users, 100 of them added by 100 tasks
at most 15 connections at once
user 7: user7@example.com
user 777: none
the same address again: duplicate key value violates unique constraint "users_email_key"
a failing transfer: not enough money, and nothing has moved
a session without a commit: nothing has changed
a cancelled transfer: nothing has moved
every connection is back
100 users with 10000 in all
"""


# F131, F132: a pool of 5 + 10, and sessions as the documents have them
def test(program, work):
    with Postgres() as server:
        first = run(program, server.conninfo)
        check("errors", first.stderr, "")
        check("output", first.stdout, EXPECTED)
        check("exit code", first.returncode, 0)
        check("users", server.ask("select count(*), count(distinct email), sum(money) from users"),
              ["100|100|10000"])
        check("transfers", server.ask("select count(*), sum(amount) from transfers"), ["100|500"])
        check("connections", server.ask("select count(*) from pg_stat_activity where "
                                        "application_name = 'users_db'"), ["0"])
        again = run(program, server.conninfo)
        check("again", again.stdout, EXPECTED)
    gone = run(program, server.conninfo)
    check("exit code", gone.returncode, 1)
    check("says why", gone.stderr.startswith("users_db: connect "), True)
    check("usage", run(program).returncode, 2)
