"""The scenarios of test_scenarios.cpp, word for word, on Python's own asyncio.

Prints one line per scenario: its name, a colon, and what happened in order. The C++ test runs this
file and compares line by line. Time is virtual here as well, so the order is exact and nothing waits.
"""
import asyncio
import contextvars
import sys


class VirtualLoop(asyncio.SelectorEventLoop):
    """Where the loop would sleep, its clock jumps."""

    def __init__(self):
        super().__init__()
        self._now = 0.0
        select = self._selector.select

        def jump(timeout=None):
            if timeout is None or timeout > 0:
                events = select(0)
                if not events and timeout is not None:
                    self._now += timeout
                return events
            return select(0)

        self._selector.select = jump

    def time(self):
        return self._now


SCENARIOS = []


def scenario(function):
    SCENARIOS.append(function)
    return function


async def ms(n):
    await asyncio.sleep(n / 1000)


def now():
    return round(asyncio.get_running_loop().time() * 1000)


class Oops(Exception):
    pass


class Other(Exception):
    pass


async def fail_after(n, error=Oops):
    await ms(n)
    raise error("x")


async def value_after(n, value):
    await ms(n)
    return value


async def sleeper(log, name, n=1000):
    try:
        await ms(n)
        log(name + "-done")
    except asyncio.CancelledError:
        log(name + "-cancelled")
        raise


# -- tasks --


@scenario
async def tasks_start_in_the_order_of_spawning(log):
    async def work(name):
        log(name)

    a = asyncio.create_task(work("a"))
    b = asyncio.create_task(work("b"))
    c = asyncio.create_task(work("c"))
    log("spawned")
    await a
    await b
    await c


@scenario
async def a_coroutine_runs_when_awaited(log):
    async def work():
        log("body")
        return 1

    task = work()
    log("made")
    log(str(await task))


@scenario
async def plain_await_takes_no_turn(log):
    async def other():
        log("other")

    async def inner():
        log("inner")

    t = asyncio.create_task(other())
    await inner()
    log("main")
    await t


@scenario
async def awaiting_a_done_task_does_not_suspend(log):
    async def work():
        return 5

    async def other():
        log("other")

    t = asyncio.create_task(work())
    await ms(1)
    o = asyncio.create_task(other())
    log(str(await t))
    log("main")
    await o


@scenario
async def a_failed_task_throws_each_time(log):
    t = asyncio.create_task(fail_after(1))
    for _ in range(2):
        try:
            await t
        except Oops:
            log("oops")
    log("done" if t.done() else "pending")


@scenario
async def result_before_done_is_an_invalid_state(log):
    t = asyncio.create_task(value_after(1, 1))
    try:
        t.result()
    except asyncio.InvalidStateError:
        log("invalid")
    log(str(await t))


@scenario
async def sleeps_wake_in_order_of_deadline(log):
    async def work(n):
        await ms(n)
        log(str(n))

    ts = [asyncio.create_task(work(n)) for n in (30, 10, 20)]
    for t in ts:
        await t


@scenario
async def yields_take_turns(log):
    async def work(name):
        for i in range(3):
            log(name + str(i))
            await asyncio.sleep(0)

    a = asyncio.create_task(work("a"))
    b = asyncio.create_task(work("b"))
    await a
    await b


@scenario
async def three_sleeps_take_the_longest(log):
    start = now()
    await asyncio.gather(ms(10), ms(30), ms(20))
    log(str(now() - start))


@scenario
async def done_callbacks_run_in_order(log):
    t = asyncio.create_task(value_after(1, 1))
    t.add_done_callback(lambda _: log("first"))
    t.add_done_callback(lambda _: log("second"))
    await ms(5)
    t.add_done_callback(lambda _: log("late"))
    log("registered")
    await ms(1)


# -- cancellation --


@scenario
async def cancel_reaches_a_sleeper(log):
    t = asyncio.create_task(sleeper(log, "a"))
    await ms(1)
    log(str(t.cancel()))
    try:
        await t
    except asyncio.CancelledError:
        log("joined")
    log(str(t.cancelled()))


