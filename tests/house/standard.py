"""Each public header refuses an older standard than C++23 in one line, whichever is included first."""
import concurrent.futures
import os
import pathlib
import subprocess
import sys

RUNTIME = pathlib.Path(__file__).resolve().parents[2] / "runtime"
SAID = "eddy needs C++23: compile with -std=c++23, GCC 12 or clang 19"


def errors_of(command, standard, header):
    run = subprocess.run(
        command + [f"-std=c++{standard}", "-fsyntax-only", f"-I{RUNTIME}", "-x", "c++", "-"],
        input=f"#include <{header}>\n", capture_output=True, text=True)
    return standard, header, [line for line in run.stderr.splitlines() if "error: " in line]


def main():
    command = sys.argv[1:] or ["g++"]
    headers = sorted(str(path.relative_to(RUNTIME)) for path in RUNTIME.rglob("*.hpp"))
    wanted = [(standard, header) for standard in (17, 20) for header in headers]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for standard, header, errors in pool.map(lambda w: errors_of(command, *w), wanted):
            if len(errors) != 1 or SAID not in errors[0]:
                failed += 1
                print(f"{header} with -std=c++{standard}: {len(errors)} errors\n", *errors[:1])
    print(f"{len(wanted) - failed} of {len(wanted)} refusals are one line")
    return 1 if failed or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
