"""Looking up names: numbers at once, names in a real thread."""

import socket
import threading
from collections.abc import Callable

import pytest

import coro


@pytest.fixture
def real_starts(emulated: None, monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Grows with each real thread that is started for a look-up."""
    from coro_patch import _offload
    from coro_sock import _resolver

    started: list[None] = []
    for module in (_offload, _resolver):
        start = module._start_new_thread

        def counting(function: Callable[[], None], args: tuple[()], start: object = start) -> None:
            started.append(None)
            start(function, args)  # type: ignore[operator]

        monkeypatch.setattr(module, "_start_new_thread", counting)
    return started


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
