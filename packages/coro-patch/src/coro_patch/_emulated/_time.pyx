"""`time`: sleeping.

What belongs here: `time.sleep`, and the clock of a thread, which is told by its identity. The
other clocks do not wait and stay what they are.
"""

cimport cython
from libc.stdint cimport int64_t

from coro_patch._foundation._identity cimport in_coroutine
from coro_patch._foundation._waiting cimport deadline_in, is_length, park

import time

from coro import yield_slice
from coro_patch._foundation._identity import os_thread_of

cdef object original_sleep = time.sleep
cdef object original_pthread_getcpuclockid = getattr(time, "pthread_getcpuclockid", None)

cdef double LONGEST = 9.2e9  # seconds; beyond, only the original knows what it accepts


@cython.binding(False)  # like a builtin: no method when it stands in the body of a class
def sleep(seconds, /):
    """Sleep; other coroutines run meanwhile.

    Args:
        seconds: how long; 0 lets the others run once.

    Raises:
        ValueError, TypeError, OverflowError: as the original does.
    """
    cdef double length = -1
    cdef int64_t deadline
    if is_length(seconds):
        try:
            length = float(seconds)
        except OverflowError:
            pass
    if not 0 <= length < LONGEST or not in_coroutine():
        original_sleep(seconds)  # it sleeps, or tells what is wrong
        return
    if length == 0:
        yield_slice()
        return
    deadline = deadline_in(<int64_t> (length * 1e9 + 0.5))
    while park("sleep", NULL, deadline):
        pass  # woken by something that it waited for before


@cython.binding(False)
def pthread_getcpuclockid(thread_id, /):
    """The clock of a thread's CPU time; of an emulated one, that of the OS thread that it runs
    in."""
    return original_pthread_getcpuclockid(os_thread_of(thread_id))
