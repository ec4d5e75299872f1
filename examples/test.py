"""Runs one example and compares what it does with the tool it imitates."""
import filecmp
import importlib
import os
import pathlib
import random
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading

import test_interrupt
from test_http import test_http_server  # noqa: F401

EXPECTED = pathlib.Path(__file__).resolve().parent / "expected"  # what programs without input print
# Lines of two tasks, of which either may be slow.
ANY_ORDER = ("hello", "embed_epoll", "embed_glib", "embed_libuv")


def run(*command, **options):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=60, **options)


def check(what, got, expected):
    if got != expected:
        print(f"{what}: expected {expected!r}\n got {got!r}")
        sys.exit(1)


def test_wc(program, work):
    (work / "binary").write_bytes(bytes(range(256)) * 100)
    (work / "empty").write_bytes(b"")
    (work / "unfinished").write_bytes(b"no newline at the end")
    names = [str(p) for p in sorted(pathlib.Path("runtime").rglob("*.hpp"))]
    names += [str(work / n) for n in ("binary", "empty", "unfinished")]
    ours = run(program, *names)
    theirs = run("wc", *names, env=dict(os.environ, LC_ALL="C"))
    check("wc", ours.stdout, "".join(" ".join(l.split()) + "\n" for l in theirs.stdout.splitlines()))
    missing = run(program, names[0], work / "none")
    check("exit code", missing.returncode, 1)
    check("stderr", missing.stderr, f"wc: open '{work}/none': No such file or directory\n")


def test_copy(program, work):
    (work / "big").write_bytes(os.urandom(5_000_001))
    check("copy", run(program, work / "big", work / "copy").returncode, 0)
    check("bytes", filecmp.cmp(work / "big", work / "copy", shallow=False), True)
    check("tree", run(program, "runtime", work / "tree").returncode, 0)
    check("difference", run("diff", "-r", "runtime", work / "tree").stdout, "")
    check("missing", run(program, work / "none", work / "x").returncode, 1)


def test_tail(program, work):
    file = work / "log"
    file.write_text("".join(f"line {i}\n" for i in range(20)))
    process = subprocess.Popen([program, file, "3"], stdout=subprocess.PIPE, text=True)
    seen = [process.stdout.readline() for _ in range(10)]
    check("last lines", seen, [f"line {i}\n" for i in range(10, 20)])
    with open(file, "a", buffering=1) as log:
        log.write("new 1\n")
        check("new", process.stdout.readline(), "new 1\n")
        log.write("ne")
        log.flush()
        log.write("w 2\nnew 3\n")
        log.flush()
    check("rest", process.communicate(timeout=20)[0], "new 2\nnew 3\n")


def sorted_lines(text):
    return sorted(text.splitlines())


def make_tree(root):
    """Names, sizes and links of several kinds."""
    random.seed(3)
    for number in range(60):
        folder = root / f"d{number % 7}" / f"e{number % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        size = random.choice((0, 1, 4095, 4097, 70_000))
        (folder / f"file {number}").write_bytes(random.randbytes(size))
    os.link(root / "d0/e0/file 0", root / "d1/hard")
    os.link(root / "d0/e0/file 21", root / "d1/e1/hard")
    os.symlink("nowhere", root / "d1/soft")
    os.symlink("../d2", root / "d1/to d2")
    (root / "empty").mkdir()


def test_du(program, work):
    make_tree(work / "tree")
    check("du -s", run(program, "-s", work / "tree").stdout, run("du", "-k", "-s", work / "tree").stdout)
    # Of several names that one counts which is met first: the rest is compared where there are none.
    linkless = work / "tree/d2"
    check("du", sorted_lines(run(program, linkless).stdout), sorted_lines(run("du", "-k", linkless).stdout))
    check("du -a", sorted_lines(run(program, "-a", linkless).stdout),
          sorted_lines(run("du", "-k", "-a", linkless).stdout))
    missing = run(program, work / "none")
    check("exit code", missing.returncode, 1)
    check("stderr", missing.stderr, f"du: stat '{work}/none': No such file or directory\n")


def test_parallel_hash(program, work):
    make_tree(work / "tree")
    (work / "tree/large").write_bytes(os.urandom(3_000_001))
    (work / "tree/nothing").write_bytes(b"")
    theirs = run("find", work / "tree", "-type", "f", "-exec", "sha256sum", "{}", "+").stdout
    check("hashes", sorted_lines(run(program, work / "tree").stdout), sorted_lines(theirs))
    check("one file", run(program, work / "tree/large").stdout, run("sha256sum", work / "tree/large").stdout)
    missing = run(program, work / "none", work / "tree/nothing")
    check("exit code", missing.returncode, 1)
    check("stderr", missing.stderr, f"parallel_hash: {work}/none: No such file or directory\n")
    check("the rest", missing.stdout, run("sha256sum", work / "tree/nothing").stdout)


