"""Finds the names that other distributions add to `coro`.

What belongs here: the look-up through entry points, done once for each name, and the
message for a name that nobody installed provides.
"""

import functools
from importlib.metadata import EntryPoint, entry_points
from typing import Any

GROUP = "coro.exports"

#: Where a name would come from, for the message when that is not installed. A name that
#: is missing here is still found when its distribution announces it.
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
    """The object that a distribution exports as ``coro.NAME``.

    Raises:
        AttributeError: none does; the message says which one to install, if known.
    """
    entry = _entries().get(name)
    if entry is None:
        for home, its_names in HOMES.items():
            if name in its_names:
                raise AttributeError(
                    f"coro.{name} is part of {home}, which is not installed here "
                    f"(or is too old to have it): pip install --upgrade {home}"
                )
        raise AttributeError(f"module 'coro' has no attribute {name!r}")
    return entry.load()


def names() -> list[str]:
    """All names that installed distributions export."""
    return list(_entries())


@functools.cache
def _entries() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
