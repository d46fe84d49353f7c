"""Words about coroutines: what one is doing, and why nothing can go on.

What belongs here: text made from the public state of coroutines, when somebody asks. What one
waits for is found in `coro._diagnostics._waits`.
"""

import signal
import time
from typing import Any

from coro._diagnostics._waits import Wait, brief, inside_a_text, wait_of
from coro.errors import DeadlockError

NS_PER_SECOND = 1_000_000_000
LONGEST_LIST = 1000  # lines of a report; the rest is counted

#: Handlers that do not count as able to wake a coroutine. `coro._loop` adds its own.
harmless_handlers: set[Any] = {signal.default_int_handler}


def describe(co: Any) -> str:
    """The repr of a coroutine."""
    return f"<{brief(co)}>" if inside_a_text() else f"<{brief(co)} {state(co)}>"


def state(co: Any) -> str:
    """What it is doing, in words."""
    if co.dead:
        error = co.failure
        return "ended" if error is None else f"ended by {type(error).__name__}"
    if co.scheduled:
        return "scheduled" if co.started else "scheduled to start"
    if not co.started:
        return "not started"
    wait = wait_of(co)
    return "running" if wait is None else wait.words


def deadlock(coroutines: list[Any]) -> DeadlockError:
    """The error that says who waits on what. The coroutines are a thread's, main last."""
    waits = {co.id: wait for co in coroutines if (wait := wait_of(co)) is not None}
    time_passes = _time_passes(coroutines[-1].scheduler) if coroutines else True
    now = time.monotonic_ns()
    lines = [f"  circle: {_around(circle)}" for circle in _circles(waits)]
    lines += [f"  {_line(wait, now if time_passes else None)}" for wait in waits.values()]
    if len(lines) > LONGEST_LIST:
        lines[LONGEST_LIST:] = [f"  ... and {len(lines) - LONGEST_LIST} more"]
    reason = "nothing can run any more: no coroutine is ready, no timer is set, and nobody waits on a descriptor"
    return DeadlockError("\n".join([reason, *lines]), waits.values())


def _time_passes(scheduler: Any) -> bool:
    """Whether its clock is the real one. By a virtual clock that has jumped for hours, the
    milliseconds that really passed would tell nothing."""
    before = time.monotonic_ns()
    return bool(before <= scheduler.now() <= time.monotonic_ns())


def _line(wait: Wait, now: int | None) -> str:
    """A wait, for how long until `now`, and who holds what is waited on."""
    words = f"<{brief(wait.coroutine)} {wait.words}>"
    if now is not None:
        words += f" for {max(0, now - wait.since) / NS_PER_SECOND:.3f} s"
    held_by = [who for who in map(brief, wait.holders) if who not in wait.on_text]
    if held_by:
        words += f", held by {' and '.join(held_by)}"
    return words


def _circles(waits: dict[int, Wait]) -> list[list[Wait]]:
    """The circles in which coroutines wait for each other, each from its oldest on.

    Everybody is visited once and no path is followed twice, so of circles that share a part
    not all are told; but one is, if there are any.
    """
    circles = []
    seen: set[int] = set()
    for start in waits:
        path: dict[int, int] = {}  # who is on the way from `start`: to its place there
        way = [(start, iter(_next(waits[start])))]
        while way:
            here, onward = way[-1]
            if here not in path:
                if here in seen:
                    way.pop()
                    continue
                seen.add(here)
                path[here] = len(way) - 1
            for holder in onward:
                if holder in path:
                    circles.append(_from_the_oldest([waits[each] for each, _ in way[path[holder] :]]))
                elif holder in waits and holder not in seen:
                    way.append((holder, iter(_next(waits[holder]))))
                    break
            else:
                way.pop()
                del path[here]
    return circles


def _next(wait: Wait) -> list[int]:
    return [co.id for co in wait.holders]


def _from_the_oldest(circle: list[Wait]) -> list[Wait]:
    oldest = min(range(len(circle)), key=lambda place: int(circle[place].coroutine.id))
    return circle[oldest:] + circle[:oldest]


def _around(circle: list[Wait]) -> str:
    """A circle in one sentence, which ends where it began."""
    words = brief(circle[0].coroutine)
    following = [*circle[1:], circle[0]]
    for wait, holder in zip(circle, following, strict=True):
        who = brief(holder.coroutine)
        if wait.on is holder.coroutine:
            words += f" waits ({wait.why}) for {who}, which"
        else:
            words += f" waits ({wait.why}) on {wait.on_text} held by {who}, which"
    return words.removesuffix(", which")


def signals_may_wake() -> bool:
    """Whether the program handles a signal, so that a wait without end can make sense."""
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        if callable(handler) and not any(handler is harmless for harmless in harmless_handlers):
            return True
    return False
