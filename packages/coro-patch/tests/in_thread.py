"""Threads, as the tests of what waits use them; emulated ones under the emulation."""

import threading
from collections.abc import Callable
from typing import Any


def in_thread(function: Callable[[], object]) -> Callable[[], Any]:
    """Start it; what is returned joins the thread and gives the result."""
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(function()))
    thread.start()

    def join() -> Any:
        thread.join()
        return answers[0]

    return join
