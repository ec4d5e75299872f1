"""Compiles every public header alone: it includes what it uses. And none of them reads <filesystem>,
whose 57,000 lines cost each file of a user a tenth of what all of eddy costs it."""
import concurrent.futures
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def compile_alone(command, header, folder):
    """To an object, which ccache keeps, from a place that is the same in each clone."""
    name = header.replace("/", "_").removesuffix(".hpp")
    (folder / f"{name}.cpp").write_text(f"#include <{header}>\n#include <{header}>\n")
    run = subprocess.run(
        command + ["-std=c++23", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                   f"-I{os.path.relpath(ROOT / 'runtime', folder)}", "-MD", "-MF", f"{name}.d",
                   "-c", f"{name}.cpp", "-o", f"{name}.o"],
        cwd=folder, capture_output=True, text=True)
    return header, run.returncode, run.stderr


def reads_filesystem(command):
    run = subprocess.run(command + ["-std=c++23", "-M", f"-I{ROOT / 'runtime'}", "-x", "c++", "-"],
                         input="#include <eddy/eddy.hpp>\n", capture_output=True, text=True)
    return run.returncode or "/filesystem" in run.stdout


def main():
    folder = pathlib.Path(sys.argv[1]) / "headers"
    folder.mkdir(exist_ok=True)
    command = sys.argv[2:] or ["g++"]
    if reads_filesystem(command):
        print("eddy/eddy.hpp includes <filesystem>")
        return 1
    runtime = ROOT / "runtime"
    headers = sorted(str(p.relative_to(runtime)) for p in runtime.rglob("*.hpp"))
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for header, code, errors in pool.map(lambda h: compile_alone(command, h, folder), headers):
            if code:
                failed += 1
                print(f"{header} does not compile alone:\n{errors[:2000]}")
    print(f"{len(headers) - failed} of {len(headers)} headers compile alone")
    return 1 if failed or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
