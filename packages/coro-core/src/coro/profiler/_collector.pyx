"""The collector: where the time of each coroutine of one OS thread goes.

What belongs here: what happens at each call and at each change of coroutines, as little as
possible. What the numbers mean to a reader is made of them later, in `_analysis`.

**A tree of paths.** A path is a stack of calls: a function, and the path of its caller. Each
has its calls and the time spent in itself. Where a coroutine stands is one number, its path;
a call goes to a child, a return to the parent, and there is no other stack. Functions,
callers, flame graphs: all are sums over this tree.

**Two clocks.** Wall time is CLOCK_MONOTONIC, which takes 25 ns to read. The CPU time of a
thread is known to the kernel only, and asking takes twenty times as long: at each call, it
would cost more than what it measures. So it is asked only after a step (from one event to the
next) of `LONG` or more; a shorter one is taken for CPU time, since a thread that loses its
CPU for the shortest turn of another, or blocks, does not come back so soon. When the kernel is
asked, what was guessed since the last time is subtracted, so that errors do not add up.

**Coroutines.** The scheduler says when one is suspended and resumed (`Observer`). While it is
suspended no CPU time goes to its path, and wall time goes to a child of it that stands for
the wait: one for its reason, until it is made ready, and one for waiting for its turn.

**Events** come from `PyEval_SetProfile`, which is the same on all Pythons, belongs to the
OS thread (greenlet leaves it alone, so that it sees all coroutines of one), and costs nothing
when it is off. On Python 3.12 and later, `sys.monitoring` lies beneath it; to use that
directly would be a little faster, and a second mechanism, for all threads at once. A return
looks for its call on the path, and one that finds none is ignored.

**What began before.** A coroutine that is suspended at the start has its path from its frames.
Python 3.12 and later write events into the code of functions when these are called, or stand
on the stack of an OS thread, which does not include the stacks that greenlet has put away. So
functions would return there without an event, unless their code is asked for events of its own
for a moment (`monitoring.set_local_events`).
"""

cimport cython
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.ref cimport Py_DECREF, PyObject
from libc.stdint cimport int32_t, int64_t, uintptr_t
from libc.string cimport memset

from coro._observer cimport Observer
from coro._scheduler cimport NEW, Scheduler, coro, this_scheduler

import os
import sys
from types import ModuleType

from coro._scheduler import all_threads, observe

cdef extern from "_platform.h":
    int64_t coro_clock_ns()

cdef extern from *:
    """
    static inline int64_t
    coro_thread_cpu_ns(void)
    {
        return coro_clock_read(CLOCK_THREAD_CPUTIME_ID);
    }
    """
    int64_t coro_thread_cpu_ns()

cdef extern from "Python.h":
    ctypedef struct PyFrameObject:
        pass
    ctypedef struct PyCodeObject:
        pass
    ctypedef struct PyMethodDef:
        pass
    ctypedef struct PyCFunctionObject:
        PyMethodDef *m_ml
    ctypedef int (*Py_tracefunc)(PyObject *, PyFrameObject *, int, PyObject *) noexcept
    void PyEval_SetProfile(Py_tracefunc, PyObject *)
    PyCodeObject *PyFrame_GetCode(PyFrameObject *)
    int PyCFunction_Check(PyObject *)
    int PyTrace_CALL, PyTrace_RETURN, PyTrace_C_CALL, PyTrace_C_RETURN, PyTrace_C_EXCEPTION

cdef enum:
    LONG = 20_000   # ns; see above
    ROOT = 0
    OWN = -1        # a function of the profiler itself
    NO_PATH = -2
    FIRST_ROOM = 1024
    MOST_PATHS = 262_144
    MOST_RECORDS = 100_000

cdef list collectors = []  # those that run

cdef object monitoring = getattr(sys, "monitoring", None)  # Python 3.12 and later
cdef str TOOL = "coro.profiler"


