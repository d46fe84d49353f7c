"""How long coroutines run, and how long they wait for their turn.

What belongs here: the observer that adds this up while somebody wants to know, and what it
has found. Who asks is in `_server`, what is shown in `_snapshot`.

Nothing is counted before the first asker and after the last one, so the numbers tell of the
time since the first began to watch. All who ask see the same numbers; differences between two
looks are their own business.

Time is real time, also under a virtual clock: a coroutine that blocks its OS thread, or whose
thread the kernel does not let run, keeps the others waiting just as if it computed.
"""

cimport cython
from libc.stdint cimport int64_t

from coro._observer cimport Observer
from coro._scheduler cimport RUNNING, Scheduler, coro

from coro._scheduler import all_schedulers, all_threads, observe

cdef extern from "_platform.h":
    int64_t coro_clock_ns()


@cython.final
cdef class Record:
    """The numbers of one coroutine; times in ns, moments by the monotonic clock."""
    cdef int64_t run            # how long it ran
    cdef int64_t running_since  # 0: it does not run
    cdef int64_t delays         # how often it was ready and had to wait for its turn
    cdef int64_t delay          # how long, all together
    cdef int64_t longest        # the longest of these
    cdef int64_t ready_since    # 0: it is not ready, or runs


@cython.final
cdef class Statistics(Observer):
    """Adds up the times of all coroutines while somebody watches. There is one."""
    cdef Py_ssize_t watchers

    cdef Record record(self, coro co):
        if not isinstance(co.statistics, Record):
            co.statistics = Record.__new__(Record)
        return <Record> co.statistics

    cdef void readied(self, object co) noexcept:
        cdef Record record = self.record(<coro> co)
        if record.ready_since == 0:
            record.ready_since = coro_clock_ns()

    cdef void resumed(self, object co) noexcept:
        cdef Record record = self.record(<coro> co)
        cdef int64_t delay, now = coro_clock_ns()
        record.running_since = now
        if record.ready_since:
            delay = now - record.ready_since
            record.delays += 1
            record.delay += delay
            record.longest = max(record.longest, delay)
            record.ready_since = 0

    cdef void suspended(self, object co) noexcept:
        cdef Record record = self.record(<coro> co)
        cdef int64_t now = coro_clock_ns()
        if record.running_since:
            record.run += now - record.running_since
            record.running_since = 0
        if record.ready_since:  # it yields, so it was put into the queue before it stopped
            record.ready_since = now

    cdef int begin(self) except -1:
        """Those that run or are ready in this moment do so from now on."""
        cdef Scheduler each
        cdef coro co
        cdef int64_t now = coro_clock_ns()
        for co in all_threads.values():
            if co.in_queue:
                self.record(co).ready_since = now
        for each in all_schedulers():
            co = each.running
            if co is not None and co.state == RUNNING and not co.in_queue:
                self.record(co).running_since = now
        return 0

    cdef int forget(self) except -1:
        cdef coro co
        for co in all_threads.values():
            co.statistics = None
        return 0


cdef Statistics statistics = Statistics()


def watch():
    """Add up the times of all coroutines, of all OS threads, until `unwatch`. May be nested."""
    if statistics.watchers == 0:
        statistics.begin()
        observe(statistics, True)
    statistics.watchers += 1


def unwatch():
    """End a `watch`. After the last one nothing is counted any more, and the numbers are gone."""
    if statistics.watchers == 1:
        observe(statistics, False)
        statistics.forget()
    statistics.watchers = max(0, statistics.watchers - 1)


def watchers():
    """How many `watch` now."""
    return statistics.watchers


def numbers(coro co not None):
    """What was added up for a coroutine since somebody watches.

    Returns:
        ``(run, delays, delay, longest)``: how long it ran, how often it was ready and had to
        wait for its turn, how long it waited all together, and the longest; times in ns.
        Zeros if nobody watches.
    """
    cdef Record record
    cdef int64_t run
    if not isinstance(co.statistics, Record):
        return 0, 0, 0, 0
    record = <Record> co.statistics
    run = record.run
    if record.running_since:
        run += coro_clock_ns() - record.running_since
    return run, record.delays, record.delay, record.longest


def clock():
    """The moment by the real clock, ns, to which `coro.since` can be compared: not the scheduler's,
    which tests may replace, nor `time`'s, which programs may."""
    return coro_clock_ns()
