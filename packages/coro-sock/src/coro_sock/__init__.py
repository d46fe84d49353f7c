"""Sockets for coro: they look blocking and let other coroutines run.

This package is `coro-sock`. Its names are also found as ``coro.tcp_sock`` and so on.
"""

from coro_sock._connect import create_connection
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
from coro_sock._resolver import get_resolver, set_resolver
from coro_sock._serve import create_server, has_dualstack_ipv6
from coro_sock._sock import get_live_sockets, sock, socketpair
from coro_sock._system_resolver import SystemResolver

__all__ = [
    "SystemResolver",
    "create_connection",
    "create_server",
    "fd_sock",
    "file_sock",
    "fromfd",
    "get_live_sockets",
    "get_resolver",
    "has_dualstack_ipv6",
    "has_ipv6",
    "make_socket",
    "set_resolver",
    "sock",
    "socketpair",
    "tcp6_sock",
    "tcp_sock",
    "udp6_sock",
    "udp_sock",
    "unix_sock",
]
