"""The doctor: what it finds in a program, as text and as JSON."""

import json
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from coro_patch._programs import _doctor, _extensions
from coro_patch._table import TABLE

PATIENT = """\
import functools
import threading
import time
from time import sleep


class Worker:
    nap = time.sleep

    def __init__(self):
        self.nap_of_mine = time.sleep
        self.lock = threading.Lock()


class Local(threading.local):
    pass


def wait(nap=time.sleep, *, other=time.sleep):
    return lambda: nap


closure = wait()
worker = Worker()
naps = [time.sleep]
partial = functools.partial(time.sleep, 1)
free = threading.Lock()
held = threading.Lock()
held.acquire()
started = threading.Event()
thread = threading.Thread(target=started.wait, name="early", daemon=True)
thread.start()

if __name__ == "__main__":
    raise AssertionError("it was run")
"""


def examine(*words: object, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "coro_patch", "doctor", *map(str, words)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "patient.py").write_text(PATIENT)
    return tmp_path


@pytest.mark.parametrize(("words", "module"), [(["patient.py"], "__mp_main__"), (["-m", "patient"], "patient")])
def test_a_program(folder: Path, words: list[str], module: str) -> None:
    found: Any = json.loads(examine("--json", *words, folder=folder))
    assert found["program"] == words[-1]
    assert found["trouble"] is None
    assert found["replaced"]["time"] == sum(row.module == "time" for row in TABLE)
    assert sorted(found["rebound"][module]) == ["Worker.nap", "sleep"]
    assert "get_ident" in found["rebound"]["threading"]
    out_of_reach = {(what, where) for what, where in found["unreached"] if module in where}
    assert out_of_reach == {
        ("time.sleep", f"default argument of {module}.wait"),
        ("time.sleep", f"closure of {module}.wait.<locals>.<lambda>"),
        ("time.sleep", f"{module}.worker"),
        ("time.sleep", f"{module}.naps"),
        ("time.sleep", f"{module}.partial"),
        ("_thread._local", f"base class of {module}.Local"),
    }
    locks = {each["where"]: each for each in found["locks"]}
    assert locks[f"{module}.held"]["held"]
    assert not locks[f"{module}.held"]["renewed"]
    assert locks[f"{module}.free"]["renewed"]
    assert not locks[f"{module}.worker"]["renewed"]
    assert found["threads"] == ["early"]


def test_in_words(folder: Path) -> None:
    text = examine("patient.py", folder=folder)
    assert "\n  time.sleep: default argument of __mp_main__.wait\n" in text
    assert "\n  __mp_main__: sleep, Worker.nap\n" in text
    assert "\n  lock __mp_main__.held\n" in text
    assert "\nThreads that run already, and stay real\n  early\n" in text


def test_a_program_that_does_not_load(folder: Path) -> None:
    (folder / "broken.py").write_text("import sqlite3\nfrom time import sleep\n1 / 0\n")
    found: Any = json.loads(examine("--json", "broken.py", folder=folder))
    assert found["trouble"] == "it ended with ZeroDivisionError: division by zero"
    assert found["rebound"]["__mp_main__"] == ["sleep"]
    assert ["sqlite3", "blocks"] in [[each["name"], each["kind"]] for each in found["extensions"]]
    assert "sqlite3" in [each[0] for each in found["by_nature"]]


def test_a_folder(folder: Path) -> None:
    (folder / "patient.py").rename(folder / "__main__.py")
    assert json.loads(examine("--json", folder, folder=folder))["rebound"]["__mp_main__"]


def test_this_process(folder: Path) -> None:
    assert "This process" in examine(folder=folder)


def test_extensions_are_known_by_package_and_told_by_how_bad_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ["numpy._core._multiarray_umath", "psycopg2._psycopg", "my_own._speedups", "gevent._hub"]:
        module = types.ModuleType(name)
        module.__file__ = f"/nowhere/{name.replace('.', '/')}.abi3.so"
        monkeypatch.setitem(sys.modules, name, module)
    mine = {"numpy, scipy, pandas", "psycopg2", "my_own", "gevent"}
    found = [(each.name, each.kind) for each in _doctor._loaded_extensions() if each.name in mine]
    assert found == [
        ("gevent", "conflicts"),
        ("psycopg2", "blocks"),
        ("my_own", "unknown"),
        ("numpy, scipy, pandas", "harmless"),
    ]


def test_no_module_is_in_two_rows() -> None:
    names = [name for each in _extensions.EXTENSIONS for name in each.modules]
    assert len(set(names)) == len(names)
    assert {each.kind for each in _extensions.EXTENSIONS} == {"blocks", "harmless", "conflicts"}


def test_a_name_that_only_begins_alike_is_not_meant() -> None:
    assert _extensions.find("psycopg2._psycopg") is not None
    assert _extensions.find("psycopg2x") is None
