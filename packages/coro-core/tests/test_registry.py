"""coro._registry: against a dict."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coro._registry import RegistryProbe


@dataclass(frozen=True)
class Thing:
    id: int


# Ids that count up, and such as stand where others want to: the table has 64 places at first.
ids = st.one_of(st.integers(1, 200), st.integers(1, 6).map(lambda n: n * 64), st.integers(1, 2**62))


@given(st.lists(st.tuples(st.booleans(), ids), max_size=400))
def test_against_a_dict(steps):
    registry, model = RegistryProbe(), {}
    for put, number in steps:
        if not put:
            registry.take(number)
            model.pop(number, None)
        elif number not in model:
            model[number] = Thing(number)
            registry.put(model[number])
        assert len(registry) == len(model)
    assert registry.keys() == list(registry) == sorted(model)
    assert dict(registry.items()) == model == registry
    assert registry.values() == [model[number] for number in sorted(model)]
    assert all(registry[number] is registry.get(number) is thing for number, thing in model.items())
    assert all((number in registry) == (number in model) for _, number in steps)


def test_thousands_that_come_and_go():
    """The table grows, shrinks, and wraps."""
    registry = RegistryProbe()
    for begin in range(0, 100_000, 10_000):
        for number in range(begin, begin + 10_000):
            registry.put(Thing(number + 1))
        for number in range(begin, begin + 10_000, 2):
            registry.take(number + 1)
    assert list(registry) == list(range(2, 100_001, 2))
    for number in range(2, 100_001, 2):
        registry.take(number)
    assert len(registry) == 0
    assert list(registry) == []


def test_references_are_given_back():
    registry, thing = RegistryProbe(), Thing(7)
    before = sys.getrefcount(thing)
    registry.put(thing)
    assert registry[7] is thing
    assert sys.getrefcount(thing) == before + 1
    registry.take(7)
    assert sys.getrefcount(thing) == before
    registry.put(thing)
    del registry
    assert sys.getrefcount(thing) == before


def test_what_is_not_in_it():
    registry = RegistryProbe()
    assert registry == {}
    registry.put(Thing(7))
    for number in (8, 0, -7, 2**70, 7 + 2**64, "7", None, 7.5):
        assert number not in registry
        assert registry.get(number) is None
        assert registry.get(number, "nobody") == "nobody"
        with pytest.raises(KeyError):
            registry[number]


def test_what_it_is():
    registry = RegistryProbe()
    registry.put(Thing(7))
    assert isinstance(registry, Mapping)
    assert repr(registry) == "{7: Thing(id=7)}"
    assert registry == {7: Thing(7)}
    assert registry != {}
    assert registry != 7


def test_ids_are_the_tables_own():
    """A class of the program may call something else an id."""
    registry = RegistryProbe()
    things = [Thing(3), Thing(1), Thing(2)]
    for thing in things:
        registry.put(thing)
    for thing in things:
        object.__setattr__(thing, "id", "another")
    assert registry.keys() == [1, 2, 3]
    assert registry.values() == [things[1], things[2], things[0]]
    assert registry.items() == [(1, things[1]), (2, things[2]), (3, things[0])]


def test_it_may_change_while_somebody_goes_through_it():
    registry = RegistryProbe()
    for number in (1, 2, 3):
        registry.put(Thing(number))
    for number in registry:
        registry.take(number)
    assert len(registry) == 0
