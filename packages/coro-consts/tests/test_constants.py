"""All constants at once: what the source says, what is there, what socket has."""

import keyword
import socket
from typing import Any

import pytest

import coro_consts
from coro_consts import _lookup

NAMES = coro_consts.__all__
WHERE = {
    "linux": _lookup.LINUX,
    "generic": _lookup.GENERIC,
    "generic64": _lookup.GENERIC64,
    "freebsd": _lookup.FREEBSD,
    "macos": _lookup.MACOS,
}


def of_socket(prefix: str) -> dict[str, int]:
    """The socket module's constants with this prefix, without it."""
    return {
        name.removeprefix(prefix): int(value)
        for name, value in vars(socket).items()
        if name.startswith(prefix) and isinstance(value, int)
    }


def members(cls: Any) -> dict[str, int]:
    return {name: int(member) for name, member in cls.__members__.items()}


def plain(cls: Any) -> dict[str, int]:
    """The plain integers among the attributes of a class."""
    return {name: value for name, value in vars(cls).items() if type(value) is int}


def visible(cls: Any) -> dict[str, int]:
    own = {n: v for n, v in plain(cls).items() if not n.startswith("_")}
    return members(cls) | own


@pytest.mark.parametrize("name", NAMES)
def test_every_constant_of_socket_is_there_with_its_number(name: str) -> None:
    cls = getattr(coro_consts, name)
    known = of_socket(f"{name}_")
    assert len(known) >= 3
    assert {n: int(getattr(cls, n, -(2**40))) for n in known} == known


@pytest.mark.parametrize("name", NAMES)
def test_what_is_there_is_what_the_source_says(name: str, source: Any) -> None:
    """Type checkers read the source: they and the runtime must agree.

    A name is there just if socket has it, or a number is written for this platform.
    """
    known = of_socket(f"{name}_") | (of_socket("AF_") if name == "PF" else {})
    expected = {}
    for entry in source[name]:
        numbers = [v for k, v in entry.numbers.items() if WHERE[k]]
        assert len(numbers) <= 1
        if entry.name in known:
            expected[entry.name] = known[entry.name]
        elif numbers:
            expected[entry.name] = numbers[0]
    assert visible(getattr(coro_consts, name)) == expected


@pytest.mark.parametrize("name", NAMES)
def test_plain_integers_are_no_members(name: str, source: Any) -> None:
    cls = getattr(coro_consts, name)
    for entry in source[name]:
        if hasattr(cls, entry.name):
            assert (entry.name in cls.__members__) == entry.member
            assert isinstance(getattr(cls, entry.name), cls) == entry.member


@pytest.mark.parametrize("name", NAMES)
def test_each_line_of_the_source_asks_for_its_own_constant(name: str, source: Any) -> None:
    for entry in source[name]:
        assert entry.constant == f"{entry.owner}_{entry.name}"
        assert set(entry.numbers) <= set(WHERE)
        # One number for Linux at most, or it would be unclear which is meant.
        assert len(set(entry.numbers) - {"freebsd", "macos"}) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_no_line_of_the_source_repeats_a_name(name: str, source: Any) -> None:
    names = [entry.name for entry in source[name]]
    assert len(names) == len(set(names)) > 2


@pytest.mark.parametrize("name", NAMES)
def test_names_can_be_written_as_attributes(name: str, source: Any) -> None:
    for entry in source[name]:
        assert entry.name.isidentifier()
        assert not keyword.iskeyword(entry.name)
        assert not entry.name.startswith("_")


def test_so_numbers_depend_on_the_architecture(source: Any) -> None:
    """The kernel lets an architecture number SO_ at will: never "linux" there.

    The plain ones are of other levels, which are the same everywhere.
    """
    for entry in source["SO"]:
        assert ("linux" in entry.numbers) <= (not entry.member)
    for name in set(NAMES) - {"SO"}:
        for entry in source[name]:
            assert not entry.numbers.keys() & {"generic", "generic64"}


@pytest.mark.parametrize("name", ["AI", "NI", "EAI"])
def test_numbers_of_the_c_library_are_not_written_down(name: str, source: Any) -> None:
    assert all(not entry.numbers for entry in source[name])


# Two names that are meant to have one number, by the name that prints.
SAME_NUMBER = {
    "AF_NETLINK": {"AF_ROUTE"},
    "IPV6_ORIGDSTADDR": {"IPV6_RECVORIGDSTADDR"},
    "IP_ORIGDSTADDR": {"IP_RECVORIGDSTADDR"},
    "SO_ATTACH_FILTER": {"SO_GET_FILTER"},
    "SO_DETACH_FILTER": {"SO_DETACH_BPF"},
    "TCP_INQ": {"TCP_CM_INQ"},
}


@pytest.mark.parametrize("where", sorted(WHERE))
def test_two_names_share_a_written_number_only_on_purpose(where: str, source: Any) -> None:
    """A slip in a number too new for the C headers here mostly hits another's."""
    shared: dict[str, set[str]] = {}
    for name in set(NAMES) - {"PF"}:
        first: dict[int, str] = {}
        for entry in source[name]:
            if entry.member and where in entry.numbers:
                known = first.setdefault(entry.numbers[where], entry.constant)
                if known != entry.constant:
                    shared.setdefault(known, set()).add(entry.constant)
    assert shared.items() <= SAME_NUMBER.items()
