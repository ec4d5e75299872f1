"""The HTTP server against curl, wrk, nc, and clients that behave as none of them would."""
import contextlib
import os
import re
import resource
import socket
import struct
import subprocess
import threading
import time

SMALL = b"x" * 1023 + b"\n"


def check(what, got, expected):
    assert got == expected, f"{what}: expected {expected!r}\n got {got!r}"


@contextlib.contextmanager
def serving(program, root, patience=60):
    server = subprocess.Popen([program, root, "127.0.0.1:0", str(patience)], stdout=subprocess.PIPE,
                              text=True)
    try:
        host, port = server.stdout.readline().removeprefix("listening on ").strip().rsplit(":", 1)
        yield (host, int(port))
        check("still there", server.poll(), None)
    finally:
        server.terminate()
        server.wait(60)
    check("an orderly end", server.returncode, 0)


def connect(address):
    client = socket.create_connection(address, timeout=60)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def read_to_end(client):
    got = b""
    while part := client.recv(65536):
        got += part
    return got


class Answers:
    """Reads one answer after the other."""

    def __init__(self, client):
        self.client, self.rest = client, b""

    def fill(self):
        part = self.client.recv(65536)
        assert part, f"the end, after {self.rest[:200]!r}"
        self.rest += part

    def next(self, content=True):
        while b"\r\n\r\n" not in self.rest:
            self.fill()
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        size = int(re.search(rb"Content-Length: (\d+)", head)[1]) if content else 0
        while len(self.rest) < size:
            self.fill()
        body, self.rest = self.rest[:size], self.rest[size:]
        return int(head.split()[1]), head.decode(), body


def ask(address, request):
    """What is sent at once, and everything that comes back before the server closes."""
    with connect(address) as client:
        client.sendall(request)
        return read_to_end(client)


def get(target, *fields, method="GET", version="1.1", host="Host: x"):
    lines = [f"{method} {target} HTTP/{version}", host, *fields]
    return ("\r\n".join(line for line in lines if line) + "\r\n\r\n").encode()


def status_of(address, request):
    answer = ask(address, request)
    return int(answer.split()[1]) if answer else 0


def curl(*arguments):
    return subprocess.run(["curl", "-sS", "--max-time", "60", *map(str, arguments)], capture_output=True)


def test_curl(address, root):
    url = "http://%s:%d" % address
    check("GET", curl(url + "/small.txt").stdout, SMALL)
    check("index", curl(url + "/").stdout, b"<p>hello\n")
    check("big", curl(url + "/big.bin").stdout == (root / "big.bin").read_bytes(), True)
    check("1.0", curl("--http1.0", url + "/small.txt").stdout, SMALL)
    head = curl("--head", url + "/big.bin").stdout.decode()
    assert "200 OK" in head and f"Content-Length: {(root / 'big.bin').stat().st_size}" in head, head
    assert "Content-Type: text/html" in curl("-D-", url + "/").stdout.decode()
    assert "Content-Type: application/octet-stream" in curl("--head", url + "/big.bin").stdout.decode()
    several = curl("-v", url + "/small.txt", url + "/missing", url + "/small.txt")
    check("several", several.stdout, SMALL + b"Not Found\n" + SMALL)
    assert b"Re-using existing connection" in several.stderr, several.stderr
    check("hello", curl(url + "/api/hello?name=A%22b%5C+%C3%A9%01").stdout,
          '{"hello":"A\\"b\\\\ é\\u0001"}'.encode())
    check("post", curl("--data-binary", "@" + str(root / "small.txt"), url + "/api/length").stdout,
          b'{"length":1024}')
    long = curl("-v", "-H", "Expect: 100-continue", "-T", root / "long.txt", "-X", "POST",
                url + "/api/length")
    check("expect", long.stdout, b'{"length":60000}')
    assert b"100 Continue" in long.stderr, long.stderr
    check("chunked", curl("-H", "Transfer-Encoding: chunked", "--data-binary", "@" + str(root / "long.txt"),
                          url + "/api/length").stdout, b'{"length":60000}')
    check("too long", curl("-w", "%{http_code}", "-T", root / "big.bin", "-X", "POST",
                           url + "/api/length").stdout, b"Payload Too Large\n413")


