"""Connecting by name: `coro_sock._connect`."""

import errno
import gc
import itertools
import os
import select
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import coro
import coro_sock
from coro.interface import scheduler
from coro_sock import _connect, create_connection
from coro_sock._connect import in_turns
from listeners import listen

Address = tuple[str, int]
NAMED = ("some.host", 80)


@pytest.fixture
def name(_no_leaks: None) -> Iterator[Callable[..., None]]:
    """Gives ``some.host`` its addresses."""
    table: list[tuple[Any, ...]] = []

    class Resolver:
        def getaddrinfo(
            self, host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
        ) -> list[Any]:
            assert (host, port, type) == (*NAMED, socket.SOCK_STREAM)
            return [
                (socket.AF_INET6 if ":" in address[0] else socket.AF_INET, type, 6, "", address) for address in table
            ]

        def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
            raise NotImplementedError

    coro.set_resolver(Resolver())
    yield lambda *addresses: table.extend(addresses)
    coro.set_resolver(None)


@pytest.fixture
def listener(_no_leaks: None, tmp_path: Any) -> Iterator[coro_sock.sock]:
    with listen("ipv4", tmp_path) as made:
        yield made


@pytest.fixture
def refusing(_no_leaks: None) -> Iterator[Callable[[], Address]]:
    """Makes addresses at which nobody listens, and at which nobody else can."""
    made = []

    def make() -> Address:
        one = socket.socket()
        made.append(one)
        one.bind(("127.0.0.1", 0))
        return one.getsockname()

    yield make
    for one in made:
        one.close()


@pytest.fixture
def silent(_no_leaks: None) -> Iterator[Callable[[], Address]]:
    """Makes addresses that do not answer: the kernel drops what a full backlog cannot take."""
    made = []

    def make() -> Address:
        one = socket.socket()
        made.append(one)
        one.bind(("127.0.0.1", 0))
        one.listen(0)
        for _ in range(20):
            client = socket.socket()
            made.append(client)
            client.setblocking(False)
            client.connect_ex(one.getsockname())
            # Over loopback the answer is there at once, if there will be one.
            if not select.select([], [client], [], 0.05)[1]:
                return one.getsockname()
        pytest.skip("this system takes connections beyond the backlog of a listener")

    yield make
    for one in made:
        one.close()


class Attempts:
    """The attempts that were made: which, when, and what became of their sockets."""

    def __init__(self) -> None:
        self.began: list[tuple[Any, float]] = []
        self.socks: list[coro_sock.sock] = []
        self.gates: dict[Any, coro.coro | None] = {}
        self.start = coro.now()
        self.when_connected: Callable[[], object] = lambda: None

    def hold_back(self, address: Any) -> None:
        """Let the attempt at that address wait before it really begins."""
        self.gates[address] = None

    def let(self, address: Any) -> None:
        held = self.gates[address]
        assert held is not None
        assert scheduler().wake(held)


@pytest.fixture
def attempts(_no_leaks: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Attempts]:
    made = Attempts()

    class Watched(coro_sock.sock):
        def connect(self, address: Any) -> None:
            made.began.append((address, (coro.now() - made.start) / 1e9))
            made.socks.append(self)
            if address in made.gates:
                made.gates[address] = coro.current()
                scheduler().wait("held back")
            super().connect(address)
            made.when_connected()

    monkeypatch.setattr(_connect, "sock", Watched)
    yield made
    made.gates.clear()
    del made.when_connected


