"""Writes translation units that hold several test files each: what they include and instantiate in
common is compiled once. Each file is in a namespace of its own, so that its helpers and its usings stay
its own; what it includes stands before all of them. One that tests how messages name functions says so
(see AS_IT_IS), and stands last, in no namespace. Paths count from tests/, so that a unit is the same
in each clone.

    together.py UNIT... -- FILE...
"""
import pathlib
import re
import sys

TESTS = pathlib.Path(__file__).resolve().parent
AS_IT_IS = "// Names of functions are tested here: in no namespace but its own."


def from_tests(path):
    return f'#include "{path.resolve().relative_to(TESTS)}"'


def included(files):
    """Every header that one of the files includes, once, in the order of the files."""
    lines = {}
    for file in files:
        for line in re.findall(r"^#include\s+[<\"].*?[>\"]", file.read_text(), re.M):
            name = re.search(r"[<\"](.*)[>\"]", line).group(1)
            beside = file.parent / name
            lines[from_tests(beside) if '"' in line and beside.exists() else line] = True
    return lines


def unit(files):
    text = "\n".join(included(files)) + "\n"
    last = [file for file in files if AS_IT_IS in file.read_text()]
    for file in files:
        if file not in last:
            text += f"\nnamespace in_{file.stem} {{\n{from_tests(file)}\n}}\n"
    return text + "".join(f"\n{from_tests(file)}\n" for file in last)


def main(arguments):
    middle = arguments.index("--")
    units = [pathlib.Path(name) for name in arguments[:middle]]
    files = [pathlib.Path(name) for name in arguments[middle + 1:]]
    # Long and short ones mixed: the longest goes where there is least yet.
    shares = [[0, number, []] for number in range(len(units))]
    for file in sorted(files, key=lambda path: (-path.stat().st_size, path.name)):
        share = min(shares)
        share[0] += file.stat().st_size
        share[2].append(file)
    for path, (_, _, share) in zip(units, shares):
        text = unit(sorted(share))
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
