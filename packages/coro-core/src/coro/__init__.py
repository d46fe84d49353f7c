"""coro: straight-line concurrency.

Coroutines look like threads and cost like objects; a wait hands over to whoever is
ready. This package is `coro-core` and the public face of the whole family. What every
program needs is imported with it; any other name is looked up when it is first used, in core and
among the installed distributions (coro-sock, coro-patch, coro-consts ...), which announce
theirs in the entry-point group ``coro.exports``.
"""

from coro import oserrors
from coro._failures import set_exception_notifier
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
    shield,
    sleep_absolute,
    sleep_relative,
    timeout,
    with_timeout,
)
from coro.errors import (
    FAILURE,
    SUCCESS,
    ClosedError,
    DeadCoroutine,
    DeadlockError,
    FifoClosed,
    InParallelError,
    Interrupted,
    LockError,
    NotStartedError,
    ScheduleError,
    Shutdown,
    SimultaneousError,
    TimeoutError,  # noqa: A004 - Shrapnel's name
    WakeUp,
)

install_signal_handlers = True
"""Whether `event_loop` takes over SIGINT and SIGTERM; a program may set it to False."""

__all__ = [
    "FAILURE",
    "SUCCESS",
    "ClosedError",
    "DeadCoroutine",
    "DeadlockError",
    "FifoClosed",
    "InParallelError",
    "Interrupted",
    "LockError",
    "NotStartedError",
    "ScheduleError",
    "Shutdown",
    "SimultaneousError",
    "ThreadLocal",
    "ThreadPool",
    "TimeoutError",
    "WakeUp",
    "all_threads",
    "call_soon_threadsafe",
    "condition_variable",
    "coro",
    "coro_is_running",
    "current",
    "event",
    "event_loop",
    "fifo",
    "fork",
    "get_live_coros",
    "get_thread_by_id",
    "in_parallel",
    "install_signal_handlers",
    "inverted_semaphore",
    "mutex",
    "new",
    "now",
    "now_usec",
    "oserrors",
    "print_stderr",
    "run_in_thread",
    "rw_lock",
    "schedule",
    "scope",
    "semaphore",
    "set_exception_notifier",
    "set_exit",
    "set_latency_warning",
    "set_print_exit_string",
    "set_selfishness",
    "set_thread_limit",
    "shield",
    "signal_handler",
    "sleep_absolute",
    "sleep_relative",
    "spawn",
    "start_inspection",
    "stop_inspection",
    "sync",
    "tb",
    "timeout",
    "wait4",
    "waitid",
    "waitpid",
    "where",
    "where_all",
    "with_timeout",
    "write_stderr",
    "yield_slice",
]


# As `coro.errors` has it, without `typing`. Not the word False: jedi would take the rest for unreachable.
TYPE_CHECKING = bool()  # noqa: UP018
if TYPE_CHECKING:  # what __getattr__ finds at run time, if it is installed
    from coro import profiler as profiler
    from coro import signal_handler, sync, tb
    from coro import testing as testing
    from coro._diagnostics._latency import set_latency_warning
    from coro._diagnostics._stderr import print_stderr, write_stderr
    from coro._diagnostics._where import where, where_all
    from coro._inspection import start_inspection, stop_inspection
    from coro._loop import coro_is_running, event_loop, set_exit, set_print_exit_string
    from coro._processes import fork, wait4, waitid, waitpid
    from coro._structured._parallel import in_parallel
    from coro._structured._scope import scope
    from coro._thread_local import ThreadLocal
    from coro._threads._in_thread import ThreadPool, call_soon_threadsafe, run_in_thread, set_thread_limit
    from coro.sync import condition_variable, event, fifo, inverted_semaphore, mutex, rw_lock, semaphore
    from coro_consts import (
        AF as AF,
    )
    from coro_consts import (
        AI as AI,
    )
    from coro_consts import (
        EAI as EAI,
    )
    from coro_consts import (
        IP as IP,
    )
    from coro_consts import (
        IPPROTO as IPPROTO,
    )
    from coro_consts import (
        IPV6 as IPV6,
    )
    from coro_consts import (
        MSG as MSG,
    )
    from coro_consts import (
        NI as NI,
    )
    from coro_consts import (
        PF as PF,
    )
    from coro_consts import (
        SHUT as SHUT,
    )
    from coro_consts import (
        SO as SO,
    )
    from coro_consts import (
        SOCK as SOCK,
    )
    from coro_consts import (
        SOL as SOL,
    )
    from coro_consts import (
        TCP as TCP,
    )
    from coro_patch import (
        get_original as get_original,
    )
    from coro_patch import (
        install_thread_emulation as install_thread_emulation,
    )
    from coro_patch import (
        is_module_patched as is_module_patched,
    )
    from coro_patch import (
        is_object_patched as is_object_patched,
    )
    from coro_patch import (
        uninstall_thread_emulation as uninstall_thread_emulation,
    )
    from coro_sock import (
        SystemResolver as SystemResolver,
    )
    from coro_sock import (
        backdoor as backdoor,
    )
    from coro_sock import (
        create_connection as create_connection,
    )
    from coro_sock import (
        create_server as create_server,
    )
    from coro_sock import (
        fd_sock as fd_sock,
    )
    from coro_sock import (
        file_sock as file_sock,
    )
    from coro_sock import (
        fromfd as fromfd,
    )
    from coro_sock import (
        get_live_sockets as get_live_sockets,
    )
    from coro_sock import (
        get_resolver as get_resolver,
    )
    from coro_sock import (
        has_dualstack_ipv6 as has_dualstack_ipv6,
    )
    from coro_sock import (
        has_ipv6 as has_ipv6,
    )
    from coro_sock import (
        make_socket as make_socket,
    )
    from coro_sock import (
        set_resolver as set_resolver,
    )
    from coro_sock import (
        sock as sock,
    )
    from coro_sock import (
        socketpair as socketpair,
    )
    from coro_sock import (
        tcp6_sock as tcp6_sock,
    )
    from coro_sock import (
        tcp_sock as tcp_sock,
    )
    from coro_sock import (
        udp6_sock as udp6_sock,
    )
    from coro_sock import (
        udp_sock as udp_sock,
    )
    from coro_sock import (
        unix_sock as unix_sock,
    )
else:

    def __getattr__(name):
        """A name that is not imported yet: found once, then kept here."""
        if name.startswith("_"):
            raise AttributeError(f"module 'coro' has no attribute {name!r}")
        from coro._exports import find

        value = find(name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    from coro._exports import names

    return sorted({*globals(), *names()} - {"TYPE_CHECKING"})