class TestOneAddress:
    def test_a_number(self, listener: coro_sock.sock) -> None:
        with create_connection(listener.getsockname()) as client:
            server, address = listener.accept()
            with server:
                assert address == client.getsockname()
                assert client.gettimeout() is None
                server.send(b"x")
                assert client.recv(1) == b"x"

    def test_a_name_and_a_service(self, listener: coro_sock.sock) -> None:
        port = str(listener.getsockname()[1])
        with create_connection(("localhost", port), 60) as client:
            assert client.gettimeout() == 60

    def test_needs_no_other_coroutine(self, listener: coro_sock.sock) -> None:
        before = coro.get_live_coros()
        create_connection(listener.getsockname()).close()
        assert coro.get_live_coros() == before

    def test_that_refuses(self, refusing: Callable[[], Address]) -> None:
        with pytest.raises(ConnectionRefusedError):
            create_connection(refusing())

    def test_that_is_not_known(self) -> None:
        with pytest.raises(socket.gaierror):
            create_connection(("no-such-host.invalid", 80))

    @pytest.mark.parametrize("wrong", [("127.0.0.1",), ("127.0.0.1", 80, 0), 5, None])
    def test_of_a_wrong_form(self, wrong: Any) -> None:
        with pytest.raises(TypeError):
            create_connection(wrong)

    def test_from_a_certain_one(self, listener: coro_sock.sock) -> None:
        with create_connection(listener.getsockname(), source_address=("127.0.0.3", 0)) as client:
            assert client.getsockname()[0] == "127.0.0.3"

    def test_from_one_that_is_taken(self, listener: coro_sock.sock) -> None:
        with pytest.raises(OSError, match=os.strerror(errno.EADDRINUSE)):
            create_connection(listener.getsockname(), source_address=listener.getsockname())

    def test_from_what_is_no_address(self, listener: coro_sock.sock) -> None:
        with pytest.raises(TypeError):
            create_connection(listener.getsockname(), source_address=5)  # type: ignore[arg-type]


class TestOrder:
    @given(st.lists(st.tuples(st.sampled_from([socket.AF_INET, socket.AF_INET6]), st.integers()), unique=True))
    def test_families_take_turns(self, given: list[tuple[int, int]]) -> None:
        candidates = [(family, 1, 6, "", (str(number), 80)) for family, number in given]
        ordered = in_turns(candidates)
        assert sorted(ordered) == sorted(candidates)
        for family in (socket.AF_INET, socket.AF_INET6):  # each in its own order
            assert [each for each in ordered if each[0] == family] == [each for each in candidates if each[0] == family]
        assert ordered[:1] == candidates[:1]
        of_both = 2 * min(sum(each[0] == family for each in candidates) for family in (socket.AF_INET, socket.AF_INET6))
        assert all(one[0] != following[0] for one, following in itertools.pairwise(ordered[:of_both]))

    def test_the_next_starts_at_once_when_one_fails(
        self, virtual: None, attempts: Attempts, name: Any, refusing: Any, listener: coro_sock.sock
    ) -> None:
        addresses = refusing(), refusing(), listener.getsockname()
        name(*addresses)
        create_connection(NAMED).close()
        assert attempts.began == [(address, 0.0) for address in addresses]

    def test_the_next_starts_after_the_delay_when_one_is_silent(
        self, virtual: None, attempts: Attempts, name: Any, silent: Any, listener: coro_sock.sock
    ) -> None:
        addresses = silent(), silent(), listener.getsockname()
        name(*addresses)
        create_connection(NAMED).close()
        assert attempts.began == [(addresses[0], 0.0), (addresses[1], 0.25), (addresses[2], 0.5)]

    def test_the_delay_can_be_chosen(
        self, virtual: None, attempts: Attempts, name: Any, silent: Any, listener: coro_sock.sock
    ) -> None:
        name(silent(), listener.getsockname())
        create_connection(NAMED, happy_eyeballs_delay=7).close()
        assert [when for _, when in attempts.began] == [0, 7]

    def test_the_delay_counts_from_the_latest_start(
        self, virtual: None, attempts: Attempts, name: Any, refusing: Any, silent: Any, listener: coro_sock.sock
    ) -> None:
        held = refusing()
        name(silent(), held, listener.getsockname())
        attempts.hold_back(held)
        connecting = coro.spawn(create_connection, NAMED)
        coro.sleep_relative(0.35)
        attempts.let(held)
        connecting.join()
        connecting.result().close()
        assert [when for _, when in attempts.began] == [0, 0.25, 0.35]

    def test_the_failure_of_an_older_one_hastens_nothing(
        self, virtual: None, attempts: Attempts, name: Any, refusing: Any, silent: Any, listener: coro_sock.sock
    ) -> None:
        held = refusing()
        name(held, silent(), listener.getsockname())
        attempts.hold_back(held)
        connecting = coro.spawn(create_connection, NAMED)
        coro.sleep_relative(0.3)
        attempts.let(held)
        connecting.join()
        connecting.result().close()
        assert [when for _, when in attempts.began] == [0, 0.25, 0.5]

    def test_without_a_delay_one_waits_for_the_failure_of_the_other(
        self, virtual: None, attempts: Attempts, name: Any, silent: Any, listener: coro_sock.sock
    ) -> None:
        name(silent(), listener.getsockname())
        with pytest.raises(coro.TimeoutError):
            create_connection(NAMED, 3600, happy_eyeballs_delay=None)
        assert len(attempts.began) == 1

    def test_with_a_delay_of_zero_all_start_together(
        self, virtual: None, attempts: Attempts, name: Any, silent: Any, listener: coro_sock.sock
    ) -> None:
        name(silent(), silent(), listener.getsockname())
        create_connection(NAMED, happy_eyeballs_delay=0).close()
        assert [when for _, when in attempts.began] == [0, 0, 0]

    @pytest.mark.parametrize("wrong", [-1, float("nan")])
    def test_the_delay_is_not_negative(self, wrong: float) -> None:
        with pytest.raises(ValueError, match="happy_eyeballs_delay must be 0 or more"):
            create_connection(NAMED, happy_eyeballs_delay=wrong)

    def test_both_families(self, name: Any, refusing: Any, attempts: Attempts, tmp_path: Any) -> None:
        with listen("ipv6", tmp_path) as listener:
            addresses = [refusing(), refusing(), ("::1", listener.getsockname()[1], 0, 0)]
            name(*addresses)
            with create_connection(NAMED) as client:
                assert client.domain == socket.AF_INET6
            assert [address for address, _ in attempts.began] == [addresses[0], addresses[2]]


