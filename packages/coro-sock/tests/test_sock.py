"""The class `sock`: streams, and the life of a socket."""

import errno
import os
import resource
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import coro
import coro_sock
import listeners
from coro_sock import sock


@pytest.fixture(params=listeners.KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def pair(kind: str, tmp_path: Path) -> Iterator[tuple[sock, sock]]:
    client, server = listeners.pair(kind, tmp_path)
    yield client, server
    client.close()
    server.close()


@pytest.fixture
def tcp(tmp_path: Path) -> Iterator[tuple[sock, sock]]:
    client, server = listeners.pair("ipv4", tmp_path)
    yield client, server
    client.close()
    server.close()


def until_blocked(*coroutines: coro.coro) -> None:
    """Let others run until each of these waits."""
    while any(co.waiting is None for co in coroutines):
        coro.yield_slice()


# -- connecting


def test_accept_gives_the_address_that_the_client_has(kind: str, tmp_path: Path) -> None:
    with listeners.listen(kind, tmp_path) as listener, listeners.make(kind) as client:
        accepting = coro.spawn(listener.accept)
        client.connect(listener.getsockname())
        accepting.join()
        server, address = accepting.result()
        with server:
            assert address == client.getsockname()
            assert server.getsockname() == client.getpeername() == listener.getsockname()
            assert (server.domain, server.stype) == (client.domain, client.stype)


def test_names_are_looked_up_without_stopping_the_others(tmp_path: Path) -> None:
    with listeners.listen("ipv4", tmp_path) as listener, coro_sock.tcp_sock() as client:
        client.connect(("localhost", listener.getsockname()[1]))
        server, _ = listener.accept()
        server.close()


def test_connect_addr_looks_up_names_only_when_asked(tmp_path: Path) -> None:
    with listeners.listen("ipv4", tmp_path) as listener, coro_sock.tcp_sock() as client:
        port = listener.getsockname()[1]
        with pytest.raises(ValueError, match=r"'localhost' is not a numeric address.*resolve=True"):
            client.connect_addr(("localhost", port))
        client.connect_addr(("localhost", port), resolve=True)
        listener.accept()[0].close()


def test_a_name_that_nobody_has() -> None:
    with coro_sock.tcp_sock() as client, pytest.raises(socket.gaierror):
        client.connect(("no-such-host.invalid", 80))


def test_connection_refused(kind: str, tmp_path: Path) -> None:
    listener = listeners.listen(kind, tmp_path)
    address = listener.getsockname()
    listener.close()
    with listeners.make(kind) as client, pytest.raises(ConnectionRefusedError):
        client.connect(address)


def test_connect_waits_for_a_full_backlog_of_a_unix_socket(tmp_path: Path) -> None:
    listener = coro_sock.unix_sock()
    listener.bind(listeners.free_address("unix-abstract", tmp_path))
    listener.listen(0)
    first, second = coro_sock.unix_sock(), coro_sock.unix_sock()
    first.connect(listener.getsockname())
    connecting = coro.spawn(second.connect, listener.getsockname())
    until_blocked(connecting)
    assert connecting.waiting == ("connect", second)
    accepted = [listener.accept()[0], listener.accept()[0]]
    connecting.join()
    connecting.result()
    for each in (listener, first, second, *accepted):
        each.close()


def test_address_in_use(tmp_path: Path) -> None:
    with listeners.listen("ipv4", tmp_path) as listener, coro_sock.tcp_sock() as other:
        with pytest.raises(OSError, match="Address already in use") as caught:
            other.bind(listener.getsockname())
        assert caught.value.errno == errno.EADDRINUSE


def test_what_getsockname_gives_can_be_bound_again() -> None:
    with coro_sock.tcp_sock() as first, coro_sock.tcp_sock() as second:
        first.bind(("", 0))
        host, _ = first.getsockname()
        assert host == ""
        second.bind((host, 0))
        assert second.getsockname()[0] == ""


# -- streams


def test_an_echo(pair: tuple[sock, sock]) -> None:
    client, server = pair
    assert client.send(b"hello") == 5
    assert server.recv(100) == b"hello"
    assert server.sendall(b"world") == 5
    assert client.read(100) == b"world"
    client.close()
    assert server.recv(100) == b""


def test_reading_waits_for_the_other_side(pair: tuple[sock, sock]) -> None:
    client, server = pair
    reading = coro.spawn(server.recv, 10)
    until_blocked(reading)
    assert reading.waiting == ("read", server.fd)
    client.send(b"x")
    reading.join()
    assert reading.result() == b"x"


@pytest.mark.parametrize("size", [1, 65536, 65537, 3_000_000])
def test_all_is_sent_however_much_it_is(pair: tuple[sock, sock], size: int) -> None:
    client, server = pair
    data = os.urandom(size)
    sending = coro.spawn(client.send, data)
    assert server.recv_exact(size) == data
    sending.join()
    assert sending.result() == size


def test_a_large_receive_takes_what_is_there(pair: tuple[sock, sock]) -> None:
    client, server = pair
    client.send(b"small")
    assert server.recv(10_000_000) == b"small"


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_any_split_of_any_payload_arrives_whole_and_in_order(data: st.DataObject) -> None:
    payload = data.draw(st.binary(min_size=1, max_size=20_000))
    chunks = data.draw(st.lists(st.integers(1, 3000), min_size=1, max_size=20))
    reads = data.draw(st.lists(st.integers(1, 3000), min_size=1, max_size=20))
    exact = data.draw(st.booleans())
    left, right = (sock(s.family, s.type, 0, s.detach()) for s in socket.socketpair())
    left.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)

    def write() -> None:
        at, turn = 0, 0
        while at < len(payload):
            size = chunks[turn % len(chunks)]
            left.send(memoryview(payload)[at : at + size])
            at, turn = at + size, turn + 1
        left.close()

    writing = coro.spawn(write)
    received, turn = b"", 0
    while len(received) < len(payload):
        size = min(reads[turn % len(reads)], len(payload) - len(received))
        part = right.recv_exact(size) if exact else right.recv(size)
        assert part
        received, turn = received + part, turn + 1
    assert received == payload
    assert right.recv(1) == b""
    writing.join()
    writing.result()
    right.close()


