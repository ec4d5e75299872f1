"""The documents' connections, to a real server."""
from test import check, run
from test_users_db import Postgres

EXPECTED = """\
== Async Context Managers
SELECT 1
== Defining Async Context Managers
Connected
Closed connection
alice bob \n\
Connected
Closed connection
alice bob \n\
Connected
Database error: 42P01
Closed connection
passed on: 42P01
== 10. Async context managers
Connected
Got 3 results
Closed connection
"""


def test(program, work):
    with Postgres() as server:
        result = run(program, server.conninfo)
        check("output", (result.stdout, result.stderr, result.returncode), (EXPECTED, "", 0))
        check("connections", server.ask("select count(*) from pg_stat_activity where backend_type = "
                                        "'client backend' and pid <> pg_backend_pid()"), ["0"])
    gone = run(program, server.conninfo)
    check("no server", (gone.returncode, gone.stderr.startswith("patterns_databases: connect ")), (1, True))
    check("usage", run(program).returncode, 2)
