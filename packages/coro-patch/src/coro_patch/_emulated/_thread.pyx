"""`_thread`: starting threads, telling them apart, waiting for their end.

What belongs here: the functions of `_thread` and its thread handles. Its locks are in
`_thread_locks`, its locals in `_thread_local`.

An emulated thread is a coroutine. It belongs to the OS thread of the coroutine that starts
it; started from an OS thread that runs no coroutine but its main one, it belongs to the
OS thread in which the emulation was installed: the caller's may end at any time, and an
emulated thread has to go on.
"""

cimport cython
from cpython.ref cimport Py_INCREF, PyObject
from libc.stdint cimport INT64_MAX, int64_t
from posix.unistd cimport getpid

from coro_patch._foundation._identity cimport apart, forker_identity, identity
from coro_patch._emulated._thread_local cimport Record, end_record, this_record
from coro_patch._foundation._waiting cimport (
    Queue, Waiter, append, deadline_in, free_waiter, new_waiter, park, seconds_to_ns, wake_all,
)

import _thread
import os
import sys
import warnings
import weakref
from contextvars import Context

from coro.errors import DeadCoroutine, Interrupted
from coro.interface import scheduler
from coro_patch._foundation._identity import survivor_identity
from coro_patch._foundation._offload import no_more_threads
from coro_patch._foundation._waiting import AtExitError
from coro_patch._emulated._thread_locks import allocate_lock

cdef extern from "_platform.h":
    int coro_finalizing()
    int coro_call_type(object type, const char *name) except -1
    void coro_thread_failed(PyObject *function)
    void coro_shutdown_failed()

cdef extern from "Python.h":
    void PyErr_Restore(PyObject *type, PyObject *value, PyObject *traceback)

cdef object original_count = _thread._count
cdef object original_get_native_id = _thread.get_native_id
cdef object original_main_ident = getattr(_thread, "_get_main_thread_ident", None)

# From 3.15 on `_thread._shutdown` leaves its exceptions to be told of by Python.
cdef bint SHUTDOWN_RAISES = sys.version_info >= (3, 15)

# Who runs no more will not end: from 3.14 on that is an error, and no wait.
cdef bint JOIN_FAILS_AT_EXIT = sys.version_info >= (3, 14)

cdef enum:
    LARGEST_NATIVE_ID = 1 << 22  # Linux: PID_MAX_LIMIT

cdef Py_ssize_t alive = 0
# Up to 3.12 `threading` never forgets the dummy thread of a thread that it did not start.
cdef bint DUMMIES_STAY = sys.version_info < (3, 13)
cdef object home = None  # the scheduler of the OS thread that installed the emulation


def set_home():
    """Emulated threads that are started from elsewhere shall run in this OS thread."""
    global home
    home = scheduler()


# --- who --------------------------------------------------------------------------


@cython.binding(False)
def get_ident():
    """A number that identifies the running thread, and no other that is alive."""
    return identity()


@cython.binding(False)
def get_native_id():
    """The number that the system gives the running thread; an emulated thread has none,
    and gets one that no other has, nor had before: addresses are used again soon."""
    cdef PyObject *coroutine = apart()
    return original_get_native_id() if coroutine == NULL else LARGEST_NATIVE_ID + (<object> coroutine).id


@cython.binding(False)
def _get_main_thread_ident():
    """For `threading`. In a forked child, the thread that forked is the main one."""
    ident = survivor_identity()
    return original_main_ident() if ident is None else ident


@cython.binding(False)
def _count():
    """How many threads there are, without the main one."""
    return alive + original_count()


# --- starting ---------------------------------------------------------------------


@cython.binding(False)
def start_new_thread(function, args, kwargs={}, /):  # no-cython-lint - the original's signature
    """Start a thread that calls ``function(*args, **kwargs)``. Returns its identity."""
    if not callable(function):
        raise TypeError("first arg must be callable")
    if not isinstance(args, tuple):
        raise TypeError("2nd arg must be a tuple")
    if not isinstance(kwargs, dict):
        raise TypeError("optional 3rd arg must be a dictionary")
    sys.audit("_thread.start_new_thread", function, args, kwargs)
    return start(function, args, kwargs, None)


