"""`_asyncio`: an event loop in each coroutine, as in each thread.

What belongs here: what Python keeps of asyncio for an OS thread, kept for a coroutine. The
loops themselves are the standard library's own, on an emulated selector.

While a loop runs, Python knows for the OS thread which loop that is, which of its tasks runs
(from 3.14 on; before, for the loop), who is told of new asynchronous generators, and how much
of the origin of a native coroutine is recorded. C code reads the first two directly, so they
cannot be looked up elsewhere. They are taken away when the coroutine is suspended, and put
back when it is resumed: the others find none, and may run loops of their own. This costs
nothing as long as no loop runs anywhere, and other coroutines next to nothing.
"""

cimport cython

import _asyncio
import os
import sys

from coro.interface import Callbacks, observe
from coro_patch._emulated._thread_local import _local

cdef extern from "Python.h":
    int PyGC_Disable()
    int PyGC_Enable()

cdef object get_running_loop = _asyncio._get_running_loop
cdef object get_hooks = sys.get_asyncgen_hooks
cdef object set_hooks = sys.set_asyncgen_hooks
cdef object get_depth = sys.get_coroutine_origin_tracking_depth
cdef object set_depth = sys.set_coroutine_origin_tracking_depth

# From 3.14 on the running task, too, is kept for the thread.
cdef object swap_task = None
if sys.version_info >= (3, 14):
    swap_task = _asyncio._swap_current_task

cdef object original_set_running_loop = _asyncio._set_running_loop
cdef object set_running_loop = original_set_running_loop

cdef Py_ssize_t running = 0  # loops, in all coroutines
cdef dict states = {}        # of the coroutines that run one and are suspended


@cython.final
cdef class State:
    """What Python keeps for an OS thread that runs a loop."""

    cdef object loop, task, hooks, depth


def suspended(co):
    cdef State state
    loop = get_running_loop()
    if loop is None:
        return
    # Up to 3.11 what is made here could start the collector, and finalizers may wait.
    cdef int collects = PyGC_Disable()
    state = State.__new__(State)
    state.loop = loop
    if swap_task is not None:
        state.task = swap_task(loop, None)
    set_running_loop(None)
    state.hooks = get_hooks()
    set_hooks(None, None)
    state.depth = get_depth()
    if state.depth:
        set_depth(0)
    states[co] = state
    if collects:
        PyGC_Enable()


def resumed(co):
    cdef State state
    if not states:
        return
    state = states.pop(co, None)
    if state is None:
        return
    cdef int collects = PyGC_Disable()
    set_running_loop(state.loop)
    if swap_task is not None:
        swap_task(state.loop, state.task)
    set_hooks(*state.hooks)
    if state.depth:
        set_depth(state.depth)
    if collects:
        PyGC_Enable()


cdef object observer = Callbacks(suspended, resumed)


@cython.binding(False)
def _set_running_loop(loop, /):
    """Set the loop that runs in this coroutine; None for none."""
    global running
    before = get_running_loop()
    set_running_loop(loop)
    if (before is None) == (loop is None):
        return
    running += 1 if before is None else -1
    if running == (0 if before is not None else 1):
        observe(observer, running > 0)


def after_fork_in_child():
    """Of all coroutines the child has the one that forked."""
    global running
    if running:
        running = get_running_loop() is not None
        observe(observer, running > 0)


os.register_at_fork(after_in_child=after_fork_in_child)


# --- locals that were made before the emulation ------------------------------------


def new_local_class(original):
    """A class of locals like `original`, of emulated ones."""
    if issubclass(original, _local):
        return original
    return type(original.__name__, (_local,), {
        name: value for name, value in vars(original).items() if name not in ("__dict__", "__weakref__")})


def new_local(original):
    """A local like `original`, an emulated one, with what that has of this thread."""
    if isinstance(original, _local):
        return original
    made = new_local_class(type(original))()
    vars(made).update(vars(original))
    return made
