"""Servers and clients as child processes, which end when this one does."""
import atexit
import ctypes
import os
import pathlib
import random
import resource
import signal
import socket
import subprocess
import time

libc = ctypes.CDLL(None)
children = []


class Skip(Exception):
    """What is needed is not there: said, and no failure."""


class Failed(Exception):
    """A server or a client did not do what it should."""


def spawn(command, cpu=None, **how):
    """A child in a group of its own, which ends when this program does, however that ends."""

    def prepare():
        libc.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored in the background of a script
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    how.setdefault("stdin", subprocess.DEVNULL)
    child = subprocess.Popen([str(word) for word in command], preexec_fn=prepare, start_new_session=True,
                             **how)
    children.append(child)
    return child


def end(child, patience=20, first=signal.SIGINT):
    """Its whole group; the hard way if it does not listen. At SIGTERM perf would report nothing."""
    for number in (first, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            pass
        try:
            child.wait(patience)
            break
        except subprocess.TimeoutExpired:
            continue
    if child in children:
        children.remove(child)


@atexit.register
def end_all():
    for child in list(children):
        end(child, patience=2)


def output_of(command, cpu=None, patience=60):
    """What a client prints. Failed when it fails or takes too long."""
    child = spawn(command, cpu, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        text, errors = child.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[0]} did not end") from None
    finally:
        end(child)
    if child.returncode != 0:
        raise Failed(f"{pathlib.Path(command[0]).name}: {errors.strip() or text.strip()}")
    return text


def free_port():
    """Outside the range that connections get theirs from."""
    while True:
        port = random.randrange(20000, 30000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


class Server:
    """`command` makes its command line of a port."""

    def __init__(self, name, command):
        self.name, self.command = name, command
        self.process = self.port = None

    def start(self, cpu, before=(), patience=60):
        """With the words `before` in front of its command line."""
        for _ in range(3):  # another program may take the port meanwhile
            self.port = free_port()
            self.process = spawn([*before, *self.command(self.port)], cpu, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
            if self.answers(time.monotonic() + patience):
                return
            self.stop()
        raise Failed(f"{self.name} does not start")

    def answers(self, deadline):
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                time.sleep(0.01)
                return self.process.poll() is None
            except OSError:
                time.sleep(0.01)
        return False

    def stop(self, first=signal.SIGINT):
        end(self.process, first=first)

    @property
    def pid(self):
        return self.process.pid

    def processor_ns(self):
        """Of all its processes and their threads, with what they are using just now."""
        total = 0
        for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                if int(entry.read_text().rpartition(")")[2].split()[2]) == self.pid:
                    total += time.clock_gettime_ns((~int(entry.parent.name) << 3) | 2)
            except OSError:
                continue  # it ended meanwhile
        return total
