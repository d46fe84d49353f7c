"""What the demo asks of the operating system: its memory, and more descriptors."""

from __future__ import annotations

import os
import resource

PAGE = os.sysconf("SC_PAGE_SIZE")


def resident_bytes() -> int:
    """The memory that this process has in RAM, see proc(5)."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * PAGE


def allow_descriptors(number: int) -> int:
    """Raise the limit of open descriptors of this process, if it is too low.

    Returns:
        how many it may have open now, which may be less than asked for.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return number
    if soft >= number:
        return soft
    highest = number if hard == resource.RLIM_INFINITY else min(number, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))
    return highest
