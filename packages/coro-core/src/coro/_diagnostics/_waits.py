"""What a coroutine waits for, as data.

What belongs here: the one look at a waiting coroutine that all reports share (its repr, a
`DeadlockError`, the tools that list coroutines), and text that can be relied on. The objects
that coroutines wait on are anybody's, and a report is made when something is wrong already: a
repr or a `held_by` that raises must not hide the rest.

**Texts do not go round in circles.** The repr of a lock may show the coroutine that holds it,
whose repr shows the lock that it waits on, and so on. Inside the text of an object every
coroutine is therefore told by its id and name alone.
"""

from _thread import get_ident
from typing import Any, NamedTuple

LONGEST = 200  # characters of a repr that are shown

_telling: set[int] = set()  # the OS threads that make the text of an object


class Wait(NamedTuple):
    """A wait of a coroutine.

    Attributes:
        coroutine: who waits.
        why: what for, such as ``"join"`` or ``"read"``.
        on: the object that it waits on: an int for a descriptor, a coroutine for a join; or None.
        since: when it began, ns of the real clock (`time.monotonic_ns`, a few ms exact).
        holders: the coroutines that can end it: who holds the lock, or is to end.
        on_text: `on` as text; its repr, if that can be had.
    """

    coroutine: Any
    why: str
    on: Any
    since: int
    holders: tuple[Any, ...]
    on_text: str

    @property
    def words(self) -> str:
        """The wait in words."""
        if self.on is None:
            return f"waiting ({self.why})"
        if isinstance(self.on, int):
            return f"waiting to {self.why} descriptor {self.on}"
        if is_coroutine(self.on):
            return f"waiting ({self.why}) for {self.on_text}"
        return f"waiting ({self.why}) on {self.on_text}"


def wait_of(co: Any) -> Wait | None:
    """What a coroutine waits for now. None: it does not, or its wait is over already."""
    waiting = co.waiting
    if waiting is None or co.scheduled:
        return None
    why, on = waiting
    if is_coroutine(on):
        return Wait(co, why, on, co.since, (on,), brief(on))
    return Wait(co, why, on, co.since, _holders(on), text(on))


def is_coroutine(thing: Any) -> bool:
    """Whether it is a coroutine of coro. Those who ask are imported before the class is made."""
    return hasattr(type(thing), "get_frame")


def brief(co: Any) -> str:
    """A coroutine by its id and name. Its name is from a method that a program may override."""
    try:
        return f"coro {co.id} {co.name!r}"
    except Exception as error:
        return f"coro {co.id} (its name raises {type(error).__name__})"


def text(thing: Any) -> str:
    """The repr of an object, if it has one, in one line that is not too long."""
    me = get_ident()
    outermost = me not in _telling
    _telling.add(me)
    try:
        words = repr(thing)
    except Exception as error:
        words = f"<{type(thing).__name__} at {id(thing):#x}, its repr raises {type(error).__name__}>"
    finally:
        if outermost:
            _telling.discard(me)
    words = " ".join(words.splitlines())
    return words if len(words) <= LONGEST else words[: LONGEST - 3] + "..."


def inside_a_text() -> bool:
    """Whether this OS thread makes the text of an object: coroutines are told briefly then."""
    return get_ident() in _telling


def _holders(on: Any) -> tuple[Any, ...]:
    try:
        held_by = on.held_by
    except Exception:
        return ()
    return tuple(filter(is_coroutine, held_by)) if isinstance(held_by, tuple) else ()
