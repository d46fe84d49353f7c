"""What a socket knows of its descriptor: whoever else reads from it, closes or exchanges it."""

import errno
import fcntl
import gc
import os
import signal
import socket
import struct
import termios
import warnings
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import coro

Pair = tuple[socket.socket, socket.socket]


def tcp_pair() -> Pair:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        there = socket.create_connection(listener.getsockname())
        here, _ = listener.accept()
    return here, there


original_dup2: Callable[[int, int], int] = os.dup2
real_thread = coro.get_original("_thread", "start_new_thread")
real_lock = coro.get_original("_thread", "allocate_lock")

KINDS = {"tcp": tcp_pair, "unix": socket.socketpair}


@pytest.fixture(params=KINDS)
def pair(emulated: None, request: pytest.FixtureRequest) -> Iterator[Pair]:
    here, there = KINDS[request.param]()
    with here, there:
        yield here, there


def wait_until_waiting(waiter: coro.coro) -> None:
    while waiter.waiting is None:
        coro.yield_slice()


def receiving(here: socket.socket, size: int = 100) -> coro.coro:
    """A coroutine that waits in `recv`."""
    receiver = coro.spawn(here.recv, size)
    wait_until_waiting(receiver)
    return receiver


def result_of(receiver: coro.coro) -> bytes:
    receiver.join(10)
    return receiver.result()


def get_to_know(here: socket.socket, there: socket.socket) -> None:
    """Have it waited once: from now on it goes by what the poller was told."""
    receiver = receiving(here)
    there.send(b"first")
    assert result_of(receiver) == b"first"


def messages_stay_apart(here: socket.socket, there: socket.socket) -> None:
    get_to_know(here, there)
    there.send(b"one")
    there.send(b"two")
    assert [here.recv(100), here.recv(100)] == [b"one", b"two"]


def test_waits_for_data_and_then_for_more(pair: Pair) -> None:
    here, there = pair
    for word in b"one", b"two", b"three":
        receiver = receiving(here)
        there.send(word)
        assert result_of(receiver) == word


def test_what_comes_before_it_waits_is_not_missed(pair: Pair) -> None:
    here, there = pair
    get_to_know(here, there)
    for word in b"one", b"two", b"three":
        there.send(word)
        assert here.recv(100) == word


def test_receives_no_more_than_was_asked_for(pair: Pair) -> None:
    here, there = pair
    there.send(b"abcdef")
    assert [here.recv(4), here.recv(4)] == [b"abcd", b"ef"]
    receiver = receiving(here, 4)
    there.send(b"ghijkl")
    assert result_of(receiver) + here.recv(4) == b"ghijkl"


def test_the_end_comes_after_the_data_and_again(pair: Pair) -> None:
    here, there = pair
    get_to_know(here, there)
    there.send(b"last")
    there.close()
    assert [here.recv(100) for _ in range(3)] == [b"last", b"", b""]


def test_the_end_wakes_who_waits(pair: Pair) -> None:
    here, there = pair
    get_to_know(here, there)
    receiver = receiving(here)
    here.shutdown(socket.SHUT_RD)
    assert result_of(receiver) == b""


def close(here: socket.socket) -> None:
    here.close()


def close_number(here: socket.socket) -> None:
    os.close(here.detach() if here.family == socket.AF_UNIX else here.fileno())


def close_file(here: socket.socket) -> None:
    open(here.fileno(), "rb", buffering=0).close()


@pytest.mark.parametrize("end", [close, close_number, close_file])
def test_closing_wakes_who_waits(pair: Pair, end: Callable[[socket.socket], None]) -> None:
    here, there = pair
    get_to_know(here, there)

    def receive() -> int | None:
        with pytest.raises(OSError) as caught:  # noqa: PT011
            here.recv(100)
        return caught.value.errno

    receiver = coro.spawn(receive)
    wait_until_waiting(receiver)
    end(here)
    receiver.join(10)
    assert receiver.result() == errno.EBADF
    with pytest.raises(OSError, match="Bad file descriptor"):
        here.recv(100)
    here.detach()


def exchange_by_dup2(number: int, new: int) -> None:
    assert os.dup2(new, number) == number


def exchange_by_close(number: int, new: int) -> None:
    os.close(number)
    original_dup2(new, number)


def exchange_by_sockets_close(number: int, new: int) -> None:
    socket.close(number)
    original_dup2(new, number)


