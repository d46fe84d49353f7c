"""Coroutines and the scheduler that runs them.

What belongs here: who runs next, how one coroutine hands over to another, how it
waits and how it is woken or interrupted. What can be built on that does not:
timeouts (`_timeouts`), the event loop (`_loop`), reports (`_reports`).

**Handing over.** A coroutine that must wait chooses the next ready one itself and
switches straight to it: one switch of stacks, not two over a hub in the middle. If
it finds itself next it goes on without any. With nothing ready it polls in place, on
its own stack.

**Workers.** A stack (a greenlet) is not made for each coroutine: a worker runs one
coroutine after another. A new greenlet begins its C stack where its starter stands;
started by one that stands deep, or by one that is about to die, stacks would creep
towards the limit. So all workers are started from one greenlet, the hub, that stands
at the bottom. When a coroutine ends and the next is new, the worker runs it on the
spot; when the next is suspended elsewhere the worker goes to the list of idle ones.
A chain of coroutines each starting the next runs on one stack without a switch.

**What a suspended frame may hold.** The C stack of a suspended greenlet is copied
away, so nothing may point into it: queue nodes live in the coroutine object. And a
reference in such a frame lives as long as the wait: `switch_to_chosen` therefore holds
none to the coroutine it switches to.

**The GIL is the lock** of everything here. Another OS thread may make a coroutine
ready at any time that the owner does not hold the GIL, that is, while it polls or
runs something that released it. `asleep` is true just while a poll waits; only then
does a byte in the poller's pipe have to wake it.

**Signals.** Python runs signal handlers in its main thread, between two bytecodes. A
poll that a signal ended has none, so the thread's main coroutine is woken to look, in
the middle of its wait, and a handler that raises raises there.
"""

cimport cython
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.ref cimport Py_DECREF, Py_INCREF, PyObject
from libc.stdint cimport INT64_MAX, int64_t, uint64_t
from posix.unistd cimport getpid

from coro._descriptors cimport CLOSED, DescriptorEntry, Descriptors, FdWaiter
from coro._duration cimport deadline_after, nanoseconds
from coro._observer cimport Observer
from coro._pollers._poller cimport HUNG_UP, INTERRUPTED, REGISTERED, UNPOLLABLE, PollEvent
from coro._registry cimport Registry
from coro._timers cimport Timer, TimerHeap, is_set
from coro.interface.capi cimport (
    CORO_ANNOUNCED, CORO_EXCLUSIVE, CORO_READ, CORO_SCRATCH_SIZE, CORO_TRIED, CORO_WRITE,
)

import os
import sys
from _signal import set_wakeup_fd  # the real one, whatever is emulated later

from coro import _failures, _pollers
from coro.errors import (
    ClosedError, DeadCoroutine, Interrupted, NotStartedError, ScheduleError, Shutdown,
    SimultaneousError,
)
from coro.errors import TimeoutError as CoroTimeoutError

cdef extern from "_greenlet.h":
    int coro_greenlet_import() except -1
    object coro_greenlet_new(PyObject *run, PyObject *parent)
    object coro_greenlet_current()
    int coro_greenlet_switch(PyObject *target) noexcept
    int coro_greenlet_end_in(PyObject *target) except -1
    void coro_greenlet_prefetch_state(PyObject *greenlet) noexcept

cdef extern from "_platform.h":
    int64_t coro_clock_ns()
    int64_t coro_clock_tick()
    void coro_prefetch(const void *memory) noexcept

cdef extern from "_frames.h":
    void coro_frames_begin_thread()
    void coro_frames_end_thread()
    void coro_frames_begin_stack()

cdef extern from "Python.h":
    PyObject *call "PyObject_Call"(PyObject *function, PyObject *args, PyObject *kwargs)
    int PyContext_Enter(object context) except -1
    int PyContext_Exit(object context) except -1
    object PyContext_New()
    object PyContext_CopyCurrent()
    int PyErr_CheckSignals() except -1
    bint PyFunction_Check(object function)
    PyObject *PyThreadState_GetDict()
    unsigned long PyThread_get_thread_ident()
    ctypedef struct PyThreadState:
        unsigned long thread_id  # before it runs, 0 or its starter's
    ctypedef struct PyInterpreterState:
        pass
    PyInterpreterState *PyInterpreterState_Get()
    PyThreadState *PyInterpreterState_ThreadHead(PyInterpreterState *)
    PyThreadState *PyThreadState_Next(PyThreadState *)
    PyThreadState *PyThreadState_Get()
    uint64_t PyThreadState_GetID(PyThreadState *)
    ctypedef struct PyFunctionObject:
        PyObject *func_qualname

cdef extern from *:
    """
    /* Owned by the thread's dict. A library is loaded late, and the compiler calls a function to
     * find its variables; but a few bytes are always left for those that want no such call. */
    #if defined(__GNUC__) && defined(__linux__)
    __attribute__((tls_model("initial-exec")))
    #endif
    static _Thread_local PyObject *coro_tls_scheduler = NULL;

    static _Thread_local uint64_t coro_tls_ended_state = 0; /* the last one that had a scheduler */

    /* Whether the state of the calling thread is being cleared. Its dict goes first, and with it what
     * ends the scheduler; whoever dies after that would get a new dict, which stays for ever. */
    static int
    coro_thread_ends(void)
    {
    #if PY_VERSION_HEX >= 0x030C0000
        return PyThreadState_Get()->_status.finalizing;
    #else
        return PyThreadState_GetID(PyThreadState_Get()) == coro_tls_ended_state;
    #endif
    }

    #if PY_VERSION_HEX >= 0x030D0000
    #define coro_finalizing() Py_IsFinalizing()
    #else
    #define coro_finalizing() _Py_IsFinalizing()
    #endif

    /* The context of a greenlet that has none is NULL, and made when somebody sets a variable. */
    #define coro_context_exists() (PyThreadState_Get()->context != NULL)

    /* Whether there are variables in it; else a coroutine needs no copy. */
    static int
    coro_context_is_used(void)
    {
        PyObject *context = PyThreadState_Get()->context;
        Py_ssize_t size = context == NULL ? 0 : PyMapping_Size(context);
        return size < 0 ? -1 : size > 0;
    }

    /* Finalizers of values may run, and see none. Watchers of contexts (3.14) are not told, as greenlet
     * does not tell them of its switches. */
    static void
    coro_context_drop(void)
    {
        PyThreadState *here = PyThreadState_Get();
        here->context_ver++; /* variables remember in which version they were looked up */
        Py_CLEAR(here->context);
    }

    #define pending_exception() (-1)
    """
    PyObject *coro_tls_scheduler
    uint64_t coro_tls_ended_state
    bint coro_thread_ends() noexcept
    int coro_finalizing()
    bint coro_context_exists() noexcept
    bint coro_context_is_used() except -1
    void coro_context_drop() noexcept
    int pending_exception() except -1  # raises what a C function left behind

cdef enum:
    FIRST_RING = 64          # places in the ready queue; a power of two
    SWITCHES_A_TURN = 64     # hand-overs, at least, between two looks at the poller
    IDLE_WORKERS = 256       # stacks kept for coroutines to come
    DEFAULT_SELFISHNESS = 4  # successful operations before a coroutine must yield

coro_greenlet_import()

all_threads = Registry()
"""The coroutines that were started and have not ended, by id."""

bystanders = set()
"""The ids of OS threads that wake no coroutine: they do not keep a dead end from being told."""

cdef int64_t coroutines_made = 0
cdef int64_t coroutines_alive = 0
cdef int selfishness = DEFAULT_SELFISHNESS
cdef list schedulers = []          # of live threads; borrowed pointers would outlive them
cdef list left_behind = []         # after fork: what belongs to the parent, kept from dying
cdef Registry all_threads_c = all_threads
cdef list observers = []
cdef bint observed = False         # there are some


# ---------------------------------------------------------------- timers ------


