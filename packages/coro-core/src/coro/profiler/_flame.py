"""Flame graphs: stacks as text for other programs, and as boxes for our own page.

What belongs here: where each box goes. A box is as wide as the time of its path, stands on
its caller, and its callees stand on it, in the order of their names.
"""

import html
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from coro.profiler._analysis import Analysis, Clock, Function, Path, check

#: Boxes that are narrower, as a part of the whole, are left out: none could be seen.
NARROWEST = 1 / 4000
#: Higher ones are left out, or a deep recursion would make the page endless; collapsed stacks
#: count them in the highest that is left.
HIGHEST = 200


def collapsed(analysis: Analysis, clock: Clock) -> str:
    """A line for each stack in which time was spent: its functions and how many microseconds."""
    check(clock)
    paths = analysis.paths
    levels = [0] * len(paths)
    shown = list(range(len(paths)))  # for each path, itself or what it is counted in
    times: Counter[int] = Counter()
    for i, path in enumerate(paths):
        if path.parent >= 0:
            levels[i] = levels[path.parent] + 1
            if levels[i] > HIGHEST:
                shown[i] = shown[path.parent]
            times[shown[i]] += path.own(clock)
    return "".join(
        f"{';'.join(reversed(list(labels(paths, i))))} {count}\n"
        for i, time in times.items()
        if (count := round(time / 1000))
    )


def labels(paths: list[Path], i: int) -> Iterator[str]:
    """The functions of a path, the innermost first."""
    while i > 0:
        yield one_word(paths[i].function)
        i = paths[i].parent


def one_word(function: Function) -> str:
    """A label without what separates labels and lines."""
    return " ".join(function.label.replace(";", ",").split())


@dataclass(slots=True)
class Box:
    path: Path
    level: int
    start: int  # ns from the left edge
    width: int  # ns


def boxes(analysis: Analysis, clock: Clock) -> Iterator[Box]:
    """The boxes of a flame graph, each after the one that it stands on."""
    paths = analysis.paths
    whole = paths[0].total(clock)
    stack = [Box(paths[0], 0, 0, whole)]
    while stack:
        box = stack.pop()
        yield box
        if box.level == HIGHEST:
            continue
        start = box.start
        for child in sorted((paths[each] for each in box.path.children), key=lambda each: each.function.label):
            width = child.total(clock)
            if width > whole * NARROWEST:
                stack.append(Box(child, box.level + 1, start, width))
            start += width


def graph(analysis: Analysis, clock: Clock) -> str:
    """The flame graph as HTML."""
    whole = max(analysis.paths[0].total(clock), 1)
    lines = []
    height = 0
    for box in boxes(analysis, clock):
        function = box.path.function
        label = html.escape(function.label if box.level else "all")
        height = max(height, box.level + 1)
        title = (
            f"{label}\n{box.width / 1e6:.3f} ms, {box.width / whole:.2%}; own {box.path.own(clock) / 1e6:.3f} ms; "
            f"{box.path.calls} calls"
        )
        if function.kind == "python" and function.file:
            title += f"\n{html.escape(function.file)}:{function.line}"
        lines.append(
            f'<div class="box {function.kind} shade{hash_of(function)}" data-start="{box.start}" '
            f'data-width="{box.width}" style="left:{box.start / whole:.4%};width:{box.width / whole:.4%};'
            f'bottom:{box.level * 1.25}em" title="{title}">{label}</div>'
        )
    return f'<div class="flame" id="flame-{clock}" style="height:{height * 1.25}em">\n' + "\n".join(lines) + "\n</div>"


def hash_of(function: Function) -> int:
    """One of eight shades, the same in each report."""
    return sum(function.name.encode("utf-8", "replace")) % 8
