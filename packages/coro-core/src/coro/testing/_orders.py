"""Running coroutines in other orders, to find what works in one order only.

What belongs here: choosing the order by a seed, and trying many. Who is chosen is decided in
`Scheduler.shuffle`.

A race shows itself in some orders and not in others, and the scheduler always takes the same
one: first come, first served. A seed stands for another. All else that decides who runs when
must be the same for the seed to find the same order again: the virtual clock sees to that for
timers, but news of descriptors comes when the kernel has it.
"""

import contextlib
import os
import random
from collections.abc import Callable, Iterable, Iterator

from coro._scheduler import Scheduler, scheduler
from coro.testing import _leftovers
from coro.testing._quiet import virtual_clock

_shuffling: set[Scheduler] = set()


def _seed_from_environment() -> int | None:
    text = os.environ.get("CORO_SHUFFLE_SEED")
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"CORO_SHUFFLE_SEED must be an integer, not {text!r}") from None


@contextlib.contextmanager
def shuffled(seed: int | None = None) -> Iterator[int]:
    """While this block runs, chance decides which coroutine of this thread runs next.

    Coroutines also yield at random where they would not have to (see `coro.set_selfishness`).
    An exception that leaves the block has a note with the seed: with it the same order can be
    had again, if nothing else than the seed decides about it.

    Args:
        seed: decides all that follows. None for that of the environment variable
            ``CORO_SHUFFLE_SEED`` if it is set, else for a new one.

    Returns:
        a context, which is the seed.

    Raises:
        RuntimeError: the coroutines of this thread are shuffled already.
    """
    if seed is None:
        seed = _seed_from_environment()
    if seed is None:
        seed = random.SystemRandom().randrange(1 << 32)
    here = scheduler()
    if here in _shuffling:
        raise RuntimeError("the coroutines of this thread are shuffled already")
    here.shuffle(seed)
    _shuffling.add(here)
    try:
        yield seed
    except BaseException as error:
        error.add_note(f"found with shuffled(seed={seed})")
        raise
    finally:
        _shuffling.remove(here)
        here.shuffle(None)


def find_race(fun: Callable[[], object], seeds: Iterable[int] = range(200)) -> None:
    """Call a function in many orders of its coroutines, until it fails in one.

    Each call is `shuffled` by another seed and has a `virtual_clock`. The coroutines that it
    leaves behind are shut down before the next. Only what `fun` raises is a failure: let it
    join its coroutines and ask for their results.

    Args:
        fun: called without arguments, in the calling coroutine.
        seeds: an int for each call. If the environment variable ``CORO_SHUFFLE_SEED`` is set,
            there is one call, with that seed.

    Raises:
        BaseException: what `fun` raised first, with a note that tells the seed. `DeadlockError`
            among others, if this is called in the thread's main coroutine.
        RuntimeError: the clock is virtual or the coroutines are shuffled already.
    """
    only = _seed_from_environment()
    for seed in seeds if only is None else [only]:
        before = _leftovers.alive()
        with virtual_clock(), shuffled(seed):
            try:
                fun()
            finally:
                _leftovers.end(_leftovers.alive() - before)
