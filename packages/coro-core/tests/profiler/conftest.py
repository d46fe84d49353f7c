"""What the tests of the profiler share."""

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture
def deep_recursion(no_leaks: None) -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    yield
    sys.setrecursionlimit(before)
