"""What every test of this folder may ask for."""

import contextlib
from collections.abc import Iterator

import pytest
from peers import PATIENCE, Peer, Start

import coro
from coro.testing import leak_check


@pytest.fixture
def in_time_and_clean() -> Iterator[None]:
    """The test fails when it takes too long, or leaves something behind."""
    with leak_check(), coro.timeout(PATIENCE):
        yield


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts programs, which are stopped when the test ends."""
    with contextlib.ExitStack() as started:
        yield lambda *command: started.enter_context(Peer(*command))
