"""Files over sockets: `sock.makefile`."""

import gc
import io
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import coro
from coro import sock
from listeners import fill, join, tiny_unix_pair, until_blocked


@pytest.fixture
def ends(_no_leaks: None) -> Iterator[tuple[sock, sock]]:
    left, right = coro.socketpair()
    with left, right:
        yield left, right


def interrupted_recv_exact(left: sock, right: sock, data: bytes) -> None:
    """Let `right` keep `data`, which a `recv_exact` had received when it was interrupted."""
    left.send(data)
    reading = coro.spawn(right.recv_exact, len(data) + 1)
    until_blocked(reading)
    reading.shutdown()
    reading.join()


def nothing_came(made: sock) -> bool:
    """Whether there is nothing to receive."""
    try:
        made.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return True
    return False


# -- reading


def test_text_is_read_line_by_line(ends: tuple[sock, sock]) -> None:
    left, right = ends
    left.send("first\nzweite Zeile ä\r\nno end".encode())
    left.close()
    with right.makefile(encoding="utf-8") as file:
        assert isinstance(file, io.TextIOWrapper)
        assert list(file) == ["first\n", "zweite Zeile ä\n", "no end"]
        assert file.read() == ""


def test_bytes_are_read_line_by_line(ends: tuple[sock, sock]) -> None:
    left, right = ends
    left.send(b"first\nsecond\r\nno end")
    left.close()
    with right.makefile("rb") as file:
        assert isinstance(file, io.BufferedReader)
        assert list(file) == [b"first\n", b"second\r\n", b"no end"]
        assert file.read() == b""


@pytest.mark.parametrize("bufsize", [0, 1, 2, 7, -1])
def test_a_line_may_be_longer_than_the_buffer(ends: tuple[sock, sock], bufsize: int) -> None:
    left, right = ends
    lines = [b"x" * n + b"\n" for n in (0, 1, 6, 7, 8, 100, 5000)]
    left.send(b"".join(lines))
    left.close()
    with right.makefile("rb", bufsize) as file:
        assert [file.readline() for _ in lines] == lines
        assert file.readline() == b""


def test_readline_waits_for_the_rest_of_its_line(ends: tuple[sock, sock]) -> None:
    left, right = ends
    with right.makefile() as file:
        reading = coro.spawn(file.readline)
        left.send(b"half")
        until_blocked(reading)
        left.send(b" and half\nrest")
        assert join(reading) == ["half and half\n"]
        left.close()
        assert file.readline() == "rest"


def test_a_character_may_come_in_pieces(ends: tuple[sock, sock]) -> None:
    left, right = ends
    with right.makefile("r", encoding="utf-8") as file:
        reading = coro.spawn(file.readline)
        for byte in "€\n".encode():
            until_blocked(reading)
            left.send(bytes([byte]))
        assert join(reading) == ["€\n"]


def test_unbuffered_reads_take_no_more_than_they_were_asked_for(ends: tuple[sock, sock]) -> None:
    left, right = ends
    left.send(b"abcdefgh")
    with right.makefile("rb", 0) as file:
        assert isinstance(file, io.RawIOBase)
        assert file.read(3) == b"abc"
        assert right.recv(100) == b"defgh"


def test_the_size_of_the_buffer_is_how_much_is_read_ahead(ends: tuple[sock, sock]) -> None:
    left, right = ends
    left.send(b"abcdefgh")
    with right.makefile("rb", 5) as file:
        assert file.read(1) == b"a"
        assert right.recv(100) == b"fgh"


@pytest.mark.parametrize("mode", ["r", "rb"])
def test_an_empty_stream_ends_at_once(ends: tuple[sock, sock], mode: str) -> None:
    left, right = ends
    left.close()
    with right.makefile(mode) as file:
        assert not file.read()
        assert not file.readline()
        assert list(file) == []


