"""Medians, and ratios between peers."""

import pytest
from coro_bench.results import Result, Results


def result(**runs):
    return Result("yield", {name: list(values) for name, values in runs.items()})


def test_a_ratio_is_the_median_of_those_of_the_rounds():
    # The second round was disturbed, for both alike.
    assert result(coro=[1, 10, 2], gevent=[10, 100, 40]).ratio("coro", "gevent") == 0.1


def test_no_ratio_beside_a_peer_that_was_not_measured():
    assert result(coro=[1.0]).ratio("coro", "gevent") is None


@pytest.mark.parametrize("runs", [[10], [10, 0], []])
def test_no_ratio_beside_a_peer_that_failed_or_cost_nothing(runs):
    assert result(coro=[1, 2], gevent=runs).ratio("coro", "gevent") is None


def test_results_keep_the_order_in_which_they_came():
    results = Results()
    results.add("coro", {"echo": 2.0, "alpha": 1.0})
    results.add("coro", {"echo": 4.0, "alpha": 3.0})
    assert results.names() == ["echo", "alpha"]
    assert results.to_json()["echo"] == {"coro": {"median": 3.0, "lowest": 2.0, "highest": 4.0, "runs": [2.0, 4.0]}}
