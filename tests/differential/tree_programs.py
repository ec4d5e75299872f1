"""Random trees, and what Python makes of them: the twin of test_tree_programs.cpp.

Usage: tree_programs.py make DIRECTORY FIRST COUNT     makes each tree twice, and says what to do with it
       tree_programs.py check DIRECTORY FIRST COUNT    does that with the second one; prints what differs

A tree has odd names, links, FIFOs and directories that may not be read. Links to directories are none,
some that lead to a part without links, or such as lead back: where Python goes in circles, or goes
through links by "**", nothing is compared.
"""
import errno
import glob
import os
import random
import shutil
import stat
import sys

NAMES = ("a", "b", "ab", "c.tmp", ".hid", "x[", "\u00e4", "-r", " ", "n\nl", "d", "e", os.fsdecode(b"\xff"),
         "l" * 200)
PARTS = ("*", "*", "*", "?", "a*", "[ab]*", "**", "**", ".*", "a", "b", "*.tmp", "[!a]*", "*[*", "d", "..",
         "?*")
WHEN = 1_000_000_000


def told(path):
    return "".join(chr(c) if 32 < c < 127 and c != 92 else f"\\x{c:02x}" for c in os.fsencode(path))


def fill(dice, at, depth, restricted):
    """A directory's entries. Returns the directories."""
    found = [at]
    for name in dice.sample(NAMES, dice.randrange(1, 6)):
        path = os.path.join(at, name)
        kind = dice.randrange(10)
        if kind < 4 and depth < 4:
            os.mkdir(path)
            found += fill(dice, path, depth + 1, restricted)
        elif kind < 8:
            with open(path, "w") as file:
                file.write("text"[:dice.randrange(4)])
            os.chmod(path, dice.choice((0o644, 0o600, 0o755, 0o444, 0o000 if restricted else 0o640)))
        elif kind == 8:
            os.symlink(dice.choice(("nowhere", "a", "../b")), path)
        else:
            os.mkfifo(path)
    return found


def make_tree(seed, at, restricted):
    """The kind of its links, and its directories."""
    dice = random.Random(seed)
    kind = dice.randrange(3)
    os.mkdir(at)
    tree = os.path.join(at, "tree")
    os.mkdir(tree)
    directories = fill(dice, tree, 0, restricted)
    if kind == 1:
        os.mkdir(os.path.join(tree, "targets"))
        with open(os.path.join(tree, "targets", "file"), "w") as file:
            file.write("x")
        targets = os.path.join(tree, "targets")
    for where in dice.sample(directories, min(len(directories), 3)) if kind else ():
        path = os.path.join(where, "way")
        back = (".", "..", "way", ".." if where == tree else "../..")
        os.symlink(os.path.relpath(targets, where) if kind == 1 else dice.choice(back), path)
    # What a name leads to decides what is copied: links to files that turned out to be directories.
    for path in walk(tree):
        if kind < 2 and os.path.islink(path) and os.path.isdir(path) and os.path.basename(path) != "way":
            os.unlink(path)
            os.symlink("nowhere", path)
    for path in sorted(walk(tree), reverse=True) + [tree]:
        if not os.path.islink(path):
            os.utime(path, (WHEN, WHEN + dice.randrange(1000)))
        if restricted and path != tree and os.path.isdir(path) and not os.path.islink(path):
            if os.listdir(path) and dice.randrange(4) == 0:
                os.chmod(path, dice.choice((0o000, 0o300, 0o500, 0o100)))
    return kind


def walk(at, follow=False, above=()):
    """All paths below, without going in circles."""
    try:
        me = os.stat(at)
        names = os.listdir(at)
    except OSError:
        return
    if (me.st_dev, me.st_ino) in above:
        return
    for name in names:
        path = os.path.join(at, name)
        yield path
        if os.path.isdir(path) if follow else is_directory(path):
            yield from walk(path, follow, above + ((me.st_dev, me.st_ino),))


def is_directory(path):
    return stat.S_ISDIR(os.lstat(path).st_mode)


def letter(path):
    mode = os.lstat(path).st_mode
    kinds = {"d": stat.S_ISDIR, "l": stat.S_ISLNK, "p": stat.S_ISFIFO, "-": stat.S_ISREG}
    return next(letter for letter, is_one in kinds.items() if is_one(mode))


def leaves(parts):
    """More than one level up: that is not the same for both."""
    depth = 0
    for part in parts:
        depth += {"..": -1, "**": 0}.get(part, 1)
        if depth < -1:
            return True
    return False


def program(seed, kind):
    """Lines of what to do: a verb, and its arguments."""
    dice = random.Random(-seed - 1)
    yield "walk", "0"
    yield "walk", "1"
    for _ in range(12):
        parts = [dice.choice(PARTS) for _ in range(dice.randrange(1, 5))]
        if (kind and "**" in parts) or leaves(parts):
            continue
        yield "glob", str(dice.randrange(2)), "/".join(parts) + dice.choice(("", "", "/"))
    yield "copytree", "links", "tree", "copy1"
    if kind < 2:
        yield "copytree", "plain", "tree", "copy2"
        yield "copytree", "again", "tree", "copy1"
    yield "copytree", "plain", "none", "copy3"
    for _ in range(3):
        yield "move", dice.choice(("copy1/a", "copy1/b", "tree/d", "copy1/x[", "copy1", "none")), \
            dice.choice(("moved", "copy1/a", "copy1/b/c", "tree", "tree/e"))
    yield "rmtree", dice.choice(("copy1/a", "tree/way", "moved", "copy1/b"))
    yield "rmtree", "copy1"


