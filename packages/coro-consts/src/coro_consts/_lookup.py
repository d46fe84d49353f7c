"""Where a number comes from: the running platform, or nowhere.

Belongs here: finding the value of a C constant, and the few facts about the
platform that decide whether a number written in this package may be used.
Does not belong here: any constant of its own, and anything about enums.
"""

import _socket
import sys

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

# _socket and not socket: it holds the same integers, and needs neither selectors
# nor its own enums to be built first.
_PLATFORM = vars(_socket)

LINUX = sys.platform in ("linux", "android")

# Linux numbers its socket options by architecture.  Most share asm-generic/socket.h,
# where SOL_SOCKET is 1.  Alpha, MIPS, PA-RISC and SPARC kept the numbers of an older
# Unix, SOL_SOCKET 0xffff among them.  The value was compiled into _socket, so it
# speaks of the ABI of this interpreter, whatever the kernel's uname says.
GENERIC = LINUX and _PLATFORM.get("SOL_SOCKET") == 1

# Options that carry a time have two numbers where a long is 32 bits wide, and
# which of them is meant depends on the C library's time_t.
GENERIC64 = GENERIC and sys.maxsize > 2**32

FREEBSD = sys.platform.startswith("freebsd")
MACOS = sys.platform == "darwin"


class _Absent:
    """Takes itself out of the class that it is assigned in.

    A descriptor, because an enum does not make members of descriptors.
    """

    def __get__(self, instance: object, owner: type | None = None) -> "_Absent":
        return self

    def __set_name__(self, owner: type, name: str) -> None:
        delattr(owner, name)


ABSENT: "Any" = _Absent()


def const(
    name: str,
    *,
    linux: int | None = None,
    generic: int | None = None,
    generic64: int | None = None,
    freebsd: int | None = None,
    macos: int | None = None,
) -> int:
    """Return the value of the C constant `name` on this platform.

    The :mod:`socket` module's value if it has one.  Otherwise the number given
    for this platform: `linux` for one that is the same on every architecture,
    `generic` for one in the kernel's asm-generic/socket.h, `generic64` for one
    that holds there only where a long has 64 bits.  Otherwise the constant is
    absent, and the name that it was to be assigned to will not exist.

    Use only in the body of a class.
    """
    value = _PLATFORM.get(name)
    if value is None:
        if LINUX and linux is not None:
            value = linux
        elif GENERIC and generic is not None:
            value = generic
        elif GENERIC64 and generic64 is not None:
            value = generic64
        elif FREEBSD and freebsd is not None:
            value = freebsd
        elif MACOS and macos is not None:
            value = macos
        else:
            value = ABSENT
    number: int = value
    return number
