"""Python at a prompt, for somebody who sits elsewhere.

What belongs here: from lines to statements, running them, and showing what comes of it. Where
lines come from and text goes to is the business of `backdoor`.

**Where print() prints.** What a statement prints must reach who typed it, and nobody else's
output must. `sys.stdout` belongs to the whole program: to replace it for the time of a statement
(`contextlib.redirect_stdout`) would catch what all other coroutines print while the statement
waits; to replace it for good by something that asks who is running would put it in the way of
every print() of the program, and fail where the program replaces it too. `sys.displayhook` is
global in the same way. So a console leaves both alone and has **builtins of its own**: the
statements, and the functions that they define, find its `print`, `input`, `help` and `exit`
where Python looks for them. A function of the program that prints does so where it always does.
"""

import __future__

import ast
import builtins
import codeop
import functools
import io
import operator
import traceback
import warnings
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any

from coro import Shutdown

#: Characters. The longest statement, of all its lines.
LIMIT = 1 << 20

FILE_NAME = "<backdoor>"

_FUTURE_FLAGS = functools.reduce(
    operator.or_, (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
)


class Console:
    """One prompt with names of its own.

    Args:
        namespace: the names to begin with; they are copied.
        write: called with text to show.
        read_line: returns the next line for `input`, without its end; raises EOFError.
    """

    def __init__(
        self, namespace: Mapping[str, Any], write: Callable[[str], object], read_line: Callable[[], str]
    ) -> None:
        self._write = write
        self._read_line = read_line
        self._compile = codeop.CommandCompiler()
        self._lines: list[str] = []
        self._builtins = vars(builtins) | {
            "print": self._print,
            "input": self._input,
            "help": self._help,
            "exit": _exit,
            "quit": _exit,
            _Displaying.FUNCTION: self._display,
        }
        for reader in ("copyright", "credits", "license"):  # they page through the program's terminal
            self._builtins.pop(reader, None)
        self._names = {"__name__": "__console__", "__doc__": None, **namespace, "__builtins__": self._builtins}

    @property
    def prompt(self) -> str:
        return "... " if self._lines else ">>> "

    def forget(self) -> None:
        """Drop the lines of a statement that is not complete."""
        self._lines.clear()

    def push(self, line: str) -> None:
        """Take a line, and run the statement if that completes one. What it raises is shown.

        Raises:
            SystemExit: the statement did. So may whatever interrupts it: `coro.Shutdown`.
        """
        try:
            code = self._completed(line)
            if code is not None:
                exec(code, self._names)
        except (SystemExit, Shutdown):
            raise
        except BaseException as error:
            self._show(error)

    def _completed(self, line: str) -> CodeType | None:
        """What to run now that this line has come; None if more lines are to follow."""
        self._lines.append(line)
        lines, self._lines = self._lines, []
        source = "\n".join(lines)
        if len(source) > LIMIT:
            raise ValueError(f"the statement is longer than {LIMIT} characters")
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            code = self._compile(source, FILE_NAME, "single")
        if code is None:
            self._lines = lines
            return None
        for each in warned:
            self._write(warnings.formatwarning(each.message, each.category, each.filename, each.lineno, ""))
        future = code.co_flags & _FUTURE_FLAGS
        tree = compile(f"{source}\n", FILE_NAME, "exec", future | ast.PyCF_ONLY_AST, dont_inherit=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they were shown
            runnable: CodeType = compile(_Displaying().visit(tree), FILE_NAME, "exec", future, dont_inherit=True)
        return runnable

    def _show(self, error: BaseException) -> None:
        if isinstance(error, SyntaxError) and error.filename == FILE_NAME:
            story = traceback.format_exception_only(error)
        else:
            entry = error.__traceback__
            while entry is not None and entry.tb_frame.f_code.co_filename != FILE_NAME:
                entry = entry.tb_next  # our own frames
            story = traceback.format_exception(type(error), error, entry)
        self._write("".join(story))

    # -- what statements find among their builtins

    def _display(self, value: object) -> None:
        """Show what an expression is, as `sys.displayhook` does."""
        if value is not None:
            self._builtins["_"] = None
            self._write(f"{value!r}\n")
            self._builtins["_"] = value

    def _print(
        self, *values: object, sep: str | None = " ", end: str | None = "\n", file: Any = None, flush: bool = False
    ) -> None:
        """As the builtin print(), but to this session unless a file is given."""
        if file is not None:
            print(*values, sep=sep, end=end, file=file, flush=flush)
            return
        text = io.StringIO()
        print(*values, sep=sep, end=end, file=text)
        self._write(text.getvalue())

    def _input(self, prompt: object = "", /) -> str:
        """As the builtin input(), but from this session."""
        self._write(str(prompt))
        return self._read_line()

    def _help(self, *request: Any) -> None:
        """As the builtin help(), but in this session."""
        import pydoc

        asked: Any = _Lines(self._read_line)
        answer: Any = _Text(self._write)
        pydoc.Helper(asked, answer)(*request)


def _exit(code: object = None) -> None:
    """End this session. The program goes on."""
    raise SystemExit(code)


class _Displaying(ast.NodeTransformer):
    """Let each expression that is a statement be shown: those at the prompt, also in a loop, but
    not those in functions and classes."""

    FUNCTION = "__display__"

    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        call = ast.Call(ast.Name(self.FUNCTION, ast.Load()), [node.value], [])
        return ast.fix_missing_locations(ast.copy_location(ast.Expr(call), node))

    def _leave_alone(self, node: ast.AST) -> ast.AST:
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = _leave_alone


class _Text(io.TextIOBase):
    """A file to write to, for `pydoc`."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write

    def write(self, text: str, /) -> int:
        self._write(text)
        return len(text)


class _Lines(io.TextIOBase):
    """A file to read lines from, for `pydoc`."""

    def __init__(self, read_line: Callable[[], str]) -> None:
        self._read_line = read_line

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        return self._read_line() + "\n"
