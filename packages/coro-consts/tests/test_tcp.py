"""TCP, asked of real sockets."""

import socket
import sys

import pytest

from coro_consts import SOL, TCP

linux = pytest.mark.skipif(sys.platform != "linux", reason="options of Linux")


def test_nodelay() -> None:
    with socket.socket() as s:
        assert not s.getsockopt(SOL.TCP, TCP.NODELAY)
        s.setsockopt(SOL.TCP, TCP.NODELAY, 1)
        assert s.getsockopt(SOL.TCP, TCP.NODELAY)


@linux
def test_reading_back_what_was_set() -> None:
    with socket.socket() as s:
        for option, value in [
            (TCP.KEEPIDLE, 77),
            (TCP.KEEPINTVL, 7),
            (TCP.KEEPCNT, 3),
            (TCP.USER_TIMEOUT, 12345),
            (TCP.NOTSENT_LOWAT, 4096),
            # In the socket module since 3.12 only.
            (TCP.FASTOPEN_CONNECT, 1),
            (TCP.INQ, 1),
        ]:
            s.setsockopt(SOL.TCP, option, value)
            assert s.getsockopt(SOL.TCP, option) == value, option


@linux
def test_congestion_control_has_a_name() -> None:
    with socket.socket() as s:
        name = s.getsockopt(SOL.TCP, TCP.CONGESTION, 16).rstrip(b"\0")
        assert name.isalnum()


@linux
def test_a_control_message_is_named_like_its_option() -> None:
    assert TCP["CM_INQ"] is TCP.INQ
    assert str(TCP.CM_INQ) == "TCP.INQ"
