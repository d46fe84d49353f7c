"""The report as text."""

from collections.abc import Iterable, Iterator
from operator import attrgetter

from coro.profiler._analysis import Analysis, Coroutine, FunctionStats

COLUMNS = ("calls", "own_cpu", "own_wall", "cpu", "wall")


def text(analysis: Analysis, sort: str, limit: int | None) -> str:
    if sort not in COLUMNS:
        raise ValueError(f"sort must be one of {', '.join(COLUMNS)}, not {sort!r}")
    functions = sorted(analysis.functions, key=attrgetter(sort), reverse=True)
    return "\n".join(
        [
            *summary_lines(analysis),
            "",
            *table(
                "      calls    own CPU   own wall        CPU       wall  function",
                map(function_row, functions),
                limit,
            ),
            "",
            *table("      waits       wall  for", map(wait_row, analysis.waits), limit),
            "",
            *table(
                "      count        CPU    running    longest      ready    waiting   switches      waits  coroutine",
                map(coroutine_row, analysis.groups),
                limit,
            ),
        ]
    )


def summary_lines(analysis: Analysis) -> list[str]:
    """The sums, in words."""
    summary = analysis.summary
    lines = [
        f"{summary.calls} calls in {summary.coroutines} coroutines, in {seconds(summary.elapsed)} seconds.",
        f"Coroutines ran for {seconds(summary.running)} s of these, with {seconds(summary.cpu)} s of CPU time; the OS "
        f"thread had {seconds(summary.thread_cpu)} s.",
    ]
    if summary.full:
        lines.append("There were more different stacks than are told apart: some calls were counted in their callers.")
    return lines


def table(head: str, rows: Iterable[str], limit: int | None) -> Iterator[str]:
    yield head
    left_out = 0
    for i, row in enumerate(rows):
        if limit is None or i < limit:
            yield row
        else:
            left_out += 1
    if left_out:
        yield f"... and {left_out} more"


def function_row(each: FunctionStats) -> str:
    calls = str(each.calls) if each.calls == each.primitive_calls else f"{each.calls}/{each.primitive_calls}"
    times = (each.own_cpu, each.own_wall, each.cpu, each.wall)
    return f"{calls:>11} {' '.join(f'{seconds(time):>10}' for time in times)}  {each.function.label}"


def wait_row(each: FunctionStats) -> str:
    return f"{each.calls:>11} {seconds(each.wall):>10}  {each.function.name}"


def coroutine_row(each: Coroutine) -> str:
    times = (each.cpu, each.running, each.longest, each.ready, each.waiting)
    return (
        f"{each.count:>11} {' '.join(f'{seconds(time):>10}' for time in times)} "
        f"{each.switches:>10} {each.waits:>10}  {each.name}"
    )


def seconds(ns: int) -> str:
    return f"{ns / 1e9:.6f}"