class Refused(Exception):
    pass


def rename(source, target, real=os.rename):
    """Only what is on another file system is copied: not also what must not be renamed."""
    try:
        real(source, target)
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise
        raise Refused from error


class Theirs:
    def __init__(self, at):
        self.at = at

    def short(self, path):
        return told(os.path.relpath(path, self.at)) + ("/" if path.endswith("/") else "")

    def walk(self, follow):
        tree = os.path.join(self.at, "tree")
        return [letter(path) + self.short(path) for path in walk(tree, follow == "1")]

    def glob(self, hidden, pattern):
        tree = os.path.join(self.at, "tree")
        found = glob.glob(os.path.join(tree, pattern), recursive=True, include_hidden=hidden == "1")
        # What is before "**" is taken for a directory unseen.
        found = [path for path in found if not path.endswith("/") or os.path.isdir(path)]
        if not pattern.endswith("/"):
            found = [path.rstrip("/") for path in found]
        return sorted({told(path[len(tree) + 1:]) for path in found})

    def copytree(self, how, source, target):
        more = {"ignore": shutil.ignore_patterns("*a*"), "dirs_exist_ok": True} if how == "again" else {}
        try:
            shutil.copytree(os.path.join(self.at, source), os.path.join(self.at, target),
                            symlinks=how == "links", **more)
        except shutil.Error as error:
            return sorted({self.short(item[0]) for item in error.args[0]})
        except OSError as error:
            return [f"failed {error.errno}"]
        return ["done"]

    def move(self, source, target):
        source, target = os.path.join(self.at, source), os.path.join(self.at, target)
        there = os.path.join(target, os.path.basename(source))
        if os.path.islink(there) and not os.path.exists(there):
            return ["failed"]  # a link that leads nowhere is not replaced either
        try:
            return [self.short(shutil.move(source, target) or target)]
        except (OSError, Refused):
            return ["failed"]

    def rmtree(self, path):
        failed = set()

        def note(_, where, info):
            if info[1].errno != errno.ENOTEMPTY:  # of what is in there somebody has heard
                failed.add(self.short(where))

        path = os.path.join(self.at, path)
        if os.path.lexists(path) and not is_directory(path):
            return [self.short(path)]  # a FIFO would be waited for
        shutil.rmtree(path, onerror=note)
        return sorted(failed)


def look(at):
    """What there is: unreadable directories too."""
    for path in sorted(os.listdir(at)):
        path = os.path.join(at, path)
        found = os.lstat(path)
        line = f"{letter(path)} {told(path)} {found.st_mode & 0o7777:o}"
        if found.st_mtime < WHEN + 10_000 and not stat.S_ISLNK(found.st_mode):
            line += f" {int(found.st_mtime)}"
        if stat.S_ISLNK(found.st_mode):
            line += f" {told(os.readlink(path))}"
        if stat.S_ISREG(found.st_mode) and found.st_mode & 0o400:
            with open(path) as file:
                line += f" {file.read()}"
        yield line
        if stat.S_ISDIR(found.st_mode):
            os.chmod(path, 0o700)
            yield from look(path)


def make(directory, seeds):
    restricted = os.geteuid() != 0
    for seed in seeds:
        at = os.path.join(directory, str(seed))
        os.mkdir(at)
        kind = make_tree(seed, os.path.join(at, "ours"), restricted)
        make_tree(seed, os.path.join(at, "theirs"), restricted)
        with open(os.path.join(at, "program"), "w", newline="") as file:
            for line in program(seed, kind):
                file.write("\t".join(line) + "\n")


def check(directory, seeds):
    os.rename = rename
    for seed in seeds:
        at = os.path.join(directory, str(seed))
        theirs = Theirs(os.path.join(at, "theirs"))
        with open(os.path.join(at, "program"), newline="") as file:
            lines = [line.rstrip("\n").split("\t") for line in file]
        with open(os.path.join(at, "results")) as file:
            results = [line.rstrip("\n") for line in file]
        for line, ours in zip(lines, results, strict=True):
            expected = " ".join(sorted(getattr(theirs, line[0])(*line[1:])))
            if ours != expected:
                print(f"{seed}: {line}\n  ours:   {ours}\n  Python: {expected}")
        os.chdir(os.path.join(at, "ours"))
        ours = list(look("."))
        os.chdir(os.path.join(at, "theirs"))
        for one, other in zip(*pad(ours, list(look(".")))):
            if one != other:
                print(f"{seed}: is there\n  ours:   {one}\n  Python: {other}")
                break


def pad(one, other):
    most = max(len(one), len(other))
    return one + [""] * (most - len(one)), other + [""] * (most - len(other))


def main():
    work = {"make": make, "check": check}[sys.argv[1]]
    work(sys.argv[2], range(int(sys.argv[3]), int(sys.argv[3]) + int(sys.argv[4])))


if __name__ == "__main__":
    main()
