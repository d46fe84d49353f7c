"""The guard says when a path has become longer."""

import json

import pytest
from coro_bench import guard
from coro_bench.programs import CannotMeasureError


def test_growth_within_the_tolerance_passes():
    lines, grown = guard.compare({"yield": 1000.0}, {"yield": 1029.0}, 0.03)
    assert not grown
    assert "+2.9%" in lines[0]


def test_growth_beyond_it_fails():
    lines, grown = guard.compare({"yield": 1000.0}, {"yield": 1031.0}, 0.03)
    assert grown
    assert lines[0].endswith("LONGER")


def test_what_has_become_shorter_should_be_kept():
    lines, grown = guard.compare({"yield": 1000.0}, {"yield": 900.0}, 0.03)
    assert not grown
    assert "--keep" in lines[0]


def test_what_is_new_is_shown():
    lines, grown = guard.compare({}, {"yield": 1.0}, 0.03)
    assert not grown
    assert "kept" not in lines[0]


@pytest.fixture
def counts(monkeypatch, tmp_path):
    """What is counted, for the test to say."""
    counted = {"instructions": {"yield": 1000.0}, "system calls": {"echo": 2.0}}
    monkeypatch.setattr(guard, "instructions", lambda: counted["instructions"])
    monkeypatch.setattr(guard, "system_calls", lambda: counted["system calls"])
    monkeypatch.setattr(guard, "KEPT", tmp_path / "guard.json")
    monkeypatch.setattr(guard, "build_name", lambda: "this build")
    return counted


def test_what_was_kept_is_compared(counts, capsys):
    assert guard.main(["--keep"]) == 0
    assert json.loads(guard.KEPT.read_text())["instructions"] == {"this build": {"yield": 1000.0}}
    assert guard.main([]) == 0
    counts["system calls"]["echo"] = 3.0
    capsys.readouterr()
    assert guard.main([]) == 1
    assert "A path has become longer" in capsys.readouterr().out


def test_instructions_of_another_build_are_not_compared(counts, monkeypatch, capsys):
    guard.main(["--keep"])
    monkeypatch.setattr(guard, "build_name", lambda: "another")
    counts["instructions"]["yield"] = 9999.0
    assert guard.main([]) == 0
    assert "not kept of this build" in capsys.readouterr().out


def test_keeping_leaves_other_builds_as_they_are(counts, monkeypatch):
    guard.main(["--keep"])
    monkeypatch.setattr(guard, "build_name", lambda: "another")
    guard.main(["--keep"])
    assert set(json.loads(guard.KEPT.read_text())["instructions"]) == {"this build", "another"}


def test_without_valgrind_the_rest_is_compared(counts, monkeypatch, capsys):
    guard.main(["--keep"])

    def no_valgrind():
        raise CannotMeasureError("valgrind is not installed")

    monkeypatch.setattr(guard, "instructions", no_valgrind)
    counts["system calls"]["echo"] = 3.0
    assert guard.main([]) == 1
    assert "instructions are not compared: valgrind is not installed" in capsys.readouterr().out
