"""file_report: counts what Python counts, replaces the report whole, and leaves it when it fails."""
import collections
import os
import random

from test import check, run

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def make_tree(tree, chance):
    kinds = collections.defaultdict(lambda: [0, 0, 0])
    for number in range(600):
        folder = tree / f"{number % 7}" / f"{number % 11}"
        folder.mkdir(parents=True, exist_ok=True)
        suffix = chance.choice((".txt", ".log", ".tar.gz", ""))
        text = b"\n".join(b"x" * chance.randrange(80) for _ in range(chance.randrange(40)))
        (folder / f"file{number}{suffix}").write_bytes(text)
        kind = kinds[os.path.splitext(suffix and "x" + suffix)[1] or "none"]
        kind[0] += 1
        kind[1] += len(text)
        kind[2] += text.count(b"\n")
    (tree / "link.txt").symlink_to("0")
    return kinds


def make_log(path, chance):
    lines = [f"{i:08} {chance.choice(LEVELS)} {'m' * chance.randrange(200)}" for i in range(20000)]
    path.write_text("\n".join(lines))
    return collections.Counter(line.split()[1] for line in lines)


def test(program, work):
    chance = random.Random(7)
    kinds, levels = make_tree(work / "tree", chance), make_log(work / "log", chance)
    expected = "".join(f"{name}: {files} files, {size} bytes, {lines} lines\n"
                       for name, (files, size, lines) in sorted(kinds.items()))
    expected += f"log: 20000 lines, {(work / 'log').stat().st_size} bytes\n"
    expected += "".join(f"{level}: {lines} lines\n" for level, lines in sorted(levels.items()))
    arguments = (program, work / "tree", work / "log", work / "report")
    (work / "report").write_text("the one of yesterday\n")
    failed = run(program, work / "tree", work / "none", work / "report")
    check("exit code", failed.returncode, 1)
    check("missing log", (work / "report").read_text(), "the one of yesterday\n")
    check("exit code", run(*arguments).returncode, 0)
    check("report", (work / "report").read_text(), expected)
    check("left beside it", sorted(os.listdir(work)), ["log", "report", "tree"])
    python = "/usr/bin/python3"  # Debian's, which has Debian's packages
    if run(python, "-c", "import aiofiles").returncode != 0:
        return
    twin = run(python, "examples/file_report.py", *arguments[1:-1], work / "twin")
    check("exit code", twin.returncode, 0)
    check("the twin's", (work / "twin").read_text(), expected)
