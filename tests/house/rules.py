"""Checks tests/README.md against the tests: each rule that it maps has a test that names it, and each
rule that a test names is in the table. With --write, writes the table anew. Each rule that a test or a
comment names has a sentence in runtime/rules.md, and none is both tested and said to be impossible."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "tests" / "README.md"
SENTENCES = ROOT / "runtime" / "rules.md"
RULE = r"(?:[LCGTWKDQHAVREBX]\d+|SH\d+|F\d[0-9A-F]+)"
BEGIN, END = "<!-- rules -->", "<!-- end of rules -->"


def named(text):
    """The rules in a text: K1, K2 to K4, F2A."""
    rules = []
    for first, last in re.findall(rf"\b({RULE})(?: to ({RULE}))?\b", text):
        rules.append(first)
        if last:
            letter = "F" if first[0] == "F" else re.match("[A-Z]+", first).group()
            base, digits = (16, "X") if letter == "F" else (10, "d")  # F9A follows F99
            low, high = (int(rule[len(letter):], base) for rule in (first, last))
            rules += [f"{letter}{n:{digits}}" for n in range(low + 1, high + 1)]
    return rules


def first_cells(text):
    return [rule for cell in re.findall(r"^\| ([^|]*) \|", text, re.M) for rule in named(cell)]


def in_comments():
    rules = {}
    for path in sorted((ROOT / "runtime").rglob("*.[ch]pp")):
        for comment in re.findall(r"//(.*)", path.read_text()):
            for rule in named(comment):
                rules.setdefault(rule, path.relative_to(ROOT))
    return rules


def check_sentences(page, tests):
    problems = []
    said = set(first_cells(SENTENCES.read_text()))
    where = {rule: tests[rule][0] for rule in tests} | in_comments()
    for rule in sorted(set(where) - said):
        problems.append(f"{rule}, named by {where[rule]}, has no sentence in runtime/rules.md")
    for rule in sorted(set(first_cells(page[page.index(END):])) & set(tests)):
        problems.append(f"{rule} is tested by {tests[rule][0]}, and yet said to be impossible")
    return problems


def find_tests():
    tests = {}
    for path in sorted((ROOT / "tests").rglob("*.cpp")):
        pending = []
        for line in path.read_text().splitlines():
            comment = re.match(r"\s*// (.*)", line)
            if comment:
                pending += named(comment.group(1).split(":")[0])
                continue
            test = re.match(r"TEST(?:_P|_F)?\((\w+), (\w+)\)(?:.*// (.*))?", line)
            if test:
                for rule in pending + named(test.group(3) or ""):
                    tests.setdefault(rule, []).append(f"{test.group(1)}.{test.group(2)}")
            pending = []
    for path in sorted((ROOT / "examples").glob("test_*.py")):  # of whole programs
        for comment in re.findall(r"^# ([^:]*):", path.read_text(), re.M):
            for rule in named(comment):
                tests.setdefault(rule, []).append(f"examples/{path.name}")
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
    problems = check_sentences(page, find_tests())
    if fresh != page:
        problems.append("tests/README.md and the tests disagree: run python3 tests/house/rules.py --write")
    for problem in problems:
        print(problem)
    print(f"{len(find_tests())} rules have tests")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
