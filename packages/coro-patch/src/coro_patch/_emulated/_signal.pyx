"""`signal`: waiting for signals.

What belongs here: the functions of `_signal` that wait for a signal, and those that deal with
what the emulation has a hand in: identities of threads, and the descriptor that signals are
written to. Timers and masks are the originals. Masks belong to OS threads, and emulated threads
share one.

- Python runs a handler in its main thread, between two bytecodes of whichever coroutine runs. If
  that is the main one, which may be waiting, all is well. Another one acts for it while the
  handler runs: `threading` knows it as the main thread, and what the handler raises is raised in
  the main coroutine. For this the handlers are wrapped, which the program does not see. In the
  middle of the main coroutine's wait nothing can wait, and a handler may, so another one acts
  for it there too; it begins before the main one can go on. Those in C do not wait.

- What is pending is taken without waiting. Until something is, a signalfd(2) is waited for; where
  there is none, the coroutine looks again and again.
- pause(2) tells of a signal by failing, so it cannot be polled. While a coroutine pauses, signals
  are written to a pipe of ours, and passed on to the descriptor that the program has set.
- `coro.event_loop` has signals written to a descriptor too. The program need not know: it does
  not see that one, and when it gives its own up, that is put back.
"""

cimport cython
from libc.stdint cimport int64_t

from coro.interface.capi cimport CORO_FOREVER, CORO_READ, CoroCAPI, Coro_Import
from coro_patch._foundation._identity cimport in_coroutine
from coro_patch._foundation._waiting cimport deadline_in, is_length, park, seconds_to_ns

import _signal
import contextlib
import fcntl
import os
from types import BuiltinFunctionType

from coro import signal_handler
from coro.interface import scheduler
from coro_patch._foundation._identity import act_for_main, os_thread_of, runs_in_main_coroutine

cdef extern from *:
    const char *CORO_DISTRIBUTION

cdef extern from "Python.h":
    int PyErr_CheckSignals() except -1

cdef extern from "_platform.h":
    ctypedef struct sigset_t:
        pass
    int sigemptyset(sigset_t *signals)
    int sigaddset(sigset_t *signals, int number)
    int coro_signal_descriptor(const sigset_t *signals)

cdef enum:
    PAUSE = 5_000_000         # ns between two looks, where there is no signalfd
    LONGEST_READ = 4096

cdef const CoroCAPI *core = Coro_Import(CORO_DISTRIBUTION)

cdef object original_sigwait = _signal.sigwait
cdef object original_sigwaitinfo = getattr(_signal, "sigwaitinfo", None)
cdef object original_sigtimedwait = getattr(_signal, "sigtimedwait", None)
cdef object original_signal = _signal.signal
cdef object original_getsignal = _signal.getsignal
cdef object original_raise_signal = _signal.raise_signal
cdef object original_pause = _signal.pause
cdef object original_set_wakeup_fd = _signal.set_wakeup_fd
cdef object original_pthread_kill = _signal.pthread_kill
cdef object original_read = os.read
cdef object original_write = os.write


# --- handlers ---------------------------------------------------------------------------


cdef class Handler:
    """What Python calls in place of the program's handler."""

    cdef object function

    def __call__(self, number, frame):
        if not runs_in_main_coroutine():
            self.act(number, frame)
        elif isinstance(self.function, BuiltinFunctionType) or scheduler().main.waiting is None:
            return self.function(number, frame)
        else:
            scheduler().spawn(self.act, number, frame)

    def act(self, number, frame):
        try:
            act_for_main(self.function, number, frame)
        except BaseException as error:
            scheduler().main.raise_exception(error)


cdef object wrapped(handler):
    """The handler as Python is to have it. Those of coro know where they run."""
    module = getattr(handler, "__module__", None) or ""
    if not callable(handler) or isinstance(handler, (Handler, int)) or module.partition(".")[0] == "coro":
        return handler
    made = Handler()
    (<Handler> made).function = handler
    return made


cdef object unwrapped(handler):
    return (<Handler> handler).function if isinstance(handler, Handler) else handler


cdef int renew_handlers(bint wrap) except -1:
    for number in range(1, _signal.NSIG):
        try:
            before = original_getsignal(number)
            after = wrapped(before) if wrap else unwrapped(before)
            if after is not before:
                original_signal(number, after)
        except (ValueError, OSError):  # not Python's main thread: they stay what they are
            pass
    return 0


def adopt_handlers():
    """Wrap the handlers that are set."""
    renew_handlers(True)


def release_handlers():
    """Unwrap them."""
    renew_handlers(False)


@cython.binding(False)
def signal(signalnum, handler, /):
    """Set the handler of a signal: see `signal.signal`."""
    if in_coroutine():
        core.selfish_act()  # who sets handlers in a loop may wait for signals that others send
    return unwrapped(original_signal(signalnum, wrapped(handler)))


@cython.binding(False)
def getsignal(signalnum, /):
    """The handler of a signal: see `signal.getsignal`."""
    return unwrapped(original_getsignal(signalnum))


@cython.binding(False)
def raise_signal(signalnum, /):
    """Send a signal to the calling thread: see `signal.raise_signal`."""
    original_raise_signal(signalnum)
    if in_coroutine():
        core.selfish_act()


# --- signals that are blocked ---------------------------------------------------------


cdef object take(signals):
    """What is pending of them, taken; None if nothing is."""
    if original_sigtimedwait is not None:
        return original_sigtimedwait(signals, 0)
    original_sigwait(()) if not signals else None  # it complains
    return original_sigwait(signals) if _signal.sigpending() & set(signals) else None


