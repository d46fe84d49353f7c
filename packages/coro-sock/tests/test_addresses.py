"""Parsing and unparsing addresses: `coro_sock._addresses`."""

import contextlib
import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coro_sock._addresses import round_trip

ports = st.integers(0, 65535)
ip4 = st.integers(1, 2**32 - 1).map(lambda n: str(ipaddress.IPv4Address(n)))
ip6 = st.integers(1, 2**128 - 1).map(lambda n: ipaddress.IPv6Address(n))


@given(ip4, ports)
def test_an_ipv4_address_comes_back(host: str, port: int) -> None:
    assert round_trip(socket.AF_INET, (host, port)) == (host, port)


@given(ip6, ports)
def test_an_ipv6_address_comes_back(host: ipaddress.IPv6Address, port: int) -> None:
    back = round_trip(socket.AF_INET6, (str(host), port))
    assert ipaddress.IPv6Address(back[0]) == host
    assert back[1:] == (port,)


@given(ip6, ports, st.integers(0, 0xFFFFF), st.integers(0, 2**32 - 1))
def test_flowinfo_and_scope_come_back_when_there_are_any(
    host: ipaddress.IPv6Address, port: int, flowinfo: int, scope: int
) -> None:
    back = round_trip(socket.AF_INET6, (str(host), port, flowinfo, scope))
    assert back[1:] == ((port, flowinfo, scope) if flowinfo or scope else (port,))


@given(st.binary(min_size=1, max_size=107).filter(lambda path: b"\0" not in path))
def test_a_unix_path_comes_back(path: bytes) -> None:
    back = round_trip(socket.AF_UNIX, path)
    assert back.encode(errors="surrogateescape") == path


@given(st.binary(max_size=107))
def test_an_abstract_name_comes_back_with_its_zero_bytes(name: bytes) -> None:
    back = round_trip(socket.AF_UNIX, b"\0" + name)
    assert back.encode(errors="surrogateescape") == b"\0" + name


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_any_address_is_the_empty_string_both_ways(family: int) -> None:
    assert round_trip(family, ("", 80)) == ("", 80)
    assert round_trip(family, ("0.0.0.0" if family == socket.AF_INET else "::", 80)) == ("", 80)


def test_broadcast() -> None:
    assert round_trip(socket.AF_INET, ("<broadcast>", 9)) == ("255.255.255.255", 9)


def test_the_number_of_a_scope_may_stand_behind_the_host() -> None:
    assert round_trip(socket.AF_INET6, ("fe80::1%7", 1)) == ("fe80::1", 1, 0, 7)
    index, name = socket.if_nameindex()[0]
    assert round_trip(socket.AF_INET6, (f"fe80::1%{name}", 1)) == ("fe80::1", 1, 0, index)


@pytest.mark.parametrize("host", ["localhost", "example.org", "1.2.3", "1.2.3.4.5", b"name", "bücher.example"])
def test_a_name_has_to_be_resolved(host: str) -> None:
    assert round_trip(socket.AF_INET, (host, 80)) is None
    assert round_trip(socket.AF_INET6, (host, 80)) is None


@pytest.mark.parametrize(
    ("family", "address", "error", "words"),
    [
        (socket.AF_INET, "127.0.0.1", TypeError, r"IPv4 address must be a tuple \(ip, port\)"),
        (socket.AF_INET, ["127.0.0.1", 80], TypeError, "must be a tuple"),
        (socket.AF_INET, ("127.0.0.1",), TypeError, "must be a tuple"),
        (socket.AF_INET, ("127.0.0.1", 80, 0), TypeError, "must be a tuple"),
        (socket.AF_INET, ("127.0.0.1", "80"), TypeError, "port .* must be an int, not str"),
        (socket.AF_INET, ("127.0.0.1", 80.0), TypeError, "port .* must be an int, not float"),
        (socket.AF_INET, ("127.0.0.1", -1), OverflowError, "port .* must be 0-65535, not -1"),
        (socket.AF_INET, ("127.0.0.1", 65536), OverflowError, "port .* 0-65535, not 65536"),
        (socket.AF_INET, ("127.0.0.1", 2**80), OverflowError, "port .* must be 0-65535"),
        (socket.AF_INET, (None, 80), TypeError, "host .* must be a str or bytes, not NoneType"),
        (socket.AF_INET, ("a\0b", 80), TypeError, "null character"),
        (socket.AF_INET6, ("::1",), TypeError, "IPv6 address must be a tuple"),
        (socket.AF_INET6, ("::1", 1, 2**20), OverflowError, "flowinfo .* 0-1048575"),
        (socket.AF_INET6, ("::1", 1, 0, -1), OverflowError, "scope_id .* 0-4294967295"),
        (socket.AF_INET6, ("fe80::1%no-such-interface", 1), OSError, "no interface|No such device"),
        (socket.AF_UNIX, ("a", 1), TypeError, "UNIX address must be a str or bytes, not tuple"),
        (socket.AF_UNIX, "a" * 108, OSError, "AF_UNIX path too long: 108 bytes, and 107 fit"),
        (socket.AF_UNIX, "\0" + "a" * 108, OSError, "AF_UNIX path too long"),
        (socket.AF_UNIX, "a\0b", ValueError, "zero byte"),
        (12345, ("127.0.0.1", 80), OSError, "family 12345"),
    ],
)
def test_bad_addresses(family: int, address: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        round_trip(family, address)


@given(
    st.sampled_from([socket.AF_INET, socket.AF_INET6, socket.AF_UNIX]),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=200) | st.binary(max_size=200) | st.floats(),
        lambda inner: st.tuples(inner) | st.tuples(inner, inner) | st.tuples(inner, inner, inner, inner),
    ),
)
def test_whatever_comes_is_parsed_or_refused(family: int, address: object) -> None:
    with contextlib.suppress(TypeError, ValueError, OverflowError, OSError):
        round_trip(family, address)
