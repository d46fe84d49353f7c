"""Names that are numbers already.

What belongs here: the questions to a resolver that need no resolver, because the system
answers them without reading a file or asking anybody. A service by its name (``"http"``)
is none of them: that is looked up too.
"""

import _socket
from typing import Any, cast

Addresses = list[tuple[int, int, int, str, tuple[Any, ...]]]

# The real ones, whatever is emulated later.
_getaddrinfo = _socket.getaddrinfo
_getnameinfo = _socket.getnameinfo

#: a number, but not one of that family; some systems have no error of their own for it
_OTHER_FAMILY: int | None = getattr(_socket, "EAI_ADDRFAMILY", None)
_NAMES_NOTHING = _socket.NI_NUMERICHOST | _socket.NI_NUMERICSERV


def numeric_addresses(
    host: str | bytes | None,
    port: str | bytes | int | None,
    family: int = 0,
    type: int = 0,
    proto: int = 0,
    flags: int = 0,
) -> Addresses | None:
    """What `socket.getaddrinfo` gives, or None if somebody has to be asked.

    Raises:
        as `socket.getaddrinfo`, if it is plain what is wrong.
    """
    if isinstance(port, (str, bytes)) and not (port.isascii() and port.isdigit()):
        return None
    if host is not None:
        numeric = flags | _socket.AI_NUMERICHOST
        try:
            return cast(Addresses, _getaddrinfo(host, port, family, type, proto, numeric))
        except _socket.gaierror as error:
            if host and numeric != flags and error.errno != _OTHER_FAMILY:
                return None
            raise
    return cast(Addresses, _getaddrinfo(host, port, family, type, proto, flags))


def numeric_names(sockaddr: tuple[Any, ...], flags: int) -> tuple[str, str] | None:
    """What `socket.getnameinfo` gives, or None if somebody has to be asked.

    Raises:
        as `socket.getnameinfo`, if it is plain what is wrong.
    """
    if flags & _NAMES_NOTHING == _NAMES_NOTHING:
        return _getnameinfo(cast(Any, sockaddr), flags)
    return None
