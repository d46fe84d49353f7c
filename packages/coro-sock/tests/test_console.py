"""Statements at a prompt: `coro_sock._console`."""

import builtins
import sys
from collections.abc import Callable
from typing import Any

import pytest

import coro
from coro_sock._console import LIMIT, Console

Prompt = Callable[..., str]


@pytest.fixture
def ask(capfd: pytest.CaptureFixture[str]) -> Any:
    """Types lines at one prompt; returns what that shows. Nothing else may be shown or changed."""
    shown: list[str] = []
    to_read: list[str] = []

    def type_in(*lines: str, answers: tuple[str, ...] = ()) -> str:
        to_read[:] = answers
        shown.clear()
        stdout = sys.stdout
        for line in lines:
            console.push(line)
        assert sys.stdout is stdout
        return "".join(shown)

    console = Console({"given": [1, 2]}, shown.append, lambda: to_read.pop(0))
    type_in.console = console  # type: ignore[attr-defined]
    before = dict(vars(builtins)), sys.displayhook, vars(sys).get("last_value")
    yield type_in
    assert (dict(vars(builtins)), sys.displayhook, vars(sys).get("last_value")) == before
    assert capfd.readouterr() == ("", "")


def test_what_an_expression_is(ask: Prompt) -> None:
    assert ask("1 + 1") == "2\n"
    assert ask("None") == ""
    assert ask("_ * 3") == "6\n"
    assert ask("'text'; 5") == "'text'\n5\n"
    assert ask("given") == "[1, 2]\n"
    assert ask("", "# nothing", "   ") == ""


def test_a_name_is_kept(ask: Prompt) -> None:
    assert ask("x = 5", "x") == "5\n"
    assert ask("[x for _ in range(2)], (lambda: x)()") == "([5, 5], 5)\n"


def test_several_lines(ask: Any) -> None:
    assert ask.console.prompt == ">>> "
    assert ask("def double(x):") == ""
    assert ask.console.prompt == "... "
    assert ask("  'text'", "  return x * 2", "", "double(21)") == "42\n"
    assert ask.console.prompt == ">>> "
    assert ask("for i in range(2):", "  i", "  if i:", "    'one'", "") == "0\n1\n'one'\n"
    assert ask("class C:", "  5", "") == ""
    assert ask('"""a', "", 'b"""') == "'a\\n\\nb'\n"
    assert ask("with given:") == ""
    ask.console.forget()
    assert ask("1") == "1\n"


def test_what_is_printed(ask: Prompt) -> None:
    assert ask("print(1, 'x', sep='-', end='!')") == "1-x!"
    assert ask("def f():", "  print('inside')", "", "f()") == "inside\n"
    assert ask("import io; text = io.StringIO()", "print(1, file=text)", "text.getvalue()") == "'1\\n'\n"
    assert "'sep' is an invalid" not in ask("print(sep=None)")
    assert "TypeError" in ask("print(sep=5)")


def test_what_the_program_prints_is_its_own(ask: Prompt, capfd: pytest.CaptureFixture[str]) -> None:
    assert ask("import builtins", "builtins.print('from the program')") == ""
    assert capfd.readouterr().out == "from the program\n"


def test_what_is_raised(ask: Prompt) -> None:
    assert ask("1 / 0") == (
        'Traceback (most recent call last):\n  File "<backdoor>", line 1, in <module>\n'
        "ZeroDivisionError: division by zero\n"
    )
    assert ask("import json; json.loads('')").count("_console.py") == 0
    assert ask("raise KeyboardInterrupt").endswith("KeyboardInterrupt\n")
    assert ask("import coro; raise coro.Interrupted('x')").endswith("coro.errors.Interrupted: x\n")
    assert ask("raise GeneratorExit").endswith("GeneratorExit\n")
    assert ask("def f(): f()", "", "f()").endswith("RecursionError: maximum recursion depth exceeded\n")


def test_what_is_no_python(ask: Prompt) -> None:
    assert "SyntaxError" in ask("if 1")
    assert "Traceback" not in ask("if 1")
    assert "IndentationError" in ask("  x")
    assert "null bytes" in ask("'\0'")
    assert "SyntaxError" in ask("return 5")
    assert "SyntaxError" in ask("'\\ud800' +* 5")
    assert ask("1") == "1\n"


def test_a_repr_that_fails(ask: Prompt) -> None:
    ask("class Bad:", "  def __repr__(self): 1 / 0", "", "class Worse(Exception):", "  __str__ = Bad.__repr__", "")
    assert ask("Bad()").endswith("ZeroDivisionError: division by zero\n")
    assert ask("_") == ""  # what was shown before did not come to be
    assert "Worse: <exception str() failed>" in ask("raise Worse")


def test_warnings_are_shown_here(ask: Prompt) -> None:
    assert "SyntaxWarning" in ask("1 is 1")
    assert ask("1 is 1").count("SyntaxWarning") == 1


def test_a_statement_from_the_future(ask: Prompt) -> None:
    ask("from __future__ import annotations", "def f(x: no_such_name): pass", "")
    assert ask("f.__annotations__") == "{'x': 'no_such_name'}\n"


def test_a_statement_that_is_too_long(ask: Any) -> None:
    assert ask("x = '''" + "x" * (LIMIT // 2)) == ""
    assert f"longer than {LIMIT}" in ask("x" * (LIMIT // 2))
    assert ask.console.prompt == ">>> "
    assert ask("1") == "1\n"


def test_input_is_from_here(ask: Prompt) -> None:
    assert ask("input('who? ').upper()", answers=("me",)) == "who? 'ME'\n"


def test_help_is_shown_here(ask: Prompt) -> None:
    assert ask("help(len)").startswith("Help on built-in function len in module builtins:\n")
    assert "quit" in ask("help()", answers=("quit",))


@pytest.mark.parametrize("statement", ["exit()", "quit()", "import sys; sys.exit(3)", "raise SystemExit"])
def test_the_end(ask: Prompt, statement: str) -> None:
    before = sys.stdin
    with pytest.raises(SystemExit):
        ask(statement)
    assert not before.closed


def test_to_be_shut_down_is_passed_on(ask: Prompt) -> None:
    with pytest.raises(coro.Shutdown):
        ask("import coro; raise coro.Shutdown")


def test_prompts_have_their_own_names() -> None:
    names = {"given": 1}
    one, other = (Console(names, shown.append, input) for shown in ([], []))
    one.push("given = mine = 5")
    other.push("given, mine")
    assert names == {"given": 1}
    assert one._names["given"] == 5
    assert other._names["given"] == 1
