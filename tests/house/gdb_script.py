"""What gdb says, by runtime/gdb/eddy.py, of a program whose tasks all wait, and of a core of it: compiled
by this compiler, and by clang where that is there."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "runtime" / "gdb" / "eddy.py"
SOURCE = ROOT / "tests" / "house" / "parked.cpp"
SKIPPED = 77  # to meson
TASKS = r"""
loop 1 of thread 1: 10 tasks
task 1 "main" in amain\(\) \(parked.cpp:\d+\): runs: see bt
task 2 "locks" in takes_it_twice\(Lock ?&\) .*: waits for Lock: held by task 2 "locks", 1 waiting
       #0 takes_it_twice.* at line @takes_it_twice+2, frame 0x[0-9a-f]+
task 3 "getter" in gets\(Queue<int> ?&\) .*: waits for Queue::Get: 0 of 64, 1 wait to get
task 4 "reader" in reads\(Stream ?&\) .*: waits for read of fd \d+( \(socket:\[\d+\]\))?
task 5 "deep" in first\(Event ?&\) .*: waits for Event::Wait: not set, 3 waiting
       #0 third\(Event ?&\) \(parked.cpp:@third\) at line @third+1, frame 0x[0-9a-f]+
       #1 second\(Event ?&\) \(parked.cpp:@second\) at line @second+2, frame 0x[0-9a-f]+
       #2 first\(Event ?&\) \(parked.cpp:@first\) at line @first+0, frame 0x[0-9a-f]+
task 6 "joiner" in joins\(JoinHandle<>\) .*: waits for JoinWaiter: task 5 "deep": waits
task 7 "sleeper" in sleeps\(\) .*: waits for time: \S+ s to go
task 8 "limited" in in_time\(Event ?&\) .*: waits for Event::Wait: not set, 3 waiting
task 9 "consumer" in counts\(Event ?&\) .*: waits for Event::Wait: not set, 3 waiting
       #0 numbers\(Event ?&\) \(parked.cpp:@numbers\) at line @numbers+1, frame 0x[0-9a-f]+
       #1 counts\(Event ?&\) \(parked.cpp:@counts\) at line @counts+2, frame 0x[0-9a-f]+
task 10 "unstarted" in sleeps\(\) .*: not started
"""
PRINTED = {
    "lock": r"held by task 2 \"locks\", 1 waiting", "queue": r"0 of 64, 1 wait to get",
    "event": r"not set, 3 waiting", "stream": r"fd \d+ \(socket:.*\)", "text": r'"a text"',
    "duration": r"1\.5 s", "failure": r"open 'data.txt': No such file or directory",
    "unrun": r"second\(Event ?&\) \(parked.cpp:@second\), not started", "deep": r'task 5 "deep": waits',
}


def gdb(*commands, program):
    arguments = [part for command in commands for part in ("-ex", command)]
    run = subprocess.run(
        ["gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-ex", "set pagination off",
         "-ex", f"source {SCRIPT}", *arguments, *program],
        capture_output=True, text=True, timeout=300)
    return run.stdout, run.stderr


def line_of(function):
    """Where the source has it."""
    lines = SOURCE.read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if f"> {function}(" in line)


def missing(patterns, said):
    """Those that no line is, wholly and in order."""
    lines = iter(said.splitlines())
    for pattern in patterns:
        pattern = re.sub(r"@(\w+)(\+\d)?", lambda at: str(line_of(at[1]) + int(at[2] or 0)), pattern)
        if not any(re.fullmatch(pattern, line) for line in lines):
            yield pattern


def check(what, patterns, said):
    for pattern in missing(patterns, said):
        print(f"{what}: no line (in its order) is\n    {pattern}\nin what gdb said:\n{said}")
        return 1
    return 0


def look_into(program, folder):
    core = str(folder / "core")
    said, errors = gdb("break all_are_parked", "run", "eddy tasks -v", "eddy stack 5 -v", "up",
                       *(f"print {name}" for name in PRINTED), f"generate-core-file {core}",
                       program=[program])
    if "Breakpoint 1, " not in said:
        print(f"gdb cannot run a program here: {errors}")
        return SKIPPED
    failed = check("tasks", TASKS.split("\n")[1:-1], said)
    failed += check("stack", [r"       #1 second.*", r"            local = 42", r"       #2 first.*"], said)
    failed += check("print", [rf"\$\d+ = {pattern}" for pattern in PRINTED.values()], said)
    said, _ = gdb("break the_loop_closes", "run", "eddy tasks", program=[program])
    failed += check("a loop that closes", [r'task 7 "sleeper" .*: runs: see bt, asked to stop'], said)
    said, _ = gdb("eddy tasks -v", program=[program, core])
    failed += check("core", TASKS.split("\n")[1:-1], said)
    said, _ = gdb("eddy tasks", program=["-iex", "set libthread-db-search-path /", program, core])
    failed += check("core without libthread_db", [r"loop 1 of thread 1: 10 tasks"], said)
    subprocess.run(["strip", "-g", program], check=True)
    _, errors = gdb("eddy tasks", program=[program, core])
    if "there is no debug information of eddy's types" not in errors:
        failed += 1
        print(f"without debug information: {errors}")
    return failed


def main():
    library, command = sys.argv[1], sys.argv[2:]
    if not shutil.which("gdb"):
        print("there is no gdb")
        return SKIPPED
    compilers = [command]
    if "clang" not in command[-1] and shutil.which("clang++-19"):
        compilers.append(command[:-1] + ["clang++-19", "-fstandalone-debug"])
    failed = 0
    for compiler in compilers:
        with tempfile.TemporaryDirectory() as name:
            program = pathlib.Path(name) / "parked"
            subprocess.run([*compiler, "-std=c++23", "-g", f"-I{ROOT / 'runtime'}", SOURCE, library,
                            "-luring", "-o", program], check=True)
            found = look_into(program, pathlib.Path(name))
            if found == SKIPPED:
                return SKIPPED
            failed += found
    print(f"{len(compilers)} compilers, {failed} problems")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