def test_grep(program, work):
    (work / "tree/sub").mkdir(parents=True)
    for number in range(100):
        lines = [f"line {i} of {number}{' needle' * ((i * number) % 7 == 3)}" for i in range(300)]
        (work / f"tree/sub/{number}").write_text("\n".join(lines) + ("" if number % 5 else "\n"))
    (work / "tree/long").write_text("x" * 300_000 + "needle" + "y" * 300_000 + "\nneedle")
    (work / "tree/binary").write_bytes(bytes(range(256)) * 1000 + b"needle\n")
    (work / "tree/empty").write_bytes(b"")
    environment = dict(os.environ, LC_ALL="C")
    for pattern in ("needle", "absent", "line 1+ of [4-6]$", "^x|need+le"):
        for options in ("-r", "-rc", "-rn"):
            ours = subprocess.run([program, options, pattern, work / "tree"], capture_output=True)
            theirs = subprocess.run(["grep", "-aE", options, pattern, work / "tree"], capture_output=True,
                                    env=environment)
            lines = sorted(theirs.stdout.splitlines())
            check(f"{options} {pattern}", sorted(ours.stdout.splitlines()), lines)
            check("exit code", ours.returncode, theirs.returncode)
    one = run(program, "-n", "needle", work / "tree/sub/3")
    check("one file", one.stdout, run("grep", "-n", "needle", work / "tree/sub/3").stdout)
    missing = run(program, "needle", work / "none", work / "tree/sub/3")
    check("exit code", missing.returncode, 2)
    check("stderr", missing.stderr, f"grep: open '{work}/none': No such file or directory\n")


def test_pipeline(program, work):
    words = "".join(f"{random.randrange(50)}\n" for _ in range(50_000))
    (work / "words").write_text(words)
    stages = ["sort", "uniq -c", "sort -rn"]
    with open(work / "words") as ours, open(work / "words") as theirs:
        got = run(program, *stages, stdin=ours)
        expected = run("sh", "-c", " | ".join(stages), stdin=theirs)
    check("the shell's", (got.stdout, got.stderr, got.returncode), (expected.stdout, "", 0))
    ended = run(program, "exec yes", "head -n 2", stdin=subprocess.DEVNULL)
    check("what ends early", (ended.stdout, ended.returncode), ("y\ny\n", 0))
    check("told", ended.stderr, "pipeline: 'exec yes': signal 13\n")
    check("the last one's", run(program, "true", "exit 7", stdin=subprocess.DEVNULL).returncode, 7)


def test_sort_external(program, work):
    random.seed(4)
    words = [random.choice(("", "a", "B", "zz", "\x7f", "long " * 50)) for _ in range(20_000)]
    (work / "input").write_text("\n".join(f"{word}{random.randrange(1000)}" for word in words))
    expected = "".join(line + "\n" for line in sorted((work / "input").read_text().split("\n")))
    for memory, runs in ((8_000, "many"), (400_000, "some"), (100_000_000, "1")):
        result = run(program, "--memory", memory, work / "input", work / "output")
        check("stdout", result.stdout.startswith("20000 lines in "), True)
        check("runs", result.stdout.endswith(" 1 runs\n"), runs == "1")
        check("sorted", (work / "output").read_text() == expected, True)
    check("left behind", sorted(os.listdir(work)), ["input", "output"])
    (work / "input").write_bytes(b"")
    check("empty", run(program, work / "input", work / "output").returncode, 0)
    check("empty", (work / "output").read_bytes(), b"")


def test_log_rotate(program, work):
    """Two programs: one writes and rotates, the other follows. No line is lost."""
    log = work / "app.log"
    log.write_text("line 0\n")
    count = 3000
    follower = subprocess.Popen([program, "follow", log, str(count + 1)], stdout=subprocess.PIPE, text=True)
    check("before", follower.stdout.readline(), "line 0\n")
    lines = "".join(f"line {i}\n" for i in range(1, count + 1))
    written = run(program, "write", log, 4000, 50, input=lines)
    check("writer", (written.returncode, written.stderr), (0, ""))
    got = follower.communicate(timeout=60)[0]
    check("lines", sorted_lines(got), sorted_lines(lines))
    check("rotated", len(list(work.glob("app.log.*"))) > 5, True)
    follower = subprocess.Popen([program, "follow", log, "1"], stdout=subprocess.PIPE, text=True)
    check("newest", follower.communicate(timeout=60)[0].startswith("line "), True)


