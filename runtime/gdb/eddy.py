"""What gdb shows of a program that runs on eddy, alive or as a core.

    eddy tasks [-v]      every task of every loop: what it is, and what it waits for; -v: its frames
    eddy stack ID [-v]   the frames of one task, from the one that waits outwards; -v: their variables

and one line instead of many for what eddy's types print (print/r shows all). It reads memory and runs
nothing. gdb loads it by itself for an installed libeddy.so; else: source runtime/gdb/eddy.py
"""
import os
import re

import gdb
import gdb.printing

FRAMES_SHOWN = 32  # of each task, by eddy tasks -v
NO_TYPES = ("there is no debug information of eddy's types: build the program with -g (clang: and with "
            "-fstandalone-debug), or the library; -g1 is not enough")


# -- types and memory --

def lookup(name):
    try:
        return gdb.lookup_type(name)
    except gdb.error:
        return None


def word(address):
    memory = gdb.selected_inferior().read_memory(address, 8)
    return int.from_bytes(bytes(memory), "little")


def need(name):
    kind = lookup(name)
    if kind is None or not kind.fields():  # it may be declared only
        raise gdb.GdbError(NO_TYPES)
    return kind


def value_at(kind, address):
    return gdb.Value(address).cast(kind.pointer()).dereference()


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
    return characters.string("utf-8", "replace", int(block["size"]))


def view_of(view):
    return view["_M_str"].string("utf-8", "replace", int(view["_M_len"]))


def nodes(owner, kind):
    """What is in a List."""
    head = owner["head_"]
    link = head["next_"]
    while link and link != head.address:
        yield link.dereference().address.cast(kind.pointer()).dereference()
        link = link["next_"]


def count(owner):
    """How many wait in a WaitList."""
    kind = owner["waiters_"]["head_"].type
    return sum(1 for _ in nodes(owner["waiters_"], kind))


def waiting(owner):
    number = count(owner)
    return f", {number} waiting" if number else ""


def symbol_at(address):
    said = gdb.execute(f"info symbol {address}", to_string=True)
    return None if said.startswith("No symbol") else re.split(r" \+ \d+ in | in section ", said.strip())[0]


def function_at(address):
    """The function with debug information, where what is inlined at its start is none."""
    block = gdb.block_for_pc(address)
    found = None
    while block and not block.is_static and not block.is_global:
        found = block.function or found
        block = block.superblock
    return found


def seconds(nanoseconds):
    for unit, size in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if abs(nanoseconds) >= size:
            return f"{nanoseconds / size:.6g} {unit}"
    return f"{nanoseconds} ns"


def shortened(name):
    """A function or a type without what says nothing here: the result, the arguments of templates."""
    name = re.sub(r" \[(with )?\w+ = .*\]$|\(anonymous namespace\)::|\{anonymous\}::", "", name)
    name = re.sub(r"^(eddy::)?(Task|Generator)<.*?>+ (?=[\w{(<~])", "", name)
    return re.sub(r"\beddy::(internal::)?", "", name)


def without_arguments(name):
    return re.sub("<.*>", "", name)


# -- frames: word 0 resumes one, word 1 destroys it, then comes its promise --