cdef class Interrupter(Timer):
    """A timer that interrupts its owner when it fires. See `coro._timeouts`.

    Or a shield, which never fires: what would interrupt the owner from further out is held
    back until it has left.
    """

    cdef int fire(self) except -1:
        cdef int before = self.owner.due
        self.due = True
        reckon(self.owner)
        if self.owner.due == before:
            tell_shield(self.owner)
        return 0

    cdef object interrupt(self):
        """The exception to raise in the owner."""
        raise NotImplementedError

    cdef int enter(self, coro me) except -1:
        """Come into force, as the innermost of the running coroutine's."""
        self.owner = me
        self.outer = me.innermost
        me.innermost = self
        if self.shields:
            me.shields += 1
            if is_interrupt(me.thrown):
                me.held, me.thrown = me.thrown, None
            self.news = me.due > 0 or me.held is not None
            reckon(me)
        return 0

    cdef int leave(self) except -1:
        cdef coro me = self.owner
        cdef Interrupter each
        if me.innermost is self:
            me.innermost = self.outer
        else:  # blocks left out of order, by a generator for example
            each = me.innermost
            while each is not None and each.outer is not self:
                each = each.outer
            if each is not None:
                each.outer = self.outer
        self.outer = None
        self.owner = None
        if (self.due or self.shields) and me.state != DONE:
            if self.due and me.due and me.state == WAITING and me.thrown is None:
                # Somebody else leaves the block for it, a generator's. It has been passed over
                # by those who had something for it, so it must not go on waiting.
                me.thrown = self.interrupt()
            self.due = False
            me.shields -= self.shields
            if not me.shields and me.thrown is None:
                me.thrown, me.held = me.held, None
            reckon(me)
        return 0


cdef int reckon(coro me) except -1:
    """Count the interrupts that are due and not held back, and let them strike."""
    cdef Interrupter each = me.innermost
    me.due = 0
    while each is not None and not each.shields:
        me.due += each.due
        each = each.outer
    if (me.due or me.thrown is not None) and me.state == WAITING and not me.in_queue:
        me.scheduler.make_ready(me)
    return 0


cdef int tell_shield(coro me) except -1:
    """An interrupt waits for the end of the innermost shield."""
    cdef Interrupter shield = innermost_shield(me)
    if shield is not None:
        shield.news = True
        if shield.watches:
            me.scheduler.resume(me)
    return 0


cdef Interrupter innermost_shield(coro me):
    cdef Interrupter each = me.innermost
    while each is not None and not each.shields:
        each = each.outer
    return each


cdef bint is_interrupt(exc):
    return isinstance(exc, Interrupted) or isinstance(exc, type) and issubclass(exc, Interrupted)


# ------------------------------------------------------------- coroutines -----


cdef class coro(Timer):
    """coro(fun, /, *args, thread_name=None, **kwargs)\n--\n
    A coroutine: a function that runs beside others in one OS thread.

    ``coro(fun, *args, thread_name=None, **kwargs)`` makes one that waits for `start`;
    it is the same as `coro.new`. It belongs to the scheduler of the thread that made it.

    Args:
        fun: what to call when it starts.
        args, kwargs: what to call it with.
        thread_name: its name; the function's if not given.

    Raises:
        TypeError: `fun` cannot be called.
    """

    def __cinit__(self):
        global coroutines_made, coroutines_alive
        coroutines_made += 1
        coroutines_alive += 1
        self.id = coroutines_made
        self.state = NEW
        self.fd_waiter.fd = -1
        self.max_acts = self.acts = selfishness

    def __init__(self, fun, /, *args, thread_name=None, **kwargs):
        if self.scheduler is not None:
            raise RuntimeError("this coroutine was initialized before")
        fill_coroutine(self, this_scheduler(), fun, args, kwargs, thread_name)

    def __dealloc__(self):
        global coroutines_alive
        coroutines_alive -= 1

    def __repr__(self):
        return reports().describe(self)

    # -- what it is

    @property
    def name(self):
        """Its name, a str; may be set."""
        return self.get_name()

    @name.setter
    def name(self, name):
        self.set_name(name)

    def get_name(self):
        """The name that was given, or the name of the function."""
        if self.label is None:
            return function_name(self.function)
        return self.label

    def set_name(self, name):
        """Give it a name (str). Returns the coroutine, so that calls can be chained."""
        if not isinstance(name, str):
            raise TypeError(f"a coroutine's name must be a str, not {type(name).__name__}")
        self.label = name
        return self

    @property
    def started(self):
        """Whether it has begun to run."""
        return self.state != NEW and not (self.state == DONE and self.function is not None)

    @property
    def scheduled(self):
        """Whether it is in the queue of those that run next."""
        return bool(self.in_queue) and self.state != DONE

    @property
    def dead(self):
        """Whether it has ended."""
        return self.state == DONE

    @property
    def waiting(self):
        """``(what, on)`` while it waits: a str, and an object or None. Else None."""
        if self.state != WAITING or self.why == NULL:
            return None
        on = <object> self.on if self.on != NULL else None
        if self.fd_waiter.fd >= 0:
            on = self.fd_waiter.fd
        return self.why.decode(), on

    @property
    def failure(self):
        """The exception that it ended by, or None."""
        return self.exception

    @property
    def daemon(self):
        """Whether it waits for no work of the program, a bool; may be set before it waits. Waiting
        on a descriptor, it does not keep a dead end from being told."""
        return bool(self.is_daemon)

    @daemon.setter
    def daemon(self, daemon):
        self.is_daemon = bool(daemon)

    def get_frame(self):
        """The Python frame in which it stands, or None if it has none now."""
        if self.state == NEW or self.state == DONE:
            return None
        if self.stack is not None:
            return self.stack.gr_frame
        if self.scheduler.thread_ident == PyThread_get_thread_ident():
            return sys._getframe()  # this method has no frame: it is the caller's
        return sys._current_frames().get(self.scheduler.thread_ident)

    # -- its life

    def start(self):
        """Schedule it to run for the first time.

        Raises:
            ScheduleError: it was started before.
            DeadCoroutine: it was cancelled, or its OS thread has ended.
        """
        start_coroutine(self)

    def schedule(self, value=None):
        """Schedule it to run; see `coro.schedule`."""
        schedule(self, value)

    def raise_exception(self, exc, force=True, cancel_start=False):
        """Make it go on with an exception.

        An exception takes the place of whatever the coroutine would have been woken
        with. If the coroutine runs at the moment in another OS thread, it is raised
        where that one waits or yields next. An `Interrupted` is held back while the
        coroutine is in a `coro.shield`.

        Args:
            exc: an exception, or a class of exceptions.
            force: do so even if it is scheduled to run already.
            cancel_start: if it has not begun to run, end it without running it.

        Raises:
            DeadCoroutine: it has ended.
            NotStartedError: it has not begun to run, and `cancel_start` is false.
            ScheduleError: it is scheduled already and `force` is false; or it is the
                caller, who can simply ``raise``.
            TypeError: `exc` is no exception.
        """
        require_exception("exc", exc)
        exc = exception_of("exc", exc)  # here and now: it may run anything
        if self.state == DONE:
            raise DeadCoroutine(f"{self!r} has ended: nothing can be raised in it")
        require_initialized(self)
        if self.state == NEW:
            if not cancel_start:
                raise NotStartedError(
                    f"{self!r} has not begun to run: use cancel_start=True to cancel it")
            self.exception = exc
            self.scheduler.finish(self)
            return
        if is_current(self):
            raise ScheduleError("a coroutine cannot raise_exception() in itself: use 'raise'")
        if self.in_queue and not self.look_at_signals and not force:
            raise ScheduleError(f"{self!r} is scheduled to run already")
        if self.shields and is_interrupt(exc):
            self.held = exc
            tell_shield(self)
            return
        self.thrown = exc
        if self.state == WAITING and not self.in_queue:
            self.scheduler.make_ready(self)

    def shutdown(self):
        """Tell it to end: raise `Shutdown` in it, or cancel it before it begins.

        A coroutine that has ended is left alone. In the caller itself `Shutdown` is
        raised at once.
        """
        if self.state == DONE:
            return
        if is_current(self):
            raise Shutdown("a coroutine shut itself down")
        self.raise_exception(Shutdown, cancel_start=True)

    def join(self, timeout=None):
        """Wait until it has ended. Its result is not touched; see `result`.

        Args:
            timeout: the longest to wait, in seconds; None for no limit.

        Raises:
            TimeoutError: it goes on after `timeout` seconds.
            NotStartedError: it was not started.
            ScheduleError: a coroutine would wait for itself.
        """
        cdef int64_t length = INT64_MAX if timeout is None else nanoseconds(timeout, "timeout")
        cdef Scheduler here
        cdef coro me
        cdef list first
        cdef int64_t deadline
        if self.state == DONE:
            return
        if self.state == NEW and not self.in_queue:
            raise NotStartedError(f"{self!r} was not started: nobody can wait for its end")
        here = this_scheduler()
        me = here.runner()
        if me is self:
            raise ScheduleError("a coroutine cannot join itself: it would wait for ever")
        deadline = deadline_after(here.clock(), length)
        first = [me]  # before the look: a new object may have garbage collected, and so others run
        if self.joiners is None:
            self.joiners = first
        else:
            self.joiners.append(me)
        try:
            while self.state != DONE:
                if not here.park("join", <PyObject *> self, deadline) and self.state != DONE:
                    raise CoroTimeoutError(f"{self!r} did not end within {timeout} seconds")
        finally:
            if self.joiners is not None:
                self.joiners.remove(me)

    def result(self, timeout=None):
        """Wait for its end, as `join` does; then what its function returned, or what it raised, again.

        Args:
            timeout: the longest to wait, in seconds; None for no limit.

        Raises:
            TimeoutError: the time was up.
            NotStartedError: it was not started, so nobody can wait for its end.
            ScheduleError: it is the running coroutine itself.
        """
        self.join(timeout)
        if self.exception is not None:
            raise self.exception
        return self.value

    def set_max_selfish_acts(self, maximum):
        """How many operations may succeed at once before it must let others run.

        Args:
            maximum: from 1 to 32768.

        Returns:
            the number until now.
        """
        before = self.max_acts
        self.max_acts = self.acts = selfish_acts(maximum)
        return before

    cdef int fire(self) except -1:
        """The deadline of its wait has come."""
        if self.state == WAITING and not self.in_queue:
            self.scheduler.make_ready(self)
        return 0

    cdef bint is_leaving(self) noexcept:
        """Whether an interrupt will be raised in it where it waits: nothing can be handed to it."""
        return self.thrown is not None or self.due > 0 or self.scheduler.ended

    cdef PyObject *keywords(self) noexcept:
        return <PyObject *> self.kwargs if self.kwargs is not None else NULL