class TestTheWinner:
    def test_may_be_an_older_one(
        self, virtual: None, attempts: Attempts, name: Any, silent: Any, listener: coro_sock.sock
    ) -> None:
        first = listener.getsockname()
        name(first, silent())
        attempts.hold_back(first)
        connecting = coro.spawn(create_connection, NAMED)
        coro.sleep_relative(0.3)
        attempts.let(first)
        connecting.join()
        with connecting.result() as client:
            assert client.getpeername() == first

    def test_is_one_of_those_that_stand_in_the_same_turn(
        self, virtual: None, attempts: Attempts, name: Any, listener: coro_sock.sock
    ) -> None:
        with coro_sock.create_server(("127.0.0.1", 0)) as other:
            name(listener.getsockname(), other.getsockname())
            for address in (listener.getsockname(), other.getsockname()):
                attempts.hold_back(address)
            connecting = coro.spawn(create_connection, NAMED)
            coro.sleep_relative(1)
            for address in attempts.gates:
                attempts.let(address)
            connecting.join()
            with connecting.result() as client:
                assert client.getpeername() in attempts.gates
            assert [each.fileno() for each in attempts.socks] == [-1, -1]

    def test_leaves_the_others_closed_at_once(
        self, virtual: None, attempts: Attempts, name: Any, silent: Any, listener: coro_sock.sock
    ) -> None:
        name(silent(), silent(), listener.getsockname())
        with create_connection(NAMED) as client:
            assert [each.fileno() for each in attempts.socks] == [-1, -1, client.fileno()]
            coro.yield_slice()
            assert not [co for co in coro.all_threads.values() if co.name.startswith("connect to")]

    def test_ends_attempts_that_wait_for_something_else(
        self, virtual: None, attempts: Attempts, name: Any, refusing: Any, listener: coro_sock.sock
    ) -> None:
        held = refusing()
        name(held, listener.getsockname())
        attempts.hold_back(held)
        create_connection(NAMED).close()
        coro.yield_slice()
        assert attempts.gates[held].dead

    def test_leaves_the_caller_s_next_wait_alone(
        self, virtual: None, name: Any, silent: Any, listener: coro_sock.sock
    ) -> None:
        name(silent(), listener.getsockname())
        create_connection(NAMED).close()
        assert not scheduler().wait("test", 10)

    def test_keeps_the_timeout(self, name: Any, refusing: Any, listener: coro_sock.sock) -> None:
        name(refusing(), listener.getsockname())
        with create_connection(NAMED, timeout=60) as client:
            assert client.gettimeout() == 60


