"""Options of every socket, whatever its family: the level SOL_SOCKET.

Belongs here: SO.  Does not belong here: options of one protocol.  The few that
the C headers call SO_ all the same are here because they are looked for here.
"""

from enum import nonmember

from coro_consts._enums import Constant
from coro_consts._lookup import const


class SO(Constant):
    """Socket options, ``SO_*``, for the level ``SOL.SOCKET``.

    See socket(7), unix(7) and, for what the manual pages leave out, the kernel's
    asm-generic/socket.h; on BSD and macOS getsockopt(2).

    Some names begin with SO and belong to another level: ``SO.ORIGINAL_DST``,
    ``SO.VM_SOCKETS_BUFFER_SIZE``, the J1939 and the Bluetooth ones.  Their numbers
    mean something else at this level (one is that of ``SO.DEBUG``), so these are
    plain integers and not members.
    """

    DEBUG = const("SO_DEBUG")
    REUSEADDR = const("SO_REUSEADDR")
    TYPE = const("SO_TYPE")
    ERROR = const("SO_ERROR")
    DONTROUTE = const("SO_DONTROUTE")
    BROADCAST = const("SO_BROADCAST")
    SNDBUF = const("SO_SNDBUF")
    RCVBUF = const("SO_RCVBUF")
    KEEPALIVE = const("SO_KEEPALIVE")
    OOBINLINE = const("SO_OOBINLINE")
    LINGER = const("SO_LINGER")
    REUSEPORT = const("SO_REUSEPORT")
    RCVLOWAT = const("SO_RCVLOWAT")
    SNDLOWAT = const("SO_SNDLOWAT")
    RCVTIMEO = const("SO_RCVTIMEO")
    SNDTIMEO = const("SO_SNDTIMEO")
    ACCEPTCONN = const("SO_ACCEPTCONN")

    # Linux.  The asm-generic numbers, in their order.
    NO_CHECK = const("SO_NO_CHECK", generic=11)
    PRIORITY = const("SO_PRIORITY", generic=12)
    BSDCOMPAT = const("SO_BSDCOMPAT", generic=14)
    # PowerPC has other numbers for these two, and says SOL_SOCKET is 1.
    PASSCRED = const("SO_PASSCRED")
    PEERCRED = const("SO_PEERCRED")
    BINDTODEVICE = const("SO_BINDTODEVICE", generic=25)
    ATTACH_FILTER = const("SO_ATTACH_FILTER", generic=26)
    GET_FILTER = const("SO_GET_FILTER", generic=26)
    DETACH_FILTER = const("SO_DETACH_FILTER", generic=27)
    DETACH_BPF = const("SO_DETACH_BPF", generic=27)
    PEERNAME = const("SO_PEERNAME", generic=28)
    TIMESTAMP = const("SO_TIMESTAMP", generic64=29, freebsd=0x400, macos=0x400)
    PEERSEC = const("SO_PEERSEC", generic=31)
    SNDBUFFORCE = const("SO_SNDBUFFORCE", generic=32)
    RCVBUFFORCE = const("SO_RCVBUFFORCE", generic=33)
    PASSSEC = const("SO_PASSSEC", generic=34)
    TIMESTAMPNS = const("SO_TIMESTAMPNS", generic64=35)
    MARK = const("SO_MARK", generic=36)
    TIMESTAMPING = const("SO_TIMESTAMPING", generic64=37)
    PROTOCOL = const("SO_PROTOCOL", generic=38, freebsd=0x1016)
    DOMAIN = const("SO_DOMAIN", generic=39, freebsd=0x1019)
    RXQ_OVFL = const("SO_RXQ_OVFL", generic=40)
    WIFI_STATUS = const("SO_WIFI_STATUS", generic=41)
    PEEK_OFF = const("SO_PEEK_OFF", generic=42)
    NOFCS = const("SO_NOFCS", generic=43)
    LOCK_FILTER = const("SO_LOCK_FILTER", generic=44)
    SELECT_ERR_QUEUE = const("SO_SELECT_ERR_QUEUE", generic=45)
    BUSY_POLL = const("SO_BUSY_POLL", generic=46)
    MAX_PACING_RATE = const("SO_MAX_PACING_RATE", generic=47, freebsd=0x1018)
    BPF_EXTENSIONS = const("SO_BPF_EXTENSIONS", generic=48)
    INCOMING_CPU = const("SO_INCOMING_CPU", generic=49)
    ATTACH_BPF = const("SO_ATTACH_BPF", generic=50)
    ATTACH_REUSEPORT_CBPF = const("SO_ATTACH_REUSEPORT_CBPF", generic=51)
    ATTACH_REUSEPORT_EBPF = const("SO_ATTACH_REUSEPORT_EBPF", generic=52)
    CNX_ADVICE = const("SO_CNX_ADVICE", generic=53)
    MEMINFO = const("SO_MEMINFO", generic=55)
    INCOMING_NAPI_ID = const("SO_INCOMING_NAPI_ID", generic=56)
    COOKIE = const("SO_COOKIE", generic=57)
    PEERGROUPS = const("SO_PEERGROUPS", generic=59)
    ZEROCOPY = const("SO_ZEROCOPY", generic=60)
    TXTIME = const("SO_TXTIME", generic=61)
    BINDTOIFINDEX = const("SO_BINDTOIFINDEX", generic=62)
    DETACH_REUSEPORT_BPF = const("SO_DETACH_REUSEPORT_BPF", generic=68)
    PREFER_BUSY_POLL = const("SO_PREFER_BUSY_POLL", generic=69)
    BUSY_POLL_BUDGET = const("SO_BUSY_POLL_BUDGET", generic=70)
    NETNS_COOKIE = const("SO_NETNS_COOKIE", generic=71)
    BUF_LOCK = const("SO_BUF_LOCK", generic=72)
    RESERVE_MEM = const("SO_RESERVE_MEM", generic=73)
    TXREHASH = const("SO_TXREHASH", generic=74)
    RCVMARK = const("SO_RCVMARK", generic=75)
    PASSPIDFD = const("SO_PASSPIDFD", generic=76)
    PEERPIDFD = const("SO_PEERPIDFD", generic=77)
    RCVPRIORITY = const("SO_RCVPRIORITY", generic=82)
    PASSRIGHTS = const("SO_PASSRIGHTS", generic=83)
    INQ = const("SO_INQ", generic=84)

    # Elsewhere only.
    ACCEPTFILTER = const("SO_ACCEPTFILTER", freebsd=0x1000)
    BINTIME = const("SO_BINTIME", freebsd=0x2000)
    EXCLUSIVEADDRUSE = const("SO_EXCLUSIVEADDRUSE")
    LISTENINCQLEN = const("SO_LISTENINCQLEN", freebsd=0x1013)
    LISTENQLEN = const("SO_LISTENQLEN", freebsd=0x1012)
    LISTENQLIMIT = const("SO_LISTENQLIMIT", freebsd=0x1011)
    NOSIGPIPE = const("SO_NOSIGPIPE", freebsd=0x800, macos=0x1022)
    NREAD = const("SO_NREAD", macos=0x1020)
    NWRITE = const("SO_NWRITE", macos=0x1024)
    REUSEPORT_LB = const("SO_REUSEPORT_LB", freebsd=0x10000)
    RTABLE = const("SO_RTABLE")
    SETFIB = const("SO_SETFIB")
    TS_CLOCK = const("SO_TS_CLOCK", freebsd=0x1017)
    USELOOPBACK = const("SO_USELOOPBACK")
    USER_COOKIE = const("SO_USER_COOKIE")

    # Level SOL_IP; the level of IPv6 has the same number under another name.
    ORIGINAL_DST = nonmember(const("SO_ORIGINAL_DST", linux=80))

    # Level AF_VSOCK.
    VM_SOCKETS_BUFFER_SIZE = nonmember(const("SO_VM_SOCKETS_BUFFER_SIZE", linux=0))
    VM_SOCKETS_BUFFER_MIN_SIZE = nonmember(const("SO_VM_SOCKETS_BUFFER_MIN_SIZE", linux=1))
    VM_SOCKETS_BUFFER_MAX_SIZE = nonmember(const("SO_VM_SOCKETS_BUFFER_MAX_SIZE", linux=2))

    # Level SOL_CAN_J1939.
    J1939_FILTER = nonmember(const("SO_J1939_FILTER", linux=1))
    J1939_PROMISC = nonmember(const("SO_J1939_PROMISC", linux=2))
    J1939_SEND_PRIO = nonmember(const("SO_J1939_SEND_PRIO", linux=3))
    J1939_ERRQUEUE = nonmember(const("SO_J1939_ERRQUEUE", linux=4))

    # The Bluetooth levels, each named like its options.
    BTH_ENCRYPT = nonmember(const("SO_BTH_ENCRYPT"))
    BTH_MTU = nonmember(const("SO_BTH_MTU"))
    BTH_MTU_MAX = nonmember(const("SO_BTH_MTU_MAX"))
    BTH_MTU_MIN = nonmember(const("SO_BTH_MTU_MIN"))
    HCI_EVT_FILTER = nonmember(const("SO_HCI_EVT_FILTER"))
    HCI_PKT_FILTER = nonmember(const("SO_HCI_PKT_FILTER"))
    L2CAP_ENCRYPTED = nonmember(const("SO_L2CAP_ENCRYPTED"))
    L2CAP_FLUSH = nonmember(const("SO_L2CAP_FLUSH"))
    L2CAP_IMTU = nonmember(const("SO_L2CAP_IMTU"))
    L2CAP_IQOS = nonmember(const("SO_L2CAP_IQOS"))
    L2CAP_LM = nonmember(const("SO_L2CAP_LM"))
    L2CAP_OMTU = nonmember(const("SO_L2CAP_OMTU"))
    L2CAP_OQOS = nonmember(const("SO_L2CAP_OQOS"))
    RFCOMM_FC_INFO = nonmember(const("SO_RFCOMM_FC_INFO"))
    RFCOMM_LM = nonmember(const("SO_RFCOMM_LM"))
    RFCOMM_MTU = nonmember(const("SO_RFCOMM_MTU"))
    SCO_CONNINFO = nonmember(const("SO_SCO_CONNINFO"))
    SCO_HANDLE = nonmember(const("SO_SCO_HANDLE"))
    SCO_MTU = nonmember(const("SO_SCO_MTU"))