def test_reading_nothing_does_not_wait(ends: tuple[sock, sock]) -> None:
    with ends[0].makefile("rb", 0) as file:
        assert isinstance(file, io.RawIOBase)
        assert file.read(0) == b""
        assert file.readinto(bytearray()) == 0


def test_a_socket_that_does_not_wait_gives_none(ends: tuple[sock, sock]) -> None:
    left, _ = ends
    left.settimeout(0)
    with left.makefile("rb", 0) as reading, left.makefile("wb", 0) as writing:
        assert reading.read(10) is None
        fill(left)
        assert writing.write(b"more") is None


def test_a_timeout_of_the_socket_is_that_of_the_file(ends: tuple[sock, sock]) -> None:
    ends[0].settimeout(0.001)
    with ends[0].makefile("rb") as file, pytest.raises(TimeoutError, match="timed out"):
        file.read(1)


@pytest.mark.parametrize("mode", ["r", "rb"])
def test_a_read_that_was_interrupted_can_be_tried_again(ends: tuple[sock, sock], mode: str) -> None:
    left, right = ends
    with right.makefile(mode) as file:
        for _ in range(3):
            reading = coro.spawn(file.readline)
            until_blocked(reading)
            reading.shutdown()
            reading.join()
        left.send(b"come\n")
        assert file.readline() in ("come\n", b"come\n")


def test_a_write_that_was_interrupted_goes_on_with_the_next_flush(ends: tuple[sock, sock]) -> None:
    left, right = ends
    with left.makefile("wb") as file:
        filled = fill(left)
        file.write(b"waits in the buffer")
        flushing = coro.spawn(file.flush)
        until_blocked(flushing)
        flushing.shutdown()
        flushing.join()
        right.recv_exact(filled)
        file.flush()
        assert right.recv(100) == b"waits in the buffer"


@pytest.mark.parametrize("mode", ["rb", "rwb"])
def test_what_an_interrupted_recv_exact_kept_goes_to_the_file(ends: tuple[sock, sock], mode: str) -> None:
    left, right = ends
    interrupted_recv_exact(left, right, b"kept ")
    left.send(b"and new\n")
    with right.makefile(mode) as file:
        assert file.readline() == b"kept and new\n"


def test_what_was_kept_stays_if_the_file_only_writes(ends: tuple[sock, sock]) -> None:
    left, right = ends
    interrupted_recv_exact(left, right, b"kept")
    with right.makefile("wb") as file:
        file.write(b"x")
    assert right.recv(100) == b"kept"


# -- writing


def test_print_goes_out_when_it_is_flushed(ends: tuple[sock, sock]) -> None:
    left, right = ends
    with left.makefile("w", encoding="utf-8") as file:
        print("größe", 3, sep="=", file=file)
        assert nothing_came(right)
        file.flush()
        assert right.recv(100) == "größe=3\n".encode()


def test_line_buffering_sends_each_line(ends: tuple[sock, sock]) -> None:
    left, right = ends
    with left.makefile("w", 1) as file:
        file.write("no end")
        assert nothing_came(right)
        file.write(", and its end\n")
        assert right.recv(100) == b"no end, and its end\n"


def test_without_a_buffer_each_write_is_sent(ends: tuple[sock, sock]) -> None:
    left, right = ends
    with left.makefile("wb", 0) as file:
        assert file.write(b"at once") == 7
        assert right.recv(100) == b"at once"


def test_a_small_buffer_sends_what_does_not_fit(ends: tuple[sock, sock]) -> None:
    left, right = ends
    with left.makefile("wb", 4) as file:
        file.write(b"abc")
        assert nothing_came(right)
        file.write(b"defg")
        assert right.recv(100).startswith(b"abc")


def test_closing_flushes(ends: tuple[sock, sock]) -> None:
    left, right = ends
    file = left.makefile("w")
    file.write("the last words")
    file.close()
    assert right.recv(100) == b"the last words"


