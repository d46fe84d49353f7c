"""Sums over the tree of paths: functions, who calls whom, waits, coroutines.

What belongs here: what the collector's numbers mean. How they are shown does not.

Time is in nanoseconds. A function that calls itself, if only through others, has its time
counted once: where it is the outermost of its kind.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Literal, NamedTuple

from coro.profiler._collector import Collector

Clock = Literal["cpu", "wall"]
Kind = Literal["python", "builtin", "wait"]


class Function(NamedTuple):
    """A function; or, of the kind "wait", what was waited for."""

    kind: Kind
    file: str
    line: int
    name: str

    @property
    def label(self) -> str:
        """Its name and where it is."""
        if self.kind == "python":
            return f"{self.name} ({self.file.rpartition('/')[2]}:{self.line})"
        return f"waits: {self.name}" if self.kind == "wait" else self.name


@dataclass(slots=True)
class Edge:
    """The calls from one function to another."""

    calls: int = 0
    primitive_calls: int = 0
    """Those that were not inside of another one between the two."""
    own_cpu: int = 0
    """CPU time of the callee in these calls, without what it called."""
    own_wall: int = 0
    """Wall time likewise, with its own waits."""
    cpu: int = 0
    wall: int = 0


@dataclass(slots=True)
class FunctionStats(Edge):
    """A function's numbers: over all its calls, and by caller and callee.

    A call that had begun before the profile did is not counted; its time is.
    """

    function: Function = field(kw_only=True)
    callers: dict[Function, Edge] = field(default_factory=dict)
    callees: dict[Function, Edge] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Coroutine:
    """A coroutine's numbers; or the sums of several that have one name."""

    id: int | None
    """None for several."""
    name: str
    count: int
    """How many they were."""
    cpu: int
    running: int
    """How long it kept its OS thread."""
    waiting: int
    ready: int
    """How long it could have run, and waited for its turn."""
    longest: int
    """The longest time that it ran without letting others run."""
    switches: int
    """How often it was given the thread."""
    waits: int
    """How often it waited for something other than its turn."""

    @property
    def wall(self) -> int:
        """From its start to its end, as far as these were in the profile."""
        return self.running + self.waiting + self.ready


class Summary(NamedTuple):
    """What a profile says altogether."""

    elapsed: int
    """From start to stop."""
    thread_cpu: int
    """CPU time of the OS thread, the scheduler's included."""
    cpu: int
    """CPU time of the coroutines."""
    running: int
    """How long some coroutine ran."""
    coroutines: int
    calls: int
    full: bool
    """There were more different stacks than the profiler tells apart: the deepest calls are missing."""


@dataclass(slots=True)
class Path:
    """A function, called by a stack of others. The first path is the root, and no function's."""

    function: Function
    parent: int
    calls: int = 0
    own_cpu: int = 0
    own_wall: int = 0
    """Without waits: these are paths of their own."""
    cpu: int = 0
    wall: int = 0
    children: list[int] = field(default_factory=list)

    def own(self, clock: Clock) -> int:
        return self.own_cpu if clock == "cpu" else self.own_wall

    def total(self, clock: Clock) -> int:
        return self.cpu if clock == "cpu" else self.wall


@dataclass(slots=True)
class Analysis:
    summary: Summary
    paths: list[Path]
    functions: list[FunctionStats]
    waits: list[FunctionStats]
    coroutines: list[Coroutine]
    groups: list[Coroutine]


def analyse(collector: Collector) -> Analysis:
    paths = tree(collector)
    functions = sorted(sums(paths), key=attrgetter("cpu", "wall"), reverse=True)
    coroutines = sorted((Coroutine(*each) for each in collector.coroutines()), key=attrgetter("cpu"), reverse=True)
    return Analysis(
        summary=Summary(
            elapsed=collector.elapsed,
            thread_cpu=collector.thread_cpu,
            cpu=sum(each.cpu for each in coroutines),
            running=sum(each.running for each in coroutines),
            coroutines=sum(each.count for each in coroutines),
            calls=sum(each.calls for each in functions if each.function.kind != "wait"),
            full=collector.full,
        ),
        paths=paths,
        functions=[each for each in functions if each.function.kind != "wait"],
        waits=sorted(
            (each for each in functions if each.function.kind == "wait"), key=attrgetter("wall"), reverse=True
        ),
        coroutines=coroutines,
        groups=sorted(grouped(coroutines), key=attrgetter("cpu"), reverse=True),
    )