cdef int fill_coroutine(
        coro co, Scheduler home, function, tuple args, dict kwargs, thread_name) except -1:
    if not callable(function):
        raise TypeError(f"fun must be callable, not {type(function).__name__}")
    if thread_name is not None:
        co.set_name(thread_name)
    co.scheduler = home
    co.function = function
    co.args = args
    co.kwargs = kwargs if kwargs else None
    if coro_context_is_used():
        co.context = PyContext_CopyCurrent()
    return 0


cdef coro new_coroutine(
        Scheduler home, object function, tuple args, dict kwargs, object thread_name):
    cdef coro co = coro.__new__(coro)
    fill_coroutine(co, home, function, args, kwargs, thread_name)
    return co


cdef int start_coroutine(coro co) except -1:
    if co.state == DONE:
        raise DeadCoroutine(f"{co!r} has ended: it cannot be started")
    if co.state != NEW or co.in_queue:
        raise ScheduleError(f"{co!r} was started before")
    require_initialized(co)
    all_threads_c.reserve()
    co.scheduler.make_ready(co)
    all_threads_c.add(co.id, co)
    return 0


cdef int require_initialized(coro co) except -1:
    if co.scheduler is None:
        raise ScheduleError("the coroutine was never initialized: call coro.__init__ with a function")
    return 0


cdef int require_exception(str name, exc) except -1:
    if isinstance(exc, BaseException) or isinstance(exc, type) and issubclass(exc, BaseException):
        return 0
    raise TypeError(f"{name} must be an exception or a class of exceptions, not {type(exc).__name__}")


cdef object exception_of(str name, exc):
    """The exception, or a new one of the class."""
    made = exc() if isinstance(exc, type) else exc
    if not isinstance(made, BaseException):
        raise TypeError(f"{name} must make an exception when it is called, not {type(made).__name__}")
    return made


cdef class Family:
    """Coroutines whose end and whose failures are somebody's concern; see `coro._structured._scope`.

    Whoever fails is handed to the method `_member_failed` of the Python class that derives from
    this, while it still runs. Whoever has ended is a member no more.
    """

    def __cinit__(self, *args, **kwargs):
        self.members = set()

    def close(self):
        """Take no more members."""
        self.closed = True

    def close_if_empty(self):
        """Take no more members, if there are none now. Whether it is closed."""
        if not self.members:
            self.closed = True
        return bool(self.closed)

    def start_member(self, Scheduler home not None, fun, args, kwargs, thread_name):
        """Make a coroutine of the scheduler `home` that is a member, and start it; from any OS
        thread. None if it is closed."""
        cdef coro co = new_coroutine(home, fun, args, kwargs, thread_name)
        if self.closed:
            return None
        self.members.add(co)
        co.family = self
        try:
            start_coroutine(co)
        except BaseException:
            leave_family(co)
            raise
        return co

    def wait_for_members(self):
        """Wait until there are none, or for less: until a shield has something to hold back, or
        the wait was ended for another reason."""
        cdef Scheduler here = this_scheduler()
        cdef coro me = here.runner()
        cdef Interrupter shield = innermost_shield(me)
        if not self.members or shield is not None and shield.news:
            return
        self.waiter = me
        try:
            here.park("scope", <PyObject *> self, INT64_MAX)
        finally:
            self.waiter = None


cdef int leave_family(coro co) except -1:
    cdef Family family = co.family  # the last reference, perhaps
    if family is not None:
        co.family = None
        family.members.discard(co)
        if family.waiter is not None and not family.members:
            family.waiter.scheduler.resume(family.waiter)
    return 0


cdef void throw(coro co, error) noexcept:
    """Have `co` raise an exception when it next delivers what was thrown into it."""
    if co.thrown is not None:
        if co.held is not None:  # nobody is left who could raise it
            _failures.report_unraisable(error, co)
            return
        co.held = co.thrown
    co.thrown = error


cdef bint is_current(coro co) noexcept:
    return (co.scheduler is not None and co.scheduler.running is co
            and co.scheduler.thread_ident == PyThread_get_thread_ident())


cdef object function_name(function):
    if PyFunction_Check(function):
        return <object> (<PyFunctionObject *> function).func_qualname
    name = getattr(function, "__qualname__", None)
    return name if isinstance(name, str) else type(function).__name__


cdef int selfish_acts(maximum) except -1:
    cdef int value
    try:
        value = maximum
    except OverflowError:
        value = 0
    if not 1 <= value <= 32768:
        raise ValueError(f"the number of selfish acts must be from 1 to 32768, not {maximum}")
    return value


# -------------------------------------------------------------- scheduler -----


