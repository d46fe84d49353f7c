"""Arguments of the calls on a socket: making it, reading and writing, shutting.

Belongs here: SOCK for socket(2), MSG for send(2) and recv(2), SHUT for
shutdown(2).  Does not belong here: families, protocols and socket options.
"""

from coro_consts._enums import Constant, Flags
from coro_consts._lookup import const


class SOCK(Constant):
    """Socket types, ``SOCK_*``, and two flags that may be added to one.

    See socket(2) and the :mod:`socket` module's documentation.

    The types are a list and not bits (``SOCK.RAW`` is 3), so this is no flag
    class: ``SOCK.STREAM | SOCK.NONBLOCK`` is a plain integer, right for socket(2).
    A plain integer too is what the kernel tells as a socket's type.
    """

    STREAM = const("SOCK_STREAM")
    DGRAM = const("SOCK_DGRAM")
    RAW = const("SOCK_RAW")
    RDM = const("SOCK_RDM")
    SEQPACKET = const("SOCK_SEQPACKET")

    CLOEXEC = const("SOCK_CLOEXEC")
    NONBLOCK = const("SOCK_NONBLOCK")


class MSG(Flags):
    """Flags of one read or write, ``MSG_*``.

    See recv(2), send(2), recvmsg(2) and the :mod:`socket` module's documentation.
    """

    OOB = const("MSG_OOB")
    PEEK = const("MSG_PEEK")
    DONTROUTE = const("MSG_DONTROUTE")
    CTRUNC = const("MSG_CTRUNC")
    TRUNC = const("MSG_TRUNC")
    DONTWAIT = const("MSG_DONTWAIT")
    EOR = const("MSG_EOR")
    WAITALL = const("MSG_WAITALL")
    CONFIRM = const("MSG_CONFIRM", linux=0x800)
    ERRQUEUE = const("MSG_ERRQUEUE", linux=0x2000)
    NOSIGNAL = const("MSG_NOSIGNAL", linux=0x4000)
    MORE = const("MSG_MORE", linux=0x8000)
    WAITFORONE = const("MSG_WAITFORONE", linux=0x10000, freebsd=0x80000)
    ZEROCOPY = const("MSG_ZEROCOPY", linux=0x4000000)
    FASTOPEN = const("MSG_FASTOPEN", linux=0x20000000)
    CMSG_CLOEXEC = const("MSG_CMSG_CLOEXEC", linux=0x40000000)

    # Elsewhere only.
    BCAST = const("MSG_BCAST")
    BTAG = const("MSG_BTAG")
    EOF = const("MSG_EOF")
    ETAG = const("MSG_ETAG")
    MCAST = const("MSG_MCAST")
    NOTIFICATION = const("MSG_NOTIFICATION")


class SHUT(Constant):
    """Which half of a connection to close, ``SHUT_*``.

    See shutdown(2).
    """

    RD = const("SHUT_RD")
    WR = const("SHUT_WR")
    RDWR = const("SHUT_RDWR")
