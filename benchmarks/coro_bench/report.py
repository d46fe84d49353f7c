"""The results as text: a table for each figure, and the targets."""

from __future__ import annotations

from coro_bench.results import Result, Results
from coro_bench.targets import TARGETS
from coro_bench.workloads import FIGURES


def describe(result: Result) -> str:
    """A figure of all peers, with the ratio of coro's to each of the others'."""
    figure = FIGURES[result.name]
    lines = [f"{result.name}: {figure.title}, {figure.unit}"]
    ours = "coro" if "coro" in result.runs else "coro_patch"
    for peer, runs in result.runs.items():
        line = f"  {peer:17} {result.median(peer) * figure.factor:12,.{figure.digits}f}"
        ratio = result.ratio(ours, peer)
        line += f"   {ratio:7.3f}" if ratio is not None and peer != ours else " " * 10
        if len(runs) > 1:
            lowest, highest = min(runs) * figure.factor, max(runs) * figure.factor
            line += f"   ({lowest:,.{figure.digits}f} to {highest:,.{figure.digits}f})"
        lines.append(line.rstrip())
    return "\n".join(lines)


def describe_targets(results: Results) -> str:
    """All targets that were measured, and whether they are met."""
    lines = []
    for target in TARGETS:
        value = target.value(results)
        if value is not None:
            lines.append(f"  {target.figure:16} {value:9,.3f}   {target!s:38} {target.judge(results)}")
    return "\n".join(["targets:", *lines]) if lines else ""
