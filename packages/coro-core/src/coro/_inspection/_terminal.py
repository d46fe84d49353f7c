"""A terminal that shows a screen and gives single keys, and is left as it was found.

What belongs here: modes, escape sequences, and every way to leave. Not what is on the screen.

The screen is the terminal's second one, so what was there before comes back. Ctrl-C and Ctrl-Z
go on to mean what they mean: the first ends the program by KeyboardInterrupt, the second gives
the terminal back until the program is continued. A signal that ends the program does so by
SystemExit, so that nothing leaves without putting things right. Handlers of signals write too, in
the middle of whatever is being written, which a buffered file refuses: so nothing is buffered.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from types import FrameType
from typing import Any

ENTER = "\x1b[?1049h\x1b[?25l"  # the second screen, without a cursor
LEAVE = "\x1b[?25h\x1b[?1049l"
HOME = "\x1b[H"
ERASE_LINE = "\x1b[K"
ERASE_BELOW = "\x1b[J"

KEYS = {  # those of more than one byte
    b"\x1b[C": "right",
    b"\x1b[D": "left",
    b"\x1bOC": "right",
    b"\x1bOD": "left",
}


class Terminal:
    """The screen of stdout, and the keys of stdin if that is a terminal too."""

    def __init__(self) -> None:
        self.screen = sys.stdout.fileno()
        self.keys = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else None
        self.pressed = b""  # what was read of the keys and not taken yet
        self.before: list[Any] | None = None  # the terminal's modes
        self.given_back = False

    def draw(self, lines: list[str]) -> None:
        """Show lines, which must fit. They are written over the old ones, so nothing flickers."""
        screen = f"{ERASE_LINE}\n".join(lines)
        self._write(f"{HOME}{screen}{ERASE_LINE}{ERASE_BELOW}")

    def key(self, timeout: float) -> str | None:
        """The next key, waited for as long as `timeout` seconds; None if there is none."""
        if not self.pressed:
            ready, _, _ = select.select([] if self.keys is None else [self.keys], [], [], timeout)
            if not ready or self.keys is None:
                return None
            self.pressed = os.read(self.keys, 64)
            if not self.pressed:  # the terminal is gone
                self.keys = None
                return None
        for sequence, name in KEYS.items():
            if self.pressed.startswith(sequence):
                self.pressed = self.pressed[len(sequence) :]
                return name
        first, self.pressed = self.pressed[:1], self.pressed[1:]
        return first.decode("latin-1")

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Take the terminal, and give it back however the block is left."""
        ours: dict[signal.Signals, Any] = {signal.SIGTERM: _end, signal.SIGHUP: _end, signal.SIGTSTP: self._pause}
        before = {number: signal.getsignal(number) for number in ours}
        try:
            for number, handler in ours.items():
                signal.signal(number, handler)
            self._enter()
            yield
        finally:
            self.given_back = True
            self._give_back(before)

    def _give_back(self, handlers: dict[signal.Signals, Any]) -> None:
        """For good. However often somebody presses Ctrl-C meanwhile, it comes to its end first."""
        interrupt: BaseException | None = None
        while True:
            try:
                self._leave()
                for number, handler in handlers.items():
                    signal.signal(number, handler)
                break
            except (KeyboardInterrupt, SystemExit) as error:
                interrupt = error
        if interrupt is not None:
            raise interrupt

    def _enter(self) -> None:
        if self.keys is not None:
            if self.before is None:  # or a Ctrl-Z came before this, and has entered already
                self.before = termios.tcgetattr(self.keys)
            tty.setcbreak(self.keys)
        self._write(ENTER)

    def _leave(self) -> None:
        with contextlib.suppress(OSError):
            self._write(LEAVE)
        if self.keys is not None and self.before is not None:
            self._set_modes(self.keys, self.before)
            self.before = None

    @staticmethod
    def _set_modes(fd: int, modes: list[Any]) -> None:
        while True:
            try:
                termios.tcsetattr(fd, termios.TCSADRAIN, modes)
            except termios.error as error:
                if error.args[0] == errno.EINTR:  # Python does not try again by itself here
                    continue
            return

    def _write(self, text: str) -> None:
        data = text.encode(sys.stdout.encoding, "backslashreplace")
        while data:
            data = data[os.write(self.screen, data) :]

    def _pause(self, number: int, frame: FrameType | None) -> None:
        """Ctrl-Z: stop with the terminal as it was, and take it again afterwards."""
        self._leave()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # here it stops
        signal.signal(number, self._pause)
        if not self.given_back:
            self._enter()


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