cdef class Scheduler:
    """The coroutines of one OS thread, and what they need to take turns.

    There is one for each thread that uses coro, made on first use: `scheduler()`. Its
    methods are the Python side of `coro.interface.Scheduler`, for those who build new
    kinds of waiting; programs have no need of them.
    """

    def __cinit__(self):
        self.turn_left = 0
        self.longest_sleep = INT64_MAX
        self.room = FIRST_RING
        self.ring = <PyObject **> PyMem_Malloc(FIRST_RING * sizeof(PyObject *))
        self.scratch = <char *> PyMem_Malloc(CORO_SCRATCH_SIZE)
        if self.ring == NULL or self.scratch == NULL:
            raise MemoryError("no memory for a scheduler")
        self.timers = TimerHeap()
        self.descriptors = Descriptors()
        self.poller = _pollers.poller_class()(self.descriptors)
        self.idle = [None] * IDLE_WORKERS
        self.when_blocked = []
        self.thread_ident = PyThread_get_thread_ident()

    def __init__(self):
        raise RuntimeError("a thread has one scheduler, made on first use: coro.interface.scheduler() gives it")

    cdef int set_up(self) except -1:
        """Make it that of the calling thread, which it is when the caller says so."""
        import threading
        self.in_main_thread = threading.main_thread().ident == self.thread_ident
        self.main = coro.__new__(coro)
        # Not current_thread(): for a thread that is not threading's it makes an entry, to stay.
        thread = threading._active.get(self.thread_ident)
        self.main.label = ("main" if self.in_main_thread else
                           f"main of {'a thread' if thread is None else thread.name}")
        self.main.scheduler = self
        self.main.state = RUNNING
        self.running = self.main
        self.hub = coro_greenlet_new(<PyObject *> hub, NULL)
        return 0

    def __dealloc__(self):
        while self.ready:
            Py_DECREF(<object> self.ring[self.head])
            self.head = (self.head + 1) & (self.room - 1)
            self.ready -= 1
        PyMem_Free(self.ring)
        PyMem_Free(self.scratch)

    # -- for Python

    @property
    def poller_name(self):
        """The name of the poller, such as ``"epoll"``."""
        return self.poller.name

    @property
    def current(self):
        """The coroutine that runs now; None in the hub."""
        return self.running

    def now(self):
        """The clock of this scheduler, ns."""
        return self.clock()

    def wait(self, why="wait", timeout=None):
        """Suspend the running coroutine until `wake`, or for `timeout` seconds.

        Returns:
            True if it was woken, False if the time was up.
        """
        cdef int64_t length = INT64_MAX if timeout is None else nanoseconds(timeout, "timeout")
        name = why.encode()
        return bool(self.park(name, NULL, deadline_after(self.clock(), length)))

    def spawn(self, fun, /, *args, thread_name=None, **kwargs):
        """Make a coroutine of this scheduler and start it; from any OS thread.

        Args:
            as `coro.spawn`, which starts it in the caller's OS thread.

        Raises:
            DeadCoroutine: the OS thread of this scheduler has ended.
        """
        cdef coro co = new_coroutine(self, fun, args, kwargs, thread_name)
        start_coroutine(co)
        return co

    def call_soon_threadsafe(self, fun, /, *args):
        """Have ``fun(*args)`` called soon in the OS thread of this scheduler; from any OS thread,
        also from one that does not use coro.

        Each call is a coroutine of its own, so `fun` may wait. They begin in the order in which
        they were asked for (but for `shuffle`). An exception that `fun` raises is told as that
        of any coroutine.

        Raises:
            TypeError: `fun` cannot be called.
            DeadCoroutine: the OS thread of this scheduler has ended.
        """
        start_coroutine(new_coroutine(self, fun, args, None, None))

    def wake(self, coro coroutine not None):
        """Wake a coroutine that waits; may be called from any OS thread.

        Returns:
            whether it will go on because of this call.
        """
        return coroutine.scheduler is not None and bool(coroutine.scheduler.resume(coroutine))

    def wait_for_descriptor(self, int fd, int events, timeout=None):
        """Suspend until `fd` may be readable (events 1), writable (2) or either (3).

        Args:
            fd: the number of an open descriptor.
            events: the sum of what to wait for.
            timeout: the longest to wait, in seconds; None for no limit.

        Returns:
            what came, as `events`; 0 if the time was up. Spurious returns happen.

        Raises:
            ClosedError: it is closed, or was closed meanwhile.
            ValueError: `events` asks for nothing.
        """
        cdef int64_t length = INT64_MAX if timeout is None else nanoseconds(timeout, "timeout")
        return wait_fd(
            self, fd, events & (CORO_READ | CORO_WRITE | CORO_EXCLUSIVE),
            deadline_after(self.clock(), length))

    def forget_descriptor(self, int fd, stays_open=True):
        """Wake those who wait on `fd` with ClosedError and stop watching it."""
        close_everywhere(fd, stays_open)

    def coroutines(self):
        """Those of this scheduler that were started and have not ended, a list in no order."""
        return [co for co in all_threads_c.unordered() if (<coro> co).scheduler is self]

    def counts(self):
        """What the scheduler holds now, as a dict of numbers: for leak checks."""
        return {
            "ready": self.ready,
            "timers": len(self.timers),
            "waiting on descriptors": self.descriptors.waiting,
            "descriptors": self.descriptors.registered,
        }

    def use_virtual_clock(self, on):
        """Let time stand still but for jumps to the next timer; see `coro.testing`."""
        if bool(on) == self.virtual:
            raise RuntimeError(f"the virtual clock is {'on' if on else 'off'} already")
        before = self.clock()
        self.virtual_now = coro_clock_ns()
        self.virtual = bool(on)
        self.timers.shift(self.virtual_now - before)

    def set_longest_sleep(self, seconds):
        """The longest that one poll may sleep, in seconds; None for no limit."""
        # Not 0: only a poll that may sleep lets go of the GIL.
        self.longest_sleep = INT64_MAX if seconds is None else max(1, nanoseconds(seconds, "timeout"))

    def shuffle(self, seed):
        """Choose who runs next at random, and let coroutines yield at random where they would
        not have to; see `coro.testing`.

        Args:
            seed: an int, which decides all that follows; None for first come, first served.
        """
        self.shuffling = 0 if seed is None else (hash(int(seed)) * 2 + 1) & 0xFFFF_FFFF_FFFF_FFFF

    def wait_all_blocked(self):
        """Suspend the running coroutine until no other can run without something from outside:
        a timer, a descriptor, another OS thread. See `coro.testing`."""
        cdef coro me = self.runner()
        self.when_blocked.append(me)
        try:
            while me in self.when_blocked:
                self.park("all others to wait", NULL, INT64_MAX)
        finally:
            if me in self.when_blocked:
                self.when_blocked.remove(me)

    def wake_pipe(self):
        """The descriptor to write to from a signal handler (`signal.set_wakeup_fd`)."""
        return self.poller.wake_writer

    # -- time

    cdef int64_t clock(self) noexcept:
        return self.virtual_now if self.virtual else coro_clock_ns()

    # -- being ready

    cdef int make_ready(self, coro co) except -1:
        """Append `co` to the ready queue; it is not in it. From any thread."""
        cdef PyObject **ring
        cdef Py_ssize_t i
        if self.ended:
            raise DeadCoroutine(f"{co!r} cannot run: its OS thread has ended")
        if self.ready == self.room:
            ring = <PyObject **> PyMem_Malloc(2 * <size_t> self.room * sizeof(PyObject *))
            if ring == NULL:
                raise MemoryError("no memory for another ready coroutine")
            for i in range(self.ready):
                ring[i] = self.ring[(self.head + i) & (self.room - 1)]
            PyMem_Free(self.ring)
            self.ring = ring
            self.room *= 2
            self.head = 0
        Py_INCREF(co)
        self.ring[(self.head + self.ready) & (self.room - 1)] = <PyObject *> co
        self.ready += 1
        co.in_queue = True
        if observed:
            tell_readied(co)
        if self.asleep:
            self.poller.wake()
        return 0

    cdef int resume(self, coro co) except -1:
        """End the wait of `co`, of this scheduler. 0 if it does not wait any more."""
        if co.state != WAITING or co.woken or (co.in_queue and not co.look_at_signals):
            return 0
        if self.ended:
            return 0  # its OS thread has ended: it is being unwound
        co.woken = True
        if not co.in_queue:
            self.make_ready(co)
        return 1

    # -- waiting

    cdef coro runner(self):
        """The running coroutine, which is about to wait; or an error if none may."""
        if self.running is None or self.choosing:
            raise RuntimeError(
                "nothing can wait here: this runs inside the scheduler, not in a coroutine "
                "(a finalizer or a trace function, most likely). Start a coroutine for it")
        if self.running.state == WAITING:
            raise RuntimeError(
                "a signal handler that interrupted a wait cannot wait itself: "
                "start a coroutine from it")
        if self.ended:
            raise RuntimeError("nothing can wait here: the OS thread of this coroutine has ended")
        return self.running

    # Every frame of a wait is copied whenever a coroutine is suspended, and what handles exceptions
    # takes much room in one. So the frames that stand on the stack meanwhile handle none: what
    # fails there is thrown into the coroutine that waits, which has to look for that anyway.

    cdef int park(self, const char *why, PyObject *on, int64_t deadline) except -1:
        """Suspend the running coroutine until `resume`; see CoroCAPI.park."""
        cdef coro me = self.runner()
        self.deliver(me)
        self.begin_wait(me, why, on, deadline)
        return 1 if self.wait_for_resume(me, deadline) else self.deliver(me)

    cdef int begin_wait(self, coro me, const char *why, PyObject *on, int64_t deadline) except -1:
        if deadline != INT64_MAX:
            self.timers.add(me, deadline)
        me.why = why
        me.on = on
        me.woken = False
        me.look_at_signals = me.in_queue  # an exception may have left it in the queue
        me.state = WAITING
        return 0

    cdef bint wait_for_resume(self, coro me, int64_t deadline) noexcept:
        """Suspend `me` until it is resumed, or interrupted (see `deliver`), or its deadline comes.
        Whether it has been resumed and nothing else, which ends the wait that `begin_wait` began."""
        while True:
            self.suspend(me)
            if me.woken or me.thrown is not None or me.due:
                break
            if me.look_at_signals:
                self.run_signal_handlers(me)
                if me.thrown is not None:
                    break
                if me.in_queue:
                    continue  # a handler woke it
            if deadline != INT64_MAX and not is_set(me):
                break
        me.state = RUNNING
        me.look_at_signals = False
        me.why = NULL
        me.on = NULL
        if deadline != INT64_MAX:
            self.timers.cancel(me)
        return me.woken and me.thrown is None

    cdef void run_signal_handlers(self, coro me) noexcept:
        me.look_at_signals = False
        try:
            PyErr_CheckSignals()
        except BaseException as error:
            throw(me, error)

    cdef int deliver(self, coro me) except -1:
        """Raise what waits to be raised in `me`, the outermost timeout before inner ones."""
        cdef Interrupter each, outermost = None
        if me.thrown is not None:
            error = me.thrown
            me.thrown = None
            if not me.shields:
                me.thrown, me.held = me.held, None
            raise error
        if me.due:
            each = me.innermost
            while each is not None and not each.shields:
                if each.due:
                    outermost = each
                each = each.outer
            outermost.due = False
            me.due -= 1
            raise outermost.interrupt()
        return 0

    cdef int yield_slice(self) except -1:
        """Let all run that are ready now, then go on."""
        cdef coro me = self.runner()
        self.deliver(me)
        me.acts = me.max_acts
        if self.ready == 0 and self.turn_left > 0:
            self.turn_left -= 1
            return 0
        self.make_ready(me)
        self.suspend(me)
        return self.deliver(me)

    cdef int selfish_act(self) except -1:
        """Count an operation that is tried without waiting; see CoroCAPI.selfish_act."""
        if self.running is not None and self.running.acts > 0 and (
                not self.shuffling or self.random() & 3):
            self.running.acts -= 1
            return 0
        if self.running is not None and self.running.state == WAITING:
            return 0  # a handler of a signal in the middle of a wait: nobody can run before it
        self.yield_slice()
        self.running.acts -= 1
        return 0

    # -- handing over

    cdef void suspend(self, coro me) noexcept:
        """Let others run until `me` is chosen, or something fails, which is thrown into it."""
        me.since = coro_clock_tick()
        if observed:
            tell_suspended(me)
        if self.choose(me, me.since):
            me.acts = me.max_acts
            if self.chosen is me:
                self.chosen = None
            else:
                me.stack = coro_greenlet_current()
                if self.switch_to_chosen() < 0:
                    self.throw_pending(me)
                me.stack = None
                self.running = me
            me.switches += 1
            self.handovers += 1
        if observed:
            tell_resumed(me)

    cdef void throw_pending(self, coro me) noexcept:
        """Throw the exception that a C function has left behind into `me`."""
        try:
            pending_exception()
        except BaseException as error:
            throw(me, error)

    cdef bint choose(self, coro me, int64_t tick) noexcept:
        """Set `chosen` to the coroutine that runs next, polling until there is one. It is `tick`
        by the ticking clock. Whether nothing failed; what does is thrown into `me`."""
        cdef coro co
        if self.choosing:
            throw(me, RuntimeError("the scheduler is in the middle of choosing who runs next"))
            return False
        self.choosing = True
        while True:
            if self.ready == 0 or self.turn_left <= 0 or self.last_tick != tick:
                if not self.take_turn(me):
                    self.choosing = False
                    return False
                tick = self.last_tick
                if self.ready == 0:
                    continue
            if self.shuffling and self.ready > 1:  # an order must not depend on the ticks
                self.shuffle_next()
            co = <coro> self.ring[self.head]
            Py_DECREF(co)  # the queue's reference; `co` has its own
            self.head = (self.head + 1) & (self.room - 1)
            self.ready -= 1
            self.turn_left -= 1
            co.in_queue = False
            if co.state == DONE:  # cancelled
                continue
            if co.state == NEW:
                co.state = RUNNING  # it cannot be started again, nor cancelled
            self.chosen = co
            self.prefetch_following()
            self.choosing = False
            return True

    cdef void prefetch_following(self) noexcept:
        """Fetch what the next ones need: of the third it is itself, of the second its greenlet, of
        the first that one's state."""
        cdef PyObject *stack
        if self.ready < 3:
            return
        coro_prefetch(self.ring[(self.head + 2) & (self.room - 1)])
        stack = <PyObject *> (<coro> self.ring[(self.head + 1) & (self.room - 1)]).stack
        if stack != <PyObject *> None:
            coro_prefetch(stack)
        stack = <PyObject *> (<coro> self.ring[self.head]).stack
        if stack != <PyObject *> None:
            coro_greenlet_prefetch_state(stack)

    cdef void shuffle_next(self) noexcept:
        """Put a random one of those that are ready first."""
        cdef Py_ssize_t other = (self.head + <Py_ssize_t> (self.random() % <uint64_t> self.ready)) & (self.room - 1)
        self.ring[self.head], self.ring[other] = self.ring[other], self.ring[self.head]

    cdef uint64_t random(self) noexcept:
        """The next number of a splitmix64 generator."""
        cdef uint64_t mixed
        self.shuffling += <uint64_t> 0x9E3779B97F4A7C15
        self.shuffling |= not self.shuffling  # 0 is for none
        mixed = self.shuffling
        mixed = (mixed ^ mixed >> 30) * <uint64_t> 0xBF58476D1CE4E5B9
        mixed = (mixed ^ mixed >> 27) * <uint64_t> 0x94D049BB133111EB
        return mixed ^ mixed >> 31

    cdef int switch_to_chosen(self) noexcept:
        """Run `chosen`. Returns when this greenlet is switched to: 0, or -1 with an exception
        that was thrown into it, which the caller passes on."""
        if self.chosen.stack is not None:
            self.switched_to = self.chosen.stack
            self.running = self.chosen
            self.chosen = None
        else:
            self.running = None
            self.switched_to = self.take_idle() if self.idle_count else self.hub
        return coro_greenlet_switch(<PyObject *> self.switched_to)

    # -- workers

    cdef int run_chosen(self) except -1:
        """Run `chosen`, which is new, from beginning to end.

        This frame stands at the bottom of every stack and is copied at every switch, so it
        holds next to nothing: what handles exceptions stands in other functions.
        """
        cdef PyObject *co = <PyObject *> self.chosen
        cdef PyObject *value
        Py_INCREF(<coro> co)
        self.begin(<coro> co)
        value = call(<PyObject *> (<coro> co).function, <PyObject *> (<coro> co).args,
                     (<coro> co).keywords())
        self.end(<coro> co, value)
        Py_DECREF(<coro> co)
        return 0

    cdef int begin(self, coro co) except -1:
        self.chosen = None
        self.running = co
        co.state = RUNNING
        co.acts = co.max_acts
        co.since = self.last_tick
        co.switches += 1
        self.handovers += 1
        if observed:
            tell_resumed(co)
        if co.context is None and coro_context_exists():
            co.context = PyContext_New()  # what died on this stack after the last one has set variables
        if co.context is not None:
            PyContext_Enter(co.context)
        return 0

    cdef int end(self, coro co, PyObject *value) except -1:
        """The function of `co` returned `value`, or raised if that is NULL."""
        if value != NULL:
            co.value = <object> value
            Py_DECREF(<object> value)
        else:
            try:
                pending_exception()
            except BaseException as error:
                if not self.ended:  # or it was unwound, and that is known already
                    co.exception = error
        try:
            if co.exception is not None and not self.ended:
                if co.family is None:
                    _failures.ended_by_exception(co, co.exception, self.main)
                else:
                    co.family._member_failed(co, co.exception)
            if self.forked and co is self.main:
                _failures.end_forked_process(co)
            if co.label is None:
                co.label = function_name(co.function)
        except BaseException as error:
            _failures.report_unraisable(error, co)
        try:
            if co.context is not None:
                PyContext_Exit(co.context)
        except RuntimeError:
            pass  # it left another context entered, which goes with what else it used
        self.let_go(co)
        if observed:
            tell_suspended(co)
        self.finish(co)
        self.running = None
        return 0

    cdef int let_go(self, coro co) except -1:
        """Drop what `co` used. Finalizers may wait, so this is done while it still runs."""
        cdef Interrupter left_open
        co.function = co.args = co.kwargs = co.context = None
        coro_context_drop()
        while (co.innermost is not None or co.message is not None or co.thrown is not None
                or co.held is not None or co.locals is not None):
            co.message = None
            co.thrown = None
            co.held = None
            drop_locals(co)
            left_open = co.innermost  # by a generator that was not closed, for example
            if left_open is not None:
                self.timers.cancel(left_open)
                co.innermost = left_open.outer
                left_open.outer = None
                left_open.due = False
                left_open = None
        co.due = co.shields = 0
        return 0

    cdef int finish(self, coro co) except -1:
        """`co` has ended: tell those who wait for that."""
        cdef coro joiner
        co.state = DONE
        all_threads_c.discard(co.id)
        co.stack = None
        if co.family is not None:
            leave_family(co)
        joiners, co.joiners = co.joiners, None
        if joiners is not None:
            for joiner in joiners:
                if not joiner.scheduler.ended:
                    joiner.scheduler.resume(joiner)
        return 0

    cdef int next_for_worker(self) except -1:
        """1: `chosen` is new and runs on this stack. 0: this worker is to end, and `chosen` goes
        on when it has."""
        while not self.choose(self.main, coro_clock_tick()):  # no coroutine stands here to raise it in
            if not self.main.in_queue:
                self.make_ready(self.main)
        if self.chosen.stack is None:
            return 1
        if self.idle_count >= IDLE_WORKERS:
            coro_greenlet_end_in(<PyObject *> self.chosen.stack)
            self.switched_to = self.chosen.stack
            self.running = self.chosen
            self.chosen = None
            return 0
        self.idle[self.idle_count] = coro_greenlet_current()
        self.idle_count += 1
        return -1 if self.switch_to_chosen() < 0 else 1

    cdef object take_idle(self):
        """The stack that has been idle for the shortest time, of which the most is in a cache."""
        self.idle_count -= 1
        stack = self.idle[self.idle_count]
        self.idle[self.idle_count] = None
        return stack

    # -- polling

    cdef bint take_turn(self, coro me) noexcept:
        """A turn, if it does not fail; what does is thrown into `me`."""
        try:
            self.turn()
            return True
        except BaseException as error:
            self.asleep = False
            throw(me, error)
            return False

    cdef int turn(self) except -1:
        """Take what the poller and the timers have; sleep if there is nothing to run."""
        cdef int count
        cdef int64_t timeout = 0 if self.ready or self.when_blocked else self.idle_time()
        if self.ready:  # idle_time() asks Python code, and a handler of a signal may run there
            timeout = 0
        if timeout and self.virtual:
            timeout = 0 if len(self.timers) else -1
        # Before the poll: if that fails, whoever is told must have a turn before the next.
        self.last_tick = coro_clock_tick()
        self.turn_left = SWITCHES_A_TURN
        self.asleep = timeout != 0
        count = self.poller.poll(timeout)
        self.asleep = False
        if self.in_main_thread and (count == INTERRUPTED or self.poller.signalled):
            self.poller.signalled = False
            self.look_at_signals()
        self.dispatch(count)
        if self.when_blocked:
            self.tell_all_blocked()
        if self.virtual and self.ready == 0 and len(self.timers):
            self.virtual_now = max(self.virtual_now, self.timers.earliest())
        self.fire_due()
        self.last_tick = coro_clock_tick()
        self.turn_left = max(self.ready, SWITCHES_A_TURN)
        return 0

    cdef int tell_all_blocked(self) except -1:
        cdef coro co
        self.fire_due()
        if self.ready == 0:
            blocked, self.when_blocked = self.when_blocked, []
            for co in blocked:
                self.resume(co)
        return 0

    cdef int64_t idle_time(self) except? -2:
        """How long to sleep with nothing to run, ns; -1 for until something happens."""
        cdef int64_t length, earliest = self.timers.earliest()
        if earliest == INT64_MAX:
            if self.hopeless():
                self.report_deadlock()
                return 0
            length = INT64_MAX
        else:
            length = max(0, earliest - self.clock())
        length = min(length, self.longest_sleep)
        return -1 if length == INT64_MAX else length

    cdef bint hopeless(self) except -1:
        """Whether nothing can ever wake this thread: it has no other, no descriptor that
        somebody waits on, and no handler of a signal that might do so."""
        cdef PyThreadState *thread
        if self.descriptors.waiting:
            return False
        thread = PyInterpreterState_ThreadHead(PyInterpreterState_Get())
        while thread != NULL:
            if thread != PyThreadState_Get() and thread.thread_id not in bystanders:
                return False
            thread = PyThreadState_Next(thread)
        return not (self.in_main_thread and reports().signals_may_wake())

    cdef int report_deadlock(self) except -1:
        try:
            self.main.thrown = reports().deadlock([
                co for co in all_threads_c.all()
                if (<coro> co).scheduler is self and not (<coro> co).is_daemon
            ] + [self.main])
        except BaseException as error:  # a name or a repr that fails: not of who polls now
            self.main.thrown = error
        if not self.main.in_queue:
            self.make_ready(self.main)
        return 0

    cdef int look_at_signals(self) except -1:
        """Let the main coroutine run the handlers of signals, if there are any to run."""
        if self.main.state == WAITING and not self.main.in_queue:
            self.main.look_at_signals = True
            self.make_ready(self.main)
        return 0

    cdef int dispatch(self, int count) except -1:
        """Wake those who wait for what the poller reported."""
        cdef int i, events, taken
        cdef PollEvent *event
        cdef DescriptorEntry *entry
        cdef FdWaiter *waiter
        cdef FdWaiter *following
        for i in range(count):
            event = &self.poller.events[i]
            entry = self.descriptors.find(event.fd)
            if entry == NULL or not entry.registered or entry.generation != event.generation:
                continue
            if event.events & HUNG_UP:
                entry.hung_up = True
            events = event.events & (CORO_READ | CORO_WRITE)
            taken = 0
            waiter = entry.first
            while waiter != NULL:
                following = waiter.next
                if waiter.wanted & events:
                    if waiter.announced:
                        taken |= waiter.wanted & events
                    self.descriptors.dequeue(waiter)
                    waiter.came = waiter.wanted & events
                    self.resume(<coro> waiter.coroutine)
                waiter = following
            entry.news |= events & ~taken
        return 0

    cdef int fire_due(self) except -1:
        cdef Timer timer
        cdef int64_t now
        if self.timers.earliest() == INT64_MAX:
            return 0
        now = self.clock()
        while True:
            timer = self.timers.pop_due(now)
            if timer is None:
                return 0
            timer.fire()

    # -- descriptors

    cdef int begin_wait_fd(self, coro me, int fd, int events, int64_t deadline) except -1:
        """What has come already; or 0, and a wait for it has begun."""
        cdef DescriptorEntry *entry = self.descriptors.get(fd)
        cdef FdWaiter *waiter = &me.fd_waiter
        cdef int how, wanted = events & (CORO_READ | CORO_WRITE)
        if not wanted:
            raise ValueError("events must ask for reading (1), writing (2) or both (3)")
        if events & CORO_EXCLUSIVE:
            self.refuse_second(entry, wanted, me, fd)
        if entry.registered and not events & CORO_ANNOUNCED:
            if entry.unpollable or not self.still_the_same(fd, entry.generation):
                self.wake_closed(fd)
            else:
                entry.news = 0
                entry.hung_up = False
        elif events & CORO_TRIED:
            entry.news &= ~wanted
        if not entry.registered:
            how = self.poller.add(fd, entry.generation)
            entry.registered = True
            entry.unpollable = how == UNPOLLABLE
            self.descriptors.registered += 1
        if entry.unpollable:
            return wanted
        if events & CORO_ANNOUNCED and not events & CORO_TRIED and (
                entry.news & wanted or entry.hung_up):
            entry.news &= ~wanted
            return wanted
        self.deliver(me)
        self.begin_wait(me, "read" if wanted == CORO_READ else
                        "write" if wanted == CORO_WRITE else "read or write", NULL, deadline)
        waiter.coroutine = <PyObject *> me
        waiter.wanted = wanted
        waiter.generation = entry.generation
        waiter.announced = events & CORO_ANNOUNCED != 0
        waiter.daemon = me.is_daemon
        self.descriptors.enqueue(fd, waiter)
        return 0

    cdef int end_wait_fd(self, coro me, int fd, bint resumed) except -1:
        """What has come; 0 if the deadline did."""
        cdef FdWaiter *waiter = &me.fd_waiter
        cdef DescriptorEntry *entry = self.descriptors.find(fd)
        self.descriptors.dequeue(waiter)
        if me.is_leaving() and not resumed:
            # What came for us is not used: it is news for the next who asks.
            if waiter.came and entry.generation == waiter.generation:
                entry.news |= waiter.came
            return self.deliver(me)
        if waiter.came == CLOSED:
            self.tell_closed(me, fd)
        if waiter.came:
            return waiter.came
        return waiter.wanted if resumed else 0

    cdef int tell_closed(self, coro me, int fd) except -1:
        raise ClosedError(f"descriptor {fd} was closed while {me!r} waited on it")

    cdef bint still_the_same(self, int fd, unsigned int generation) except -1:
        """Whether `fd` is the file that was registered; its state is reported afresh then."""
        try:
            return self.poller.renew(fd, generation) == REGISTERED
        except ClosedError:
            self.wake_closed(fd)
            raise

    cdef int refuse_second(self, DescriptorEntry *entry, int wanted, coro me, int fd) except -1:
        cdef FdWaiter *waiter = entry.first
        while waiter != NULL:
            if waiter.wanted & wanted:
                raise SimultaneousError(me, <coro> waiter.coroutine, f"descriptor {fd}")
            waiter = waiter.next
        return 0

    cdef int wake_closed(self, int fd) except -1:
        """The file behind `fd` is gone: forget it and tell those who wait on it."""
        cdef DescriptorEntry *entry = self.descriptors.find(fd)
        cdef FdWaiter *waiter
        self.descriptors.reset(fd)
        while entry.first != NULL:
            waiter = entry.first
            self.descriptors.dequeue(waiter)
            waiter.came = CLOSED
            self.resume(<coro> waiter.coroutine)
        return 0

    cdef int open_fd(self, int fd) except -1:
        """See CoroCAPI.open_fd."""
        cdef DescriptorEntry *entry = self.descriptors.get(fd)
        if entry.registered or entry.first != NULL:
            self.wake_closed(fd)
        return 0

    cdef int close_fd(self, int fd, bint stays_open) except -1:
        """See CoroCAPI.close_fd and release_fd."""
        cdef DescriptorEntry *entry = self.descriptors.find(fd)
        if entry == NULL or not entry.registered:
            return 0
        if not entry.unpollable:
            self.poller.discard(fd, stays_open)
        return self.wake_closed(fd)

    # -- the end, and fork

    def retire(self):
        """The OS thread ends: what still waits can never go on, and is unwound."""
        cdef coro co
        if self.ended:
            return
        self.ended = True
        self.main.exception = None
        self.finish(self.main)
        mine = self.coroutines()
        for co in mine:
            co.exception = DeadCoroutine(f"{co!r} was waiting when its OS thread ended")
            stack = co.stack
            self.finish(co)
            stack = None  # greenlet raises GreenletExit in it, and it unwinds
            drop_locals(co)
        drop_locals(self.main)
        self.idle_count = 0
        self.idle = []
        self.hub = self.switched_to = self.worker = self.chosen = None
        self.timers.clear()
        self.poller.close()
        schedulers.remove(self)
        while self.ready:
            co = <coro> self.ring[self.head]
            self.head = (self.head + 1) & (self.room - 1)
            self.ready -= 1
            co.in_queue = False
            Py_DECREF(co)

    def after_fork(self):
        """In the child: only the calling coroutine lives, and is the main one."""
        cdef Interrupter timeout
        cdef coro co, me = self.running
        cdef list limits = [], others = all_threads_c.unordered()
        if me is None:  # forked inside the scheduler: nothing of ours runs here
            me = self.main
        # Letting go of suspended stacks would raise GreenletExit in them, in the child.
        left_behind.append((others, self.idle, self.hub, self.switched_to, self.main))
        for co in others:
            if co is not me:
                abandon(co)
        if self.main is not me:
            abandon(self.main)
            self.loop = None
        self.ready = self.head = 0  # the references go with those left behind
        me.in_queue = False
        me.fd_waiter.fd = -1
        leave_family(me)
        timeout = me.innermost
        while timeout is not None:
            if is_set(timeout):
                limits.append(timeout)
            timeout = timeout.outer
        self.timers.clear()
        self.descriptors.forget_all()
        self.poller.close()
        self.poller = _pollers.poller_class()(self.descriptors)
        self.idle_count = 0
        self.idle = [None] * IDLE_WORKERS
        self.when_blocked = []
        self.choosing = self.asleep = False
        self.turn_left = 0
        self.chosen = None
        self.main = me
        self.running = me
        self.forked = self.in_main_thread = True
        self.thread_ident = PyThread_get_thread_ident()
        self.hub = coro_greenlet_new(<PyObject *> hub, NULL)
        for timeout in limits:
            self.timers.add(timeout, timeout.when)
        if me.state == WAITING:
            # A handler of a signal forked in the middle of the wait. Nothing that could end it
            # came along, so it is woken to look for itself, as any wait may be for nothing.
            me.woken = True
            self.make_ready(me)


