"""The package itself: the list of names, and how little an import does."""

import ast
import importlib.metadata
import pickle
import re
import subprocess
import sys
import tomllib
from enum import EnumType
from pathlib import Path

import pytest

import coro_consts

NAMES = {
    *("AF", "PF", "SOCK", "SOL", "SO", "SHUT", "IPPROTO"),
    *("TCP", "IP", "IPV6", "MSG", "AI", "NI", "EAI"),
}


def test_all_is_the_whole_list() -> None:
    assert set(coro_consts.__all__) == NAMES
    assert len(coro_consts.__all__) == len(NAMES)


def test_type_checkers_and_the_runtime_find_names_in_the_same_modules() -> None:
    tree = ast.parse(Path(coro_consts.__file__).read_text(encoding="utf-8"))
    seen = {
        alias.name: node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert seen == {n: f"coro_consts.{m}" for n, m in coro_consts._HOME.items()}
    assert set(seen) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_name_is_an_enum_with_a_manual(name: str) -> None:
    cls = getattr(coro_consts, name)
    assert isinstance(cls, EnumType)
    assert len(cls) >= 3
    assert cls.__module__ == "coro_consts"
    assert cls.__doc__
    assert re.search(r"See [^.]*\b\w+\(\d\)", cls.__doc__)
    assert pickle.loads(pickle.dumps(cls)) is cls


def test_pf_is_af() -> None:
    assert coro_consts.PF is coro_consts.AF


def test_other_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="'coro_consts' has no attribute 'XF'"):
        _ = coro_consts.XF  # type: ignore[attr-defined]
    with pytest.raises(ImportError):
        from coro_consts import XF  # type: ignore[attr-defined]  # noqa: F401


def test_star_import() -> None:
    out = run("from coro_consts import *; print(*(n for n in dir() if n[0] != '_'))")
    assert set(out.split()) == NAMES


def run(code: str) -> str:
    env = {"PYTHONPATH": str(Path(coro_consts.__file__).parent.parent)}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert not done.stderr
    return done.stdout


def test_names_are_in_dir_before_they_are_built() -> None:
    out = run("import coro_consts; print(*dir(coro_consts))")
    assert set(out.split()) >= NAMES


def test_a_class_is_built_when_first_asked_for() -> None:
    out = run(
        "import sys, coro_consts\n"
        "print('coro_consts._calls' in sys.modules)\n"
        "coro_consts.MSG\n"
        "print('coro_consts._calls' in sys.modules)\n"
        "print('coro_consts._so' in sys.modules)\n"
        "print('MSG' in vars(coro_consts))\n"
    )
    assert out.split() == ["False", "True", "False", "True"]


def test_building_every_class_loads_nothing_but_enum_and_socket_numbers() -> None:
    # What a bare interpreter loads depends on its site: compare, and not count.
    bare = run("import enum, _socket, sys; print(*sys.modules)")
    full = run("from coro_consts import *; import sys; print(*sys.modules)")
    new = set(full.split()) - set(bare.split())
    assert {name.split(".")[0] for name in new} == {"coro_consts"}


def test_entry_points_name_every_class() -> None:
    path = Path(__file__).parent.parent / "pyproject.toml"
    project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    points = project["entry-points"]["coro.exports"]
    assert points == {name: f"coro_consts:{name}" for name in NAMES}


def test_installed_entry_points_load() -> None:
    try:
        distribution = importlib.metadata.distribution("coro-consts")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("coro-consts is not installed: running from the source folder")
    points = distribution.entry_points.select(group="coro.exports")
    assert {p.name: p.load() for p in points} == {name: getattr(coro_consts, name) for name in NAMES}
