"""One look-up for all who ask the same, and its answer kept for a while.

What belongs here: sharing and keeping, whatever it is that is looked up and wherever.

**Sharing.** A look-up runs in a coroutine of its own, and those who ask wait for its end. So
nobody notices when another is interrupted; when the last one has left, the look-up is told to
end. Only coroutines of one OS thread share, because the look-up's ends with its thread.

**Keeping.** An answer is kept as long as the look-up says, by the scheduler's clock; of too
many, the one that was used least recently goes first. Failures are not kept: a resolver says
"no such name" also when it only could not ask just now, and who tries again after an error
wants to know. Those who try at the same time share the failure.
"""

import contextlib
import copy
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from coro import coro, now, spawn
from coro.interface import Scheduler, scheduler

#: gives the answer, which nobody may change, and how long to keep it, in seconds
Lookup = Callable[[], tuple[Any, float]]
#: what a look-up gave, or what it raised
Outcome = tuple[Any, Exception | None]
Key = tuple[Scheduler, Hashable]


class LookupCache:
    """Answers to questions, each looked up once.

    Args:
        size: how many answers to keep at most; 0 for none.

    Raises:
        TypeError, ValueError: `size` is no int, or negative.
    """

    def __init__(self, size: int) -> None:
        if not isinstance(size, int):
            raise TypeError(f"the size of a cache must be an int, not {type(size).__name__}")
        if size < 0:
            raise ValueError(f"the size of a cache must be 0 or more, not {size}")
        self.size = size
        self._answers: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._under_way: dict[Key, _Flight] = {}

    def answer(self, question: Hashable, look_up: Lookup, name: str) -> Any:
        """The answer to `question`: kept, or looked up while others run.

        Args:
            look_up: how to find it.
            name: of the coroutine that does so.

        Raises:
            what `look_up` raises; each who asked gets an exception object of its own.
        """
        kept = self._find(question)
        if kept is not None:
            return kept.answer
        key = (scheduler(), question)
        outcome = None
        while outcome is None:  # or somebody else has ended the look-up
            flight = self._under_way.get(key)
            if flight is None or flight.coroutine.dead:  # left behind by fork()
                flight = self._under_way[key] = _Flight(self, key, look_up, name)
            outcome = flight.land()
        found, error = outcome
        if error is None:
            return found[0]
        try:
            raise _own(error)
        finally:
            del error, outcome  # the traceback holds this frame

    def clear(self) -> None:
        """Forget all answers, those included that are looked up just now."""
        self._under_way.clear()
        self._answers.clear()

    def __len__(self) -> int:
        return len(self._answers)

    def _find(self, question: Hashable) -> "_Kept | None":
        kept = self._answers.get(question)
        if kept is None:
            return None
        with contextlib.suppress(KeyError):  # another OS thread was faster
            if 0 <= now() - kept.since < kept.length:  # a virtual clock may have gone back
                self._answers.move_to_end(question)
                return kept
            del self._answers[question]
        return None

    def _keep(self, question: Hashable, answer: Any, seconds: float) -> None:
        if seconds <= 0:
            return
        self._answers[question] = _Kept(answer, now(), seconds * 1e9)
        with contextlib.suppress(KeyError):
            self._answers.move_to_end(question)
            while len(self._answers) > self.size:
                self._answers.popitem(last=False)


class _Kept(NamedTuple):
    answer: Any
    since: int  # ns
    length: float  # ns


class _Flight:
    """A look-up that is under way."""

    def __init__(self, cache: LookupCache, key: Key, look_up: Lookup, name: str) -> None:
        self.cache = cache
        self.key = key
        self.askers = 0
        self.outcome: Outcome | None = None
        self.coroutine: coro = spawn(self.run, look_up, thread_name=name)

    def land(self) -> Outcome | None:
        """Wait for its end. What came of it; None if it was ended from elsewhere."""
        self.askers += 1
        try:
            self.coroutine.join()
        finally:
            outcome = self.outcome
            self.askers -= 1
            if not self.askers:
                self.leave()
                self.coroutine.shutdown()
                self.outcome = None  # the traceback of an error holds run() and its frame
        return outcome

    def run(self, look_up: Lookup) -> None:
        self.outcome = _outcome(look_up)
        if self.leave() and self.outcome[1] is None:
            self.cache._keep(self.key[1], *self.outcome[0])

    def leave(self) -> bool:
        """Let nobody else share it. Whether anybody still could."""
        if self.cache._under_way.get(self.key) is not self:
            return False
        del self.cache._under_way[self.key]
        return True


def _outcome(look_up: Lookup) -> Outcome:
    try:
        return look_up(), None
    except Exception as error:
        return None, error


def _own(error: Exception) -> Exception:
    """A copy of an exception, to be raised in one of several coroutines."""
    try:
        mine = copy.copy(error)
    except Exception:  # it cannot be made from its arguments
        return error
    mine.__cause__, mine.__suppress_context__ = error.__cause__, error.__suppress_context__
    return mine.with_traceback(error.__traceback__)