def receive(client, count):
    """So many bytes, or what comes before the end: a stream may bring them in parts."""
    got = bytearray()
    while len(got) < count:
        part = client.recv(count - len(got))
        if not part:
            break
        got += part
    return bytes(got)


def test_echo_server(program, work):
    for address in ("127.0.0.1:0", "[::1]:0", f"unix:{work}/echo"):
        server = subprocess.Popen([program, address], stdout=subprocess.PIPE, text=True)
        where = server.stdout.readline().removeprefix("listening on ").strip()
        if where.startswith("unix:"):
            family, target = socket.AF_UNIX, where.removeprefix("unix:")
        else:
            host, port = where.rsplit(":", 1)
            family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
            target = (host.strip("[]"), int(port))
        clients = [socket.socket(family, socket.SOCK_STREAM) for _ in range(20)]
        for client in clients:
            client.connect(target)
        for number, client in enumerate(clients):
            client.sendall(b"hello %d" % number)
        clients[0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        clients[0].close()  # a reset, in the middle of it all
        for number, client in enumerate(clients[1:], 1):
            check("echo", receive(client, len(b"hello %d" % number)), b"hello %d" % number)
        much = os.urandom(3_000_000)
        sender = threading.Thread(target=clients[1].sendall, args=(much,))
        sender.start()
        got = receive(clients[1], len(much))
        sender.join()
        check("much", got == much, True)
        clients[2].shutdown(socket.SHUT_WR)
        check("end", clients[2].recv(100), b"")
        server.terminate()
        server.wait()


def dns_question(number, name, kind=1, flags=0x0100):
    labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split("."))
    return struct.pack(">6H", number, flags, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, kind, 1)


def dns_answer(reply):
    """Number, code, and the addresses; everything else of the message is checked."""
    number, flags, questions, answers, authorities, more = struct.unpack(">6H", reply[:12])
    check("flags", flags & ~0x010F, 0x8400)
    check("other sections", (authorities, more), (0, 0))
    at = 12
    if questions:
        at = reply.index(b"\0", at) + 5
    addresses = []
    for _ in range(answers):
        name, kind, of_class, ttl, size = struct.unpack(">HHHIH", reply[at:at + 12])
        check("record", (name, kind, of_class, ttl, size), (0xC00C, 1, 1, 60, 4))
        addresses.append(socket.inet_ntoa(reply[at + 12:at + 16]))
        at += 16
    check("length", len(reply), at)
    return number, flags & 15, addresses