def exchange_by_closerange(number: int, new: int) -> None:
    os.closerange(number, number + 1)
    original_dup2(new, number)


def exchange_by_file(number: int, new: int) -> None:
    open(number, "rb", buffering=0).close()
    original_dup2(new, number)


def exchange_in_another_thread(number: int, new: int) -> None:
    """One that has no scheduler."""
    in_real_thread(lambda: exchange_by_dup2(number, new))


def exchange_in_another_thread_by_close(number: int, new: int) -> None:
    in_real_thread(lambda: exchange_by_close(number, new))


def in_real_thread(function: Callable[[], object]) -> None:
    ended = real_lock()
    ended.acquire()

    def run() -> None:
        try:
            function()
        finally:
            ended.release()

    real_thread(run, ())
    ended.acquire()


EXCHANGES = [
    exchange_by_dup2,
    exchange_by_close,
    exchange_by_sockets_close,
    exchange_by_closerange,
    exchange_by_file,
    exchange_in_another_thread,
    exchange_in_another_thread_by_close,
]


@pytest.mark.parametrize("exchange", EXCHANGES)
class TestExchangedFile:
    """A living socket's number is made that of another file."""

    def test_who_waits_is_told_and_reads_the_new_one_then(
        self, pair: Pair, exchange: Callable[[int, int], None]
    ) -> None:
        here, there = pair
        get_to_know(here, there)

        def receive() -> int | None:
            with pytest.raises(coro.ClosedError) as caught:
                here.recv(100)
            return caught.value.errno

        receiver = coro.spawn(receive)
        wait_until_waiting(receiver)
        ours, theirs = tcp_pair()
        with ours, theirs:
            exchange(here.fileno(), ours.fileno())
            receiver.join(10)
            assert receiver.result() == errno.EBADF
            get_to_know(here, theirs)

    def test_who_waits_later_reads_the_new_one(self, pair: Pair, exchange: Callable[[int, int], None]) -> None:
        here, there = pair
        get_to_know(here, there)
        ours, theirs = tcp_pair()
        with ours, theirs:
            exchange(here.fileno(), ours.fileno())
            for _ in range(2):
                get_to_know(here, theirs)

    def test_the_mode_is_that_of_the_new_one(self, pair: Pair, exchange: Callable[[int, int], None]) -> None:
        here, there = pair
        get_to_know(here, there)
        ours, theirs = tcp_pair()
        with ours, theirs:
            limit = (0).to_bytes(8, "little") + (1000).to_bytes(8, "little")
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            exchange(here.fileno(), ours.fileno())
            with pytest.raises(BlockingIOError):
                here.recv(100)


def test_a_file_that_is_exchanged_for_itself_stays(pair: Pair) -> None:
    here, there = pair
    get_to_know(here, there)
    receiver = receiving(here)
    os.dup2(here.fileno(), here.fileno())
    there.send(b"as before")
    assert result_of(receiver) == b"as before"


def test_a_number_that_is_used_again_is_another_socket(emulated: None) -> None:
    """The first is collected: no method of it is called."""
    here, there = tcp_pair()
    get_to_know(here, there)
    number = here.fileno()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del here
        gc.collect()
    there.close()
    here, there = tcp_pair()
    with here, there:
        assert number in (here.fileno(), there.fileno())
        for one, other in ((here, there), (there, here)):
            for _ in range(2):
                get_to_know(one, other)


def test_two_objects_of_one_number_read_in_turn(emulated: None) -> None:
    here, there = tcp_pair()
    same = socket.socket(fileno=here.fileno())
    with here, there:
        for _ in range(2):
            get_to_know(here, there)
            get_to_know(same, there)
        receiver = receiving(here, 4)
        there.send(b"abcdef")
        assert result_of(receiver) == b"abcd"
        assert same.recv(100) == b"ef"
        same.detach()


def read_number(here: socket.socket) -> bytes:
    return os.read(here.fileno(), 3)


def receive_from(here: socket.socket) -> bytes:
    return here.recvfrom(3)[0]


def receive_into(here: socket.socket) -> bytes:
    buffer = bytearray(3)
    return bytes(buffer[: here.recv_into(buffer)])


def receive_message(here: socket.socket) -> bytes:
    return here.recvmsg(3)[0]


def receive_at_once(here: socket.socket) -> bytes:
    while True:
        try:
            return here.recv(3, socket.MSG_DONTWAIT)
        except BlockingIOError:
            coro.yield_slice()


