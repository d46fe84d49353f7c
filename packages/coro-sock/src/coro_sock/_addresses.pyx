"""Socket addresses: from Python to the kernel's form and back.

What belongs here: pure functions. No name is looked up (`parse` says when one would have
to be) and no socket is touched.

In Python an IPv4 address is ``(ip, port)``; an IPv6 address is ``(ip, port)`` too, or
``(ip, port, flowinfo, scope_id)``, and is given back in the long form only if one of the
last two is not zero. ``ip`` is a str; the empty one stands for "any address", both ways,
so that what `getsockname` returns can be bound again. A UNIX address is a str or bytes: a
path, or on Linux a name that begins with a zero byte (unix(7)).
"""

from libc.string cimport memchr, memcpy, memset

from coro_sock._platform cimport (
    AF_INET, AF_INET6, AF_UNIX, htonl, htons, inet_ntop, inet_pton, ntohl, ntohs,
)

import os

cdef extern from "_platform.h":
    """
    #define CORO_UNIX_PATH_OFFSET offsetof(struct sockaddr_un, sun_path)
    #define CORO_UNIX_PATH_ROOM sizeof(((struct sockaddr_un *)0)->sun_path)
    """
    const int CORO_UNIX_PATH_OFFSET
    const int CORO_UNIX_PATH_ROOM

cdef enum:
    TEXT_ROOM = 64  # INET6_ADDRSTRLEN is 46
    HIGHEST_PORT = 65535
    HIGHEST_FLOWINFO = 0xFFFFF


cdef Parsed parse(int family, object address, Address *parsed) except *:
    """Fill `parsed` from `address`, which is one of `family`.

    Returns:
        NEEDS_RESOLVING if the host is a name, and then only the port and what follows it
        are filled in.

    Raises:
        TypeError, ValueError, OverflowError, OSError: as Python's socket module does.
    """
    memset(parsed, 0, sizeof(Address))
    if family == AF_INET:
        return parse_ip4(address, parsed)
    if family == AF_INET6:
        return parse_ip6(address, parsed)
    if family == AF_UNIX:
        return parse_unix(address, parsed)
    raise OSError(f"addresses of family {family} are not supported")


cdef Parsed parse_ip4(object address, Address *parsed) except *:
    cdef bytes host
    if not isinstance(address, tuple) or len(address) != 2:
        raise TypeError(f"an IPv4 address must be a tuple (ip, port), not {address!r}")
    parsed.size = sizeof(sockaddr_in)
    parsed.of.ip4.sin_family = AF_INET
    parsed.of.ip4.sin_port = port_number(address[1])
    host = host_bytes(address[0])
    if not host:
        return PARSED
    if host == b"<broadcast>":
        parsed.of.ip4.sin_addr.s_addr = 0xFFFFFFFF
        return PARSED
    if inet_pton(AF_INET, host, &parsed.of.ip4.sin_addr) == 1:
        return PARSED
    return NEEDS_RESOLVING


cdef Parsed parse_ip6(object address, Address *parsed) except *:
    cdef bytes host, scope
    if not isinstance(address, tuple) or not 2 <= len(address) <= 4:
        raise TypeError("an IPv6 address must be a tuple (ip, port), or with flowinfo and "
                        f"scope_id behind them, not {address!r}")
    parsed.size = sizeof(sockaddr_in6)
    parsed.of.ip6.sin6_family = AF_INET6
    parsed.of.ip6.sin6_port = port_number(address[1])
    if len(address) > 2:
        parsed.of.ip6.sin6_flowinfo = htonl(
            number_up_to(HIGHEST_FLOWINFO, "flowinfo", address[2]))
    if len(address) > 3:
        parsed.of.ip6.sin6_scope_id = number_up_to(0xFFFFFFFF, "scope_id", address[3])
    host = host_bytes(address[0])
    if not host:
        return PARSED
    host, percent, scope = host.partition(b"%")
    if inet_pton(AF_INET6, host, &parsed.of.ip6.sin6_addr) != 1:
        return NEEDS_RESOLVING
    if percent:
        parsed.of.ip6.sin6_scope_id = scope_number(scope)
    return PARSED


cdef unsigned int scope_number(bytes scope) except? 0:
    """The number behind the % of an IPv6 address, which may be the name of an interface."""
    import _socket
    if scope.isdigit():
        return number_up_to(0xFFFFFFFF, "scope_id", int(scope))
    try:
        return _socket.if_nametoindex(os.fsdecode(scope))
    except OSError:
        raise _socket.gaierror(
            _socket.EAI_NONAME, f"no interface has the name {os.fsdecode(scope)!r}") from None


