"""The page of results."""

import pytest
from coro_bench import page
from coro_bench.results import Results

WHERE = {"python": "3.13.0", "system": "Linux", "processors": 2, "versions": {"gevent": "26.9.0"}}


@pytest.fixture
def results():
    made = Results()
    for peer, value in (("gevent", 4e-6), ("coro", 1e-6)):
        for connections in (1, 100):
            made.add(peer, {f"echo_{connections}x64": value * connections})
        made.add(peer, {"yield": value})
    return made


def test_a_table_of_each_figure_with_coro_first(results):
    lines = "\n".join(page._tables(results)).splitlines()
    table = lines[lines.index("### yield") :]
    assert table[2] == "a yield, two coroutines taking turns, us of CPU"
    assert table[6] == "| coro | 1.000 |  | 1.000 to 1.000 |"
    assert table[7] == "| gevent | 4.000 | 0.250 | 4.000 to 4.000 |"


def test_targets_that_were_measured(results):
    lines = page._targets(results)
    assert "| a yield, two coroutines taking turns | 0.250 | at most 0.1 of gevent's | MISSED |" in lines
    assert not any("uvloop" in line for line in lines)


def test_everything_is_written(results, monkeypatch, tmp_path):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(page, "DOCS", tmp_path)
    written = page.write(results, WHERE)
    assert all(path.stat().st_size > 0 for path in written)
    text = (tmp_path / "benchmarks.md").read_text()
    assert "![echo-64](benchmarks/echo-64.svg)" in text
    assert (tmp_path / "benchmarks" / "echo-64.png") in written