def test_udp_dns_like(program, work):
    hosts = ["# a comment", "10.1.2.3 one.lan Uno.lan # more", "::1 six.lan", "10.1.2.4 one.lan"]
    (work / "hosts").write_text("\n".join(hosts))
    many = [f"many.lan=10.9.{i // 256}.{i % 256}" for i in range(100)]
    command = [program, "127.0.0.1:0", "Two.lan=10.2.2.2", work / "hosts", *many]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    host, port = server.stdout.readline().removeprefix("listening on ").strip().rsplit(":", 1)
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(60)
    client.connect((host, int(port)))

    def ask(query):
        client.send(query)
        return client.recv(4096)

    check("known", dns_answer(ask(dns_question(1, "two.lan"))), (1, 0, ["10.2.2.2"]))
    check("of a file", dns_answer(ask(dns_question(2, "one.lan"))), (2, 0, ["10.1.2.3", "10.1.2.4"]))
    check("case", dns_answer(ask(dns_question(3, "uNo.LaN"))), (3, 0, ["10.1.2.3"]))
    check("unknown", dns_answer(ask(dns_question(4, "none.lan"))), (4, 3, []))
    check("other type", dns_answer(ask(dns_question(5, "one.lan", kind=28))), (5, 0, []))
    check("other opcode", ask(dns_question(6, "one.lan", flags=0x2000))[:4], b"\0\x06\xa4\x04")
    big = ask(dns_question(7, "many.lan"))
    check("truncated", (len(big) <= 512, big[2] & 2), (True, 2))

    good = dns_question(8, "one.lan")
    malformed = [good[:cut] for cut in range(12, len(good))]
    malformed.append(good[:12] + b"\xc0\x0c\0\x01\0\x01")  # a name that refers to itself
    malformed.append(good[:12] + (b"\x3f" + b"x" * 63) * 4 + b"\0\0\x01\0\x01")  # too long
    malformed.append(good[:4] + b"\0\x02" + good[6:])  # two questions
    for query in malformed:
        check(f"malformed {query!r}", dns_answer(ask(query)), (8, 1, []))

    client.send(b"")
    client.send(good[:11])
    client.send(dns_question(9, "one.lan", flags=0x8100))  # a response: no answer
    random.seed(1)
    for number in range(11, 311):  # garbage, some of it with a head like a question's
        head = struct.pack(">6H", 0, 0, 1, 0, 0, 0) if number % 2 else b"\0\0"
        client.send(head + random.randbytes(random.randrange(300)))
        reply = ask(dns_question(number, "two.lan"))
        while reply[:2] == b"\0\0":
            reply = client.recv(4096)
        check("after garbage", dns_answer(reply), (number, 0, ["10.2.2.2"]))

    most, sent, seen = 100, 0, set()  # in flight at once: what the sockets hold in any case
    while len(seen) < 1000:
        while sent < 1000 and sent - len(seen) < most:
            client.send(dns_question(1000 + sent, "two.lan" if sent % 2 else f"no{sent}.lan"))
            sent += 1
        number, code, addresses = dns_answer(client.recv(4096))
        expected = (0, ["10.2.2.2"]) if number % 2 else (3, [])
        check("pipelined", (code, addresses), expected)
        seen.add(number)
    check("all", seen, set(range(1000, 2000)))
    check("still there", server.poll(), None)
    server.terminate()
    server.wait()


def test_backup_users(program, work):
    result = run(program, work / "users")
    check("exit code", result.returncode, 0)
    lines = result.stdout.splitlines()
    check("written", sorted(lines[:3]), [f"wrote user_{i}.json" for i in (1, 2, 3)])
    check("last", lines[-1], "all users are as they were")
    text = (work / "users" / "user_2.json").read_text()
    check("json", text, '{\n  "email": "bob@example.com",\n  "id": 2,\n  "name": "Bob"\n}')


def test_eddy_pstree(program, work, *options):
    tree = run(program, *options)
    check("exit code", tree.returncode, 0)
    check("cycle", tree.stdout.splitlines()[-1],
          'a cycle: task 4 "philosopher" waits for task 5 "neighbour" waits for task 4 "philosopher"')


def test_eddy_ps(program, work):
    ps = run(program)
    check("exit code", ps.returncode, 0)
    lines = [line.split("\t") for line in ps.stdout.splitlines()]
    check("header", lines[0], ["ID", "NAME", "COROUTINE", "STATE"])
    states = {line[1]: line[3] for line in lines[1:]}
    check("philosopher", states["philosopher"], 'waits for a Lock held by task 5 "neighbour"')
    check("neighbour", states["neighbour"], 'waits for a Lock held by task 4 "philosopher"')
    test_eddy_pstree(program, work, "--tree")
    other = subprocess.Popen([program, "--hang", work / "socket"])
    asked = run(program, "--tree", work / "socket")
    while asked.returncode != 0:
        check("still there", other.poll(), None)
        asked = run(program, "--tree", work / "socket")
    check("cycle of another program", asked.stdout.splitlines()[-1],
          'a cycle: task 3 "philosopher" waits for task 4 "neighbour" waits for task 3 "philosopher"')
    other.send_signal(signal.SIGINT)
    check("ended by Ctrl-C", other.wait(60), -signal.SIGINT)
    check("socket", (work / "socket").exists(), False)
    missing = run(program, work / "none")
    check("exit code", missing.returncode, 1)
    check("says why", missing.stderr,
          f"eddy_ps: connect 'unix:{work / 'none'}': No such file or directory\n")


def main():
    name, program = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        expected = EXPECTED / f"{name}.txt"
        if expected.exists():
            result = run(program)
            order = sorted if name in ANY_ORDER else list
            check(name, order(result.stdout.splitlines()), order(expected.read_text().splitlines()))
            check("exit code", result.returncode, 0)
        elif "test_" + name in globals():
            globals()["test_" + name](program, pathlib.Path(folder))
        else:
            importlib.import_module("test_" + name).test(program, pathlib.Path(folder))
        test_interrupt.test(name, program, pathlib.Path(folder))


if __name__ == "__main__":
    main()
