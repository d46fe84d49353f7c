"""The class `Descriptor`, seen through sockets: its life, turns, and time limits."""

import copy
import os
import pickle
import resource
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import coro
import coro_sock
import listeners
from coro.interface import scheduler
from coro.testing import virtual_clock
from coro_sock import sock
from listeners import join, until_blocked

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def streams() -> Iterator[tuple[sock, sock]]:
    """Two connected UNIX streams with the smallest buffers."""
    left, right = listeners.tiny_unix_pair()
    with left, right:
        yield left, right


def interrupt_by_shutdown(co: coro.coro) -> None:
    co.shutdown()


def interrupt_by_exception(co: coro.coro) -> None:
    co.raise_exception(KeyError("stop"))


def interrupt_by_timeout(co: coro.coro) -> None:
    coro.sleep_relative(100)  # all these tests give those who shall time out 50 s


INTERRUPTS = [interrupt_by_shutdown, interrupt_by_exception, interrupt_by_timeout]
Interrupt = Callable[[coro.coro], None]


def spawn_limited(limited: bool, fun: Callable[..., Any], *args: Any) -> coro.coro:
    return coro.spawn(coro.with_timeout, 50 if limited else None, fun, *args)


# -- its life


def test_closing_is_safe_to_repeat(pair: tuple[sock, sock]) -> None:
    client, _ = pair
    fd = client.fd
    assert client.fileno() == client.get_fileno() == fd
    client.close()
    client.close()
    assert (client.fd, client.fileno(), client.orig_fd) == (-1, -1, fd)


def test_a_socket_that_is_dropped_closes_its_descriptor() -> None:
    dropped = coro_sock.tcp_sock()
    fd = dropped.fd
    del dropped
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_detach_gives_the_descriptor_away(pair: tuple[sock, sock]) -> None:
    client, server = pair
    fd = client.detach()
    assert client.detach() == -1
    with socket.socket(fileno=fd) as plain:
        plain.setblocking(True)
        plain.sendall(b"plain")
        assert server.recv_exact(5) == b"plain"


def test_detach_wakes_who_waits_and_leaves_the_descriptor_open(streams: tuple[sock, sock]) -> None:
    left, right = streams
    waiting = [coro.spawn(right.recv, 1), coro.spawn(right.recv, 1)]
    until_blocked(*waiting)
    with socket.socket(fileno=right.detach()) as plain:
        for co in waiting:
            co.join()
            assert isinstance(co.failure, coro.ClosedError)
        left.send(b"x")
        assert plain.recv(1) == b"x"


def test_a_descriptor_can_be_taken_over() -> None:
    ours, theirs = socket.socketpair()
    with theirs, sock(socket.AF_UNIX, socket.SOCK_STREAM, 0, ours.detach()) as taken:
        theirs.sendall(b"hello")
        assert taken.recv(10) == b"hello"


def test_a_number_that_is_reused_at_once_is_another_socket(tmp_path: Path) -> None:
    client, server = listeners.pair("ipv4", tmp_path)
    reading = coro.spawn(server.recv, 10)
    until_blocked(reading)
    number = server.fd
    server.close()
    again_client, again_server = listeners.pair("ipv4", tmp_path)
    with again_client, again_server:
        assert number in (again_client.fd, again_server.fd)
        client.close()  # an event for the old owner of the number
        second = coro.spawn(again_server.recv, 10)
        until_blocked(second)
        reading.join()
        assert isinstance(reading.failure, coro.ClosedError)
        again_client.send(b"new")
        assert join(second) == [b"new"]


