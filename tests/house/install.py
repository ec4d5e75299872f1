"""Installs the library somewhere and builds a separate program against it: through pkg-config with the
shared and with the static library, and with eddy as a meson subproject."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = """#include <eddy/eddy.hpp>
#include <cstdio>
using namespace std::chrono_literals;
eddy::Task<int> answer() {
  co_await eddy::sleep(1ms);
  co_return 42;
}
int main() { std::printf("%d\\n", eddy::run(answer())); }
"""
MESON = """project('user', 'cpp', default_options: ['buildtype=release'])
add_project_arguments('-std=c++23', language: 'cpp')
executable('user', 'main.cpp', dependencies: dependency('eddy', fallback: ['eddy', 'eddy_dep']))
"""


def run(*command, **options):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if result.returncode:
        print("failed:", *command, "\n", result.stdout[-3000:], result.stderr[-3000:])
        sys.exit(1)
    return result.stdout.strip()


def check(program, **options):
    output = run(program, **options)
    if output != "42":
        print(f"{program} printed {output!r}")
        sys.exit(1)


def main():
    compiler = os.environ.get("CXX", "g++")
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        (work / "main.cpp").write_text(PROGRAM)
        prefix = work / "prefix"
        run("meson", "setup", work / "build", ROOT, f"--prefix={prefix}", "--libdir=lib",
            "-Dtests=disabled", "-Dexamples=disabled", "-Dbench=disabled", "-Dbuildtype=release")
        run("meson", "install", "-C", work / "build")

        environment = dict(os.environ, PKG_CONFIG_PATH=str(prefix / "lib/pkgconfig"),
                           LD_LIBRARY_PATH=str(prefix / "lib"))
        flags = run("pkg-config", "--cflags", "--libs", "eddy", env=environment).split()
        run(compiler, work / "main.cpp", "-o", work / "shared", *flags, env=environment)
        check(work / "shared", env=environment)
        (prefix / "lib/libeddy.so").unlink()
        flags = run("pkg-config", "--static", "--cflags", "--libs", "eddy", env=environment).split()
        run(compiler, work / "main.cpp", "-o", work / "static", *flags, env=environment)
        check(work / "static")

        user = work / "user"
        (user / "subprojects").mkdir(parents=True)
        shutil.copy(work / "main.cpp", user)
        (user / "meson.build").write_text(MESON)
        os.symlink(ROOT, user / "subprojects" / "eddy")
        run("meson", "setup", user / "build", user)
        run("ninja", "-C", user / "build")
        check(user / "build" / "user")
    print("pkg-config shared, pkg-config static, subproject: each printed 42")
    return 0


if __name__ == "__main__":
    sys.exit(main())
