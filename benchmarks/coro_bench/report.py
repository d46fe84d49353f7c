"""The results as text: a table for each figure, and the targets."""

from __future__ import annotations

from coro_bench.results import Result, Results
from coro_bench.targets import TARGETS
from coro_bench.workloads import FIGURES

WIDTH = 12


def describe(results: Results, names: list[str]) -> str:
    """Some figures of all peers, with the ratio of coro's to each of the others'.

    Args:
        names: of the figures; those that are columns stand beside the one before them.
    """
    tables: list[list[Result]] = []
    for name in names:
        result = results.get(name)
        if result is not None:
            if FIGURES[name].column and tables:
                tables[-1].append(result)
            else:
                tables.append([result])
    return "\n\n".join(_table(*table) for table in tables)


def _table(result: Result, *columns: Result) -> str:
    figure = FIGURES[result.name]
    heads = "".join(f"{FIGURES[column.name].column:>{WIDTH}}" for column in columns)
    lines = [f"{result.name}: {figure.title}, {figure.unit}"]
    if heads:
        lines.append(" " * (19 + WIDTH + 32) + heads)
    ours = "coro" if "coro" in result.runs else "coro_patch"
    for peer, runs in result.runs.items():
        ratio = result.ratio(ours, peer)
        lowest, highest = min(runs) * figure.factor, max(runs) * figure.factor
        spread = f"({lowest:,.{figure.digits}f} to {highest:,.{figure.digits}f})" if len(runs) > 1 else ""
        line = f"  {peer:17}{_shown(result, peer)}"
        line += f"   {ratio:7.3f}" if ratio is not None and peer != ours else " " * 10
        line += f" {spread:21}" + "".join(_shown(column, peer) for column in columns)
        lines.append(line.rstrip())
    return "\n".join(lines)


def _shown(result: Result, peer: str) -> str:
    figure = FIGURES[result.name]
    return f"{result.median(peer) * figure.factor:{WIDTH},.{figure.digits}f}"


def describe_targets(results: Results) -> str:
    """All targets that were measured, and whether they are met."""
    lines = []
    for target in TARGETS:
        value = target.value(results)
        if value is not None:
            lines.append(f"  {target.figure:16} {value:9,.3f}   {target!s:64} {target.judge(results)}")
    return "\n".join(["targets:", *lines]) if lines else ""