@scenario
async def cancel_before_the_first_step(log):
    t = asyncio.create_task(sleeper(log, "a"))
    t.cancel()
    try:
        await t
    except asyncio.CancelledError:
        log("cancelled")


@scenario
async def cancel_of_a_done_task_is_false(log):
    t = asyncio.create_task(value_after(1, 1))
    await t
    log(str(t.cancel()))
    log(str(t.cancelled()))


@scenario
async def cleanup_may_wait(log):
    async def work():
        try:
            await ms(1000)
        finally:
            log("cleanup")
            await ms(5)
            log("cleaned")

    t = asyncio.create_task(work())
    await ms(1)
    t.cancel()
    try:
        await t
    except asyncio.CancelledError:
        log("cancelled " + str(now()))


@scenario
async def a_second_cancel_interrupts_the_cleanup(log):
    async def work():
        try:
            await ms(1000)
        finally:
            log("cleanup")
            await ms(50)
            log("never")

    t = asyncio.create_task(work())
    await ms(1)
    t.cancel()
    await ms(1)
    t.cancel()
    try:
        await t
    except asyncio.CancelledError:
        log("cancelled " + str(t.cancelling()))


@scenario
async def swallowing_leaves_the_count(log):
    async def work():
        try:
            await ms(1000)
        except asyncio.CancelledError:
            log("swallowed")
        return 7

    t = asyncio.create_task(work())
    await ms(1)
    t.cancel()
    log(str(await t))
    log(str(t.cancelled()) + " " + str(t.cancelling()))


@scenario
async def several_cancels_deliver_once(log):
    async def work():
        for _ in range(3):
            try:
                await ms(100)
                log("slept")
            except asyncio.CancelledError:
                log("cancel")

    t = asyncio.create_task(work())
    await ms(1)
    t.cancel()
    t.cancel()
    t.cancel()
    await t
    log(str(t.cancelling()))


@scenario
async def cancel_goes_through_a_join(log):
    inner = asyncio.create_task(sleeper(log, "inner"))

    async def outer():
        try:
            await inner
        except asyncio.CancelledError:
            log("outer")
            raise

    t = asyncio.create_task(outer())
    await ms(1)
    t.cancel()
    try:
        await t
    except asyncio.CancelledError:
        log("main")
    log(str(inner.cancelled()))


@scenario
async def an_error_during_cancellation_wins(log):
    async def work():
        try:
            await ms(1000)
        except asyncio.CancelledError:
            raise Oops("x")

    t = asyncio.create_task(work())
    await ms(1)
    t.cancel()
    try:
        await t
    except Oops:
        log("oops")
    log(str(t.cancelled()))


@scenario
async def self_cancel_then_return_drops_the_value(log):
    async def work():
        asyncio.current_task().cancel()
        return 1

    t = asyncio.create_task(work())
    try:
        await t
        log("value")
    except asyncio.CancelledError:
        log("cancelled")
    log(str(t.cancelled()))


@scenario
async def self_cancel_is_delivered_at_the_next_wait(log):
    async def work():
        asyncio.current_task().cancel()
        log("still running")
        try:
            await ms(10)
            log("never")
        except asyncio.CancelledError:
            log("delivered " + str(now()))

    await asyncio.create_task(work())


@scenario
async def a_thrown_cancelled_marks_the_task(log):
    async def work():
        raise asyncio.CancelledError()

    t = asyncio.create_task(work())
    try:
        await t
    except asyncio.CancelledError:
        log("cancelled " + str(asyncio.current_task().cancelling()))
    log(str(t.cancelled()) + " " + str(t.cancelling()))


@scenario
async def the_message_travels(log):
    async def work():
        try:
            await ms(1000)
        except asyncio.CancelledError as e:
            log(e.args[0])
            raise

    t = asyncio.create_task(work())
    await ms(1)
    t.cancel("because")
    t.cancel("later")
    try:
        await t
    except asyncio.CancelledError as e:
        log("done")


