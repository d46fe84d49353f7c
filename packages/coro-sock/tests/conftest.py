"""What every test of coro-sock gets: a check that nothing was left behind."""

from collections.abc import Iterator

import pytest

from coro.testing import leak_check


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    with leak_check():
        yield