def test_closing_with_nobody_to_flush_to_still_closes(ends: tuple[sock, sock]) -> None:
    left, right = ends
    file = left.makefile("wb")
    fd = file.fileno()
    file.write(b"for nobody")
    right.close()
    with pytest.raises(BrokenPipeError):
        file.close()
    assert file.closed
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_more_than_the_system_takes_waits_for_the_reader(ends: tuple[sock, sock]) -> None:
    left, right = ends
    data = os.urandom(1_000_000)

    def write() -> None:
        with left.makefile("wb") as file:
            assert file.write(data) == len(data)

    writing = coro.spawn(write)
    until_blocked(writing)
    assert right.recv_exact(len(data)) == data
    join(writing)


# -- both


@pytest.mark.parametrize("mode", ["rw", "wr", "r+", "w+", "rwt"])
def test_a_file_for_both_ways(ends: tuple[sock, sock], mode: str) -> None:
    left, right = ends
    with left.makefile(mode) as one, right.makefile(mode) as other:
        assert (one.readable(), one.writable(), one.seekable()) == (True, True, False)
        print("question", file=one, flush=True)
        assert other.readline() == "question\n"
        print("answer", file=other, flush=True)
        assert one.readline() == "answer\n"


@pytest.mark.parametrize("bufsize", [0, 3, -1])
def test_a_binary_file_for_both_ways(ends: tuple[sock, sock], bufsize: int) -> None:
    left, right = ends
    with left.makefile("rwb", bufsize) as file:
        file.write(b"question\n")
        file.flush()
        assert right.recv(100) == b"question\n"
        right.send(b"answer\n")
        assert file.readline() == b"answer\n"


def writing_forgets_what_was_read() -> bool:
    """Whether this Python's text files drop, when they write, what they have read ahead."""
    file = io.TextIOWrapper(io.BufferedRWPair(io.BytesIO(b"first\nsecond\n"), io.BytesIO()))  # type: ignore[type-var]
    file.readline()
    file.write("between")
    return file.readline() != "second\n"


@pytest.mark.skipif(writing_forgets_what_was_read(), reason="io.TextIOWrapper of this Python forgets it")
def test_writing_leaves_what_was_read_ahead(ends: tuple[sock, sock]) -> None:
    left, right = ends
    with left.makefile("rw") as file:
        right.send(b"first\nsecond\n")
        assert file.readline() == "first\n"
        print("between", file=file, flush=True)
        assert file.readline() == "second\n"


def test_one_waits_for_the_file_while_another_writes(ends: tuple[sock, sock]) -> None:
    left, right = ends
    with left.makefile("rwb") as file:
        reading = coro.spawn(file.readline)
        until_blocked(reading)
        file.write(b"meanwhile\n")
        file.flush()
        assert right.recv(100) == b"meanwhile\n"
        right.send(b"now\n")
        assert join(reading) == [b"now\n"]


def test_two_files_of_one_socket(ends: tuple[sock, sock]) -> None:
    left, right = ends
    with right.makefile() as reading, right.makefile("w") as writing:
        serving = coro.spawn(lambda: print(reading.readline().upper(), end="", file=writing, flush=True))
        left.send(b"shout\n")
        assert left.recv_exact(6) == b"SHOUT\n"
        join(serving)


# -- closing


def test_closing_the_file_leaves_the_socket_open(ends: tuple[sock, sock]) -> None:
    left, right = ends
    left.makefile("rw").close()
    left.send(b"still here")
    assert right.recv(100) == b"still here"


def test_closing_the_socket_leaves_the_file_open(ends: tuple[sock, sock]) -> None:
    left, right = ends
    with left.makefile("rwb") as file:
        left.close()
        file.write(b"still here")
        file.flush()
        assert right.recv(100) == b"still here"
        right.send(b"and reads\n")
        assert file.readline() == b"and reads\n"
    assert right.recv(100) == b""  # the last copy is closed


