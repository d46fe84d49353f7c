"""`_socket`: looking up names.

What belongs here: the functions that ask the system's resolver, which blocks. Those that
coro-sock has too ask the resolver that is set there (`coro.set_resolver`); what is about hosts
alone has a form of its own and waits in a real OS thread.
"""

import _socket
from typing import Any

from coro_patch._foundation._identity import runs_in_coroutine
from coro_patch._foundation._offload import offload
from coro_sock import _resolver

_getaddrinfo = _socket.getaddrinfo
_getnameinfo = _socket.getnameinfo
_gethostbyname = _socket.gethostbyname
_gethostbyname_ex = _socket.gethostbyname_ex
_gethostbyaddr = _socket.gethostbyaddr

_NO_NAMES = ("", b"", "<broadcast>", b"<broadcast>")


def getaddrinfo(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> Any:
    """As the original; other coroutines run while a name is looked up."""
    ask: Any = _resolver.getaddrinfo if runs_in_coroutine() else _getaddrinfo
    return ask(host, port, family, type, proto, flags)


def getnameinfo(sockaddr: Any, flags: int, /) -> Any:
    """As the original; other coroutines run while an address is looked up."""
    if not isinstance(sockaddr, tuple):
        try:
            return _getnameinfo(sockaddr, flags)  # it tells what is wrong
        finally:
            del sockaddr  # the traceback shall not keep it, as that of the original does not
    ask: Any = _resolver.getnameinfo if runs_in_coroutine() else _getnameinfo
    return ask(sockaddr, flags)


def gethostbyname(hostname: Any, /) -> Any:
    """As the original; other coroutines run while the name is looked up."""
    if isinstance(hostname, (str, bytes)) and hostname not in _NO_NAMES:
        return getaddrinfo(hostname, None, _socket.AF_INET)[0][4][0]
    return _gethostbyname(hostname)  # pyright: ignore[reportArgumentType] - what it does not take, it says


def gethostbyname_ex(hostname: Any, /) -> Any:
    """As the original; other coroutines run while the name is looked up."""
    if _is_number(_socket.AF_INET, hostname):
        return _gethostbyname_ex(hostname)
    return offload("gethostbyname_ex", _gethostbyname_ex, hostname)


def gethostbyaddr(ip_address: Any, /) -> Any:
    """As the original; other coroutines run while the address is looked up."""
    return offload("gethostbyaddr", _gethostbyaddr, ip_address)


def with_number(family: int, address: Any) -> Any:
    """A socket's address with the host as a number, looked up if it is a name.

    What has not the form of an address with a name is returned as it is: the call that it is
    meant for knows what is wrong with it.
    """
    if family not in (_socket.AF_INET, _socket.AF_INET6):
        return address
    if not isinstance(address, tuple) or len(address) < 2:
        return address
    host = address[0]
    if not isinstance(host, (str, bytes, bytearray)) or host in _NO_NAMES:
        return address
    if _is_number(family, host):
        return address
    name = bytes(host) if isinstance(host, bytearray) else host
    found = getaddrinfo(name, None, family, _socket.SOCK_DGRAM)
    return (found[0][4][0], *address[1:])


def _is_number(family: int, host: Any) -> bool:
    try:
        _socket.inet_pton(family, host)
    except (OSError, ValueError, TypeError):
        return False
    return True
