"""The kinds of stream socket that the tests run over."""

import itertools
import os
from pathlib import Path
from typing import Any

import pytest

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
