"""Constants of the name and address look-ups.

Belongs here: AI and EAI of getaddrinfo(3), NI of getnameinfo(3).  Does not belong
here: constants of the DNS protocol.  These are the C library's and not the
kernel's, so no number is written down: glibc and musl need not agree.
"""

from enum import nonmember

from coro_consts._enums import Constant, Flags
from coro_consts._lookup import const


class AI(Flags):
    """Flags of a look-up by name, ``AI_*``.

    See getaddrinfo(3), RFC 3493 and the :mod:`socket` module's documentation.
    """

    PASSIVE = const("AI_PASSIVE")
    CANONNAME = const("AI_CANONNAME")
    NUMERICHOST = const("AI_NUMERICHOST")
    V4MAPPED = const("AI_V4MAPPED")
    ALL = const("AI_ALL")
    ADDRCONFIG = const("AI_ADDRCONFIG")
    NUMERICSERV = const("AI_NUMERICSERV")

    # Elsewhere only.  DEFAULT and MASK are combinations, and print as their parts.
    V4MAPPED_CFG = const("AI_V4MAPPED_CFG")
    DEFAULT = const("AI_DEFAULT")
    MASK = const("AI_MASK")


class NI(Flags):
    """Flags of a look-up by address, ``NI_*``.

    See getnameinfo(3), RFC 3493 and the :mod:`socket` module's documentation.

    ``NI.MAXHOST`` and ``NI.MAXSERV`` are no flags but lengths of buffers, and so
    plain integers and not members.
    """

    NUMERICHOST = const("NI_NUMERICHOST")
    NUMERICSERV = const("NI_NUMERICSERV")
    NOFQDN = const("NI_NOFQDN")
    NAMEREQD = const("NI_NAMEREQD")
    DGRAM = const("NI_DGRAM")
    IDN = const("NI_IDN")

    MAXHOST = nonmember(const("NI_MAXHOST"))
    MAXSERV = nonmember(const("NI_MAXSERV"))


class EAI(Constant):
    """Why a look-up failed, ``EAI_*``: the first argument of `socket.gaierror`.

    See getaddrinfo(3), gai_strerror(3) and RFC 3493.

    ``EAI.MAX``, where it exists, is no error but a plain integer.
    """

    AGAIN = const("EAI_AGAIN")
    BADFLAGS = const("EAI_BADFLAGS")
    FAIL = const("EAI_FAIL")
    FAMILY = const("EAI_FAMILY")
    MEMORY = const("EAI_MEMORY")
    NONAME = const("EAI_NONAME")
    SERVICE = const("EAI_SERVICE")
    SOCKTYPE = const("EAI_SOCKTYPE")
    SYSTEM = const("EAI_SYSTEM")
    OVERFLOW = const("EAI_OVERFLOW")
    # Not in RFC 3493 any more.  Some systems give NODATA the number of NONAME.
    ADDRFAMILY = const("EAI_ADDRFAMILY")
    NODATA = const("EAI_NODATA")

    # Elsewhere only.
    BADHINTS = const("EAI_BADHINTS")
    PROTOCOL = const("EAI_PROTOCOL")

    MAX = nonmember(const("EAI_MAX"))