def test_nc(address, root):
    """Closes its half at once, and still gets its answer."""
    got = subprocess.run(["nc", "-N", address[0], str(address[1])], input=get("/small.txt"),
                         capture_output=True, timeout=60).stdout
    check("nc", got.endswith(SMALL), True)


def test_wrk(address, root):
    command = ["wrk", "-t1", "-c20", "-d1s", "--timeout", "60s", "http://%s:%d/small.txt" % address]
    text = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    assert int(re.search(r"(\d+) requests in", text)[1]) > 0, text
    assert "Socket errors" not in text and "Non-2xx" not in text, text


def test_pipelining(address, root):
    """Twenty requests in one send, and split at every place that has a meaning, and oddly."""
    requests = b""
    expected = []
    for number in range(20):
        kind = number % 4
        requests += [get("/small.txt"), get("/missing"), get("/api/hello?name=%d" % number),
                     b"POST /api/length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                     b"3\r\nabc\r\n5;a=b\r\ndefgh\r\n0\r\n\r\n"][kind]
        expected.append([(200, SMALL), (404, b"Not Found\n"), (200, b'{"hello":"%d"}' % number),
                         (200, b'{"length":8}')][kind])
    for parts in ([requests], *([requests[:at], requests[at:]] for at in range(1, len(requests), 7)),
                  [requests[at:at + 1] for at in range(len(requests))]):
        with connect(address) as client:
            for part in parts:
                client.sendall(part)
            answers = Answers(client)
            for status, body in expected:
                got = answers.next()
                check("pipelined", (got[0], got[2]), (status, body))


def test_versions(address, root):
    assert ask(address, get("/small.txt", "Connection: close")).endswith(SMALL)
    assert ask(address, get("/small.txt", version="1.0", host="")).endswith(SMALL)
    with connect(address) as client:
        client.sendall(2 * get("/small.txt", "Connection: keep-alive", version="1.0"))
        answers = Answers(client)
        for _ in range(2):
            assert "Connection: keep-alive" in answers.next()[1]
    with connect(address) as client:
        client.sendall(get("/small.txt", method="HEAD") + get("http://x/small.txt"))
        answers = Answers(client)
        assert "Content-Length: 1024" in answers.next(content=False)[1]
        check("absolute form", answers.next()[2], SMALL)


def test_refused(address, root):
    close = "Connection: close"
    for target, status in {
            "/../secret": 400, "/%2e%2e/secret": 400, "/a/..%2fsecret": 400, "/..%5csecret": 404,
            "/small.txt%00.png": 400, "/%zz": 400, "/%2": 400, "/./small.txt": 400, "*": 400, "relative": 400,
            "//etc/passwd": 404, "/outside": 403, "/outside_folder/secret": 403, "/inside": 200,
            "/folder": 403, "/pipe": 403, "/missing": 404, "/small.txt/x": 404, "/" + "a" * 300: 404,
            "/api/hello": 400, "/api/hello?name=%ff": 400, "/api/length": 405,
            "/small.txt?query": 200}.items():
        check(target, status_of(address, get(target, close)), status)
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "STRANGE"):
        answer = ask(address, get("/small.txt", close, method=method))
        assert b" 405 " in answer and b"Allow: GET, HEAD" in answer, answer
    for request, status in {
            b"\x16\x03\x01\x02\x00": 400, b"\r\n\r\nGET\r\n\r\n": 400, b"GET / HTTP/3.0\r\n\r\n": 400,
            get("/", host=""): 400, get("/", "Host: y"): 400, get("/", "Content-Length: x"): 400,
            get("/", "Content-Length: 1", "Content-Length: 2"): 400, get("/", "no colon"): 400,
            get("/", "Content-Length: 1", "Transfer-Encoding: chunked"): 400,
            get("/", "Transfer-Encoding: gzip"): 501, get("/", "Transfer-Encoding: gzip, chunked"): 501,
            get("/", "Transfer-Encoding: chunked", version="1.0"): 400, get("/", "Expect: tea"): 417,
            get("/", "Content-Length: 65537"): 413, get("/", "X: " + "y" * 9000): 431,
            get("/", "Transfer-Encoding: chunked") + b"xyz\r\n\r\n": 400,
            get("/", "Transfer-Encoding: chunked") + b"10001\r\n\r\n": 413,
            get("/", "Transfer-Encoding: chunked") + b"1;" + b"x" * 9000: 431}.items():
        check(request[:80], status_of(address, request), status)
    assert status_of(address, os.urandom(100_000)) in (0, 400, 431)


