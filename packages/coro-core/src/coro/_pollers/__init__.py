"""The choice of the poller: this is the only place that makes it.

``CORO_POLLER=epoll`` or ``CORO_POLLER=poll`` in the environment forces one.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # as `coro.errors` has it
if TYPE_CHECKING:
    from typing import Any

ENVIRONMENT_VARIABLE = "CORO_POLLER"


def poller_class() -> Any:
    """The class of poller for this process.

    Raises:
        ValueError: the environment asks for one that is not known here.
    """
    forced = os.environ.get(ENVIRONMENT_VARIABLE, "")
    match forced or ("epoll" if sys.platform == "linux" else "poll"):
        case "epoll" if sys.platform == "linux":
            from coro._pollers._epoll import EpollPoller

            return EpollPoller
        case "poll":
            from coro._pollers._poll import PollPoller

            return PollPoller
    known = "'epoll' or 'poll'" if sys.platform == "linux" else "'poll'"
    raise ValueError(f"{ENVIRONMENT_VARIABLE}={forced} names no poller of this platform: use {known}, or unset it")
