"""A site of http_server's, mirrored while it is there, killed in the middle, and changes."""
import filecmp
import os
import pathlib
import re
import signal
import subprocess

from test import check
from test_http import serving

BIG = 6_000_000


def make_site(root):
    (root / "sub/deep").mkdir(parents=True)
    (root / "index.html").write_text('<a href="sub/page.html">x</a> <img src="/picture.png">\n'
                                     '<a href="big.bin#part">big</a> <a href="http://other.invalid/">no</a>\n'
                                     '<a href="../../outside">no</a> <a href="mailto:x@y">no</a>')
    (root / "sub/page.html").write_text('<a href="../index.html">home</a> <a href="deep/">more</a>\n'
                                        '<a href="missing.txt">gone</a> <a href="/sub/page.html?x=1">me</a>')
    (root / "sub/deep/index.html").write_text('<a href="../../empty.txt"> <a href="/">')
    (root / "picture.png").write_bytes(os.urandom(70_001))
    (root / "empty.txt").write_bytes(b"")
    (root / "big.bin").write_bytes(os.urandom(BIG))
    (root / "unlinked.txt").write_text("nobody knows")
    for number, file in enumerate(sorted(root.rglob("*"))):
        if file.is_file():
            os.utime(file, (1_500_000_000 + number, 1_500_000_000 + number))


def mirror(program, url, folder, *options):
    """What failed, and the numbers: new, resumed, unchanged, failed; bytes that came."""
    result = subprocess.run([program, *options, url, folder], capture_output=True, text=True, timeout=100)
    *failed, last = result.stdout.splitlines()
    numbers = [int(n) for n in re.findall(r"\d+", last)]
    check("exit code", (result.returncode, "Traceback" in result.stderr), (1 if failed else 0, False))
    return [re.sub(r":\d+/", "/", line) for line in failed], numbers


def linked_files(root):
    return [p for p in root.rglob("*") if p.is_file() and p.name != "unlinked.txt"]


def same_tree(root, copy):
    ours = sorted(str(p.relative_to(copy)) for p in copy.rglob("*") if p.is_file())
    theirs = sorted(str(p.relative_to(root)) for p in linked_files(root))
    check("names", ours, theirs)
    for name in ours:
        check(name, filecmp.cmp(root / name, copy / name, shallow=False), True)
        check(name, int((copy / name).stat().st_mtime), int((root / name).stat().st_mtime))


def start_and_stop(program, url, copy, how):
    """Slowly, so that it is in the middle of the large file when it is stopped; how much there is."""
    process = subprocess.Popen([program, "--rate", "2000000", url, copy], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, restore_signals=False,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    part = copy / "big.bin.part"
    while not part.exists() or part.stat().st_size < BIG // 6:
        check("still there", process.poll(), None)
    process.send_signal(how)
    check("ended by", process.wait(60), -how)
    size = part.stat().st_size
    check("in the middle", size < BIG, True)
    return size


MISSING = [f"{path}: GET 'http://127.0.0.1{path}': 404 Not Found"
           for path in ("/outside", "/sub/missing.txt")]


def test(program, work):
    server = pathlib.Path(program).parent / "http_server"
    if not server.exists():
        print("there is no http_server to mirror")
        return
    root, copy = work / "site", work / "copy"
    root.mkdir()
    make_site(root)
    with serving(server, root) as address:
        url = "http://%s:%d/" % address
        failed, numbers = mirror(program, url, copy)
        check("failed", failed, MISSING)
        check("first", numbers, [6, 0, 0, 2, sum(p.stat().st_size for p in linked_files(root))])
        same_tree(root, copy)

        check("again", mirror(program, url, copy)[1], [0, 0, 6, 2, 0])
        (root / "picture.png").write_bytes(b"another picture")
        check("one is new", mirror(program, url, copy)[1], [1, 0, 5, 2, 15])
        same_tree(root, copy)

        for how in (signal.SIGKILL, signal.SIGINT):
            (copy / "big.bin").unlink()
            had = start_and_stop(program, url, copy, how)
            check("resumed", mirror(program, url, copy)[1], [0, 1, 5, 2, BIG - had])
            same_tree(root, copy)

        (copy / "big.bin").unlink()
        start_and_stop(program, url, copy, signal.SIGKILL)
        (root / "big.bin").write_bytes(os.urandom(BIG // 2))
        check("another version", mirror(program, url, copy)[1], [1, 0, 5, 2, BIG // 2])
        same_tree(root, copy)

        (copy / "big.bin").rename(copy / "big.bin.part")
        etag = subprocess.run(["curl", "-sI", url + "big.bin"], capture_output=True, text=True).stdout
        (copy / "big.bin.part.etag").write_text(re.search("ETag: (.*)", etag)[1])
        check("all was there", mirror(program, url, copy)[1], [0, 1, 5, 2, 0])
        same_tree(root, copy)
