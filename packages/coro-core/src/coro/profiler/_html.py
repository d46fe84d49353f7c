"""The report as a page: tables that can be sorted, callers and callees, flame graphs.

What belongs here: rows. What surrounds them, with style and script, is in `report.html`; the
page is one file and fetches nothing.
"""

from collections.abc import Iterable
from html import escape
from importlib.resources import files
from string import Template

from coro.profiler import _flame, _report
from coro.profiler._analysis import Analysis, Coroutine, Edge, Function, FunctionStats

#: Rows of a table; what comes after is summed up in a line.
MOST_ROWS = 1000
#: Functions whose callers and callees are told.
MOST_DETAILS = 300


def page(analysis: Analysis) -> str:
    links = {each.function: f"f{i}" for i, each in enumerate(analysis.functions[:MOST_DETAILS])}
    template = Template((files("coro.profiler") / "report.html").read_text(encoding="utf-8"))
    return template.substitute(
        summary="".join(f"<p>{escape(line)}</p>" for line in _report.summary_lines(analysis)),
        wall_flame=_flame.graph(analysis, "wall"),
        cpu_flame=_flame.graph(analysis, "cpu"),
        functions=rows(function_cells(each, links) for each in analysis.functions),
        waits=rows(wait_cells(each) for each in analysis.waits),
        groups=rows(coroutine_cells(each, str(each.count)) for each in analysis.groups),
        coroutines=rows(coroutine_cells(each, str(each.id or "")) for each in analysis.coroutines),
        details="\n".join(details(each, links) for each in analysis.functions[:MOST_DETAILS]),
    )


def rows(all_cells: Iterable[str]) -> str:
    lines: list[str] = []
    left_out = 0
    for cells in all_cells:
        if len(lines) < MOST_ROWS:
            lines.append(f"<tr>{cells}</tr>")
        else:
            left_out += 1
    if left_out:
        lines.append(f'<tr class="rest"><td colspan="10">and {left_out} more</td></tr>')
    return "\n".join(lines)


def number(value: int) -> str:
    return f'<td data-value="{value}">{value:,}</td>'


def time(ns: int) -> str:
    return f'<td data-value="{ns}">{ns / 1e6:,.3f}</td>'


def name(function: Function, links: dict[Function, str]) -> str:
    text = escape(function.label)
    link = links.get(function)
    where = f' title="{escape(f"{function.file}:{function.line}")}"' if function.kind == "python" else ""
    return f'<td class="name"{where}>' + (f'<a href="#{link}">{text}</a>' if link else text) + "</td>"


def edge_cells(edge: Edge) -> str:
    calls = f"{edge.calls:,}" + (f" / {edge.primitive_calls:,}" if edge.calls != edge.primitive_calls else "")
    return f'<td data-value="{edge.calls}">{calls}</td>' + "".join(
        map(time, (edge.own_cpu, edge.own_wall, edge.cpu, edge.wall))
    )


def function_cells(each: FunctionStats, links: dict[Function, str]) -> str:
    return edge_cells(each) + name(each.function, links)


def wait_cells(each: FunctionStats) -> str:
    callers = sorted(each.callers.items(), key=lambda item: item[1].wall, reverse=True)
    where = ", ".join(f"{escape(caller.label)} {edge.wall / 1e6:,.3f}" for caller, edge in callers[:10])
    return number(each.calls) + time(each.wall) + f'<td class="name">{escape(each.function.name)}</td><td>{where}</td>'


def coroutine_cells(each: Coroutine, first: str) -> str:
    times = (each.cpu, each.running, each.longest, each.ready, each.waiting, each.wall)
    return (
        f'<td data-value="{first or 0}">{first}</td>'
        + "".join(map(time, times))
        + number(each.switches)
        + number(each.waits)
        + f'<td class="name">{escape(each.name)}</td>'
    )


def details(each: FunctionStats, links: dict[Function, str]) -> str:
    lines = [f'<details id="{links[each.function]}"><summary>{escape(each.function.label)}</summary>']
    for title, edges in (("Called by", each.callers), ("Calls", each.callees)):
        if edges:
            found = sorted(edges.items(), key=lambda item: item[1].wall, reverse=True)
            lines += [
                "<table><thead><tr><th>calls</th><th>own CPU</th><th>own wall</th><th>CPU</th><th>wall</th>",
                f'<th class="name">{title}</th></tr></thead><tbody>',
                rows(edge_cells(edge) + name(function, links) for function, edge in found),
                "</tbody></table>",
            ]
    return "\n".join([*lines, "</details>"])
