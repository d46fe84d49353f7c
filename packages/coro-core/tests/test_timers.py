"""The heap of timers: order, ties, cancelling, references."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coro._timers import HeapProbe, Timer


def test_an_empty_heap():
    heap = HeapProbe()
    assert len(heap) == 0
    assert heap.earliest() is None
    assert heap.pop_due(2**62) is None


def test_the_earliest_comes_first_and_only_when_due():
    heap = HeapProbe()
    late, early = Timer(), Timer()
    heap.add(late, 20)
    heap.add(early, 10)
    assert heap.earliest() == 10
    assert heap.pop_due(9) is None
    assert heap.pop_due(10) is early
    assert heap.pop_due(19) is None
    assert heap.pop_due(20) is late


def test_ties_fire_in_order_of_adding():
    heap = HeapProbe()
    timers = [Timer() for _ in range(100)]
    for timer in timers:
        heap.add(timer, 7)
    assert [heap.pop_due(7) for _ in timers] == timers


def test_the_heap_says_whether_it_is_set():
    heap, timer = HeapProbe(), Timer()
    assert not heap.holds(timer)
    heap.add(timer, 1)
    assert heap.holds(timer)
    assert heap.cancel(timer)
    assert not heap.holds(timer)
    assert not heap.cancel(timer)
    heap.add(timer, 1)
    heap.pop_due(1)
    assert not heap.holds(timer)


def test_a_timer_is_set_once():
    heap, timer = HeapProbe(), Timer()
    heap.add(timer, 1)
    with pytest.raises(RuntimeError, match="set already"):
        heap.add(timer, 2)
    assert len(heap) == 1


def test_references_are_given_back():
    heap, timers = HeapProbe(), [Timer() for _ in range(3)]
    before = [sys.getrefcount(timer) for timer in timers]
    for n in range(3):
        heap.add(timers[n], 5)
    assert [sys.getrefcount(timer) for timer in timers] == [n + 1 for n in before]
    heap.cancel(timers[0])
    heap.pop_due(5)
    del heap
    assert [sys.getrefcount(timer) for timer in timers] == before


# Few different moments, so that ties are frequent; many timers, so that the heap grows.
operations = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(-3, 12)),
        st.tuples(st.just("cancel"), st.integers(0, 10**6)),
        st.tuples(st.just("pop"), st.integers(-3, 12)),
    ),
    max_size=300,
)


@given(operations)
def test_against_a_sorted_list(operations):
    heap = HeapProbe()
    model = []  # (when, order of adding, timer)
    every = []
    for number, (what, argument) in enumerate(operations):
        if what == "add":
            timer = Timer()
            heap.add(timer, argument)
            every.append(timer)
            model.append((argument, number, timer))
            model.sort(key=lambda entry: entry[:2])
        elif what == "cancel" and every:
            timer = every[argument % len(every)]
            was_set = any(entry[2] is timer for entry in model)
            assert heap.cancel(timer) == was_set
            model = [entry for entry in model if entry[2] is not timer]
        elif what == "pop":
            expected = model.pop(0)[2] if model and model[0][0] <= argument else None
            assert heap.pop_due(argument) is expected
        assert len(heap) == len(model)
        assert heap.earliest() == (model[0][0] if model else None)
        pending = {id(entry[2]) for entry in model}
        assert all(heap.holds(timer) == (id(timer) in pending) for timer in every)
