"""Listening.

What belongs here: making a socket that listens, with the options that a server wants.
"""

import _socket
from typing import Any

from coro import oserrors
from coro_sock._sock import sock


def create_server(
    address: Any,
    *,
    family: int = _socket.AF_INET,
    backlog: int | None = None,
    reuse_port: bool = False,
    dualstack_ipv6: bool = False,
) -> sock:
    """Make a stream socket that listens on an address.

    The address can be bound again at once when the server has ended, while old connections
    linger (SO_REUSEADDR).

    Args:
        address: as for `sock.bind`: ``(host, port)``, with port 0 for one that is free; or a
            path with AF_UNIX.
        family: AF_INET, AF_INET6 or AF_UNIX.
        backlog: how many connections may wait to be accepted (listen(2)); None for 128.
        reuse_port: let other sockets listen on the same address, and share the connections
            with them (SO_REUSEPORT).
        dualstack_ipv6: accept IPv4 too, with a family of AF_INET6. Without it such a socket
            is for IPv6 alone, whatever the system's default is.

    Returns:
        a `sock` that listens.

    Raises:
        OSError: the system refuses; the message names the address, if that is why.
        ValueError: this system, or the family, does not have what is asked for.
    """
    if reuse_port and not hasattr(_socket, "SO_REUSEPORT"):
        raise ValueError("reuse_port: SO_REUSEPORT is not supported on this platform")
    if dualstack_ipv6:
        if family != _socket.AF_INET6:
            raise ValueError("dualstack_ipv6 requires the AF_INET6 family")
        if not has_dualstack_ipv6():
            raise ValueError("dualstack_ipv6 is not supported on this platform")
    made = sock(family, _socket.SOCK_STREAM)
    try:
        made.set_reuse_addr()
        if reuse_port:
            made.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEPORT, 1)
        if family == _socket.AF_INET6:
            made.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 0 if dualstack_ipv6 else 1)
        _bind(made, address)
        if backlog is None:
            made.listen()
        else:
            made.listen(backlog)
    except BaseException:
        made.close()
        raise
    return made


def _bind(made: sock, address: Any) -> None:
    try:
        made.bind(address)
    except _socket.gaierror:
        raise
    except OSError as error:
        if error.errno is None:
            raise
        message = f"{error.strerror} (while attempting to bind on address {address!r})"
        raise oserrors.class_of(error.errno)(error.errno, message) from None


def has_dualstack_ipv6() -> bool:
    """Whether one IPv6 socket can accept connections over IPv4 too."""
    try:
        with sock(_socket.AF_INET6, _socket.SOCK_STREAM) as made:
            made.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 0)
    except OSError:
        return False
    return True
