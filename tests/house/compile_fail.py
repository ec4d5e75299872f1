"""Closures that GCC miscompiles are refused at compile time, and the ways out compile and run; so is
what a call that may be abandoned would refer to."""
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent / "compile_fail"


def main():
    library, command = sys.argv[1], sys.argv[2:]
    base = command + ["-std=c++23", f"-I{ROOT / 'runtime'}"]
    macros = subprocess.run(command + ["-dM", "-E", "-x", "c++", "/dev/null"], capture_output=True,
                            text=True).stdout
    affected = "__clang__" not in macros and int(
        next(l.split()[2] for l in macros.splitlines() if l.startswith("#define __GNUC__ "))) < 14
    refused = subprocess.run(base + ["-fsyntax-only", HERE / "temporary_closure.cpp"],
                             capture_output=True, text=True)
    wrong = (HERE / "temporary_closure.cpp").read_text().count("// refused")
    errors = [l for l in refused.stderr.splitlines() if "error:" in l and "capture by reference" in l]
    if affected and len(errors) != wrong:
        print(f"the compiler took {wrong - len(errors)} of {wrong} closures that it miscompiles\n",
              refused.stderr[:2000])
        return 1
    if not affected and refused.returncode:
        print("a compiler that is right was refused\n", refused.stderr[:2000])
        return 1
    abandoned = HERE / "abandoned_call.cpp"
    errors = subprocess.run(base + ["-fsyntax-only", abandoned], capture_output=True, text=True).stderr
    for line, text in enumerate(abandoned.read_text().splitlines(), 1):
        if "// refused" in text and f"abandoned_call.cpp:{line}:" not in errors:
            print(f"the compiler took line {line} of {abandoned.name}\n", errors[:2000])
            return 1
    if "may be abandoned" not in errors:
        print("what refuses a call that may be abandoned does not say so\n", errors[:2000])
        return 1
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "program"
        built = subprocess.run(base + [HERE / "ways_out.cpp", "-o", program, library, "-luring"],
                               capture_output=True, text=True)
        if built.returncode:
            print(built.stderr[:2000])
            return 1
        return subprocess.run([program]).returncode


if __name__ == "__main__":
    sys.exit(main())
