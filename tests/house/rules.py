"""Checks tests/README.md against the tests: each rule that it maps has a test that names it, and each
rule that a test names is in the table. With --write, writes the table anew."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "tests" / "README.md"
RULE = r"(?:[LCGTWKDQHAVREB]\d+|SH\d+|F\d[0-9A-F]+)"
BEGIN, END = "<!-- rules -->", "<!-- end of rules -->"


def find_tests():
    tests = {}
    for path in sorted((ROOT / "tests").rglob("*.cpp")):
        pending = []
        for line in path.read_text().splitlines():
            comment = re.match(r"\s*// (.*)", line)
            if comment:
                head = comment.group(1).split(":")[0]
                for first, last in re.findall(rf"\b({RULE})(?: to ({RULE}))?\b", head):
                    pending.append(first)
                    if last:
                        letter = first.rstrip("0123456789")
                        low, high = int(first[len(letter):]), int(last[len(letter):])
                        pending += [f"{letter}{n}" for n in range(low + 1, high + 1)]
                continue
            test = re.match(r"TEST(?:_P|_F)?\((\w+), (\w+)\)", line)
            if test:
                for rule in pending:
                    tests.setdefault(rule, []).append(f"{test.group(1)}.{test.group(2)}")
            pending = []
    return tests


def order(rule):
    letters = "".join(c for c in rule if c.isalpha() and not (rule[0] == "F" and c != "F"))
    number = rule[len(letters):] if rule[0] != "F" else rule[1:]
    return ("F" == rule[0], letters, int(number, 16))


def table(tests):
    rows = ["| rule | tests |", "| --- | --- |"]
    for rule in sorted(tests, key=order):
        rows.append(f"| {rule} | " + ", ".join(sorted(set(tests[rule]))) + " |")
    return "\n".join(rows)


def main():
    page = PAGE.read_text()
    before, after = page[: page.index(BEGIN) + len(BEGIN)], page[page.index(END):]
    fresh = f"{before}\n\n{table(find_tests())}\n\n{after}"
    if "--write" in sys.argv:
        PAGE.write_text(fresh)
        return 0
    if fresh != page:
        print("tests/README.md and the tests disagree: run python3 tests/house/rules.py --write")
        return 1
    print(f"{len(find_tests())} rules have tests")
    return 0


if __name__ == "__main__":
    sys.exit(main())
