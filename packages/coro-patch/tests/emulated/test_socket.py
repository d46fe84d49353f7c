"""`socket.socket`, changed in place."""

import errno
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import coro
from coro import _pollers
from coro.sync import event, inverted_semaphore, semaphore
from in_thread import in_thread

LARGE = 5_000_000  # bytes: more than any buffer of a socket holds


@pytest.fixture
def pair(no_leaks: None) -> Iterator[tuple[socket.socket, socket.socket]]:
    here, there = socket.socketpair()
    yield here, there
    here.close()
    there.close()


@pytest.fixture
def listener(no_leaks: None) -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


Pair = tuple[socket.socket, socket.socket]


RECEIVING: list[Callable[[socket.socket], object]] = [
    lambda s: s.recv(10),
    lambda s: s.recv(100_000),
    lambda s: s.recv_into(bytearray(10)),
    lambda s: s.recv_into(bytearray(10), nbytes=4),
    lambda s: s.recvfrom(10),
    lambda s: s.recvfrom_into(bytearray(10)),
    lambda s: s.recvmsg(10),
    lambda s: s.recvmsg_into([bytearray(5), bytearray(5)]),
]

receiving = pytest.mark.parametrize("receive", RECEIVING)


@receiving
class TestReceiving:
    @pytest.mark.parametrize("timeout", [None, 30])
    def test_it_waits(
        self, both: str, pair: Pair, timeout: float | None, receive: Callable[[socket.socket], object]
    ) -> None:
        here, there = pair
        here.settimeout(timeout)
        waiting = in_thread(lambda: receive(here))
        there.sendall(b"abcdef")
        late = waiting()
        there.sendall(b"abcdef") if late not in (b"abcdef", 6) else None
        assert late in (b"abcdef", 6, 4, (b"abcdef", None), (6, None), (b"abcdef", [], 0, None), (6, [], 0, None))
        assert here.gettimeout() == timeout
        assert os.get_blocking(here.fileno()) is (timeout is None)

    def test_without_waiting(self, both: str, pair: Pair, receive: Callable[[socket.socket], object]) -> None:
        pair[0].setblocking(False)
        with pytest.raises(BlockingIOError):
            receive(pair[0])

    def test_its_time_runs_out(self, both: str, pair: Pair, receive: Callable[[socket.socket], object]) -> None:
        pair[0].settimeout(1e-3)
        with pytest.raises(TimeoutError) as raised:
            receive(pair[0])
        assert raised.value.args == ("timed out",)
        assert pair[0].gettimeout() == 1e-3

    def test_on_a_closed_socket(self, both: str, pair: Pair, receive: Callable[[socket.socket], object]) -> None:
        pair[0].close()
        with pytest.raises(OSError, match="Bad file descriptor") as raised:
            receive(pair[0])
        assert raised.value.errno == errno.EBADF

    def test_a_close_wakes_it(self, emulated: None, pair: Pair, receive: Callable[[socket.socket], object]) -> None:
        def closed() -> int | None:
            try:
                receive(pair[0])
            except OSError as error:
                return error.errno
            return None

        waiting = in_thread(closed)
        pair[0].close()
        assert waiting() == errno.EBADF

    def test_the_programs_own_nonblocking_mode(
        self, both: str, pair: Pair, receive: Callable[[socket.socket], object]
    ) -> None:
        os.set_blocking(pair[0].fileno(), False)
        assert pair[0].gettimeout() is None
        with pytest.raises(BlockingIOError):
            receive(pair[0])

    def test_the_limit_of_the_kernel(self, both: str, pair: Pair, receive: Callable[[socket.socket], object]) -> None:
        pair[0].setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVTIMEO, (0).to_bytes(8, "little") + (1000).to_bytes(8, "little")
        )
        with pytest.raises(BlockingIOError):
            receive(pair[0])


