"""Runs one of the servers and talks to it as its clients do, with sockets, curl and nc."""
import hashlib
import http.server
import os
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import threading

import test_interrupt
from test import check, receive, run

HOST = "127.0.0.1"


class Server:
    """A program that says where it listens; ended with the scope."""

    def __init__(self, program, *arguments):
        command = [str(program), *map(str, arguments)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = int(self.line().removeprefix("listening on ").rsplit(":", 1)[1])

    def line(self):
        return self.process.stdout.readline()

    def connect(self):
        return socket.create_connection((HOST, self.port), timeout=100)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        check("still running", self.process.poll(), None)
        self.process.terminate()
        self.process.communicate()


class Upstream:
    """A server of our own behind the proxy, whose connections the test plays itself."""

    def __init__(self):
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]

    def accept(self):
        connection, _ = self.listener.accept()
        connection.settimeout(100)
        return connection


def receive_all(client):
    parts = []
    while part := client.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def in_thread(function, *arguments):
    thread = threading.Thread(target=function, args=arguments)
    thread.start()
    return thread


# -- proxy --


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def proxy_carries_http(program, work):
    (work / "big").write_bytes(os.urandom(32 << 20))
    web = http.server.ThreadingHTTPServer(
        (HOST, 0), lambda *arguments: QuietHandler(*arguments, directory=str(work)))
    serving = in_thread(web.serve_forever)
    with Server(program, 0, HOST, web.server_port) as proxy:
        address = f"http://{HOST}:{proxy.port}"
        curl = ("curl", "-s", "--noproxy", "*")
        check("curl", run(*curl, "-o", work / "got", address + "/big").returncode, 0)
        same = (work / "got").read_bytes() == (work / "big").read_bytes()
        check("32 MiB by curl", same, True)
        missing = run(*curl, "-w", "%{http_code}", "-o", work / "none", address + "/x")
        check("status", missing.stdout, "404")
    web.shutdown()
    serving.join()
    web.server_close()


def proxy_echoes(program):
    """32 MiB there and back at once; what the server does with the end is passed on too."""
    upstream = Upstream()
    much = os.urandom(32 << 20)

    def echo():
        connection = upstream.accept()
        while part := connection.recv(1 << 18):
            connection.sendall(part)
        connection.close()

    echoing = in_thread(echo)
    with Server(program, 0, HOST, upstream.port) as proxy:
        client = proxy.connect()

        def send():
            client.sendall(much)
            client.shutdown(socket.SHUT_WR)

        sending = in_thread(send)
        got = receive_all(client)
        check("bytes", len(got), len(much))
        check("digest", hashlib.sha256(got).digest(), hashlib.sha256(much).digest())
        sending.join()
        echoing.join()
        name = "{}:{}".format(*client.getsockname())
        check("counts", proxy.line(), f"{name}: {len(much)} bytes there, {len(much)} back\n")


def proxy_passes_half_closes_on(program):
    upstream = Upstream()
    with Server(program, 0, HOST, upstream.port) as proxy:
        client = proxy.connect()
        server = upstream.accept()
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        check("question", receive_all(server), b"question")
        server.sendall(b"answer")
        server.close()
        check("answer", receive_all(client), b"answer")
        check("counts", proxy.line().split(": ")[1], "8 bytes there, 6 back\n")

        client = proxy.connect()
        server = upstream.accept()
        server.sendall(b"greeting")
        server.shutdown(socket.SHUT_WR)
        check("greeting", receive_all(client), b"greeting")
        client.sendall(b"late")
        client.close()
        check("late", receive_all(server), b"late")
        check("counts", proxy.line().split(": ")[1], "4 bytes there, 8 back\n")


def proxy_without_upstream(program):
    unused = socket.socket()  # bound, and does not listen
    unused.bind((HOST, 0))
    with Server(program, 0, HOST, unused.getsockname()[1]) as proxy:
        for _ in range(3):
            client = proxy.connect()
            check("end", client.recv(10), b"")
            line = proxy.line()
            check("reason", line.endswith("Connection refused\n"), True)
    unused.close()


def proxy_and_resets(program):
    upstream = Upstream()
    with Server(program, 0, HOST, upstream.port) as proxy:
        client = proxy.connect()
        server = upstream.accept()
        client.sendall(b"x")
        check("there", receive(server, 1), b"x")
        reset(client)
        check("the other direction ends", server.recv(10), b"")
        check("reason", proxy.line().endswith("Connection reset by peer\n"), True)
        server.close()

        client = proxy.connect()
        server = upstream.accept()
        reset(server)
        try:
            check("the client's end", client.recv(10), b"")
        except ConnectionResetError:
            pass
        check("reason", proxy.line().endswith("Connection reset by peer\n"), True)


