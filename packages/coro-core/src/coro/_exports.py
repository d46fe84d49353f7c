"""Finds the names that other distributions add to `coro`.

What belongs here: the look-up, done once for each name, and the message for a name that nobody
installed provides. A distribution announces its names by entry points. To read those of all that
is installed takes longer than to start Python, so the names of coro's own are known here, and
found without.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any

from coro import __path__

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "coro.exports"

#: The names of coro's own distributions. One that is missing here is still found when its
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
    for home, its_names in HOMES.items():
        if name in its_names:
            return _of(home, name)
    if PathFinder.find_spec(f"coro.{name}", __path__):
        return importlib.import_module(f"coro.{name}")
    entry = _entries().get(name)
    if entry is None:
        raise AttributeError(f"module 'coro' has no attribute {name!r}")
    return entry.load()


def names() -> list[str]:
    """All names that `find` finds."""
    ours = (module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    return [*_entries(), *ours]


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


@functools.cache
def _entries() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in entry_points(group=GROUP)}