cdef int drop_locals(coro co) except -1:
    mine, co.locals = co.locals, None
    if mine is not None:
        for reference in mine:
            values = reference()
            if values is not None:
                values.pop(co.id, None)
    return 0


cdef int abandon(coro co) except -1:
    # Not by its name, which code of the program may have to tell.
    co.exception = DeadCoroutine(f"coroutine {co.id} was left behind in the parent by fork()")
    co.state = DONE
    co.in_queue = False
    co.joiners = None
    leave_family(co)
    all_threads_c.discard(co.id)
    return 0


def hub():
    """Starts the workers, so that all stacks begin at one depth. Never ends by itself."""
    cdef int failed
    cdef Scheduler self = this_scheduler()
    while not self.ended:
        if self.chosen.stack is None:
            self.worker = coro_greenlet_new(<PyObject *> worker, <PyObject *> self.hub)
            self.switched_to = self.worker
            self.worker = None
            failed = coro_greenlet_switch(<PyObject *> self.switched_to)
        else:
            failed = self.switch_to_chosen()
        if failed:
            pending_exception()


def worker():
    """Runs coroutines, one after another, on one stack."""
    cdef Scheduler self = this_scheduler()
    coro_frames_begin_stack()
    while not self.ended:
        self.run_chosen()
        if self.ended or not self.next_for_worker():
            return


