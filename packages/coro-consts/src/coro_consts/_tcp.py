"""Options of TCP sockets: the level SOL_TCP.

Belongs here: TCP.  Does not belong here: values that these options take.
"""

from coro_consts._enums import Constant
from coro_consts._lookup import const


class TCP(Constant):
    """TCP options, ``TCP_*``, for the level ``SOL.TCP``.

    See tcp(7) and, for what the manual page leaves out, the kernel's linux/tcp.h.

    ``TCP.CM_INQ`` is another name for ``TCP.INQ``: the option, and the type of the
    message that it asks for.
    """

    NODELAY = const("TCP_NODELAY")
    MAXSEG = const("TCP_MAXSEG")
    CORK = const("TCP_CORK", linux=3)
    KEEPIDLE = const("TCP_KEEPIDLE", linux=4)
    KEEPINTVL = const("TCP_KEEPINTVL", linux=5)
    KEEPCNT = const("TCP_KEEPCNT", linux=6)
    SYNCNT = const("TCP_SYNCNT", linux=7)
    LINGER2 = const("TCP_LINGER2", linux=8)
    DEFER_ACCEPT = const("TCP_DEFER_ACCEPT", linux=9)
    WINDOW_CLAMP = const("TCP_WINDOW_CLAMP", linux=10)
    INFO = const("TCP_INFO", linux=11)
    QUICKACK = const("TCP_QUICKACK", linux=12)
    CONGESTION = const("TCP_CONGESTION", linux=13)
    MD5SIG = const("TCP_MD5SIG", linux=14)
    THIN_LINEAR_TIMEOUTS = const("TCP_THIN_LINEAR_TIMEOUTS", linux=16)
    THIN_DUPACK = const("TCP_THIN_DUPACK", linux=17)
    USER_TIMEOUT = const("TCP_USER_TIMEOUT", linux=18)
    REPAIR = const("TCP_REPAIR", linux=19)
    REPAIR_QUEUE = const("TCP_REPAIR_QUEUE", linux=20)
    QUEUE_SEQ = const("TCP_QUEUE_SEQ", linux=21)
    REPAIR_OPTIONS = const("TCP_REPAIR_OPTIONS", linux=22)
    FASTOPEN = const("TCP_FASTOPEN", linux=23)
    TIMESTAMP = const("TCP_TIMESTAMP", linux=24)
    NOTSENT_LOWAT = const("TCP_NOTSENT_LOWAT", linux=25)
    CC_INFO = const("TCP_CC_INFO", linux=26)
    SAVE_SYN = const("TCP_SAVE_SYN", linux=27)
    SAVED_SYN = const("TCP_SAVED_SYN", linux=28)
    REPAIR_WINDOW = const("TCP_REPAIR_WINDOW", linux=29)
    FASTOPEN_CONNECT = const("TCP_FASTOPEN_CONNECT", linux=30)
    ULP = const("TCP_ULP", linux=31)
    MD5SIG_EXT = const("TCP_MD5SIG_EXT", linux=32)
    FASTOPEN_KEY = const("TCP_FASTOPEN_KEY", linux=33)
    FASTOPEN_NO_COOKIE = const("TCP_FASTOPEN_NO_COOKIE", linux=34)
    ZEROCOPY_RECEIVE = const("TCP_ZEROCOPY_RECEIVE", linux=35)
    INQ = const("TCP_INQ", linux=36)
    CM_INQ = const("TCP_CM_INQ", linux=36)
    TX_DELAY = const("TCP_TX_DELAY", linux=37)
    AO_ADD_KEY = const("TCP_AO_ADD_KEY", linux=38)
    AO_DEL_KEY = const("TCP_AO_DEL_KEY", linux=39)
    AO_INFO = const("TCP_AO_INFO", linux=40)
    AO_GET_KEYS = const("TCP_AO_GET_KEYS", linux=41)
    AO_REPAIR = const("TCP_AO_REPAIR", linux=42)
    IS_MPTCP = const("TCP_IS_MPTCP", linux=43)
    RTO_MAX_MS = const("TCP_RTO_MAX_MS", linux=44)
    RTO_MIN_US = const("TCP_RTO_MIN_US", linux=45)
    DELACK_MAX_US = const("TCP_DELACK_MAX_US", linux=46)

    # Elsewhere only.  KEEPALIVE is what macOS calls KEEPIDLE.
    CONNECTION_INFO = const("TCP_CONNECTION_INFO")
    KEEPALIVE = const("TCP_KEEPALIVE")
