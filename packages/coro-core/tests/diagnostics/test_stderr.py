"""Lines on the program's stderr."""

import io
import os
import sys
import threading
import time

import pytest

import coro
from coro._diagnostics._stderr import print_stderr, write_stderr
from coro._scheduler import all_schedulers


@pytest.fixture
def console(monkeypatch):
    """A pipe in the place of the program's stderr; gives the end to read from."""
    reader, writer = os.pipe()
    with open(reader, "rb", buffering=0) as out, open(writer, "w", encoding="ascii") as stream:
        monkeypatch.setattr(sys, "__stderr__", stream)
        yield out
        monkeypatch.undo()


class TestWrite:
    def test_writes_the_text_as_it_is(self, console):
        write_stderr("no end of a line")
        assert console.read(100) == b"no end of a line"

    def test_what_the_encoding_does_not_have(self, console):
        write_stderr("\N{SNOWMAN}\udc80")
        assert console.read(100) == rb"\u2603\udc80"

    def test_takes_no_notice_of_a_redirection(self, console, monkeypatch):
        elsewhere = io.StringIO()
        monkeypatch.setattr(sys, "stderr", elsewhere)
        write_stderr("text")
        assert console.read(100) == b"text"
        assert elsewhere.getvalue() == ""

    def test_without_a_stderr(self, monkeypatch):
        monkeypatch.setattr(sys, "__stderr__", None)
        monkeypatch.setattr(sys, "stderr", None)
        write_stderr("lost")
        print_stderr("lost")

    def test_to_one_that_is_no_file(self, monkeypatch):
        stream = io.StringIO()
        monkeypatch.setattr(sys, "__stderr__", None)
        monkeypatch.setattr(sys, "stderr", stream)
        write_stderr("text")
        assert stream.getvalue() == "text"

    def test_to_one_that_is_closed(self, console):
        sys.__stderr__.close()
        write_stderr("lost")

    def test_to_one_that_nobody_reads(self, console):
        console.close()
        write_stderr("lost")

    def test_to_a_descriptor_that_is_closed(self, monkeypatch):
        class Stream:
            encoding = "utf-8"

            def fileno(self):
                return 10**6

        monkeypatch.setattr(sys, "__stderr__", Stream())
        write_stderr("lost")

    @pytest.mark.parametrize("wrong", [b"bytes", None, 5])
    def test_what_is_no_text(self, wrong):
        with pytest.raises(TypeError, match="s must be a str"):
            write_stderr(wrong)

    def test_to_a_full_one_that_does_not_block(self, console):
        """The rest is lost; it does not hold up the program for ever."""
        fd = sys.__stderr__.fileno()
        os.set_blocking(fd, False)
        with pytest.raises(BlockingIOError):
            while True:
                os.write(fd, b"x" * 4096)
        write_stderr("lost")
        os.set_blocking(console.fileno(), False)
        read = b""
        while (part := console.read(1 << 20)) is not None:
            read += part
        assert read == b"x" * len(read)
        write_stderr("text")
        assert console.read(100) == b"text"

    def test_a_long_text_to_one_that_does_not_block(self, console):
        """A part at a time, as somebody reads."""
        os.set_blocking(sys.__stderr__.fileno(), False)
        long = "0123456789" * 100_000
        read = []

        def read_all():
            while sum(map(len, read)) < len(long):
                read.append(console.read(1 << 16))

        thread = threading.Thread(target=read_all)
        thread.start()
        write_stderr(long)
        sys.__stderr__.close()
        thread.join()
        assert b"".join(read) == long.encode()


class TestPrint:
    def test_tells_who_and_when(self, console):
        co = coro.spawn(print_stderr, "hello", thread_name="teller")
        before = time.time()
        co.join()
        who, line = console.read(1000).decode().split("\t")
        assert who == f"{co.id}:"
        stamp, text = line[:24], line[24:]
        assert int(before) <= time.mktime(time.strptime(stamp)) <= time.time()
        assert text == " hello\n"

    def test_has_one_end(self, console):
        print_stderr("with one\n")
        print_stderr("without")
        assert console.read(1000).count(b"\n") == 2

    def test_whatever_has_a_text(self, console):
        print_stderr(["a", 5])
        assert console.read(1000).endswith(b" ['a', 5]\n")

    def test_in_a_thread_without_coroutines(self, console):
        """And it does not get any by this."""
        before = len(all_schedulers())
        thread = threading.Thread(target=print_stderr, args=("hello",))
        thread.start()
        thread.join()
        assert console.read(1000).startswith(b"-:\t")
        assert len(all_schedulers()) == before

    def test_lines_of_several_threads_stay_whole(self, start):
        program = start("""
            import threading, coro
            from coro._diagnostics._stderr import print_stderr

            def tell(letter):
                for _ in range(200):
                    print_stderr(letter * 500)

            threads = [threading.Thread(target=tell, args=(letter,)) for letter in "abcd"]
            for each in threads: each.start()
            for each in threads: each.join()
        """)
        status, out, err = program.end()
        assert (status, out) == (0, "")
        lines = err.splitlines()
        assert len(lines) == 800
        for line in lines:
            assert line[28:] == line[28] * 500