cdef object wait_for(signals, int64_t deadline):
    """The next of them; None if the time is up before one comes."""
    cdef sigset_t wanted
    cdef int fd
    told = take(signals)
    if told is not None:
        return told
    sigemptyset(&wanted)
    for number in signals:
        sigaddset(&wanted, number)
    fd = coro_signal_descriptor(&wanted)
    try:
        while told is None:
            if fd >= 0:
                came = core.wait_fd(fd, CORO_READ, deadline)
            else:
                park("signal", NULL, min(deadline, deadline_in(PAUSE)))
                came = core.now() < deadline
            told = take(signals)
            if not came:
                break
        return told
    finally:
        if fd >= 0:
            core.close_fd(fd)
            os.close(fd)


@cython.binding(False)
def sigwait(sigset, /):
    """Wait for one of the signals: see `signal.sigwait`."""
    if not in_coroutine():
        return original_sigwait(sigset)
    signals = list(sigset)
    if not signals:
        return original_sigwait(signals)
    told = wait_for(signals, CORO_FOREVER)
    return getattr(told, "si_signo", told)


@cython.binding(False)
def sigwaitinfo(sigset, /):
    """Wait for one of the signals, and what is known of it: see `signal.sigwaitinfo`."""
    if not in_coroutine():
        return original_sigwaitinfo(sigset)
    return wait_for(list(sigset), CORO_FOREVER)


@cython.binding(False)
def sigtimedwait(sigset, timeout, /):
    """As `sigwaitinfo`, for a limited time: see `signal.sigtimedwait`."""
    if not in_coroutine() or not is_length(timeout) or not timeout > 0:
        return original_sigtimedwait(sigset, timeout)
    return wait_for(list(sigset), deadline_in(seconds_to_ns(timeout)))


# --- signals that are handled ---------------------------------------------------------


cdef object pipe = None       # (reader, writer), while somebody pauses
cdef int pausing = 0
cdef Py_ssize_t came = 0      # counts signals, or several at once
cdef object programs = -1     # the descriptor of the program, meanwhile
cdef object warns = True      # and how it is set


@cython.binding(False)
def pause():
    """Wait until a signal's handler has run: see `signal.pause`."""
    global pausing, pipe
    cdef Py_ssize_t before = came
    if not in_coroutine() or not scheduler().in_main_thread:
        return original_pause()
    if not pausing:
        begin_listening()
    pausing += 1
    try:
        while came == before and pipe is not None:  # a handler may fork
            core.wait_fd(pipe[0], CORO_READ, CORO_FOREVER)
            listen()
    finally:
        if pipe is not None:
            pausing -= 1
            if not pausing:
                end_listening()
    PyErr_CheckSignals()


cdef int begin_listening() except -1:
    global pipe, programs
    pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else nonblocking_pipe()
    programs = original_set_wakeup_fd(pipe[1], warn_on_full_buffer=False)
    return 0


cdef int end_listening() except -1:
    global pipe
    reader, writer = pipe
    listen()
    pipe = None
    if programs < 0 or not is_open(programs):
        original_set_wakeup_fd(-1)
    else:
        original_set_wakeup_fd(programs, warn_on_full_buffer=warns)
    core.close_fd(reader)
    os.close(reader)
    os.close(writer)
    return 0


cdef int listen() except -1:
    """Take what signals have written, and pass it on."""
    global came
    if pipe is None:
        return 0
    try:
        data = original_read(pipe[0], LONGEST_READ)
    except BlockingIOError:
        return 0
    came += 1
    if programs >= 0:
        with contextlib.suppress(OSError):  # it is full, or closed: nobody was told before either
            original_write(programs, data)
    return 0


def after_fork_in_child():
    """The pipe is the parent's, and so are those who pause."""
    global pipe, pausing
    if pipe is not None:
        reader, writer = pipe
        original_set_wakeup_fd(programs, warn_on_full_buffer=warns)
        os.close(reader)
        os.close(writer)
    pipe, pausing = None, 0


os.register_at_fork(after_in_child=after_fork_in_child)


def nonblocking_pipe():
    made = os.pipe()
    for fd in made:
        os.set_blocking(fd, False)
    return made


cdef bint is_open(fd) except -1:
    try:
        fcntl.fcntl(fd, fcntl.F_GETFD)
    except OSError:
        return False
    return True


@cython.binding(False)
def set_wakeup_fd(fd, /, *, warn_on_full_buffer=True):
    """Have signals written to a descriptor; the one until now: see `signal.set_wakeup_fd`."""
    global programs, warns
    before = original_set_wakeup_fd(fd, warn_on_full_buffer=warn_on_full_buffer)
    warns = warn_on_full_buffer
    here = scheduler()  # this is Python's main thread, or that was an error
    if pipe is not None and before == pipe[1]:
        original_set_wakeup_fd(before, warn_on_full_buffer=False)
        before, programs = programs, fd
    elif fd == -1 and (here.loop is not None or signal_handler.registered()):
        signal_handler.begin_waking(here)
    return -1 if before == here.wake_pipe() else before


# --- identities -----------------------------------------------------------------------


@cython.binding(False)
def pthread_kill(thread_id, signalnum, /):
    """Send a signal to a thread: see `signal.pthread_kill`. For an emulated one it is sent to
    the OS thread that it runs in."""
    original_pthread_kill(os_thread_of(thread_id), signalnum)


# As the originals do, they say that they are `signal`'s.
for each in (signal, getsignal, raise_signal, sigwait, sigwaitinfo, sigtimedwait, pause, set_wakeup_fd, pthread_kill):
    each.__module__ = "signal"
del each
