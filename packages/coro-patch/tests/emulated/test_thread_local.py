"""`threading.local`: as in plain Python, and for coroutines."""

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import coro


def in_thread(function: Callable[[], object]) -> Any:
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(function()))
    thread.start()
    thread.join()
    return answers[0]


def test_each_thread_has_its_own(both: str) -> None:
    local = threading.local()
    local.name = "main"
    assert in_thread(lambda: hasattr(local, "name")) is False
    assert in_thread(lambda: (setattr(local, "name", "thread"), local.name)[1]) == "thread"
    assert local.name == "main"
    assert local.__dict__ == {"name": "main"}
    del local.name
    with pytest.raises(AttributeError, match="name"):
        _ = local.name


def test_init_runs_in_each_thread(both: str) -> None:
    class Local(threading.local):
        kind = "class attribute"

        def __init__(self, *arguments: object, **more: object) -> None:
            self.given = arguments, more

        @property
        def doubled(self) -> object:
            return [self.given, self.given]

    local = Local(1, two=2)
    assert local.given == ((1,), {"two": 2})
    local.given = None  # type: ignore[assignment]
    assert in_thread(lambda: local.given) == ((1,), {"two": 2})
    assert local.doubled == [None, None]
    assert local.kind == "class attribute"


def test_an_init_that_fails_is_tried_again(both: str) -> None:
    fail = [False]

    class Local(threading.local):
        def __init__(self) -> None:
            if fail[0]:
                raise LookupError("not now")
            self.x = 1

    local = Local()
    fail[0] = True

    def use() -> object:
        try:
            return local.x
        except LookupError:
            fail[0] = False
            return local.x

    assert in_thread(use) == 1


def test_wrong_uses(both: str) -> None:
    with pytest.raises(TypeError, match="Initialization arguments are not supported"):
        threading.local(1)  # type: ignore[call-arg]
    local = threading.local()
    with pytest.raises(AttributeError, match="'__dict__' is read-only"):
        local.__dict__ = {}
    with pytest.raises(AttributeError, match="'__dict__' is read-only"):
        del local.__dict__


def test_slots(both: str) -> None:
    class Local(threading.local):
        __slots__ = ("shared",)

    local = Local()
    local.shared = 1
    local.own = 2
    assert in_thread(lambda: (local.shared, hasattr(local, "own"))) == (1, False)


class Thing:
    pass


def test_what_a_thread_had_goes_when_it_ends(both: str) -> None:
    local = threading.local()

    def use() -> object:
        local.thing = Thing()
        return weakref.ref(local.thing)

    reference = in_thread(use)
    gc.collect()
    assert reference() is None


def test_what_a_local_had_goes_with_it(both: str) -> None:
    local = threading.local()
    local.thing = Thing()
    references = [weakref.ref(local.thing), weakref.ref(local)]
    del local
    gc.collect()
    assert [reference() for reference in references] == [None, None]


def test_a_local_in_its_own_dict_is_collected(both: str) -> None:
    local = threading.local()
    local.me = local
    reference = weakref.ref(local)
    del local
    gc.collect()
    assert reference() is None


def test_a_finalizer_at_the_end_of_a_thread_runs_in_it(both: str) -> None:
    local = threading.local()
    seen = []

    class Finalized:
        def __del__(self) -> None:
            seen.append(threading.get_ident())

    def use() -> int:
        local.it = Finalized()
        return threading.get_ident()

    assert [in_thread(use)] == seen


def test_plain_coroutines_have_their_own(emulated: None) -> None:
    local = threading.local()
    local.x = "main"
    references = []

    def use() -> None:
        assert not hasattr(local, "x")
        local.x = Thing()
        references.append(weakref.ref(local.x))

    for _ in range(3):
        co = coro.spawn(use)
        co.join()
        co.result()
        del co
    gc.collect()
    assert [reference() for reference in references] == [None, None, None]
    assert local.x == "main"
