"""sync_dir: the target becomes what the source is, and a run that was cut off is gone on with."""
import os
import re
import resource
import subprocess

from test import check, run


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def known(folder):
    found = [(name, os.lstat(folder / name)) for name in names(folder)]
    return [(name, oct(stat.st_mode), stat.st_mtime_ns) for name, stat in found
            if not (folder / name).is_symlink()]


def mirrored(program, source, target, copied, bytes_copied, kept, removed):
    done = run(program, source, target)
    check("stderr", done.stderr, "")
    check("says", done.stdout,
          f"copied {copied} files, {bytes_copied} bytes; kept {kept}, removed {removed}\n")
    check("names", names(target), names(source))
    check("diff", run("diff", "-r", "--no-dereference", source, target).stdout, "")
    check("modes and times", known(target), known(source))


def make(source):
    (source / "a" / "deep" / "er").mkdir(parents=True)
    (source / "empty").mkdir(mode=0o500)
    for i in range(50):
        (source / "a" / f"file {i}\n").write_bytes(b"%d" % i * i)
    (source / "a" / "deep" / "program").write_text("#!/bin/sh\n")
    (source / "a" / "deep" / "program").chmod(0o755)
    (source / "big").write_bytes(os.urandom(3 << 20))
    (source / "link").symlink_to("a/deep")
    (source / "dangling").symlink_to("nowhere")


def small_files_only():
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))


def test(program, work):
    source, target = work / "source", work / "target"
    make(source)
    cut = subprocess.run([program, source, target], capture_output=True, text=True, timeout=60,
                         preexec_fn=small_files_only, restore_signals=False)
    check("exit code", cut.returncode, 1)
    check("stderr", bool(re.search(r"File too large", cut.stderr)), True)
    mirrored(program, source, target, 1, 2 << 20, 51, 0)
    mirrored(program, source, target, 0, 0, 52, 0)

    (source / "a" / "file 7\n").write_text("changed")
    (source / "a" / "file 8\n").unlink()
    (source / "a" / "deep" / "program").unlink()
    (source / "a" / "deep" / "program").mkdir()
    (source / "link").unlink()
    (source / "link").write_text("a file now")
    (source / "dangling").unlink()
    (source / "dangling").symlink_to("a")
    (target / "extra" / "deep").mkdir(parents=True)
    (target / "extra" / "deep" / "file").touch()
    # Removed: file 8, the program, the link that is a file now, and what is extra.
    mirrored(program, source, target, 2, len("changed" "a file now"), 49, 4)

    check("into itself", run(program, source, source / "a").returncode, 1)
    check("missing", run(program, work / "none", target).returncode, 1)
    check("still there", names(target), names(source))
