"""Words about coroutines: what one is doing, and why nothing can go on.

What belongs here: text made from the public state of coroutines, when somebody asks.
"""

import signal
from typing import Any

from coro.errors import DeadlockError

#: Handlers that do not count as able to wake a coroutine. `coro._loop` adds its own.
harmless_handlers: set[Any] = {signal.default_int_handler}


def describe(co: Any) -> str:
    """The repr of a coroutine."""
    return f"<coro {co.id} {co.name!r} {state(co)}>"


def state(co: Any) -> str:
    """What it is doing, in words."""
    if co.dead:
        error = co.failure
        return "ended" if error is None else f"ended by {type(error).__name__}"
    if co.scheduled:
        return "scheduled" if co.started else "scheduled to start"
    if not co.started:
        return "not started"
    waiting = co.waiting
    if waiting is None:
        return "running"
    why, on = waiting
    if on is None:
        return f"waiting ({why})"
    if isinstance(on, int):
        return f"waiting to {why} descriptor {on}"
    if hasattr(on, "get_frame"):
        return f"waiting ({why}) for coro {on.id} {on.name!r}"
    return f"waiting ({why}) on {on!r}"


def deadlock(coroutines: list[Any]) -> DeadlockError:
    """The error that says who waits on what. The coroutines are a thread's, main last."""
    seen: dict[int, Any] = {co.id: co for co in coroutines}
    lines = "\n".join(f"  {describe(co)}" for co in seen.values())
    return DeadlockError(
        f"nothing can run any more: no coroutine is ready, no timer is set, and nobody waits on a descriptor\n{lines}"
    )


def signals_may_wake() -> bool:
    """Whether the program handles a signal, so that a wait without end can make sense."""
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        if callable(handler) and not any(handler is harmless for harmless in harmless_handlers):
            return True
    return False
