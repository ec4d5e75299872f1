"""What gdb shows of a program that runs on eddy, alive or as a core.

    eddy tasks [-v]      every task of every loop: what it is, and what it waits for; -v: its frames
    eddy stack ID [-v]   the frames of one task, from the one that waits outwards; -v: their variables

and one line instead of many for what eddy's types print (print/r shows all). It reads memory and runs
nothing. gdb loads it by itself for an installed libeddy.so; else: source runtime/gdb/eddy.py
"""
import os
import re
import socket

import gdb
import gdb.printing

WAITER = "eddy::internal::Waiter"
LONGEST = 4096  # of a text: where there is none yet, its size may be anything
NOTES = {"_Coro_resume_index": 2, "__coro_index": 0}  # GCC's and clang's, and what is first in them
MOST_CODE = 65536  # of a coroutine that is looked through
FRAMES_SHOWN = 32  # of each task, by eddy tasks -v
NO_TYPES = ("there is no debug information of eddy's types: build the program with -g (clang: and with "
            "-fstandalone-debug), or the library; -g1 is not enough")


# -- types and memory --

def lookup(name):
    try:
        return gdb.lookup_type(name)
    except gdb.error:
        return None


def word(address, size=8):
    memory = gdb.selected_inferior().read_memory(address, size)
    return int.from_bytes(bytes(memory), "little")


def need(name):
    kind = lookup(name)
    if kind is None or not kind.fields():  # it may be declared only
        raise gdb.GdbError(NO_TYPES)
    return kind


def value_at(kind, address):
    """As an element: where a pointer leads, gdb looks for the run-time type, and complains if it lacks."""
    return gdb.Value(address).cast(kind.array(0).pointer()).dereference()[0]


def pointed_at(pointer):
    return value_at(pointer.type.target(), int(pointer))


def bases(kind):
    """A class and what it derives from."""
    yield kind
    for field in kind.fields():
        if field.is_base_class:
            yield from bases(field.type.strip_typedefs())


def is_a(kind, name):
    return any(base.name == name for base in bases(kind))


def plain(kind):
    return kind.strip_typedefs().unqualified()


def text_of(text):
    block = text["block_"]
    if not block:
        return ""
    characters = (block + 1).cast(gdb.lookup_type("char").pointer())
    return characters.string("utf-8", "replace", min(int(block["size"]), LONGEST))


def view_of(view):
    return view["_M_str"].string("utf-8", "replace", min(int(view["_M_len"]), LONGEST))


def offset_of(base, kind):
    """Where the base of that name lies in a class; None where it has none."""
    for field in kind.fields():
        if field.is_base_class:
            inner = 0 if field.type.name == base else offset_of(base, plain(field.type))
            if inner is not None:
                return field.bitpos // 8 + inner
    return None


def whole(kind, part):
    """What of that class the part is a base of."""
    return value_at(kind, int(part.address) - offset_of(plain(part.type).name, kind))


def links(owner):
    """What is in a List, as its Link."""
    head = owner["head_"]
    link = head["next_"]
    while link and link != head.address:
        yield link.dereference()
        link = link["next_"]


def count(owner):
    """How many wait in a WaitList."""
    return sum(1 for _ in links(owner["waiters_"]))


def waiting(owner):
    number = count(owner)
    return f", {number} waiting" if number else ""


def symbol_at(address):
    said = gdb.execute(f"info symbol {address}", to_string=True)
    return None if said.startswith("No symbol") else re.split(r" \+ \d+ in | in section ", said.strip())[0]


def seconds(nanoseconds):
    for unit, size in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if abs(nanoseconds) >= size:
            return f"{nanoseconds / size:.6g} {unit}"
    return f"{nanoseconds} ns"


def shortened(name):
    """A function or a type without what says nothing here: the result, the arguments of templates."""
    name = re.sub(r" \[(with )?\w+ = .*\]$|\(anonymous namespace\)::|\{anonymous\}::", "", name)
    name = re.sub(r"^auto |^(eddy::)?(Task|Generator)<.*?>+ (?=[\w{(<~])", "", name)
    return re.sub(r"\beddy::(internal::)?", "", name)


def without_arguments(name):
    return re.sub("<.*>", "", name)


# -- frames: word 0 resumes one, word 1 destroys it, then comes its promise --