def test_a_number_that_another_thread_reuses_at_once_is_another_socket() -> None:
    _, right = ends = coro_sock.socketpair()
    number = right.fd
    reading, queued = coro.spawn(right.recv, 10), coro.spawn(right.recv, 10)
    until_blocked(reading, queued)
    made: list[sock] = []

    def replace() -> None:
        right.close()
        while number not in [each.fd for each in made]:
            made.extend(coro_sock.socketpair())
        index = [each.fd for each in made].index(number)
        made[index ^ 1].send(b"new")

    thread = threading.Thread(target=replace)
    thread.start()
    thread.join()
    reading.join()
    queued.join()
    assert [type(co.failure) for co in (reading, queued)] == [coro.ClosedError, coro.ClosedError]
    reused = next(each for each in made if each.fd == number)
    assert reused.recv(10) == b"new"
    for each in (*ends, *made):
        each.close()


def test_ten_thousand_connections_leave_nothing(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # poll(2) looks at all of them each time.
    at_once = min(5000 if scheduler().poller_name == "epoll" else 250, (hard - 200) // 2)
    if at_once < 100:
        pytest.skip(f"the limit of {hard} descriptors (RLIMIT_NOFILE) allows too few connections")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * at_once + 200), hard))
    before = coro_sock.get_live_sockets(), scheduler().counts(), len(os.listdir("/proc/self/fd"))
    opened = 0
    try:
        with listeners.listen("ipv4", tmp_path) as listener:
            while opened < 10_000:
                connect_and_reset(listener, at_once)
                opened += at_once
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    del listener
    assert (coro_sock.get_live_sockets(), scheduler().counts(), len(os.listdir("/proc/self/fd"))) == before


def connect_and_reset(listener: sock, count: int) -> None:
    def serve(server: sock) -> None:
        with server:
            try:
                while data := server.recv(10):
                    server.send(data)
            except ConnectionResetError:
                return

    before = coro_sock.get_live_sockets(), scheduler().counts()["waiting on descriptors"]
    clients, serving = [], []
    for _ in range(count):
        client = coro_sock.tcp_sock()
        # What is closed by a reset leaves no port in TIME_WAIT.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.connect(listener.getsockname())
        serving.append(coro.spawn(serve, listener.accept()[0]))
        client.send(b"x")
        clients.append(client)
    until_blocked(*serving)
    assert coro_sock.get_live_sockets() == before[0] + 2 * count
    assert scheduler().counts()["waiting on descriptors"] == before[1] + count
    for client in clients:
        assert client.recv(1) == b"x"
        client.close()
    join(*serving)


# -- closing


def test_closing_wakes_all_who_wait(pair: tuple[sock, sock]) -> None:
    _, server = pair
    listeners.fill(server)
    waiting = [coro.spawn(server.recv, 10) for _ in range(10)]
    waiting += [coro.spawn(server.send, b"x") for _ in range(10)]
    until_blocked(*waiting)
    fd = server.fd
    server.close()
    for co in waiting:
        co.join()
        with pytest.raises(coro.ClosedError, match=f"descriptor {fd}\\b"):
            co.result()


def test_closing_in_another_thread_wakes_all_who_wait_here(tcp: tuple[sock, sock]) -> None:
    _, server = tcp
    waiting = [coro.spawn(server.recv, 1) for _ in range(3)]
    until_blocked(*waiting)
    closer = threading.Thread(target=server.close)
    closer.start()
    for co in waiting:
        co.join()
        assert isinstance(co.failure, coro.ClosedError)
    closer.join()


def test_closing_wakes_who_waits_in_other_threads(tcp: tuple[sock, sock]) -> None:
    _, server = tcp
    ends: list[BaseException | None] = []
    blocked = threading.Barrier(4)

    def wait_twice() -> None:
        both = [coro.spawn(server.recv, 1), coro.spawn(server.recv, 1)]
        until_blocked(*both)
        blocked.wait()
        for co in both:
            co.join()
            ends.append(co.failure)

    threads = [threading.Thread(target=wait_twice) for _ in range(3)]
    for thread in threads:
        thread.start()
    blocked.wait()
    server.close()
    for thread in threads:
        thread.join()
    assert [type(each) for each in ends] == [coro.ClosedError] * 6


