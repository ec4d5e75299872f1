"""The programs of test_file_programs.cpp on Python's own file objects: the same numbers draw the same
opens, reads, writes, seeks. Prints one line per program: what each of its calls gave.

Usage: file_programs.py DIRECTORY FIRST COUNT
"""
import errno
import io
import itertools
import os
import sys
import zlib

WORD = (1 << 64) - 1
SIZES = (0, 1, 2, 3, 7, 15, 16, 17, 40, 300, 4500)
PLACES = (0, 0, 1, 5, 16, 33, 64, 250, 5000)
BUFFERS = (-1, 0, 1, 2, 3, 5, 16, 64, 4096)
MODES = ("r", "r+", "r+", "w", "w+", "w+", "a", "a+", "x", "x+")


class Numbers:
    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & WORD
        return (self.state >> 33) % limit

    def of(self, choices):
        return choices[self.below(len(choices))]


def make_pattern():
    numbers = Numbers(7)
    return bytes(10 if numbers.below(8) == 0 else 97 + numbers.below(26) for _ in range(16384))


PATTERN = make_pattern()


def piece(numbers):
    size = numbers.of(SIZES)
    at = numbers.below(len(PATTERN) - size)
    return PATTERN[at:at + size]


def told(data):
    return f"{len(data)}:{zlib.crc32(data):x}"


def first_of(data):
    return f"{data[0]}" if data else "-"


def read_piece(file, numbers):
    return told(file.read(numbers.of(SIZES)))


def read_all(file, numbers):
    return told(file.read())


def readline(file, numbers):
    return told(file.readline())


def readline_up_to(file, numbers):
    limit = numbers.of(SIZES)
    if limit == 0:
        file.read(0)  # readline(0) asks nobody whether the file may be read
    return told(file.readline(limit))


def readlines(file, numbers):
    lines = file.readlines()
    return f"{len(lines)}/{told(b''.join(lines))}"


def readlines_up_to(file, numbers):
    # A hint of 0 means none.
    hint = numbers.of(SIZES)
    lines = file.readlines(hint) if hint > 0 else file.readlines()
    return f"{len(lines)}/{told(b''.join(lines))}"


def iterate(file, numbers):
    lines = list(itertools.islice(file, 1 + numbers.below(3)))
    return f"{len(lines)}/{told(b''.join(lines))}"


def read_at(file, numbers):
    size, at = numbers.of(SIZES), numbers.of(PLACES)
    file.flush()
    return told(os.pread(file.fileno(), size, at))


def readinto(file, numbers):
    buffer = bytearray(numbers.of(SIZES))
    got = file.readinto(buffer)
    return told(bytes(buffer[:got]))


def one_ahead(file):
    """A byte by whatever of read1 and peek: how many more there are is nobody's promise."""
    data = file.read(1)
    file.seek(-len(data), os.SEEK_CUR)
    return data


def peek(file, numbers):
    data = file.peek(1) if hasattr(file, "peek") else one_ahead(file)
    return first_of(data)


def read1(file, numbers):
    size = numbers.of(SIZES)
    if isinstance(file, io.RawIOBase):
        data = file.read(size)
    else:
        if isinstance(file, io.BufferedRandom):
            file.flush()  # read1() of CPython 3.11 forgets what is not written yet, and misplaces it
        data = file.read1(size)
    if len(data) > 1:
        file.seek(1 - len(data), os.SEEK_CUR)
    return first_of(data)


def put(file, numbers, pieces, call):
    """A write. Where CPython stands after one that O_APPEND sent to the end from elsewhere depends on what
    is in its buffer: there it is told."""
    anywhere = file.mode.startswith("a") and numbers.below(2) == 0
    if file.mode.startswith("a") and not anywhere:
        file.seek(0, os.SEEK_END)
    given = call()
    if anywhere:
        file.flush()
    if anywhere and any(pieces):
        file.seek(0, os.SEEK_END)
    return given


def write(file, numbers):
    text = piece(numbers)
    return put(file, numbers, [text], lambda: f"{file.write(text)}")


def writelines(file, numbers):
    pieces = [piece(numbers) for _ in range(3)]
    put(file, numbers, pieces, lambda: file.writelines(pieces))
    return "w"


def seek(file, numbers):
    return f"{file.seek(numbers.of(PLACES))}"


def seek_on(file, numbers):
    offset = numbers.of(PLACES) - numbers.of(PLACES)
    return f"{file.seek(offset, os.SEEK_CUR)}"


def seek_from_end(file, numbers):
    offset = numbers.of(PLACES) - numbers.of(PLACES)
    return f"{file.seek(offset, os.SEEK_END)}"


def tell(file, numbers):
    return f"{file.tell()}"


def truncate(file, numbers):
    return f"{file.truncate()}"


def truncate_to(file, numbers):
    return f"{file.truncate(numbers.of(PLACES))}"


def flush(file, numbers):
    file.flush()
    return f"f{os.fstat(file.fileno()).st_size}"


def close(file, numbers):
    if numbers.below(8) == 0:
        file.close()
    return f"{file.closed}"


CALLS = (read_piece, read_piece, read_all, readline, readline, readline_up_to, readlines,
         readlines_up_to, iterate, read_at, readinto, readinto, peek, read1, write, write, write,
         writelines, seek, seek, seek_on, seek_from_end, tell, tell, truncate, truncate_to, flush, close)


def kind_of(error, file=None):
    if file is not None and file.closed:
        return "closed"  # also where Python looks at the direction first
    if isinstance(error, (io.UnsupportedOperation, AttributeError)):
        return "direction"
    if isinstance(error, OSError) and error.errno == errno.EBADF:
        return "direction"
    if isinstance(error, OSError):
        return f"e{error.errno}"
    return "closed"


def use(path, numbers, log):
    mode = numbers.of(MODES) + "b"
    buffering = numbers.of(BUFFERS)
    calls = 3 + numbers.below(10)
    log.append(f"{mode},{buffering}")
    try:
        file = open(path, mode, buffering)
    except OSError as error:
        log.append(kind_of(error))
        return
    with file:
        for _ in range(calls):
            call = numbers.of(CALLS)
            # What a call draws, the next one draws on from, however it ends.
            own = Numbers(numbers.below(1 << 30))
            try:
                log.append(call(file, own))
            except (OSError, ValueError, AttributeError) as error:
                log.append(kind_of(error, file))


def run(seed, path):
    numbers = Numbers(seed)
    log = []
    if os.path.lexists(path):
        os.unlink(path)
    if numbers.below(4) > 0:
        with open(path, "wb") as file:
            file.write(piece(numbers))
    for _ in range(1 + numbers.below(3)):
        use(path, numbers, log)
    if os.path.exists(path):
        with open(path, "rb") as file:
            log.append(told(file.read()))
    return " ".join(log)


def main():
    directory, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    path = os.path.join(directory, "python")
    for seed in range(first, first + count):
        print(run(seed, path))


if __name__ == "__main__":
    main()
