"""Handlers of signals that are coroutines: they may sleep, take locks, use sockets.

What belongs here: starting a coroutine for a signal. When a signal is noticed, `_scheduler`
says; what signals do to the event loop, `_loop`.

Python calls a signal's handler in its main thread, between two bytecodes of whichever coroutine
runs there, and such a handler may not wait. The one that stands here only starts a coroutine,
which runs when the coroutine that was struck next waits. What Python knows as the handler is
the one record of what is registered.
"""

import os
import signal
from collections.abc import Callable
from contextvars import copy_context
from types import FrameType
from typing import Any

from coro._scheduler import Scheduler, scheduler, spawn

__all__ = ["register", "register_signal_handler", "unregister"]

Handler = Callable[[int], object]

# The real one, whatever is emulated later.
_set_wakeup_fd = signal.set_wakeup_fd

_ORDERS = (signal.SIG_DFL, signal.SIG_IGN, signal.default_int_handler)


class _Starter:
    """What Python calls when a signal has come: it starts the coroutine."""

    def __init__(self, handler: Handler, once_only: bool, before: Any) -> None:
        self.handler = handler
        self.once_only = once_only
        self.before = before  # what Python called until then
        self.context = copy_context()  # not that of whichever coroutine is struck

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.once_only and signal.getsignal(number) is self:
            unregister(number)
        name = f"handler of {_name(number)}"
        self.context.copy().run(spawn, self.handler, number, thread_name=name)


def register(signum: int, handler: Any, once_only: bool = False) -> Any:
    """Let a coroutine of the main thread call ``handler(signum)`` whenever the signal comes.

    The handler may do what any coroutine may. If it raises, the exception notifier is told;
    KeyboardInterrupt and SystemExit go to the main coroutine. It sees the context variables of
    who registered it. Signals of one kind that come before Python has noticed the first are one,
    as with `signal.signal`. A child made by `fork` keeps what is registered.

    Args:
        signum: the signal's number, such as `signal.SIGHUP`.
        handler: what to call; `signal.SIG_IGN` or `signal.SIG_DFL` to ignore the signal or to
            leave it to the system, `signal.default_int_handler` to raise KeyboardInterrupt;
            None as `unregister`.
        once_only: unregister it when the signal has come once.

    Returns:
        The handler until now: one that was registered here, and can be again; or what
        `signal.signal` had set, for which only `unregister` or `signal.signal` can put back a
        function that takes two arguments.

    Raises:
        ValueError: this is not Python's main thread; there is no such signal.
        OSError: the signal cannot be handled, as SIGKILL.
        TypeError: `handler` cannot be called; `signum` is no int.
    """
    if not isinstance(signum, int):
        raise TypeError(f"signum must be the number of a signal, not {type(signum).__name__}")
    if handler is None:
        return unregister(signum)
    if handler not in _ORDERS and not callable(handler):
        raise TypeError(
            f"handler must be callable, not {type(handler).__name__}: it is called with the number of the signal"
        )
    former: Any
    before = signal.getsignal(signum)
    if isinstance(before, _Starter):
        former, programs = before.handler, before.before
    else:
        former = programs = before
    if handler in _ORDERS:
        _put(signum, handler)
    else:
        _set(signum, _Starter(handler, once_only, programs))
        begin_waking(scheduler())
    return former


#: Shrapnel's older name.
register_signal_handler = register


def unregister(signum: int) -> Any:
    """Put back what Python did when the signal came before `register`, if that is in force.

    Args:
        signum: the signal's number.

    Returns:
        the handler that was registered, or None.

    Raises:
        ValueError: this is not Python's main thread; there is no such signal.
    """
    starter = signal.getsignal(signum)
    if not isinstance(starter, _Starter):
        return None
    # None stands for a handler that is not Python's, which Python cannot put back.
    _put(signum, signal.SIG_DFL if starter.before is None else starter.before)
    return starter.handler


def _put(number: int, handler: Any) -> None:
    """In place of what was registered here, perhaps as the last."""
    _set(number, handler)
    if not registered() and scheduler().loop is None:
        end_waking(scheduler())


def _set(number: int, handler: Any) -> None:
    try:
        signal.signal(number, handler)
    except OSError as error:
        raise OSError(error.errno, f"{_name(number)} cannot be handled: {os.strerror(error.errno or 0)}") from None


def registered() -> bool:
    """Whether coroutines handle any signals."""
    return any(isinstance(signal.getsignal(number), _Starter) for number in signal.valid_signals())


def begin_waking(here: Scheduler) -> bool:
    """Let signals write to the pipe of `here`, the main thread's scheduler, so that one that
    comes just before it sleeps is not slept through. False: they write to another already."""
    before = _set_wakeup_fd(here.wake_pipe(), warn_on_full_buffer=False)
    if before != -1:
        _set_wakeup_fd(before, warn_on_full_buffer=False)  # how it was set cannot be read
    return before in (-1, here.wake_pipe())


def end_waking(here: Scheduler) -> None:
    """Let them write to nothing, if they write to that pipe."""
    before = _set_wakeup_fd(-1)
    if before not in (-1, here.wake_pipe()):
        _set_wakeup_fd(before, warn_on_full_buffer=False)  # how it was set cannot be read


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have none
        return f"signal {number}"
