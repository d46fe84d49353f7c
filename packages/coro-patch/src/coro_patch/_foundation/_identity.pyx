"""Who runs: the identity of the emulated thread.

What belongs here: telling threads apart. A real thread keeps its real identity, and so
does its main coroutine; any other coroutine is known by the address of its object. So
whatever the program stored of its main thread's identity before the emulation was
installed stays true.

After fork() the calling coroutine is the main one of the child. Python does not rename a
thread that forks, so it keeps its identity too. `threading` looks it up in the child before
anything of ours could run there, and several threads may be about to fork: so each notes who
it is before, and whoever asks first in the child finds the note of the one that is left.
"""

from cpython.ref cimport PyObject
from posix.unistd cimport getpid

from coro.interface.capi cimport CoroCAPI, Coro_Import

import errno
import os
import sys

import coro

cdef extern from *:
    const char *CORO_DISTRIBUTION  # "coro-patch 1.2.3", from the build

cdef extern from "_platform.h":
    int coro_finalizing()

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident()

cdef const CoroCAPI *core = Coro_Import(CORO_DISTRIBUTION)

cdef PyObject *survivor = NULL  # borrowed: it is the main coroutine of this process
cdef unsigned long forker = 0
cdef dict forking = {}  # who are about to fork, by what runs: what `survivor` and `forker` are in the child
cdef int process = getpid()


cdef set posing = set()  # addresses of coroutines that act for the main one


cdef PyObject *apart() noexcept:
    """The running coroutine if it has an identity of its own, else NULL."""
    cdef int is_main = 0
    cdef PyObject *running = core.running(&is_main)
    if forking:
        look_around()
    if posing and <size_t> running in posing:
        return survivor
    return running if not is_main or running == survivor else NULL


cdef unsigned long identity() noexcept:
    """What `_thread.get_ident` tells here."""
    cdef PyObject *coroutine = apart()
    return PyThread_get_thread_ident() if coroutine == NULL else <unsigned long> coroutine


cdef bint in_coroutine() noexcept:
    """Whether the caller runs in a coroutine, the main one of a thread included, and others may
    run. When the interpreter is being torn down nothing may be switched to: the frames of others
    stand in ruins. The originals do then what is wanted."""
    cdef int is_main = 0
    return core.running(&is_main) != NULL and not coro_finalizing()


def act_for_main(function, *args):
    """``function(*args)``, by a coroutine that passes for the main one of its thread."""
    cdef int is_main = 0
    cdef size_t running = <size_t> core.running(&is_main)
    if is_main or running == 0 or running in posing:
        return function(*args)
    posing.add(running)
    try:
        return function(*args)
    finally:
        posing.discard(running)


def runs_in_main_coroutine():
    """Whether no coroutine runs here but perhaps the main one of a thread."""
    cdef int is_main = 0
    return core.running(&is_main) == NULL or is_main


def runs_in_coroutine():
    """Whether the caller runs in a coroutine, the main one of a thread included.

    Where it does not, in a thread that does not use coro, the originals do what is wanted.
    """
    return in_coroutine()


def survivor_identity():
    """The identity of the coroutine that forked this process; None if none did."""
    look_around()
    return None if survivor == NULL else <unsigned long> survivor


def os_thread_of(ident):
    """What the system knows a thread by: for an emulated one, the OS thread that it runs in.

    Raises:
        ProcessLookupError: no such thread runs. To ask the system of it is not safe.
    """
    if not isinstance(ident, int):
        return ident  # who is given it complains
    for coroutine in coro.all_threads.values():
        if <unsigned long> <PyObject *> coroutine == ident:
            return coroutine.scheduler.thread_ident
    if ident not in sys._current_frames():
        raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH))
    return ident


cdef unsigned long forker_identity() noexcept:
    """In a forked child, the identity of the thread that forked it."""
    look_around()
    return forker


cdef object what_runs():
    """The same before a fork and in the child."""
    cdef int is_main = 0
    cdef PyObject *running = core.running(&is_main)
    return <size_t> running if running != NULL else PyThread_get_thread_ident()


cdef void look_around() noexcept:
    """If this is a new process, who is left in it?"""
    global survivor, forker, process
    cdef size_t its_survivor
    if process == getpid():
        return
    process = getpid()
    found = forking.get(what_runs())
    forking.clear()
    if found is not None:  # else C code has forked
        its_survivor, forker = found
        survivor = <PyObject *> its_survivor


def before_fork():
    forking[what_runs()] = (<size_t> apart(), identity())


def after_fork_in_parent():
    forking.pop(what_runs(), None)


def after_fork_in_child():
    look_around()


os.register_at_fork(before=before_fork, after_in_parent=after_fork_in_parent, after_in_child=after_fork_in_child)
