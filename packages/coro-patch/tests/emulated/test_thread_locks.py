"""Locks: the surface of the originals, and their laws whoever contends."""

import _thread
import gc
import importlib
import re
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import coro
from coro import _pollers
from coro.interface import scheduler
from coro.sync import event

make = pytest.mark.parametrize("make", [lambda: threading.Lock(), lambda: threading.RLock()], ids=["Lock", "RLock"])


@make
class TestBoth:
    def test_taking_and_giving_back(self, both: str, make: Callable[[], Any]) -> None:
        lock = make()
        assert lock.acquire() is True
        lock.release()
        with lock as taken:
            assert taken is True
        assert lock.acquire(False) is True
        lock.release()
        assert lock.acquire(timeout=0.5) is True
        lock.release()
        assert lock.acquire(blocking=True, timeout=-1) is True
        lock.release()

    def test_giving_back_what_was_not_taken(self, both: str, make: Callable[[], Any]) -> None:
        with pytest.raises(RuntimeError, match="release un"):
            make().release()

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            ((False, 1), ValueError),
            ((False, 0), ValueError),
            ((True, -2), ValueError),
            ((True, -0.5), ValueError),
            ((True, float("nan")), ValueError),
            ((True, threading.TIMEOUT_MAX * 2), OverflowError),
            ((True, "1"), TypeError),
            ((True, None), TypeError),
            ((1, 2, 3), TypeError),
        ],
    )
    def test_wrong_arguments(
        self, both: str, make: Callable[[], Any], arguments: tuple[Any, ...], error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            make().acquire(*arguments)

    def test_who_does_not_wait_is_told_that_it_is_taken(self, both: str, make: Callable[[], Any]) -> None:
        lock = make()
        answers = []
        with lock:
            thread = threading.Thread(
                target=lambda: answers.extend(
                    [lock.acquire(False), lock.acquire(timeout=0), lock.acquire(timeout=1e-4)]
                )
            )
            thread.start()
            thread.join()
        assert answers == [False, False, False]

    def test_it_can_be_referred_to_weakly(self, both: str, make: Callable[[], Any]) -> None:
        lock = make()
        reference = weakref.ref(lock)
        del lock
        gc.collect()
        assert reference() is None

    def test_its_words(self, both: str, make: Callable[[], Any]) -> None:
        lock = make()
        assert re.fullmatch(r"<unlocked _thread\.R?[lL]ock object (owner=0 count=0 )?at 0x[0-9a-f]+>", repr(lock))
        with lock:
            assert re.fullmatch(r"<locked _thread\.R?[lL]ock object (owner=\d+ count=1 )?at 0x[0-9a-f]+>", repr(lock))
        assert type(lock).__module__ == "_thread"

    def test_after_fork_it_is_free(self, both: str, make: Callable[[], Any]) -> None:
        lock = make()
        lock.acquire()
        lock._at_fork_reinit()
        assert lock.acquire(False)
        lock.release()

    def test_time_runs_out_for_those_that_wait(self, virtual: None, make: Callable[[], Any]) -> None:
        lock = make()
        answers = []

        def waiter(seconds: float) -> None:
            answers.append((lock.acquire(timeout=seconds), coro.now() - start))

        start = coro.now()
        lock.acquire()
        for seconds in (3, 1, 2):
            coro.spawn(waiter, seconds)
        coro.sleep_relative(10)
        lock.release()
        assert answers == [(False, 1_000_000_000), (False, 2_000_000_000), (False, 3_000_000_000)]
        assert lock.acquire(False)
        lock.release()

    def test_an_interrupt_leaves_no_trace(self, virtual: None, make: Callable[[], Any]) -> None:
        lock = make()
        reached = []

        def waiter(name: str) -> None:
            with lock:
                reached.append(name)

        lock.acquire()
        first, second = coro.spawn(waiter, "first"), coro.spawn(waiter, "second")
        coro.sleep_relative(1)
        lock.release()  # wakes the first, which is shut down before it runs
        first.shutdown()
        second.join(1)
        assert reached == ["second"]
        assert lock.acquire(False)
        lock.release()

    def test_between_a_coroutine_and_real_threads(self, emulated: None, make: Callable[[], Any]) -> None:
        lock = make()
        real_start = coro.get_original("_thread", "start_new_thread")
        count = [0]
        done = []
        rounds, threads = 200, 3

        def work() -> None:
            for _ in range(rounds):
                with lock:
                    before = count[0]
                    coro.yield_slice()
                    count[0] = before + 1
            done.append(None)
            here.wake(me)

        here, me = scheduler(), coro.current()
        for _ in range(threads):
            real_start(work, ())
            coro.spawn(work)
        while len(done) < 2 * threads:
            here.wait("test", timeout=1)
        assert count == [2 * threads * rounds]

    def test_given_back_while_a_thread_gets_its_scheduler(
        self, emulated: None, make: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A real thread's first wait makes its scheduler, and other threads run meanwhile."""
        lock, given_back = make(), coro.get_original("_thread", "allocate_lock")()
        making, taken = event(), event()
        poller_class = _pollers.poller_class

        def when_given_back() -> type:
            making.set()
            assert given_back.acquire(timeout=30)
            return poller_class()

        def take() -> None:
            with lock:
                taken.set()

        lock.acquire()
        given_back.acquire()
        monkeypatch.setattr(_pollers, "poller_class", when_given_back)
        coro.get_original("_thread", "start_new_thread")(take, ())
        assert making.wait(30)
        lock.release()
        given_back.release()
        assert taken.wait(30)


class TestLock:
    def test_anybody_may_release_it(self, both: str) -> None:
        lock = threading.Lock()
        lock.acquire()
        thread = threading.Thread(target=lock.release)
        thread.start()
        thread.join()
        assert lock.locked() is False

    def test_old_names(self, both: str) -> None:
        lock = _thread.allocate_lock()
        assert lock.acquire_lock() is True
        assert lock.locked_lock() is True
        lock.release_lock()
        assert lock.locked() is False
        assert isinstance(lock, _thread.LockType)

    def test_it_cannot_be_derived_from(self, both: str) -> None:
        with pytest.raises(TypeError, match="not an acceptable base type"):
            type("Derived", (_thread.LockType,), {})

    def test_it_is_free_at_once(self, emulated: None) -> None:
        """Up to 3.12 `threading` asserts it."""
        lock = threading.Lock()
        lock.acquire()
        thread = threading.Thread(target=lock.acquire)
        thread.start()
        lock.release()
        assert not lock.locked()
        thread.join()

    def test_nobody_is_kept_from_it_for_ever(self, emulated: None) -> None:
        lock = threading.Lock()
        turns = {"greedy": 0, "patient": 0}

        def greedy() -> None:
            while turns["patient"] < 5:
                with lock:
                    turns["greedy"] += 1
                    assert turns["greedy"] < 1000
                    coro.yield_slice()

        def patient() -> None:
            for _ in range(5):
                with lock:
                    turns["patient"] += 1
                coro.yield_slice()

        threads = [threading.Thread(target=greedy), threading.Thread(target=patient)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def test_a_finalizer_may_use_it(self, emulated: None) -> None:
        lock = threading.Lock()
        answers = []

        class Finalized:
            def __init__(self) -> None:
                self.me = self

            def __del__(self) -> None:
                answers.append(lock.acquire(False))

        lock.acquire()
        Finalized()
        gc.collect()
        lock.release()
        assert answers == [False]


class TestRLock:
    def test_its_owner_can_take_it_again(self, both: str) -> None:
        lock = threading.RLock()
        with lock, lock:
            lock.acquire()
            lock.release()
            assert lock._is_owned()  # type: ignore[attr-defined]
        assert not lock._is_owned()  # type: ignore[attr-defined]

    def test_only_its_owner_may_release_it(self, both: str) -> None:
        lock = threading.RLock()
        errors = []

        def other() -> None:
            try:
                lock.release()
            except RuntimeError as error:
                errors.append(str(error))

        with lock:
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
        assert errors == ["cannot release un-acquired lock"]

    def test_what_a_condition_needs(self, both: str) -> None:
        lock: Any = threading.RLock()
        with pytest.raises(RuntimeError, match="cannot release un-acquired lock"):
            lock._release_save()
        lock.acquire()
        lock.acquire()
        saved = lock._release_save()
        assert not lock._is_owned()
        lock._acquire_restore(saved)
        assert lock._recursion_count() == 2
        lock.release()
        lock.release()
        assert lock._recursion_count() == 0

    def test_it_can_be_derived_from(self, both: str) -> None:
        class Derived(_thread.RLock):
            pass

        with Derived() as taken:
            assert taken is True


OPERATIONS: list[Callable[[Any], object]] = [
    lambda lock: lock.acquire(False),
    lambda lock: lock.acquire(timeout=0),
    lambda lock: lock.release(),
    lambda lock: lock.locked(),
    lambda lock: lock.__exit__(None, None, None),
    lambda lock: lock.acquire(False, 1),
    lambda lock: lock._at_fork_reinit(),
    lambda lock: lock._is_owned(),
    lambda lock: lock._recursion_count(),
    lambda lock: lock._release_save()[0],
    lambda lock: repr(lock).split()[0],
]


@given(steps=st.lists(st.sampled_from(OPERATIONS), max_size=20), kind=st.sampled_from(["lock", "RLock"]))
def test_alone_it_behaves_as_the_original(steps: list[Callable[[Any], object]], kind: str) -> None:
    names = {"lock": "allocate_lock", "RLock": "RLock"}
    original = getattr(_thread, names[kind])()
    emulated = getattr(importlib.import_module("coro_patch._emulated._thread_locks"), names[kind])()

    def outcome(lock: Any, step: Callable[[Any], object]) -> object:
        try:
            return step(lock)
        except AttributeError:
            return AttributeError
        except Exception as error:
            return repr(error)

    for step in steps:
        expected, got = outcome(original, step), outcome(emulated, step)
        if expected is not AttributeError:  # a method that only newer Pythons have
            assert got == expected


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["acquire", "try", "limited", "interrupted"]),
        st.integers(0, 3),  # how long to hold it, in turns
        st.booleans(),  # whether to take it twice
    ),
    max_size=6,
)


@given(plans=st.lists(STEPS, min_size=2, max_size=6), recursive=st.booleans())
def test_only_one_has_it_whatever_they_do(virtual: None, plans: list[Any], recursive: bool) -> None:
    lock = threading.RLock() if recursive else threading.Lock()
    owner: list[Any] = []

    def hold(me: int, turns: int, twice: bool) -> None:
        assert owner == []
        owner.append(me)
        if recursive and twice:
            assert lock.acquire(False)
            lock.release()
        for _ in range(turns):
            coro.sleep_relative(1)
        assert owner == [me]
        owner.clear()
        lock.release()

    def worker(me: int, plan: list[Any]) -> None:
        for kind, turns, twice in plan:
            if kind == "acquire":
                assert lock.acquire()
            elif kind == "try":
                if not lock.acquire(False):
                    continue
            elif kind == "limited":
                if not lock.acquire(timeout=1.5):
                    continue
            else:
                try:
                    coro.with_timeout(0.5, lock.acquire)
                except coro.TimeoutError:
                    continue
            hold(me, turns, twice)

    workers = [coro.spawn(worker, number, plan) for number, plan in enumerate(plans)]
    for each in workers:
        each.join()
        each.result()
    assert lock.acquire(False)
    lock.release()
