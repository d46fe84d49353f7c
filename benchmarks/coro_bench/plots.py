"""The results as pictures: bars for each workload, curves over connections and over the size of messages.

They need matplotlib, which is not needed for anything else.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from coro_bench.results import Results
from coro_bench.workloads import ECHO_CONNECTIONS, ECHO_SIZES, FIGURES, MICRO, echo_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: One colour for each peer in all pictures; coro's own stands out.
COLOURS = {
    "coro": "#d1495b",
    "coro_patch": "#d1495b",
    "gevent": "#3d7ea6",
    "gevent.monkey": "#3d7ea6",
    "eventlet": "#7fb069",
    "asyncio streams": "#b5a642",
    "asyncio protocol": "#8c7b1f",
    "uvloop streams": "#9d79bc",
    "uvloop protocol": "#6a4c93",
    "trio": "#4d9078",
    "threads": "#999999",
    "C epoll": "#333333",
    "C io_uring": "#666666",
}

#: One of each kind, for those who see no other picture.
OVERVIEW = ["echo_100x64", "churn", "yield", "spawn_join", "idle", "requests"]

BARS = [
    "echo_100x64", "churn", "udp", "proxy", "bulk", "idle", *MICRO, "import", "syscalls",
    "emulated_echo", "emulated_lock", "requests", "http_server", "gunicorn_plain", "gunicorn_tls",
]  # fmt: skip

TITLE = 48  # characters that fit over a picture


def draw(results: Results, folder: Path) -> list[Path]:
    """Write all pictures as SVG and PNG. Returns what was written.

    Raises:
        ImportError: matplotlib is not installed.
    """
    import matplotlib

    matplotlib.use("agg")
    # The same picture from the same numbers, to the byte.
    matplotlib.rcParams.update({"svg.hashsalt": "coro", "axes.spines.top": False, "axes.spines.right": False})
    written = []
    for file, names in (("overview", OVERVIEW), ("workloads", BARS)):
        measured = [name for name in names if results.get(name)]
        if measured:
            written += _save(_draw_bars(results, measured), folder, file)
    for size in ECHO_SIZES:
        points = [(connections, echo_name(connections, size)) for connections in ECHO_CONNECTIONS]
        written += _draw_curve(results, points, "connections", f"an echo of {size:,} bytes", folder, f"echo-{size}")
    for connections in ECHO_CONNECTIONS:
        points = [(size, echo_name(connections, size)) for size in ECHO_SIZES]
        title = f"an echo, {connections:,} connections"
        written += _draw_curve(results, points, "bytes of a message", title, folder, f"echo-by-size-{connections}")
    return written


def _draw_bars(results: Results, names: list[str]) -> Figure:
    import matplotlib.pyplot as plt

    columns = 3
    rows = -(-len(names) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(15, 3.2 * rows), squeeze=False, layout="constrained")
    for axis, name in zip(axes.flat, names, strict=False):
        _draw_one(axis, results, name)
    for axis in axes.flat[len(names) :]:
        axis.axis("off")
    drawn: Figure = figure
    return drawn


def _draw_one(axis: Axes, results: Results, name: str) -> None:
    result, what = results.get(name), FIGURES[name]
    assert result is not None
    peers = list(result.runs)
    medians = [result.median(peer) * what.factor for peer in peers]
    drawn = axis.barh(peers, medians, color=[COLOURS[peer] for peer in peers])
    axis.bar_label(drawn, [f"{median:,.{what.digits}f}" for median in medians], padding=3, fontsize=8)
    axis.margins(x=0.18)
    axis.invert_yaxis()
    axis.set_title(textwrap.fill(what.title, TITLE), fontsize=9, loc="left")
    axis.set_xlabel(what.unit, fontsize=8)
    axis.tick_params(labelsize=8)


def _draw_curve(
    results: Results, names: list[tuple[int, str]], over: str, title: str, folder: Path, file: str
) -> list[Path]:
    """A picture over what is measured for several numbers; none if it was measured for fewer than two."""
    import matplotlib.pyplot as plt

    measured = [(number, result) for number, name in names if (result := results.get(name))]
    if len(measured) < 2:
        return []
    figure, axis = plt.subplots(figsize=(8, 5), layout="constrained")
    for peer, colour in COLOURS.items():
        points = [(number, result.median(peer) * 1e6) for number, result in measured if peer in result.runs]
        if points:
            wide = 2.5 if peer == "coro" else 1.2
            dashes = "--" if peer.startswith("C ") else "-"
            axis.plot(
                *zip(*points, strict=True), dashes, color=colour, label=peer, linewidth=wide, marker="o", markersize=3
            )
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel(over)
    axis.set_ylabel("us of the server's CPU")
    axis.set_title(title, loc="left")
    axis.grid(alpha=0.3, which="both", linewidth=0.5)
    axis.legend(fontsize=8)
    return _save(figure, folder, file)


def _save(figure: Figure, folder: Path, name: str) -> list[Path]:
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for suffix, metadata in (("svg", {"Date": None}), ("png", {"Software": None})):
        path = folder / f"{name}.{suffix}"
        figure.savefig(path, metadata=metadata, dpi=110)
        written.append(path)
    plt.close(figure)
    return written
