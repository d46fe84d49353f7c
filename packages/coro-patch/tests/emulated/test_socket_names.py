"""Looking up names: numbers at once, names in a real thread."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

import coro
from coro_sock import SystemResolver


@pytest.fixture
def real_starts(emulated: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[None]]:
    """Grows with each real thread that is started for a look-up."""
    from coro._threads import _real_threads

    started: list[None] = []
    start = _real_threads._start_new_thread

    def counting(function: Callable[[], None], args: tuple[()]) -> None:
        started.append(None)
        start(function, args)

    monkeypatch.setattr(_real_threads, "_start_new_thread", counting)
    coro.set_resolver(SystemResolver())
    yield started
    coro.set_resolver(None)


def test_numbers_need_no_thread(real_starts: list[None]) -> None:
    plain = coro.get_original("_socket", "getaddrinfo")
    for question in [
        ("127.0.0.1", 80),
        ("::1", "80"),
        (None, 0),
        ("127.0.0.1", None, socket.AF_INET, socket.SOCK_STREAM),
    ]:
        assert socket.getaddrinfo(*question) == plain(*question)
    assert socket.gethostbyname("127.0.0.1") == "127.0.0.1"
    assert socket.gethostbyname_ex("127.0.0.1") == ("127.0.0.1", [], ["127.0.0.1"])
    numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
    assert socket.getnameinfo(("127.0.0.1", 80), numeric) == ("127.0.0.1", "80")
    assert real_starts == []


def test_a_name_is_looked_up_while_others_run(real_starts: list[None]) -> None:
    ran = []
    co = coro.spawn(ran.append, True)
    assert socket.gethostbyname("localhost").startswith("127.")
    assert ran == [True]
    assert len(real_starts) == 1
    co.join()


def test_names_are_asked_of_the_resolver_that_is_set(emulated: None) -> None:
    class Resolver:
        def getaddrinfo(self, host: str, port: object, *hints: int) -> list[tuple[object, ...]]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", port or 0))]

        def getnameinfo(self, sockaddr: tuple[str, int], flags: int) -> tuple[str, str]:
            return "name." + sockaddr[0], str(sockaddr[1])

    coro.set_resolver(Resolver())
    try:
        assert socket.getaddrinfo("some.host", 80)[0][4] == ("127.0.0.2", 80)
        assert socket.gethostbyname("some.host") == "127.0.0.2"
        assert socket.gethostbyname("127.0.0.1") == "127.0.0.1"
        assert socket.getnameinfo(("127.0.0.1", 80), 0) == ("name.127.0.0.1", "80")
        with socket.create_server(("127.0.0.2", 0)) as listener:
            socket.create_connection(("some.host", listener.getsockname()[1])).close()
    finally:
        coro.set_resolver(None)


def test_a_thread_without_coro_asks_by_itself(emulated: None) -> None:
    started = coro.get_original("_thread", "start_new_thread")
    seen: list[object] = []

    def look() -> None:
        before = coro.get_live_coros()
        found = socket.getaddrinfo("localhost", 80, socket.AF_INET, socket.SOCK_STREAM)
        seen.append((found[0][4], coro.get_live_coros() - before))

    started(look, ())
    while not seen:
        coro.yield_slice()
    assert seen == [(("127.0.0.1", 80), 0)]


def test_the_special_names_of_hosts(both: str) -> None:
    assert socket.gethostbyname("") == "0.0.0.0"
    assert socket.gethostbyname("<broadcast>") == "255.255.255.255"
    assert socket.gethostbyname("127.1") == "127.0.0.1"
    for wrong in (None, 5):
        with pytest.raises(TypeError):
            socket.gethostbyname(wrong)  # type: ignore[arg-type]


def test_the_answers_are_pythons(both: str) -> None:
    assert ("127.0.0.1", 80) in {each[4] for each in socket.getaddrinfo("localhost", 80, socket.AF_INET)}
    assert socket.gethostbyname_ex("localhost")[2] == ["127.0.0.1"]
    assert "localhost" in socket.gethostbyaddr("127.0.0.1")[0]
    assert socket.getfqdn("127.0.0.1")
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("127.0.0.1", "no such service")
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo(None, None)


def test_connecting_to_a_name(both: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        thread = threading.Thread(target=lambda: listener.accept()[0].close())
        thread.start()
        client.connect(("localhost", listener.getsockname()[1]))
        assert client.recv(1) == b""
        thread.join()


@pytest.mark.parametrize(
    "address", [("127.0.0.1",), "127.0.0.1", (1, 2), ("127.0.0.1", "80"), None, ("127.0.0.1", 1 << 20)]
)
def test_addresses_of_a_wrong_form(both: str, address: object) -> None:
    with socket.socket() as client, pytest.raises((TypeError, OverflowError)):
        client.connect(address)  # type: ignore[arg-type]