def receive_all(here: socket.socket) -> bytes:
    return here.recv(3, socket.MSG_WAITALL)


def receive_in_a_copy(here: socket.socket) -> bytes:
    with here.dup() as copy:
        return copy.recv(3)


@pytest.mark.parametrize(
    "otherwise",
    [read_number, receive_from, receive_into, receive_message, receive_at_once, receive_all, receive_in_a_copy],
)
@pytest.mark.parametrize("waits", [True, False])
def test_what_is_left_by_others_is_read(pair: Pair, otherwise: Callable[[socket.socket], bytes], waits: bool) -> None:
    here, there = pair
    for _ in range(2):
        get_to_know(here, there)
        if waits:
            other = coro.spawn(otherwise, here)
            coro.yield_slice()
            there.send(b"abcdef")
            assert result_of(other) == b"abc"
        else:
            there.send(b"abcdef")
            assert otherwise(here) == b"abc"
        assert here.recv(100) == b"def"


def test_a_timeout_is_kept(pair: Pair) -> None:
    here, there = pair
    for _ in range(2):
        here.settimeout(0.01)
        assert here.gettimeout() == 0.01
        with pytest.raises(TimeoutError):
            here.recv(100)
        here.settimeout(0)
        with pytest.raises(BlockingIOError):
            here.recv(100)
        here.settimeout(None)
        there.send(b"x")
        assert here.recv(100) == b"x"
        get_to_know(here, there)


def test_a_timeout_is_kept_by_one_that_is_empty(pair: Pair) -> None:
    here, there = pair
    here.settimeout(10)
    get_to_know(here, there)
    here.settimeout(0.01)
    with pytest.raises(TimeoutError):
        here.recv(100)
    there.send(b"later")
    assert here.recv(100) == b"later"


def test_a_limit_of_the_kernel_is_kept(pair: Pair) -> None:
    """One that is set after it has waited without one."""
    here, there = pair
    get_to_know(here, there)
    here.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, (0).to_bytes(8, "little") + (1000).to_bytes(8, "little"))
    for _ in range(2):
        with pytest.raises(BlockingIOError):
            here.recv(100)
    here.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, bytes(16))
    get_to_know(here, there)


def by_set_blocking(here: socket.socket) -> None:
    os.set_blocking(here.fileno(), False)


def by_fcntl(here: socket.socket) -> None:
    fcntl.fcntl(here, fcntl.F_SETFL, fcntl.fcntl(here, fcntl.F_GETFL) | os.O_NONBLOCK)


def by_ioctl(here: socket.socket) -> None:
    fcntl.ioctl(here.fileno(), termios.FIONBIO, struct.pack("i", 1))


def by_a_copy(here: socket.socket) -> None:
    with here.dup() as copy:
        copy.setblocking(False)


@pytest.mark.parametrize("set_nonblocking", [by_set_blocking, by_fcntl, by_ioctl, by_a_copy])
def test_a_mode_that_is_set_by_number_is_kept(pair: Pair, set_nonblocking: Callable[[socket.socket], None]) -> None:
    here, there = pair
    get_to_know(here, there)
    set_nonblocking(here)
    with pytest.raises(BlockingIOError):
        here.recv(100)
    here.settimeout(None)
    assert os.get_blocking(here.fileno())
    get_to_know(here, there)


def test_an_interrupted_wait_loses_nothing(pair: Pair) -> None:
    here, there = pair
    get_to_know(here, there)
    for _ in range(2):
        with pytest.raises(coro.TimeoutError), coro.timeout(0.01):
            here.recv(100)
        there.send(b"later")
        assert here.recv(100) == b"later"


def test_an_interrupt_after_the_news_loses_nothing(pair: Pair) -> None:
    here, there = pair
    get_to_know(here, there)
    receiver = receiving(here)
    there.send(b"later")
    receiver.shutdown()
    receiver.join()
    assert here.recv(100) == b"later"


def test_flags_and_sizes_are_those_of_any_socket(pair: Pair) -> None:
    here, there = pair
    get_to_know(here, there)
    there.send(b"abc")
    assert here.recv(100, socket.MSG_PEEK) == b"abc"
    assert here.recv(0) == b""
    assert here.recv(1_000_000) == b"abc"
    with pytest.raises(BlockingIOError):
        here.recv(100, socket.MSG_DONTWAIT)
    with pytest.raises(ValueError, match="negative"):
        here.recv(-1)