WRONG: list[tuple[Callable[[socket.socket], object], type[Exception]]] = [
    (lambda s: s.recv(-1), ValueError),
    (lambda s: s.recv("x"), TypeError),  # type: ignore[arg-type]
    (lambda s: s.recv_into(bytearray(2), 3), ValueError),
    (lambda s: s.recv_into(bytearray(2), -1), ValueError),
    (lambda s: s.recv_into(b"constant"), (BufferError, TypeError)),  # type: ignore[dict-item,list-item]
    (lambda s: s.recvfrom(-1), ValueError),
    (lambda s: s.recvmsg(-1), ValueError),
    (lambda s: s.send("text"), TypeError),  # type: ignore[arg-type]
    (lambda s: s.sendall("text"), TypeError),  # type: ignore[arg-type]
    (lambda s: s.sendall(None), TypeError),  # type: ignore[arg-type]
    (lambda s: s.sendto(b"x"), TypeError),  # type: ignore[call-arg]
    (lambda s: s.sendto(b"x", 0, "x", 0), TypeError),  # type: ignore[call-overload]
    (lambda s: s.sendmsg(b"x"), TypeError),
    (lambda s: socket.socket.recv(object(), 1), TypeError),  # type: ignore[arg-type]
    (lambda s: s.settimeout(-1), ValueError),
]


