"""What happens between two lines of a function: where another OS thread, or a signal's handler, may strike."""

import contextlib
import inspect
import sys


@contextlib.contextmanager
def before_line(function, text, act):
    """Calls `act` once in this OS thread, before a line of `function` that has `text` in it runs."""
    lines, first = inspect.getsourcelines(function)
    (number,) = [first + at for at, line in enumerate(lines) if text in line]
    acted = []

    def look(frame, event, argument):
        if event == "line" and frame.f_lineno == number and not acted:
            acted.append(None)
            act()
        return look

    before = sys.gettrace()
    sys.settrace(lambda frame, event, argument: look if frame.f_code is function.__code__ else None)
    try:
        yield
    finally:
        sys.settrace(before)
    assert acted
