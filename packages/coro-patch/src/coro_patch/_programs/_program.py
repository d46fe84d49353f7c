"""Running a program as Python runs it, in a process where something else ran first.

What belongs here: what ``python script``, ``python -m module``, ``python -c code`` and ``python -``
set up for a program, and how it ends. Folders, zip files and modules are left to `runpy`, as
Python leaves them to it.

The program gets a `__main__` of its own. An exception that ends it travels through our frames to
Python, which does everything that follows: the exit status, the text of a SystemExit, death by
SIGINT, ``-i``. Only when Python prints the traceback are our frames cut off, by an excepthook that
stands in for the program's from the moment the exception has left the program.
"""

import builtins
import importlib.machinery
import linecache
import os
import pkgutil
import runpy
import sys
import textwrap
import types
from importlib.machinery import SourceFileLoader, SourcelessFileLoader
from typing import Any, NamedTuple

FILE, MODULE, CODE = "file", "module", "code"


class Program(NamedTuple):
    """What is to be run."""

    #: FILE, MODULE or CODE
    kind: str
    #: a path or "-"; the name of a module; the code
    subject: str
    arguments: list[str]


def run(program: Program) -> None:
    """Run a program as `__main__`, in place of the program that runs.

    Raises:
        SystemExit and whatever else ends the program.
    """
    prepare(program)
    main = new_module("__main__")
    sys.modules["__main__"] = main
    if program.kind == MODULE:
        sys.argv[0] = "-m"
        _call(runpy.__dict__["_run_module_as_main"], program.subject)
    elif is_container(program):
        _call(runpy.__dict__["_run_module_as_main"], "__main__", False)
    else:
        _call(_execute, program, main)


def prepare(program: Program) -> None:
    """Set `sys.argv` and the first entry of `sys.path` as Python does."""
    first = {MODULE: "-m", CODE: "-c"}.get(program.kind, program.subject)
    sys.argv[:] = [first, *program.arguments]
    if not sys.flags.safe_path:
        del sys.path[0]  # the current folder, because of our own -m
    if is_container(program):
        sys.path.insert(0, _absolute(program.subject))
    elif not sys.flags.safe_path:
        sys.path.insert(0, _folder(program))


def _folder(program: Program) -> str:
    if program.kind == MODULE:
        return os.getcwd()
    if program.kind == CODE or program.subject == "-":
        return ""
    return os.path.dirname(os.path.realpath(program.subject))


def _absolute(path: str) -> str:
    """Like Python, which leaves ./ and ../ in it."""
    return os.path.join(os.getcwd(), path)


def is_container(program: Program) -> bool:
    """Whether it is a folder or a zip file with a program in it."""
    return program.kind == FILE and program.subject != "-" and pkgutil.get_importer(program.subject) is not None


def new_module(name: str) -> types.ModuleType:
    """A module with what Python gives to an empty `__main__`."""
    module = types.ModuleType(name)
    names = vars(module)
    names["__builtins__"] = builtins
    module.__loader__ = importlib.machinery.BuiltinImporter
    if sys.version_info < (3, 14):  # from there on only modules with annotations have them
        names["__annotations__"] = {}
    return module


def _execute(program: Program, module: types.ModuleType) -> None:
    exec(load(program, module), vars(module))


def load(program: Program, module: types.ModuleType) -> types.CodeType:
    """The code of a program that stands in one file or string; the module is told where from.

    Raises:
        SystemExit: the file cannot be read.
        SyntaxError: as Python raises it.
    """
    if program.kind == CODE:
        return _code_of(program.subject)
    if program.subject == "-":
        path, code = "<stdin>", None
        source = sys.stdin.buffer.read()
    else:
        path = _absolute(program.subject)
        try:
            with open(path, "rb") as file:
                code = pkgutil.read_code(file)
                source = b""
                if code is None:
                    file.seek(0)
                    source = file.read()
        except OSError as error:
            message = f"{sys.orig_argv[0]}: can't open file {path!r}: [Errno {error.errno}] {error.strerror}"
            print(message, file=sys.stderr)
            raise SystemExit(2) from None
        kind = SourceFileLoader if code is None else SourcelessFileLoader
        module.__loader__ = kind(module.__name__, path)
    module.__file__ = path
    if sys.version_info < (3, 15):  # 3.15 knows no __cached__
        vars(module)["__cached__"] = None
    return code or _compile(source, path)


def _compile(source: bytes, path: str) -> types.CodeType:
    try:
        return compile(source, path, "exec", dont_inherit=True)
    except SyntaxError as error:
        # From 3.14 on it looks for words that may be meant, in one line if it is that of a file.
        if path != "<stdin>" and hasattr(error, "_metadata"):
            error._metadata = (*error._metadata[:2], None)  # pyright: ignore[reportAttributeAccessIssue]
        raise


def _code_of(source: str) -> types.CodeType:
    if sys.version_info >= (3, 14):  # from there on it may be indented
        source = textwrap.dedent(source)
    code = compile(source + "\n", "<string>", "exec", dont_inherit=True)
    # For tracebacks with the lines: by name in 3.13, by code after it, not at all before.
    register: Any = getattr(linecache, "_register_code", None)
    if register is not None:
        register("<string>" if sys.version_info < (3, 14) else code, source, "<string>")
    return code


def _call(function: Any, *args: Any) -> None:
    try:
        function(*args)
    except BaseException as error:
        if isinstance(error, SystemExit) and not sys.flags.inspect:
            raise  # Python prints no traceback
        # The first is this frame; `_execute` and `load` are ours, those of `runpy` Python has too.
        _leave_out(error, {_call.__code__, _execute.__code__, load.__code__, _compile.__code__, _code_of.__code__})
        raise


def _leave_out(error: BaseException, ours: set[types.CodeType]) -> None:
    """Have the traceback printed from where the program's own begins."""
    begin = error.__traceback__
    while begin is not None and begin.tb_frame.f_code in ours:
        begin = begin.tb_next
    hook = sys.excepthook

    def print_exception(kind: Any, value: Any, trace: Any) -> None:
        if sys.excepthook is print_exception:
            sys.excepthook = hook
        if value is not error:
            hook(kind, value, trace)
            return
        error.__traceback__ = sys.last_traceback = begin
        hook(kind, error, begin)

    sys.excepthook = print_exception
