"""Lists calls past the ring that stand elsewhere than in runtime/eddy/base/internal/sys.hpp: what another
kernel, a simulated one, would not see; and calls of io_uring outside of core/internal/io_uring."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "runtime" / "eddy"
SEAM = "base/internal/sys.hpp"

# What these stand on makes its own calls, which no other kernel sees.
BESIDE = ["http", "sql", "tls"]

# Of libc's, these only compute.
COMPUTES = {"gai_strerror", "inet_ntop", "inet_pton", "major", "makedev", "minor", "pthread_atfork",
            "pthread_self", "sigaddset", "sigemptyset", "sigfillset", "sigismember", "strnlen"}
# No function, but the language's words and eddy's own namespace.
WORDS = {"new", "operator", "eddy"}
# eddy has functions of these names, so that only `::name` is told from them.
OURS = {"accept", "access", "bind", "chmod", "chown", "close", "connect", "eventfd", "getcwd", "kill",
        "lchown", "link", "listen", "mkdir", "now", "open", "poll", "raise", "read", "readlink", "rename",
        "rmdir", "send", "shutdown", "socket", "splice", "statvfs", "symlink", "truncate", "unlink", "write"}
STANDARD = re.compile(
    r"\w+_clock::now\b|\b(?:random_device|filesystem::\w+|[io]?fstream|this_thread::sleep_\w+)\b"
    r"|\bstd::(?:fopen|freopen|getenv|remove|rename|system|time|tmpfile|cin|cout|cerr|clog)\b")
IO_URING = re.compile(r"\bliburing(?:\.h|/)|\bio_uring_\w+(?=\()|\b(?:__NR|SYS)_io_uring_\w+")
GLOBAL = re.compile(r"(?<![\w>:)\]])::(\w+)")

# Each is found, or this test finds nothing.
PLANTED = ["  ::pread(fd, into, size, 0);", "ask(&::getsockname, fd)", "return ::syscall(SYS_gettid);",
           "const auto start = std::chrono::steady_clock::now();", 'std::getenv("HOME")',
           "x = getpid();", "if (fstat(fd, &stat) < 0) return;", "std::this_thread::sleep_" "for(1ms);",
           "#include <liburing.h>", "io_uring_submit(&ring);", "call(__NR_io_uring_enter, fd)"]


def code_of(line):
    """Without what is in quotes, and without the comment."""
    return re.sub(r"//.*", "", re.sub(r'"(?:\\.|[^"\\])*"', '""', line))


def calls(line, bare):
    line = code_of(line)
    for name in GLOBAL.findall(line):
        if name not in COMPUTES | WORDS:
            yield "::" + name
    for pattern in (STANDARD, IO_URING, bare):
        yield from pattern.findall(line)


def is_behind_the_ring(path, call):
    """io_uring is one of the kernels under a ring (core/internal/kernel.hpp)."""
    return path.stem == "io_uring" and (call == "::syscall" or "io_uring" in call or "liburing" in call)


def main():
    seam = (LIBRARY / SEAM).read_text()
    names = {name for name in re.findall(r"[ {]::(\w+)\(", seam)} - OURS | {"syscall"}
    bare = re.compile(r"(?<![\w:.>])(?:%s)(?=\()" % "|".join(sorted(names)))
    problems = [f"this test does not find: {line}" for line in PLANTED if not list(calls(line, bare))]
    for path in sorted(LIBRARY.rglob("*.[ch]pp")):
        name = str(path.relative_to(LIBRARY))
        if name == SEAM or path.relative_to(LIBRARY).parts[0] in BESIDE:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for call in calls(line, bare):
                if not is_behind_the_ring(path, call):
                    problems.append(f"runtime/eddy/{name}:{number}: {call}: past the seam")
    for text in problems:
        print(text)
    print(f"{len(names)} calls in {SEAM}, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
