"""Checks the table of aiofiles' names and their twins in tests/README.md: each name of the lists below has
one row; a row names tests, which are there and use the twin, or it says why there is none. Each twin that
it writes as `code` is declared in a public header."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "tests" / "README.md"
BEGIN, END = "<!-- twins -->", "<!-- end of twins -->"

# All that a user of these finds there. What only computes with paths is not the loop's.
NAMES = {
    "open": "mode buffering encoding errors newline closefd opener loop executor",
    "file": """close flush isatty read read1 readall readinto readline readlines seek seekable tell truncate
        writable readable write writelines peek fileno detach closed name mode raw buffer line_buffering
        newlines __aiter__ __aenter__""",
    "aiofiles": "stdin stdout stderr stdin_bytes stdout_bytes stderr_bytes",
    "os": """stat statvfs access rename renames replace remove unlink mkdir makedirs rmdir removedirs link
        symlink readlink listdir scandir sendfile getcwd wrap fsync fdatasync utime chmod chown lchown
        truncate copy_file_range posix_fallocate posix_fadvise""",
    "os.path": """exists isfile isdir islink ismount getsize getatime getmtime getctime samefile sameopenfile
        abspath realpath""",
    "tempfile": """TemporaryFile NamedTemporaryFile SpooledTemporaryFile TemporaryDirectory mkstemp mkdtemp
        gettempdir""",
    "pathlib": """is_socket is_fifo is_block_device is_char_device lstat owner group resolve expanduser home
        iterdir glob rglob walk touch symlink_to hardlink_to read_text read_bytes write_text write_bytes copy
        move""",
    "shutil": """copyfileobj copyfile copymode copystat copy copy2 copytree move rmtree disk_usage chown which
        make_archive unpack_archive""",
    "anyio": "open_file wrap_file readinto1",
}


def rows(text):
    table = text[text.index(BEGIN):text.index(END)]
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 3:
            yield cells


def tests():
    """Each test's name, and the words of its file; a sweep's are those of its rows."""
    rows_of_sweeps = set()
    for path in (ROOT / "tests" / "sweeps").glob("rows_*.cpp"):
        rows_of_sweeps |= set(re.findall(r"\w+", path.read_text()))
    found = {}
    for path in (ROOT / "tests").rglob("*.cpp"):
        text = path.read_text()
        words = rows_of_sweeps if path.parent.name == "sweeps" else set(re.findall(r"\w+", text))
        for suite, name in re.findall(r"^TEST(?:_P|_F)?\((\w+), (\w+)\)", text, re.M):
            found[f"{suite}.{name}"] = words
    return found


def declared():
    words = set()
    for path in (ROOT / "runtime" / "eddy").glob("*/*.hpp"):
        words |= set(re.findall(r"\w+", re.sub(r"//[^\n]*", "", path.read_text())))
    return words


def main():
    problems = []
    there, words = tests(), declared()
    wanted = {f"{part}.{name}" for part, names in NAMES.items() for name in names.split()}
    seen = []
    for names, twin, test in rows(PAGE.read_text()):
        seen += re.findall(r"`([\w.]+)`", names)
        named = re.findall(r"\b([A-Z]\w+\.[A-Z]\w+)\b", test)
        problems += [f"{names}: there is no test {name}" for name in named if name not in there]
        if not named and len(test) < 20:
            problems.append(f"{names}: neither a test nor a reason")
        for code in re.findall(r"`([^`]+)`", twin):
            last = re.findall(r"\w+", code)[-1]
            if not set(re.findall(r"\w+", code)) <= words:
                problems.append(f"{names}: {code} is in no public header")
            if named and not any(last in there.get(name, ()) for name in named):
                problems.append(f"{names}: none of its tests uses {code}")
    problems += [f"{name} has no row" for name in sorted(wanted - set(seen))]
    problems += [f"{name} is in no list of tests/house/twins.py" for name in sorted(set(seen) - wanted)]
    problems += [f"{name} has two rows" for name in sorted({n for n in seen if seen.count(n) > 1})]
    for problem in problems:
        print(problem)
    print(f"{len(seen)} names have twins, or a reason")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