def test_who_closes_while_another_is_about_to_begin(streams: tuple[sock, sock]) -> None:
    # The budget of selfish acts is used up, so the read lets others run before it tries.
    left, right = streams
    left.send(b"abcdef")

    def read_all() -> bytes:
        coro.current().set_max_selfish_acts(1)
        right.recv(1)
        return right.recv(1)

    reading = coro.spawn(read_all)
    closing = coro.spawn(right.close)
    closing.join()
    reading.join()
    assert isinstance(reading.failure, coro.ClosedError)


# -- turns


def test_readers_are_served_in_the_order_in_which_they_came(pair: tuple[sock, sock]) -> None:
    client, server = pair
    readers = [coro.spawn(server.recv_exact, 3) for _ in range(10)]
    until_blocked(*readers)
    assert readers[0].waiting == ("read", server.fd)
    assert [reader.waiting for reader in readers[1:]] == [("turn to read", server)] * 9
    data = bytes(range(30))
    for i in range(0, 30, 5):
        client.send(data[i : i + 5])
        coro.yield_slice()
    assert join(*readers) == [data[i : i + 3] for i in range(0, 30, 3)]


@pytest.mark.parametrize("transport", ["ipv4", "unix-abstract"])
def test_what_many_send_is_not_mixed(transport: str, tmp_path: Path) -> None:
    client, server = listeners.tiny_pair(transport, tmp_path)
    filler = listeners.fill(client)
    size = 30_000

    def send(number: int) -> int:
        data = bytes([number]) * size
        if number % 2:
            return client.send(data)
        return client.writev([data[:1], b"", data[1:20_000], data[20_000:]])

    with client, server:
        writers = [coro.spawn(send, number) for number in range(10)]
        until_blocked(*writers)
        assert [writer.waiting for writer in writers[1:]] == [("turn to write", client)] * 9
        server.recv_exact(filler)
        received = server.recv_exact(10 * size)
        assert received == b"".join(bytes([number]) * size for number in range(10))
        assert join(*writers) == [size] * 10


def test_readers_and_writers_at_once(pair: tuple[sock, sock]) -> None:
    size = 300_000
    senders = [coro.spawn(end.send, bytes([n]) * size) for end in pair for n in range(3)]
    readers = [coro.spawn(end.recv_exact, size) for end in pair for n in range(3)]
    assert join(*senders) == [size] * 6
    assert join(*readers) == [bytes([n]) * size for _ in pair for n in range(3)]


def test_who_comes_while_the_turn_passes_on_queues_up_behind(streams: tuple[sock, sock]) -> None:
    left, right = streams
    order = []

    def read(name: str) -> None:
        right.recv_exact(1)
        order.append(name)
        if name == "first":  # the turn is free now, and the second has been woken
            right.recv_exact(1)
            order.append("first again")

    readers = [coro.spawn(read, name) for name in ("first", "second", "third")]
    until_blocked(*readers)
    left.send(b"1234")
    join(*readers)
    assert order == ["first", "second", "third", "first again"]


@pytest.mark.parametrize("interrupt", INTERRUPTS)
@pytest.mark.parametrize("position", [0, 1, 3, 4])
@pytest.mark.usefixtures("virtual")
def test_a_reader_that_is_interrupted_hands_on(streams: tuple[sock, sock], interrupt: Interrupt, position: int) -> None:
    left, right = streams
    readers = [spawn_limited(n == position, right.recv_exact, 2) for n in range(5)]
    until_blocked(*readers)
    interrupt(readers[position])
    readers[position].join()
    left.send(b"0123456789")
    del readers[position]
    assert join(*readers) == [b"01", b"23", b"45", b"67"]
    assert right.recv(10) == b"89"


@pytest.mark.parametrize("interrupt", INTERRUPTS)
@pytest.mark.parametrize("position", [0, 1, 3, 4])
@pytest.mark.usefixtures("virtual")
def test_a_writer_that_is_interrupted_hands_on(streams: tuple[sock, sock], interrupt: Interrupt, position: int) -> None:
    left, right = streams
    filler = listeners.fill(left)
    size = 20_000
    writers = [spawn_limited(n == position, left.send, bytes([n]) * size) for n in range(5)]
    until_blocked(*writers)
    interrupt(writers[position])
    writers[position].join()
    right.recv_exact(filler)
    others = [n for n in range(5) if n != position]
    assert right.recv_exact(4 * size) == b"".join(bytes([n]) * size for n in others)
    assert join(*(writers[n] for n in others)) == [size] * 4


