"""Where coroutines stand."""

import contextlib
import threading

import pytest

import coro
from coro._diagnostics._where import where, where_all
from coro.interface import scheduler


def drink():
    scheduler().wait("tea")


DRINK = f"[diagnostics/test_where.py drink|{drink.__code__.co_firstlineno + 1}]"


@contextlib.contextmanager
def drinking():
    """A coroutine that waits."""
    co = coro.spawn(drink)
    coro.yield_slice()
    yield co
    co.shutdown()
    co.join()


def test_where_a_waiting_coroutine_stands():
    with drinking() as co:
        assert where(co) == DRINK


def test_where_the_caller_stands():
    def ask():
        return where(coro.current())

    assert ask().startswith(
        f"[diagnostics/test_where.py ask|{ask.__code__.co_firstlineno + 1}] [diagnostics/test_where.py test_"
    )
    co = coro.spawn(ask)
    co.join()
    assert co.result() == f"[diagnostics/test_where.py ask|{ask.__code__.co_firstlineno + 1}]"


def test_where_nobody_stands():
    co = coro.new(drink)
    assert where(co) == "[]"
    co.start()
    assert where(co) == "[]"
    co.shutdown()
    assert where(co) == "[]"


@pytest.mark.parametrize("wrong", [None, 5, drink])
def test_where_of_what_is_no_coroutine(wrong):
    with pytest.raises(TypeError, match="co must be a coroutine"):
        where(wrong)


def test_all_of_them():
    new, main = coro.new(drink), coro.current()
    with drinking() as co:
        places = where_all()
        assert set(places) == set(coro.all_threads)
    assert places[co.id] == ("drink", co, DRINK)
    assert places[main.id][:2] == ("main", main)
    assert "test_all_of_them" in places[main.id][2]
    assert new.id not in places


def test_those_of_another_thread():
    """One that waits there, and one that runs at the moment."""
    ready, done = threading.Event(), threading.Event()

    def program():
        co = coro.spawn(drink, thread_name="there")
        coro.yield_slice()
        ready.set()
        done.wait()
        co.shutdown()
        co.join()

    thread = threading.Thread(target=program)
    thread.start()
    ready.wait()
    places = {name: place for name, _, place in where_all().values()}
    done.set()
    thread.join()
    assert places["there"] == DRINK
    (main,) = [place for name, place in places.items() if name.startswith("main of")]
    assert "[diagnostics/test_where.py program|" in main
    del places
