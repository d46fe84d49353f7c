"""What an editor and a prompt offer after `coro.`, with all distributions and without coro-sock."""

import ast
import inspect
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import coro
from coro import _exports

REPOSITORY = Path(__file__).resolve().parent.parent
PUBLIC = {*coro.__all__, *(name for names in _exports.HOMES.values() for name in names)}


def test_a_prompt_offers_what_is_there() -> None:
    offered = {name for name in dir(coro) if not name.startswith("_")}
    assert offered >= PUBLIC
    assert "TYPE_CHECKING" not in offered


def test_a_prompt_knows_the_arguments_of_what_is_there() -> None:
    """But for exceptions and other classes that have those of a builtin."""
    for name in PUBLIC:
        thing = getattr(coro, name)
        if callable(thing) and not (isinstance(thing, type) and issubclass(thing, BaseException)):
            assert inspect.signature(thing) is not None, name
    assert list(inspect.signature(coro.coro).parameters) == ["fun", "args", "thread_name", "kwargs"]
    assert str(inspect.signature(coro.sock)) == "(domain=AF.INET, stype=SOCK.STREAM, protocol=0, fd=-1)"


def offered_by_an_editor(settings: str) -> set[str]:
    pytest.importorskip("jedi")
    # In a process of its own: jedi keeps a thread.
    program = (
        f"import jedi; print(*(found.name for found in jedi.Script('import coro\\ncoro.'{settings}).complete(2, 5)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_an_editor_offers_what_is_there() -> None:
    assert offered_by_an_editor("") >= PUBLIC


def test_an_editor_offers_what_core_has_where_the_others_are_not_installed(tmp_path: Path) -> None:
    shutil.copytree(Path(coro.__file__).parent, tmp_path / "coro")
    alone = f", project=jedi.Project({str(tmp_path)!r}, sys_path=[{str(tmp_path)!r}])"
    of_others = {name for names in _exports.HOMES.values() for name in names}
    assert offered_by_an_editor(alone) >= PUBLIC - of_others


def test_without_coro_sock_a_name_of_its_tells_what_to_install() -> None:
    program = """
import sys
sys.modules["coro_sock"] = None  # as if it were not installed
import importlib.metadata
everything = importlib.metadata.entry_points
importlib.metadata.entry_points = lambda **about: [
    entry for entry in everything(**about) if not entry.value.startswith("coro_sock")
]
import coro
print("tcp_sock" in dir(coro), "spawn" in dir(coro))
try:
    coro.tcp_sock
except AttributeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    there, told = done.stdout.splitlines()
    assert there == "False True"
    assert "coro-sock" in told


def test_the_names_for_type_checkers_are_those_for_python() -> None:
    source = ast.parse((REPOSITORY / "packages/coro-core/src/coro/__init__.py").read_text())
    for_checkers = {
        alias.asname or alias.name
        for node in ast.walk(source)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if not alias.name.startswith("_")
    }
    assert for_checkers >= PUBLIC - {"install_signal_handlers"}