@scenario
async def a_cancel_in_the_turn_of_the_wake_up_wins(log):
    event = asyncio.Event()

    async def work():
        try:
            await event.wait()
            log("got it")
        except asyncio.CancelledError:
            log("cancelled")
            raise

    t = asyncio.create_task(work())
    await ms(1)
    event.set()
    t.cancel()
    try:
        await t
    except asyncio.CancelledError:
        log("joined")


# -- timeout --


@scenario
async def timeout_expires(log):
    try:
        async with asyncio.timeout(0.010):
            await ms(1000)
    except TimeoutError:
        log("timeout " + str(now()))
    log(str(asyncio.current_task().cancelling()))


@scenario
async def timeout_does_not_expire(log):
    async with asyncio.timeout(0.010) as t:
        await ms(5)
    log(str(t.expired()) + " " + str(now()))


@scenario
async def inner_timeout_first(log):
    try:
        async with asyncio.timeout(0.050):
            try:
                async with asyncio.timeout(0.010):
                    await ms(1000)
            except TimeoutError:
                log("inner " + str(now()))
            await ms(1000)
    except TimeoutError:
        log("outer " + str(now()))


@scenario
async def outer_timeout_first(log):
    try:
        async with asyncio.timeout(0.010):
            try:
                async with asyncio.timeout(0.050):
                    await ms(1000)
            except TimeoutError:
                log("never")
    except TimeoutError:
        log("outer " + str(now()))


@scenario
async def timeout_with_a_swallowed_cancel(log):
    async with asyncio.timeout(0.010) as t:
        try:
            await ms(1000)
        except asyncio.CancelledError:
            log("swallowed")
    log(str(t.expired()))


@scenario
async def timeout_with_another_error(log):
    try:
        async with asyncio.timeout(0.010):
            try:
                await ms(1000)
            except asyncio.CancelledError:
                raise Oops("x")
    except Oops:
        log("oops")
    log(str(asyncio.current_task().cancelling()))


@scenario
async def foreign_cancel_beats_the_timeout(log):
    async def work():
        try:
            async with asyncio.timeout(0.050):
                await ms(1000)
        except TimeoutError:
            log("never")

    t = asyncio.create_task(work())
    await ms(1)
    t.cancel()
    try:
        await t
    except asyncio.CancelledError:
        log("cancelled")


@scenario
async def timeout_after_an_earlier_cancel(log):
    async def work():
        try:
            await ms(1000)
        except asyncio.CancelledError:
            log("first")
        try:
            async with asyncio.timeout(0.010):
                await ms(1000)
        except TimeoutError:
            log("timeout")
        log(str(asyncio.current_task().cancelling()))

    t = asyncio.create_task(work())
    await ms(1)
    t.cancel()
    await t


@scenario
async def timeout_of_zero_lets_the_body_start(log):
    try:
        async with asyncio.timeout(0):
            log("started")
            await ms(10)
            log("never")
    except TimeoutError:
        log("timeout")


@scenario
async def timeout_of_zero_without_a_wait(log):
    async with asyncio.timeout(0):
        log("ran")
    log("after")


@scenario
async def reschedule_moves_the_deadline(log):
    try:
        async with asyncio.timeout(0.010) as t:
            t.reschedule(asyncio.get_running_loop().time() + 0.030)
            await ms(20)
            log("later")
            await ms(1000)
    except TimeoutError:
        log("timeout " + str(now()))


@scenario
async def wait_for_a_result(log):
    log(await asyncio.wait_for(value_after(5, "v"), 0.050))


@scenario
async def wait_for_expires(log):
    try:
        await asyncio.wait_for(sleeper(log, "a"), 0.010)
    except TimeoutError:
        log("timeout")


@scenario
async def wait_for_without_a_limit(log):
    log(await asyncio.wait_for(value_after(5, "v"), None))


# -- shield --


@scenario
async def shield_keeps_the_inner_task(log):
    inner = asyncio.create_task(value_after(20, "inner"))

    async def outer():
        try:
            await asyncio.shield(inner)
        except asyncio.CancelledError:
            log("outer cancelled")
            raise

    t = asyncio.create_task(outer())
    await ms(1)
    t.cancel()
    try:
        await t
    except asyncio.CancelledError:
        pass
    log(await inner)


