"""Questions that need no resolver: `coro_sock._numeric`."""

import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coro_sock._numeric import numeric_addresses, numeric_names


@pytest.mark.parametrize(
    "question",
    [
        ("127.0.0.1", 80),
        ("127.0.0.1", "80"),
        ("127.1", b"80", socket.AF_INET, socket.SOCK_STREAM),
        (b"::1", 80),
        ("fe80::1%lo", 80, socket.AF_INET6),
        ("127.0.0.1", None),
        ("127.0.0.1", 80, socket.AF_INET6, socket.SOCK_DGRAM, 0, socket.AI_V4MAPPED),
        ("127.0.0.1", 80, 0, 0, 0, socket.AI_CANONNAME),
        (None, 80),
        (None, "80", 0, socket.SOCK_STREAM, 0, socket.AI_PASSIVE),
    ],
)
def test_numbers_are_answered_as_by_the_system(question: Any) -> None:
    assert numeric_addresses(*question) == socket.getaddrinfo(*question)


@given(st.ip_addresses().map(str), st.integers(0, 65535), st.sampled_from([0, socket.SOCK_STREAM, socket.SOCK_DGRAM]))
def test_every_number_is_one(host: str, port: int, kind: int) -> None:
    assert numeric_addresses(host, port, 0, kind) == socket.getaddrinfo(host, port, 0, kind)


@pytest.mark.parametrize(
    "question",
    [
        ("localhost", 80),
        (b"localhost", None),
        ("127.0.0.1", "http"),  # a service is looked up too
        ("127.0.0.1", b"http"),
        ("127.0.0.1", ""),
        ("127.0.0.1", "²"),
        (None, "http"),
        ("1.2.3.4.5", 80),
    ],
)
def test_names_are_not(question: Any) -> None:
    assert numeric_addresses(*question) is None


@pytest.mark.parametrize(
    "question",
    [
        ("", 80),
        (b"", 80),
        (None, None),
        ("::1", 80, socket.AF_INET),
        ("127.0.0.1", 80, socket.AF_INET6),
        ("localhost", 80, 0, 0, 0, socket.AI_NUMERICHOST),
        ("x" * 64 + ".example", 80),
        (5, 80),
        ("localhost", 1.5),
        ("localhost", 80, "x"),
    ],
)
def test_what_is_plainly_wrong_is_told_as_by_the_system(question: Any) -> None:
    with pytest.raises(Exception) as theirs:  # noqa: PT011 - whatever the system says
        socket.getaddrinfo(*question)
    with pytest.raises(theirs.type) as ours:
        numeric_addresses(*question)
    assert str(ours.value) == str(theirs.value)


def test_numbers_for_an_address_need_nobody() -> None:
    numbers = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
    assert numeric_names(("127.0.0.1", 80), numbers) == ("127.0.0.1", "80")
    assert numeric_names(("::1", 80, 0, 0), numbers | socket.NI_DGRAM) == ("::1", "80")
    for flags in (0, socket.NI_NUMERICHOST, socket.NI_NUMERICSERV):
        assert numeric_names(("127.0.0.1", 80), flags) is None