cdef object start(function, args, kwargs, _ThreadHandle handle):
    """Start an emulated thread; its identity."""
    if coro_finalizing() or no_more_threads():
        raise AtExitError("can't create new thread at interpreter shutdown")
    here = home if home is not None and apart() == NULL else scheduler()
    beginning = Beginning(handle) if handle is not None else None
    # Like a real thread it begins with an empty context.
    try:
        coroutine = Context().run(here.spawn, run, function, args, kwargs, beginning)
    except DeadCoroutine:  # the OS thread that installed the emulation is gone
        coroutine = Context().run(scheduler().spawn, run, function, args, kwargs, beginning)
    return <unsigned long> <PyObject *> coroutine


@cython.final
cdef class Beginning:
    """Stands among the arguments of a coroutine. If that never runs, as its OS thread ends before, the
    thread has ended all the same."""

    cdef _ThreadHandle handle

    def __cinit__(self, _ThreadHandle handle):
        self.handle = handle

    def __del__(self):
        if self.handle is not None and self.handle.stage == STARTED:
            self.handle.finish()


def run(function, args, kwargs, Beginning beginning):
    """What the coroutine of an emulated thread does."""
    global alive
    cdef _ThreadHandle handle = None
    if beginning is not None:
        handle, beginning.handle = beginning.handle, None
    alive += 1
    if DUMMIES_STAY:
        this_record().of_thread = True
    try:
        function(*args, **kwargs)
    except (SystemExit, Interrupted):
        pass  # told to end
    except BaseException as error:
        report(error, function)
    function = args = kwargs = None
    # In this order, as in Python: who joins finds the thread's locals gone.
    try:
        end_record()
    finally:
        alive -= 1
        if handle is not None:
            handle.finish()


def runs_in_emulated_thread():
    """Whether `_thread` has started what runs, and `coro.spawn` has not (up to 3.12)."""
    return this_record().of_thread


cdef int report(error, function) except -1:
    """Tell of it as Python does."""
    restore(error, error.__traceback__.tb_next)  # the first frame is that of `run`
    coro_thread_failed(<PyObject *> function)
    return 0


cdef int restore(error, trace) except -1:
    """Let an exception be the one that is raised; the references are stolen."""
    kind = type(error)
    Py_INCREF(kind)
    Py_INCREF(error)
    if trace is not None:
        Py_INCREF(trace)
    PyErr_Restore(<PyObject *> kind, <PyObject *> error, <PyObject *> trace if trace is not None else NULL)
    return 0


@cython.binding(False)
def _set_sentinel():
    """For `threading` up to 3.12: a lock that is released when the running thread ends."""
    cdef Record record = this_record()
    lock = allocate_lock()
    record.sentinel = weakref.ref(lock)
    return lock


# --- fork, from 3.12 on -------------------------------------------------------------


def warn_of_fork():
    """As Python warns when a process forks that has several OS threads. Emulated ones, too, are
    not in the child, and what they hold is held there for ever."""
    if alive and not original_count():
        try:
            warnings.warn(
                f"This process (pid={getpid()}) is multi-threaded, use of fork() may lead to deadlocks in the child.",
                DeprecationWarning, stacklevel=1)
        except Warning:
            pass  # it was made an error; up to 3.14 Python drops it too, and nothing that is called here could raise it


if sys.version_info >= (3, 12):
    os.register_at_fork(after_in_parent=warn_of_fork)


# --- handles, from 3.13 on ----------------------------------------------------------


cdef enum Stage:
    NOT_STARTED
    STARTED
    DONE

cdef set to_join_at_exit = set()