@scenario
async def shield_of_a_cancelled_task(log):
    inner = asyncio.create_task(ms(1000))

    async def outer():
        try:
            await asyncio.shield(inner)
        except asyncio.CancelledError:
            log("outer " + str(asyncio.current_task().cancelling()))

    t = asyncio.create_task(outer())
    await ms(1)
    inner.cancel()
    await t


@scenario
async def shield_under_a_timeout(log):
    inner = asyncio.create_task(value_after(20, "inner"))
    try:
        async with asyncio.timeout(0.005):
            await asyncio.shield(inner)
    except TimeoutError:
        log("timeout")
    log(await inner)


# -- gather and friends --


@scenario
async def gather_keeps_the_order_of_arguments(log):
    r = await asyncio.gather(value_after(20, "a"), value_after(10, "b"))
    log(" ".join(r))


@scenario
async def gather_starts_its_tasks_in_order(log):
    async def start(name):
        log(name)

    await asyncio.gather(start("a"), start("b"), start("c"))


@scenario
async def gather_first_failure_leaves_the_siblings(log):
    a = asyncio.create_task(fail_after(5))
    b = asyncio.create_task(sleeper(log, "b", 20))
    try:
        await asyncio.gather(a, b)
    except Oops:
        log("oops " + str(now()))
    await b


@scenario
async def gather_settled_keeps_failures(log):
    r = await asyncio.gather(fail_after(5), value_after(10, "v"), return_exceptions=True)
    log("failed" if isinstance(r[0], Oops) else "?")
    log(r[1])


@scenario
async def cancelling_gather_cancels_the_children(log):
    async def work():
        await asyncio.gather(sleeper(log, "a"), sleeper(log, "b"))

    t = asyncio.create_task(work())
    await ms(1)
    t.cancel()
    try:
        await t
    except asyncio.CancelledError:
        log("cancelled")


@scenario
async def a_cancelled_child_ends_gather(log):
    a = asyncio.create_task(ms(1000))
    b = asyncio.create_task(sleeper(log, "b", 20))

    async def stop():
        await ms(5)
        a.cancel()

    s = asyncio.create_task(stop())
    try:
        await asyncio.gather(a, b)
    except asyncio.CancelledError:
        log("cancelled " + str(asyncio.current_task().cancelling()))
    await b
    await s


@scenario
async def empty_gather(log):
    log(str(len(await asyncio.gather())))


@scenario
async def wait_for_the_first(log):
    a = asyncio.create_task(value_after(10, 1))
    b = asyncio.create_task(value_after(20, 2))
    done, pending = await asyncio.wait([a, b], return_when=asyncio.FIRST_COMPLETED)
    log(str(len(done)) + " " + str(len(pending)) + " " + str(now()))
    await b


@scenario
async def wait_with_a_timeout(log):
    a = asyncio.create_task(value_after(10, 1))
    b = asyncio.create_task(value_after(50, 2))
    done, pending = await asyncio.wait([a, b], timeout=0.020)
    log(str(len(done)) + " " + str(len(pending)) + " " + str(now()))
    log(str(b.done()))
    await b


@scenario
async def wait_for_the_first_exception(log):
    a = asyncio.create_task(value_after(5, 1))
    b = asyncio.create_task(fail_after(10))
    c = asyncio.create_task(value_after(30, 2))
    done, pending = await asyncio.wait([a, b, c], return_when=asyncio.FIRST_EXCEPTION)
    log(str(len(done)) + " " + str(len(pending)) + " " + str(now()))
    log("oops" if b.exception() else "?")
    await c


@scenario
async def as_completed_in_order_of_completion(log):
    ts = [asyncio.create_task(value_after(n, str(n))) for n in (30, 10, 20)]
    for next_one in asyncio.as_completed(ts):
        log(await next_one)


# -- task groups --


@scenario
async def a_group_waits_for_all(log):
    async with asyncio.TaskGroup() as g:
        g.create_task(sleeper(log, "a", 20))
        g.create_task(sleeper(log, "b", 10))
        log("body")
    log("after " + str(now()))