@pytest.mark.parametrize("urgent_first", [False, True])
def test_urgent_data_parts_what_is_read(emulated: None, urgent_first: bool) -> None:
    here, there = tcp_pair()
    with here, there:
        get_to_know(here, there)
        there.send(b"before")
        there.send(b"!", socket.MSG_OOB)
        there.send(b"after")
        if urgent_first:
            assert here.recv(1, socket.MSG_OOB) == b"!"
        assert [here.recv(100), here.recv(100)] == [b"before", b"after"]


def test_what_is_less_than_the_poller_tells_of_is_read(emulated: None) -> None:
    here, there = tcp_pair()
    with here, there:
        here.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 10)
        receiver = receiving(here)
        there.send(b"twelve bytes")
        assert result_of(receiver) == b"twelve bytes"
        there.send(b"short")
        assert here.recv(3) == b"sho"


def test_nothing_is_received_at_once(both: str) -> None:
    here, there = tcp_pair()
    with here, there:
        assert here.recv(0) == b""
        assert here.recv_into(bytearray()) == 0
        there.send(b"x")
        assert here.recv(0, socket.MSG_PEEK) == b""
        assert here.recv(100) == b"x"


def test_an_object_that_takes_a_socket_for_one_of_another_kind(emulated: None) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs, socket.fromfd(ours.fileno(), socket.AF_INET, socket.SOCK_STREAM) as here:
        messages_stay_apart(here, theirs)


def test_an_object_that_is_made_anew(emulated: None) -> None:
    here, there = tcp_pair()
    get_to_know(here, there)
    here.close()
    there.close()
    with here, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
        here.__init__(socket.AF_INET, socket.SOCK_DGRAM)  # type: ignore[misc]
        here.bind(("127.0.0.1", 0))
        there.connect(here.getsockname())
        messages_stay_apart(here, there)


def test_datagrams_stay_apart(emulated: None) -> None:
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with here, there:
        messages_stay_apart(here, there)


def test_in_several_real_threads(emulated: None) -> None:
    """Each thread has a poller of its own, which knows nothing of what the others were told."""
    here, there = tcp_pair()
    with here, there:
        for _ in range(2):
            get_to_know(here, there)
            in_real_thread(lambda: get_to_know(here, there))
        get_to_know(here, there)


def test_in_a_forked_child(emulated: None) -> None:
    here, there = tcp_pair()
    with here, there, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside pytest's watchdog
        get_to_know(here, there)
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            get_to_know(here, there)
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        get_to_know(here, there)


def test_what_came_while_the_originals_were_back_is_read(emulated: None) -> None:
    here, there = tcp_pair()
    with here, there:
        get_to_know(here, there)
        coro.uninstall_thread_emulation()
        try:
            there.send(b"abcdef")
            assert here.recv(3) == b"abc"
        finally:
            coro.install_thread_emulation()
        assert here.recv(100) == b"def"
        get_to_know(here, there)


@given(
    pieces=st.lists(st.binary(min_size=1, max_size=50), min_size=1),
    sizes=st.lists(st.tuples(st.integers(1, 60), st.integers(0, 2)), min_size=1),
    early=st.booleans(),
    kind=st.sampled_from(sorted(KINDS)),
)
def test_everything_arrives_in_order(
    emulated: None, pieces: list[bytes], sizes: list[tuple[int, int]], early: bool, kind: str
) -> None:
    """Whatever it is read by, and however sending and receiving take turns."""
    here, there = KINDS[kind]()
    same = socket.socket(fileno=here.fileno())

    def send() -> None:
        for piece in pieces:
            there.sendall(piece)
            coro.yield_slice()
        there.close()

    def receive() -> bytes:
        got = b""
        while True:
            for size, how in sizes:
                if how == 0:
                    data = here.recv(size)
                elif how == 1:
                    data = same.recv(size)
                else:
                    buffer = bytearray(size)
                    data = bytes(buffer[: here.recv_into(buffer)])
                got += data
                if not data:
                    return got

    first, second = (send, receive) if early else (receive, send)
    started = {fun: coro.spawn(fun) for fun in (first, second)}
    with here:
        for each in started.values():
            each.join()
        same.detach()
    assert started[receive].result() == b"".join(pieces)
