"""Functions that make sockets of the usual kinds.

What belongs here: a name for each kind. What a socket does is in `_sock`.
"""

import _socket

from coro_sock._sock import sock


def tcp_sock() -> sock:
    """Make a streaming IPv4 socket.

    Raises:
        OSError: the system refuses (socket(2)).
    """
    return sock(_socket.AF_INET, _socket.SOCK_STREAM)


def tcp6_sock() -> sock:
    """Make a streaming IPv6 socket.

    Raises:
        OSError: the system refuses (socket(2)).
    """
    return sock(_socket.AF_INET6, _socket.SOCK_STREAM)


def unix_sock() -> sock:
    """Make a streaming UNIX-domain socket.

    Raises:
        OSError: the system refuses (socket(2)).
    """
    return sock(_socket.AF_UNIX, _socket.SOCK_STREAM)


def has_ipv6() -> bool:
    """Whether this system can create an IPv6 socket."""
    try:
        tcp6_sock().close()
    except OSError:
        return False
    return True
