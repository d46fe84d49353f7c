"""The tools for tests, tested."""

import os
import threading
import time

import pytest

import coro
from coro.interface import scheduler
from coro.testing import LeakError, counts, leak_check, virtual_clock


class TestVirtualClock:
    def test_hours_take_no_time(self):
        before = time.monotonic()
        with virtual_clock():
            coro.sleep_relative(10**7)
        assert time.monotonic() - before < 60

    def test_time_stands_still_otherwise(self):
        with virtual_clock():
            moment = coro.now()
            time.sleep(0)
            for _ in range(100):
                coro.yield_slice()
            assert coro.now() == moment

    def test_it_begins_now_and_ends_now(self):
        before = time.monotonic_ns()
        with virtual_clock():
            assert before <= coro.now() <= time.monotonic_ns()
            coro.sleep_relative(1000)
        assert coro.now() <= time.monotonic_ns()

    def test_not_within_itself(self):
        with virtual_clock():
            with pytest.raises(RuntimeError, match="on already"), virtual_clock():
                pass
            coro.sleep_relative(100)  # still virtual

    def test_news_of_descriptors_comes_before_a_jump(self, pipe, virtual):
        os.write(pipe[1], b"x")
        before = coro.now()
        assert scheduler().wait_for_descriptor(pipe[0], 1, 100) == 1
        assert coro.now() == before

    def test_other_threads_have_their_own_clock(self, virtual, in_thread):
        coro.sleep_relative(10**6)
        assert in_thread(coro.now) < coro.now()

    def test_an_error_inside_is_not_hidden(self):
        # A failing test has no chance to tidy up first.
        try:
            with pytest.raises(ZeroDivisionError), virtual_clock():
                sleeper = coro.spawn(coro.sleep_relative, 100)
                coro.yield_slice()
                raise ZeroDivisionError
        finally:
            sleeper.shutdown()
            sleeper.join()
        with virtual_clock():  # it is off, so it can be switched on
            pass


class TestLeakCheck:
    def test_nothing_left(self):
        with leak_check():
            coro.spawn(list).join()

    def test_a_coroutine(self):
        with pytest.raises(LeakError, match="1 coroutines"), leak_check():
            co = coro.spawn(lambda: scheduler().wait())
            coro.yield_slice()
        co.schedule()
        co.join()

    def test_a_timer(self):
        with pytest.raises(LeakError, match="1 timers"), leak_check():
            co = coro.spawn(coro.sleep_relative, 3600)
            coro.yield_slice()
        co.schedule()
        co.join()

    def test_descriptors(self):
        with pytest.raises(LeakError, match="2 open descriptors"), leak_check():
            ends = os.pipe()
        for fd in ends:
            os.close(fd)

    def test_a_registration(self, pipe):
        with pytest.raises(LeakError, match="1 descriptors"), leak_check():
            scheduler().wait_for_descriptor(pipe[1], 2)

    def test_a_thread(self):
        go = threading.Event()
        with pytest.raises(LeakError, match="1 OS threads"), leak_check():
            thread = threading.Thread(target=go.wait)
            thread.start()
        go.set()
        thread.join()

    def test_an_error_inside_is_not_hidden(self):
        with pytest.raises(ZeroDivisionError), leak_check():
            co = coro.spawn(lambda: scheduler().wait())
            raise ZeroDivisionError
        co.shutdown()

    def test_counts(self):
        assert counts()["coroutines"] == coro.get_live_coros()
        assert set(counts()) >= {"coroutines", "ready", "timers", "OS threads"}
