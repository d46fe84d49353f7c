"""References are balanced: doing a thing many times leaves nothing behind."""

import gc
import os
import sys

import pytest

import coro
from coro.interface import scheduler

REPEATS = 300


def ends(function, *arguments):
    co = coro.spawn(function, *arguments)
    co.join()
    return co


def fails():
    raise ValueError("expected")


def raises(error, function, *arguments):
    try:
        function(*arguments)
    except error:
        return
    raise AssertionError("nothing was raised")


def shut_down_while(wait):
    co = coro.spawn(wait)
    coro.yield_slice()
    co.shutdown()
    co.join()


def interrupted_late():
    co = coro.spawn(coro.sleep_relative, 5)
    coro.yield_slice()
    co.schedule(object())
    co.raise_exception(coro.Shutdown())
    co.join()


def cancelled(begin):
    co = coro.new(list, object())
    if begin:
        co.start()
    co.shutdown()
    coro.yield_slice()


def joined_with_limit():
    co = coro.spawn(coro.sleep_relative, 5)
    raises(coro.TimeoutError, co.join, 1)
    co.shutdown()
    co.join()


def limits():
    with coro.timeout(5), coro.timeout(None), coro.timeout(3):
        coro.yield_slice()
    raises(coro.TimeoutError, coro.with_timeout, 1, coro.sleep_relative, 2)
    raises(ZeroDivisionError, coro.with_timeout, 1, lambda: 1 / 0)
    raises(ValueError, coro.timeout, -1)


def wait_for(events, timeout=None):
    return lambda fds: scheduler().wait_for_descriptor(fds[0], events, timeout)


def closed_while_waiting(fds):
    co = coro.spawn(scheduler().wait_for_descriptor, fds[0], 1)
    coro.yield_slice()
    scheduler().forget_descriptor(fds[0])
    co.join()


def read_when_ready(fds):
    co = coro.spawn(scheduler().wait_for_descriptor, fds[0], 1)
    coro.yield_slice()
    os.write(fds[1], b"x")
    co.join()
    os.read(fds[0], 1)


def simultaneous(fds):
    co = coro.spawn(scheduler().wait_for_descriptor, fds[0], 1)
    coro.yield_slice()
    raises(coro.SimultaneousError, scheduler().wait_for_descriptor, fds[0], 1 | 16)
    co.shutdown()
    co.join()


def wrong_states():
    co = coro.new(list)
    raises(coro.NotStartedError, co.join)
    raises(coro.NotStartedError, co.result)
    raises(coro.NotStartedError, co.raise_exception, KeyError)
    co.start()
    raises(coro.ScheduleError, co.start)
    raises(coro.ScheduleError, co.schedule)
    raises(coro.ScheduleError, coro.current().result)
    raises(TypeError, co.raise_exception, 5)
    raises(TypeError, co.set_name, 5)
    raises(ValueError, co.set_max_selfish_acts, 0)
    co.join()
    raises(coro.DeadCoroutine, co.start)
    raises(coro.DeadCoroutine, co.schedule)
    raises(coro.DeadCoroutine, co.raise_exception, KeyError)
    raises(coro.ScheduleError, coro.current().join)
    raises(TypeError, coro.new, 5)
    raises(coro.ClosedError, scheduler().wait_for_descriptor, -1, 1)
    raises(ValueError, coro.sleep_relative, -1)
    raises(TypeError, coro.sleep_relative, "x")


def looks():
    co = coro.spawn(lambda: scheduler().wait("lunch"))
    coro.yield_slice()
    repr(co), co.waiting, co.get_frame(), co.name, co.id, co.failure
    co.shutdown()
    co.join()


def deadlock():
    raises(coro.DeadlockError, scheduler().wait)


def main_interrupted():
    main = coro.current()
    coro.spawn(lambda: main.raise_exception(coro.WakeUp))
    raises(coro.WakeUp, coro.sleep_relative, 5)


OPERATIONS = {
    "spawn": lambda fds: ends(lambda *a, **k: object(), object()),
    "keywords": lambda fds: coro.spawn(dict, a=object()).join(),
    "failure": lambda fds: raises(ValueError, ends(fails).result),
    "yield": lambda fds: (coro.spawn(coro.yield_slice), coro.yield_slice(), coro.yield_slice()),
    "sleep": lambda fds: coro.sleep_relative(1),
    "sleep in a coroutine": lambda fds: ends(coro.sleep_relative, 1),
    "shutdown asleep": lambda fds: shut_down_while(lambda: coro.sleep_relative(5)),
    "shutdown yielding": lambda fds: shut_down_while(lambda: [coro.yield_slice() for _ in range(3)]),
    "shutdown waiting": lambda fds: shut_down_while(lambda: scheduler().wait()),
    "shutdown on descriptor": lambda fds: shut_down_while(lambda: scheduler().wait_for_descriptor(fds[0], 1)),
    "woken, then interrupted": lambda fds: interrupted_late(),
    "cancelled, new": lambda fds: cancelled(False),
    "cancelled, started": lambda fds: cancelled(True),
    "join with limit": lambda fds: joined_with_limit(),
    "limits": lambda fds: limits(),
    "descriptor, time is up": wait_for(1, 1),
    "descriptor closed": closed_while_waiting,
    "descriptor ready": read_when_ready,
    "descriptor, two": simultaneous,
    "wrong states": lambda fds: wrong_states(),
    "looks": lambda fds: looks(),
    "deadlock": lambda fds: deadlock(),
    "main interrupted": lambda fds: main_interrupted(),
    "exit": lambda fds: (coro.set_exit(3), raises(SystemExit, coro.event_loop)),
    "counts": lambda fds: scheduler().counts(),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_nothing_grows(name, pipe, virtual, quiet):
    operation = OPERATIONS[name]
    coro.set_exception_notifier(int)
    coro.set_print_exit_string(False)

    def state():
        coro.yield_slice()
        gc.collect()
        main = coro.current()
        singletons = (None, True, main, scheduler(), coro.coro, coro.timeout)
        return sys.getallocatedblocks(), len(gc.get_objects()), *map(sys.getrefcount, singletons)

    def repeat():
        for _ in range(REPEATS):
            operation(pipe)

    repeat()  # caches fill
    before = state()
    repeat()
    after = state()
    coro.set_print_exit_string(True)
    grown = [b - a for a, b in zip(before, after, strict=True)]
    # One reference lost at each repetition would be REPEATS of them.
    assert max(grown) < REPEATS // 4, grown


def test_arguments_and_results():
    """The very objects, on every way that they take."""
    argument, result, message = object(), object(), object()
    error = ValueError("expected")
    objects = [argument, result, message, error]

    def returns(argument):
        return result

    def raises_it():
        raise error

    def counts():
        error.__traceback__ = error.__context__ = None
        gc.collect()
        return [sys.getrefcount(each) for each in objects]

    before = counts()
    notifier = coro.set_exception_notifier(int)
    for _ in range(100):
        assert ends(returns, argument).result() is result
        co = coro.spawn(coro.sleep_relative, 5)
        coro.yield_slice()
        co.schedule(message)
        co.join()
        assert co.result() is message
        assert ends(raises_it).failure is error
        shut_down_while(lambda: scheduler().wait(str(message)))
        co = coro.spawn(coro.sleep_relative, 5)
        coro.yield_slice()
        co.raise_exception(error)
        co.join()
        assert co.failure is error
        co = coro.new(returns, argument)
        co.raise_exception(error, cancel_start=True)
    coro.set_exception_notifier(notifier)
    del co
    after = counts()
    assert [b - a for a, b in zip(before, after, strict=True)] == [0, 0, 0, 0]
