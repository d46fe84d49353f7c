"""What a descriptor is, in words.

What belongs here: text from what the kernel says about a descriptor of this process, without
touching it.
"""

from __future__ import annotations

import _socket
import contextlib
import os
import stat
from typing import Any

_KINDS = {_socket.SOCK_STREAM: "tcp", _socket.SOCK_DGRAM: "udp"}


def describe(fd: int) -> str:
    """A descriptor in words, such as ``tcp 127.0.0.1:80 -> 127.0.0.1:40312``; "" if it is closed."""
    with contextlib.suppress(OSError):
        if stat.S_ISSOCK(os.fstat(fd).st_mode):
            return _describe_socket(fd)
        words = os.readlink(f"/proc/self/fd/{fd}")
        return words.partition(":")[0] if words.startswith("pipe:") else words.removeprefix("anon_inode:").strip("[]")
    return ""


def _describe_socket(fd: int) -> str:
    # Python would make the file behind it non-blocking, also for whoever else has it open.
    if _socket.getdefaulttimeout() is not None:
        return "socket"
    # Not over `fd` itself: what strikes before it is let go of again would close it.
    copy = _socket.socket(fileno=os.dup(fd))
    try:
        here, there = _address(copy.getsockname), _address(copy.getpeername)
        match copy.family:
            case _socket.AF_UNIX:
                kind = "unix"
            case _socket.AF_INET | _socket.AF_INET6:
                kind = _KINDS.get(copy.type, "socket")
            case _:
                kind = "socket"
        if not there and copy.getsockopt(_socket.SOL_SOCKET, _socket.SO_ACCEPTCONN):
            kind += " listening"
        return " ".join(word for word in (kind, here, f"-> {there}" if there else "") if word)
    finally:
        copy.close()


def _address(get: Any) -> str:
    try:
        address = get()
    except OSError:
        return ""
    match address:
        case (str(host), int(port), *_):
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        case bytes():  # a name in the abstract space begins with a 0
            return "@" + address[1:].decode(errors="replace")
        case _:
            return str(address)
