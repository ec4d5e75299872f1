"""Installs the library somewhere and builds a separate program against it: through pkg-config and through
CMake's find_package with the shared and with the static library, with eddy as a meson subproject, and with
eddy's sources by CMake's FetchContent; so with the libraries beside it, where what they need is there. gdb
finds what is installed for it."""
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
# Libraries beside eddy's: the package that each stands on, and something of its own.
BESIDE = {
    "http": ("libcurl", "eddy::http::Client client;"),
    "sql": ("libpq", "eddy::sql::ConnectOptions options;"),
    "tls": ("openssl", "eddy::tls::ClientContext context;"),
}
BESIDE_CMAKE = """cmake_minimum_required(VERSION 3.20)
project(user CXX)
find_package(eddy 0.1 REQUIRED)
add_executable(user main.cpp)
target_link_libraries(user PRIVATE {targets})
"""
MESON = """project('user', 'cpp', default_options: ['buildtype=plain'])
add_project_arguments('-std=c++23', language: 'cpp')
executable('user', 'main.cpp', dependencies: dependency('eddy', fallback: ['eddy', 'eddy_dep']))
"""
CMAKE = """cmake_minimum_required(VERSION 3.20)
project(user CXX)
find_package(eddy 0.1 REQUIRED)
add_executable(shared main.cpp)
target_link_libraries(shared PRIVATE eddy::eddy)
add_executable(static main.cpp)
target_link_libraries(static PRIVATE eddy::eddy_static)
"""
FETCH = """cmake_minimum_required(VERSION 3.20)
project(user CXX)
include(FetchContent)
FetchContent_Declare(eddy SOURCE_DIR {root} SOURCE_SUBDIR runtime)
FetchContent_MakeAvailable(eddy)
add_executable(user main.cpp)
target_link_libraries(user PRIVATE {targets})
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


def cmake(folder, text, *options, **how):
    folder.mkdir()
    (folder / "CMakeLists.txt").write_text(text)
    shutil.copy(folder.parent / "main.cpp", folder)
    run("cmake", "-S", folder, "-B", folder / "build", "-G", "Ninja", *options, **how)
    run("cmake", "--build", folder / "build")
    return folder / "build"


def there(name):
    """Whether what a library beside eddy's stands on is there."""
    return subprocess.run(["pkg-config", "--exists", BESIDE[name][0]]).returncode == 0


def program_of(names):
    """One that has something of each of these libraries."""
    includes = "".join(f"#include <eddy/{name}.hpp>\n" for name in names)
    body = " ".join(BESIDE[name][1] for name in names)
    return includes + PROGRAM.replace("int main() {", "int main() { " + body)


def check_beside(names, work, prefix, environment, compiler, with_compiler):
    """By pkg-config with the shared libraries, and by CMake's find_package."""
    folder = work / "beside"
    folder.mkdir()
    (folder / "main.cpp").write_text(program_of(names))
    flags = run("pkg-config", "--cflags", "--libs", *(f"eddy-{name}" for name in names),
                env=environment).split()
    run(*compiler, folder / "main.cpp", "-o", folder / "user", *flags, env=environment)
    check(folder / "user", env=environment)
    check_targets(names, folder / "found", prefix, with_compiler)


def check_targets(names, folder, prefix, with_compiler):
    targets = " ".join(f"eddy::{name}" for name in names)
    found = cmake(folder, BESIDE_CMAKE.format(targets=targets), f"-DCMAKE_PREFIX_PATH={prefix}",
                  *with_compiler)
    check(found / "user")


def check_gdb_script(prefix):
    """Where gdb is: it loads what belongs to the library together with the library."""
    scripts = prefix / "share/gdb/auto-load"
    if not shutil.which("gdb"):
        return
    said = run("gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off",
               "-iex", f"add-auto-load-scripts-directory {scripts}",
               "-iex", f"add-auto-load-safe-path {scripts}", prefix / "lib/libeddy.so", "-ex", "help eddy")
    if "eddy tasks" not in said:
        print("gdb did not load what belongs to", prefix / "lib/libeddy.so", "\n", said)
        sys.exit(1)


def main():
    compiler = os.environ.get("CXX", "g++").split()  # with ccache before it, where that is there
    with_compiler = [f"-DCMAKE_CXX_COMPILER={compiler[-1]}"]
    if len(compiler) > 1:
        with_compiler += [f"-DCMAKE_CXX_COMPILER_LAUNCHER={compiler[0]}"]
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        (work / "main.cpp").write_text(PROGRAM)
        prefix = work / "prefix"
        run("meson", "setup", work / "build", ROOT, f"--prefix={prefix}", "--libdir=lib",
            "-Dtests=disabled", "-Dexamples=disabled", "-Dbench=disabled", "-Dbuildtype=plain")
        run("meson", "install", "-C", work / "build")

        check_gdb_script(prefix)
        environment = dict(os.environ, PKG_CONFIG_PATH=str(prefix / "lib/pkgconfig"),
                           LD_LIBRARY_PATH=str(prefix / "lib"))
        flags = run("pkg-config", "--cflags", "--libs", "eddy", env=environment).split()
        run(*compiler, work / "main.cpp", "-o", work / "shared", *flags, env=environment)
        check(work / "shared", env=environment)
        found = cmake(work / "found", CMAKE, f"-DCMAKE_PREFIX_PATH={prefix}", *with_compiler)
        check(found / "shared")
        check(found / "static")
        beside = [name for name in BESIDE if there(name)]
        if beside:
            check_beside(beside, work, prefix, environment, compiler, with_compiler)
        for library in (prefix / "lib").glob("libeddy*.so"):
            library.unlink()
        if beside:
            check_targets(beside, work / "beside/static", prefix, with_compiler)
        flags = run("pkg-config", "--static", "--cflags", "--libs", "eddy", env=environment).split()
        run(*compiler, work / "main.cpp", "-o", work / "static", *flags, env=environment)
        check(work / "static")

        user = work / "user"
        (user / "subprojects").mkdir(parents=True)
        shutil.copy(work / "main.cpp", user)
        (user / "meson.build").write_text(MESON)
        os.symlink(ROOT, user / "subprojects" / "eddy")
        run("meson", "setup", user / "build", user, *(f"-Deddy:{name}=disabled" for name in BESIDE))
        run("ninja", "-C", user / "build")
        check(user / "build" / "user")
        (work / "main.cpp").write_text(program_of(beside))
        targets = " ".join(["eddy::eddy", *(f"eddy::{name}" for name in beside)])
        fetched = cmake(work / "fetched", FETCH.format(root=ROOT, targets=targets), *with_compiler,
                        *(f"-DEDDY_{name.upper()}=ON" for name in beside),
                        "-DCMAKE_UNITY_BUILD=ON", "-DCMAKE_UNITY_BUILD_BATCH_SIZE=1000")
        check(fetched / "user")
    print("pkg-config and find_package, shared and static, subproject and FetchContent: each printed 42,",
          "and with what stands beside:", *beside)
    return 0


if __name__ == "__main__":
    sys.exit(main())
