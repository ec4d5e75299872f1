"""Ctrl-C: each program cleans up, and then ends as one does that never heard of SIGINT."""
import os
import signal
import subprocess

from test import check

# Arguments with which each waits for what never comes. "pipe" is one that is open, and silent.
SERVERS = {
    "chat": ("127.0.0.1:0",),
    "crawler_local": ("--serve", "127.0.0.1:0"),
    "echo_server": ("127.0.0.1:0",),
    "metrics": ("127.0.0.1:0",),
    "proxy": ("0", "127.0.0.1", "1"),
    "redis_like": ("127.0.0.1:0",),
    "udp_dns_like": ("127.0.0.1:0",),
}
FOLLOWERS = {
    "log_rotate": ("follow", "log"),
    "tail": ("log",),
}
READERS = {
    "copy": ("pipe", "target"),
    "file_report": ("tree", "pipe", "report"),
    "grep": ("x", "pipe"),
    "parallel_hash": ("pipe",),
    "pipeline": ("exec cat pipe",),
    "sort_external": ("pipe", "sorted"),
    "wc": ("pipe",),
}


def start(program, work, *arguments):
    """In a shell's background, as in CI, SIGINT is ignored: not by this one."""
    return subprocess.Popen([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, cwd=work, restore_signals=False,
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))


def caught(process):
    with open(f"/proc/{process.pid}/status") as status:
        mask = next(line.split()[1] for line in status if line.startswith("SigCgt:"))
    return int(mask, 16) >> (signal.SIGINT - 1) & 1 == 1


def interrupt(process):
    check("SIGINT is caught", caught(process), True)
    process.send_signal(signal.SIGINT)
    check("rest of the output", process.communicate(timeout=100), ("", ""))
    check("ended by", process.returncode, -signal.SIGINT)


def server(program, work, arguments):
    process = start(program, work, *arguments)
    check("line", process.stdout.readline().startswith("listening on "), True)
    interrupt(process)
    check("left behind", os.listdir(work), [])


def follower(program, work, arguments):
    (work / "log").write_text("one line\n")
    process = start(program, work, *arguments)
    check("line", process.stdout.readline(), "one line\n")
    interrupt(process)


def reader(program, work, arguments):
    (work / "tree").mkdir()
    os.mkfifo(work / "pipe")
    process = start(program, work, *arguments)
    with open(work / "pipe", "wb", buffering=0) as pipe:  # as soon as somebody reads
        interrupt(process)
        try:
            check("taken by nobody", pipe.write(b"x"), None)
        except BrokenPipeError:
            pass


def sort_external_while_it_merges(program, work):
    """What it writes is a pipe, out of which nobody takes anything."""
    (work / "lines").write_text("a line\n" * 100_000)
    os.mkfifo(work / "sorted.part")
    process = start(program, work, "lines", "sorted")
    with open(work / "sorted.part", "rb"):
        interrupt(process)
    check("left behind", sorted(os.listdir(work)), ["lines"])


def graceful_shutdown(program, work):
    for number in (signal.SIGINT, signal.SIGTERM):
        process = start(program, work, "--wait")
        line = process.stdout.readline()
        check("line", line, f"Ctrl-C, or kill {process.pid}\n")
        process.send_signal(number)
        lines = process.communicate(timeout=100)[0].splitlines()
        check("signal", lines[:1], [f"signal {number}"])
        check("end", lines[-2:], ["slow: cleaned up", "the rest was cancelled"])
        check("exit code", process.returncode, 0)


def test(name, program, work):
    for kinds, run in ((SERVERS, server), (FOLLOWERS, follower), (READERS, reader)):
        if name in kinds:
            folder = work / "interrupted"
            folder.mkdir()
            run(program, folder, kinds[name])
    if name == "sort_external":
        folder = work / "merging"
        folder.mkdir()
        sort_external_while_it_merges(program, folder)
    if name == "graceful_shutdown":
        graceful_shutdown(program, work)
