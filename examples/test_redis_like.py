"""redis_like by Redis's own tools, and by a client that does what those do not."""
import contextlib
import socket
import subprocess
import threading

from test import check, receive, run

CONVERSATION = [  # each line, and what redis-cli prints for it
    ("PING", "PONG"),
    ("PING there", "there"),
    ("ECHO hello", "hello"),
    ("GET a", ""),
    ("SET a 41", "OK"),
    ("GET a", "41"),
    ("INCR a", "42"),
    ("INCR new", "1"),
    ("EXISTS a a none", "2"),
    ("DBSIZE", "2"),
    ("DEL a none", "1"),
    ("SET text abc", "OK"),
    ("INCR text", "ERR value is not an integer or out of range\n"),
    ("SET most 9223372036854775807", "OK"),
    ("INCR most", "ERR value is not an integer or out of range\n"),
    ("COMMAND", ""),
    ("CONFIG GET save", ""),
    ("CONFIG SET save x", "ERR only CONFIG GET is supported\n"),
    ("HELLO 3", "ERR unknown command 'HELLO'\n"),
    ("NONE of it", "ERR unknown command 'NONE'\n"),
    ("GET", "ERR wrong number of arguments for 'GET' command\n"),
    ("FLUSHALL", "OK"),
    ("dbsize", "0"),
]


def words(*parts):
    parts = [part if isinstance(part, bytes) else str(part).encode() for part in parts]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def bulk(value):
    return b"$%d\r\n%s\r\n" % (len(value), value)


@contextlib.contextmanager
def serving(program):
    server = subprocess.Popen([program, "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    try:
        yield int(server.stdout.readline().rsplit(":", 1)[1])
        check("still there", server.poll(), None)
    finally:
        server.kill()
        server.communicate()


def connect(port):
    return socket.create_connection(("127.0.0.1", port), 100)


def ask(port, request, reply):
    """The reply, and then, since no more is asked, the end."""
    with connect(port) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        check(f"reply to {request[:50]}", receive(client, len(reply) + 1), reply)


def refused(port, requests, problem):
    """An error, and the end of the connection, although it goes on."""

    def send():
        with contextlib.suppress(OSError):
            for request in requests:
                client.sendall(request)

    with connect(port) as client:
        sender = threading.Thread(target=send)
        sender.start()
        reply = b"-ERR Protocol error: " + problem + b"\r\n"
        check("refusal", receive(client, len(reply)), reply)
        with contextlib.suppress(ConnectionResetError):
            check("end", client.recv(1), b"")
        client.close()
        sender.join()


def test_tools(port):
    told = run("redis-cli", "-p", port, input="".join(line + "\n" for line, _ in CONVERSATION))
    check("redis-cli", told.stdout, "".join(shown + "\n" for _, shown in CONVERSATION))
    check("nc", run("nc", "-N", "127.0.0.1", port, input="PING\r\n").stdout, "+PONG\n")
    for depth in (1, 16):
        done = run("redis-benchmark", "-p", port, "-n", 20_000, "-P", depth, "--csv",
                   "-t", "ping,set,get,incr")
        check("redis-benchmark", done.returncode, 0)
        rates = [float(row.split(",")[1].strip('"')) for row in done.stdout.splitlines()[1:]]
        check("tests", (len(rates), min(rates) > 0), (5, True))


def test_requests(port):
    number = range(1000)
    ask(port, b"".join(words("SET", f"key {i}", i) for i in number), b"+OK\r\n" * len(number))
    ask(port, b"".join(words("GET", f"key {i}") for i in number),
        b"".join(bulk(str(i).encode()) for i in number))
    big = bytes(range(256)) * 8000  # replies of many times what is kept before they are sent
    ask(port, words("SET", "big", big) + words("GET", "big") * 20 + b"PING\r\n",
        b"+OK\r\n" + bulk(big) * 20 + b"+PONG\r\n")
    ask(port, b"\r\n*0\r\n*-1\r\nping\n  ping  there \r\n" + words("QUIT") + words("PING"),
        b"+PONG\r\n$5\r\nthere\r\n+OK\r\n")
    ask(port, words("GET", "key 1")[:-1], b"")
    ask(port, words("a\r\nb"), b"-ERR unknown command 'a  b'\r\n")


def test_parts(port):
    request = words("SET", "split", "a\r\nvalue") + words("GET", "split") + b"PING\r\n"
    reply = b"+OK\r\n" + bulk(b"a\r\nvalue") + b"+PONG\r\n"
    with connect(port) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for place in range(1, len(request)):  # two parts, which may or may not arrive as such
            client.sendall(request[:place])
            client.sendall(request[place:])
            check("in two parts", receive(client, len(reply)), reply)
        for place in range(len(request)):
            client.sendall(request[place:place + 1])
        check("byte by byte", receive(client, len(reply)), reply)


def test_refusals(port):
    refused(port, [b"*x\r\n"], b"invalid multibulk length")
    refused(port, [b"*1025\r\n"], b"invalid multibulk length")
    refused(port, [b"*99999999999999999999999\r\n"], b"invalid multibulk length")
    refused(port, [b"*1\r\n$536870912\r\n"], b"invalid bulk length")
    refused(port, [b"*1\r\n$-1\r\n"], b"invalid bulk length")
    refused(port, [b"*1\r\nPING\r\n"], b"expected '$'")
    refused(port, [b"*1\r\n$4\r\nPINGxx"], b"expected CRLF")
    megabytes = [b"$4000000\r\n" + b"x" * 4_000_000 + b"\r\n"] * 3
    refused(port, [b"*3\r\n", *megabytes], b"too big request")
    refused(port, [b"x" * 65536] * 100, b"too big inline request")
    refused(port, [b"x " * 1025 + b"\n"], b"too many words")
    ask(port, b"\0\xff\n", b"-ERR unknown command ' \xff'\r\n")


def test(program, work):
    with serving(program) as port:
        test_tools(port)
        test_requests(port)
        test_parts(port)
        test_refusals(port)
        ask(port, b"PING\r\n", b"+PONG\r\n")
