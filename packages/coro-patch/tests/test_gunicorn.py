"""Parts of gunicorn's worker. The worker itself, in a gunicorn, is in tests-integration."""

import importlib
from typing import Any

import pytest

import coro

pytest.importorskip("gunicorn", reason="gunicorn is not installed")
worker: Any = importlib.import_module("coro_patch.gunicorn")


class Wire:
    """What stands where the socket is: it keeps what is sent, by calls."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        self.sent.append(data)

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        self.sent.append(b"<file>")
        return 6


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def outgoing(wire: Wire) -> Any:
    return worker._Outgoing(wire)


class TestOutgoing:
    def test_the_head_goes_with_the_first_piece(self, wire: Wire, outgoing: Any) -> None:
        outgoing.sendall(b"head,")
        assert wire.sent == []
        outgoing.sendall(b"one")
        outgoing.sendall(b"two")
        assert wire.sent == [b"head,one", b"two"]

    def test_a_head_alone(self, wire: Wire, outgoing: Any) -> None:
        outgoing.sendall(b"head")
        outgoing.flush()
        outgoing.flush()
        assert wire.sent == [b"head"]

    def test_what_is_there_at_once_is_sent_at_once(self, wire: Wire, outgoing: Any) -> None:
        outgoing.collects = True
        for piece in b"head,", b"one,", b"two,", b"end":
            outgoing.sendall(piece)
        assert wire.sent == []
        outgoing.flush()
        assert wire.sent == [b"head,one,two,end"]

    def test_what_is_large_is_neither_kept_nor_copied(self, wire: Wire, outgoing: Any) -> None:
        outgoing.collects = True
        large = b"x" * 1_000_000
        for piece in b"head", large, b"more":
            outgoing.sendall(piece)
        assert wire.sent == [b"head", large, b"more"]
        assert wire.sent[1] is large

    def test_a_file_comes_after_the_head(self, wire: Wire, outgoing: Any) -> None:
        outgoing.sendall(b"head")
        assert outgoing.sendfile(None, offset=0, count=6) == 6
        outgoing.sendall(b"end")
        assert wire.sent == [b"head", b"<file>", b"end"]

    def test_nothing_is_sent_twice_after_an_error(self, wire: Wire, outgoing: Any) -> None:
        def fail(data: bytes) -> None:
            raise BrokenPipeError

        wire.sendall = fail  # type: ignore[method-assign]
        outgoing.sendall(b"head")
        with pytest.raises(BrokenPipeError):
            outgoing.sendall(b"one")
        del wire.sendall
        outgoing.flush()
        assert wire.sent == []


class TestLimit:
    def test_ends_its_block_silently(self) -> None:
        reached = False
        with worker._Limit(0.01):
            coro.sleep_relative(60)
            reached = True
        assert not reached

    def test_lets_others_errors_through(self) -> None:
        with pytest.raises(coro.TimeoutError), coro.timeout(0.01), worker._Limit(60):
            coro.sleep_relative(60)
        with pytest.raises(ValueError, match="mine"), worker._Limit(60):
            raise ValueError("mine")


class TestSettings:
    @pytest.fixture
    def settings(self) -> Any:
        return importlib.import_module("gunicorn.config").Config()

    def test_are_those_of_gunicorn(self, settings: Any) -> None:
        settings.set("keepalive", 7)
        settings.set("certfile", "some file")
        made = worker._with_attributes(settings)
        names = [name for name in settings.settings if name not in ("worker_class", "logger_class")]
        assert {name: getattr(made, name) for name in names} == {name: getattr(settings, name) for name in names}
        assert made.is_ssl == "some file"
        assert isinstance(made, type(settings))

    def test_are_there_without_a_search(self, settings: Any) -> None:
        made = worker._with_attributes(settings)
        assert vars(made)["keepalive"] == settings.keepalive
        with pytest.raises(AttributeError):
            made.no_such_setting  # noqa: B018
