"""The condition variable and the event: who is woken, with what, and their wrong use."""

import contextlib

import pytest

import coro
from coro.sync import condition_variable, event
from coro.testing import wait_all_blocked


def waiters(condition: condition_variable, count: int) -> list[coro.coro]:
    made = [coro.spawn(condition.wait) for _ in range(count)]
    wait_all_blocked()
    return made


def test_wake_one_wakes_who_has_waited_longest() -> None:
    condition = condition_variable()
    assert condition.wake_one() is False
    first, second = waiters(condition, 2)
    assert condition.wake_one(("news",)) is True
    assert condition.wake_one() is True
    first.join()
    second.join()
    assert first.result() == ("news",)
    assert second.result() == ()


def test_wake_n_and_wake_all_say_how_many() -> None:
    condition = condition_variable()
    some = waiters(condition, 5)
    assert condition.wake_n(2, "two") == 2
    assert len(condition) == 3
    assert condition.wake_n(0) == 0
    assert condition.wake_all("all") == 3
    assert condition.wake_n(7) == condition.wake_all() == 0
    for each in some:
        each.join()
    assert [each.result() for each in some] == ["two", "two", "all", "all", "all"]


def test_raise_all() -> None:
    condition = condition_variable()

    def wait() -> str:
        with pytest.raises(KeyError):
            condition.wait()
        return "raised"

    some = [coro.spawn(wait) for _ in range(3)]
    wait_all_blocked()
    assert condition.raise_all(KeyError) == 3
    assert condition.wake_one() is False
    for each in some:
        each.join()
    assert [each.result() for each in some] == ["raised"] * 3
    assert condition.raise_all(KeyError("x")) == 0


@pytest.mark.parametrize("goes_on", ["ends", "waits"])
def test_raise_all_with_an_exception_that_lets_others_run(goes_on: str) -> None:
    """It is raised in who still waits then, and in nobody else."""
    condition, elsewhere, woken = condition_variable(), event(), list[bool]()

    class NewsError(Exception):
        def __init__(self) -> None:
            if not woken:
                woken.append(condition.wake_one())
                wait_all_blocked()

    def wait() -> str:
        condition.wait()
        if goes_on == "waits":
            elsewhere.wait()
        return "woken"

    some = [coro.spawn(wait) for _ in range(4)]
    wait_all_blocked()
    assert condition.raise_all(NewsError) == 3
    elsewhere.set()
    for each in some:
        with contextlib.suppress(NewsError):
            each.result()
    assert [type(each.failure) for each in some] == [type(None), NewsError, NewsError, NewsError]


def test_a_wake_of_one_who_is_interrupted_goes_to_the_next() -> None:
    condition = condition_variable()
    first, second = waiters(condition, 2)
    condition.wake_one("news")
    first.shutdown()
    first.join()
    second.join()
    assert second.result() == "news"


def test_a_wake_of_all_is_not_passed_on_to_who_came_later() -> None:
    condition = condition_variable()
    (first,) = waiters(condition, 1)
    condition.wake_all()
    late = coro.spawn(condition.wait)
    first.raise_exception(coro.Interrupted)
    first.join()
    wait_all_blocked()
    assert not late.dead
    condition.wake_one()
    late.join()


@pytest.mark.usefixtures("virtual")
def test_wait_timeout() -> None:
    condition = condition_variable()
    with pytest.raises(coro.TimeoutError):
        condition.wait_timeout(3600)
    assert len(condition) == 0
    waiting = coro.spawn(condition.wait_timeout, 3600)
    unlimited = coro.spawn(condition.wait_timeout, None)
    wait_all_blocked()
    condition.wake_all("news")
    waiting.join()
    unlimited.join()
    assert waiting.result() == unlimited.result() == "news"


@pytest.mark.usefixtures("virtual")
def test_what_has_come_wins_over_a_timeout_of_the_same_turn() -> None:
    condition = condition_variable()
    waiting = coro.spawn(condition.wait_timeout, 1)
    coro.yield_slice()
    coro.sleep_relative(1)
    woken = condition.wake_one("news")
    waiting.join()
    assert woken is False or waiting.result() == "news"


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (lambda: condition_variable().wake_n(-1), ValueError, "count must not be negative, but is -1"),
        (lambda: condition_variable().raise_all("news"), TypeError, "the_exception .* not str"),
        (lambda: condition_variable().raise_all(int), TypeError, "the_exception .* not type"),
        (lambda: condition_variable().wait_timeout(-1), ValueError, "timeout"),
        (lambda: condition_variable().wait_timeout("1"), TypeError, "timeout"),
        (lambda: event().wait(-1), ValueError, "timeout"),
    ],
)
def test_wrong_use(wrong: object, error: type[Exception], words: str) -> None:
    assert callable(wrong)
    with pytest.raises(error, match=words):
        wrong()


def test_an_event_wakes_all_and_is_remembered() -> None:
    happened = event()
    some = [coro.spawn(happened.wait) for _ in range(3)]
    wait_all_blocked()
    assert not happened.is_set()
    assert len(happened) == 3
    happened.set()
    happened.clear()  # who was woken goes on
    for each in some:
        each.join()
        assert each.result() is True
    happened.set()
    assert happened.wait() is True
    assert happened.is_set()


@pytest.mark.usefixtures("virtual")
def test_waiting_for_an_event_for_a_while() -> None:
    assert event().wait(3600) is False


def test_an_interrupt_while_waiting_for_an_event() -> None:
    happened = event()
    waiting = coro.spawn(happened.wait)
    wait_all_blocked()
    waiting.shutdown()
    waiting.join()
    assert len(happened) == 0


def test_their_words() -> None:
    assert repr(condition_variable()) == "<condition_variable, 0 waiting>"
    assert repr(event()) == "<event not set, 0 waiting>"
    assert condition_variable()
    assert event()
