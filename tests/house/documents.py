"""Compiles every C++ block of the documents, and runs the README's first program: it must be
examples/hello.cpp to the letter, and print what the README shows."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "runtime/README.md", "runtime/asyncio.md",
             "runtime/debugging.md"]
BESIDE = ["http", "sql", "tls"]
# What a block may use without saying so.
AROUND = """#include <eddy/eddy.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>
using namespace eddy;
using namespace std::chrono_literals;
"""


def compile_block(text, folder, number, output=None):
    source = folder / f"block{number}.cpp"
    if "int main" not in text:
        if "co_await" in text and not re.search(r"^[\w:<>]*Task<", text, re.M):
            text = "Task<> block() {\n" + text + "\n}\n"
        beside = "".join(f"#include <eddy/{name}.hpp>\n" for name in BESIDE if f"{name}::" in text)
        text = beside + AROUND + text
    source.write_text(text)
    how = ["-o", str(output)] + sys.argv[1:2] + ["-luring"] if output else ["-fsyntax-only"]
    run = subprocess.run(
        os.environ.get("CXX", "g++").split() + ["-std=c++23", "-Wall", f"-I{ROOT / 'runtime'}",
                                                str(source)] + how,
        capture_output=True, text=True)
    return run.stderr if run.returncode else None


def main():
    failed = blocks = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for document in DOCUMENTS:
            for block in re.findall(r"```cpp\n(.*?)```", (ROOT / document).read_text(), re.S):
                blocks += 1
                errors = compile_block(block, folder, blocks)
                if errors:
                    failed += 1
                    print(f"{document}, block {blocks}:\n{block}\n{errors[:1500]}")
        readme = (ROOT / "README.md").read_text()
        program = re.search(r"```cpp\n(.*?)```", readme, re.S).group(1)
        if program != (ROOT / "examples/hello.cpp").read_text():
            failed += 1
            print("the README's first program is not examples/hello.cpp")
        first_end = readme[: readme.index(program) + len(program)].count("\n") + 1
        if first_end > 30:
            failed += 1
            print(f"the README's first program ends in line {first_end}, after line 30")
        shown = re.search(r"prints\n+```\n(.*?)```", readme, re.S).group(1)
        errors = compile_block(program, folder, 0, folder / "hello")
        if errors:
            failed += 1
            print(errors[:1500])
        else:
            printed = subprocess.run([folder / "hello"], capture_output=True, text=True, cwd=ROOT).stdout
            if printed != shown:
                failed += 1
                print(f"the README shows {shown!r}, the program prints {printed!r}")
    print(f"{blocks} blocks, {failed} problems")
    return 1 if failed or not blocks else 0


if __name__ == "__main__":
    sys.exit(main())
