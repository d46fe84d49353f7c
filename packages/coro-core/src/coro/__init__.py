"""coro: straight-line concurrency.

Coroutines look like threads and cost like objects; a wait hands over to whoever is
ready. This package is `coro-core` and the public face of the whole family: the names of
core stand here, and any other name is looked up among the installed distributions
(coro-sock, coro-patch, coro-consts ...), which announce theirs in the entry-point group
``coro.exports``.
"""

from typing import TYPE_CHECKING, Any

from coro._failures import set_exception_notifier
from coro._loop import coro_is_running, event_loop, set_exit, set_print_exit_string
from coro._scheduler import (
    all_threads,
    coro,
    current,
    get_live_coros,
    get_thread_by_id,
    new,
    schedule,
    set_selfishness,
    spawn,
    yield_slice,
)
from coro._timeouts import (
    now,
    now_usec,
    sleep_absolute,
    sleep_relative,
    timeout,
    with_timeout,
)
from coro.errors import (
    ClosedError,
    DeadCoroutine,
    DeadlockError,
    Interrupted,
    NotStartedError,
    ScheduleError,
    Shutdown,
    SimultaneousError,
    TimeoutError,  # noqa: A004 - Shrapnel's name
    WakeUp,
)

__all__ = [
    "ClosedError",
    "DeadCoroutine",
    "DeadlockError",
    "Interrupted",
    "NotStartedError",
    "ScheduleError",
    "Shutdown",
    "SimultaneousError",
    "TimeoutError",
    "WakeUp",
    "all_threads",
    "coro",
    "coro_is_running",
    "current",
    "event_loop",
    "get_live_coros",
    "get_thread_by_id",
    "new",
    "now",
    "now_usec",
    "schedule",
    "set_exception_notifier",
    "set_exit",
    "set_print_exit_string",
    "set_selfishness",
    "sleep_absolute",
    "sleep_relative",
    "spawn",
    "timeout",
    "with_timeout",
    "yield_slice",
]


if TYPE_CHECKING:  # what __getattr__ finds at run time, if it is installed
    from coro_consts import (
        AF as AF,
        AI as AI,
        EAI as EAI,
        IP as IP,
        IPPROTO as IPPROTO,
        IPV6 as IPV6,
        MSG as MSG,
        NI as NI,
        PF as PF,
        SHUT as SHUT,
        SO as SO,
        SOCK as SOCK,
        SOL as SOL,
        TCP as TCP,
    )
    from coro_patch import (
        get_original as get_original,
        install_thread_emulation as install_thread_emulation,
        is_module_patched as is_module_patched,
        uninstall_thread_emulation as uninstall_thread_emulation,
    )
    from coro_sock import (
        get_live_sockets as get_live_sockets,
        has_ipv6 as has_ipv6,
        sock as sock,
        tcp6_sock as tcp6_sock,
        tcp_sock as tcp_sock,
        unix_sock as unix_sock,
    )
else:

    def __getattr__(name: str) -> Any:
        """A name of another distribution: found once, then kept here."""
        from coro._exports import find

        value = find(name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    from coro._exports import names

    return sorted({*globals(), *names()})
