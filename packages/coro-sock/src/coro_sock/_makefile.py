"""A file over a socket, as `sock.makefile` returns it.

What belongs here: the raw file, and choosing which of the standard `io` classes go on top of
it. They do the buffering, the lines and the text.
"""

import io
from typing import IO, Any, Protocol


class Stream(Protocol):
    """What a raw file needs of a socket."""

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int: ...
    def send(self, data: Any, flags: int = 0) -> int: ...
    def fileno(self) -> int: ...
    def close(self) -> None: ...


class SocketFile(io.RawIOBase):
    """A raw file that reads from and writes to a socket, which is its own."""

    def __init__(self, socket: Stream, mode: str) -> None:
        super().__init__()
        self._socket = socket
        self.mode = f"{mode}b"  # as other raw files say it; sendfile() asks
        self.name = socket.fileno()

    def readable(self) -> bool:
        self._check_open()
        return "r" in self.mode

    def writable(self) -> bool:
        self._check_open()
        return "w" in self.mode

    def seekable(self) -> bool:
        self._check_open()
        return False

    def fileno(self) -> int:
        self._check_open()
        return self._socket.fileno()

    def readinto(self, buffer: Any, /) -> int | None:
        if not self.readable():
            raise io.UnsupportedOperation("the file is not open for reading")
        try:
            return self._socket.recv_into(buffer) if len(buffer) else 0
        except BlockingIOError:
            return None

    def write(self, data: Any, /) -> int | None:
        if not self.writable():
            raise io.UnsupportedOperation("the file is not open for writing")
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return None

    def close(self) -> None:
        if not self.closed:
            try:
                super().close()
            finally:
                self._socket.close()

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")


def check(mode: str, bufsize: int) -> tuple[str, bool]:
    """The mode for the raw file ("r", "w" or "rw"), and whether it is for bytes.

    Raises:
        TypeError, ValueError: as the builtin `open`.
    """
    if not isinstance(mode, str):
        raise TypeError(f"mode must be a str, not {type(mode).__name__}")
    letters = set(mode)
    if letters - set("rwbt+") or len(letters) != len(mode) or not letters & set("rw") or letters >= set("bt"):
        raise ValueError(f"invalid mode: {mode!r} (it may have r, w and +, and either b or t)")
    binary = "b" in letters
    if bufsize < -1:
        raise ValueError(f"bufsize must be -1, 0, 1 or a size, not {bufsize}")
    if bufsize == 0 and not binary:
        raise ValueError("can't have unbuffered text I/O: bufsize 0 needs a mode with b")
    both = "+" in letters or letters >= set("rw")
    return ("rw" if both else "r" if "r" in letters else "w"), binary


def make(
    raw: SocketFile,
    bufsize: int,
    binary: bool,
    encoding: str | None,
    errors: str | None,
    newline: str | None,
) -> IO[Any]:
    """The file over `raw`, with a buffer of `bufsize` bytes and text on top as asked for. Closes
    `raw` if that fails."""
    try:
        return _stacked(raw, bufsize, binary, encoding, errors, newline)
    except BaseException:
        raw.close()
        raise


def _stacked(
    raw: SocketFile,
    bufsize: int,
    binary: bool,
    encoding: str | None,
    errors: str | None,
    newline: str | None,
) -> IO[Any]:
    size = bufsize if bufsize > 1 else io.DEFAULT_BUFFER_SIZE
    buffered: Any
    if bufsize == 0:
        return raw  # type: ignore[return-value]
    if raw.readable() and raw.writable():
        buffered = io.BufferedRWPair(raw, raw, size)
    elif raw.readable():
        buffered = io.BufferedReader(raw, size)
    else:
        buffered = io.BufferedWriter(raw, size)
    if binary:
        return buffered  # type: ignore[no-any-return]
    text = io.TextIOWrapper(buffered, encoding, errors, newline, line_buffering=bufsize == 1)
    text.mode = raw.mode.removesuffix("b")  # type: ignore[misc]
    return text