@pytest.mark.parametrize("interrupt", [interrupt_by_shutdown, interrupt_by_exception])
def test_who_is_interrupted_with_the_turn_just_given_hands_on(streams: tuple[sock, sock], interrupt: Interrupt) -> None:
    left, right = streams

    def read_and_interrupt_the_next() -> bytes:
        data = right.recv_exact(1)
        interrupt(readers[1])
        return data

    readers = [coro.spawn(read_and_interrupt_the_next), *(coro.spawn(right.recv_exact, 1) for _ in range(3))]
    until_blocked(*readers)
    left.send(b"123")
    readers[1].join()
    assert readers[1].failure is not None
    del readers[1]
    assert join(*readers) == [b"1", b"2", b"3"]


def test_all_but_the_last_are_interrupted_at_once(streams: tuple[sock, sock]) -> None:
    left, right = streams
    readers = [coro.spawn(right.recv_exact, 1) for _ in range(6)]
    until_blocked(*readers)
    for reader in readers[:-1]:
        reader.shutdown()
    left.send(b"x")
    assert join(readers[-1]) == [b"x"]
    for reader in readers[:-1]:
        reader.join()


def test_what_an_interrupted_reader_kept_goes_to_the_next_in_the_queue(streams: tuple[sock, sock]) -> None:
    left, right = streams
    left.send(b"abcd")
    interrupted = coro.spawn(right.recv_exact, 8)
    until_blocked(interrupted)
    buffer = bytearray(1)
    readers = [
        coro.spawn(right.recv, 1),
        coro.spawn(right.recv_into, buffer),
        coro.spawn(right.recv_exact, 1),
        coro.spawn(right.readv, [1, 1]),
        coro.spawn(right.recvfrom, 1),
        coro.spawn(right.recvmsg, 1),
    ]
    until_blocked(*readers)
    interrupted.shutdown()
    left.send(b"efgh")
    one, two, three, four, five, six = join(*readers)
    assert (one, two, bytes(buffer), three, four, five[0], six[0]) == (
        b"a",
        1,
        b"b",
        b"c",
        (b"d", b"e"),
        b"f",
        b"g",
    )
    assert right.recv(9) == b"h"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("recv", (9,)),
        ("recv", (100_000,)),
        ("recvfrom", (9,)),
        ("recvmsg", (9,)),
        ("recv_into", (bytearray(9),)),
        ("recvfrom_into", (bytearray(9),)),
        ("recvmsg_into", ([bytearray(9)],)),
    ],
)
def test_who_queues_for_a_reader_that_kept_data_need_not_wait_for_more(
    tcp: tuple[sock, sock], name: str, arguments: tuple[Any, ...]
) -> None:
    client, server = tcp
    client.send(b"abcd")
    interrupted = coro.spawn(server.recv_exact, 8)
    until_blocked(interrupted)
    reading = coro.spawn(getattr(server, name), *arguments)
    until_blocked(reading)
    interrupted.shutdown()
    (result,) = join(reading)
    assert result in (b"abcd", (b"abcd", None), (b"abcd", [], 0, None), 4, (4, None), (4, [], 0, None))