class TestFailing:
    def test_of_all_is_the_failure_of_the_preferred_one(
        self, virtual: None, attempts: Attempts, name: Any, refusing: Any, silent: Any
    ) -> None:
        first = refusing()
        name(first, ("255.255.255.255", 80))  # the system refuses that at once, for another reason
        attempts.hold_back(first)
        connecting = coro.spawn(error_of, create_connection, NAMED)
        coro.sleep_relative(1)
        assert not connecting.dead
        attempts.let(first)
        connecting.join()
        assert isinstance(connecting.result(), ConnectionRefusedError)

    def test_of_all_can_be_had_in_full(self, name: Any, refusing: Any) -> None:
        name(refusing(), refusing(), refusing())
        with pytest.raises(ExceptionGroup, match="create_connection failed") as caught:
            create_connection(NAMED, all_errors=True)
        assert [error.errno for error in caught.value.exceptions] == [errno.ECONNREFUSED] * 3

    def test_of_one_in_full_is_a_group_too(self, refusing: Any) -> None:
        with pytest.raises(ExceptionGroup):
            create_connection(refusing(), all_errors=True)

    def test_to_bind_goes_on_with_the_next(self, name: Any, listener: coro_sock.sock) -> None:
        port = listener.getsockname()[1]
        name(("::1", port, 0, 0), ("127.0.0.1", port))
        with create_connection(NAMED, source_address=("127.0.0.3", 0)) as client:
            assert client.getsockname()[0] == "127.0.0.3"

    def test_by_what_is_no_error_of_the_system_ends_all(self, name: Any, silent: Any, attempts: Attempts) -> None:
        name(silent(), silent())
        with pytest.raises(TypeError):
            create_connection(NAMED, source_address=5)  # type: ignore[arg-type]

    @pytest.mark.parametrize("all_errors", [False, True])
    def test_leaves_no_cycle_of_references(self, name: Any, refusing: Any, all_errors: bool) -> None:
        name(refusing(), refusing(), refusing())
        before = coro_sock.get_live_sockets()
        gc.disable()
        try:
            with pytest.raises(ExceptionGroup if all_errors else ConnectionRefusedError):
                create_connection(NAMED, all_errors=all_errors)
            coro.yield_slice()
            assert coro_sock.get_live_sockets() == before
        finally:
            gc.enable()

    def test_because_somebody_ended_all_attempts(self, name: Any, silent: Any, attempts: Attempts) -> None:
        name(silent(), silent())
        connecting = coro.spawn(error_of, create_connection, NAMED, happy_eyeballs_delay=0)
        while len(attempts.began) < 2:
            coro.yield_slice()
        for co in list(coro.all_threads.values()):
            if co.name.startswith("connect to"):
                co.shutdown()
        connecting.join()
        assert connecting.result().errno == errno.ECONNABORTED


class TestAnInterrupt:
    def test_ends_all_attempts(self, name: Any, silent: Any, attempts: Attempts) -> None:
        name(silent(), silent(), silent())
        connecting = coro.spawn(create_connection, NAMED, happy_eyeballs_delay=0)
        while len(attempts.began) < 3:
            coro.yield_slice()
        connecting.shutdown()
        connecting.join()
        assert [each.fileno() for each in attempts.socks] == [-1] * 3

    def test_ends_those_that_have_not_begun_to_run(self, virtual: None, name: Any, silent: Any) -> None:
        name(silent(), silent())
        with pytest.raises(coro.TimeoutError):
            create_connection(NAMED, timeout=0)

    def test_by_its_own_time_limit(self, virtual: None, name: Any, silent: Any, attempts: Attempts) -> None:
        name(silent(), silent())
        before = coro.now()
        with pytest.raises(coro.TimeoutError, match="10 seconds"):
            create_connection(NAMED, timeout=10)
        assert coro.now() - before == 10_000_000_000
        assert [each.fileno() for each in attempts.socks] == [-1] * 2

    def test_in_the_turn_of_the_winner_closes_that_too(
        self, attempts: Attempts, name: Any, silent: Any, listener: coro_sock.sock
    ) -> None:
        name(silent(), listener.getsockname())
        attempts.when_connected = lambda: connecting.shutdown()
        connecting = coro.spawn(create_connection, NAMED, happy_eyeballs_delay=0)
        connecting.join()
        assert isinstance(connecting.failure, coro.Shutdown)
        assert [each.fileno() for each in attempts.socks] == [-1, -1]


def error_of(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        function(*args, **kwargs).close()
    except Exception as error:
        return error.with_traceback(None)