@scenario
async def a_failing_child_cancels_the_others(log):
    try:
        async with asyncio.TaskGroup() as g:
            g.create_task(sleeper(log, "a"))
            g.create_task(fail_after(10))
            await sleeper(log, "body")
    except* Oops as group:
        log("group of " + str(len(group.exceptions)))
    log(str(asyncio.current_task().cancelling()))


@scenario
async def two_failures_are_grouped(log):
    async def fails_when_cancelled():
        try:
            await ms(1000)
        except asyncio.CancelledError:
            raise Other("y")

    try:
        async with asyncio.TaskGroup() as g:
            g.create_task(fails_when_cancelled())
            g.create_task(fail_after(10))
    except ExceptionGroup as group:
        log(" ".join(type(e).__name__ for e in group.exceptions))


@scenario
async def failures_of_one_turn_are_all_kept(log):
    event = asyncio.Event()

    async def child(name):
        await event.wait()
        log(name)
        raise Oops()

    async def stop():
        await event.wait()
        log("third")

    try:
        async with asyncio.TaskGroup() as g:
            g.create_task(child("first"))
            g.create_task(child("second"))
            g.create_task(stop())
            await ms(1)
            event.set()
    except ExceptionGroup as group:
        log("group of " + str(len(group.exceptions)))


@scenario
async def a_failing_body_cancels_the_children(log):
    try:
        async with asyncio.TaskGroup() as g:
            g.create_task(sleeper(log, "a"))
            await ms(5)
            raise Oops("x")
    except ExceptionGroup as group:
        log("group of " + str(len(group.exceptions)))


@scenario
async def an_outside_cancel_goes_through_the_group(log):
    async def work():
        async with asyncio.TaskGroup() as g:
            g.create_task(sleeper(log, "a"))
            await sleeper(log, "body")

    t = asyncio.create_task(work())
    await ms(5)
    t.cancel()
    try:
        await t
    except asyncio.CancelledError:
        log("cancelled")


@scenario
async def nested_groups(log):
    try:
        async with asyncio.TaskGroup() as outer:
            outer.create_task(sleeper(log, "outer"))
            async with asyncio.TaskGroup() as inner:
                inner.create_task(sleeper(log, "inner"))
                inner.create_task(fail_after(5))
    except ExceptionGroup as group:
        log("group " + type(group.exceptions[0]).__name__)


@scenario
async def children_may_spawn(log):
    async with asyncio.TaskGroup() as g:
        async def child():
            log("child")
            g.create_task(sleeper(log, "grandchild", 5))

        g.create_task(child())
    log("after")


@scenario
async def a_child_cancelled_alone(log):
    async with asyncio.TaskGroup() as g:
        t = g.create_task(sleeper(log, "a"))
        g.create_task(sleeper(log, "b", 10))
        await ms(1)
        t.cancel()
    log("after " + str(asyncio.current_task().cancelling()))


@scenario
async def a_timeout_around_a_group(log):
    try:
        async with asyncio.timeout(0.010):
            async with asyncio.TaskGroup() as g:
                g.create_task(sleeper(log, "a"))
    except TimeoutError:
        log("timeout " + str(asyncio.current_task().cancelling()))


# -- primitives --


@scenario
async def a_lock_is_fifo(log):
    lock = asyncio.Lock()

    async def work(name):
        async with lock:
            log(name + "-in")
            await ms(5)
            log(name + "-out")

    ts = [asyncio.create_task(work(n)) for n in "abc"]
    for t in ts:
        await t


@scenario
async def a_cancelled_lock_waiter_is_skipped(log):
    lock = asyncio.Lock()
    await lock.acquire()

    async def work(name):
        async with lock:
            log(name)

    a = asyncio.create_task(work("a"))
    b = asyncio.create_task(work("b"))
    await ms(1)
    a.cancel()
    lock.release()
    await b
    log(str(a.cancelled()) + " " + str(lock.locked()))