class Frame:
    def __init__(self, address):
        self.address = address
        self.code = word(address) or word(address + 8)  # word 0 is null at the end
        self.type = None  # of the frame, with all that it holds
        self.promise = None
        for variable in gdb.block_for_pc(self.code) or ():
            if variable.name == "frame_ptr":  # GCC; of a template it tells no members
                self.type = variable.type.target() if variable.type.target().fields() else None
            elif variable.name == "__coro_frame":  # clang
                self.type = variable.type
            elif variable.name in ("_Coro_promise", "__promise"):
                self.promise = self.promise_of(variable.type)
        if self.promise is None:
            self.promise = self.promise_of(need("eddy::internal::FrameLink"))  # mostly

    def promise_of(self, kind):
        aligned = max(plain(kind).alignof, 8)
        return value_at(kind, self.address + (16 + aligned - 1) // aligned * aligned)

    def place(self):
        """The function; and the line at which it waits, where that is to be found. None where the promise
        is none of eddy's."""
        try:
            name, file, number = place_of(self.promise["where_"])
        except (gdb.error, UnicodeError):
            return None
        first = gdb.find_pc_line(self.code)
        if not first.symtab or os.path.basename(first.symtab.filename) != file:
            return f"{name} ({file}:{number})"  # a verb's, of which this does the work
        line = self.line_of_wait(number)
        return f"{name} ({file}:{first.line})" + (f" at line {line}" if line else "")

    def line_of_wait(self, number):
        """The coroutine notes in its frame which of its waits it is in, by a constant unless it was
        optimised. GCC takes the note to stand in the function's last line: the code before it tells."""
        notes = [field for field in self.type.fields() if field.name in NOTES] if self.type else ()
        if not notes:
            return None
        place = notes[0].bitpos // 8
        wait = word(self.address + place, notes[0].type.sizeof)
        if wait == NOTES[notes[0].name]:
            return None  # not started
        stores = re.compile(rf"\$0x{wait:x},0x{place:x}\(|\+0x{place:x}\],0x{wait:x}$")
        end = min(gdb.block_for_pc(self.code).end, self.code + MOST_CODE)
        for step in gdb.selected_inferior().architecture().disassemble(self.code, end - 1):
            if stores.search(step["asm"]):
                line = gdb.find_pc_line(step["addr"])
                while line.line == number and line.pc > self.code:
                    line = gdb.find_pc_line(line.pc - 1)
                return line.line
        return None

    def parent(self):
        """The frame that awaits this one, or None at the root of a task."""
        told = int(self.promise["told_"])
        return Frame(told) if told and not told & 1 else None

    def variables(self):
        hidden = re.compile(r"_Coro|__|(Aw|Is|Fs|Yd|D\.|T|_D)\d*_|(class|struct|PointerType)_|this$")
        for field in self.type.fields() if self.type else ():
            if field.name and not hidden.match(field.name):
                value = value_at(field.type, self.address + field.bitpos // 8)
                yield re.sub(r"_\d+_\d+$", "", field.name), value


def place_of(where):
    there = where["_M_impl"]
    file = os.path.basename(there["_M_file_name"].string())
    return shortened(there["_M_function_name"].string()), file, int(there["_M_line"])


# -- tasks --

class Task:
    def __init__(self, state, running):
        self.state = state
        self.running = running or bool(state["starts_another_"])
        self.id = int(state["id_"])

    def frames(self):
        """From the one that waits outwards."""
        seen = set()
        frame = None if self.running else int(self.state["point_"]["_M_fr_ptr"])
        frame = Frame(frame) if frame and not frame & 1 else None  # marked: its step is not over
        while frame and frame.address not in seen:
            seen.add(frame.address)
            yield frame
            frame = frame.parent() if frame.place() else None

    def doing(self):
        asked = ", asked to stop" if self.state["cancelling_"] else ""
        if self.running:
            return "runs: see bt" + asked
        if self.state["waiter_"]:
            return "waits for " + waits_for(pointed_at(self.state["waiter_"])) + asked
        state = enumerator(self.state["state_"])
        return {"unstarted": "not started", "running": "ready"}.get(state, "ended: " + state) + asked

    def place(self):
        return "{} ({}:{})".format(*place_of(self.state["where_"]))

    def line(self):
        return f"{label(self.state)} in {self.place()}: {self.doing()}"


def label(state):
    name = text_of(state["name_"])
    return f'task {state["id_"]} "{name}"' if name else f'task {state["id_"]}'


def enumerator(value):
    return str(value).rsplit("::", 1)[-1]


def loops():
    """Each with its thread, while that is selected: what lists the loops of a thread is its own."""
    threads = gdb.selected_inferior().threads()
    if not threads:
        raise gdb.GdbError("there is no process, and no core")
    before, frame = gdb.selected_thread(), gdb.selected_frame()
    try:
        for thread in sorted(threads, key=lambda thread: thread.num):
            thread.switch()
            for loop in loops_from(first_loop()):
                yield thread, loop
    finally:
        before.switch()
        frame.select()


def loops_from(loop):
    while loop:
        yield loop.dereference()
        loop = loop["next_on_thread_"]


def first_loop():
    """A pointer to one of this thread, from which the next ones are found."""
    pointer = need("eddy::Loop").pointer()
    loop = thread_local("eddy::(anonymous namespace)::loops_of_thread", pointer)
    if loop is None:  # stripped: what runs has a name that is exported
        loop = thread_local("eddy::internal::thread_state", pointer)
    return loop_on_stack() if loop is None else loop


def thread_local(name, kind, offset=0):
    """None where there is no such symbol, and where no libthread_db fits: for cores from elsewhere."""
    try:
        return value_at(kind, int(gdb.parse_and_eval(f"&'{name}'")) + offset)
    except gdb.error:
        return None


def loop_on_stack():
    frame = gdb.newest_frame()
    while frame:
        if (frame.name() or "").startswith("eddy::Loop::"):
            try:
                return frame.read_var("this")
            except ValueError:  # no debug information, or optimised away
                pass
        frame = frame.older()
    return None


def tasks_of(loop):
    kind = need("eddy::internal::TaskState")
    running = thread_local("eddy::internal::thread_state", kind.pointer(), 8)
    for tasks in (loop["asked_"], loop["tasks_"]):  # a loop that closes has asked those to stop
        for link in links(tasks):
            state = whole(kind, link)
            yield Task(state, running is not None and running == state.address)


def waits_for(waiter):
    kind = class_of(waiter)
    if kind is None:
        return symbol_at(int(waiter["kind_"]["cancel"])) or "?"
    wait = whole(kind, waiter)
    if is_a(kind, "eddy::internal::NameOperation"):
        return f"{view_of(wait['name_'])} '{text_of(wait['arguments_']['path'])}'"
    if is_a(kind, "eddy::internal::Operation"):
        return operation(wait)
    if kind.name == "eddy::Sleep":
        return f"time: {time_left(wait)}"
    said = re.sub("::Entry$", "", shortened(without_arguments(kind.name))).replace("BasicQueue", "Queue")
    for base in bases(kind):
        for field in base.fields() if base.name != WAITER else ():
            if field.name == "left_":
                return f"{said}: {wait[field.name]} left"
            if field.type.code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_PTR) and shows(field.type.target()):
                return f"{said}: {one_line(wait[field.name])}"
    return said


def class_of(waiter):
    """Its kind is a constant whose name has that of the class in it: kind<&Class::describe, how it is
    cancelled>. Of a template of which gdb has another spelling, how it is cancelled says enough."""
    found = re.search(r"\bkind<&\(?(.+?)::describe\b", symbol_at(int(waiter["kind_"])) or "")
    cancel = (symbol_at(int(waiter["kind_"]["cancel"])) or "").split("(")[0]
    for name in (found and found[1], cancel.rpartition("::")[0]):
        kind = name and lookup(name)
        if kind and kind.name != WAITER and is_a(kind, WAITER):
            return kind
    return None


def operation(request):
    first = int(request["request_"]["words_"][0])
    descriptor = first >> 32
    said = f"{view_of(request['name_'])}"
    if first & 0x100:  # IOSQE_FIXED_FILE
        return f"{said} of registered file {descriptor}"
    return f"{said} of {descriptor_name(descriptor)}" if descriptor < 2**31 else said


def descriptor_name(number):
    inferior = gdb.selected_inferior()
    try:
        if getattr(inferior.connection, "type", "") == "native":
            return f"fd {number} ({os.readlink(f'/proc/{inferior.pid}/fd/{number}')})"
    except OSError:
        pass
    return f"fd {number}"


def time_left(sleep):
    now = sleep["task_"]["loop_"]["now_"]  # when its turn began
    return f"{seconds(int(sleep['until_']['__d']['__r']) - int(now['__d']['__r']))} to go"


# -- commands --

class Eddy(gdb.Command):
    """Tasks of eddy: eddy tasks, eddy stack ID."""

    def __init__(self):
        super().__init__("eddy", gdb.COMMAND_STACK, prefix=True)


class Tasks(gdb.Command):
    """Every task of every loop, and what it waits for. With -v: and its frames."""

    def __init__(self):
        super().__init__("eddy tasks", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        found = False
        for thread, loop in loops():
            found = True
            print(f"loop {loop['id_']} of thread {thread.num}: {loop['task_count_']} tasks")
            for task in tasks_of(loop):
                show(task, FRAMES_SHOWN if argument == "-v" else 0)
        if not found:
            print("no thread has a loop")


class Stack(gdb.Command):
    """The frames of the task with that id, from the one that waits outwards. -v: their variables."""

    def __init__(self):
        super().__init__("eddy stack", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        verbose = "-v" in words
        numbers = [int(word) for word in words if word.isdigit()]
        if len(numbers) != 1:
            raise gdb.GdbError("eddy stack ID [-v]")
        tasks = [task for _, loop in loops() for task in tasks_of(loop) if task.id == numbers[0]]
        if not tasks:
            raise gdb.GdbError(f"no task {numbers[0]}")
        for task in tasks:
            show(task, None, verbose)


def show(task, most_frames, verbose=False):
    try:
        print(task.line())
        for number, frame in enumerate(task.frames() if most_frames != 0 else ()):
            if number == most_frames:
                print(f"       and more: eddy stack {task.id}")
                break
            place = frame.place() or f"{symbol_at(frame.code)}, not eddy's: nobody knows what awaits it"
            print(f"       #{number} {place}, frame {frame.address:#x}")
            for name, value in frame.variables() if verbose else ():
                print(f"            {name} = {one_line(value)}")
    except gdb.error as error:  # what is broken in one hides no other
        print(f"       {error}")


def one_line(value):
    try:
        if value.type.code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
            value = value.referenced_value()
        if value.type.code == gdb.TYPE_CODE_PTR and value and shows(value.type.target()):
            value = pointed_at(value)
        return value.format_string(max_elements=8, max_depth=2).replace("\n", " ")
    except gdb.error as error:
        return f"<{error}>"


# -- printers: types, also by the names of typedefs, and the function that makes one line of each --

LINES = {}


def line_for(*names):
    def remember(function):
        LINES.update(dict.fromkeys(names, function))
        return function
    return remember


@line_for("eddy::Text")
def show_text(text):
    return '"' + text_of(text) + '"'


@line_for("eddy::Failure")
def show_failure(failure):
    kind, text = enumerator(failure["kind_"]), text_of(failure["text_"])
    if kind == "error":
        subject = f" '{text}'" if text else ""
        return f"{view_of(failure['operation_'])}{subject}: {os.strerror(int(failure['code_']))}"
    if kind == "timed_out":
        return f"timed out after {seconds(int(failure['limit_']['after']['__r']))}"
    if kind == "made_late":
        return f"an Error of its own: {os.strerror(int(failure['code_']))}"
    if kind == "cancelled":
        return f"cancelled{': ' if text else ''}{text}"
    return f"exception {failure['exception_']['_M_exception_object']}"


@line_for("eddy::Error", "eddy::TimeoutError")
def show_error(error):
    whole = text_of(error["whole_"])
    return whole or error["_M_msg"]["_M_p"].string("utf-8", "replace")


@line_for("eddy::Task")
def show_task(task):
    address = int(task["frame_"]["_M_fr_ptr"])
    if not address:
        return "no coroutine"
    frame = Frame(address)
    state = enumerator(frame.promise["state_"])
    return f"{frame.place()}, {'not started' if state == 'created' else state}"


@line_for("eddy::internal::TaskState", "eddy::internal::TaskResult")
def show_task_state(state):
    now = enumerator(state["state_"])
    running = "waits" if state["waiter_"] else "runs or is ready"
    said = {"unstarted": "not started", "running": running}.get(now, f"ended: {now}")
    return f"{label(state)}: {said}"


@line_for("eddy::TaskHandle", "eddy::JoinHandle")
def show_handle(handle):
    return show_task_state(pointed_at(handle["state_"])) if handle["state_"] else "no task"


def holder_of(holder):
    """Of this thread's tasks the one that has a lock; it may be gone."""
    for loop in loops_from(first_loop()) if holder["task_"] else ():
        for task in tasks_of(loop):
            number = int(task.state["loop_id_"]) << 40 ^ task.id
            if task.state.address == holder["task_"] and number == int(holder["number_"]):
                return f" by {label(task.state)}"
    return ""


@line_for("eddy::Lock")
def show_lock(lock):
    return enumerator(lock["state_"]) + holder_of(lock["holder_"]) + waiting(lock["waiters_"])


@line_for("eddy::RwLock")
def show_rw_lock(lock):
    readers = int(lock["readers_"])
    state = "writing" + holder_of(lock["writer_"]) if lock["writing_"] else f"{readers} reading"
    return state + waiting(lock["waiters_"])


@line_for("eddy::Barrier")
def show_barrier(barrier):
    return f"{barrier['waiting_']} of {barrier['parties_']} there{', broken' if barrier['broken_'] else ''}"


@line_for("eddy::Semaphore", "eddy::BoundedSemaphore")
def show_semaphore(semaphore):
    return f"{int(semaphore['free_']) + int(semaphore['kept_'])} free{waiting(semaphore['waiters_'])}"


@line_for("eddy::Condition")
def show_condition(condition):
    return f"{count(condition['waiters_'])} waiting"


@line_for("eddy::TaskGroup")
def show_task_group(group):
    return f"{sum(1 for _ in links(group['children_']))} children left"


@line_for("eddy::Event")
def show_event(event):
    return ("set" if event["set_"] else "not set") + waiting(event["waiters_"])


@line_for("eddy::BasicQueue")
def show_queue(queue):
    items = queue["items_"]
    ring = any(field.name == "count_" for field in items.type.fields())
    vector = items["items_"]["_M_impl"] if not ring else None
    size = int(items["count_"]) if ring else int(vector["_M_finish"] - vector["_M_start"])
    bound = int(queue["maxsize_"])
    said = f"{size} of {bound}" if bound else f"{size}"
    for member, verb in (("getters_", "get"), ("putters_", "put"), ("joiners_", "join")):
        number = count(queue[member])
        said += f", {number} wait to {verb}" if number else ""
    return said + (", shut down" if queue["shut_down_"] else "")


@line_for("eddy::Duration")
def show_duration(duration):
    return seconds(int(duration["__r"]))


@line_for("eddy::Instant")
def show_instant(instant):
    return seconds(int(instant["__d"]["__r"])) + " on CLOCK_MONOTONIC"


@line_for("eddy::UniqueFd")
def show_descriptor(owner):
    number = int(owner["fd_"])
    return descriptor_name(number) if number >= 0 else "closed"


@line_for("eddy::Socket")
def show_socket(owner):
    return show_descriptor(owner["fd_"])


@line_for("eddy::Address")
def show_address(address):
    size = min(int(address["size_"]), 128)
    data = bytes(gdb.selected_inferior().read_memory(int(address["storage_"].address), size)) if size else b""
    family, port = int.from_bytes(data[:2], "little"), int.from_bytes(data[2:4], "big")
    if family == socket.AF_INET:
        return f"{socket.inet_ntop(family, data[4:8])}:{port}"
    if family == socket.AF_INET6:
        return f"[{socket.inet_ntop(family, data[8:24])}]:{port}"
    return "unix:" + data[2:].lstrip(b"\0").split(b"\0")[0].decode("utf-8", "replace") if size else "none"


def counted(handle):
    """What a Handle or a Counted points to; None when it is empty."""
    return handle["object_"].dereference() if handle["object_"] else None


@line_for("eddy::Stream")
def show_stream(stream):
    state = counted(stream["handle_"]["state_"])
    return "closed" if state is None else show_socket(state["socket"])


@line_for("eddy::File")
def show_file(file):
    state = counted(file["state_"])
    if state is None or int(state["fd"]) < 0:
        return "closed"
    return f"{text_of(state['name'])!r}, {descriptor_name(int(state['fd']))}"


@line_for("eddy::Loop")
def show_loop(loop):
    return f"loop {loop['id_']}, {loop['task_count_']} tasks"


class Shown:
    def __init__(self, value, show):
        self.value = value
        self.show = show

    def to_string(self):
        try:
            return self.show(self.value)
        except (gdb.error, UnicodeError) as error:  # a variable that is not alive yet, or no more
            return f"<{error}>"


def shows(kind):
    """The function that makes one line of what is of that type, if any does."""
    name = plain(kind).name
    return LINES.get(kind.unqualified().name) or name and LINES.get(without_arguments(name))


class Printers(gdb.printing.PrettyPrinter):
    def __call__(self, value):
        show = shows(value.type)
        return Shown(value, show) if show else None


gdb.printing.register_pretty_printer(gdb.current_objfile(), Printers("eddy"), replace=True)
Eddy()
Tasks()
Stack()
