"""Attributes that each coroutine has for itself: `coro._thread_local`."""

import copy
import gc
import pickle
import threading
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

import coro
from coro._thread_local import ThreadLocal


class Thing:
    pass


def in_coroutine(fun, *args):
    """In a coroutine of its own: what it returns."""
    co = coro.spawn(fun, *args)
    co.join()
    return co.result()


class TestAttributes:
    def test_are_those_of_the_coroutine(self):
        def use(n):
            assert not hasattr(local, "x")
            local.x = n
            coro.yield_slice()
            assert local.x == n
            local.x += 1
            coro.yield_slice()
            return local.x

        local = ThreadLocal()
        local.x = "main"
        made = [coro.spawn(use, n) for n in range(100)]
        for co in made:
            co.join()
        assert [co.result() for co in made] == list(range(1, 101))
        assert local.x == "main"

    def test_missing_ones(self):
        local = ThreadLocal()
        with pytest.raises(AttributeError, match="'x'"):
            local.x  # noqa: B018
        with pytest.raises(AttributeError, match="'x' in this coroutine"):
            del local.x
        local.x = 1
        del local.x
        assert not hasattr(local, "x")
        assert getattr(local, "x", 5) == 5

    def test_of_two_objects(self):
        one, two = ThreadLocal(), ThreadLocal()
        one.x, two.x = 1, 2
        assert (one.x, two.x) == (1, 2)

    def test_as_a_dict(self):
        local = ThreadLocal()
        local.x = 1
        assert vars(local) == local.__dict__ == {"x": 1}
        local.__dict__["y"] = 2
        assert local.y == 2
        assert {"x", "y", "__dict__"} <= set(dir(local)) | {"__dict__"}
        assert in_coroutine(lambda: vars(local)) == {}
        with pytest.raises(AttributeError, match="read-only"):
            local.__dict__ = {}
        with pytest.raises(AttributeError, match="read-only"):
            del local.__dict__

    def test_names_must_be_strings(self):
        with pytest.raises(TypeError):
            setattr(ThreadLocal(), 1, 2)

    def test_of_each_os_thread(self, in_thread):
        local = ThreadLocal()
        local.x = "ours"
        assert in_thread(lambda: hasattr(local, "x")) is False
        assert local.x == "ours"

    @given(
        st.lists(
            st.tuples(
                st.integers(0, 3), st.sampled_from("abc"), st.sampled_from(["set", "get", "delete"]), st.integers()
            ),
            max_size=60,
        )
    )
    def test_law(self, steps):
        """As many plain objects, one for each coroutine."""

        def take_turns(n):
            mine = Thing()
            for who, name, what, value in steps:
                if who == n:
                    for each in (mine, local):
                        if what == "set":
                            setattr(each, name, value)
                        elif what == "delete" and hasattr(each, name):
                            delattr(each, name)
                coro.yield_slice()
                assert vars(local) == vars(mine)

        local = ThreadLocal()
        made = [coro.spawn(take_turns, n) for n in range(4)]
        for co in made:
            co.join()
            co.result()


class TestSubclasses:
    def test_are_initialized_in_each_coroutine(self):
        class Counter(ThreadLocal):
            step = 1

            def __init__(self, begin, *, step=1):
                made.append(coro.current())
                self.count = begin
                if step != 1:
                    self.step = step

            def next(self):
                self.count += self.step
                return self.count

        made = []
        counter = Counter(5, step=2)
        assert counter.next() == 7
        assert in_coroutine(counter.next) == 7
        assert counter.next() == 9
        assert len(made) == 2

    def test_init_may_wait(self):
        class Slow(ThreadLocal):
            def __init__(self):
                self.x = coro.current()
                coro.yield_slice()

        local = Slow()
        made = [coro.spawn(lambda: local.x is coro.current()) for _ in range(3)]
        for co in made:
            co.join()
            assert co.result()

    def test_init_that_fails_is_tried_again(self):
        class Fails(ThreadLocal):
            def __init__(self):
                attempts.append(1)
                self.x = 1
                if len(attempts) == 2:
                    raise KeyError

        def use():
            with pytest.raises(KeyError):
                local.x  # noqa: B018
            return local.x

        attempts = []
        local = Fails()
        assert in_coroutine(use) == 1
        assert len(attempts) == 3

    def test_properties_and_slots(self):
        class Rich(ThreadLocal):
            __slots__ = ("shared",)
            constant = 7

            @property
            def double(self):
                return self.x * 2

            @double.setter
            def double(self, value):
                self.x = value // 2

            @double.deleter
            def double(self):
                del self.x

            def __getattr__(self, name):
                return f"no {name}"

        local = Rich()
        local.double = 8
        local.shared = "by all"
        local.constant = 8
        local.__dict__["double"] = "hidden by the property"
        assert (local.x, local.double, local.constant) == (4, 8, 8)
        assert in_coroutine(lambda: (local.shared, local.constant, local.x)) == ("by all", 7, "no x")
        del local.double
        del local.shared
        assert local.x == "no x"

    def test_arguments_without_an_init(self):
        for wrong in (lambda: ThreadLocal(1), lambda: ThreadLocal(a=1), lambda: type("Sub", (ThreadLocal,), {})(1)):
            with pytest.raises(TypeError, match="takes no arguments"):
                wrong()

    def test_are_not_copied_nor_pickled(self):
        for attempt in (copy.copy, pickle.dumps):
            with pytest.raises(TypeError):
                attempt(ThreadLocal())


