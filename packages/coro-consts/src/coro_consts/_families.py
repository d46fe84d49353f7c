"""Address families: the first argument of socket(2).

Belongs here: AF and PF.  Does not belong here: what is particular to one family,
such as its options and address formats.
"""

from coro_consts._enums import Constant
from coro_consts._lookup import const


class AF(Constant):
    """Address families, ``AF_*``.

    See socket(2), address_families(7) and the "Constants" section of the
    :mod:`socket` module's documentation.

    ``AF.LOCAL`` is another name for ``AF.UNIX``, and on Linux ``AF.ROUTE`` for
    ``AF.NETLINK``.
    """

    UNSPEC = const("AF_UNSPEC")
    UNIX = const("AF_UNIX")
    LOCAL = const("AF_LOCAL", linux=1, freebsd=1, macos=1)
    INET = const("AF_INET")
    INET6 = const("AF_INET6")

    # Linux, in the order of their numbers.  Several exist elsewhere too.
    AX25 = const("AF_AX25", linux=3)
    IPX = const("AF_IPX", linux=4)
    APPLETALK = const("AF_APPLETALK", linux=5)
    NETROM = const("AF_NETROM", linux=6)
    BRIDGE = const("AF_BRIDGE", linux=7)
    ATMPVC = const("AF_ATMPVC", linux=8)
    X25 = const("AF_X25", linux=9)
    ROSE = const("AF_ROSE", linux=11)
    DECnet = const("AF_DECnet", linux=12)
    NETBEUI = const("AF_NETBEUI", linux=13)
    SECURITY = const("AF_SECURITY", linux=14)
    KEY = const("AF_KEY", linux=15)
    NETLINK = const("AF_NETLINK", linux=16)
    ROUTE = const("AF_ROUTE", linux=16)
    PACKET = const("AF_PACKET", linux=17)
    ASH = const("AF_ASH", linux=18)
    ECONET = const("AF_ECONET", linux=19)
    ATMSVC = const("AF_ATMSVC", linux=20)
    RDS = const("AF_RDS", linux=21)
    SNA = const("AF_SNA", linux=22)
    IRDA = const("AF_IRDA", linux=23)
    PPPOX = const("AF_PPPOX", linux=24)
    WANPIPE = const("AF_WANPIPE", linux=25)
    LLC = const("AF_LLC", linux=26)
    IB = const("AF_IB", linux=27)
    MPLS = const("AF_MPLS", linux=28)
    CAN = const("AF_CAN", linux=29)
    TIPC = const("AF_TIPC", linux=30)
    BLUETOOTH = const("AF_BLUETOOTH", linux=31)
    IUCV = const("AF_IUCV", linux=32)
    RXRPC = const("AF_RXRPC", linux=33)
    ISDN = const("AF_ISDN", linux=34)
    PHONET = const("AF_PHONET", linux=35)
    IEEE802154 = const("AF_IEEE802154", linux=36)
    CAIF = const("AF_CAIF", linux=37)
    ALG = const("AF_ALG", linux=38)
    NFC = const("AF_NFC", linux=39)
    VSOCK = const("AF_VSOCK", linux=40)
    KCM = const("AF_KCM", linux=41)
    QIPCRTR = const("AF_QIPCRTR", linux=42)
    SMC = const("AF_SMC", linux=43)
    XDP = const("AF_XDP", linux=44)
    MCTP = const("AF_MCTP", linux=45)

    # Elsewhere only.
    AAL5 = const("AF_AAL5")
    DIVERT = const("AF_DIVERT")
    HYPERV = const("AF_HYPERV")
    LINK = const("AF_LINK")
    SYSTEM = const("AF_SYSTEM")


PF = AF
"""Protocol families, ``PF_*``: the same class as `AF`.

The two were meant to differ once.  They have had equal numbers ever since, and
socket(2) asks for the AF names.
"""