def test_closing_wakes_who_waits_in_the_file(ends: tuple[sock, sock], quiet: None) -> None:
    file = ends[0].makefile("rb", 0)
    reading = coro.spawn(file.read, 10)
    until_blocked(reading)
    file.close()
    with pytest.raises(coro.ClosedError):
        join(reading)


def test_a_file_that_is_dropped_closes_its_descriptor(ends: tuple[sock, sock]) -> None:
    file = ends[0].makefile("rb")
    fd = file.fileno()
    assert fd != ends[0].fd
    del file
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


@pytest.mark.parametrize("mode", ["rb", "wb", "rwb", "r", "w"])
@pytest.mark.parametrize("bufsize", [0, -1])
def test_a_closed_file_says_so(ends: tuple[sock, sock], mode: str, bufsize: int) -> None:
    if bufsize == 0 and "b" not in mode:
        mode += "b"
    file = ends[0].makefile(mode, bufsize)
    file.close()
    file.close()
    assert file.closed
    uses: list[Any] = [file.__enter__, file.flush, file.isatty]
    if "r" in mode:
        uses += [file.readable, file.readline, lambda: file.read(1), lambda: next(file)]
    if "w" in mode:
        uses += [file.writable, lambda: file.write(b"" if "b" in mode else "")]
    for use in uses:
        with pytest.raises(ValueError, match="closed"):
            use()


def test_a_closed_socket_makes_no_file(ends: tuple[sock, sock]) -> None:
    ends[0].close()
    with pytest.raises(coro.ClosedError):
        ends[0].makefile()


# -- what kind of file


@pytest.mark.parametrize(
    ("mode", "readable", "writable"),
    [("r", True, False), ("rb", True, False), ("w", False, True), ("wb", False, True), ("rw", True, True)],
)
@pytest.mark.parametrize("bufsize", [0, 1, 5, -1])
def test_it_can_do_what_its_mode_says(
    ends: tuple[sock, sock], mode: str, readable: bool, writable: bool, bufsize: int
) -> None:
    if bufsize == 0 and "b" not in mode:
        mode += "b"
    with ends[0].makefile(mode, bufsize) as file:
        assert (file.readable(), file.writable(), file.seekable(), file.isatty()) == (readable, writable, False, False)
        if mode != "rwb":  # io.BufferedRWPair has none
            assert file.mode == mode
        if not readable:
            with pytest.raises(io.UnsupportedOperation):
                file.read(1)
        if not writable:
            with pytest.raises(io.UnsupportedOperation):
                file.write(b"x" if "b" in mode else "x")


def test_the_encoding_is_that_which_was_asked_for(ends: tuple[sock, sock]) -> None:
    left, right = ends
    with left.makefile("w", encoding="utf-16-le") as file:
        assert file.encoding == "utf-16-le"
        file.write("é")
    assert right.recv(10) == b"\xe9\x00"


def test_errors_are_handled_as_asked_for(ends: tuple[sock, sock]) -> None:
    left, right = ends
    right.send(b"\xff!\n\xff\n")
    with left.makefile("r", 1, encoding="ascii", errors="replace") as file:
        assert file.readline() == "\ufffd!\n"
    right.send(b"\xff\n")
    with left.makefile("r", encoding="ascii") as file, pytest.raises(UnicodeDecodeError):
        file.readline()
    with left.makefile("wb") as raw, pytest.raises(TypeError):
        raw.write("text")  # type: ignore[arg-type]


@pytest.mark.parametrize("newline", [None, "", "\n", "\r", "\r\n"])
def test_newlines_are_those_of_the_builtin_open(ends: tuple[sock, sock], newline: str | None) -> None:
    left, right = ends
    data = b"a\nb\r\nc\rd"
    left.send(data)
    with left.makefile("w", newline=newline) as file:
        file.write("e\nf\n")
    left.close()
    written = io.BytesIO()
    with io.TextIOWrapper(written, newline=newline) as text:
        text.write("e\nf\n")
        text.flush()
        data += written.getvalue()
    plain = io.TextIOWrapper(io.BytesIO(data), newline=newline)
    with right.makefile("r", newline=newline) as file:
        assert list(file) == list(plain)