@pytest.mark.parametrize(("wrong", "error"), WRONG)
def test_wrong_arguments(
    both: str, pair: Pair, wrong: Callable[[socket.socket], object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        wrong(pair[0])


class TestFlags:
    def test_waitall_gets_everything(self, both: str, pair: Pair) -> None:
        here, there = pair
        waiting = in_thread(lambda: here.recv(6, socket.MSG_WAITALL))
        for part in (b"ab", b"cd", b"ef"):
            there.sendall(part)
        assert waiting() == b"abcdef"

    def test_waitall_ends_with_the_stream(self, both: str, pair: Pair) -> None:
        here, there = pair
        there.sendall(b"ab")
        there.close()
        assert here.recv(6, socket.MSG_WAITALL) == b"ab"

    def test_dontwait_does_not_wait(self, both: str, pair: Pair) -> None:
        with pytest.raises(BlockingIOError):
            pair[0].recv(1, socket.MSG_DONTWAIT)
        with pytest.raises(BlockingIOError):
            pair[0].recvfrom(1, socket.MSG_DONTWAIT)

    def test_peek_leaves_the_data(self, both: str, pair: Pair) -> None:
        pair[1].send(b"abc")
        assert [pair[0].recv(2, socket.MSG_PEEK), pair[0].recv(10)] == [b"ab", b"abc"]


class TestSending:
    @pytest.mark.parametrize("timeout", [None, 30])
    def test_sendall(self, both: str, pair: Pair, timeout: float | None) -> None:
        here, there = pair
        here.settimeout(timeout)
        data = os.urandom(LARGE)
        sending = in_thread(lambda: here.sendall(memoryview(data)))
        with there.makefile("rb") as file:
            assert file.read(LARGE) == data
        assert sending() is None

    def test_send_on_a_blocking_stream_sends_everything(self, both: str, pair: Pair) -> None:
        sending = in_thread(lambda: pair[0].send(bytes(LARGE)))
        with pair[1].makefile("rb") as file:
            assert len(file.read(LARGE)) == LARGE
        assert sending() == LARGE

    def test_send_with_a_timeout_sends_what_there_is_room_for(self, both: str, pair: Pair) -> None:
        pair[0].settimeout(30)
        assert 0 < pair[0].send(bytes(LARGE)) < LARGE

    def test_time_runs_out(self, both: str, pair: Pair) -> None:
        pair[0].settimeout(1e-3)
        with pytest.raises(TimeoutError, match="timed out"):
            pair[0].sendall(bytes(LARGE))
        with pytest.raises(TimeoutError, match="timed out"):
            pair[0].sendmsg([b"x"])

    def test_one_timeout_is_for_all_of_sendall(self, virtual: None, pair: Pair) -> None:
        here, there = pair
        here.settimeout(10)

        def slow_reader() -> None:
            for _ in range(30):
                coro.sleep_relative(1)
                there.recv(1000)

        reader = coro.spawn(slow_reader)
        start = coro.now()
        with pytest.raises(TimeoutError):
            here.sendall(bytes(LARGE))
        assert 10_000_000_000 <= coro.now() - start <= 11_000_000_000
        reader.shutdown()
        reader.join()

    def test_sendmsg_takes_an_iterator(self, both: str, pair: Pair) -> None:
        assert pair[0].sendmsg(iter([b"ab", b"cd"])) == 4
        assert pair[1].recv(10) == b"abcd"

    def test_a_descriptor_can_be_passed(self, both: str, pair: Pair) -> None:
        with tempfile.TemporaryFile() as file:
            socket.send_fds(pair[0], [b"file"], [file.fileno()])
            data, (number,), _, _ = socket.recv_fds(pair[1], 10, 1)
            assert data == b"file"
            assert os.fstat(number).st_ino == os.fstat(file.fileno()).st_ino
            os.close(number)

    def test_to_one_who_is_gone(self, both: str, pair: Pair) -> None:
        pair[1].close()
        with pytest.raises(BrokenPipeError):
            pair[0].sendall(b"x")

    @pytest.mark.parametrize("count", [None, 100_000])
    def test_sendfile(self, both: str, pair: Pair, count: int | None) -> None:
        data = os.urandom(LARGE)
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.seek(0)
            sending = in_thread(lambda: (pair[0].sendfile(file, 10, count), file.tell()))
            expected = data[10:] if count is None else data[10 : 10 + count]
            with pair[1].makefile("rb") as received:
                assert received.read(len(expected)) == expected
            assert sending() == (len(expected), 10 + len(expected))
        assert os.get_blocking(pair[0].fileno())


class TestDatagrams:
    def test_with_addresses(self, both: str) -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as two:
            one.bind(("127.0.0.1", 0))
            two.bind(("127.0.0.1", 0))
            waiting = in_thread(lambda: one.recvfrom(100))
            assert two.sendto(b"hello", one.getsockname()) == 5
            assert waiting() == (b"hello", two.getsockname())
            assert two.sendto(b"again", 0, ("localhost", one.getsockname()[1])) == 5
            assert one.recv(100) == b"again"

    def test_to_a_full_unix_socket_that_it_is_not_connected_to(self, both: str, tmp_path: Path) -> None:
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one,
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as two,
        ):
            name = os.path.relpath(tmp_path / "one")
            one.bind(name)
            total = 1000

            def send() -> int:
                return sum(two.sendto(b"x", name) for _ in range(total))

            sending = in_thread(send)
            assert b"".join(one.recv(1) for _ in range(total)) == b"x" * total
            assert sending() == total


class TestConnections:
    @pytest.mark.parametrize("timeout", [None, 30])
    def test_accepting_and_connecting(self, both: str, listener: socket.socket, timeout: float | None) -> None:
        listener.settimeout(timeout)
        accepting = in_thread(listener.accept)
        with socket.socket() as client:
            client.settimeout(timeout)
            client.connect(listener.getsockname())
            made, address = accepting()
            with made:
                assert address == client.getsockname()
                assert made.getblocking()
                assert os.get_blocking(made.fileno())
            assert os.get_blocking(client.fileno()) is (timeout is None)

    def test_nobody_connects(self, both: str, listener: socket.socket) -> None:
        listener.settimeout(1e-3)
        with pytest.raises(TimeoutError, match="timed out"):
            listener.accept()
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()

    def test_nobody_listens(self, both: str, listener: socket.socket) -> None:
        address = listener.getsockname()
        listener.close()
        for timeout in (None, 30):
            with socket.socket() as client:
                client.settimeout(timeout)
                with pytest.raises(ConnectionRefusedError):
                    client.connect(address)
            with socket.socket() as client:
                client.settimeout(timeout)
                assert client.connect_ex(address) == errno.ECONNREFUSED

    def test_connected_already(self, both: str, listener: socket.socket) -> None:
        with socket.create_connection(listener.getsockname()) as client:
            assert client.connect_ex(listener.getsockname()) == errno.EISCONN

    def test_a_full_backlog(self, both: str, tmp_path: Path) -> None:
        name = os.path.relpath(tmp_path / "full")
        with socket.socket(socket.AF_UNIX) as full, socket.socket(socket.AF_UNIX) as first:
            full.bind(name)
            full.listen(0)
            first.connect(name)
            with socket.socket(socket.AF_UNIX) as late:
                connecting = in_thread(lambda: late.connect(name))
                full.accept()[0].close()
                connecting()
                full.accept()[0].close()
        os.unlink(name)

    def test_the_mode_of_a_listener_that_is_given_away(self, emulated: None, listener: socket.socket) -> None:
        with socket.create_connection(listener.getsockname()):
            listener.accept()[0].close()
        assert listener.getblocking()
        number = listener.detach()
        assert os.get_blocking(number)
        os.close(number)

    def test_a_listener_that_is_closed_while_somebody_accepts(self, emulated: None, listener: socket.socket) -> None:
        def accept() -> int | None:
            try:
                listener.accept()
            except OSError as error:
                return error.errno
            return None

        accepting = in_thread(accept)
        listener.close()
        assert accepting() == errno.EBADF


def test_several_readers(both: str, pair: Pair) -> None:
    readers = [in_thread(lambda: pair[0].recv(1)) for _ in range(5)]
    pair[1].sendall(b"abcde")
    assert sorted(join() for join in readers) == [b"a", b"b", b"c", b"d", b"e"]


def test_a_number_that_is_used_again(emulated: None) -> None:
    """Even if its socket was never closed by a method."""
    for _ in range(3):
        here, there = socket.socketpair()
        waiting = in_thread(lambda here=here: here.recv(1))
        there.send(b"x")
        assert waiting() == b"x"
        os.close(here.fileno())
        with pytest.raises(OSError, match="Bad file descriptor"):
            here.close()
        there.close()


@pytest.mark.parametrize("timeout", [None, 30])
def test_real_threads_share_a_listener(emulated: None, listener: socket.socket, timeout: float | None) -> None:
    """While one is in a call, which does not wait, the others see the timeout as it is."""
    listener.settimeout(timeout)
    all_accepted, ended, room = event(), inverted_semaphore(2), semaphore(20)  # what the listener keeps, at least
    failed = []

    def accept() -> None:
        try:
            while not all_accepted.is_set():
                connection, _ = listener.accept()
                connection.close()
                room.release()
        except BaseException as error:
            failed.append(error)
            all_accepted.set()
            room.release()
        ended.release()

    def connect() -> None:
        socket.create_connection(listener.getsockname()).close()

    for _ in range(2):
        coro.get_original("_thread", "start_new_thread")(accept, ())
    for _ in range(2000):
        room.acquire()
        if failed:
            break
        connect()
    all_accepted.set()
    while ended.value:
        connect()
    assert failed == []
    assert listener.gettimeout() == timeout


def test_closed_while_a_thread_gets_its_scheduler(emulated: None, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real thread's first wait makes it, and other threads run meanwhile: the number is another file's then."""
    here, _ = pair
    number = here.fileno()
    poller_class = _pollers.poller_class
    others: list[socket.socket] = []

    def close_meanwhile() -> type:
        monkeypatch.undo()
        here.close()
        others.extend(socket.socketpair())
        return poller_class()

    ended = event()
    failed: list[int | None] = []

    def receive() -> None:
        with pytest.raises(OSError) as caught:  # noqa: PT011
            here.recv(1 << 20)
        failed.append(caught.value.errno)
        ended.set()

    monkeypatch.setattr(_pollers, "poller_class", close_meanwhile)
    coro.get_original("_thread", "start_new_thread")(receive, ())
    assert ended.wait(30)
    assert failed == [errno.EBADF]
    assert number in [each.fileno() for each in others]
    for each in others:
        each.close()


def test_a_real_thread_may_use_a_socket_too(emulated: None, pair: Pair) -> None:
    from coro_patch._foundation._offload import offload

    answer = coro.spawn(lambda: pair[0].sendall(pair[0].recv(3).upper()))

    def talk() -> bytes:
        pair[1].sendall(b"abc")
        return pair[1].recv(3)

    assert offload("test", talk) == b"ABC"
    answer.join()


@given(sizes=st.lists(st.integers(0, 200_000), max_size=6), chunk=st.integers(1, 100_000), limited=st.booleans())
def test_what_is_sent_arrives_in_order(emulated: None, sizes: list[int], chunk: int, limited: bool) -> None:
    here, there = socket.socketpair()
    with here, there:
        for each in (here, there):
            each.settimeout(30 if limited else None)
        sent = [bytes([number + 1]) * size for number, size in enumerate(sizes)]

        def send() -> None:
            for piece in sent:
                here.sendall(piece)
            here.shutdown(socket.SHUT_WR)

        sending = in_thread(send)
        received = bytearray()
        while piece := there.recv(chunk):
            received += piece
        sending()
        assert received == b"".join(sent)
