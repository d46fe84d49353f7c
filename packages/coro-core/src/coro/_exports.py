"""Finds the names of `coro` that are not imported with it: core's own, and those that other distributions add.

What belongs here: the look-up, done once for each name, and the message for a name that nobody
installed provides. A distribution announces its names by entry points. To read those of all that
is installed takes longer than to start Python, so the names of coro's own are known here, and
found without.
"""

from __future__ import annotations

from importlib.machinery import PathFinder

from coro import __path__

TYPE_CHECKING = False  # as `coro.errors` has it
if TYPE_CHECKING:
    from importlib.metadata import EntryPoint
    from typing import Any

GROUP = "coro.exports"

#: The names of core that a program may do without, by the module in which they are.
LATE = {
    "coro._diagnostics._latency": frozenset(["set_latency_warning"]),
    "coro._diagnostics._stderr": frozenset("print_stderr write_stderr".split()),
    "coro._diagnostics._where": frozenset("where where_all".split()),
    "coro._inspection": frozenset("start_inspection stop_inspection".split()),
    "coro._loop": frozenset("coro_is_running event_loop set_exit set_print_exit_string".split()),
    "coro._processes": frozenset("fork wait4 waitid waitpid".split()),
    "coro._structured._parallel": frozenset(["in_parallel"]),
    "coro._structured._scope": frozenset(["scope"]),
    "coro._thread_local": frozenset(["ThreadLocal"]),
    "coro._threads._in_thread": frozenset("ThreadPool call_soon_threadsafe run_in_thread set_thread_limit".split()),
    "coro.sync": frozenset("condition_variable event fifo inverted_semaphore mutex rw_lock semaphore".split()),
}

#: The names of coro's other distributions. One that is missing here is still found when its
#: distribution announces it.
HOMES = {
    "coro-consts": frozenset("AF AI EAI IP IPPROTO IPV6 MSG NI PF SHUT SO SOCK SOL TCP".split()),
    "coro-sock": frozenset(
        "SystemResolver backdoor create_connection create_server fd_sock file_sock fromfd "
        "get_live_sockets get_resolver has_dualstack_ipv6 has_ipv6 make_socket set_resolver "
        "sock socketpair tcp6_sock tcp_sock udp6_sock udp_sock unix_sock".split()
    ),
    "coro-patch": frozenset(
        "get_original install_thread_emulation is_module_patched is_object_patched uninstall_thread_emulation".split()
    ),
}


def find(name: str) -> Any:
    """The object that a distribution exports as ``coro.NAME``, or a module of core that is not imported yet.

    Raises:
        AttributeError: none does; the message says which one to install, if known.
    """
    for module, its_names in LATE.items():
        if name in its_names:
            return getattr(_imported(module), name)
    for home, its_names in HOMES.items():
        if name in its_names:
            return _of(home, name)
    if PathFinder.find_spec(f"coro.{name}", __path__):
        return _imported(f"coro.{name}")
    entry = entries().get(name)
    if entry is None:
        raise AttributeError(f"module 'coro' has no attribute {name!r}")
    return entry.load()


def names() -> list[str]:
    """All names that `find` finds."""
    from pkgutil import iter_modules

    late = (name for its_names in LATE.values() for name in its_names)
    modules = (module.name for module in iter_modules(__path__) if not module.name.startswith("_"))
    return [*entries(), *late, *modules]


def _imported(module: str) -> Any:
    return __import__(module, fromlist=["*"])


def _of(home: str, name: str) -> Any:
    package = home.replace("-", "_")
    try:
        return getattr(__import__(package, fromlist=[name]), name)
    except (ModuleNotFoundError, AttributeError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name != package:
            raise
        raise AttributeError(
            f"coro.{name} is part of {home}, which is not installed here "
            f"(or is too old to have it): pip install --upgrade {home}"
        ) from error


_entries: dict[str, EntryPoint] | None = None


def entries() -> dict[str, EntryPoint]:
    """What is announced, by name; it is read once."""
    global _entries
    if _entries is None:
        from importlib.metadata import entry_points

        _entries = {entry.name: entry for entry in entry_points(group=GROUP)}
    return _entries
