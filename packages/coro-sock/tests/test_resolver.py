"""Looking up names: `coro_sock._resolver`."""

import socket
import threading

import pytest

import coro
from coro.interface import Resolver
from coro_sock import _resolver


def test_it_gives_what_the_system_gives() -> None:
    arguments = ("localhost", 80, socket.AF_INET, socket.SOCK_STREAM)
    assert _resolver.getaddrinfo(*arguments) == socket.getaddrinfo(*arguments)


def test_its_errors_are_the_system_s() -> None:
    with pytest.raises(socket.gaierror):
        _resolver.getaddrinfo("no-such-host.invalid", 80)


def test_others_run_while_it_looks_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answer = threading.Event(), threading.Event()

    def slow(*arguments: object) -> list[object]:
        asked.set()
        answer.wait(30)
        return [(2, 1, 6, "", ("127.0.0.1", 80))]

    monkeypatch.setattr(_resolver, "_getaddrinfo", slow)
    looking = coro.spawn(_resolver.resolve, ("some.host", 80), socket.AF_INET, 1, 0)
    while not asked.is_set():
        coro.yield_slice()
    assert looking.waiting == ("getaddrinfo", None)
    answer.set()
    looking.join()
    assert looking.result() == ("127.0.0.1", 80)


def test_a_look_up_can_be_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    done, answer = threading.Event(), threading.Event()

    def slow(*arguments: object) -> list[object]:
        answer.wait(30)
        done.set()
        return []

    monkeypatch.setattr(_resolver, "_getaddrinfo", slow)
    with pytest.raises(coro.TimeoutError):
        coro.with_timeout(0.001, _resolver.getaddrinfo, "some.host", 80)
    answer.set()
    done.wait(30)
    while threading.active_count() > 1:
        coro.yield_slice()


def test_it_is_a_resolver() -> None:
    assert hasattr(Resolver, "getaddrinfo")
    assert callable(_resolver.getaddrinfo)