class Frame:
    def __init__(self, address):
        self.address = address
        code = word(address) or word(address + 8)  # word 0 is null at the end
        self.symbol = function_at(code)
        self.name = symbol_at(code) or "?"
        self.type = None  # of the frame, with all that it holds
        self.promise = None
        for variable in self.symbol and gdb.block_for_pc(code) or ():
            if variable.name == "frame_ptr":  # GCC; of a template it tells no members
                self.type = variable.type.target() if variable.type.target().fields() else None
            elif variable.name == "__coro_frame":  # clang
                self.type = variable.type
            elif variable.name in ("_Coro_promise", "__promise"):
                self.promise = self.promise_of(variable.type)
        if not self.symbol:
            self.promise = self.promise_of(need("eddy::internal::PromiseBase"))

    def promise_of(self, kind):
        aligned = max(plain(kind).alignof, 8)
        return value_at(kind, self.address + (16 + aligned - 1) // aligned * aligned)

    def has(self, member):
        return self.promise is not None and any(
            field.name == member for base in bases(plain(self.promise.type)) for field in base.fields())

    def parent(self):
        """The frame that awaits this one, or None at the root of a task, or in somebody else's frame."""
        if self.has("told_"):
            told = int(self.promise["told_"])
            return Frame(told) if told and not told & 1 else None
        if self.has("consumer_"):
            consumer = int(self.promise["consumer_"]["_M_fr_ptr"])
            return Frame(consumer) if consumer else None
        return None

    def place(self):
        line = f"{os.path.basename(self.symbol.symtab.filename)}:{self.symbol.line}" if self.symbol else ""
        if self.has("where_"):
            name, told = place_of(self.promise["where_"])
            if line.split(":")[0] != told.split(":")[0]:  # a verb's, of which this does the work
                line = told
        else:
            name = shortened(self.name).split("(")[0] + "()"
        return f"{name} ({line})" if line else name

    def variables(self):
        hidden = re.compile(r"_Coro|__|(Aw|Is|Fs|Yd|D\.|T|_D)\d*_|(class|struct|PointerType)_|this$")
        for field in self.type.fields() if self.type else ():
            if field.name and not hidden.match(field.name):
                value = value_at(field.type, self.address + field.bitpos // 8)
                yield re.sub(r"_\d+_\d+$", "", field.name), value

    def object_at(self, address, base):
        """What of this frame derives from the base, and has that at the address."""
        return self.type and find_at(value_at(self.type, self.address), address, base)


def find_at(value, address, base):
    kind = plain(value.type)
    if kind.code not in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
        return None
    start = int(value.address)
    if not start <= address < start + kind.sizeof:
        return None
    if is_a(kind, base):
        pointer = value.address.cast(kind.pointer()).cast(lookup(base).pointer())
        return value.cast(kind) if int(pointer) == address else None
    for field in kind.fields():
        if not hasattr(field, "bitpos") or not isinstance(field.bitpos, int):
            continue  # static, or a virtual base
        part = value_at(field.type, start + field.bitpos // 8)
        if (found := find_at(part, address, base)) is not None:
            return found
    return None


def place_of(where):
    there = where["_M_impl"]
    if not there:
        return "?", "?"
    file = os.path.basename(there["_M_file_name"].string())
    return shortened(there["_M_function_name"].string()), f"{file}:{int(there['_M_line'])}"


# -- tasks --

class Task:
    def __init__(self, state, running):
        self.state = state
        self.running = running
        self.id = int(state["id_"])

    def frames(self):
        """From the one that waits outwards."""
        seen = set()
        frame = None if self.running else int(self.state["point_"]["_M_fr_ptr"])
        frame = Frame(frame) if frame else None
        while frame and frame.address not in seen:
            seen.add(frame.address)
            yield frame
            frame = frame.parent()

    def doing(self):
        asked = ", asked to stop" if self.state["cancelling_"] else ""
        if self.running:
            return "runs: see bt" + asked
        if self.state["waiter_"]:
            return "waits for " + waits_for(self.state["waiter_"].dereference(), self) + asked
        state = enumerator(self.state["state_"])
        return {"unstarted": "not started", "running": "ready"}.get(state, "ended: " + state) + asked

    def place(self):
        return "{} ({})".format(*place_of(self.state["where_"]))

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
    for state in nodes(loop["tasks_"], kind):
        yield Task(state, running is not None and running == state.address)


def waits_for(waiter, task):
    whole = whole_waiter(waiter, task)
    if whole is None:
        return symbol_at(cancel_of(waiter)) or "?"
    kind = plain(whole.type)
    if is_a(kind, "eddy::internal::Operation"):
        return operation(whole)
    if is_a(kind, "eddy::Sleep"):
        return "time: " + deadline(whole["until_"], task)
    said = shortened(without_arguments(kind.name)).replace("BasicQueue", "Queue")
    for base in bases(kind):
        for field in base.fields() if base.name != "eddy::internal::Waiter" else ():
            if field.name == "left_":
                return f"{said}: {whole[field.name]} left"
            if field.type.code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_PTR) and shows(field.type.target()):
                return f"{said}: {one_line(whole[field.name])}"
    return said


def whole_waiter(waiter, task):
    """The object that the waiter is the base of: in the frame that waits, or by how it is cancelled."""
    base = "eddy::internal::Waiter"
    for frame in task.frames():
        found = frame.object_at(int(waiter.address), base)
        if found is not None:
            return found
        break
    kind = lookup((symbol_at(cancel_of(waiter)) or "").split("(")[0].rsplit("::", 1)[0])
    if kind is not None and kind.name != base and is_a(kind, base):
        return waiter.address.cast(kind.pointer()).dereference()
    return None


def cancel_of(waiter):
    if any(field.name == "kind_" for field in waiter.type.fields()):
        return int(waiter["kind_"]["cancel"])
    return int(waiter["cancel_"])


def operation(whole):
    first = int(whole["request_"]["words_"][0])
    descriptor = first >> 32
    said = f"{view_of(whole['name_'])}"
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


def deadline(instant, task):
    left = int(instant["__d"]["__r"]) - int(task.state["loop_"]["now_"]["__d"]["__r"])
    return f"{seconds(left)} to go"


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
            print(f"       #{number} {frame.place()}, frame {frame.address:#x}")
            for name, value in frame.variables() if verbose else ():
                print(f"            {name} = {one_line(value)}")
    except gdb.error as error:  # what is broken in one hides no other
        print(f"       {error}")


def one_line(value):
    try:
        if value.type.code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
            value = value.referenced_value()
        if value.type.code == gdb.TYPE_CODE_PTR and value and shows(value.type.target()):
            value = value.dereference()
        return value.format_string(max_elements=8, max_depth=2).replace("\n", " ")
    except gdb.error as error:
        return f"<{error}>"


# -- printers --

def show_text(text):
    return '"' + text_of(text) + '"'


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


def show_error(error):
    whole = text_of(error["whole_"])
    return whole or error["_M_msg"]["_M_p"].string("utf-8", "replace")


def show_task(task):
    address = int(task["frame_"]["_M_fr_ptr"])
    if not address:
        return "no coroutine"
    frame = Frame(address)
    state = enumerator(frame.promise["state_"])
    return f"{frame.place()}, {'not started' if state == 'created' else state}"


def show_task_state(state):
    now = enumerator(state["state_"])
    running = "waits" if state["waiter_"] else "runs or is ready"
    said = {"unstarted": "not started", "running": running}.get(now, f"ended: {now}")
    return f"{label(state)}: {said}"


def show_handle(handle):
    return show_task_state(handle["state_"].dereference()) if handle["state_"] else "no task"


def show_lock(lock):
    state = enumerator(lock["state_"])
    holder = lock["holder_"]["task_"]
    by = ""
    if holder.type.code == gdb.TYPE_CODE_PTR:
        by = next((f" by {label(task.state)}" for loop in loops_from(first_loop()) for task in tasks_of(loop)
                   if task.state.address == holder), "")  # it may be gone
    elif holder:
        by = f" by task {int(holder) & (1 << 40) - 1}"
    return f"{state}{by}{waiting(lock['waiters_'])}"


def show_semaphore(semaphore):
    return f"{int(semaphore['free_']) + int(semaphore['kept_'])} free{waiting(semaphore['waiters_'])}"


def show_event(event):
    return ("set" if event["set_"] else "not set") + waiting(event["waiters_"])


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


def show_duration(duration):
    return seconds(int(duration["__r"]))


def show_instant(instant):
    return seconds(int(instant["__d"]["__r"])) + " on CLOCK_MONOTONIC"


def show_descriptor(owner):
    number = int(owner["fd_"])
    return descriptor_name(number) if number >= 0 else "closed"


def show_socket(socket):
    return show_descriptor(socket["fd_"])


def counted(handle):
    """What a Handle or a Counted points to; None when it is empty."""
    return handle["object_"].dereference() if handle["object_"] else None


def show_stream(stream):
    state = counted(stream["handle_"]["state_"])
    return "closed" if state is None else show_socket(state["socket"])


def show_file(file):
    state = counted(file["state_"])
    if state is None or int(state["fd"]) < 0:
        return "closed"
    return f"{text_of(state['name'])!r}, {descriptor_name(int(state['fd']))}"


def show_loop(loop):
    return f"loop {loop['id_']}, {loop['task_count_']} tasks"


TYPEDEFS = {"eddy::Duration": show_duration, "eddy::Instant": show_instant}
CLASSES = {
    "eddy::Text": show_text, "eddy::Failure": show_failure, "eddy::Error": show_error,
    "eddy::TimeoutError": show_error, "eddy::Task": show_task, "eddy::TaskHandle": show_handle,
    "eddy::JoinHandle": show_handle, "eddy::internal::TaskState": show_task_state,
    "eddy::internal::TaskResult": show_task_state, "eddy::Loop": show_loop, "eddy::Lock": show_lock,
    "eddy::Semaphore": show_semaphore, "eddy::BoundedSemaphore": show_semaphore,
    "eddy::Event": show_event, "eddy::BasicQueue": show_queue, "eddy::UniqueFd": show_descriptor,
    "eddy::Socket": show_socket, "eddy::Stream": show_stream, "eddy::File": show_file,
}


class Shown:
    def __init__(self, value, show):
        self.value = value
        self.show = show

    def to_string(self):
        return self.show(self.value)


def shows(kind):
    """The function that makes one line of what is of that type, if any does."""
    name = plain(kind).name
    return TYPEDEFS.get(kind.unqualified().name) or name and CLASSES.get(without_arguments(name))


class Printers(gdb.printing.PrettyPrinter):
    def __call__(self, value):
        show = shows(value.type)
        return Shown(value, show) if show else None


gdb.printing.register_pretty_printer(gdb.current_objfile(), Printers("eddy"), replace=True)
Eddy()
Tasks()
Stack()
