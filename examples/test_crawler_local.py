"""crawler_local: whatever goes wrong on the way, what it finds is what is there."""
import concurrent.futures
import signal
import socket
import struct
import subprocess
import time

from test import check, run
from test_interrupt import start

PATIENT = ("--patience", "5000")  # so that only what is silent for good is given up


def expected(sections, retries):
    lines = [f"missing: /s{i}/gone" for i in range(sections)]
    lines += [f"out of reach: /dead/{n}" for n in (0, 14, 19, 4, 9)]
    lines.append(f"{20 * sections + 1} pages in {sections + 2} sections, {sections} missing, 5 out of reach")
    lines.append(f"asked again: {retries + 4} after a failure of the server, {retries} after a reset, "
                 f"{retries} after silence, 0 after others")
    lines.append("left alone: '/dead/' after 4 failures, 5 requests were not made")
    return "\n".join(lines) + "\n"


def crawls(program, sections, retries, *options):
    crawl = run(program, *PATIENT, *options)
    check("found", crawl.stdout, expected(sections, retries))
    check("exit code", crawl.returncode, 0)
    check("progress", crawl.stderr.startswith(f"crawling: {21 * sections + 6} pages ["), True)


def asks_no_more_than_it_may(program):
    started = time.monotonic()
    crawls(program, 1, 1, "--sections", "1", "--rate", "2")
    # The section is asked 24 times, of which 10 may come at once.
    check("took its time", time.monotonic() - started >= 14 / 2, True)


def ask(address, request):
    with socket.create_connection(address, timeout=100) as client:
        client.sendall(request)
        got = b""
        while part := client.recv(65536):
            got += part
        return got


def get(path):
    return b"GET %s HTTP/1.0\r\n\r\n" % path


def reset_of(address, path):
    try:
        ask(address, get(path))
    except ConnectionResetError:
        return True
    return False


def misbehaves(address):
    check("fails", ask(address, get(b"/s0/3"))[:12], b"HTTP/1.0 500")
    check("once", ask(address, get(b"/s0/3"))[:12], b"HTTP/1.0 200")
    check("resets", reset_of(address, b"/s0/13"), True)
    check("once", ask(address, get(b"/s0/13"))[:12], b"HTTP/1.0 200")
    with socket.create_connection(address, timeout=100) as client:
        client.sendall(get(b"/s0/8"))
        check("begins", client.recv(4), b"HTTP")
        client.shutdown(socket.SHUT_WR)  # it waits for nothing else
        while client.recv(65536):
            pass
    check("once", ask(address, get(b"/s0/8"))[:12], b"HTTP/1.0 200")
    for path in (b"/s9/0", b"/s0/20", b"/s0/", b"/s0", b"s0/1", b"", b"/x/../s0/1"):
        check(path, ask(address, get(path))[:12], b"HTTP/1.0 404")
    check("junk", ask(address, b"\r\n\r\n")[:12], b"HTTP/1.0 404")
    with socket.create_connection(address) as client:
        client.sendall(b"GET")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def crawls_what_another_serves(program):
    server = subprocess.Popen([program, "--serve", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    where = server.stdout.readline().removeprefix("listening on ").strip()
    crawls(program, 3, 3, "--crawl", where)
    crawls(program, 3, 0, "--crawl", where)  # it has become well, but for what is dead
    server.terminate()
    server.communicate()
    server = subprocess.Popen([program, "--serve", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    host, port = server.stdout.readline().removeprefix("listening on ").strip().rsplit(":", 1)
    misbehaves((host, int(port)))
    server.terminate()
    server.communicate()


def finds_nobody(program):
    with socket.socket() as unused:  # bound, and does not listen
        unused.bind(("127.0.0.1", 0))
        crawl = run(program, "--crawl", "127.0.0.1:%d" % unused.getsockname()[1])
    check("says", crawl.stdout, """out of reach: /
0 pages in 1 sections, 0 missing, 1 out of reach
asked again: 0 after a failure of the server, 0 after a reset, 0 after silence, 4 after others
left alone: '/' after 4 failures, 1 requests were not made
""")
    check("exit code", crawl.returncode, 1)


def ends_by_ctrl_c(program, work):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = "127.0.0.1:%d" % silent.getsockname()[1]
        crawl = start(program, work, "--crawl", where, "--patience", "600000")
        with silent.accept()[0]:
            crawl.send_signal(signal.SIGINT)
            output, errors = crawl.communicate(timeout=100)
    check("output", (output, errors.startswith("crawling: 0 pages [")), ("", True))
    check("ended by", crawl.returncode, -signal.SIGINT)


def test(program, work):
    ends_by_ctrl_c(program, work)
    with concurrent.futures.ThreadPoolExecutor() as pool:  # each waits where there is silence
        for running in (pool.submit(crawls, program, 3, 3),
                        pool.submit(crawls, program, 1, 1, "--sections", "1", "--at-once", "1"),
                        pool.submit(asks_no_more_than_it_may, program),
                        pool.submit(crawls_what_another_serves, program),
                        pool.submit(finds_nobody, program)):
            running.result()
    check("help", run(program, "--help").stdout.startswith("usage: crawler_local "), True)
    for wrong in (("--rate", "0"), ("--serve",), ("words",)):
        check("usage", run(program, *wrong).returncode, 2)
    nowhere = run(program, "--serve", "nowhere")
    check("stderr", (nowhere.stderr.startswith("crawler_local: "), nowhere.returncode), (True, 1))
