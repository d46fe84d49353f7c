"""`_socket`: looking up names.

What belongs here: the functions that ask the system's resolver, which blocks. What can be
answered without asking, such as a numeric host, is answered by the original at once; the
rest waits in a real OS thread.
"""

import _socket
from typing import Any

from coro_patch._offload import offload
from coro_sock import _resolver

_getaddrinfo = _socket.getaddrinfo
_getnameinfo = _socket.getnameinfo
_gethostbyname = _socket.gethostbyname
_gethostbyname_ex = _socket.gethostbyname_ex
_gethostbyaddr = _socket.gethostbyaddr

_NUMERIC_NAME = _socket.NI_NUMERICHOST | _socket.NI_NUMERICSERV


def getaddrinfo(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> Any:
    """As the original; other coroutines run while a name is looked up."""
    numeric_port = port is None or isinstance(port, int) or port.isdigit()
    if host is None and numeric_port:
        return _getaddrinfo(host, port, family, type, proto, flags)
    if numeric_port:
        try:
            return _getaddrinfo(host, port, family, type, proto, flags | _socket.AI_NUMERICHOST)
        except _socket.gaierror:
            pass  # a name, or an error that the full question gives too
    return _resolver.getaddrinfo(host, port, family, type, proto, flags)


def getnameinfo(sockaddr: Any, flags: int, /) -> Any:
    """As the original; other coroutines run while an address is looked up."""
    if flags & _NUMERIC_NAME == _NUMERIC_NAME:
        return _getnameinfo(sockaddr, flags)
    return offload("getnameinfo", _getnameinfo, sockaddr, flags)


def gethostbyname(hostname: Any, /) -> Any:
    """As the original; other coroutines run while the name is looked up."""
    if _is_number(_socket.AF_INET, hostname):
        return _gethostbyname(hostname)
    return offload("gethostbyname", _gethostbyname, hostname)


def gethostbyname_ex(hostname: Any, /) -> Any:
    """As the original; other coroutines run while the name is looked up."""
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
    if not isinstance(host, (str, bytes, bytearray)) or host in ("", "<broadcast>", b"", b"<broadcast>"):
        return address
    if _is_number(family, host):
        return address
    found = getaddrinfo(host, None, family, _socket.SOCK_DGRAM)
    return (found[0][4][0], *address[1:])


def _is_number(family: int, host: Any) -> bool:
    try:
        _socket.inet_pton(family, host)
    except (OSError, ValueError, TypeError):
        return False
    return True
