"""What happens to an exception that nobody catches in a coroutine.

What belongs here: telling the program about it. The coroutine keeps the exception;
`coro.coro.result` raises it again.
"""

from __future__ import annotations

import os
import sys

from coro.errors import Interrupted

TYPE_CHECKING = False  # as `coro.errors` has it
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Notifier = Callable[[], object]

FOR_THE_PROGRAM = (KeyboardInterrupt, SystemExit)

_notifier: Notifier | None = None


def set_exception_notifier(new_func: Notifier | None) -> Notifier | None:
    """Set what is called when a coroutine ends by an exception that nobody caught.

    Args:
        new_func: called without arguments, in the coroutine, while `sys.exc_info()` and
            `coro.current()` tell what happened and to whom. None for the default, which
            prints the traceback to `sys.stderr`.

    Returns:
        what was set until now; None for the default.

    Raises:
        TypeError: `new_func` cannot be called.
    """
    global _notifier
    if new_func is not None and not callable(new_func):
        raise TypeError(f"new_func must be callable or None, not {type(new_func).__name__}")
    before, _notifier = _notifier, new_func
    return before


def ended_by_exception(co: Any, error: BaseException, main: Any) -> None:
    """Called by the scheduler in `co`, whose function has raised `error`.

    To be told to end is no failure. `KeyboardInterrupt` and `SystemExit` are meant for
    the program, so for its main coroutine.
    """
    if isinstance(error, Interrupted):
        return
    if not isinstance(error, FOR_THE_PROGRAM):
        try:
            _tell(co, error)
            return
        except FOR_THE_PROGRAM as order:  # Ctrl-C strikes anywhere
            error = order
    if co is not main and not main.dead:
        main.raise_exception(error)


def _tell(co: Any, error: BaseException) -> None:
    story = _story(error)  # without the next line's frame
    before = error.__traceback__
    try:
        raise error
    except BaseException:
        if _notifier is not None:
            try:
                _notifier()
                return
            except FOR_THE_PROGRAM:
                raise
            except BaseException as fault:
                report_unraisable(fault, _notifier)
        try:
            name = co.name
        except Exception as fault:
            report_unraisable(fault, type(co))
            name = "?"
        _print(f"coroutine {co.id} ({name}) ended by an exception:\n{story}")
    finally:
        error.__traceback__ = before  # that of this frame would hold `co`, which holds the error


def report_unraisable(error: BaseException, culprit: object) -> None:
    """Tell of an error that can be raised nowhere, as Python does for finalizers."""
    try:
        who = repr(culprit)
    except Exception:
        who = object.__repr__(culprit)
    try:
        _print(f"Exception ignored in {who}:\n{_story(error)}")
    except Exception:
        return


def end_forked_process(co: Any) -> None:
    """The coroutine that called fork() has ended in the child, and with it the process.

    As for a thread that forked: there is no main thread to return to.
    """
    status = 0
    error = co.failure
    if isinstance(error, SystemExit):
        status = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        if isinstance(error.code, str):
            _print(error.code + "\n")
    elif error is not None:
        status = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            continue
    os._exit(status & 0xFF)


def _story(error: BaseException) -> str:
    """The traceback. Its module is imported by the first failure: it takes a third of the time in which
    all of core is imported."""
    try:
        from traceback import format_exception
    except Exception:  # no descriptor is free, or Python is being torn down
        return _short_story(error)
    return "".join(format_exception(error))


def _short_story(error: BaseException) -> str:
    """A traceback without the lines of the program."""
    lines = ["Traceback (most recent call last):"]
    entry = error.__traceback__
    while entry is not None:
        code = entry.tb_frame.f_code
        lines.append(f'  File "{code.co_filename}", line {entry.tb_lineno}, in {code.co_name}')
        entry = entry.tb_next
    return "\n".join([*lines, f"{type(error).__qualname__}: {error}", ""])


def _print(text: str) -> None:
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except Exception:
        return