@cython.final
cdef class _ThreadHandle:
    """What `threading.Thread` keeps of a thread: who it is, and whether it has ended."""

    cdef object __weakref__
    cdef Stage stage
    cdef unsigned long number
    cdef int pid
    cdef Queue joiners

    def __repr__(self):
        return f"<_thread._ThreadHandle object: ident={self.number}>"

    @property
    def ident(self):
        return self.number

    cdef int begin(self, unsigned long number) except -1:
        self.number = number
        self.pid = getpid()
        if self.stage == NOT_STARTED:
            self.stage = STARTED
        return 0

    cdef bint ended(self) except -1:
        # In a forked child no thread lives but the one that forked.
        if self.stage == STARTED and self.pid != getpid():
            self.pid = getpid()
            self.joiners.first = self.joiners.last = NULL
            if self.number != forker_identity():
                self.stage = DONE
        return self.stage == DONE

    cdef int finish(self) except -1:
        self.ended()  # who waited in the parent does not here
        self.stage = DONE
        to_join_at_exit.discard(self)
        wake_all(&self.joiners)
        return 0

    def is_done(self):
        """Whether the thread has ended."""
        return bool(self.ended())

    def _set_done(self):
        """Let the thread count as ended."""
        if self.stage == NOT_STARTED:
            raise RuntimeError("thread not started")
        self.finish()

    def join(self, timeout=None, /):
        """Wait until it has ended, or for `timeout` seconds."""
        cdef int64_t length = INT64_MAX
        if timeout is not None:
            length = wanted_length(timeout)
        if self.stage == NOT_STARTED:
            raise RuntimeError("thread not started")
        if self.ended():
            return
        if self.number == identity():
            raise RuntimeError("Cannot join current thread")
        self.wait(length)

    cdef int wait(self, int64_t length) except -1:
        cdef int64_t deadline = deadline_in(length)
        if JOIN_FAILS_AT_EXIT and coro_finalizing():
            raise AtExitError("cannot join thread at interpreter shutdown")
        cdef Waiter *waiter = new_waiter()
        append(&self.joiners, waiter)
        try:
            while self.stage != DONE and park("thread", <PyObject *> self, deadline):
                if not waiter.queued and self.stage != DONE:
                    append(&self.joiners, waiter)
        finally:
            free_waiter(&self.joiners, waiter)
        return 0


# Of a thread that has ended: joining it judges a timeout in the words of this Python.
cdef object judge = None
if hasattr(_thread, "_make_thread_handle"):
    judge = _thread._make_thread_handle(1)
    judge._set_done()


cdef int64_t wanted_length(timeout) except? -1:
    judge.join(timeout)
    return INT64_MAX if timeout < 0 else seconds_to_ns(timeout)


@cython.binding(False)
def start_joinable_thread(function, handle=None, daemon=True):
    """Start a thread that calls ``function()``. Returns its handle."""
    cdef _ThreadHandle mine
    if not callable(function):
        raise TypeError("thread function must be callable")
    if handle is None:
        handle = _ThreadHandle()
    elif not isinstance(handle, _ThreadHandle):
        raise TypeError("'handle' must be a _ThreadHandle")
    sys.audit("_thread.start_joinable_thread", function, bool(daemon), handle)
    mine = handle
    if mine.stage != NOT_STARTED:
        raise RuntimeError("thread already started")
    mine.stage = STARTED
    try:
        mine.begin(start(function, (), {}, mine))
    except BaseException:
        mine.stage = NOT_STARTED
        raise
    if not daemon:
        to_join_at_exit.add(mine)
    return mine


@cython.binding(False)
def _make_thread_handle(ident, /):
    """A handle for a thread that was not started here."""
    cdef _ThreadHandle handle = _ThreadHandle()
    handle.begin(ident)
    return handle


@cython.binding(False)
def _shutdown():
    """Wait for all threads that are not daemons; at the exit of the interpreter."""
    cdef _ThreadHandle handle
    cdef unsigned long me = identity()
    while True:
        for each in list(to_join_at_exit):
            handle = each
            if handle.ended() or handle.number == me:
                to_join_at_exit.discard(handle)
                continue
            try:
                handle.wait(INT64_MAX)
            except BaseException as error:  # by Ctrl-C, for one: who is left is not waited for
                error.__traceback__ = None
                if SHUTDOWN_RAISES:
                    raise error
                restore(error, None)
                coro_shutdown_failed()
                return
            break
        else:
            return


# --- names, from 3.14 on ------------------------------------------------------------

cdef object original_set_name = getattr(_thread, "set_name", None)
cdef object original_get_name = getattr(_thread, "_get_name", None)

cdef enum:
    LONGEST_NAME = 15  # bytes; Linux: TASK_COMM_LEN without its NUL


@cython.binding(False)
def set_name(name, /):
    """Name the OS thread. Emulated threads share it; the system does not learn their names."""
    if not isinstance(name, str):
        raise TypeError(f"set_name() argument 'name' must be str, not {type(name).__name__}")
    if apart() == NULL:
        original_set_name(name)
    else:
        this_record().name = name


@cython.binding(False)
def _get_name():
    """The name of the running thread as the system keeps it: cut off."""
    name = None if apart() == NULL else this_record().name
    if name is None:
        return original_get_name()
    kept = name.encode(sys.getfilesystemencoding(), "replace").partition(b"\0")[0]
    return os.fsdecode(kept[:LONGEST_NAME])


coro_call_type(_ThreadHandle, "_thread._ThreadHandle")
