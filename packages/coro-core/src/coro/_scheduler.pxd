from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint64_t

from coro._descriptors cimport DescriptorEntry, Descriptors, FdWaiter
from coro._pollers._poller cimport Poller
from coro._timers cimport Timer, TimerHeap
from coro._wait_queue cimport Waiter


cdef enum State:
    NEW       # created; perhaps scheduled, but has not run
    RUNNING   # runs, or would if it were its turn
    WAITING   # in Scheduler.park
    DONE      # ended, cancelled before it ran, or left behind by fork


cdef class Interrupter(Timer):
    """A timer that interrupts a coroutine; those of one coroutine are nested."""
    cdef coro owner          # while it is in force
    cdef Interrupter outer
    cdef bint due            # fired, and its interrupt not delivered yet
    cdef bint shields        # interrupts from further out wait until it has left
    cdef bint watches        # and the owner is woken when one begins to wait
    cdef bint news           # one began to wait

    cdef object interrupt(self)
    cdef int enter(self, coro me) except -1
    cdef int leave(self) except -1


cdef class Family:
    """Coroutines whose end and whose failures are somebody's concern. See `coro._structured._scope`."""
    cdef readonly set members    # those that have not ended
    cdef readonly bint closed    # it takes no more
    cdef coro waiter             # who waits until there are none


cdef class coro(Timer):
    """As a timer, it ends its own wait at a deadline."""
    # What each wait and each hand-over touches comes first, to lie in few lines of the cache.
    cdef State state
    cdef bint in_queue           # in the ready queue
    cdef bint woken              # what it waited for has come
    cdef bint look_at_signals
    cdef int due                 # how many of its interrupters are due, and in no shield's way
    cdef int acts, max_acts
    cdef readonly Scheduler scheduler
    cdef object stack            # the greenlet that holds the stack while it is suspended
    cdef object thrown           # from raise_exception()
    cdef readonly int64_t since     # the last change of its state: ns, by the ticking clock
    cdef readonly int64_t switches  # how often it has begun to run or gone on
    cdef const char *why         # what it waits for, and on what: for reports
    cdef PyObject *on
    cdef FdWaiter fd_waiter
    cdef Waiter waiter           # its place in a queue of coro.sync
    cdef object handed           # what it was given there
    cdef object message          # from schedule(value)
    cdef Interrupter innermost
    cdef int shields
    cdef bint is_daemon
    cdef object held             # as `thrown`, of a kind that a shield holds back
    # What its beginning and its end touch.
    cdef readonly int64_t id
    cdef object function, args, kwargs, context
    cdef object value, exception  # how it ended
    cdef object label            # str, or None for the name of the function
    cdef list joiners
    cdef Family family           # who is told of its failure, instead of the program
    cdef list locals             # where `coro._thread_local` keeps something of it; weak
    cdef object statistics       # its numbers, while somebody collects them
    cdef object __weakref__

    cdef PyObject *keywords(self) noexcept
    cdef bint is_leaving(self) noexcept


cdef class Scheduler:
    cdef object __weakref__
    cdef readonly coro main
    cdef coro running            # None in the hub and between coroutines
    cdef coro chosen             # who runs next, while that is being arranged
    cdef object hub, worker, switched_to
    cdef list idle               # workers without a coroutine, and None in the places that are free
    cdef int idle_count
    cdef PyObject **ring         # the ready queue
    cdef Py_ssize_t head, ready, room
    cdef long turn_left
    cdef readonly int64_t handovers  # how often a coroutine has begun to run or gone on
    cdef uint64_t shuffling      # the state of the random numbers; 0 for first come, first served
    cdef list when_blocked       # coroutines to wake when all others wait
    cdef int64_t last_tick
    cdef TimerHeap timers
    cdef Descriptors descriptors
    cdef Poller poller
    cdef char *scratch
    cdef readonly bint asleep    # in a poll that waits
    cdef bint choosing, ended, forked
    cdef readonly bint in_main_thread
    cdef readonly unsigned long thread_ident
    cdef bint virtual
    cdef int64_t virtual_now
    cdef int64_t longest_sleep
    cdef public object loop      # the running event loop's state; see coro._loop

    cdef int set_up(self) except -1
    cdef int64_t clock(self) noexcept
    cdef coro runner(self)
    cdef int make_ready(self, coro co) except -1
    cdef int resume(self, coro co) except -1
    cdef int park(self, const char *why, PyObject *on, int64_t deadline) except -1
    cdef int begin_wait(self, coro me, const char *why, PyObject *on, int64_t deadline) except -1
    cdef bint wait_for_resume(self, coro me, int64_t deadline) noexcept
    cdef void run_signal_handlers(self, coro me) noexcept
    cdef int deliver(self, coro me) except -1
    cdef int yield_slice(self) except -1
    cdef int selfish_act(self) except -1
    cdef void suspend(self, coro me) noexcept
    cdef void throw_pending(self, coro me) noexcept
    cdef bint choose(self, coro me, int64_t tick) noexcept
    cdef void prefetch_following(self) noexcept
    cdef void shuffle_next(self) noexcept
    cdef uint64_t random(self) noexcept
    cdef int tell_all_blocked(self) except -1
    cdef int switch_to_chosen(self) noexcept
    cdef bint take_turn(self, coro me) noexcept
    cdef int turn(self) except -1
    cdef int64_t idle_time(self) except? -2
    cdef bint hopeless(self) except -1
    cdef int report_deadlock(self) except -1
    cdef int look_at_signals(self) except -1
    cdef int dispatch(self, int count) except -1
    cdef int fire_due(self) except -1
    cdef int run_chosen(self) except -1
    cdef int begin(self, coro co) except -1
    cdef int end(self, coro co, PyObject *value) except -1
    cdef int next_for_worker(self) except -1
    cdef object take_idle(self)
    cdef int let_go(self, coro co) except -1
    cdef int finish(self, coro co) except -1
    cdef int begin_wait_fd(self, coro me, int fd, int events, int64_t deadline) except -1
    cdef int end_wait_fd(self, coro me, int fd, bint resumed) except -1
    cdef int tell_closed(self, coro me, int fd) except -1
    cdef bint still_the_same(self, int fd, unsigned int generation) except -1
    cdef int refuse_second(self, DescriptorEntry *entry, int wanted, coro me, int fd) except -1
    cdef int wake_closed(self, int fd) except -1
    cdef int open_fd(self, int fd) except -1
    cdef int close_fd(self, int fd, bint stays_open) except -1


cdef Scheduler this_scheduler()
cdef PyObject *running_here(int *is_main) noexcept
cdef coro new_coroutine(
    Scheduler home, object function, tuple args, dict kwargs, object thread_name)
cdef int start_coroutine(coro co) except -1
cdef int require_exception(str name, exc) except -1
cdef object exception_of(str name, exc)
cdef int require_initialized(coro co) except -1
cdef int open_everywhere(int fd) except -1
cdef int close_everywhere(int fd, bint stays_open) except -1


cdef inline int wait_fd(Scheduler here, int fd, int events, int64_t deadline) except -1:
    """See CoroCAPI.wait_fd. Inline, as it is on the stack of every coroutine that waits."""
    cdef coro me = here.runner()
    cdef int came = here.begin_wait_fd(me, fd, events, deadline)
    return came if came else here.end_wait_fd(me, fd, here.wait_for_resume(me, deadline))
