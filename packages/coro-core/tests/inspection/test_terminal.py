"""coro._inspection._terminal: the ways to leave. What is shown is tested with `top` itself, in tests-integration."""

import os
import pty
import signal
import subprocess
import sys

import pytest

# The second signal comes just when the terminal's first screen is back, its modes not yet.
PROGRAM = """
import os, signal, sys, termios
from coro._inspection import _terminal

second, write = int(sys.argv[1]), os.write

def write_and_be_struck(fd, data):
    written = write(fd, data)
    if data == _terminal.LEAVE.encode():
        os.write = write
        os.kill(os.getpid(), second)
    return written

terminal = _terminal.Terminal()
before = signal.getsignal(signal.SIGTSTP), termios.tcgetattr(0)
try:
    with terminal.in_use():
        os.write = write_and_be_struck
        os.kill(os.getpid(), signal.SIGINT)
        terminal.key(1)
except BaseException as error:
    assert (signal.getsignal(signal.SIGTSTP), termios.tcgetattr(0)) == before
    print("END", type(error).__name__)
"""


@pytest.mark.parametrize(
    ("second", "end"),
    [(signal.SIGINT, "KeyboardInterrupt"), (signal.SIGTERM, "SystemExit"), (signal.SIGTSTP, "KeyboardInterrupt")],
)
def test_an_impatient_user_gets_the_terminal_back_all_the_same(second, end):
    """In a session of its own nobody could continue it, so the kernel does not stop it either."""
    master, slave = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", PROGRAM, str(int(second))],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            timeout=60,
        )
        shown = os.read(master, 65536).decode()
    finally:
        os.close(master)
        os.close(slave)
    assert (done.returncode, shown.splitlines()[-1].rpartition("l")[2]) == (0, f"END {end}"), shown
    assert shown.count("\x1b[?1049h") == 1
    assert shown.rindex("\x1b[?1049l") > shown.rindex("\x1b[?1049h")