def test_recv_exact_gives_what_came_when_the_stream_ends(pair: tuple[sock, sock]) -> None:
    client, server = pair
    client.send(b"half")
    client.shutdown(socket.SHUT_WR)
    with pytest.raises(EOFError) as caught:
        server.recv_exact(8)
    assert caught.value.args == (b"half",)
    assert server.recv(8) == b""


def test_recv_exact_of_nothing(pair: tuple[sock, sock]) -> None:
    assert pair[1].recv_exact(0) == b""


def test_what_an_interrupted_recv_exact_had_received_is_not_lost(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    client.send(b"abcd")
    reading = coro.spawn(server.recv_exact, 8)
    until_blocked(reading)
    reading.shutdown()
    reading.join()
    assert server.recv(1) == b"a"
    client.send(b"efgh")
    assert server.recv_exact(7) == b"bcdefgh"


def test_recv_into_gives_back_what_an_interrupted_recv_exact_kept(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    client.send(b"abcd")
    reading = coro.spawn(server.recv_exact, 8)
    until_blocked(reading)
    reading.shutdown()
    reading.join()
    buffer = bytearray(3)
    assert server.recv_into(buffer) == 3
    assert buffer == b"abc"
    assert server.recv_into(buffer) == 1
    assert buffer == b"dbc"


def test_a_timeout_interrupts_a_read_and_leaves_the_data(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    with pytest.raises(coro.TimeoutError):
        coro.with_timeout(0.001, server.recv, 10)
    client.send(b"late")
    assert server.recv(10) == b"late"


def test_recv_into(pair: tuple[sock, sock]) -> None:
    client, server = pair
    client.send(b"0123456789")
    buffer = bytearray(6)
    assert server.recv_into(buffer, 4) == 4
    assert buffer == b"0123\0\0"
    assert server.recv_into(memoryview(buffer)) == 6
    assert buffer == b"456789"


def test_peeking_does_not_take(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    client.send(b"seen")
    assert server.recv(100, socket.MSG_PEEK) == b"seen"
    assert server.recv(100) == b"seen"


def test_end_of_stream_is_seen_after_a_short_read(tcp: tuple[sock, sock]) -> None:
    # The data and the end come before the server reads: no later event tells of the end.
    client, server = tcp
    client.send(b"x")
    client.close()
    assert server.recv(100) == b"x"
    assert server.recv(100) == b""
    assert server.recv(100) == b""


def test_urgent_data_does_not_hide_what_follows(tcp: tuple[sock, sock]) -> None:
    # A read stops at the urgent mark, so it is short although more is there.
    client, server = tcp
    reading = coro.spawn(server.recv, 100)
    until_blocked(reading)
    client.send(b"a!", socket.MSG_OOB)
    client.send(b"rest")
    reading.join()
    received = reading.result()
    while not received.endswith(b"rest"):
        received += coro.with_timeout(10, server.recv, 100)
    assert received == b"arest"


def test_many_may_read_and_write_one_socket(pair: tuple[sock, sock]) -> None:
    client, server = pair
    readers = [coro.spawn(server.recv_exact, 1) for _ in range(10)]
    until_blocked(*readers)
    client.send(b"0123456789")
    for reader in readers:
        reader.join()
    assert sorted(reader.result() for reader in readers) == [b"%d" % n for n in range(10)]


def test_a_peer_that_resets(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    reading = coro.spawn(server.recv, 10)
    until_blocked(reading)
    client.close()
    reading.join()
    with pytest.raises(ConnectionResetError):
        reading.result()


def test_writing_to_who_has_gone(pair: tuple[sock, sock]) -> None:
    client, server = pair
    client.close()

    def send_for_ever() -> None:
        while True:
            server.send(b"x" * 10_000)

    with pytest.raises((BrokenPipeError, ConnectionResetError)):  # one of the two, by timing
        send_for_ever()


def test_half_close(pair: tuple[sock, sock]) -> None:
    client, server = pair
    client.send(b"question")
    client.shutdown(socket.SHUT_WR)
    assert server.recv_exact(8) == b"question"
    assert server.recv(1) == b""
    server.send(b"answer")
    assert client.recv_exact(6) == b"answer"


# -- closing


def test_closing_wakes_all_who_wait(pair: tuple[sock, sock]) -> None:
    _, server = pair
    readers = [coro.spawn(server.recv, 10) for _ in range(10)]
    until_blocked(*readers)
    fd = server.fd
    server.close()
    for reader in readers:
        reader.join()
        with pytest.raises(coro.ClosedError, match=f"descriptor {fd}\\b"):
            reader.result()


@pytest.fixture
def quiet() -> Iterator[None]:
    """For coroutines that are meant to fail."""
    before = coro.set_exception_notifier(lambda: None)
    yield
    coro.set_exception_notifier(before)


@pytest.fixture(autouse=True)
def _failures_are_expected(quiet: None) -> None:
    """The tests look at results, which tell of failures too."""


def test_closing_is_safe_to_repeat(pair: tuple[sock, sock]) -> None:
    client, _ = pair
    fd = client.fd
    assert client.fileno() == client.get_fileno() == fd
    client.close()
    client.close()
    assert (client.fd, client.fileno(), client.orig_fd) == (-1, -1, fd)


@pytest.mark.parametrize(
    "operation",
    [
        lambda s: s.recv(1),
        lambda s: s.recv_exact(1),
        lambda s: s.recv_into(bytearray(1)),
        lambda s: s.send(b"x"),
        lambda s: s.bind(("127.0.0.1", 0)),
        lambda s: s.listen(1),
        lambda s: s.accept(),
        lambda s: s.connect(("127.0.0.1", 1)),
        lambda s: s.shutdown(socket.SHUT_RD),
        lambda s: s.getsockname(),
        lambda s: s.getpeername(),
        lambda s: s.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE),
        lambda s: s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1),
        lambda s: s.set_reuse_addr(),
    ],
)
def test_a_closed_socket_says_so(operation: object) -> None:
    closed = coro_sock.tcp_sock()
    fd = closed.fd
    closed.close()
    with pytest.raises(coro.ClosedError, match=rf"the socket is closed \(it had descriptor {fd}\)") as caught:
        operation(closed)  # type: ignore[operator]
    assert caught.value.errno == errno.EBADF


def test_a_number_that_is_reused_at_once_is_another_socket(tmp_path: Path) -> None:
    client, server = listeners.pair("ipv4", tmp_path)
    reading = coro.spawn(server.recv, 10)
    until_blocked(reading)
    number = server.fd
    server.close()
    again_client, again_server = listeners.pair("ipv4", tmp_path)
    assert number in (again_client.fd, again_server.fd)
    client.close()  # an event for the old owner of the number
    second = coro.spawn(again_server.recv, 10)
    until_blocked(second)
    reading.join()
    with pytest.raises(coro.ClosedError):
        reading.result()
    again_client.send(b"new")
    second.join()
    assert second.result() == b"new"
    for each in (again_client, again_server):
        each.close()


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


def test_a_descriptor_can_be_taken_over() -> None:
    ours, theirs = socket.socketpair()
    with theirs, sock(socket.AF_UNIX, socket.SOCK_STREAM, 0, ours.detach()) as taken:
        theirs.sendall(b"hello")
        assert taken.recv(10) == b"hello"


def test_the_listener_goes_on_after_descriptors_ran_out(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with listeners.listen("ipv4", tmp_path) as listener, coro_sock.tcp_sock() as client:
        client.connect(listener.getsockname())
        lowest_free = os.dup(client.fd)
        os.close(lowest_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
        try:
            with pytest.raises(OSError, match="Too many open files") as caught:
                listener.accept()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert caught.value.errno == errno.EMFILE
        server, address = listener.accept()  # the connection was not lost
        assert address == client.getsockname()
        server.close()


def test_a_socket_closed_in_another_thread_wakes_who_waits_here(tcp: tuple[sock, sock]) -> None:
    _, server = tcp
    reading = coro.spawn(server.recv, 1)
    until_blocked(reading)
    closer = threading.Thread(target=server.close)
    closer.start()
    reading.join()
    closer.join()
    with pytest.raises(coro.ClosedError):
        reading.result()


# -- wrong use


@pytest.mark.parametrize("size", [-1, -(2**40)])
def test_negative_sizes(tcp: tuple[sock, sock], size: int) -> None:
    with pytest.raises(ValueError, match="buffer_size must not be negative"):
        tcp[1].recv(size)
    with pytest.raises(ValueError, match="bytes must not be negative"):
        tcp[1].recv_exact(size)


def test_a_huge_size_is_refused_before_the_system_call(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    client.send(b"kept")
    with pytest.raises(MemoryError):
        server.recv(2**62)
    with pytest.raises(OverflowError):
        server.recv(2**70)
    assert server.recv(10) == b"kept"


def test_recv_into_what_cannot_be_written(tcp: tuple[sock, sock]) -> None:
    with pytest.raises((BufferError, TypeError)):
        tcp[1].recv_into(b"constant")
    with pytest.raises(ValueError, match="nbytes is 5, but the buffer has 4 bytes"):
        tcp[1].recv_into(bytearray(4), 5)
    with pytest.raises(ValueError, match="nbytes must not be negative"):
        tcp[1].recv_into(bytearray(4), -1)


def test_sending_what_is_no_data(tcp: tuple[sock, sock]) -> None:
    with pytest.raises(TypeError, match="bytes-like"):
        tcp[0].send("text")  # type: ignore[arg-type]


def test_sending_nothing(tcp: tuple[sock, sock]) -> None:
    assert tcp[0].send(b"") == 0


def test_bad_families() -> None:
    with pytest.raises(OSError, match="not supported"):
        sock(12345)
    with pytest.raises(TypeError):
        sock("AF_INET")  # type: ignore[arg-type]


def test_a_socket_cannot_be_initialized_twice() -> None:
    with coro_sock.tcp_sock() as once, pytest.raises(RuntimeError, match="initialized before"):
        once.__init__()  # type: ignore[misc]


def test_a_socket_that_was_never_initialized() -> None:
    empty = sock.__new__(sock)
    with pytest.raises(coro.ClosedError, match="the socket is closed"):
        empty.recv(1)
    empty.close()


# -- options and names


def test_options(tcp: tuple[sock, sock]) -> None:
    client, _ = tcp
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    assert client.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    linger = struct.pack("ii", 1, 7)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    assert client.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == linger
    with pytest.raises(OSError, match="buflen must be 0-1024, not 1025"):
        client.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 1025)
    with pytest.raises(OSError, match="Protocol not available"):
        client.getsockopt(socket.SOL_SOCKET, 0xFFFF)


def test_reuse_addr() -> None:
    with coro_sock.tcp_sock() as made:
        made.set_reuse_addr()
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1


def test_repr(tcp: tuple[sock, sock]) -> None:
    client, _ = tcp
    fd = client.fd
    assert repr(client) == f"<sock fd={fd} domain=2 stype=1>"
    client.close()
    assert repr(client) == f"<sock fd=-1 domain=2 stype=1 closed, was {fd}>"


def test_defaults() -> None:
    with sock() as made:
        assert (made.domain, made.stype, made.protocol) == (socket.AF_INET, socket.SOCK_STREAM, 0)


# -- many


def test_a_thousand_connections_come_and_go(tmp_path: Path) -> None:
    with listeners.listen("ipv4", tmp_path) as listener:

        def serve(server: sock) -> None:
            with server:
                while data := server.recv(100):
                    server.send(data)

        def accept_all() -> None:
            for serving in [coro.spawn(serve, listener.accept()[0]) for _ in range(1000)]:
                serving.join()

        def client(number: int) -> None:
            with coro_sock.tcp_sock() as made:
                made.connect(listener.getsockname())
                message = b"%06d" % number
                made.send(message)
                assert made.recv_exact(6) == message

        accepting = coro.spawn(accept_all)
        # A hundred at a time, so that the usual limit of 1,024 descriptors is enough.
        for hundred in range(10):
            clients = [coro.spawn(client, hundred * 100 + n) for n in range(100)]
            for each in clients:
                each.join()
                each.result()
        accepting.join()
        accepting.result()
