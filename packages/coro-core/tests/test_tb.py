"""Stacks and tracebacks in one line."""

import ast
import sys

import pytest

import coro
from coro import tb
from coro.interface import scheduler


def here(frame=None):
    return tb.stack_string(frame)


def line_of(function):
    return function.__code__.co_firstlineno + 1


class TestStackString:
    def test_tells_directory_file_function_and_line_of_each_frame(self):
        first, second, *_ = here().split("] [")
        assert first == f"[tests/test_tb.py here|{line_of(here)}"
        own = TestStackString.test_tells_directory_file_function_and_line_of_each_frame
        assert second == f"tests/test_tb.py {own.__name__}|{line_of(own)}"

    def test_of_a_given_frame(self):
        frame = sys._getframe()
        assert here(frame).startswith(f"[tests/test_tb.py test_of_a_given_frame|{frame.f_lineno}] [")

    def test_goes_to_the_outermost_frame(self):
        frame, depth = sys._getframe(), 0
        while frame is not None:
            frame, depth = frame.f_back, depth + 1
        assert tb.stack_string().count("|") == depth

    def test_of_a_suspended_coroutine(self, parked):
        def inner():
            scheduler().wait("tea")

        def outer():
            inner()

        co = coro.spawn(outer)
        coro.yield_slice()
        assert tb.stack_string(co.get_frame()) == (
            f"[tests/test_tb.py inner|{line_of(inner)}] [tests/test_tb.py outer|{line_of(outer)}]"
        )
        co.shutdown()
        co.join()

    def test_is_cut_at_a_limit(self):
        assert tb.stack_string(limit=1).count("|") == 1
        assert tb.stack_string(limit=1).endswith("] ...")
        assert tb.stack_string(limit=0) == "..."
        assert tb.stack_string(limit=10**6) == tb.stack_string()

    @pytest.mark.parametrize(
        ("filename", "place"),
        [("/a/b/c.py", "b/c.py"), ("c.py", "c.py"), ("/c.py", "c.py"), ("<stdin>", "<stdin>"), ("b/c.py", "b/c.py")],
    )
    def test_of_files_of_any_name(self, filename, place):
        namespace = {"sys": sys}
        exec(compile("def function():\n    return sys._getframe()", filename, "exec"), namespace)
        assert tb.stack_string(namespace["function"]()).startswith(f"[{place} function|2]")

    @pytest.mark.parametrize("odd", [object(), 5, "frame", sys])
    def test_of_what_is_no_frame(self, odd):
        assert tb.stack_string(odd) == "[? ?|?]"


def fail():
    raise ZeroDivisionError("no luck")


class TestTracebackString:
    def told(self, *arguments):
        """The four parts, after a look at their form: the repr of a tuple in one line."""
        words = tb.traceback_string(*arguments)
        assert "\n" not in words
        parts = ast.literal_eval(words)
        assert len(parts) == 4
        return parts

    def test_of_the_exception_that_is_handled(self):
        try:
            fail()
        except ZeroDivisionError:
            place, kind, what, way = self.told()
        assert place == f"tests/test_tb.py fail|{line_of(fail)}"
        assert kind == "<class 'ZeroDivisionError'>"
        assert what == "no luck"
        own = TestTracebackString.test_of_the_exception_that_is_handled.__name__
        assert way == f"[tests/test_tb.py {own}|{line_of(getattr(TestTracebackString, own)) + 1}] [{place}]"

    def test_of_a_given_one(self):
        try:
            fail()
        except ZeroDivisionError as error:
            caught, info = error, sys.exc_info()
        assert self.told(caught) == self.told(*info)
        assert self.told(caught)[2] == "no luck"
        del caught, info

    def test_of_one_that_was_not_raised(self):
        assert self.told(ValueError("two\nlines")) == ("?", "<class 'ValueError'>", "two\nlines", "[]")

    def test_of_none(self):
        assert self.told() == ("?", "None", "None", "[]")

    def test_of_one_whose_text_raises(self):
        class Mute(Exception):
            def __str__(self):
                raise KeyError

        assert self.told(Mute())[2] == "<Mute, its str raises KeyError>"

    def test_of_the_failure_of_a_coroutine(self, quiet):
        co = coro.spawn(fail)
        co.join()
        place, _, what, way = self.told(co.failure)
        assert (place, what) == (f"tests/test_tb.py fail|{line_of(fail)}", "no luck")
        assert way.endswith(f"[{place}]")
