"""Functions that make sockets of the usual kinds.

What belongs here: a name for each kind. What a socket does is in `_sock`.
"""

import _socket
import os

from coro_sock._sock import kind_of_socket, sock


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


def udp_sock() -> sock:
    """Make a datagram IPv4 socket.

    Raises:
        OSError: the system refuses (socket(2)).
    """
    return sock(_socket.AF_INET, _socket.SOCK_DGRAM)


def udp6_sock() -> sock:
    """Make a datagram IPv6 socket.

    Raises:
        OSError: the system refuses (socket(2)).
    """
    return sock(_socket.AF_INET6, _socket.SOCK_DGRAM)


def unix_sock() -> sock:
    """Make a streaming UNIX-domain socket.

    Raises:
        OSError: the system refuses (socket(2)).
    """
    return sock(_socket.AF_UNIX, _socket.SOCK_STREAM)


def make_socket(domain: int, stype: int) -> sock:
    """Make a socket of a family (an `AF`) and a type (a `SOCK`).

    Raises:
        OSError: the system refuses (socket(2)).
    """
    return sock(domain, stype)


def fromfd(fd: int, family: int | None = None, type: int | None = None, proto: int = 0) -> sock:
    """Make a socket from a duplicate of a descriptor, which stays as it is.

    Args:
        fd: the number of the descriptor.
        family, type, proto: what it is; found out if they are not given.

    Raises:
        OSError: `fd` is not open, or no other is free.
    """
    its_domain, its_type, its_protocol = kind_of_socket(fd)
    copy = os.dup(fd)
    try:
        return sock(
            its_domain if family is None else family,
            its_type if type is None else type,
            proto or its_protocol,
            copy,
        )
    except BaseException:
        os.close(copy)
        raise


def has_ipv6() -> bool:
    """Whether this system can create an IPv6 socket."""
    try:
        tcp6_sock().close()
    except OSError:
        return False
    return True