def proxy_many(program):
    upstream = Upstream()
    count = 100
    with Server(program, 0, HOST, upstream.port) as proxy:
        clients = [proxy.connect() for _ in range(count)]
        servers = [upstream.accept() for _ in range(count)]
        for number, client in enumerate(clients):
            client.sendall(b"%03d" % number + bytes(20_000))
        by_number = {int(receive(server, 20_003)[:3]): server for server in servers}
        check("all", sorted(by_number), list(range(count)))
        for number, server in by_number.items():
            server.sendall(b"back %03d" % number)
        for number, client in enumerate(clients):
            check("back", receive(client, 8), b"back %03d" % number)
            client.close()
        for server in servers:
            check("end", server.recv(1), b"")
            server.close()
        lines = [proxy.line().split(": ")[1] for _ in range(count)]
        check("counts", set(lines), {"20003 bytes there, 8 back\n"})


def test_proxy(program, work):
    proxy_carries_http(program, work)
    proxy_echoes(program)
    proxy_passes_half_closes_on(program)
    proxy_without_upstream(program)
    proxy_and_resets(program)
    proxy_many(program)
    check("exit code", run(program).returncode, 2)


# -- chat --


class Client:
    def __init__(self, server, name):
        self.socket = server.connect()
        self.lines = self.socket.makefile("r", newline="\n")
        self.expect("* your name?")
        self.name = name
        self.say(name)

    def say(self, text):
        self.socket.sendall(text.encode() + b"\n")

    def expect(self, *lines):
        for line in lines:
            check("line", self.lines.readline(), line + "\n")

    def close(self):
        self.lines.close()
        self.socket.close()


def joined(server, name, *others):
    client = Client(server, name)
    client.expect(f"* hello {name}")
    for other in others:
        other.expect(f"* {name} joined")
    return client


def chat_of_three(server):
    ann = joined(server, "ann")
    bob = joined(server, "bob", ann)
    cid = joined(server, "cid", ann, bob)
    ann.say("hello all\r")
    bob.expect("ann: hello all")
    cid.expect("ann: hello all")
    bob.say("an escape: \x1b[2J")
    ann.expect("bob: an escape: [2J")
    cid.expect("bob: an escape: [2J")
    cid.say("/who")
    cid.expect("* ann", "* bob", "* cid")
    cid.say("/help")
    cid.expect("* there are /who and /quit")
    bob.say("")
    bob.say("/quit")
    check("end", bob.lines.readline(), "")
    for other in (ann, cid):
        other.expect("* bob left")
    reset_client = joined(server, "eve", ann, cid)
    reset_client.lines.close()
    reset(reset_client.socket)
    for other in (ann, cid):
        other.expect("* eve left")
    return ann, cid


def chat_refuses(server, ann, cid):
    for name in ("ann", "two words", "/who", "x" * 21, ""):
        client = Client(server, name)
        client.expect("* that is taken, or no name: up to 20 characters without a blank")
        client.close()
    dan = joined(server, "dan", ann, cid)
    dan.say("y" * 1018)
    for other in (ann, cid):
        other.expect("dan: " + "y" * 1018)
    dan.say("x" * 2000)
    dan.expect("* that line is too long")
    check("end", dan.lines.readline(), "")
    for other in (ann, cid):
        other.expect("* dan left")


def chat_with_nc(server, ann, cid):
    nc = subprocess.Popen(["nc", "-N", HOST, str(server.port)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True, bufsize=1)
    check("nc", nc.stdout.readline(), "* your name?\n")
    nc.stdin.write("nick\n")
    check("nc", nc.stdout.readline(), "* hello nick\n")
    for other in (ann, cid):
        other.expect("* nick joined")
    nc.stdin.write("by nc\n")
    for other in (ann, cid):
        other.expect("nick: by nc")
    ann.say("hello nick")
    cid.expect("ann: hello nick")
    check("nc", nc.stdout.readline(), "ann: hello nick\n")
    nc.stdin.close()  # -N: half-closes
    check("nc", nc.stdout.read(), "")
    check("nc", nc.wait(), 0)
    for other in (ann, cid):
        other.expect("* nick left")


def chat_with_a_slow_client(server, ann, cid):
    """It never reads: the others go on, and it is cut off when too much waits for it."""
    slow = joined(server, "slow", ann, cid)
    text = "z" * 1000
    for _ in range(4000):
        for _ in range(20):
            ann.say(text)
        left = 20
        while left:
            line = cid.lines.readline()
            if line == "* slow left\n":
                break
            check("line", line, f"ann: {text}\n")
            left -= 1
        if left:
            break
    else:
        check("slow", "still there", "cut off")
    for _ in range(left):
        cid.expect(f"ann: {text}")
    ann.expect("* slow left")
    slow.close()


def test_chat(program, work):
    with Server(program, f"{HOST}:0") as server:
        ann, cid = chat_of_three(server)
        chat_refuses(server, ann, cid)
        chat_with_nc(server, ann, cid)
        chat_with_a_slow_client(server, ann, cid)
        many = [Client(server, f"user{number}") for number in range(100)]
        for client in many:
            while client.lines.readline() != f"* hello {client.name}\n":
                pass
        for client in many:
            client.close()
        ann.say("/quit")
        cid.say("/quit")


def main():
    name, program = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        globals()["test_" + name](program, pathlib.Path(folder))
        test_interrupt.test(name, program, pathlib.Path(folder))


if __name__ == "__main__":
    main()
