"""What the pages show works: each page's code is run as a program, from top to bottom. And links lead somewhere.

A page may have more of the program in comments, which a reader does not see:

    <!-- test
    assert answer == 42
    -->

Programs that are shown whole stand in `examples/`, and have tests of their own.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

markdown_it = pytest.importorskip("markdown_it")

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = [
    *REPOSITORY.glob("*.md"),
    *REPOSITORY.glob("packages/*/README.md"),
    *(page for page in REPOSITORY.glob("docs/**/*.md") if "_build" not in page.parts),
]
OPENING, CLOSING = "<!-- test\n", "-->"


def program(page: Path) -> str:
    """The code of a page, each line where it stands in the page, so that a traceback tells where."""
    lines: list[str] = []
    for first, code in pieces(page.read_text()):
        lines += [""] * (first - len(lines))
        lines += code.splitlines()
    return "\n".join(lines) + "\n" if lines else ""


def pieces(text: str) -> Iterator[tuple[int, str]]:
    """Lines before it, and the code."""
    for token in markdown_it.MarkdownIt().parse(text):
        if token.type == "fence" and token.info == "python":
            yield token.map[0] + 1, token.content
        elif token.type == "html_block" and token.content.startswith(OPENING):
            yield token.map[0] + 1, token.content.removeprefix(OPENING).partition(CLOSING)[0]


def test_there_are_pages() -> None:
    assert {"README.md", "time-limits.md"} <= {page.name for page in PAGES if program(page)}


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, id=str(page.relative_to(REPOSITORY))) for page in sorted(PAGES) if program(page)],
)
def test_the_code_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    for needed, module in {"psycopg": "psycopg", "dns_resolver": "dns"}.items():
        if needed in program(page):
            pytest.importorskip(module)
    file = tmp_path / page.name
    file.write_text(program(page))
    # From 3.12 on a fork beside threads warns, and some pages are about both.
    warnings = ["-W", "error", "-W", "ignore:This process:DeprecationWarning"]
    done = subprocess.run(
        [sys.executable, *warnings, file], cwd=tmp_path, capture_output=True, text=True, timeout=60, input=""
    )
    assert (done.stderr, done.returncode) == ("", 0)


def links(page: Path) -> Iterator[str]:
    for token in markdown_it.MarkdownIt("commonmark").enable("table").parse(page.read_text()):
        for child in token.children or ():
            target = child.attrGet("href") or child.attrGet("src")
            if target and "://" not in str(target):
                yield str(target)


def anchors(page: Path) -> set[str]:
    """What can stand behind a # for this page: its headings, as GitHub and MyST write them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(REPOSITORY))) for page in sorted(PAGES)])
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []
