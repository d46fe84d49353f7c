"""Sharing and keeping what is looked up: `coro_sock._lookup_cache`."""

import gc
import socket
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import coro
from coro.interface import scheduler
from coro.testing import virtual_clock
from coro_sock._lookup_cache import LookupCache


class Lookup:
    """A look-up that ends when it is told how."""

    def __init__(self, ttl: float = 10.0) -> None:
        self.ttl = ttl
        self.begun: list[coro.coro] = []

    def __call__(self) -> tuple[Any, float]:
        self.begun.append(coro.current())
        answer = coro.sleep_relative(1e9)
        if isinstance(answer, Exception):
            raise answer
        return answer, self.ttl

    def end(self, answer: Any) -> None:
        self.begun[-1].schedule(answer)


def ask(cache: LookupCache, question: Any, lookup: Callable[[], tuple[Any, float]]) -> coro.coro:
    """A coroutine that asks, and waits by now."""
    co = coro.spawn(cache.answer, question, lookup, "looking up")
    coro.yield_slice()
    coro.yield_slice()
    return co


def at_once(answer: Any, ttl: float = 10.0) -> Callable[[], tuple[Any, float]]:
    return lambda: (answer, ttl)


class TestSharing:
    def test_those_who_ask_the_same_cost_one_look_up(self) -> None:
        cache, lookup = LookupCache(8), Lookup()
        asking = [ask(cache, "q", lookup) for _ in range(20)]
        assert len(lookup.begun) == 1
        lookup.end("answer")
        for co in asking:
            co.join()
        assert {co.result() for co in asking} == {"answer"}

    def test_those_who_ask_something_else_do_not_wait(self) -> None:
        cache, lookup = LookupCache(8), Lookup()
        co = ask(cache, "q", lookup)
        assert cache.answer("other", at_once(2), "") == 2
        assert not co.dead
        lookup.end(1)
        co.join()

    def test_one_that_is_interrupted_does_not_disturb_the_others(self) -> None:
        cache, lookup = LookupCache(8), Lookup()
        asking = [ask(cache, "q", lookup) for _ in range(3)]
        for co in asking[:2]:  # the first to ask among them
            co.shutdown()
            co.join()
        assert not asking[2].dead
        lookup.end("answer")
        asking[2].join()
        assert asking[2].result() == "answer"
        assert len(lookup.begun) == 1

    def test_the_last_to_leave_ends_the_look_up(self) -> None:
        cache, lookup = LookupCache(8), Lookup()
        asking = [ask(cache, "q", lookup) for _ in range(3)]
        for co in asking:
            co.shutdown()
            co.join()
        lookup.begun[0].join()
        assert isinstance(lookup.begun[0].failure, coro.Shutdown)
        again = ask(cache, "q", lookup)
        lookup.end("answer")
        again.join()
        assert (again.result(), len(lookup.begun)) == ("answer", 2)

    def test_an_interrupt_before_the_look_up_begins_leaves_nothing(self, virtual: None) -> None:
        cache, lookup = LookupCache(8), Lookup()
        with pytest.raises(coro.TimeoutError), coro.timeout(0):
            cache.answer("q", lookup, "looking up")
        coro.yield_slice()
        assert not lookup.begun or lookup.begun[0].dead

    def test_a_look_up_that_somebody_else_ends_is_begun_again(self) -> None:
        cache, lookup = LookupCache(8), Lookup()
        asking = [ask(cache, "q", lookup) for _ in range(2)]
        lookup.begun[0].shutdown()
        while len(lookup.begun) < 2:
            coro.yield_slice()
        lookup.end("answer")
        for co in asking:
            co.join()
        assert [co.result() for co in asking] == ["answer"] * 2
        assert len(lookup.begun) == 2

    def test_the_reports_tell_who_waits_for_what(self) -> None:
        cache, lookup = LookupCache(8), Lookup()
        co = ask(cache, "q", lookup)
        assert co.waiting == ("join", lookup.begun[0])
        assert lookup.begun[0].name == "looking up"
        lookup.end(1)
        co.join()

    def test_coroutines_of_several_os_threads_look_up_each_for_itself(self) -> None:
        cache, lookup = LookupCache(0), Lookup()
        co = ask(cache, "q", lookup)
        answers: list[Any] = []
        thread = threading.Thread(target=lambda: answers.append(cache.answer("q", at_once("theirs"), "")))
        thread.start()
        thread.join()
        assert answers == ["theirs"]
        lookup.end("ours")
        co.join()
        assert co.result() == "ours"

    def test_an_os_thread_that_ends_takes_its_look_ups_along(self) -> None:
        cache, lookup = LookupCache(8), Lookup()
        thread = threading.Thread(target=lambda: ask(cache, "q", lookup) and None)
        thread.start()
        thread.join()
        assert cache.answer("q", at_once("ours"), "") == "ours"
        lookup.begun.clear()

    def test_a_child_process_does_not_wait_for_the_parent_s_look_up(self, run: Callable[..., str]) -> None:
        run("""
            import os, coro
            from coro_sock._lookup_cache import LookupCache

            cache = LookupCache(8)
            co = coro.spawn(cache.answer, "q", lambda: (coro.sleep_relative(3600), 10.0), "looking up")
            while not isinstance(co.waiting, tuple):
                coro.yield_slice()
            child = os.fork()
            if not child:
                os._exit(cache.answer("q", lambda: (7, 10.0), ""))
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        """)


