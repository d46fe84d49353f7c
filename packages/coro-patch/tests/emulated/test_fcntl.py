"""`fcntl`, `ioctl` and `os.set_blocking` do what they did; that a socket looks again stands in test_socket_owner."""

import array
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Iterator

import pytest


@pytest.fixture
def pair(both: str) -> Iterator[tuple[socket.socket, socket.socket]]:
    here, there = socket.socketpair()
    with here, there:
        yield here, there


def test_numbers_and_objects_that_have_one(pair: tuple[socket.socket, socket.socket]) -> None:
    here, _ = pair
    for each in here, here.fileno():
        flags = fcntl.fcntl(each, fcntl.F_GETFD)
        assert flags & fcntl.FD_CLOEXEC
        assert fcntl.fcntl(each, fcntl.F_SETFD, flags & ~fcntl.FD_CLOEXEC) == 0
        assert os.get_inheritable(here.fileno())
        fcntl.fcntl(each, fcntl.F_SETFD, flags)


def test_an_answer_of_bytes(pair: tuple[socket.socket, socket.socket]) -> None:
    here, there = pair
    there.send(b"12345")
    assert struct.unpack("i", fcntl.ioctl(here, termios.FIONREAD, bytes(4))) == (5,)


@pytest.mark.parametrize("mutate", [(), (True,), (1,)])
def test_an_answer_in_a_buffer(pair: tuple[socket.socket, socket.socket], mutate: tuple[bool, ...]) -> None:
    here, there = pair
    there.send(b"123")
    answer = array.array("i", [0])
    assert fcntl.ioctl(here, termios.FIONREAD, answer, *mutate) == 0
    assert answer[0] == 3


def test_a_buffer_that_is_to_stay_as_it_is(pair: tuple[socket.socket, socket.socket]) -> None:
    here, there = pair
    there.send(b"123")
    answer = array.array("i", [0])
    assert struct.unpack("i", fcntl.ioctl(here, termios.FIONREAD, answer, False)) == (3,)
    assert answer[0] == 0


def test_what_has_no_descriptor(both: str) -> None:
    with pytest.raises(TypeError, match="fileno"):
        fcntl.fcntl("x", fcntl.F_GETFL)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="negative"):
        fcntl.ioctl(-1, termios.FIONBIO)
    with pytest.raises(OverflowError):
        fcntl.fcntl(1 << 40, fcntl.F_GETFL)


def test_what_cannot_be_done(pair: tuple[socket.socket, socket.socket]) -> None:
    here, _ = pair
    with pytest.raises(OSError, match=r"Inappropriate ioctl|not supported"):
        fcntl.ioctl(here, termios.TIOCGWINSZ, bytes(8))
    with pytest.raises(TypeError):
        fcntl.fcntl()  # type: ignore[call-overload]


def test_an_object_is_asked_for_its_descriptor_once(both: str) -> None:
    asked = []

    class Broken:
        def fileno(self) -> int:
            asked.append(self)
            raise RuntimeError("no descriptor today")

    with pytest.raises(RuntimeError, match="today"):
        fcntl.fcntl(Broken(), fcntl.F_GETFL)
    assert len(asked) == 1


def test_a_mode(pair: tuple[socket.socket, socket.socket]) -> None:
    number = pair[0].fileno()
    for blocking in (True, False, True):
        os.set_blocking(number, blocking)
        assert os.get_blocking(number) == blocking
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.set_blocking(-1, False)
    with pytest.raises(TypeError):
        os.set_blocking(fd=number, blocking=False)  # type: ignore[call-arg]
