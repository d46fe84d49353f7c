"""Protocol numbers, and the levels that socket options belong to.

Belongs here: IPPROTO, the third argument of socket(2), and SOL, the level in
setsockopt(2).  Does not belong here: the options of a level.
"""

from enum import nonmember

from coro_consts._enums import Constant
from coro_consts._lookup import const


class IPPROTO(Constant):
    """Internet protocols, ``IPPROTO_*``, the third argument of socket(2).

    See ip(7), ipv6(7) and the :mod:`socket` module's documentation.

    ``IPPROTO.HOPOPTS`` is another name for ``IPPROTO.IP``: both are 0.
    ``IPPROTO.MAX``, where it exists, is no protocol but a plain integer.
    """

    IP = const("IPPROTO_IP")
    ICMP = const("IPPROTO_ICMP")
    IGMP = const("IPPROTO_IGMP")
    GGP = const("IPPROTO_GGP")
    IPIP = const("IPPROTO_IPIP")
    IPV4 = const("IPPROTO_IPV4")
    ST = const("IPPROTO_ST")
    TCP = const("IPPROTO_TCP")
    CBT = const("IPPROTO_CBT")
    EGP = const("IPPROTO_EGP")
    IGP = const("IPPROTO_IGP")
    PUP = const("IPPROTO_PUP")
    UDP = const("IPPROTO_UDP")
    IDP = const("IPPROTO_IDP")
    RDP = const("IPPROTO_RDP")
    TP = const("IPPROTO_TP")
    DCCP = const("IPPROTO_DCCP", linux=33)
    XTP = const("IPPROTO_XTP")
    IPV6 = const("IPPROTO_IPV6")
    RSVP = const("IPPROTO_RSVP")
    GRE = const("IPPROTO_GRE")
    ESP = const("IPPROTO_ESP")
    AH = const("IPPROTO_AH")
    MOBILE = const("IPPROTO_MOBILE")
    ICMPV6 = const("IPPROTO_ICMPV6")
    HELLO = const("IPPROTO_HELLO")
    ND = const("IPPROTO_ND")
    ICLFXBM = const("IPPROTO_ICLFXBM")
    EON = const("IPPROTO_EON")
    ENCAP = const("IPPROTO_ENCAP", linux=98)
    PIM = const("IPPROTO_PIM")
    COMP = const("IPPROTO_COMP", linux=108)
    IPCOMP = const("IPPROTO_IPCOMP")
    VRRP = const("IPPROTO_VRRP")
    PGM = const("IPPROTO_PGM")
    L2TP = const("IPPROTO_L2TP", linux=115)
    BIP = const("IPPROTO_BIP")
    SCTP = const("IPPROTO_SCTP")
    UDPLITE = const("IPPROTO_UDPLITE", linux=136)
    MPLS = const("IPPROTO_MPLS", linux=137)
    ETHERNET = const("IPPROTO_ETHERNET", linux=143)
    RAW = const("IPPROTO_RAW")
    MPTCP = const("IPPROTO_MPTCP", linux=262)

    # The extension headers of IPv6 share the number space of the protocols.
    HOPOPTS = const("IPPROTO_HOPOPTS")
    ROUTING = const("IPPROTO_ROUTING")
    FRAGMENT = const("IPPROTO_FRAGMENT")
    NONE = const("IPPROTO_NONE")
    DSTOPTS = const("IPPROTO_DSTOPTS")
    MH = const("IPPROTO_MH", linux=135)

    MAX = nonmember(const("IPPROTO_MAX"))


class SOL(Constant):
    """Levels of socket options, ``SOL_*``, the second argument of setsockopt(2).

    See getsockopt(2), socket(7) and the :mod:`socket` module's documentation.

    ``SOL.SOCKET`` goes with `SO`, ``SOL.IP`` with `IP`, ``SOL.TCP`` with `TCP`,
    ``IPPROTO.IPV6`` with `IPV6`.  The Bluetooth levels have the numbers of other
    levels: ``SOL.HCI`` is another name for ``SOL.IP``, ``SOL.L2CAP`` for
    ``SOL.TCP``, ``SOL.SCO`` for ``SOL.UDP``.
    """

    SOCKET = const("SOL_SOCKET")
    IP = const("SOL_IP")
    TCP = const("SOL_TCP")
    UDP = const("SOL_UDP")
    IPV6 = const("SOL_IPV6", linux=41)
    ICMPV6 = const("SOL_ICMPV6", linux=58)
    SCTP = const("SOL_SCTP", linux=132)
    UDPLITE = const("SOL_UDPLITE", linux=136)
    RAW = const("SOL_RAW", linux=255)
    IPX = const("SOL_IPX", linux=256)
    AX25 = const("SOL_AX25", linux=257)
    ATALK = const("SOL_ATALK", linux=258)
    NETROM = const("SOL_NETROM", linux=259)
    ROSE = const("SOL_ROSE", linux=260)
    X25 = const("SOL_X25", linux=262)
    PACKET = const("SOL_PACKET", linux=263)
    ATM = const("SOL_ATM", linux=264)
    AAL = const("SOL_AAL", linux=265)
    LLC = const("SOL_LLC", linux=268)
    DCCP = const("SOL_DCCP", linux=269)
    NETLINK = const("SOL_NETLINK", linux=270)
    TIPC = const("SOL_TIPC", linux=271)
    RXRPC = const("SOL_RXRPC", linux=272)
    PPPOL2TP = const("SOL_PPPOL2TP", linux=273)
    BLUETOOTH = const("SOL_BLUETOOTH", linux=274)
    RDS = const("SOL_RDS", linux=276)
    IUCV = const("SOL_IUCV", linux=277)
    CAIF = const("SOL_CAIF", linux=278)
    ALG = const("SOL_ALG", linux=279)
    NFC = const("SOL_NFC", linux=280)
    KCM = const("SOL_KCM", linux=281)
    TLS = const("SOL_TLS", linux=282)
    XDP = const("SOL_XDP", linux=283)
    MPTCP = const("SOL_MPTCP", linux=284)
    MCTP = const("SOL_MCTP", linux=285)
    SMC = const("SOL_SMC", linux=286)
    VSOCK = const("SOL_VSOCK", linux=287)

    CAN_BASE = const("SOL_CAN_BASE", linux=100)
    CAN_RAW = const("SOL_CAN_RAW", linux=101)
    CAN_ISOTP = const("SOL_CAN_ISOTP", linux=106)
    CAN_J1939 = const("SOL_CAN_J1939", linux=107)

    HCI = const("SOL_HCI")
    L2CAP = const("SOL_L2CAP")
    SCO = const("SOL_SCO")
    RFCOMM = const("SOL_RFCOMM")