@cython.final
cdef class Record:
    """What one coroutine did while it was profiled."""

    def as_tuple(self):
        """id, name, how many it stands for; CPU time, and the times that it ran, waited, and was
        ready, and its longest run, in ns; how often it was resumed, and how often it waited."""
        return (self.id, self.name, self.count, self.cpu, self.running, self.waiting, self.ready,
                self.longest, self.switches, self.waits)


@cython.final
cdef class Collector(Observer):
    """Collects what the coroutines of the calling OS thread do, from `start` to `stop`.

    Args:
        folder: where the files are whose functions are to be left out, the profiler's own.
        most_paths: how many different stacks of calls to tell apart. Later ones are counted in
            the longest part of them that is known.
        most_records: how many coroutines that have ended to tell apart. Later ones are summed.
    """

    def __cinit__(self, str folder, int32_t most_paths=MOST_PATHS, Py_ssize_t most_records=MOST_RECORDS):
        self.folder = folder
        self.most_paths = most_paths
        self.most_records = most_records
        self.reasons = {}
        self.names = {}
        self.kept = []
        self.records = {}
        self.ended = []
        self.grow()
        self.paths[ROOT] = Path(NULL, -1, ROOT, PYTHON, 0, 0, 0)
        self.used = 1

    def __dealloc__(self):
        PyMem_Free(self.paths)
        PyMem_Free(self.table)

    def start(self):
        """Begin.

        Raises:
            RuntimeError: the OS thread has a profiler already.
        """
        cdef Scheduler here = this_scheduler()
        cdef coro co
        if here.running is None:
            raise RuntimeError("profiling cannot start here: this runs inside the scheduler")
        if sys.getprofile() is not None or other_tool() is not None:
            raise RuntimeError(
                "another profiler runs already, and there can be one in an OS thread: "
                f"{other_tool() or sys.getprofile()!r}")
        self.scheduler = here
        self.began = coro_clock_ns()
        for co in all_threads.values():
            if co.scheduler is here and co.state != NEW and co is not here.running:
                self.record_begun(co)
        self.running = self.record_begun(here.running)
        self.path = self.running.path
        self.beyond = self.running.beyond
        self.running.since = self.last = coro_clock_ns()
        self.thread_cpu = self.cpu_read = coro_thread_cpu_ns()
        self.running.switches = 1
        collectors.append(self)
        observe(self, True)
        PyEval_SetProfile(on_event, <PyObject *> self)
        if monitoring is not None:
            if monitoring.get_tool(monitoring.PROFILER_ID) is None:
                monitoring.use_tool_id(monitoring.PROFILER_ID, TOOL)
            for code in self.kept:
                monitoring.set_local_events(monitoring.PROFILER_ID, code, monitoring.events.PY_RETURN)
                monitoring.set_local_events(monitoring.PROFILER_ID, code, monitoring.events.NO_EVENTS)

    def stop(self):
        """End. In the OS thread that started.

        Raises:
            RuntimeError: it does not run in this thread, or this is inside the scheduler.
        """
        cdef Record record, runs = self.running
        if not self.runs or self.scheduler is not this_scheduler():
            raise RuntimeError("this profile does not run in this OS thread")
        if runs is None:
            raise RuntimeError("profiling cannot stop here: this runs inside the scheduler")
        self.detach()
        self.pause()
        self.elapsed = self.last - self.began
        self.thread_cpu = coro_thread_cpu_ns() - self.thread_cpu
        for record in self.records.values():
            if record is not runs:
                self.end_wait(record, self.last)
            record.name = record.coroutine.get_name()
            record.coroutine = None
            self.ended.append(record)
        self.records.clear()
        if self.rest is not None:
            self.ended.append(self.rest)
        self.scheduler = None

    @property
    def runs(self):
        """Whether it has started and not stopped, a bool."""
        return self in collectors

    cdef int detach(self) except -1:
        observe(self, False)
        collectors.remove(self)
        if sys.getprofile() is self:  # else another took its place
            PyEval_SetProfile(NULL, NULL)
        if monitoring is not None and not collectors:
            monitoring.free_tool_id(monitoring.PROFILER_ID)
        return 0

    def tree(self):
        """The paths, callers before what they call: a list of tuples of

        the index of the caller's path, -1 for the first, which is the root;
        (kind, file, line, name) of the function, kind being "python", "builtin" or "wait";
        how often it was called;
        its CPU and wall time, without what it called or waited for, in ns.
        """
        cdef int32_t i
        cdef Path *path
        cdef list found = []
        for i in range(self.used):
            path = &self.paths[i]
            if path.key == NULL:
                function = ("python", "", 0, "")
            elif path.kind == PYTHON:
                code = <object> path.key
                function = ("python", code.co_filename, code.co_firstlineno, code.co_qualname)
            elif path.kind == BUILTIN:
                function = ("builtin", "", 0, self.names[<uintptr_t> path.key])
            else:
                function = ("wait", "", 0, <object> path.key)
            found.append((path.parent, function, path.calls, path.cpu, path.wall))
        return found

    def coroutines(self):
        """One tuple for each coroutine, as `Record.as_tuple` makes it."""
        return [(<Record> record).as_tuple() for record in self.ended]

    # -- time

    cdef void tick(self) noexcept:
        """Set `step` and `step_cpu` to the time since the last tick."""
        cdef int64_t read, now = coro_clock_ns()
        self.step = self.step_cpu = now - self.last
        self.last = now
        if self.step < LONG:
            self.guessed += self.step
        else:
            read = coro_thread_cpu_ns()
            self.step_cpu = min(max(read - self.cpu_read - self.guessed, 0), self.step)
            self.cpu_read = read
            self.guessed = 0
        self.cpu += self.step_cpu

    cdef void charge(self) noexcept:
        """Give the time since the last event to where the running one stands."""
        cdef Path *path = &self.paths[self.path]
        self.tick()
        path.cpu += self.step_cpu
        path.wall += self.step

    # -- calls

    cdef void enter(self, void *key, Kind kind, PyObject *called) noexcept:
        cdef int32_t path
        self.charge()
        if self.beyond:
            self.beyond += 1
            return
        path = self.child(self.path, key, kind, called)
        if path >= 0:
            self.path = path
            self.paths[path].calls += 1
        elif path == NO_PATH:
            self.beyond = 1

    cdef void leave(self, void *key) noexcept:
        cdef int32_t path = self.path
        self.charge()
        if self.beyond:
            self.beyond -= 1
            return
        while path != ROOT:
            if self.paths[path].key == key:
                self.path = self.paths[path].parent
                return
            path = self.paths[path].parent

    # -- paths

    cdef int32_t child(self, int32_t parent, void *key, Kind kind, PyObject *called) noexcept:
        """The path from `parent` to what has this key, made if there is none.

        Args:
            key: of a Python function, its code; of a builtin one, its definition; of a wait,
                the reason, a str in `reasons`.
            called: the object that is called.

        Returns:
            the path, or `OWN` or `NO_PATH`.
        """
        cdef int32_t path = self.paths[parent].last
        cdef size_t place
        if self.paths[path].key == key and self.paths[path].parent == parent:
            return path
        place = mixed(parent, key) & self.table_mask
        while self.table[place] >= 0:
            path = self.table[place]
            if self.paths[path].key == key and self.paths[path].parent == parent:
                self.paths[parent].last = path
                return path
            place = (place + 1) & self.table_mask
        try:
            return self.add(parent, key, kind, <object> called)
        except Exception:  # no memory: nobody can be told here
            self.full = True
            return NO_PATH

    cdef int32_t add(self, int32_t parent, void *key, Kind kind, object called) except -3:
        cdef size_t place
        cdef int32_t path
        if kind == PYTHON and (<str> called.co_filename).startswith(self.folder):
            return OWN
        if self.used >= self.most_paths:
            self.full = True
            return NO_PATH
        if self.used == self.room:
            self.grow()
        if kind == PYTHON:
            self.kept.append(called)
        elif kind == BUILTIN and <uintptr_t> key not in self.names:
            owner, name = described(called)
            self.kept.append(owner)
            self.names[<uintptr_t> key] = name
        path = self.used
        self.paths[path] = Path(key, parent, ROOT, kind, 0, 0, 0)
        self.used += 1
        place = mixed(parent, key) & self.table_mask
        while self.table[place] >= 0:
            place = (place + 1) & self.table_mask
        self.table[place] = path
        self.paths[parent].last = path
        return path

    cdef int grow(self) except -1:
        """Make room for twice as many paths, in a table that is at most half full."""
        cdef int32_t i, room = self.room * 2 if self.room else FIRST_ROOM
        cdef size_t place, mask = 2 * <size_t> room - 1
        cdef int32_t *table
        cdef Path *paths = <Path *> PyMem_Realloc(self.paths, room * sizeof(Path))
        if paths == NULL:
            raise MemoryError("no memory for another path")
        self.paths = paths
        table = <int32_t *> PyMem_Malloc((mask + 1) * sizeof(int32_t))
        if table == NULL:
            raise MemoryError("no memory for another path")
        memset(table, 0xFF, (mask + 1) * sizeof(int32_t))
        for i in range(1, self.used):
            place = mixed(paths[i].parent, paths[i].key) & mask
            while table[place] >= 0:
                place = (place + 1) & mask
            table[place] = i
        PyMem_Free(self.table)
        self.table = table
        self.table_mask = mask
        self.room = room
        return 0

    # -- coroutines

    cdef Record record(self, coro co):
        """A new record, of a coroutine that stands in no call."""
        cdef Record record = Record.__new__(Record)
        record.coroutine = co
        record.id = co.id
        record.count = 1
        self.records[co] = record
        return record

    cdef Record record_begun(self, coro co):
        """A new record, of a coroutine that began before: it stands where its frames are."""
        cdef Record record = self.record(co)
        cdef int32_t path
        record.since = self.began
        codes = []
        frame = co.get_frame()
        while frame is not None:
            codes.append(frame.f_code)
            frame = frame.f_back
        for code in reversed(codes):
            path = self.child(record.path, <void *> code, PYTHON, <PyObject *> code)
            if path >= 0:
                record.path = path
            elif path == NO_PATH:
                record.beyond += 1
        if co is not self.scheduler.running:
            record.queued = co.in_queue
            record.wait = self.wait_path(record.path, co, record.queued)
        return record

    cdef int32_t wait_path(self, int32_t parent, coro co, bint queued) noexcept:
        cdef int32_t path
        try:
            reason = b"its turn" if queued or co.why == NULL else <bytes> co.why
            if reason not in self.reasons:
                self.reasons[reason] = reason.decode("utf-8", "replace")
            key = self.reasons[reason]
            path = self.child(parent, <void *> key, WAIT, <PyObject *> key)
        except Exception:  # no memory
            path = NO_PATH
        return path if path >= 0 else parent

    cdef void end_wait(self, Record record, int64_t now) noexcept:
        cdef int64_t length = max(now - record.since, 0)
        record.since = now
        if record.wait != record.path:
            self.paths[record.wait].calls += 1
        self.paths[record.wait].wall += length
        if record.queued:
            record.ready += length
        else:
            record.waiting += length

    cdef void readied(self, object co) noexcept:
        cdef Record record
        if (<coro> co).scheduler is not self.scheduler:
            return
        record = self.records.get(co)
        if record is None or record is self.running or record.queued:
            return
        # In any OS thread: the steps of this one's clocks are left alone.
        self.end_wait(record, coro_clock_ns())
        record.queued = True
        record.wait = self.wait_path(record.path, <coro> co, True)

    cdef void resumed(self, object co) noexcept:
        cdef Record record
        if (<coro> co).scheduler is not self.scheduler:
            if self.scheduler.ended:
                self.detach()
            return
        self.tick()
        record = self.records.get(co)
        if record is None:
            record = self.record(<coro> co)
        else:
            self.end_wait(record, self.last)
        record.queued = False
        record.since = self.last
        record.switches += 1
        self.running = record
        self.path = record.path
        self.beyond = record.beyond
        self.cpu_before = self.cpu

    cdef void suspended(self, object co) noexcept:
        cdef Record record = self.running
        if (<coro> co).scheduler is not self.scheduler or record is None:
            return
        self.pause()
        if (<coro> co).function is None and co is not self.scheduler.main:  # it has ended
            record.name = (<coro> co).label
            record.coroutine = None
            self.records.pop(co)
            self.file_away(record)
            return
        record.queued = (<coro> co).in_queue
        record.waits += (<coro> co).why != NULL
        record.wait = self.wait_path(record.path, <coro> co, record.queued)

    cdef void pause(self) noexcept:
        """The running one runs no more."""
        cdef Record record = self.running
        self.charge()
        record.cpu += self.cpu - self.cpu_before
        record.running += self.last - record.since
        record.longest = max(record.longest, self.last - record.since)
        record.since = self.last
        record.path = self.path
        record.beyond = self.beyond
        self.running = None

    cdef int file_away(self, Record record) except -1:
        """Keep the record of a coroutine that has ended."""
        cdef Record rest = self.rest
        if len(self.ended) < self.most_records:
            self.ended.append(record)
            return 0
        if rest is None:
            rest = self.rest = Record.__new__(Record)
            rest.name = "(later ones)"
        rest.count += 1
        rest.cpu += record.cpu
        rest.running += record.running
        rest.waiting += record.waiting
        rest.ready += record.ready
        rest.longest = max(rest.longest, record.longest)
        rest.switches += record.switches
        rest.waits += record.waits
        return 0


