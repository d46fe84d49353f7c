"""A server's connection: what it receives, whoever else reads from it."""

import errno
import os
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import coro
from coro_patch._connection import Connection

Pair = tuple[Connection, socket.socket]


def make_pair() -> Pair:
    here, there = socket.socketpair()
    return Connection(here.family, here.type, here.proto, here.detach()), there


@pytest.fixture
def pair(emulated: None) -> Iterator[Pair]:
    here, there = make_pair()
    with here, there:
        yield here, there


def wait_until_waiting(waiter: coro.coro) -> None:
    while waiter.waiting is None:
        coro.yield_slice()


def test_is_an_ordinary_socket(pair: Pair) -> None:
    here, there = pair
    assert isinstance(here, socket.socket)
    assert here.gettimeout() is None
    here.sendall(b"hello")
    assert there.recv(10) == b"hello"


def test_waits_for_data_and_then_for_more(pair: Pair) -> None:
    here, there = pair
    for word in b"one", b"two", b"three":
        receiver = coro.spawn(here.recv, 100)
        wait_until_waiting(receiver)
        there.send(word)
        receiver.join()
        assert receiver.result() == word


def test_what_comes_before_it_waits_is_not_missed(pair: Pair) -> None:
    here, there = pair
    for word in b"one", b"two", b"three":
        there.send(word)
        assert here.recv(100) == word


def test_receives_no_more_than_was_asked_for(pair: Pair) -> None:
    here, there = pair
    there.send(b"abcdef")
    assert [here.recv(4), here.recv(4)] == [b"abcd", b"ef"]
    receiver = coro.spawn(here.recv, 4)
    wait_until_waiting(receiver)
    there.send(b"ghijkl")
    receiver.join()
    assert receiver.result() + here.recv(4) == b"ghijkl"


def test_the_end_comes_after_the_data_and_again(pair: Pair) -> None:
    here, there = pair
    there.send(b"last")
    there.close()
    assert [here.recv(100) for _ in range(3)] == [b"last", b"", b""]


def test_the_end_wakes_who_waits(pair: Pair) -> None:
    here, there = pair
    there.send(b"x")
    here.recv(100)
    receiver = coro.spawn(here.recv, 100)
    wait_until_waiting(receiver)
    here.shutdown(socket.SHUT_RD)
    receiver.join()
    assert receiver.result() == b""


def test_closing_wakes_who_waits(pair: Pair) -> None:
    here, _ = pair

    def receive() -> int | None:
        with pytest.raises(OSError) as caught:  # noqa: PT011
            here.recv(100)
        return caught.value.errno

    receiver = coro.spawn(receive)
    wait_until_waiting(receiver)
    here.close()
    receiver.join()
    assert receiver.result() == errno.EBADF
    with pytest.raises(OSError, match="Bad file descriptor"):
        here.recv(100)


def test_a_number_that_is_used_again_is_another_connection(emulated: None) -> None:
    """The first is dropped by its number, so nobody tells that its life ends."""
    here, there = make_pair()
    receiver = coro.spawn(here.recv, 100)
    wait_until_waiting(receiver)
    there.send(b"x")
    receiver.join()
    number = here.fileno()
    ours, theirs = socket.socketpair()
    os.dup2(ours.fileno(), number)
    there.close()
    ours.close()
    with Connection(fileno=number) as again, theirs:
        receiver = coro.spawn(again.recv, 100)
        wait_until_waiting(receiver)
        theirs.send(b"for the second")
        receiver.join(10)
        assert receiver.result() == b"for the second"
        here.detach()


def test_a_timeout_is_kept(pair: Pair) -> None:
    here, there = pair
    here.settimeout(0.01)
    assert here.gettimeout() == 0.01
    with pytest.raises(TimeoutError):
        here.recv(100)
    here.settimeout(0)
    with pytest.raises(BlockingIOError):
        here.recv(100)
    here.settimeout(None)
    there.send(b"x")
    assert here.recv(100) == b"x"


def test_an_interrupted_wait_loses_nothing(pair: Pair) -> None:
    here, there = pair
    there.send(b"x")
    here.recv(100)
    with pytest.raises(coro.TimeoutError), coro.timeout(0.01):
        here.recv(100)
    there.send(b"later")
    assert here.recv(100) == b"later"


def test_flags_and_sizes_are_those_of_any_socket(pair: Pair) -> None:
    here, there = pair
    there.send(b"abc")
    assert here.recv(100, socket.MSG_PEEK) == b"abc"
    assert here.recv(0) == b""
    assert here.recv(1_000_000) == b"abc"
    with pytest.raises(BlockingIOError):
        here.recv(100, socket.MSG_DONTWAIT)
    with pytest.raises(ValueError, match="negative"):
        here.recv(-1)


@given(
    pieces=st.lists(st.binary(min_size=1, max_size=50), min_size=1),
    sizes=st.lists(st.tuples(st.integers(1, 60), st.booleans()), min_size=1),
    early=st.booleans(),
)
def test_everything_arrives_in_order(
    emulated: None, pieces: list[bytes], sizes: list[tuple[int, bool]], early: bool
) -> None:
    """Whether it is read by `recv` or by other methods, and however sending and receiving take turns."""
    here, there = make_pair()

    def send() -> None:
        for piece in pieces:
            there.sendall(piece)
            coro.yield_slice()
        there.close()

    def receive() -> bytes:
        got = b""
        while True:
            for size, plainly in sizes:
                if plainly:
                    buffer = bytearray(size)
                    data = bytes(buffer[: here.recv_into(buffer)])
                else:
                    data = here.recv(size)
                got += data
                if not data:
                    return got

    first, second = (send, receive) if early else (receive, send)
    started = {fun: coro.spawn(fun) for fun in (first, second)}
    with here:
        for each in started.values():
            each.join()
    assert started[receive].result() == b"".join(pieces)
