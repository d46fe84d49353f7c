"""Synchronization of coroutines: who waits for whom.

What belongs here: the names. All of them serve first come, first served; all may be used
between OS threads; and an interrupt or a timeout of one who waits leaves no trace: no lock is
held by nobody, no wake-up and no item is lost. What need not wait never lets others run, and
is never interrupted.
"""

from coro.errors import FifoClosed, LockError
from coro.sync._conditions import condition_variable, event
from coro.sync._fifo import fifo
from coro.sync._mutex import mutex
from coro.sync._rw_lock import rw_lock
from coro.sync._semaphores import inverted_semaphore, semaphore

__all__ = [
    "FifoClosed",
    "LockError",
    "condition_variable",
    "event",
    "fifo",
    "inverted_semaphore",
    "mutex",
    "rw_lock",
    "semaphore",
]