cdef Parsed parse_unix(object address, Address *parsed) except *:
    cdef bytes path
    cdef Py_ssize_t length, room = CORO_UNIX_PATH_ROOM
    if isinstance(address, str):
        path = os.fsencode(address)
    elif isinstance(address, (bytes, bytearray, memoryview)):
        path = bytes(address)
    else:
        raise TypeError(
            f"a UNIX address must be a str or bytes, not {type(address).__name__}")
    length = len(path)
    parsed.of.un.sun_family = AF_UNIX
    if path[:1] == b"\0" or length == 0:
        if length > room:
            raise OSError(f"AF_UNIX path too long: {length} bytes, and {room} fit")
        parsed.size = <socklen_t> (CORO_UNIX_PATH_OFFSET + length)
    else:
        if b"\0" in path:
            raise ValueError("a UNIX path must not contain a zero byte")
        if length >= room:
            raise OSError(f"AF_UNIX path too long: {length} bytes, and {room - 1} fit")
        parsed.size = <socklen_t> (CORO_UNIX_PATH_OFFSET + length + 1)
    memcpy(parsed.of.un.sun_path, <char *> path, length)
    return PARSED


cdef bytes host_bytes(object host):
    cdef bytes text
    if isinstance(host, str):
        try:
            text = (<str> host).encode("ascii")
        except UnicodeEncodeError:
            text = idna_bytes(host)
    elif isinstance(host, (bytes, bytearray)):
        text = bytes(host)
    else:
        raise TypeError(f"the host of an address must be a str or bytes, not {type(host).__name__}")
    if memchr(<const char *> text, 0, len(text)) != NULL:  # Python's `in` makes an exception on its way
        raise TypeError("the host of an address must not contain a null character")
    return text


cdef bytes idna_bytes(str host):
    try:
        return host.encode("idna")
    except UnicodeError as error:  # a TypeError for Python's sockets, so here
        raise TypeError(f"the host of an address cannot be a domain's name: {error}") from error


cdef unsigned short port_number(object port) except? 0:
    if type(port) is not int:
        if not hasattr(port, "__index__"):
            raise TypeError(f"the port of an address must be an int, not {type(port).__name__}")
        port = port.__index__()
    if not 0 <= port <= HIGHEST_PORT:
        raise OverflowError(f"the port of an address must be 0-65535, not {port}")
    return htons(port)


cdef unsigned int number_up_to(unsigned int highest, str what, object number) except? 0:
    if not hasattr(number, "__index__"):
        raise TypeError(f"the {what} of an address must be an int, not {type(number).__name__}")
    number = number.__index__()
    if not 0 <= number <= highest:
        raise OverflowError(f"the {what} of an address must be 0-{highest}, not {number}")
    return number


cdef object ip4_text(const unsigned char *octets):
    """inet_ntop(3) goes by sprintf(3), which would be a quarter of what accepting a connection costs."""
    cdef char text[TEXT_ROOM]
    cdef unsigned int value
    cdef int i, size = 0
    for i in range(4):
        value = octets[i]
        if i:
            text[size] = c"."
            size += 1
        if value >= 100:
            text[size] = c"0" + value // 100
            size += 1
        if value >= 10:
            text[size] = c"0" + value // 10 % 10
            size += 1
        text[size] = c"0" + value % 10
        size += 1
    return text[:size].decode("ascii")


cdef object unparse(const Address *address):
    """The Python form of what the kernel filled in."""
    cdef int family = address.of.any.sa_family
    if address.size == 0:
        return ""
    if family == AF_INET:
        if address.of.ip4.sin_addr.s_addr == 0:
            return "", ntohs(address.of.ip4.sin_port)
        return ip4_text(<const unsigned char *> &address.of.ip4.sin_addr), ntohs(address.of.ip4.sin_port)
    if family == AF_INET6:
        return unparse_ip6(&address.of.ip6)
    if family == AF_UNIX:
        return unparse_unix(address)
    return family, (<const char *> &address.of.storage)[:address.size]


cdef object unparse_ip6(const sockaddr_in6 *address):
    cdef char text[TEXT_ROOM]
    inet_ntop(AF_INET6, &address.sin6_addr, text, TEXT_ROOM)
    host = text.decode("ascii")
    if host == "::":
        host = ""
    if address.sin6_flowinfo or address.sin6_scope_id:
        return (host, ntohs(address.sin6_port), ntohl(address.sin6_flowinfo),
                address.sin6_scope_id)
    return host, ntohs(address.sin6_port)


cdef object unparse_unix(const Address *address):
    cdef Py_ssize_t length = <Py_ssize_t> address.size - CORO_UNIX_PATH_OFFSET
    cdef const char *path = address.of.un.sun_path
    if length <= 0:
        return ""
    if path[0] == 0:  # abstract: all of it counts, zero bytes too
        return os.fsdecode(path[:length])
    return os.fsdecode(path[:length].partition(b"\0")[0])


cdef object unparse_peer(int family, const Address *address):
    """The same for who sent something, whom the kernel need not name: ``""`` for an unnamed
    UNIX socket, else None."""
    if address.size == 0 and family != AF_UNIX:
        return None
    return unparse(address)


cdef object in_our_form(int family, object address):
    """An address from Python's own socket, in the form in which this module gives it."""
    cdef Address parsed
    if family == AF_UNIX:
        return "" if address is None else os.fsdecode(address)
    if address is None or family != AF_INET and family != AF_INET6:
        return address
    parse(family, address, &parsed)
    return unparse(&parsed)


def round_trip(int family, address):
    """`address` parsed and unparsed again; None if its host is a name. For tests."""
    cdef Address parsed
    if parse(family, address, &parsed) == NEEDS_RESOLVING:
        return None
    return unparse(&parsed)