def check(clock: str) -> None:
    if clock not in ("cpu", "wall"):
        raise ValueError(f'clock must be "cpu" or "wall", not {clock!r}')


def tree(collector: Collector) -> list[Path]:
    """The collector's tree, where two code objects may be one function: paths that look the
    same made one, with their sums."""
    paths: list[Path] = []
    place: dict[tuple[int, Function], int] = {}
    index: list[int] = []
    for parent, described, calls, cpu, wall in collector.tree():
        function = Function._make(described)
        parent = index[parent] if parent >= 0 else -1
        here = place.setdefault((parent, function), len(paths))
        index.append(here)
        if here == len(paths):
            paths.append(Path(function, parent))
            if parent >= 0:
                paths[parent].children.append(here)
        path = paths[here]
        path.calls += calls
        path.own_cpu += cpu
        path.own_wall += wall
    for path in reversed(paths):  # callees stand after their callers
        path.cpu += path.own_cpu
        path.wall += path.own_wall
        if path.parent >= 0:
            paths[path.parent].cpu += path.cpu
            paths[path.parent].wall += path.wall
    return paths


def walk(paths: list[Path]) -> Iterator[tuple[Path, bool]]:
    """Each path but the root, with True before and with False after what is below it."""
    stack = [(paths[each], True) for each in reversed(paths[0].children)]
    while stack:
        path, begins = stack.pop()
        yield path, begins
        if begins:
            stack.append((path, False))
            stack.extend((paths[each], True) for each in reversed(path.children))


def sums(paths: list[Path]) -> list[FunctionStats]:
    found: dict[Function, FunctionStats] = {}
    open_calls: Counter[object] = Counter()  # of a function, and of a function by another
    for path, begins in walk(paths):
        function = path.function
        caller = paths[path.parent].function if path.parent else None
        if not begins:
            open_calls[function] -= 1
            open_calls[caller, function] -= 1
            continue
        if function not in found:
            found[function] = FunctionStats(function=function)
        stats = found[function]
        own_wall = path.own_wall + sum(
            paths[each].own_wall for each in path.children if paths[each].function.kind == "wait"
        )
        add(stats, path, own_wall, inside=open_calls[function] > 0)
        if caller is not None:
            if caller not in stats.callers:
                stats.callers[caller] = found[caller].callees[function] = Edge()
            add(stats.callers[caller], path, own_wall, inside=open_calls[caller, function] > 0)
        open_calls[function] += 1
        open_calls[caller, function] += 1
    return list(found.values())


def add(stats: Edge, path: Path, own_wall: int, *, inside: bool) -> None:
    """Add a path's numbers; `inside` of another one of the same kind, its time is counted there."""
    stats.calls += path.calls
    stats.own_cpu += path.own_cpu
    stats.own_wall += own_wall
    if not inside:
        stats.primitive_calls += path.calls
        stats.cpu += path.cpu
        stats.wall += path.wall


def grouped(coroutines: list[Coroutine]) -> Iterator[Coroutine]:
    by_name: dict[str, list[Coroutine]] = {}
    for each in coroutines:
        by_name.setdefault(each.name, []).append(each)
    for name, members in by_name.items():
        yield Coroutine(
            id=members[0].id if len(members) == 1 else None,
            name=name,
            count=sum(each.count for each in members),
            cpu=sum(each.cpu for each in members),
            running=sum(each.running for each in members),
            waiting=sum(each.waiting for each in members),
            ready=sum(each.ready for each in members),
            longest=max(each.longest for each in members),
            switches=sum(each.switches for each in members),
            waits=sum(each.waits for each in members),
        )
