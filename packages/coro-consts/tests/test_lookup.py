"""Finding numbers: the platform first, the written ones only where they hold."""

import socket
import sys
from enum import IntEnum, nonmember
from typing import Any

import pytest

from coro_consts._lookup import const


def test_an_absent_constant_leaves_no_trace() -> None:
    class Plain:
        HERE = const("AF_INET")
        GONE = const("NO_SUCH_CONSTANT")

    class Listed(IntEnum):
        HERE = const("AF_INET")
        GONE = const("NO_SUCH_CONSTANT")
        GONE_TOO = nonmember(const("NO_SUCH_CONSTANT"))

    for cls in (Plain, Listed):
        assert cls.HERE == socket.AF_INET
        for name in ("GONE", "GONE_TOO"):
            assert not hasattr(cls, name)
            assert name not in vars(cls)
            assert name not in dir(cls)
    assert list(Listed.__members__) == ["HERE"]


COMMON = {"SOL_SOCKET": 1, "AF_INET6": 10, "SOCK_STREAM": 1, "MSG_PEEK": 2}


def test_linux_of_the_common_numbering(elsewhere: Any) -> None:
    with elsewhere("linux", **COMMON) as there:
        assert there.SO.BUSY_POLL == 46
        assert there.SO.TIMESTAMP == 29
        assert there.TCP.CORK == 3
        assert not hasattr(there.SO, "ACCEPTFILTER")
        assert not hasattr(there.SO, "NOSIGPIPE")
        # Not in this _socket, and no number is written down for it.
        assert not hasattr(there.SO, "REUSEADDR")


def test_android_is_linux(elsewhere: Any) -> None:
    with elsewhere("android", **COMMON) as there:
        assert there.SO.BUSY_POLL == 46


def test_linux_with_32_bits_has_no_numbers_for_times(elsewhere: Any) -> None:
    with elsewhere("linux", maxsize=2**31 - 1, **COMMON) as there:
        assert there.SO.BUSY_POLL == 46
        for name in ("TIMESTAMP", "TIMESTAMPNS", "TIMESTAMPING"):
            assert not hasattr(there.SO, name)


def test_linux_of_another_numbering_has_no_common_numbers(elsewhere: Any) -> None:
    mips = {**COMMON, "SOL_SOCKET": 0xFFFF, "SO_REUSEADDR": 4}
    with elsewhere("linux", **mips) as there:
        assert there.SOL.SOCKET == 0xFFFF
        assert list(there.SO) == [4]
        assert there.SO(4) is there.SO.REUSEADDR
        # These are the same on every architecture.
        assert there.TCP.CORK == 3
        assert there.IP.MTU_DISCOVER == 10
        assert there.SO.ORIGINAL_DST == 80


def test_a_linux_that_does_not_tell_its_numbering(elsewhere: Any) -> None:
    with elsewhere("linux", AF_INET=2) as there:
        assert list(there.SO) == []


def test_freebsd(elsewhere: Any) -> None:
    with elsewhere("freebsd14", SOL_SOCKET=0xFFFF, AF_INET6=28) as there:
        assert there.SO.ACCEPTFILTER == 0x1000
        assert there.SO.NOSIGPIPE == 0x800
        assert there.MSG.WAITFORONE == 0x80000
        for name in ("BUSY_POLL", "NWRITE", "ORIGINAL_DST"):
            assert not hasattr(there.SO, name)
        assert list(there.TCP) == []


def test_macos(elsewhere: Any) -> None:
    with elsewhere("darwin", SOL_SOCKET=0xFFFF, AF_SYSTEM=32) as there:
        assert there.SO.NOSIGPIPE == 0x1022
        assert there.SO.NWRITE == 0x1024
        assert there.AF.SYSTEM == 32
        assert not hasattr(there.SO, "ACCEPTFILTER")


@pytest.mark.parametrize("platform", ["win32", "sunos5", "aix", "openbsd7", "wasi"])
def test_any_other_platform_has_only_its_own_numbers(elsewhere: Any, platform: str) -> None:
    # SOL_SOCKET 1 alone must not pass for Linux.
    with elsewhere(platform, SOL_SOCKET=1, SO_DEBUG=1, NI_MAXHOST=99) as there:
        found = {
            f"{name}.{member}": int(value)
            for name in there.__all__
            for member, value in vars(getattr(there, name)).items()
            if isinstance(value, int) and member.isupper() and member[0] != "_"
        } | {
            f"{name}.{member}": int(value)
            for name in there.__all__
            for member, value in getattr(there, name).__members__.items()
        }
        assert found == {"SOL.SOCKET": 1, "SO.DEBUG": 1, "NI.MAXHOST": 99}


def test_the_number_of_the_platform_wins(elsewhere: Any) -> None:
    with elsewhere("linux", **COMMON, SO_BUSY_POLL=999, TCP_CORK=998) as there:
        assert there.SO.BUSY_POLL == 999
        assert there.TCP.CORK == 998


def test_a_number_of_nought_is_a_number(elsewhere: Any) -> None:
    with elsewhere("linux", **COMMON, SO_TXREHASH=0) as there:
        assert there.SO.TXREHASH == 0
        assert there.IP.PMTUDISC_DONT == 0


def test_the_real_package_is_back() -> None:
    import coro_consts

    assert sys.modules["coro_consts"] is coro_consts
    assert coro_consts.SO.REUSEADDR == socket.SO_REUSEADDR
