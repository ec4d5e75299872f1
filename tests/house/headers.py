"""Compiles every header alone: it includes what it uses, and is clean under the warnings that a user may
turn on; every_verb.cpp is for those that come when a template is made. And no header reads <filesystem>,
whose 57,000 lines cost each file of a user a tenth of what all of eddy costs it.

    headers.py FOLDER [--verbs] [COMPILER...]    --verbs: only every_verb.cpp, and all headers at once
"""
import concurrent.futures
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]


def compile_file(command, name, text, folder):
    """To an object, which ccache keeps, from a place that is the same in each clone."""
    (folder / f"{name}.cpp").write_text(text)
    run = subprocess.run(
        command + ["-std=c++23", *WARNINGS, f"-I{os.path.relpath(ROOT / 'runtime', folder)}",
                   "-MD", "-MF", f"{name}.d", "-c", f"{name}.cpp", "-o", f"{name}.o"],
        cwd=folder, capture_output=True, text=True)
    return run.returncode, run.stderr


def compile_alone(command, header, folder):
    name = header.replace("/", "_").removesuffix(".hpp")
    return header, *compile_file(command, name, f"#include <{header}>\n" * 2, folder)


def compile_every_verb(command, assertions, folder):
    text = (ROOT / "tests/house/every_verb.cpp").read_text()
    flag = "-UNDEBUG" if assertions else "-DNDEBUG"
    return f"every_verb.cpp {flag}", *compile_file(command + [flag], f"every_verb{flag}", text, folder)


def knows_useless_casts(command):
    """GCC does; with ccache before it, its name says nothing."""
    run = subprocess.run(command + ["-dM", "-E", "-x", "c++", "/dev/null"], capture_output=True, text=True)
    return "__clang__" not in run.stdout


def reads_filesystem(command):
    run = subprocess.run(command + ["-std=c++23", "-M", f"-I{ROOT / 'runtime'}", "-x", "c++", "-"],
                         input="#include <eddy/eddy.hpp>\n", capture_output=True, text=True)
    return run.returncode or "/filesystem" in run.stdout


def main():
    folder = pathlib.Path(sys.argv[1]) / "headers"
    folder.mkdir(exist_ok=True)
    command = [word for word in sys.argv[2:] if word != "--verbs"] or ["g++"]
    if reads_filesystem(command):
        print("eddy/eddy.hpp includes <filesystem>")
        return 1
    runtime = ROOT / "runtime"
    headers = sorted(str(p.relative_to(runtime)) for p in runtime.rglob("*.hpp"))
    if "--verbs" in sys.argv:
        headers = ["eddy/eddy.hpp"]
    if knows_useless_casts(command):
        command = command + ["-Wuseless-cast"]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = [pool.submit(compile_every_verb, command, on, folder) for on in (True, False)]
        runs += [pool.submit(compile_alone, command, header, folder) for header in headers]
    failed = 0
    for name, code, errors in (run.result() for run in runs):
        if code:
            failed += 1
            print(f"{name} does not compile:\n{errors[:2000]}")
    print(f"{len(runs) - failed} of {len(runs)} files compile: each header alone, and every verb")
    return 1 if failed or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
