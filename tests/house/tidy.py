"""Holds the tree to its own rules: floors, sizes, names, nothing unfinished."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLOORS = ["base", "core", "sync", "flow", "bytes", "work", "file", "net", "kit"]
# What a floor may include, besides itself.
BELOW = {
    "base": [],
    "core": ["base"],
    "sync": ["base", "core"],
    "flow": ["base", "core", "sync"],
    "bytes": ["base", "core", "sync"],
    "work": ["base", "core", "sync"],
    "file": ["base", "core", "sync", "bytes", "work"],
    "net": ["base", "core", "sync", "bytes", "work"],
    "kit": ["base", "core", "sync", "flow", "bytes", "work", "file", "net"],
}
# Libraries beside eddy's: each stands on all floors and not on the others, is in no umbrella but its own,
# and its headers for users include none of the library that it stands on.
BESIDE = ["http", "sql", "tls"]
BELOW |= {name: FLOORS for name in BESIDE}
FOREIGN = r"#include [<\"](curl/|libpq|postgres|openssl/)"
# So many EDDY_ASSERT or EDDY_VERIFY in 100 lines of code, at the least.
ASSERTIONS = {"core": 2, "sync": 2, "flow": 2, "work": 2, "file": 2, "net": 2, "kit": 2}
problems = []


def problem(path, line, text):
    problems.append(f"{path.relative_to(ROOT)}:{line}: {text}")


def check_text(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        limit = 110 if path.suffix == ".py" else 100
        if len(line) > limit:
            problem(path, number, f"longer than {limit} columns")
        if line != line.rstrip():
            problem(path, number, "blank at the end")
        if "\t" in line:
            problem(path, number, "tab")
        if re.search(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b", line):
            problem(path, number, "unfinished mark")


def check_includes(path, floor):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'#include [<"]eddy/(\w+)(/|\.hpp)', line)
        if not found:
            continue
        target = found.group(1)
        if found.group(2) == ".hpp":
            problem(path, number, f"includes {target}.hpp, which is for users")
        elif target != floor and target not in BELOW[floor]:
            problem(path, number, f"{floor} includes {target}, which is not below it")


def check_audience(path, in_umbrella):
    """What stands in internal/ is the library's own: in no umbrella."""
    internal = path.parent.name == "internal"
    if internal == in_umbrella:
        problem(path, 1, f"is {'' if internal else 'not '}in the umbrella of its floor")


def check_order(folder):
    """A header of a floor includes those before it: there is an order, because there is no cycle."""
    includes = {}
    for path in folder.rglob("*.hpp"):
        name = f"{folder.name}/{path.relative_to(folder)}"
        includes[name] = re.findall(rf"#include <eddy/({folder.name}/[\w/]+\.hpp)>", path.read_text())
    while free := [name for name, needs in includes.items() if not set(needs) & set(includes)]:
        for name in free:
            del includes[name]
    for name in includes:
        problem(folder.parent / name, 1, f"is in a cycle of includes, or above one: {includes[name]}")


def check_assertions(folder):
    """Lines of code: neither blank nor comment."""
    code = found = 0
    for path in folder.rglob("*.[ch]pp"):
        lines = [line.strip() for line in path.read_text().splitlines()]
        lines = [line for line in lines if line and not line.startswith("//")]
        code += len(lines)
        found += sum(len(re.findall(r"\bEDDY_(?:ASSERT|VERIFY)\(", line)) for line in lines)
    print(f"{folder.name}: {found} assertions in {code} lines of code")
    if 100 * found < ASSERTIONS[folder.name] * code:
        problem(folder / "meson.build", 1, f"less than {ASSERTIONS[folder.name]} assertions in 100 lines")


def check_library():
    library = ROOT / "runtime" / "eddy"
    for floor in FLOORS + BESIDE:
        folder = library / floor
        umbrella = (library / f"{floor}.hpp").read_text()
        check_order(folder)
        if floor in ASSERTIONS:
            check_assertions(folder)
        included = f"#include <eddy/{floor}.hpp>" in (library / "eddy.hpp").read_text()
        if included != (floor in FLOORS):
            problem(library / "eddy.hpp", 1, f"does{'' if included else ' not'} include {floor}.hpp")
        listed = set(re.findall(r"'([\w./]+)'", (folder / "meson.build").read_text()))
        files = {str(f.relative_to(folder)) for f in folder.rglob("*.[ch]pp")}
        for name in files ^ listed:
            problem(folder / "meson.build", 1, f"{name} is listed or there, but not both")
        for path in sorted(folder.rglob("*.[ch]pp")):
            lines = path.read_text().splitlines()
            if len(lines) > 400:
                problem(path, len(lines), "more than 400 lines")
            if path.suffix == ".hpp":
                if "#pragma once" not in lines:
                    problem(path, 1, "no #pragma once")
                if not lines[0].startswith("// "):
                    problem(path, 1, "does not say what it is in its first line")
                if path.parent == folder and re.search(FOREIGN, path.read_text()):
                    problem(path, 1, "includes a header of another library, and is for users")
                check_audience(path, f"#include <eddy/{path.relative_to(library)}>" in umbrella)
            check_includes(path, floor)
    for name in ["utils", "detail", "helpers", "common", "misc", "impl"]:
        for path in library.rglob(f"*{name}*"):
            problem(path, 1, "a drawer")


def check_tests():
    for path in sorted((ROOT / "tests").glob("*/test_*.cpp")):
        if f"'{path.name}'" not in (path.parent / "meson.build").read_text():
            problem(path, 1, "is in no meson.build: nobody runs it")


def main():
    check_library()
    check_tests()
    listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT,
                             capture_output=True, text=True)
    names = listing.stdout.split() if listing.returncode == 0 else [
        str(p.relative_to(ROOT)) for p in ROOT.rglob("*.[ch]pp")]
    for name in names:
        path = ROOT / name
        if path.suffix in (".cpp", ".hpp", ".py") and path.is_file():
            check_text(path)
    for text in problems:
        print(text)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
