"""Many coroutines, and for long; what needs measuring runs in a process of its own."""

import pytest

RESIDENT = """
import coro

def resident():  # kB
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4

def nothing():
    pass
"""


def test_100_000_asleep_at_once(run):
    out = run("""
        import coro
        from coro.testing import virtual_clock

        woken = []

        def sleeper(n):
            coro.sleep_relative(1 + n % 1000)
            woken.append(n % 1000)

        with virtual_clock():
            made = [coro.spawn(sleeper, n) for n in range(100_000)]
            for co in made:
                co.join()
        assert woken == sorted(woken)
        print(len(woken))
    """)
    assert out == "100000\n"


@pytest.mark.memory
def test_a_million_one_after_another_take_no_more_memory(run):
    out = run(
        RESIDENT
        + """
for n in range(1_000_000):
    coro.spawn(nothing)
    if n % 100 == 0:
        coro.yield_slice()
    if n == 100_000:
        early = resident()
coro.yield_slice()
assert len(coro.all_threads) == 1
print(resident() - early)
"""
    )
    assert int(out) < 2000


def test_a_chain_of_100_000(run):
    """Each starts the next and ends: no stack may begin deeper than the one before."""
    out = run(
        RESIDENT
        + """
def link(n):
    if n == 1000:
        print(resident())
    if n:
        coro.spawn(link, n - 1)
    else:
        print(resident())
        main.schedule()

main = coro.current()
coro.spawn(link, 100_000)
coro.sleep_relative(3600)
"""
    )
    early, late = map(int, out.split())
    assert late - early < 2000


def test_a_chain_that_waits(run):
    """The same when each needs a stack of its own for a while."""
    run(
        RESIDENT
        + """
from coro.interface import scheduler

def link(n):
    if n:
        coro.spawn(link, n - 1)
        coro.yield_slice()
        coro.yield_slice()
    else:
        main.schedule()

main = coro.current()
coro.spawn(link, 50_000)
coro.sleep_relative(3600)
"""
    )


def test_starting_from_a_deep_stack(run):
    """A stack begins at the bottom, however deep the one stands that needs it."""
    run("""
        import sys, coro
        sys.setrecursionlimit(3000)

        def deep(n, links):
            if n:
                return deep(n - 1, links)
            if links:
                co = coro.spawn(deep, 2000, links - 1)
                co.join()

        coro.spawn(deep, 2000, 200).join()
    """)


def test_a_coroutine_that_waits_costs_little(run):
    out = run(
        RESIDENT
        + """
from coro.interface import scheduler
before = resident()
made = [coro.spawn(scheduler().wait) for _ in range(10_000)]
coro.yield_slice()
print((resident() - before) / 10_000)
for co in made:
    co.schedule()
for co in made:
    co.join()
"""
    )
    assert float(out) < 10  # kB
