"""`select`, `poll`, `epoll`, and the selectors on top of them."""

import os
import select
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import coro


@pytest.fixture
def pairs(no_leaks: None) -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    made = [socket.socketpair() for _ in range(3)]
    yield made
    for pair in made:
        for each in pair:
            each.close()


Pairs = list[tuple[socket.socket, socket.socket]]

SELECTORS = [
    getattr(selectors, name) for name in ("SelectSelector", "PollSelector", "EpollSelector") if hasattr(selectors, name)
]


@pytest.mark.parametrize("kind", SELECTORS)
@pytest.mark.parametrize("watched", [1, 3])
class TestSelectors:
    def test_they_wait_while_others_run(self, both: str, pairs: Pairs, kind: Any, watched: int) -> None:
        with kind() as selector:
            for number, (here, _) in enumerate(pairs[:watched]):
                selector.register(here, selectors.EVENT_READ, number)
            thread = threading.Thread(target=lambda: pairs[watched - 1][1].sendall(b"x"))
            thread.start()
            ((key, events),) = selector.select(30)
            assert (key.data, events) == (watched - 1, selectors.EVENT_READ)
            thread.join()

    def test_time_runs_out(self, virtual: None, pairs: Pairs, kind: Any, watched: int) -> None:
        with kind() as selector:
            for here, _ in pairs[:watched]:
                selector.register(here, selectors.EVENT_READ)
            start = coro.now()
            assert selector.select(60) == []
            assert 60_000_000_000 <= coro.now() - start < 60_100_000_000

    def test_who_always_finds_something_lets_others_run(self, both: str, pairs: Pairs, kind: Any, watched: int) -> None:
        over: list[None] = []
        with kind() as selector:
            for here, _ in pairs[:watched]:
                selector.register(here, selectors.EVENT_WRITE)
            thread = threading.Thread(target=over.append, args=(None,))
            thread.start()
            while not over:
                assert selector.select()
            thread.join()
            over.clear()
            selector.modify(pairs[0][0], selectors.EVENT_READ)
            thread = threading.Thread(target=over.append, args=(None,))
            thread.start()
            while not over:
                selector.select(0)
            thread.join()

    def test_what_is_ready_is_told_at_once(self, both: str, pairs: Pairs, kind: Any, watched: int) -> None:
        with kind() as selector:
            for here, _ in pairs[:watched]:
                selector.register(here, selectors.EVENT_READ | selectors.EVENT_WRITE)
            assert {events for _, events in selector.select()} == {selectors.EVENT_WRITE}
            assert len(selector.select(0)) == watched


ERRORS: list[tuple[Callable[[], object], type[Exception]]] = [
    (lambda: select.select([], [], [], -1), ValueError),
    (lambda: select.select([], [], [], "x"), TypeError),  # type: ignore[arg-type]
    (lambda: select.select(1, [], []), TypeError),  # type: ignore[arg-type]
    (lambda: select.select(["a"], [], [], 1), TypeError),
    (lambda: select.select([-1], [], [], 1), ValueError),
    (lambda: select.poll().poll("x"), TypeError),  # type: ignore[arg-type]
    (lambda: select.poll().poll(1e30), OverflowError),
    (lambda: select.poll().register(-1), ValueError),
    (lambda: select.poll().register("x"), TypeError),
    (lambda: select.poll().modify(0, select.POLLIN), FileNotFoundError),
    (lambda: select.poll().unregister(0), KeyError),
]


@pytest.mark.parametrize(("wrong", "error"), ERRORS)
def test_wrong_uses(both: str, wrong: Callable[[], object], error: type[Exception]) -> None:
    with pytest.raises(error):
        wrong()


def test_a_closed_descriptor(both: str) -> None:
    here, there = socket.socketpair()
    number = here.detach()
    there.close()
    os.close(number)
    with pytest.raises(OSError, match="Bad file descriptor"):
        select.select([number], [], [], 1)
    polled = select.poll()
    polled.register(number)
    assert polled.poll(1000) == [(number, select.POLLNVAL)]


def test_select_returns_the_objects_that_it_got(both: str, pairs: Pairs) -> None:
    here, there = pairs[0]
    there.send(b"x")
    assert select.select(iter([here, pairs[1][0]]), (), [here.fileno()], 30) == ([here], [], [])
    assert select.select([], [there.fileno()], []) == ([], [there.fileno()], [])


def test_select_without_descriptors_sleeps(virtual: None) -> None:
    start = coro.now()
    assert select.select([], [], [], 60) == ([], [], [])
    assert coro.now() - start == 60_000_000_000


def test_a_hang_up_is_told_whatever_was_asked(both: str, pairs: Pairs) -> None:
    polled = select.poll()
    polled.register(pairs[0][0], 0)
    polled.register(pairs[1][0], 0)
    thread = threading.Thread(target=pairs[0][1].close)
    thread.start()
    assert polled.poll(30_000) == [(pairs[0][0].fileno(), select.POLLHUP)]
    thread.join()


def test_two_threads_cannot_poll_with_one_object(both: str, pairs: Pairs) -> None:
    polled = select.poll()
    polled.register(pairs[0][0], select.POLLIN)
    started = threading.Event()

    def wait() -> None:
        started.set()
        polled.poll(30_000)

    thread = threading.Thread(target=wait)
    thread.start()
    started.wait()
    while True:
        try:
            polled.poll(0)
        except RuntimeError as error:
            assert "concurrent poll() invocation" in str(error)  # noqa: PT017
            break
    pairs[0][1].send(b"x")
    thread.join()


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="this system has no epoll")
class TestEpoll:
    def test_its_surface(self, both: str, pairs: Pairs) -> None:
        with select.epoll() as watcher:
            assert not watcher.closed
            here, there = pairs[0]
            watcher.register(here, select.EPOLLIN)
            assert watcher.poll(0) == []
            there.send(b"x")
            assert watcher.poll(30) == [(here.fileno(), select.EPOLLIN)]
            watcher.modify(here, select.EPOLLOUT)
            assert watcher.poll() == [(here.fileno(), select.EPOLLOUT)]
            watcher.unregister(here)
            same = select.epoll.fromfd(os.dup(watcher.fileno()))
            same.close()
            with pytest.raises(TypeError):
                watcher.poll("x")  # type: ignore[arg-type]
            with pytest.raises(ValueError, match="maxevents"):
                watcher.poll(0, 0)
        assert watcher.closed
        watcher.close()
        with pytest.raises(ValueError, match="closed epoll"):
            watcher.fileno()
        with pytest.raises(ValueError, match="closed epoll"):
            watcher.poll(1)


def test_a_poll_object_is_made_by_poll_only(both: str) -> None:
    with pytest.raises(TypeError, match=r"cannot create 'select\.poll' instances"):
        type(select.poll())()