def field(head, name):
    return re.search(rf"^{name}: (.*?)\r?$", head, re.M)[1]


def test_ranges(address, root):
    big = (root / "big.bin").read_bytes()
    size = len(big)
    url = "http://%s:%d/big.bin" % address
    check("curl", curl("--range", "1000-2000", url).stdout == big[1000:2001], True)
    check("suffix", curl("--range", "-2000000", url).stdout == big[-2_000_000:], True)
    (root.parent / "half").write_bytes(big[:1_234_567])
    check("resumed", curl("-C", "-", "-o", root.parent / "half", url).returncode, 0)
    check("resumed", (root.parent / "half").read_bytes() == big, True)
    with connect(address) as client:
        answers = Answers(client)

        def asks(fields, target="/big.bin", method="GET"):
            client.sendall(get(target, *fields, method=method))
            return answers.next(content=method != "HEAD")

        for text, first, last in (("0-0", 0, 0), ("5-", 5, size - 1), (f"{size - 1}-", size - 1, size - 1),
                                  ("10-99999999", 10, size - 1), ("7-" + "9" * 30, 7, size - 1),
                                  ("-1", size - 1, size - 1), ("-99999999", 0, size - 1)):
            status, head, body = asks(["Range: bytes=" + text])
            check(text, (status, body == big[first:last + 1]), (206, True))
            check(text, field(head, "Content-Range"), f"bytes {first}-{last}/{size}")
        for text in (f"bytes={size}-", "bytes=-0", f"bytes={'9' * 30}-"):
            status, head, body = asks(["Range: " + text])
            check(text, (status, body), (416, b"Range Not Satisfiable\n"))
            check(text, field(head, "Content-Range"), f"bytes */{size}")
        for text in ("bytes=0-1,4-5", "bytes=5-2", "bytes=-", "bytes=x-1", "bytes=1", "bytes=1-2x",
                     "lines=1-2", "bytes", "bytes=0-1\r\nRange: bytes=4-5"):
            status, head, body = asks(["Range: " + text], target="/small.txt")
            check(text, (status, body), (200, SMALL))
            assert "Content-Range" not in head and "Accept-Ranges: bytes" in head, head
        check("HEAD", asks(["Range: bytes=0-1"], method="HEAD")[0], 200)
        check("a small part", asks(["Range: BYTES=1022-"], target="/small.txt")[2], b"x\n")
        check("of nothing", asks(["Range: bytes=0-1"], target="/empty")[0], 200)


