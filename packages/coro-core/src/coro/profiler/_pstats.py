"""The numbers as `pstats` keeps them, so that what reads cProfile's files reads ours."""

import cProfile
import pstats
from typing import Any, cast

from coro.profiler._analysis import Analysis, Clock, Edge, Function, check

# file, line, name
_Key = tuple[str, int, str]
# primitive calls, calls, own time, time
_Numbers = tuple[int, int, float, float]


def stats(analysis: Analysis, clock: Clock) -> pstats.Stats:
    """A `pstats.Stats` with CPU or wall time, in seconds."""
    check(clock)
    # The stubs know its own profilers only; it takes what has create_stats() and stats.
    return pstats.Stats(cast(cProfile.Profile, _Source(analysis, clock)))


class _Source:
    """What a `pstats.Stats` is made from: something like a cProfile.Profile."""

    def __init__(self, analysis: Analysis, clock: Clock) -> None:
        self.analysis = analysis
        self.clock = clock
        self.stats: dict[_Key, Any] = {}

    def create_stats(self) -> None:
        for each in self.analysis.functions:
            callers = {key(caller): self.numbers(edge) for caller, edge in each.callers.items()}
            self.stats[key(each.function)] = (*self.numbers(each), callers)

    def numbers(self, edge: Edge) -> _Numbers:
        own, total = (edge.own_cpu, edge.cpu) if self.clock == "cpu" else (edge.own_wall, edge.wall)
        return edge.primitive_calls, edge.calls, own / 1e9, total / 1e9


def key(function: Function) -> _Key:
    if function.kind == "python":
        return function.file, function.line, function.name
    return "~", 0, function.name
