"""supervisor: what dies comes back, later and later; what shall go is gone, and all that it started."""
import ctypes
import os
import re
import signal
import subprocess

from test import check, run
from test_interrupt import start

FOR_EVER = "while :; do sleep 1000; done"


class Supervisor:
    def __init__(self, program, work, commands, *options):
        self.file = work / "commands"
        self.write(commands)
        self.process = start(program, work, *options, "commands")
        self.lines = []

    def write(self, commands):
        self.file.write_text("".join(f"{name}: {command}\n" for name, command in commands.items()))

    def reload(self, commands):
        self.write(commands)
        self.process.send_signal(signal.SIGHUP)

    def wait_for(self, *patterns):
        """Lines that come in whichever order, and what is in their parentheses, else the lines."""
        found = {}
        while len(found) < len(patterns):
            if not (line := self.process.stdout.readline()):
                check("output", "its end", [p for p in patterns if p not in found])
            self.lines.append(line.rstrip("\n"))
            for pattern in patterns:
                if pattern not in found and (match := re.fullmatch(pattern, self.lines[-1])):
                    found[pattern] = match[match.lastindex or 0]
                    break
        return [found[pattern] for pattern in patterns]

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=100)
        self.lines += output.splitlines()
        check("exit code", self.process.returncode, 0)
        check("errors", errors, "")
        return output.splitlines()


def become_heir():
    """Whoever loses its parent becomes this process's child."""
    set_child_subreaper = 36
    check("prctl", ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0), 0)


def nobody_is_left():
    """Waits for those that have been killed; one that lives would keep it waiting."""
    signal.signal(signal.SIGALRM, lambda *_: check("left", children_of(os.getpid()), []))
    signal.alarm(100)
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        signal.alarm(0)


def children_of(pid):
    """Those that have ended, too, where nobody has waited for them."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as stat:
                if int(stat.read().rpartition(")")[2].split()[1]) == pid:
                    found.append(int(name))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def descriptors_of(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def what_dies_is_restarted(program, work):
    """Six times; and leaves neither zombies nor descriptors."""
    healthy = Supervisor(program, work, {"lives": f"echo ready; {FOR_EVER}"})
    healthy.wait_for(r"lives \| ready")
    it = Supervisor(program, work, {"dies": "echo alive; echo oops >&2; printf half; echo >>tries; "
                                            "[ $(wc -l <tries) -le 6 ] && exit 3; "
                                            f"echo; echo stays; {FOR_EVER}"},
                    "--backoff", "20")
    it.wait_for("dies: starts again in 640 ms")
    once = ["dies: started", "dies | alive", "dies | oops", "dies | half", "dies: exit code 3"]
    expected = [line for n in range(6) for line in (*once, f"dies: starts again in {20 << n} ms")]
    check("lines", [re.sub(", process .*", "", line) for line in it.lines], expected)
    pid, _ = it.wait_for(r"dies: started, process (\d+)", r"dies \| stays")
    check("children", children_of(it.process.pid), [int(pid)])
    check("descriptors", descriptors_of(it.process), descriptors_of(healthy.process))
    check("rest", it.end(), ["dies: signal 15"])
    check("rest", healthy.end(), ["lives: signal 15"])
    nobody_is_left()


def reload_changes_only_what_has_changed(program, work):
    commands = {name: f"echo {name} is ready; {FOR_EVER}" for name in ("stays", "goes", "changes")}
    it = Supervisor(program, work, commands)
    stays, *_ = it.wait_for(r"stays: started, process (\d+)",
                            *(rf"{name} \| {name} is ready" for name in commands))
    it.reload({"stays": commands["stays"], "changes": f"echo has changed; {FOR_EVER}",
               "comes": f"echo is new; {FOR_EVER}"})
    it.wait_for("goes: signal 15", "changes: signal 15", r"changes \| has changed", r"comes \| is new")
    in_order = [line for line in it.lines if line in ("changes: signal 15", "changes | has changed")]
    check("in order", in_order, ["changes: signal 15", "changes | has changed"])
    running = children_of(it.process.pid)
    check("running", (len(running), int(stays) in running), (3, True))

    it.file.write_text("# what follows is wrong\n\nname\n")
    it.process.send_signal(signal.SIGHUP)
    check("error", it.process.stderr.readline(), "supervisor: commands:3: no 'NAME: COMMAND'\n")
    check("running", len(children_of(it.process.pid)), 3)
    it.reload(commands)
    it.wait_for("comes: signal 15", r"goes \| goes is ready", r"changes \| changes is ready")
    check("end", sorted(it.end(signal.SIGINT)),
          ["changes: signal 15", "goes: signal 15", "stays: signal 15"])
    check("never again", sum("starts again" in line for line in it.lines), 0)
    nobody_is_left()


def all_end_within_the_grace(program, work):
    commands = {
        "orderly": "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done",
        "deaf": f"trap '' TERM; echo ready; {FOR_EVER}",
        "parent": f"trap 'exit 0' TERM; (trap '' TERM; echo ready; {FOR_EVER}) & wait",
        "quiet": f"(trap '' TERM; echo ready; exec >/dev/null 2>&1; {FOR_EVER}) & wait",
    }
    it = Supervisor(program, work, commands, "--grace", "300")
    it.wait_for(*(rf"{name} \| ready" for name in commands))
    lines = it.end()
    for line in ("orderly | bye", "orderly: exit code 7", "deaf: signal 9", "parent: exit code 0",
                 "quiet: signal 15"):
        check(line, line in lines, True)
    nobody_is_left()


def what_the_dead_leave_behind_goes_too(program, work):
    commands = {"loud": "sleep 1000 & echo $!; exit 1", "deaf": f"(trap '' TERM; {FOR_EVER}) & echo $!",
                "quiet": "sleep 1000 >/dev/null 2>&1 & echo $!"}
    it = Supervisor(program, work, commands, "--grace", "100", "--backoff", "1000000")
    *pids, _, _, _ = it.wait_for(*(rf"{name} \| (\d+)" for name in commands),
                                 "loud: exit code 1", "deaf: exit code 0", "quiet: exit code 0")
    for pid in pids:
        check("by a signal", os.WIFSIGNALED(os.waitpid(int(pid), 0)[1]), True)
    it.end()
    nobody_is_left()


def long_lines_come_in_pieces(program, work):
    it = Supervisor(program, work, {"long": f"head -c 5000 /dev/zero | tr '\\0' x; echo; {FOR_EVER}"})
    it.wait_for(rf"long \| {'x' * 4096}", rf"long \| {'x' * 904}")
    it.end()
    nobody_is_left()


def test(program, work):
    become_heir()
    what_dies_is_restarted(program, work)
    reload_changes_only_what_has_changed(program, work)
    all_end_within_the_grace(program, work)
    what_the_dead_leave_behind_goes_too(program, work)
    long_lines_come_in_pieces(program, work)
    check("help", run(program, "--help").stdout.startswith("usage: supervisor "), True)
    for wrong in ((), ("--grace", "soon", "x"), ("--what", "1", "x"), ("a", "b")):
        check("usage", run(program, *wrong).returncode, 2)
    missing = run(program, work / "none")
    check("missing", (missing.stderr, missing.returncode),
          (f"supervisor: open '{work}/none': No such file or directory\n", 1))
