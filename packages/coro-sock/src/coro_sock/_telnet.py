"""What a person types at the other end of a connection: lines, and keys that mean something.

What belongs here: telling the lines from the commands of the telnet protocol, in bytes as they
come. A plain connection (netcat) is understood in the same way: byte 255, which begins a
command, is in no UTF-8 text.

A telnet client asks for options and waits for the answer, so all of them are refused (RFC 854).
One question needs its answer at once: on Ctrl-C it sends "interrupt process" and "do timing mark",
and shows nothing more until the mark is answered (RFC 860).
"""

import enum
import re
from collections.abc import Iterator

EOF, BREAK, INTERRUPT_PROCESS = 236, 243, 244
SE, SB = 240, 250  # end and beginning of a subnegotiation
WILL, WONT, DO, DONT = 251, 252, 253, 254
IAC = 255  # interpret as command

CTRL_C, CTRL_D, NEWLINE, RETURN = 3, 4, 10, 13

REFUSALS = {WILL: DONT, DO: WONT}

_SPECIAL = re.compile(bytes([*b"[", CTRL_C, CTRL_D, NEWLINE, RETURN, IAC, *b"]"]), re.DOTALL)


class Typed(enum.Enum):
    """What was typed."""

    LINE = enum.auto()  #: a line, without its end
    TOO_LONG = enum.auto()  #: a line that is longer than the limit, and was dropped
    INTERRUPT = enum.auto()  #: Ctrl-C; the line until there was dropped
    END = enum.auto()  #: Ctrl-D at the beginning of a line
    QUESTION = enum.auto()  #: an option was asked for, here is the answer to send


class Keyboard:
    """Makes lines of bytes.

    Args:
        limit: the longest line, in bytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._line = bytearray()
        self._too_long = False
        self._after_return = False  # so what follows may be the rest of the line's end
        self._command = bytearray()  # the beginning of one
        self._in_subnegotiation = False

    def feed(self, data: bytes) -> Iterator[tuple[Typed, bytes]]:
        """What `data` completes, in the order in which it was typed."""
        at = 0
        while at < len(data):
            if self._command:
                self._command.append(data[at])
                at += 1
                yield from self._obey()
                continue
            if self._after_return:
                self._after_return = False
                if data[at] in (NEWLINE, 0):
                    at += 1
                    continue
            found = _SPECIAL.search(data, at)
            end = len(data) if found is None else found.start()
            self._append(data[at:end])
            at = end + 1
            if found is not None:
                yield from self._special(data[end])

    def _append(self, text: bytes) -> None:
        if self._in_subnegotiation or self._too_long:
            return
        self._line += text
        if len(self._line) > self._limit:
            self._too_long = True
            self._line.clear()

    def _special(self, byte: int) -> Iterator[tuple[Typed, bytes]]:
        if byte == IAC:
            self._command.append(byte)
        elif self._in_subnegotiation:
            pass
        elif byte == CTRL_C:
            yield from self._interrupt()
        elif byte == CTRL_D:
            if not self._line and not self._too_long:
                yield Typed.END, b""
        else:
            self._after_return = byte == RETURN
            yield (Typed.TOO_LONG if self._too_long else Typed.LINE), bytes(self._line)
            self._drop()

    def _obey(self) -> Iterator[tuple[Typed, bytes]]:
        """Carry out `_command`, if it is complete."""
        verb = self._command[1]
        if verb in (WILL, WONT, DO, DONT) and len(self._command) < 3:
            return
        option = self._command[2:]
        self._command.clear()
        if self._in_subnegotiation:
            self._in_subnegotiation = verb != SE
        elif verb == IAC:
            self._append(bytes([IAC]))
        elif verb == SB:
            self._in_subnegotiation = True
        elif verb in REFUSALS:
            yield Typed.QUESTION, bytes([IAC, REFUSALS[verb], *option])
        elif verb in (BREAK, INTERRUPT_PROCESS):
            yield from self._interrupt()
        elif verb == EOF:
            yield Typed.END, b""

    def _interrupt(self) -> Iterator[tuple[Typed, bytes]]:
        self._drop()
        yield Typed.INTERRUPT, b""

    def _drop(self) -> None:
        self._line.clear()
        self._too_long = False