# --------------------------------------------------- one for each OS thread ---


@cython.final
@cython.no_gc
cdef class ThreadEnd:
    """Stands in the thread's dict, so that it dies when the thread does."""

    cdef PyObject *scheduler  # owned
    cdef int pid

    def __dealloc__(self):
        cdef Scheduler mine
        if self.scheduler == NULL:
            return
        # At the exit of the interpreter, in a forked child or from another thread, no
        # stack may be unwound: leave everything as it is, as daemon threads are left.
        mine = <Scheduler> self.scheduler
        if (coro_finalizing() or getpid() != self.pid
                or mine.thread_ident != PyThread_get_thread_ident()):
            return
        try:
            mine.retire()
        except BaseException as error:
            _failures.report_unraisable(error, None)
        global coro_tls_scheduler, coro_tls_ended_state
        coro_tls_scheduler = NULL
        coro_tls_ended_state = PyThreadState_GetID(PyThreadState_Get())
        coro_frames_end_thread()
        Py_DECREF(mine)


cdef Scheduler this_scheduler():
    """The scheduler of the calling thread, made if it has none."""
    if coro_tls_scheduler == NULL:
        make_scheduler()
    return <Scheduler> coro_tls_scheduler


cdef PyObject *running_here(int *is_main) noexcept:
    """See CoroCAPI.running."""
    cdef PyObject *running
    if coro_tls_scheduler == NULL:
        return NULL
    running = <PyObject *> (<Scheduler> coro_tls_scheduler).running
    if running == <PyObject *> None:
        return NULL
    is_main[0] = running == <PyObject *> (<Scheduler> coro_tls_scheduler).main
    return running


