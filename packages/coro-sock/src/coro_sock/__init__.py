"""Sockets for coro: they look blocking and let other coroutines run.

This package is `coro-sock`. Its names are also found as ``coro.tcp_sock`` and so on.
"""

from coro_sock._create import has_ipv6, tcp6_sock, tcp_sock, unix_sock
from coro_sock._sock import get_live_sockets, sock

__all__ = ["get_live_sockets", "has_ipv6", "sock", "tcp6_sock", "tcp_sock", "unix_sock"]