@scenario
async def a_woken_lock_waiter_that_is_cancelled_passes_on(log):
    lock = asyncio.Lock()
    await lock.acquire()

    async def work(name):
        async with lock:
            log(name)

    a = asyncio.create_task(work("a"))
    b = asyncio.create_task(work("b"))
    await ms(1)
    lock.release()
    a.cancel()
    await b
    log(str(a.cancelled()))


@scenario
async def a_semaphore_limits(log):
    semaphore = asyncio.Semaphore(2)
    running = 0
    peak = 0

    async def work():
        nonlocal running, peak
        async with semaphore:
            running += 1
            peak = max(peak, running)
            await ms(5)
            running -= 1

    await asyncio.gather(*[work() for _ in range(6)])
    log(str(peak) + " " + str(now()))


@scenario
async def an_event_wakes_all_in_order(log):
    event = asyncio.Event()

    async def work(name):
        await event.wait()
        log(name)

    ts = [asyncio.create_task(work(n)) for n in "abc"]
    await ms(1)
    event.set()
    event.clear()
    for t in ts:
        await t
    log(str(event.is_set()))


@scenario
async def a_condition_notifies_in_order(log):
    condition = asyncio.Condition()

    async def work(name):
        async with condition:
            await condition.wait()
            log(name)

    ts = [asyncio.create_task(work(n)) for n in "abc"]
    await ms(1)
    async with condition:
        condition.notify(2)
    await ms(1)
    log("two")
    async with condition:
        condition.notify_all()
    for t in ts:
        await t


@scenario
async def a_bounded_queue_holds_the_producer(log):
    queue = asyncio.Queue(2)

    async def producer():
        for i in range(4):
            await queue.put(i)
            log("put" + str(i))

    t = asyncio.create_task(producer())
    await ms(1)
    for _ in range(4):
        log("got" + str(await queue.get()))
        await ms(1)
    await t


@scenario
async def a_cancelled_getter_loses_nothing(log):
    queue = asyncio.Queue()

    async def getter(name):
        log(name + str(await queue.get()))

    a = asyncio.create_task(getter("a"))
    b = asyncio.create_task(getter("b"))
    await ms(1)
    queue.put_nowait(1)
    a.cancel()
    await b
    log(str(a.cancelled()) + " " + str(queue.empty()))


@scenario
async def join_counts_tasks_done(log):
    queue = asyncio.Queue()
    for i in range(3):
        queue.put_nowait(i)

    async def worker():
        while True:
            item = await queue.get()
            await ms(5)
            log(str(item))
            queue.task_done()

    t = asyncio.create_task(worker())
    await queue.join()
    log("joined " + str(now()))
    t.cancel()


@scenario
async def a_priority_queue_gives_the_lowest(log):
    queue = asyncio.PriorityQueue()
    for i in (3, 1, 2):
        queue.put_nowait(i)
    while not queue.empty():
        log(str(await queue.get()))


@scenario
async def a_barrier_releases_all(log):
    barrier = asyncio.Barrier(3)

    async def work(name):
        await barrier.wait()
        log("through")

    ts = [asyncio.create_task(work(n)) for n in "abc"]
    for t in ts:
        await t
    log(str(barrier.n_waiting))


# -- generators and contexts --


@scenario
async def a_generator_is_lazy(log):
    async def numbers():
        for i in range(3):
            log("make" + str(i))
            yield i

    async for i in numbers():
        log("use" + str(i))


@scenario
async def closing_a_generator_runs_its_cleanup(log):
    async def numbers():
        try:
            for i in range(9):
                yield i
        finally:
            await ms(5)
            log("cleanup " + str(now()))

    g = numbers()
    log(str(await g.__anext__()))
    await g.aclose()
    log("closed")


@scenario
async def context_variables_are_copied(log):
    var = contextvars.ContextVar("var", default="none")

    async def child():
        log(var.get())
        var.set("child")
        await ms(1)
        log(var.get())

    var.set("parent")
    t = asyncio.create_task(child())
    var.set("later")
    await t
    log(var.get())


# -- edges --


