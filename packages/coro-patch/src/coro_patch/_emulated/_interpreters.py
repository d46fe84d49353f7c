"""`_interpreters`: running code in other interpreters, from 3.14 on.

What belongs here: the calls that last as long as that code runs. Nothing is emulated in another
interpreter (greenlet cannot be used there), so it blocks the OS thread in which it is called: a
real one here, while other coroutines run. That thread goes by the caller's name meanwhile.
"""

import _thread
import functools
import importlib
from collections.abc import Callable
from typing import Any

from coro_patch._emulated._thread import _get_name
from coro_patch._foundation._offload import offload

_interpreters: Any = importlib.import_module("_interpreters")
_originals = {name: getattr(_interpreters, name) for name in ("call", "exec", "run_func", "run_string")}
# Not in every Python that has `_interpreters`, nor on every platform.
_name_here: Callable[[], str] | None = getattr(_thread, "_get_name", None)
_rename: Callable[[str], None] | None = getattr(_thread, "set_name", None)


def call(*args: Any, **kwargs: Any) -> Any:
    """As the original; other coroutines run while the function runs there."""
    return _run("call", args, kwargs)


def exec(*args: Any, **kwargs: Any) -> Any:  # noqa: A001 - the original's name
    """As the original; other coroutines run while the code runs there."""
    return _run("exec", args, kwargs)


def run_func(*args: Any, **kwargs: Any) -> Any:
    """As the original; other coroutines run while the function runs there."""
    return _run("run_func", args, kwargs)


def run_string(*args: Any, **kwargs: Any) -> Any:
    """As the original; other coroutines run while the code runs there."""
    return _run("run_string", args, kwargs)


def _run(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    function = functools.partial(_originals[name], *args, **kwargs)
    if _name_here is None or _rename is None:
        return offload("interpreter", function)
    return offload("interpreter", _named, _get_name(), function)


def _named(name: str, function: Callable[[], Any]) -> Any:
    assert _name_here is not None
    assert _rename is not None
    before = _name_here()
    if name == before:
        return function()
    _rename(name)
    try:
        return function()
    finally:
        _rename(before)
