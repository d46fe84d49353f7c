"""What several test modules need: the source as a table, and other platforms."""

import ast
import contextlib
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import pytest

import coro_consts


class Entry(NamedTuple):
    """One line of a class in the source."""

    owner: str
    name: str
    constant: str
    numbers: dict[str, int]
    member: bool


def _called(node: ast.expr) -> tuple[str, ast.Call]:
    """The name of the function that an expression calls, and the call."""
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    return node.func.id, node


def _entry(owner: str, line: ast.Assign) -> Entry:
    (target,) = line.targets
    assert isinstance(target, ast.Name)
    function, call = _called(line.value)
    member = function != "nonmember"
    if not member:
        function, call = _called(call.args[0])
    assert function == "const"
    (constant,) = call.args
    assert isinstance(constant, ast.Constant)
    numbers = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    return Entry(owner, target.id, str(constant.value), numbers, member)


@pytest.fixture(scope="session")
def source() -> dict[str, list[Entry]]:
    """What a type checker reads: class name -> its lines, in order."""
    table: dict[str, list[Entry]] = {}
    for path in Path(coro_consts.__file__).parent.glob("_*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and node.name in coro_consts.__all__:
                table[node.name] = [_entry(node.name, line) for line in node.body if isinstance(line, ast.Assign)]
    table["PF"] = table["AF"]
    return table


Elsewhere = Callable[..., AbstractContextManager[types.ModuleType]]


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    """A context in which the package is imported anew, on a made-up platform."""

    @contextlib.contextmanager
    def enter(platform: str, maxsize: int = 2**63 - 1, **constants: int) -> Iterator[types.ModuleType]:
        def own() -> list[str]:
            return [m for m in sys.modules if m.split(".")[0] == "coro_consts"]

        fake = types.ModuleType("_socket")
        vars(fake).update(constants)
        here = {name: sys.modules.pop(name) for name in own()}
        try:
            with monkeypatch.context() as patch:
                patch.setattr(sys, "platform", platform)
                patch.setattr(sys, "maxsize", maxsize)
                patch.setitem(sys.modules, "_socket", fake)
                import coro_consts as there

                assert there is not here["coro_consts"]
                for name in there.__all__:
                    getattr(there, name)
            yield there
        finally:
            for name in own():
                del sys.modules[name]
            sys.modules.update(here)

    return enter
