"""A real browser, by W3C's WebDriver: https://www.w3.org/TR/webdriver2/.

What belongs here: as much of that protocol as the tests need. It is HTTP with JSON; the usual library for it,
selenium, brings trio, of which a plugin of hypothesis takes notice in every test.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from peers import PATIENCE, HTTPClient, Peer, program

# The name under which the protocol hides the id of an element.
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"

ENTER = "\ue007"

ARGUMENTS = [
    "--headless",
    "--no-sandbox",  # as root it starts in no other way
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    # It asks nobody but the server of the test.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
]


class Browser:
    """A browser with one window or several, of which one is in front."""

    def __init__(self, port: int, profile: Path) -> None:
        self.port = port
        self.path = ""
        options = {"binary": program("chromium"), "args": [*ARGUMENTS, f"--user-data-dir={profile}"]}
        wanted = {"goog:chromeOptions": options, "timeouts": {"script": PATIENCE * 1000}}
        made = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.path = f"/session/{made['sessionId']}"

    def ask(self, method: str, path: str, body: object = None) -> Any:
        with HTTPClient(("127.0.0.1", self.port)) as client:
            status, answer = client.ask(method, self.path + path, body=None if body is None else json.dumps(body))
        value = json.loads(answer)["value"]
        assert status == 200, f"{value['error']}: {value['message']}"
        return value

    def open(self, address: str) -> None:
        self.ask("POST", "/url", {"url": address})

    def open_window(self, address: str) -> str:
        """A name for the new window, which is in front."""
        name: str = self.ask("POST", "/window/new", {"type": "window"})["handle"]
        self.show(name)
        self.open(address)
        return name

    def show(self, window: str) -> None:
        self.ask("POST", "/window", {"handle": window})

    def close_window(self) -> None:
        self.ask("DELETE", "/window")

    def type(self, text: str) -> None:
        """Into what has the focus."""
        element = self.ask("GET", "/element/active")[ELEMENT]
        self.ask("POST", f"/element/{element}/value", {"text": text})

    def run(self, script: str, *arguments: object) -> Any:
        """What a script hands to `done`, a function that it can call when it likes."""
        body = f"const done = arguments[arguments.length - 1]; {script}"
        return self.ask("POST", "/execute/async", {"script": body, "args": arguments})

    def quit(self) -> None:
        self.ask("DELETE", "")


@contextlib.contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Chromium without a screen; the test skips if it is missing."""
    program("chromium")
    with Peer(program("chromedriver"), "--port=0") as driver:
        line = driver.read_line()
        while "started successfully on port" not in line:
            line = driver.read_line()
        one = Browser(int(line.rsplit(maxsplit=1)[1].rstrip(".")), profile)
        try:
            yield one
        finally:
            one.quit()
