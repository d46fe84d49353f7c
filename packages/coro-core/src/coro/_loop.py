"""The event loop: the main coroutine waits until it is told to exit.

What belongs here: how a program that lives in its coroutines starts and ends. Nothing
runs *in* the loop; coroutines run whenever somebody waits, with or without it.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

from coro import _inspection, signal_handler
from coro._diagnostics import _reports
from coro._scheduler import Scheduler, main_scheduler, scheduler, yield_slice
from coro.errors import DeadCoroutine
from coro.sync._conditions import named_event

_print_exit_string = True


class _Loop:
    """One run of `event_loop`."""

    def __init__(self) -> None:
        self.exit_code: object = None
        self._told = named_event("event loop")

    @property
    def exiting(self) -> bool:
        return self._told.is_set()

    def exit(self, code: object) -> None:
        """From any OS thread, and from a handler of a signal."""
        self.exit_code = code
        self._told.set()

    def wait(self) -> None:
        if self.exiting:
            yield_slice()  # those that are ready still get their turn
        self._told.wait()


_asked_before: dict[int | None, object] = {}
"""Exit codes for event loops that do not run yet, by the id of their main coroutine; under
None for the main thread, if it has not used coro yet."""


def event_loop(timeout: float | None = 30, install_signal_handlers: bool | None = None) -> None:
    """Let the coroutines run until `set_exit` is called.

    Call it in the main coroutine of a thread, usually as the program's last line. It
    ends as the program should: Ctrl-C (SIGINT) raises `KeyboardInterrupt` here, and in no
    other coroutine; SIGTERM is the same as ``set_exit(0)``; `SystemExit` from a coroutine that
    exits is raised here. Signals that the program has set a handler for are left to that.

    Args:
        timeout: the longest that the scheduler sleeps at a time, in seconds.
        install_signal_handlers: whether to take over SIGINT and SIGTERM, in Python's main
            thread; None for what ``coro.install_signal_handlers`` says, which is True
            unless the program sets it.

    Raises:
        SystemExit: with the code given to `set_exit`; with 0 after SIGTERM.
        DeadlockError: no coroutine can ever run again.
        RuntimeError: it runs already, or this is not the thread's main coroutine.
        ValueError, TypeError: `timeout` is negative or NaN, or is no number.
    """
    here = scheduler()
    if here.current is not here.main:
        raise RuntimeError(f"event_loop() runs in the main coroutine of a thread, not in {here.current!r}")
    if here.loop is not None:
        raise RuntimeError("the event loop of this thread runs already")
    if install_signal_handlers is None:
        install_signal_handlers = vars(sys.modules["coro"]).get("install_signal_handlers", True)
    here.set_longest_sleep(timeout)
    here.loop = loop = _Loop()
    for asker in (here.main.id, None if here.in_main_thread else here.main.id):
        if asker in _asked_before:
            loop.exit(_asked_before.pop(asker))
    try:
        with _signals(here, bool(install_signal_handlers)), _inspection.served():
            loop.wait()
    finally:
        here.loop = None
        here.set_longest_sleep(None)
    if _print_exit_string and sys.stderr is not None:
        with contextlib.suppress(Exception):
            sys.stderr.write("Exiting\n")
    raise SystemExit(loop.exit_code)


def set_exit(code: object = 0) -> None:
    """Make the thread's event loop exit, after those have run that are ready now.

    Called before `event_loop`, it makes that exit as soon as it begins. From a thread
    without an event loop it ends the main thread's.

    Args:
        code: the exit code of the process, as for `sys.exit`.
    """
    here = scheduler()
    if here.loop is not None:
        here.loop.exit(code)
        return
    there = main_scheduler()
    asker = None if there is None else there.main.id
    _asked_before[asker] = code
    there = main_scheduler()  # after that, as a loop that begins at this moment looks at it after it has begun
    if there is not None and there.loop is not None and asker in _asked_before:
        there.loop.exit(_asked_before.pop(asker))


def coro_is_running() -> bool:
    """Whether the event loop of this thread runs."""
    return scheduler().loop is not None


def set_print_exit_string(val: object) -> None:
    """Whether `event_loop` says "Exiting" on `sys.stderr` when it exits. It does unless set."""
    global _print_exit_string
    _print_exit_string = bool(val)


def _interrupt_main(number: int, frame: FrameType | None) -> None:
    """The handler of SIGINT while the event loop runs."""
    here = main_scheduler()
    if here is None or here.current is here.main:
        raise KeyboardInterrupt
    with contextlib.suppress(DeadCoroutine):
        here.main.raise_exception(KeyboardInterrupt)


def _exit_loop(number: int, frame: FrameType | None) -> None:
    """The handler of SIGTERM while the event loop runs.

    The exit code is 0: the order was followed. To a service manager any other, even the 143
    that a shell tells of who died by SIGTERM, is a failure unless it was told about it.
    """
    here = main_scheduler()
    if here is None or here.loop is None:  # somebody kept it for longer than the loop
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
    elif not here.loop.exiting:
        set_exit()


#: What the loop sets in place of what, if the program has not set anything else.
_HANDLERS: dict[int, tuple[Any, Any]] = {
    signal.SIGINT: (_interrupt_main, signal.default_int_handler),
    signal.SIGTERM: (_exit_loop, signal.SIG_DFL),
}

_reports.harmless_handlers.update(ours for ours, _ in _HANDLERS.values())


@contextlib.contextmanager
def _signals(here: Scheduler, handled: bool) -> Iterator[None]:
    """Signals wake the loop, and those that are to end it do, if they are to be `handled`.

    Only in Python's main thread, and only what the program has not arranged itself.
    """
    if not here.in_main_thread:
        yield
        return
    begun = signal_handler.begin_waking(here)
    try:
        if handled:
            for number, (ours, default) in _HANDLERS.items():
                if signal.getsignal(number) is default:
                    signal.signal(number, ours)
        yield
    finally:
        _put_handlers_back()
        if begun and not signal_handler.registered():
            signal_handler.end_waking(here)


def _put_handlers_back() -> None:
    for number, (ours, default) in _HANDLERS.items():
        if signal.getsignal(number) is ours:
            signal.signal(number, default)


def _after_fork_in_child() -> None:
    here = main_scheduler()
    if here is None or here.loop is None:  # the loop is the parent's
        _put_handlers_back()


os.register_at_fork(after_in_child=_after_fork_in_child)