def test_conditions(address, root):
    """What a client knows is not sent again; parts of what it does not know are sent whole."""
    file = root / "changing.txt"
    file.write_bytes(b"first version")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    with connect(address) as client:
        answers = Answers(client)

        def asks(*fields, content=True):
            client.sendall(get("/changing.txt", *fields))
            return answers.next(content)

        status, head, _ = asks()
        etag, modified = field(head, "ETag"), field(head, "Last-Modified")
        check("Last-Modified", (status, modified), (200, "Sun, 09 Sep 2001 01:46:40 GMT"))
        for known in ("If-None-Match: " + etag, f'If-None-Match: "x", W/{etag}', "If-None-Match: *",
                      f'If-None-Match: "x"\r\nIf-None-Match: {etag}', "If-Modified-Since: " + modified,
                      "If-Modified-Since: Sunday, 09-Sep-01 01:46:41 GMT",
                      "If-Modified-Since: Sun Sep  9 01:46:40 2001"):
            status, head, _ = asks(known, "Range: bytes=0-1", content=False)
            check(known, (status, field(head, "ETag"), "Content-Length" in head), (304, etag, False))
        for new in ('If-None-Match: "x"', f'If-None-Match: "x"\r\nIf-Modified-Since: {modified}',
                    "If-Modified-Since: Sun, 09 Sep 2001 01:46:39 GMT", "If-Modified-Since: yesterday",
                    f"If-Modified-Since: {modified}\r\nIf-Modified-Since: {modified}"):
            check(new, asks(new)[::2], (200, b"first version"))
        for fits, status, body in ((etag, 206, b"first"), (modified, 206, b"first"),
                                   ("W/" + etag, 200, b"first version"), ('"x"', 200, b"first version"),
                                   ("Sun, 09 Sep 2001 01:46:41 GMT", 200, b"first version")):
            check(fits, asks("Range: bytes=0-4", "If-Range: " + fits)[::2], (status, body))
        file.write_bytes(b"other version")
        head = asks()[1]
        check("another ETag", field(head, "ETag") != etag, True)
        changed = "If-Range: " + field(head, "Last-Modified")
        check("too new for a date", asks("Range: bytes=0-4", changed)[0], 200)
        check("changed", asks("Range: bytes=0-4", "If-Range: " + etag)[::2], (200, b"other version"))
        check("news", asks("If-None-Match: " + etag, "If-Modified-Since: " + modified)[0], 200)
        os.utime(file, (-1, -1))
        for odd in ("If-Modified-Since: yesterday", "Range: bytes=0-4\r\nIf-Range: yesterday"):
            check(odd, asks(odd)[::2], (200, b"other version"))
    known = root.parent / "known"
    url = "http://%s:%d/small.txt" % address
    check("curl -z", curl("-z", root / "small.txt", "-o", known, "-w", "%{http_code}", url).stdout, b"304")


def test_endless(address, root):
    """Both are answered although they never stop sending, and then cut off."""
    for start, more, status in ((b"GET / HTTP/1.1\r\n", b"X: y\r\n" * 100, b"HTTP/1.1 431 "),
                                (get("/api/length", "Transfer-Encoding: chunked", method="POST"),
                                 b"64\r\n" + b"x" * 100 + b"\r\n", b"HTTP/1.1 413 ")):
        with connect(address) as client:
            client.sendall(start + more * 1000)
            check("answer", client.recv(13), status)
            with contextlib.suppress(ConnectionError):
                for _ in range(1000):
                    client.sendall(bytes(1_000_000))
                raise AssertionError("it takes whatever comes")


def test_reset(address, root):
    """Clients that go away in the middle of a large file."""
    for _ in range(10):
        client = connect(address)
        client.sendall(5 * get("/big.bin"))
        client.recv(1000)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    assert ask(address, get("/small.txt", "Connection: close")).endswith(SMALL)


def test_half_closed(address, root):
    with connect(address) as client:
        client.sendall(get("/big.bin") + get("/small.txt"))
        client.shutdown(socket.SHUT_WR)
        got = read_to_end(client)
    assert (root / "big.bin").read_bytes() in got and got.endswith(SMALL)
    with connect(address) as client:
        client.sendall(get("/small.txt")[:-2])
        client.shutdown(socket.SHUT_WR)
        assert b" 400 " in read_to_end(client)


