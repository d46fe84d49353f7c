"""A crawler: follows the links of a site, many pages at a time, and tells those that are broken.

    python examples/crawler.py http://127.0.0.1:8000/ [PAGES]

It is written with `urllib`, which blocks. Under the emulation a coroutine blocks and no one else does, so a
coroutine for each page is all there is to it. A semaphore keeps it polite.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser

import coro

coro.install_thread_emulation()

from urllib.error import HTTPError
from urllib.parse import urldefrag, urljoin, urlsplit
from urllib.request import urlopen

AT_ONCE = 20  # pages that are asked for at a time
PATIENCE = 10  # seconds for a page


class Links(HTMLParser):
    """Collects the addresses that a page links to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.page = page
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if tag == "a" and name == "href" and value:
                self.found.add(urldefrag(urljoin(self.page, value)).url)


class Crawler:
    """Visits the pages of one site.

    Args:
        start: the address of its first page.
        most: how many pages to visit.
    """

    def __init__(self, start: str, most: int) -> None:
        self.site = urlsplit(start).netloc
        self.most = most
        self.seen: set[str] = set()
        self.broken: dict[str, str] = {}
        self.slots = coro.semaphore(AT_ONCE)
        with coro.scope() as self.visits:
            self.visit(start)

    def visit(self, page: str) -> None:
        if page not in self.seen and len(self.seen) < self.most and urlsplit(page).netloc == self.site:
            self.seen.add(page)
            self.visits.spawn(self.read, page)

    def read(self, page: str) -> None:
        try:
            with self.slots, coro.timeout(PATIENCE), urlopen(page) as answer:
                if answer.headers.get_content_type() != "text/html":
                    return
                links = Links(page)
                links.feed(answer.read().decode(answer.headers.get_content_charset() or "utf-8", "replace"))
        except OSError as error:
            self.broken[page] = str(error)
            if isinstance(error, HTTPError):  # which holds the connection
                error.close()
            return
        for link in links.found:
            self.visit(link)


def main(start: str, most: int) -> None:
    crawler = Crawler(start, most)
    for page, why in sorted(crawler.broken.items()):
        print(f"{page}: {why}")
    print(f"{len(crawler.seen)} pages, {len(crawler.broken)} broken")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or urlsplit(sys.argv[1]).scheme not in ("http", "https"):
        sys.exit("usage: python examples/crawler.py ADDRESS [PAGES]")
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else 1000)
