"""Options of IPv4 and IPv6 sockets: the levels SOL_IP and SOL_IPV6.

Belongs here: IP and IPV6, with the few plain numbers that the headers name alike.
Does not belong here: protocol numbers, which are IPPROTO.
"""

from enum import nonmember

from coro_consts._enums import Constant
from coro_consts._lookup import const


class IP(Constant):
    """IPv4 options, ``IP_*``, for the level ``SOL.IP``.

    See ip(7) and, for what the manual page leaves out, the kernel's linux/in.h.

    On Linux ``IP.RECVRETOPTS`` is another name for ``IP.RETOPTS``, and
    ``IP.RECVORIGDSTADDR`` for ``IP.ORIGDSTADDR``.

    Names that are no options are plain integers and not members: the amounts
    ``IP.MAX_MEMBERSHIPS`` and ``IP.DEFAULT_MULTICAST_*``, and ``IP.PMTUDISC_*``,
    the values of ``IP.MTU_DISCOVER``.
    """

    TOS = const("IP_TOS")
    TTL = const("IP_TTL")
    HDRINCL = const("IP_HDRINCL")
    OPTIONS = const("IP_OPTIONS")
    ROUTER_ALERT = const("IP_ROUTER_ALERT", linux=5)
    RECVOPTS = const("IP_RECVOPTS")
    RETOPTS = const("IP_RETOPTS")
    RECVRETOPTS = const("IP_RECVRETOPTS")
    PKTINFO = const("IP_PKTINFO", linux=8)
    PKTOPTIONS = const("IP_PKTOPTIONS", linux=9)
    MTU_DISCOVER = const("IP_MTU_DISCOVER", linux=10)
    RECVERR = const("IP_RECVERR", linux=11)
    RECVTTL = const("IP_RECVTTL", linux=12)
    RECVTOS = const("IP_RECVTOS", linux=13)
    MTU = const("IP_MTU", linux=14)
    FREEBIND = const("IP_FREEBIND", linux=15)
    IPSEC_POLICY = const("IP_IPSEC_POLICY", linux=16)
    XFRM_POLICY = const("IP_XFRM_POLICY", linux=17)
    PASSSEC = const("IP_PASSSEC", linux=18)
    TRANSPARENT = const("IP_TRANSPARENT", linux=19)
    ORIGDSTADDR = const("IP_ORIGDSTADDR", linux=20)
    RECVORIGDSTADDR = const("IP_RECVORIGDSTADDR", linux=20)
    MINTTL = const("IP_MINTTL", linux=21)
    NODEFRAG = const("IP_NODEFRAG", linux=22)
    CHECKSUM = const("IP_CHECKSUM", linux=23)
    BIND_ADDRESS_NO_PORT = const("IP_BIND_ADDRESS_NO_PORT", linux=24)
    RECVFRAGSIZE = const("IP_RECVFRAGSIZE", linux=25)
    RECVERR_RFC4884 = const("IP_RECVERR_RFC4884", linux=26)
    MULTICAST_IF = const("IP_MULTICAST_IF")
    MULTICAST_TTL = const("IP_MULTICAST_TTL")
    MULTICAST_LOOP = const("IP_MULTICAST_LOOP")
    ADD_MEMBERSHIP = const("IP_ADD_MEMBERSHIP")
    DROP_MEMBERSHIP = const("IP_DROP_MEMBERSHIP")
    UNBLOCK_SOURCE = const("IP_UNBLOCK_SOURCE", linux=37)
    BLOCK_SOURCE = const("IP_BLOCK_SOURCE", linux=38)
    ADD_SOURCE_MEMBERSHIP = const("IP_ADD_SOURCE_MEMBERSHIP", linux=39)
    DROP_SOURCE_MEMBERSHIP = const("IP_DROP_SOURCE_MEMBERSHIP", linux=40)
    MSFILTER = const("IP_MSFILTER", linux=41)
    MULTICAST_ALL = const("IP_MULTICAST_ALL", linux=49)
    UNICAST_IF = const("IP_UNICAST_IF", linux=50)
    LOCAL_PORT_RANGE = const("IP_LOCAL_PORT_RANGE", linux=51)
    PROTOCOL = const("IP_PROTOCOL", linux=52)

    # Elsewhere only.
    RECVDSTADDR = const("IP_RECVDSTADDR")

    DEFAULT_MULTICAST_LOOP = nonmember(const("IP_DEFAULT_MULTICAST_LOOP"))
    DEFAULT_MULTICAST_TTL = nonmember(const("IP_DEFAULT_MULTICAST_TTL"))
    MAX_MEMBERSHIPS = nonmember(const("IP_MAX_MEMBERSHIPS"))

    PMTUDISC_DONT = nonmember(const("IP_PMTUDISC_DONT", linux=0))
    PMTUDISC_WANT = nonmember(const("IP_PMTUDISC_WANT", linux=1))
    PMTUDISC_DO = nonmember(const("IP_PMTUDISC_DO", linux=2))
    PMTUDISC_PROBE = nonmember(const("IP_PMTUDISC_PROBE", linux=3))
    PMTUDISC_INTERFACE = nonmember(const("IP_PMTUDISC_INTERFACE", linux=4))
    PMTUDISC_OMIT = nonmember(const("IP_PMTUDISC_OMIT", linux=5))


class IPV6(Constant):
    """IPv6 options, ``IPV6_*``, for the level ``IPPROTO.IPV6``.

    See ipv6(7), RFC 3493, RFC 3542 and, for the rest, the kernel's linux/in6.h.

    On Linux ``IPV6.ADD_MEMBERSHIP`` is another name for ``IPV6.JOIN_GROUP``,
    ``IPV6.DROP_MEMBERSHIP`` for ``IPV6.LEAVE_GROUP``, and ``IPV6.RECVORIGDSTADDR``
    for ``IPV6.ORIGDSTADDR``.

    Names that are no options are plain integers and not members:
    ``IPV6.RTHDR_TYPE_0``, and ``IPV6.PMTUDISC_*``, the values of
    ``IPV6.MTU_DISCOVER``.
    """

    ADDRFORM = const("IPV6_ADDRFORM", linux=1)
    CHECKSUM = const("IPV6_CHECKSUM")
    NEXTHOP = const("IPV6_NEXTHOP")
    FLOWINFO = const("IPV6_FLOWINFO", linux=11)
    UNICAST_HOPS = const("IPV6_UNICAST_HOPS")
    MULTICAST_IF = const("IPV6_MULTICAST_IF")
    MULTICAST_HOPS = const("IPV6_MULTICAST_HOPS")
    MULTICAST_LOOP = const("IPV6_MULTICAST_LOOP")
    JOIN_GROUP = const("IPV6_JOIN_GROUP")
    ADD_MEMBERSHIP = const("IPV6_ADD_MEMBERSHIP", linux=20)
    LEAVE_GROUP = const("IPV6_LEAVE_GROUP")
    DROP_MEMBERSHIP = const("IPV6_DROP_MEMBERSHIP", linux=21)
    ROUTER_ALERT = const("IPV6_ROUTER_ALERT", linux=22)
    MTU_DISCOVER = const("IPV6_MTU_DISCOVER", linux=23)
    MTU = const("IPV6_MTU", linux=24)
    RECVERR = const("IPV6_RECVERR", linux=25)
    V6ONLY = const("IPV6_V6ONLY")
    JOIN_ANYCAST = const("IPV6_JOIN_ANYCAST", linux=27)
    LEAVE_ANYCAST = const("IPV6_LEAVE_ANYCAST", linux=28)
    MULTICAST_ALL = const("IPV6_MULTICAST_ALL", linux=29)
    ROUTER_ALERT_ISOLATE = const("IPV6_ROUTER_ALERT_ISOLATE", linux=30)
    RECVERR_RFC4884 = const("IPV6_RECVERR_RFC4884", linux=31)
    FLOWLABEL_MGR = const("IPV6_FLOWLABEL_MGR", linux=32)
    FLOWINFO_SEND = const("IPV6_FLOWINFO_SEND", linux=33)
    IPSEC_POLICY = const("IPV6_IPSEC_POLICY", linux=34)
    XFRM_POLICY = const("IPV6_XFRM_POLICY", linux=35)
    HDRINCL = const("IPV6_HDRINCL", linux=36)
    RECVPKTINFO = const("IPV6_RECVPKTINFO")
    PKTINFO = const("IPV6_PKTINFO")
    RECVHOPLIMIT = const("IPV6_RECVHOPLIMIT")
    HOPLIMIT = const("IPV6_HOPLIMIT")
    RECVHOPOPTS = const("IPV6_RECVHOPOPTS")
    HOPOPTS = const("IPV6_HOPOPTS")
    RTHDRDSTOPTS = const("IPV6_RTHDRDSTOPTS")
    RECVRTHDR = const("IPV6_RECVRTHDR")
    RTHDR = const("IPV6_RTHDR")
    RECVDSTOPTS = const("IPV6_RECVDSTOPTS")
    DSTOPTS = const("IPV6_DSTOPTS")
    RECVPATHMTU = const("IPV6_RECVPATHMTU")
    PATHMTU = const("IPV6_PATHMTU")
    DONTFRAG = const("IPV6_DONTFRAG")
    RECVTCLASS = const("IPV6_RECVTCLASS")
    TCLASS = const("IPV6_TCLASS")
    AUTOFLOWLABEL = const("IPV6_AUTOFLOWLABEL", linux=70)
    ADDR_PREFERENCES = const("IPV6_ADDR_PREFERENCES", linux=72)
    MINHOPCOUNT = const("IPV6_MINHOPCOUNT", linux=73)
    ORIGDSTADDR = const("IPV6_ORIGDSTADDR", linux=74)
    RECVORIGDSTADDR = const("IPV6_RECVORIGDSTADDR", linux=74)
    TRANSPARENT = const("IPV6_TRANSPARENT", linux=75)
    UNICAST_IF = const("IPV6_UNICAST_IF", linux=76)
    RECVFRAGSIZE = const("IPV6_RECVFRAGSIZE", linux=77)
    FREEBIND = const("IPV6_FREEBIND", linux=78)

    # Elsewhere only: Linux has a number for it and no code behind the number.
    USE_MIN_MTU = const("IPV6_USE_MIN_MTU")

    RTHDR_TYPE_0 = nonmember(const("IPV6_RTHDR_TYPE_0"))

    PMTUDISC_DONT = nonmember(const("IPV6_PMTUDISC_DONT", linux=0))
    PMTUDISC_WANT = nonmember(const("IPV6_PMTUDISC_WANT", linux=1))
    PMTUDISC_DO = nonmember(const("IPV6_PMTUDISC_DO", linux=2))
    PMTUDISC_PROBE = nonmember(const("IPV6_PMTUDISC_PROBE", linux=3))
    PMTUDISC_INTERFACE = nonmember(const("IPV6_PMTUDISC_INTERFACE", linux=4))
    PMTUDISC_OMIT = nonmember(const("IPV6_PMTUDISC_OMIT", linux=5))
