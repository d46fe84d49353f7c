"""Emulation of the blocking standard library on coro.

This package is `coro-patch`. After `coro.install_thread_emulation()` ordinary blocking
Python is cooperative: its threads are coroutines, and where it would block, others run.
Only the lowest layer is emulated; `threading`, `queue`, `socketserver`, `http` and the rest
are the standard library's own. What is replaced by what stands in one table, `_table`.
"""

from coro_patch._installing._install import (
    get_original,
    install,
    is_module_patched,
    is_object_patched,
    uninstall,
)

__all__ = [
    "get_original",
    "install",
    "install_thread_emulation",
    "is_module_patched",
    "is_object_patched",
    "uninstall",
    "uninstall_thread_emulation",
]

# The names under which they are found in `coro`.
install_thread_emulation = install
uninstall_thread_emulation = uninstall