def test_slow(address, root):
    """One byte now and then gains no time; others are answered meanwhile. Silence is closed too."""
    slow, silent = connect(address), connect(address)
    ended = threading.Event()

    def trickle():
        with contextlib.suppress(OSError):
            for byte in get("/small.txt", "X: " + "y" * 1000):
                slow.send(bytes([byte]))
                if ended.wait(0.05):
                    return

    sender = threading.Thread(target=trickle)
    sender.start()
    for _ in range(20):
        assert ask(address, get("/small.txt", "Connection: close")).endswith(SMALL)
    with contextlib.suppress(ConnectionError):
        assert b" 408 " in slow.recv(1000)
    check("silent", silent.recv(1000), b"")
    ended.set()
    sender.join()
    slow.close()


def test_crowd(program, root):
    """A thousand clients that say nothing keep nobody waiting, and are closed when their time is over."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = hard if hard != resource.RLIM_INFINITY else 1_000_000
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(room, 4096), hard))  # the server's too
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        address = stack.enter_context(serving(program, root, patience=3))
        started = time.monotonic()
        clients = [stack.enter_context(connect(address)) for _ in range(min(1000, room - 64))]
        check("served", curl("http://%s:%d/small.txt" % address).stdout, SMALL)
        check("silence", {client.recv(1000) for client in clients}, {b""})
        check("not at once", time.monotonic() - started > 2, True)
        check("served again", curl("http://%s:%d/small.txt" % address).stdout, SMALL)


def test_drain(program, root):
    """A file that is on its way when the signal comes arrives."""
    server = subprocess.Popen([program, root, "127.0.0.1:0", "60"], stdout=subprocess.PIPE, text=True)
    port = int(server.stdout.readline().rsplit(":", 1)[1])
    with connect(("127.0.0.1", port)) as client:
        client.sendall(get("/big.bin", "Connection: close"))
        got = client.recv(1000)
        server.terminate()
        got += read_to_end(client)
    check("drained", got.endswith((root / "big.bin").read_bytes()), True)
    check("exit code", server.wait(60), 0)


def test_impatience(program, root):
    """A second signal ends what the first one lets go on."""
    server = subprocess.Popen([program, root, "127.0.0.1:0", "600"], stdout=subprocess.PIPE, text=True)
    address = ("127.0.0.1", int(server.stdout.readline().rsplit(":", 1)[1]))
    with connect(address) as client:
        client.sendall(get("/small.txt"))
        client.recv(1)
        server.terminate()
        with contextlib.suppress(ConnectionRefusedError):
            while True:  # until it has heard of that
                connect(address).close()
        check("still there", server.poll(), None)
        server.terminate()
        check("exit code", server.wait(60), 0)


def make_files(work):
    root = work / "root"
    (root / "folder").mkdir(parents=True)
    (root / "small.txt").write_bytes(SMALL)
    (root / "empty").write_bytes(b"")
    (root / "long.txt").write_bytes(b"l" * 60_000)
    (root / "index.html").write_text("<p>hello\n")
    (root / "big.bin").write_bytes(os.urandom(3_000_001))
    (work / "secret").write_text("secret")
    (root / "outside").symlink_to("../secret")
    (root / "outside_folder").symlink_to(work)
    (root / "inside").symlink_to("folder/../small.txt")
    os.mkfifo(root / "pipe")
    return root


def test_http_server(program, work):
    root = make_files(work)
    with serving(program, root) as address:
        for test in (test_curl, test_nc, test_wrk, test_pipelining, test_versions, test_refused, test_ranges,
                     test_conditions, test_endless, test_reset, test_half_closed):
            started = time.monotonic()
            test(address, root)
            print(f"{test.__name__}: {time.monotonic() - started:.2f} s", flush=True)
    with serving(program, root, patience=3) as address:
        test_slow(address, root)
    test_crowd(program, root)
    test_drain(program, root)
    test_impatience(program, root)