class TestFailing:
    def test_all_who_asked_get_the_error_each_its_own(self) -> None:
        cache, lookup = LookupCache(8), Lookup()
        errors = []

        def scenario() -> None:
            with pytest.raises(socket.gaierror) as caught:
                cache.answer("q", lookup, "")
            errors.append(caught.value)

        asking = [coro.spawn(scenario) for _ in range(3)]
        while not lookup.begun:
            coro.yield_slice()
        failure = socket.gaierror(socket.EAI_NONAME, "no such name")
        failure.__cause__ = cause = KeyError("cause")
        lookup.end(failure)
        for co in asking:
            co.join()
        assert len({id(error) for error in errors}) == 3
        for error in errors:
            assert error.args == (socket.EAI_NONAME, "no such name")
            assert error.__cause__ is cause
            assert error.__traceback__ is not None

    def test_an_error_that_cannot_be_copied_is_shared(self) -> None:
        class Picky(Exception):
            def __init__(self, *, reason: str) -> None:
                super().__init__(reason)

        def fail() -> tuple[Any, float]:
            raise Picky(reason="rain")

        with pytest.raises(Picky, match="rain"):
            LookupCache(8).answer("q", fail, "")

    def test_a_failure_is_not_kept(self) -> None:
        cache, lookup = LookupCache(8), Lookup()

        def scenario() -> None:
            with pytest.raises(LookupError):
                cache.answer("q", lookup, "")

        co = coro.spawn(scenario)
        while not lookup.begun:
            coro.yield_slice()
        lookup.end(LookupError())
        co.join()
        assert cache.answer("q", at_once(1), "") == 1

    def test_leaves_no_cycle_of_references(self) -> None:
        alive: weakref.WeakSet[Exception] = weakref.WeakSet()

        class Wrong(Exception):
            def __init__(self) -> None:
                alive.add(self)

        def fail() -> tuple[Any, float]:
            raise Wrong

        def scenario() -> None:
            with pytest.raises(Wrong):
                LookupCache(8).answer("q", fail, "")

        gc.disable()
        try:
            scenario()
            assert len(alive) == 0
        finally:
            gc.enable()


class TestKeeping:
    def test_for_as_long_as_the_look_up_said(self, virtual: None) -> None:
        cache = LookupCache(8)
        assert cache.answer("q", at_once("old", ttl=2.5), "") == "old"
        coro.sleep_relative(2.4)
        assert cache.answer("q", at_once("new"), "") == "old"
        coro.sleep_relative(0.1)
        assert cache.answer("q", at_once("new"), "") == "new"
        assert len(cache) == 1

    def test_counts_from_the_answer_on_and_not_from_its_last_use(self, virtual: None) -> None:
        cache = LookupCache(8)
        cache.answer("q", at_once("old", ttl=1), "")
        for _ in range(3):
            coro.sleep_relative(0.3)
            assert cache.answer("q", at_once("new"), "") == "old"
        coro.sleep_relative(0.3)
        assert cache.answer("q", at_once("new"), "") == "new"

    def test_not_at_all(self) -> None:
        cache = LookupCache(8)
        assert [cache.answer("q", at_once(n, ttl=0), "") for n in range(2)] == [0, 1]
        cache = LookupCache(0)
        assert [cache.answer("q", at_once(n), "") for n in range(2)] == [0, 1]
        assert len(cache) == 0

    def test_the_one_used_least_recently_goes_first(self, virtual: None) -> None:
        cache = LookupCache(2)
        for question in ("a", "b", "a", "c"):
            cache.answer(question, at_once("old"), "")
        assert [cache.answer(question, at_once("new"), "") for question in ("a", "c", "b")] == ["old", "old", "new"]

    def test_a_clock_that_went_back_makes_no_answer_last_longer(self) -> None:
        cache = LookupCache(2)
        with virtual_clock():
            coro.sleep_relative(3600)
            cache.answer("q", at_once("old"), "")
        assert cache.answer("q", at_once("new"), "") == "new"

    def test_until_it_is_emptied(self) -> None:
        cache, lookup = LookupCache(8), Lookup()
        cache.answer("q", at_once("old"), "")
        co = ask(cache, "other", lookup)
        cache.clear()
        assert cache.answer("q", at_once("new"), "") == "new"
        assert cache.answer("other", at_once("new"), "") == "new"  # and not what is under way
        lookup.end("old")
        co.join()
        assert co.result() == "old"  # for who asked before
        assert cache.answer("other", at_once("newer"), "") == "new"

    @given(
        size=st.integers(0, 3),
        steps=st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 3), st.integers(0, 2))),
    )
    def test_an_answer_is_never_too_old_and_there_are_never_too_many(
        self, size: int, steps: list[tuple[str, int, int]]
    ) -> None:
        with virtual_clock():
            cache = LookupCache(size)
            for question, ttl, pause in steps:
                moment = coro.now()
                made, length = cache.answer(question, at_once((moment, ttl), ttl=ttl), "")
                assert made == moment or moment - made < length * 1_000_000_000
                assert len(cache) <= size
                coro.sleep_relative(pause)


@pytest.mark.parametrize(("wrong", "kind"), [(-1, ValueError), (1.5, TypeError), (None, TypeError)])
def test_its_size_is_a_number(wrong: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="size of a cache"):
        LookupCache(wrong)


def test_it_needs_no_scheduler_of_its_own() -> None:
    assert scheduler().counts()["timers"] == 0
    LookupCache(8).answer("q", at_once(1), "")
    assert scheduler().counts()["timers"] == 0
