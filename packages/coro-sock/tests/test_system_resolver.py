"""The system's resolver in threads: `coro_sock._system_resolver`."""

import copy
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import coro
from coro.interface import Resolver
from coro.testing import virtual_clock
from coro_sock import SystemResolver, _system_resolver

ANSWER = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]


class System:
    """Stands for the system's resolver: answers when it is let."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.answer = threading.Semaphore(0)
        self.result: Any = ANSWER

    def __call__(self, *question: Any) -> Any:
        self.asked.append(question)
        assert self.answer.acquire(timeout=60)
        if isinstance(self.result, Exception):
            raise copy.copy(self.result)
        return self.result

    def until_asked(self, times: int = 1) -> None:
        while len(self.asked) < times:
            coro.yield_slice()


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    made = System()
    monkeypatch.setattr(_system_resolver, "_getaddrinfo", made)
    monkeypatch.setattr(_system_resolver, "_getnameinfo", made)
    return made


@pytest.fixture
def resolver() -> Iterator[SystemResolver]:
    made = SystemResolver(threads=2)
    yield made
    while made._threads.running:
        coro.yield_slice()


def test_it_is_a_resolver(resolver: SystemResolver) -> None:
    assert isinstance(resolver, Resolver)


@pytest.mark.parametrize(
    "question",
    [
        ("localhost", 80, socket.AF_INET, socket.SOCK_STREAM),
        ("localhost", "http", socket.AF_INET),
        ("127.0.0.1", "http"),
        (None, "http", 0, socket.SOCK_STREAM, 0, socket.AI_PASSIVE),
        (b"localhost", None, socket.AF_INET, 0, 0, socket.AI_CANONNAME),
    ],
)
def test_it_gives_what_the_system_gives(resolver: SystemResolver, question: Any) -> None:
    for _ in range(2):  # looked up, and kept
        assert resolver.getaddrinfo(*question) == socket.getaddrinfo(*question)


@pytest.mark.parametrize("flags", [0, socket.NI_NUMERICHOST, socket.NI_NUMERICSERV, socket.NI_NAMEREQD])
def test_it_gives_names_as_the_system_does(resolver: SystemResolver, flags: int) -> None:
    for _ in range(2):
        assert resolver.getnameinfo(("127.0.0.1", 80), flags) == socket.getnameinfo(("127.0.0.1", 80), flags)


@pytest.mark.parametrize("question", [("no-such-host.invalid", 80), ("127.0.0.1", "no such service"), ("::1", 80, 2)])
def test_its_errors_are_the_system_s(resolver: SystemResolver, question: Any) -> None:
    with pytest.raises(socket.gaierror) as ours:
        resolver.getaddrinfo(*question)
    with pytest.raises(socket.gaierror) as theirs:
        socket.getaddrinfo(*question)
    assert ours.value.args == theirs.value.args


def test_numbers_need_no_thread(resolver: SystemResolver, system: System) -> None:
    assert resolver.getaddrinfo("127.0.0.1", 80, 0, socket.SOCK_STREAM) == ANSWER
    numbers = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
    assert resolver.getnameinfo(("127.0.0.1", 80), numbers) == ("127.0.0.1", "80")
    assert system.asked == []


def test_others_run_while_it_looks_up(resolver: SystemResolver, system: System) -> None:
    co = coro.spawn(resolver.getaddrinfo, "some.host", 80)
    system.until_asked()
    assert not co.dead
    system.answer.release()
    co.join()
    assert co.result() == ANSWER


def test_many_who_ask_the_same_cost_one_look_up(resolver: SystemResolver, system: System) -> None:
    asking = [coro.spawn(resolver.getaddrinfo, "some.host", 80) for _ in range(100)]
    system.until_asked()
    system.answer.release()
    for co in asking:
        co.join()
    assert len(system.asked) == 1


def test_what_differs_in_anything_is_another_question(resolver: SystemResolver, system: System) -> None:
    for _ in range(5):
        system.answer.release()
    for question in [("h", 1), ("h", 2), ("h", 1, 2), (b"h", 1), ("h", 1, 0, 0, 0, socket.AI_CANONNAME)]:
        resolver.getaddrinfo(*question)
    assert len(system.asked) == 5


def test_what_it_gives_may_be_changed(resolver: SystemResolver, system: System) -> None:
    system.answer.release()
    resolver.getaddrinfo("some.host", 80).clear()
    assert resolver.getaddrinfo("some.host", 80) == ANSWER
    assert len(system.asked) == 1


def test_no_more_threads_run_than_allowed(resolver: SystemResolver, system: System) -> None:
    asking = [coro.spawn(resolver.getaddrinfo, f"host{number}", 80) for number in range(5)]
    system.until_asked(2)
    for co in asking:
        while co.waiting is None:
            coro.yield_slice()
    assert len(system.asked) == 2
    for _ in asking:
        system.answer.release()
    for co in asking:
        co.join()
    assert [question[0] for question in system.asked] == [f"host{number}" for number in range(5)]


def test_a_look_up_can_be_interrupted(resolver: SystemResolver, system: System) -> None:
    with pytest.raises(coro.TimeoutError), coro.timeout(0.001):
        resolver.getaddrinfo("some.host", 80)
    system.answer.release()


def test_one_that_no_thread_has_begun_is_not_made_any_more(resolver: SystemResolver, system: System) -> None:
    asking = [coro.spawn(resolver.getaddrinfo, f"host{number}", 80) for number in range(3)]
    system.until_asked(2)
    while not resolver._threads.queued:
        coro.yield_slice()
    asking[2].shutdown()
    asking[2].join()
    while resolver._threads.queued:
        coro.yield_slice()
    for _ in range(2):
        system.answer.release()
    for co in asking[:2]:
        co.join()
    assert len(system.asked) == 2


def test_an_answer_is_kept_for_its_time(resolver: SystemResolver, system: System) -> None:
    with virtual_clock():
        for _ in range(2):
            system.answer.release()
        resolver.getaddrinfo("some.host", 80)
        coro.sleep_relative(9.9)
        resolver.getaddrinfo("some.host", 80)
        assert len(system.asked) == 1
        coro.sleep_relative(0.1)
        resolver.getaddrinfo("some.host", 80)
        assert len(system.asked) == 2


def test_all_answers_are_forgotten_at_once(resolver: SystemResolver, system: System) -> None:
    for number in range(2):
        system.answer.release()
        resolver.getaddrinfo("some.host", 80)
        assert len(system.asked) == number + 1
        resolver.clear_cache()


def test_a_failure_is_asked_for_again(resolver: SystemResolver, system: System) -> None:
    system.result = socket.gaierror(socket.EAI_AGAIN, "not now")
    for number in range(2):
        system.answer.release()
        with pytest.raises(socket.gaierror, match="not now"):
            resolver.getaddrinfo("some.host", 80)
        assert len(system.asked) == number + 1


def test_names_are_shared_and_kept_too(resolver: SystemResolver, system: System) -> None:
    system.result = ("some.host", "http")
    system.answer.release()
    for _ in range(2):
        assert resolver.getnameinfo(("127.0.0.1", 80), 0) == ("some.host", "http")
    assert len(system.asked) == 1


@pytest.mark.parametrize("wrong", [{"threads": 0}, {"cache_size": -1}, {"ttl": -1}, {"ttl": float("nan")}])
def test_its_arguments_are_checked(wrong: Any) -> None:
    with pytest.raises(ValueError, match="must be"):
        SystemResolver(**wrong)
