"""Writes the tables of docs/emulation.md from those of coro_patch.

    python build-support/emulation_tables.py            write the page anew
    python build-support/emulation_tables.py --check    only say whether it is stale

Everything between two of the page's markers is replaced. It needs coro-patch to be installed.
"""

import re
import sys
from pathlib import Path

from coro_patch._programs import _extensions
from coro_patch._table import FIRST, LAST, PARTS, TABLE, Row

PAGE = Path(__file__).resolve().parent.parent / "docs" / "emulation.md"


def main() -> None:
    page = PAGE.read_text()
    fresh = written_anew(page)
    if "--check" in sys.argv[1:]:
        sys.exit(None if page == fresh else f"{PAGE.name} is stale: run {Path(__file__).name}")
    PAGE.write_text(fresh)


def written_anew(page: str) -> str:
    """The page with its tables as they have to be."""
    for name, lines in {"names": names(), "extensions": extensions(), "by nature": by_nature()}.items():
        begin, end = f"<!-- table: {name} -->\n", "<!-- end of table -->"
        text = begin + "\n" + "\n".join(lines) + "\n\n" + end
        places = re.findall(re.escape(begin) + ".*?" + end, page, re.DOTALL)
        if len(places) != 1:
            sys.exit(f"{PAGE.name} has {len(places)} places for the table {name!r}")
        page = page.replace(places[0], text)
    return page


def names() -> list[str]:
    """What is replaced: a line for each module of each part."""
    lines = ["| part | module | names |", "|---|---|---|"]
    for part in PARTS:
        modules = dict.fromkeys(row.module for row in TABLE if row.part == part)
        for module in modules:
            rows = [row for row in TABLE if (row.part, row.module) == (part, module)]
            lines.append(f"| `{part}` | `{module}` | {', '.join(dict.fromkeys(map(named, rows)))} |")
    return lines


def named(row: Row) -> str:
    """A name, and the Pythons in which it is replaced, if not in all."""
    first, last = (".".join(map(str, version)) for version in (row.since, row.until))
    if row.since == row.until:
        return f"`{row.name}` (only {first})"
    if row.since == FIRST:
        return f"`{row.name}`" + ("" if row.until == LAST else f" (to {last})")
    return f"`{row.name}` " + (f"(from {first})" if row.until == LAST else f"({first} to {last})")


def extensions() -> list[str]:
    """The extensions that are known."""
    lines = ["| extension | | what to do, or why not |", "|---|---|---|"]
    lines += [f"| {each.name} | {each.kind} | {each.advice} |" for each in _extensions.EXTENSIONS]
    return lines


def by_nature() -> list[str]:
    """What blocks by nature."""
    lines = ["| module | what | what to do |", "|---|---|---|"]
    lines += [f"| `{module}` | {what} | {advice} |" for module, what, advice in _extensions.BY_NATURE]
    return lines


if __name__ == "__main__":
    main()
