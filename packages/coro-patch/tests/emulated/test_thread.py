"""Threads: `_thread`, and the standard library on top of it."""

import _thread
import concurrent.futures
import contextvars
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

import coro
from coro.interface import scheduler
from coro.sync import event


def test_arguments_that_are_refused(both: str) -> None:
    for arguments in [(1, ()), (print, 1), (print, (), 1)]:
        with pytest.raises(TypeError, match="must be"):
            _thread.start_new_thread(*arguments)  # type: ignore[call-overload]


def test_a_thread_runs_with_its_arguments_and_identity(both: str) -> None:
    done = threading.Lock()
    done.acquire()
    seen = []

    def work(*arguments: object, **more: object) -> None:
        seen.append((arguments, more, _thread.get_ident()))
        done.release()

    ident = _thread.start_new_thread(work, (1,), {"two": 2})
    done.acquire()
    assert seen == [((1,), {"two": 2}, ident)]
    assert ident != _thread.get_ident()


def test_the_main_thread_stays_who_it_was(emulated: None) -> None:
    assert threading.get_ident() == coro.get_original("_thread", "get_ident")()
    assert threading.current_thread() is threading.main_thread()
    assert threading.get_native_id() == os.getpid()


def test_all_threads_are_one_os_thread(emulated: None) -> None:
    original = coro.get_original("_thread", "get_ident")
    idents, natives = set(), set()

    def work() -> None:
        idents.add((threading.get_ident(), threading.current_thread().name))
        natives.add(original())
        barrier.wait()

    barrier = threading.Barrier(10)
    threads = [threading.Thread(target=work, name=f"number {n}") for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(idents) == 10
    assert natives == {original()}
    assert {name for _, name in idents} == {f"number {n}" for n in range(10)}


def test_joining(both: str) -> None:
    gate = threading.Event()
    thread = threading.Thread(target=gate.wait)
    with pytest.raises(RuntimeError, match="cannot join thread before it is started"):
        thread.join()
    thread.start()
    thread.join(timeout=0)
    thread.join(timeout=-1)
    thread.join(timeout=1e-3)
    assert thread.is_alive()
    gate.set()
    thread.join()
    thread.join()
    assert not thread.is_alive()
    with pytest.raises(RuntimeError, match="threads can only be started once"):
        thread.start()
    with pytest.raises(RuntimeError, match="cannot join current thread"):
        threading.current_thread().join()


def test_a_thread_cannot_join_itself(both: str) -> None:
    errors: list[str] = []

    def work() -> None:
        try:
            threading.current_thread().join()
        except RuntimeError as error:
            errors.append(str(error).lower())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert errors == ["cannot join current thread"]


def test_the_main_thread_can_be_waited_for(emulated: None) -> None:
    answers = []
    thread = threading.Thread(target=lambda: answers.append(threading.main_thread().join(timeout=1e-3)))
    thread.start()
    thread.join()
    assert answers == [None]
    assert threading.main_thread().is_alive()


def test_an_error_is_told_as_python_tells_it(both: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: told.append((args.exc_type, args.err_msg, args.object)))
    done = threading.Event()

    def fails() -> None:
        try:
            raise LookupError("in the thread")
        finally:
            done.set()

    _thread.start_new_thread(fails, ())
    done.wait()
    while not told:
        threading.Event().wait(1e-3)
    kind, message, culprit = told.pop()
    assert kind is LookupError
    if sys.version_info >= (3, 13):
        assert message == f"Exception ignored in thread started by {fails!r}"
        assert culprit is None
    else:
        assert message == "Exception ignored in thread started by"
        assert culprit is fails


def test_exit_ends_a_thread_quietly(both: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    before = _thread._count()

    def leaves() -> None:
        try:
            _thread.exit()
        finally:
            reached.set()

    reached = threading.Event()
    _thread.start_new_thread(leaves, ())
    reached.wait()
    while _thread._count() > before:
        threading.Event().wait(1e-3)
    assert told == []


def test_a_thread_begins_with_a_context_of_its_own(both: str) -> None:
    variable = contextvars.ContextVar("variable", default="default")
    variable.set("main")
    seen = []
    thread = threading.Thread(target=lambda: (seen.append(variable.get()), variable.set("thread")))
    thread.start()
    thread.join()
    inherits = bool(getattr(sys.flags, "thread_inherit_context", False))  # 3.14, free threading
    assert seen == ["main" if inherits else "default"]
    assert variable.get() == "main"


@pytest.mark.skipif(not hasattr(_thread, "_get_name"), reason="it is new in 3.14")
@pytest.mark.parametrize(
    "name", ["short", "a name that is too long", "\u6f22" * 8, "a\u6f22" * 8, "a\0b", "", "\ud800"]
)
def test_the_name_that_the_system_keeps(both: str, name: str) -> None:
    names = []

    def work() -> None:
        threading.current_thread().name = name
        names.append(_thread._get_name())  # type: ignore[attr-defined]

    before = _thread._get_name()  # type: ignore[attr-defined]
    thread = threading.Thread(target=work, name="before")
    thread.start()
    thread.join()
    kept = name.encode(errors="replace").partition(b"\0")[0][:15].decode(errors="surrogateescape")
    assert names == [kept or "before"]
    assert _thread._get_name() == before  # type: ignore[attr-defined]


def test_counting(emulated: None) -> None:
    before = _thread._count()
    gate = threading.Event()
    threads = [threading.Thread(target=gate.wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert _thread._count() == before + 3
    gate.set()
    for thread in threads:
        thread.join()
    assert _thread._count() == before


def test_started_from_a_real_thread_it_runs_here(emulated: None) -> None:
    real_start = coro.get_original("_thread", "start_new_thread")
    original_ident = coro.get_original("_thread", "get_ident")
    seen = []

    def in_real_thread() -> None:
        done = threading.Lock()
        done.acquire()
        _thread.start_new_thread(lambda: (seen.append(original_ident()), done.release()), ())
        done.acquire()
        seen.append(original_ident())
        here.wake(me)

    here, me = scheduler(), coro.current()
    real_start(in_real_thread, ())
    while len(seen) < 2:
        here.wait("test", timeout=1)
    assert seen[0] == original_ident()
    assert seen[1] != original_ident()


def test_a_pool_of_threads(both: str) -> None:
    def square(n: int) -> int:
        meet.wait(30)
        return n * n

    meet = threading.Barrier(10)
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        assert list(pool.map(square, range(10))) == [n * n for n in range(10)]
        failing = pool.submit(lambda: 1 // 0)
        assert isinstance(failing.exception(), ZeroDivisionError)


def test_conditions_events_semaphores(both: str) -> None:
    condition, semaphore, event = threading.Condition(), threading.BoundedSemaphore(2), threading.Event()
    served: list[int] = []

    def work(n: int) -> None:
        event.wait()
        with semaphore, condition:
            condition.wait_for(lambda: len(served) == n)
            served.append(n)
            condition.notify_all()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    event.set()
    for thread in threads:
        thread.join()
    assert served == [0, 1]
    assert condition.acquire(False)
    condition.release()


def test_a_timer(virtual: None) -> None:
    rang = []
    timer = threading.Timer(60, lambda: rang.append(coro.now() - start))
    start = coro.now()
    timer.start()
    timer.join()
    assert rang == [60_000_000_000]


def test_the_program_waits_for_its_threads_at_the_end(run_program: Callable[[str], str]) -> None:
    assert (
        run_program(
            """
        import coro
        coro.install_thread_emulation()
        import atexit, threading, time
        atexit.register(print, "at exit")
        def work():
            time.sleep(0.01)
            print("thread", flush=True)
        threading.Thread(target=work).start()
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        print("main", flush=True)
        """
        )
        == "main\nthread\nat exit\n"
    )


def test_in_a_forked_child_only_the_thread_that_forked_lives(run_program: Callable[[str], str]) -> None:
    assert (
        run_program(
            """
        import coro
        coro.install_thread_emulation()
        import os, sys, threading, time, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork() beside threads
        gate = threading.Event()
        other = threading.Thread(target=gate.wait)
        other.start()
        def work():
            me = threading.current_thread()
            child = os.fork()
            if child == 0:
                assert threading.current_thread() is me is threading.main_thread()
                assert not other.is_alive()
                assert threading.enumerate() == [me]
                late = threading.Thread(target=print, args=("thread of the child",), kwargs={"flush": True})
                late.start()
                late.join()
                os._exit(7)
            _, status = os.waitpid(child, 0)
            print(os.waitstatus_to_exitcode(status))
        forking = threading.Thread(target=work)
        forking.start()
        forking.join()
        assert other.is_alive()
        gate.set()
        other.join()
        """
        )
        == "thread of the child\n7\n"
    )


def test_the_dummy_thread_of_a_coroutine_ends_with_it(emulated: None) -> None:
    before = threading.enumerate()
    co = coro.spawn(threading.current_thread)
    co.join()
    assert co.result() is not threading.current_thread()
    del co  # what it has in locals goes with it
    assert threading.enumerate() == before


@pytest.mark.skipif(sys.version_info < (3, 13), reason="thread handles came with Python 3.13")
class TestHandles:
    def test_one_whose_os_thread_ends_before_it_begins(self, emulated: None) -> None:
        handles: list[Any] = []
        ended = event()

        def start() -> None:
            handles.append(_thread.start_joinable_thread(lambda: handles.append("ran")))
            coro.sleep_relative(3600)

        def begin_and_end() -> None:
            coro.spawn(start)
            coro.yield_slice()
            ended.set()

        coro.get_original("_thread", "start_new_thread")(begin_and_end, ())
        assert ended.wait(30)
        handles[0].join(30)
        assert handles[0].is_done()
        assert len(handles) == 1

    def test_the_life_of_one(self, both: str) -> None:
        thread: Any = _thread
        handle = thread._ThreadHandle()
        assert handle.ident == 0
        for refused in (handle.join, handle._set_done):
            with pytest.raises(RuntimeError, match="thread not started"):
                refused()
        gate = threading.Event()
        assert thread.start_joinable_thread(gate.wait, handle=handle) is handle
        with pytest.raises(RuntimeError, match="thread already started"):
            thread.start_joinable_thread(gate.wait, handle=handle)
        assert handle.is_done() is False
        handle.join(1e-3)
        gate.set()
        handle.join()
        assert handle.is_done() is True

    def test_wrong_arguments(self, both: str) -> None:
        thread: Any = _thread
        with pytest.raises(TypeError, match="thread function must be callable"):
            thread.start_joinable_thread(1)
        with pytest.raises(TypeError, match="'handle' must be a _ThreadHandle"):
            thread.start_joinable_thread(print, handle=3)
        handle = thread.start_joinable_thread(lambda: None)
        with pytest.raises(TypeError):
            handle.join("soon")
        with pytest.raises(OverflowError):
            handle.join(1e300)
        handle.join()