async def when_cancelled(n, how):
    try:
        await ms(1000)
    except asyncio.CancelledError:
        await ms(n)
        how()
        raise


def raise_oops():
    raise Oops("x")


def raises(n):
    return when_cancelled(n, raise_oops)


def plain(n):
    return when_cancelled(n, lambda: None)


async def returns(n):
    try:
        await ms(1000)
    except asyncio.CancelledError:
        await ms(n)
    return 0


async def cancelled_gather(log, *children, settled=False):
    async def work():
        try:
            await asyncio.gather(*children, return_exceptions=settled)
            log("values")
        except Oops:
            log("oops " + str(now()))
        except asyncio.CancelledError:
            log("cancelled " + str(now()))
        log(str(asyncio.current_task().cancelling()))

    t = asyncio.create_task(work())
    await ms(1)
    log(str(t.cancel()))
    await t
    await ms(10)


@scenario
async def cancelled_gather_raise_then_plain(log):
    await cancelled_gather(log, raises(0), plain(2))


@scenario
async def cancelled_gather_plain_then_raise(log):
    await cancelled_gather(log, plain(0), raises(2))


@scenario
async def cancelled_gather_late_raise_first_argument(log):
    await cancelled_gather(log, raises(2), plain(0))


@scenario
async def cancelled_gather_value_then_raise(log):
    await cancelled_gather(log, returns(0), raises(2))


@scenario
async def cancelled_gather_only_values(log):
    await cancelled_gather(log, returns(0), returns(2))


@scenario
async def cancelled_gather_settled_raise(log):
    await cancelled_gather(log, raises(0), returns(2), settled=True)


@scenario
async def a_semaphore_is_not_overtaken_while_a_waiter_is_woken(log):
    semaphore = asyncio.Semaphore(2)
    await semaphore.acquire()
    await semaphore.acquire()

    async def work():
        await semaphore.acquire()
        log("waiter")

    waiter = asyncio.create_task(work())
    await ms(1)
    semaphore.release()
    semaphore.release()
    log(str(semaphore.locked()))
    await semaphore.acquire()
    log("again")
    await waiter


@scenario
async def a_woken_waiter_of_a_semaphore_is_cancelled_with_a_unit_beside(log):
    semaphore = asyncio.Semaphore(0)

    async def work(name):
        await semaphore.acquire()
        log(name)

    a = asyncio.create_task(work("a"))
    await ms(1)
    semaphore.release()
    semaphore.release()
    a.cancel()
    b = asyncio.create_task(work("b"))
    c = asyncio.create_task(work("c"))
    await asyncio.wait([a])
    await b
    await c
    log(str(a.cancelled()) + " " + str(semaphore.locked()))


@scenario
async def a_condition_wait_is_cancelled_twice(log):
    lock = asyncio.Lock()
    condition = asyncio.Condition(lock)

    async def work():
        async with lock:
            try:
                await condition.wait()
            except asyncio.CancelledError:
                log(str(lock.locked()) + " " + str(now()))

    t = asyncio.create_task(work())
    await ms(1)
    await lock.acquire()
    t.cancel("first")
    await ms(1)
    t.cancel("second")
    await ms(1)
    log(str(t.done()))
    lock.release()
    await t
    log(str(lock.locked()))


def milliseconds(when):
    return "None" if when is None else str(round(when * 1000))


@scenario
async def a_timeout_tells_its_deadline_after_it_has_ended(log):
    async with asyncio.timeout(0.005) as scope:
        await ms(1)
    log(milliseconds(scope.when()) + " " + str(scope.expired()))
    async with asyncio.timeout(0.005) as scope:
        try:
            await ms(100)
        except asyncio.CancelledError:
            pass
        log(milliseconds(scope.when()) + " " + str(scope.expired()))
    log(milliseconds(scope.when()) + " " + str(scope.expired()))


def main():
    for function in SCENARIOS:
        events = []
        loop = VirtualLoop()
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(function(events.append))
        except BaseException as error:  # shows up as a difference
            events.append("escaped " + type(error).__name__)
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        print(function.__name__ + ": " + " | ".join(events))


if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit(77)
    main()
