"""Sockets for coro: they look blocking and let other coroutines run.

This package is `coro-sock`. Its names are also found as ``coro.tcp_sock`` and so on.
"""

from coro_sock._create import (
    fromfd,
    has_ipv6,
    make_socket,
    tcp6_sock,
    tcp_sock,
    udp6_sock,
    udp_sock,
    unix_sock,
)
from coro_sock._file_socks import fd_sock, file_sock
from coro_sock._sock import get_live_sockets, sock, socketpair

__all__ = [
    "fd_sock",
    "file_sock",
    "fromfd",
    "get_live_sockets",
    "has_ipv6",
    "make_socket",
    "sock",
    "socketpair",
    "tcp6_sock",
    "tcp_sock",
    "udp6_sock",
    "udp_sock",
    "unix_sock",
]