class TestEnd:
    def test_of_a_coroutine_takes_its_values_away(self):
        def use():
            local.thing = Thing()
            return weakref.ref(local.thing)

        local = ThreadLocal()
        co = coro.spawn(use)
        co.join()
        assert co.result()() is None

    def test_of_an_os_thread(self, in_thread):
        def use():
            def other():
                local.thing = Thing()
                seen.append(weakref.ref(local.thing))
                coro.sleep_relative(1000)

            coro.spawn(other)
            coro.yield_slice()
            local.thing = Thing()
            seen.append(weakref.ref(local.thing))

        local, seen = ThreadLocal(), []
        in_thread(use)
        assert [each() for each in seen] == [None, None]

    def test_of_the_object(self):
        local = ThreadLocal()
        local.thing = Thing()
        reference = weakref.ref(local.thing)
        del local
        assert reference() is None

    def test_of_one_that_holds_itself_and_its_coroutine(self):
        def use(local):
            local.me, local.itself, local.thing = coro.current(), local, Thing()
            return weakref.ref(local.thing)

        local = ThreadLocal()
        assert in_coroutine(use, local)() is None
        local.itself = local
        reference = weakref.ref(local)
        del local
        gc.collect()
        assert reference() is None

    def test_finalizers_may_wait_and_use_it(self, finalizer):
        def action():
            coro.yield_slice()
            local.again = 1
            return coro.current().name

        def use():
            local.thing = finalizer(action, log)

        local, log = ThreadLocal(), []
        co = coro.spawn(use, thread_name="user")
        co.join()
        assert log == ["user"]
        assert in_coroutine(lambda: vars(local)) == {}

    def test_many_objects_in_a_coroutine_that_goes_on(self):
        """What it knows of them does not pile up."""
        for _ in range(5000):
            ThreadLocal().x = 1
        dead = [each for each in gc.get_objects() if type(each) is weakref.ref and each() is None]
        assert len(dead) < 1000

    def test_many_coroutines(self):
        def use():
            local.x = Thing()
            coro.yield_slice()

        local = ThreadLocal()
        for _ in range(1000):
            coro.spawn(use)
        before = len([each for each in gc.get_objects() if type(each) is Thing])
        while coro.current().scheduler.counts()["ready"]:
            coro.yield_slice()
        assert before == 0
        assert [each for each in gc.get_objects() if type(each) is Thing] == []


class TestReentry:
    def test_by_garbage_collection_at_any_time(self):
        class Cycle:
            def __init__(self):
                self.itself = self

            def __del__(self):
                local.died = getattr(local, "died", 0) + 1

        local = ThreadLocal()
        thresholds = gc.get_threshold()
        gc.set_threshold(1, 1, 1)
        try:
            for n in range(200):
                Cycle()
                setattr(local, f"x{n % 7}", n)
                in_coroutine(setattr, local, "x", n)
        finally:
            gc.set_threshold(*thresholds)
        gc.collect()
        assert local.x3 == 199 - (199 - 3) % 7

    def test_between_os_threads(self):
        def use(n):
            for i in range(300):
                local.x = (n, i)
                coro.yield_slice()
                assert local.x == (n, i)
                if i % 50 == 0:
                    coro.spawn(setattr, local, "x", None).join()
            ends.append(n)

        def main(n):
            made = [coro.spawn(use, (n, i)) for i in range(5)]
            for co in made:
                co.join()

        local, ends = ThreadLocal(), []
        threads = [threading.Thread(target=main, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(ends) == 20


def test_fork(run):
    run("""
        import os, coro
        from coro._thread_local import ThreadLocal

        local = ThreadLocal()
        def forks():
            local.x = 5
            child = os.fork()
            local.y = 6
            assert vars(local) == {"x": 5, "y": 6}
            return child

        co = coro.spawn(forks)
        co.join()
        assert os.waitstatus_to_exitcode(os.waitpid(co.result(), 0)[1]) == 0
        assert vars(local) == {}
    """)
