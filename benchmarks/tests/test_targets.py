"""Limits, and whether they are kept."""

import pytest
from coro_bench.peers import BY_NAME
from coro_bench.results import Results
from coro_bench.targets import TARGETS, Growth, Target
from coro_bench.workloads import FIGURES, WORKLOADS


@pytest.fixture
def results():
    made = Results()
    made.add("coro", {"yield": 1.0})
    made.add("gevent", {"yield": 10.0})
    return made


@pytest.mark.parametrize(
    ("target", "verdict"),
    [
        (Target("yield", "gevent", 0.1), "met"),
        (Target("yield", "gevent", 0.09), "MISSED"),
        (Target("yield", "gevent", 0.1, least=True), "met"),
        (Target("yield", "gevent", 0.2, least=True), "MISSED"),
        (Target("yield", None, 2), "met"),
        (Target("yield", None, 0.5), "MISSED"),
        (Target("yield", "uvloop streams", 0.1), "not judged"),
        (Target("lock", "gevent", 0.1), "not judged"),
        (Target("yield", "gevent", 0.1, of="coro_patch"), "not judged"),
    ],
)
def test_verdict(results, target, verdict):
    assert target.judge(results) == verdict


def test_growth_is_beside_that_of_the_peer():
    results = Results()
    results.add("coro", {"echo_100x64": 2.0, "echo_10000x64": 6.0})
    results.add("C epoll", {"echo_100x64": 1.0, "echo_10000x64": 2.0})
    assert Growth("echo_10000x64", "C epoll", 1.6, since="echo_100x64").judge(results) == "met"
    assert Growth("echo_10000x64", "C epoll", 1.4, since="echo_100x64").judge(results) == "MISSED"
    assert Growth("echo_10000x64", "gevent", 1.4, since="echo_100x64").judge(results) == "not judged"


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_a_target_is_about_something_that_is_measured(target):
    """A name that is written wrong would never be judged."""
    assert target.figure in FIGURES
    measured = next(
        each for each in WORKLOADS if target.figure == each.name or target.figure.startswith(f"{each.name}_")
    )
    for peer in filter(None, (target.of, target.beside)):
        assert peer in BY_NAME
        assert peer in measured.peers
