#!/usr/bin/python3
"""file_report.cpp's twin on asyncio and aiofiles (python3-aiofiles): the same report.

Run: examples/file_report.py TREE LOG REPORT"""
import asyncio
import collections
import os
import sys

import aiofiles
import aiofiles.os
import aiofiles.tempfile

AT_ONCE = 32


def suffix(path):
    return os.path.splitext(path)[1] or "none"


async def count_files(paths, kinds):
    while (path := await paths.get()) is not None:
        async with aiofiles.open(path, "rb") as file:
            text = await file.read()
        kind = kinds[suffix(path)]
        kind[0] += 1
        kind[1] += len(text)
        kind[2] += text.count(b"\n")


async def find_files(tree, paths):
    folders = [tree]
    while folders:
        for entry in await aiofiles.os.scandir(folders.pop()):
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif entry.is_file(follow_symlinks=False):
                await paths.put(entry.path)
    for _ in range(AT_ONCE):
        await paths.put(None)


async def count_log(path, levels):
    size = 0
    async with aiofiles.open(path, "rb") as log:
        async for line in log:
            size += len(line)
            levels[line.split(maxsplit=2)[1].decode()] += 1
    return size


async def write_atomic(path, text):
    folder = os.path.dirname(path) or "."
    async with aiofiles.tempfile.NamedTemporaryFile("w", dir=folder, delete=False) as file:
        await file.write(text)
        await file.flush()
        await aiofiles.os.wrap(os.fsync)(file.fileno())
    await aiofiles.os.replace(file.name, path)


async def amain(tree, log, target):
    paths = asyncio.Queue(2 * AT_ONCE)
    kinds = collections.defaultdict(lambda: [0, 0, 0])
    levels = collections.Counter()
    found = await asyncio.gather(count_log(log, levels), find_files(tree, paths),
                                 *[count_files(paths, kinds) for _ in range(AT_ONCE)])
    text = "".join(f"{name}: {files} files, {size} bytes, {lines} lines\n"
                   for name, (files, size, lines) in sorted(kinds.items()))
    text += f"log: {sum(levels.values())} lines, {found[0]} bytes\n"
    text += "".join(f"{level}: {lines} lines\n" for level, lines in sorted(levels.items()))
    await write_atomic(target, text)


if __name__ == "__main__":
    asyncio.run(amain(*sys.argv[1:]))