cdef int on_event(PyObject *collector, PyFrameObject *frame, int what, PyObject *arg) noexcept:
    """See PyEval_SetProfile."""
    cdef Collector self = <Collector> collector
    cdef PyObject *code
    if self.running is None:  # inside the scheduler
        return 0
    if what == PyTrace_CALL or what == PyTrace_RETURN:
        code = <PyObject *> PyFrame_GetCode(frame)
        if what == PyTrace_CALL:
            self.enter(code, PYTHON, code)
        else:
            self.leave(code)
        Py_DECREF(<object> code)
    elif arg != NULL and PyCFunction_Check(arg):
        if what == PyTrace_C_CALL:
            self.enter((<PyCFunctionObject *> arg).m_ml, BUILTIN, arg)
        elif what == PyTrace_C_RETURN or what == PyTrace_C_EXCEPTION:
            self.leave((<PyCFunctionObject *> arg).m_ml)
    return 0


cdef inline size_t mixed(int32_t parent, void *key) noexcept:
    cdef size_t hashed = (<size_t> key >> 4) * <size_t> 0x9E3779B97F4A7C15
    return (hashed ^ <size_t> parent * <size_t> 0xC2B2AE3D27D4EB4F) >> 20


cdef tuple described(function):
    """What keeps the definition of a builtin function, and its name as cProfile writes it."""
    owner = function.__self__
    name = function.__name__
    if owner is None or isinstance(owner, ModuleType):
        return owner, f"<built-in method {function.__module__}.{name}>"
    if isinstance(owner, type):
        return owner, f"<built-in method {owner.__module__}.{owner.__qualname__}.{name}>"
    for each in type(owner).__mro__:
        if name in each.__dict__:
            return each, f"<method '{name}' of '{each.__qualname__}' objects>"
    return type(owner), f"<method '{name}' of '{type(owner).__qualname__}' objects>"


cdef object other_tool():
    """Who has Python's own place for profilers; cProfile does, on Python 3.12 and later."""
    tool = None if monitoring is None else monitoring.get_tool(monitoring.PROFILER_ID)
    return None if tool == TOOL else tool


def in_this_thread():
    """The collector that runs in this OS thread, or None."""
    cdef Collector each
    for each in collectors:
        if each.scheduler is this_scheduler():
            return each
    return None


def after_fork_in_child():
    """The parent goes on with the profile: here are few of the coroutines, and nobody asked."""
    cdef Collector each
    for each in collectors.copy():
        each.detach()


os.register_at_fork(after_in_child=after_fork_in_child)