def test_a_wait_for_reading_does_not_take_the_news_from_a_read(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    client.send(b"short")
    assert server.recv(100) == b"short"  # so the next read waits without trying
    watching = coro.spawn(server.wait_for_read)
    until_blocked(watching)
    client.send(b"more")
    assert join(watching) == [4]
    assert coro.with_timeout(10, server.recv, 100) == b"more"


def test_a_read_that_comes_between_the_news_and_who_waits_for_it(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    client.send(b"short")
    assert server.recv(100) == b"short"
    watching = coro.spawn(server.wait_for_read)
    until_blocked(watching)
    client.send(b"more")
    # So many that the poller is asked before the last of them runs; who watches comes behind.
    crowd = [coro.spawn(int) for _ in range(200)]
    reading = coro.spawn(coro.with_timeout, 10, server.recv, 100)
    join(*crowd)
    assert join(reading) == [b"more"]
    client.send(b"!")
    join(watching)


def test_peeking_does_not_take_the_news_from_a_read(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    client.send(b"short")
    assert server.recv(100) == b"short"
    peeking = coro.spawn(server.recv, 100, socket.MSG_PEEK)
    until_blocked(peeking)
    client.send(b"more")
    assert join(peeking) == [b"more"]
    assert coro.with_timeout(10, server.recv, 100) == b"more"


def test_a_read_that_is_refused_at_once_takes_no_turn(streams: tuple[sock, sock]) -> None:
    left, right = streams
    reading = coro.spawn(right.recv, 1)
    until_blocked(reading)
    with pytest.raises(BlockingIOError):
        right.recv(1, socket.MSG_DONTWAIT)
    left.send(b"x")
    assert join(reading) == [b"x"]


@pytest.mark.parametrize("transport", ["ipv4", "unix-abstract"])
def test_several_threads_read_one_socket(transport: str, tmp_path: Path) -> None:
    client, server = listeners.pair(transport, tmp_path)
    records = [struct.pack("!Q", n) for n in range(2000)]
    found: list[bytes] = []

    def read() -> None:
        with pytest.raises(EOFError) as caught:
            while True:
                found.append(server.recv_exact(8))
        assert caught.value.args == (b"",)

    def in_thread() -> None:
        join(coro.spawn(read), coro.spawn(read))

    with client, server:
        threads = [threading.Thread(target=in_thread) for _ in range(3)]
        for thread in threads:
            thread.start()
        for start in range(0, len(records), 7):
            client.send(b"".join(records[start : start + 7])[:-3])
            coro.yield_slice()
            client.send(b"".join(records[start : start + 7])[-3:])
        client.close()
        for thread in threads:
            thread.join()
    assert sorted(found) == records


def test_several_threads_write_one_socket(tmp_path: Path) -> None:
    client, server = listeners.tiny_pair("ipv4", tmp_path)
    size = 5000

    def in_thread(number: int) -> None:
        join(*(coro.spawn(client.send, bytes([10 * number + each]) * size) for each in range(5)))

    with client, server:
        threads = [threading.Thread(target=in_thread, args=[number]) for number in range(4)]
        for thread in threads:
            thread.start()
        found = [server.recv_exact(size) for _ in range(20)]
        for thread in threads:
            thread.join()
    assert sorted(found) == [bytes([10 * number + each]) * size for number in range(4) for each in range(5)]


def test_a_thread_that_ends_while_it_has_the_turn_hands_on(streams: tuple[sock, sock]) -> None:
    left, right = streams

    def wait_and_leave() -> None:
        until_blocked(coro.spawn(right.recv, 1))

    thread = threading.Thread(target=wait_and_leave)
    thread.start()
    thread.join()
    left.send(b"x")
    assert right.recv(1) == b"x"


# -- time limits


@pytest.mark.usefixtures("virtual")
def test_an_operation_takes_no_longer_than_the_limit(streams: tuple[sock, sock]) -> None:
    left, right = streams
    listeners.fill(left)
    for each in streams:
        each.settimeout(2.5)
    operations: list[Callable[[], object]] = [
        lambda: right.recv_exact(100_000_000),
        lambda: left.recv(1),
        lambda: left.recv_into(bytearray(1)),
        lambda: left.recvfrom(1),
        lambda: left.recvmsg(1),
        lambda: left.readv([1]),
        left.wait_for_read,
        lambda: (listeners.fill(left), left.send(b"x" * 1_000_000)),
        lambda: left.writev([b"x", b"y" * 1_000_000]),
        lambda: left.sendmsg([b"x" * 1_000_000]),
    ]
    for operation in operations:
        begun = coro.now()
        with pytest.raises(TimeoutError, match="timed out"):
            operation()
        assert coro.now() - begun == 2_500_000_000


@pytest.mark.usefixtures("virtual")
def test_no_limit(streams: tuple[sock, sock]) -> None:
    _, right = streams
    right.settimeout(1)
    right.settimeout(None)
    begun = coro.now()
    with pytest.raises(coro.TimeoutError):
        coro.with_timeout(3600, right.recv, 1)
    assert coro.now() - begun == 3600 * 10**9


@pytest.mark.parametrize("tiny", [1e-6, 1e-9, 1e-12, 5e-324])
def test_a_tiny_limit_is_none_too_short_to_be_one(streams: tuple[sock, sock], tiny: float) -> None:
    left, right = streams
    right.settimeout(tiny)
    assert right.gettimeout() == max(tiny, 1e-9)
    with pytest.raises(TimeoutError, match="timed out"):
        right.recv(1)
    left.send(b"x")
    assert right.recv(1) == b"x"


def test_a_limit_of_zero_never_waits(streams: tuple[sock, sock]) -> None:
    left, right = streams
    for each in streams:
        each.settimeout(0)
    operations: list[Callable[[], object]] = [
        lambda: right.recv(1),
        lambda: right.recv(100_000),
        lambda: right.recv_into(bytearray(1)),
        lambda: right.recv_exact(1),
        lambda: right.recvfrom(1),
        lambda: right.recvfrom_into(bytearray(1)),
        lambda: right.recvmsg(1),
        lambda: right.recvmsg_into([bytearray(1)]),
        lambda: right.readv([1]),
        right.wait_for_read,
    ]
    for operation in operations:
        with pytest.raises(BlockingIOError):
            operation()
    assert left.send(b"x" * 10_000_000) < 10_000_000
    operations = [
        lambda: left.send(b"x"),
        lambda: left.writev([b"x"]),
        lambda: left.sendmsg([b"x"]),
        left.wait_for_write,
    ]
    for operation in operations:
        with pytest.raises(BlockingIOError):
            operation()


def test_what_is_refused_at_once_keeps_what_had_come(streams: tuple[sock, sock]) -> None:
    left, right = streams
    right.settimeout(0)
    left.send(b"abcd")
    with pytest.raises(BlockingIOError):
        right.recv_exact(8)
    left.send(b"efgh")
    assert right.recv_exact(8) == b"abcdefgh"


@pytest.mark.usefixtures("virtual")
def test_the_limit_is_for_the_whole_of_a_receive(streams: tuple[sock, sock]) -> None:
    left, right = streams
    right.settimeout(1)

    def trickle() -> None:
        for n in range(10):
            left.send(b"%d" % n)
            coro.sleep_relative(0.3)

    trickling = coro.spawn(trickle)
    begun = coro.now()
    with pytest.raises(TimeoutError, match="timed out"):
        right.recv_exact(10)
    assert coro.now() - begun == 10**9
    join(trickling)
    assert right.recv(10) == b"0123"
    assert right.recv(10) == b"456789"


@pytest.mark.usefixtures("virtual")
def test_the_limit_is_for_the_whole_of_a_send(streams: tuple[sock, sock]) -> None:
    left, right = streams
    left.settimeout(1)

    def read_slowly() -> None:
        while True:
            coro.sleep_relative(0.3)
            right.recv(1000)

    reading = coro.spawn(read_slowly)
    begun = coro.now()
    with pytest.raises(TimeoutError, match="timed out"):
        left.send(b"x" * 1_000_000)
    assert coro.now() - begun == 10**9
    reading.shutdown()
    reading.join()


@pytest.mark.usefixtures("virtual")
def test_the_limit_includes_the_wait_for_the_turn(streams: tuple[sock, sock]) -> None:
    left, right = streams
    first = coro.spawn(right.recv_exact, 2)
    until_blocked(first)
    right.settimeout(1)
    begun = coro.now()
    second, third = coro.spawn(right.recv, 1), coro.spawn(right.recv, 1)
    for co in (second, third):
        co.join()
        assert isinstance(co.failure, TimeoutError)
    assert coro.now() - begun == 10**9
    left.send(b"ab")
    assert join(first) == [b"ab"]  # the limit came after it had begun


@pytest.mark.usefixtures("virtual")
def test_the_limit_goes_on_when_the_turn_has_come(streams: tuple[sock, sock]) -> None:
    left, right = streams
    first = coro.spawn(right.recv, 1)
    until_blocked(first)
    right.settimeout(1)
    begun = coro.now()
    second = coro.spawn(right.recv, 1)
    until_blocked(second)
    coro.sleep_relative(0.7)
    left.send(b"x")
    assert join(first) == [b"x"]
    second.join()
    assert isinstance(second.failure, TimeoutError)
    assert coro.now() - begun == 10**9


def test_a_limit_in_the_middle_of_a_timeout_and_the_other_way_round(streams: tuple[sock, sock]) -> None:
    _, right = streams
    with virtual_clock():
        right.settimeout(1)
        with coro.timeout(2), pytest.raises(TimeoutError, match=r"^timed out$"):
            right.recv(1)
        right.settimeout(2)
        with pytest.raises(coro.TimeoutError, match="timed out after 1 seconds"), coro.timeout(1):
            right.recv(1)


# -- fork


@pytest.mark.parametrize("writers", [0, 3])
def test_a_child_can_use_the_socket_that_somebody_waited_for(run: Callable[..., str], writers: int) -> None:
    source = """
        import os, socket, sys, coro, coro_sock

        def until_blocked(*all):
            while any(co.waiting is None for co in all):
                coro.yield_slice()

        left, right = coro_sock.socketpair()
        left.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        waiting = [coro.spawn(left.recv, 10) for _ in range(3)]
        waiting += [coro.spawn(left.send, b"x" * 50_000) for _ in range(int(sys.argv[1]))]
        until_blocked(*waiting)
        child = os.fork()
        if not child:
            try:
                while True:
                    right.recv(100_000, socket.MSG_DONTWAIT)
            except BlockingIOError:
                pass
            # A writer takes the turn first, and then a reader wants one too.
            sending = coro.spawn(left.send, b"y" * 50_000)
            until_blocked(sending)
            reading = coro.spawn(coro.with_timeout, 10, left.recv, 10)
            until_blocked(reading)
            right.send(b"hello")
            reading.join()
            assert reading.result() == b"hello"
            assert right.recv_exact(50_000) == b"y" * 50_000
            sending.join()
            left.close()
            print("child", flush=True)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        for co in waiting:
            co.shutdown()
        for co in waiting:
            co.join()
        right.send(b"z")
        assert left.recv(1) == b"z"
        print("parent")
    """
    assert run(source, str(writers)) == "child\nparent\n"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_descriptor_has_one_owner(copied: Any) -> None:
    class Mine(sock):
        pass

    for made in (sock(), Mine()):
        with made, pytest.raises(TypeError, match="cannot be copied or pickled"):
            copied(made)


def test_readiness_that_is_none_does_not_spin() -> None:
    """An error in the queue of MSG_ERRQUEUE keeps a socket ready for poll(2)."""
    with coro_sock.udp_sock() as gone, coro_sock.udp_sock() as client:
        gone.bind(("127.0.0.1", 0))
        address = gone.getsockname()
        gone.close()
        client.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_RECVERR", 11), 1)
        client.connect(address)
        client.send(b"is anybody there?")
        with pytest.raises(ConnectionRefusedError):
            client.recv(100)
        client.settimeout(0.2)
        before = time.process_time()
        with pytest.raises(TimeoutError):
            client.recv(100)
        assert time.process_time() - before < 0.1
