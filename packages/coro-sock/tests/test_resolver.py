"""Which resolver is asked: `coro_sock._resolver`."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

import coro
import coro_sock
from coro.interface import Resolver
from coro_sock import SystemResolver, _resolver


class Table:
    """A resolver that knows what it was told."""

    def __init__(self, **addresses: list[tuple[Any, ...]]) -> None:
        self.addresses = addresses
        self.asked: list[Any] = []

    def getaddrinfo(
        self, host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[tuple[int, int, int, str, tuple[Any, ...]]]:
        self.asked.append((host, port, family, type, proto, flags))
        return [
            (socket.AF_INET6 if ":" in number[0] else socket.AF_INET, type, proto, "", number)
            for number in self.addresses.get(host, [])
        ]

    def getnameinfo(self, sockaddr: tuple[Any, ...], flags: int) -> tuple[str, str]:
        self.asked.append((sockaddr, flags))
        return "some.host", "http"


@pytest.fixture
def table() -> Iterator[Table]:
    made = Table(four=[("127.0.0.1", 80)], six=[("fe80::1", 80, 0, 7)])
    coro.set_resolver(made)
    yield made
    coro.set_resolver(None)


def test_it_is_the_system_s_unless_set() -> None:
    assert isinstance(coro.get_resolver(), SystemResolver)
    assert isinstance(coro.get_resolver(), Resolver)
    question = ("localhost", 80, socket.AF_INET, socket.SOCK_STREAM)
    assert _resolver.getaddrinfo(*question) == socket.getaddrinfo(*question)


def test_another_can_be_set_and_taken_back() -> None:
    system, mine = coro.get_resolver(), Table()
    assert coro.set_resolver(mine) is system
    assert coro.get_resolver() is mine
    assert coro.set_resolver(None) is mine
    assert coro.get_resolver() is system


class OnlyAddresses:
    def getaddrinfo(self) -> None: ...


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (5, r"5 has no getaddrinfo\(\) and no getnameinfo\(\)"),
        (OnlyAddresses(), r"OnlyAddresses .* has no getnameinfo\(\)"),
        (SystemResolver, "is a class"),
    ],
)
def test_what_is_no_resolver_is_refused(wrong: Any, message: str) -> None:
    before = coro.get_resolver()
    with pytest.raises(TypeError, match=message):
        coro.set_resolver(wrong)
    assert coro.get_resolver() is before


def test_it_is_asked_for_names(table: Table) -> None:
    assert _resolver.getaddrinfo("four", 80, 0, 1, 6, 2) == [(socket.AF_INET, 1, 6, "", ("127.0.0.1", 80))]
    assert _resolver.getnameinfo(("127.0.0.1", 80), 0) == ("some.host", "http")
    assert table.asked == [("four", 80, 0, 1, 6, 2), (("127.0.0.1", 80), 0)]


def test_it_is_not_asked_for_numbers(table: Table) -> None:
    assert _resolver.getaddrinfo("127.0.0.1", 80, 0, 1) == socket.getaddrinfo("127.0.0.1", 80, 0, 1)
    numbers = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
    assert _resolver.getnameinfo(("127.0.0.1", 80), numbers) == ("127.0.0.1", "80")
    assert table.asked == []


def test_a_name_without_an_address_is_an_error(table: Table) -> None:
    with pytest.raises(socket.gaierror, match="no address of 'nobody'") as caught:
        _resolver.getaddrinfo("nobody", 80)
    assert caught.value.errno == socket.EAI_NONAME


@pytest.mark.parametrize(
    ("given", "number"),
    [
        (("four", 80), ("127.0.0.1", 80)),
        (("six", 80), ("fe80::1", 80, 0, 7)),
        (("six", 80, 5), ("fe80::1", 80, 5, 7)),
        (("six", 80, 5, 9), ("fe80::1", 80, 5, 9)),
    ],
)
def test_an_address_keeps_what_was_given_with_it(table: Table, given: Any, number: Any) -> None:
    assert _resolver.resolve(given, 0, socket.SOCK_STREAM, 0) == number


def test_sockets_ask_it(table: Table) -> None:
    with coro_sock.tcp_sock() as listener, coro_sock.tcp_sock() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        table.addresses["listener"] = [listener.getsockname()]
        client.connect(("listener", listener.getsockname()[1]))
        listener.accept()[0].close()
    assert len(table.asked) == 1