@pytest.mark.parametrize("mode", ["", "q", "b", "t", "rr", "rbt", "a", "x", "U", "r w", "rwbb", "+", 5, None, b"r"])
def test_bad_modes_are_refused_as_by_open(ends: tuple[sock, sock], mode: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="mode") as caught:
        ends[0].makefile(mode)
    if mode not in ("a", "x"):  # there is nothing to append to, or to create
        with pytest.raises((ValueError, TypeError)) as of_open:
            open(os.devnull, mode)  # noqa: SIM115
        assert type(caught.value) is type(of_open.value)


@pytest.mark.parametrize(("mode", "bufsize"), [("r", 0), ("w", 0), ("rb", "1"), ("rb", 1.5), ("rb", None)])
def test_bad_sizes_are_refused_as_by_open(ends: tuple[sock, sock], mode: str, bufsize: Any) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        ends[0].makefile(mode, bufsize)
    with pytest.raises((ValueError, TypeError)) as of_open:
        open(os.devnull, mode, bufsize)  # noqa: SIM115
    assert type(caught.value) is type(of_open.value)


def test_a_size_that_makes_no_sense_is_refused(ends: tuple[sock, sock]) -> None:
    with pytest.raises(ValueError, match="bufsize must be -1, 0, 1 or a size, not -2"):  # open takes it for -1
        ends[0].makefile("rb", -2)


@pytest.mark.parametrize("bad", [{"encoding": "no-such-encoding"}, {"errors": 5}, {"newline": "x"}, {"encoding": 5}])
def test_a_bad_choice_of_text_leaves_nothing_open(ends: tuple[sock, sock], bad: dict[str, Any]) -> None:
    interrupted_recv_exact(*ends, b"kept")
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises((LookupError, TypeError, ValueError)) as caught:
        ends[1].makefile("r", **bad)
    with pytest.raises((LookupError, TypeError, ValueError)) as of_open:
        open(os.devnull, **bad)  # noqa: SIM115
    assert type(caught.value) is type(of_open.value)
    assert set(os.listdir("/proc/self/fd")) == before
    assert ends[1].recv(100) == b"kept"


# -- laws

modes = st.sampled_from([0, 1, 2, 3, 17, -1])


@given(st.lists(st.binary(max_size=60).map(lambda line: line.replace(b"\n", b"") + b"\n"), max_size=20), modes, modes)
def test_any_lines_of_bytes_come_out_as_from_memory(lines: list[bytes], out: int, back: int) -> None:
    left, right = tiny_unix_pair()

    def write() -> None:
        with left, left.makefile("wb", out) as file:
            file.writelines(lines)

    writing = coro.spawn(write)
    with right, right.makefile("rb", back) as file:
        assert list(file) == list(io.BytesIO(b"".join(lines)))
    join(writing)


buffered = st.sampled_from([1, 2, 3, 17, -1])
newlines = st.sampled_from([None, "", "\n", "\r", "\r\n"])


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40)), buffered, buffered, newlines)
def test_any_text_comes_out_as_from_memory(parts: list[str], out: int, back: int, newline: str | None) -> None:
    left, right = tiny_unix_pair()
    memory = io.BytesIO()
    plain = io.TextIOWrapper(memory, encoding="utf-8", newline=newline, write_through=True)
    plain.writelines(parts)

    def write() -> None:
        with left, left.makefile("w", out, encoding="utf-8", newline=newline) as file:
            file.writelines(parts)

    writing = coro.spawn(write)
    with right, right.makefile("r", back, encoding="utf-8", newline=newline) as file:
        received = list(file)
    join(writing)
    memory.seek(0)
    assert received == list(io.TextIOWrapper(memory, encoding="utf-8", newline=newline))