cdef int make_scheduler() except -1:
    global coro_tls_scheduler
    cdef PyObject *thread_dict = PyThreadState_GetDict()
    cdef Scheduler made
    cdef ThreadEnd end
    if thread_dict == NULL or coro_thread_ends():
        raise RuntimeError("coro cannot be used here: this thread is ending")
    made = Scheduler.__new__(Scheduler)
    made.set_up()
    end = ThreadEnd.__new__(ThreadEnd)
    if coro_tls_scheduler != NULL:  # a finalizer or a signal's handler has run meanwhile, and used coro
        made.poller.close()
        made.main = made.running = None  # which know it
        return 0
    (<dict> thread_dict)["coro scheduler"] = end
    schedulers.append(made)
    all_threads_c.reserve()
    all_threads_c.add(made.main.id, made.main)
    Py_INCREF(made)
    end.scheduler = <PyObject *> made
    end.pid = getpid()
    coro_tls_scheduler = <PyObject *> made
    coro_frames_begin_thread()
    return 0


cdef object reports():
    """`coro._diagnostics._reports`, imported when there is something to tell."""
    global _reports
    if _reports is None:
        from coro._diagnostics import _reports as module
        _reports = module
    return _reports


cdef object _reports = None


def after_fork_in_child():
    """Registered with `os.register_at_fork`: see `Scheduler.after_fork`."""
    cdef Scheduler each
    cdef int told = set_wakeup_fd(-1)
    to_poller = told in [each.poller.wake_writer for each in schedulers]
    if told != -1 and not to_poller:
        set_wakeup_fd(told, warn_on_full_buffer=False)
    for each in schedulers:
        if <PyObject *> each != coro_tls_scheduler:
            left_behind.append(each)
            each.ended = True
            each.poller.close()
            for co in all_threads_c.unordered():
                if (<coro> co).scheduler is each:
                    left_behind.append(co)
                    abandon(co)
    schedulers.clear()
    if coro_tls_scheduler != NULL:
        each = <Scheduler> coro_tls_scheduler
        schedulers.append(each)
        each.after_fork()
        if to_poller:
            set_wakeup_fd(each.wake_pipe(), warn_on_full_buffer=False)


