"""The coroutines that a piece of work leaves behind.

What belongs here: telling them from those that were there before, describing them with their
stacks, and ending them.
"""

import contextlib
import traceback
from collections.abc import Collection

from coro._diagnostics._reports import describe
from coro._scheduler import all_threads, coro, scheduler
from coro._timeouts import timeout
from coro.testing._quiet import wait_all_blocked

#: Seconds that coroutines may take to end which were told to, or are about to.
GRACE = 1.0


def alive() -> set[coro]:
    """The coroutines of this thread that were started and have not ended, but for the caller, the
    main one, and those that work for no one (`coro.daemon`)."""
    here = scheduler()
    return {
        co
        for co in all_threads.values()
        if co.scheduler is here and co is not here.main and co is not here.current and not co.daemon
    }


def left_since(before: Collection[coro]) -> set[coro]:
    """Those that are alive now and were not `before`. All that can end without any more news have
    the time to."""
    with contextlib.suppress(TimeoutError), timeout(GRACE):  # one that only yields is never blocked
        wait_all_blocked()
    return alive() - set(before)


def end(coroutines: Collection[coro]) -> set[coro]:
    """Shut them down. Returns those that would not end."""
    for co in coroutines:
        co.shutdown()
    with contextlib.suppress(TimeoutError), timeout(GRACE):
        for co in coroutines:
            co.join()
    return {co for co in coroutines if not co.dead}


def listing(coroutines: Collection[coro]) -> str:
    """What each of them is doing, and where it stands."""
    return "".join(_story(co) for co in sorted(coroutines, key=lambda co: co.id))


def _story(co: coro) -> str:
    frame = co.get_frame()
    stack = "" if frame is None else "".join(traceback.format_stack(frame))
    return f"{describe(co)}\n{stack}"
