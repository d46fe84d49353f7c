"""Sockets for the tests: the kinds of stream that they run over, and others that they need."""

import itertools
import os
import socket
from pathlib import Path
from typing import Any

import pytest

import coro
import coro_sock

KINDS = ["ipv4", "ipv6", "unix-path", "unix-abstract"]

_numbers = itertools.count()


def make(kind: str) -> coro_sock.sock:
    """A socket of that kind."""
    match kind:
        case "ipv4":
            return coro_sock.tcp_sock()
        case "ipv6":
            return coro_sock.tcp6_sock()
        case _:
            return coro_sock.unix_sock()


def free_address(kind: str, folder: Path) -> Any:
    """An address of that kind on which nobody listens."""
    match kind:
        case "ipv4":
            return ("127.0.0.1", 0)
        case "ipv6":
            return ("::1", 0)
        case "unix-path":
            return str(folder / f"socket-{next(_numbers)}")
        case _:
            return f"\0coro-sock-test-{os.getpid()}-{next(_numbers)}"


def listen(kind: str, folder: Path) -> coro_sock.sock:
    """A socket of that kind that listens."""
    if kind == "ipv6" and not coro_sock.has_ipv6():
        pytest.skip("this machine has no IPv6")
    listener = make(kind)
    try:
        listener.bind(free_address(kind, folder))
    except OSError as error:
        listener.close()
        if kind == "ipv6":
            pytest.skip(f"this machine has no IPv6 loopback address: {error}")
        raise
    listener.listen(128)
    return listener


def pair(kind: str, folder: Path) -> tuple[coro_sock.sock, coro_sock.sock]:
    """Two sockets of that kind that are connected with each other."""
    with listen(kind, folder) as listener:
        client = make(kind)
        client.connect(listener.getsockname())
        server, _ = listener.accept()
    return client, server


def tiny_pair(kind: str, folder: Path) -> tuple[coro_sock.sock, coro_sock.sock]:
    """The same with the smallest buffers that the kernel gives, so that a little fills them."""
    with listen(kind, folder) as listener:
        shrink(listener)
        client = make(kind)
        shrink(client)
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        shrink(server)
    return client, server


def shrink(made: coro_sock.sock) -> None:
    """Give it the smallest buffers."""
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)


def tiny_unix_pair() -> tuple[coro_sock.sock, coro_sock.sock]:
    """Two UNIX streams that are connected. What one sends is with the other at once."""
    left, right = coro_sock.socketpair()
    shrink(left)
    shrink(right)
    return left, right


def fill(sender: coro_sock.sock) -> int:
    """Send until no more fits; how many bytes that were."""
    filled = 0
    try:
        while True:
            filled += sender.send(b"\xff" * 100_000, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return filled


def until_blocked(*coroutines: coro.coro) -> None:
    """Let others run until each of these waits."""
    for co in coroutines:
        while co.waiting is None:
            assert not co.dead, co.failure
            coro.yield_slice()


def join(*coroutines: coro.coro) -> list[Any]:
    """The results of all of them."""
    for co in coroutines:
        co.join()
    return [co.result() for co in coroutines]