os.register_at_fork(after_in_child=after_fork_in_child)


cdef int open_everywhere(int fd) except -1:
    """A descriptor is one for all OS threads, and so for all their schedulers."""
    cdef Scheduler each
    for each in schedulers:
        each.open_fd(fd)
    return 0


cdef int close_everywhere(int fd, bint stays_open) except -1:
    cdef Scheduler each
    for each in schedulers:
        each.close_fd(fd, stays_open)
    return 0


# ------------------------------------------------------------- observers ------


cdef void tell_readied(coro co) noexcept:
    cdef Observer each
    for each in observers:
        each.readied(co)


cdef void tell_resumed(coro co) noexcept:
    cdef Observer each
    for each in observers:
        each.resumed(co)


cdef void tell_suspended(coro co) noexcept:
    cdef Observer each
    for each in observers:
        each.suspended(co)


def observe(Observer observer not None, on):
    """Begin, or end, to tell an observer what coroutines do, in all OS threads."""
    global observers, observed
    # A new list each time: another one may be in the middle of a walk.
    observers = [each for each in observers if each is not observer] + [observer] * bool(on)
    observed = len(observers) > 0


# ------------------------------------------------------------- functions ------


def scheduler():
    """The `Scheduler` of the calling OS thread, made if it has none."""
    return this_scheduler()


def all_schedulers():
    """The schedulers of all OS threads that have one, a list."""
    return schedulers.copy()


def main_scheduler():
    """The scheduler of Python's main thread, or None if that has not used coro."""
    cdef Scheduler each
    for each in schedulers:
        if each.in_main_thread:
            return each
    return None


def new(fun, /, *args, thread_name=None, **kwargs):
    """Make a coroutine that will call ``fun(*args, **kwargs)``; it waits for `start()`.

    Args:
        fun: what to call.
        thread_name: the coroutine's name; the function's if not given.

    Returns:
        the coroutine, an instance of `coro.coro`.
    """
    return new_coroutine(this_scheduler(), fun, args, kwargs, thread_name)


def spawn(fun, /, *args, thread_name=None, **kwargs):
    """Make a coroutine as `new` does and start it. It runs when the caller next waits."""
    cdef coro co = new_coroutine(this_scheduler(), fun, args, kwargs, thread_name)
    start_coroutine(co)
    return co


def current():
    """The coroutine that runs now."""
    cdef Scheduler here = this_scheduler()
    if here.running is None:
        raise RuntimeError("no coroutine runs here: this is called inside the scheduler")
    return here.running


def yield_slice():
    """Let every other coroutine that is ready run once; return at once if there is none."""
    this_scheduler().yield_slice()


def schedule(coro co not None, value=None):
    """Schedule a coroutine to run: end its wait early, or start it. From any OS thread.

    Args:
        co: the coroutine.
        value: what its `sleep_relative` or `sleep_absolute` returns.

    Raises:
        DeadCoroutine: it has ended.
        ScheduleError: it is scheduled already, or runs.
    """
    if co.state == DONE:
        raise DeadCoroutine(f"{co!r} has ended: it cannot be scheduled")
    if co.in_queue and not co.look_at_signals:
        raise ScheduleError(f"{co!r} is scheduled to run already")
    if co.state == NEW:
        start_coroutine(co)
    elif co.state == WAITING:
        co.message = value
        co.scheduler.resume(co)
    else:
        raise ScheduleError(f"{co!r} runs: it cannot be scheduled")


def get_thread_by_id(thread_id):
    """The coroutine of that id.

    Raises:
        KeyError: there is none that was started and has not ended.
    """
    return all_threads_c[thread_id]


def get_live_coros():
    """How many coroutine objects exist: those not started, and those that ended but are
    still referred to, included."""
    return coroutines_alive


def set_selfishness(maximum):
    """How many operations of a new coroutine may succeed at once before it must let
    others run; see `coro.set_max_selfish_acts`.

    Args:
        maximum: from 1 to 32768; 4 unless set.

    Returns:
        the number until now.
    """
    global selfishness
    before = selfishness
    selfishness = selfish_acts(maximum)
    return before
