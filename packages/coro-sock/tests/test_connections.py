"""Connections: accepting, connecting, the addresses of both ends, and sockets from descriptors."""

import errno
import os
import resource
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

import coro
import coro_sock
import listeners
from coro_sock import sock
from listeners import join, until_blocked

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[sock]:
    """A TCP socket that listens."""
    with listeners.listen("ipv4", tmp_path) as listener:
        yield listener


@pytest.fixture
def full(tmp_path: Path) -> Iterator[sock]:
    """A TCP socket whose backlog is full, so that the kernel answers nobody who connects."""
    with ExitStack() as stack:
        listener = stack.enter_context(coro_sock.tcp_sock())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        while True:
            filler = stack.enter_context(coro_sock.tcp_sock())
            filler.settimeout(0.05)
            if filler.connect_ex(listener.getsockname()):
                filler.close()  # or it would go on trying, and take the next free place
                break
        yield listener


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Nothing can be opened in this block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# -- accepting


def test_accept_gives_the_address_that_the_client_has(kind: str, tmp_path: Path) -> None:
    with listeners.listen(kind, tmp_path) as listener, listeners.make(kind) as client:
        accepting = coro.spawn(listener.accept)
        client.connect(listener.getsockname())
        ((server, address),) = join(accepting)
        with server:
            assert address == client.getsockname()
            assert server.getsockname() == client.getpeername() == listener.getsockname()
            assert (server.domain, server.stype) == (client.domain, client.stype)
            assert not server.get_inheritable()
            assert os.get_blocking(server.fd) is False


def test_each_connection_wakes_one_who_accepts(kind: str, tmp_path: Path) -> None:
    with listeners.listen(kind, tmp_path) as listener, ExitStack() as stack:
        accepting = [coro.spawn(listener.accept) for _ in range(5)]
        until_blocked(*accepting)
        assert [co.waiting for co in accepting[1:]] == [("turn to read", listener)] * 4
        for n in range(5):
            client = stack.enter_context(listeners.make(kind))
            if kind == "unix-path":
                client.bind(listeners.free_address(kind, tmp_path))
            client.connect(listener.getsockname())
            server, address = join(accepting[n])[0]
            stack.enter_context(server)
            assert address == client.getsockname()
            assert [co.dead for co in accepting] == [True] * (n + 1) + [False] * (4 - n)


def test_many_who_accept_share_what_waits(listener: sock) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(coro_sock.tcp_sock()) for _ in range(10)]
        for client in clients:
            client.connect(listener.getsockname())
        accepting = [coro.spawn(listener.accept) for _ in range(10)]
        accepted = join(*accepting)
        for server, _ in accepted:
            stack.enter_context(server)
        assert [address for _, address in accepted] == [client.getsockname() for client in clients]


def test_who_is_interrupted_leaves_the_connection_to_the_next(listener: sock) -> None:
    accepting = [coro.spawn(listener.accept), coro.spawn(listener.accept)]
    until_blocked(*accepting)
    with coro_sock.tcp_sock() as client:
        client.settimeout(0)  # so that nobody runs before it is interrupted
        assert client.connect_ex(listener.getsockname()) == errno.EINPROGRESS
        accepting[0].shutdown()
        accepting[0].join()
        server, address = join(accepting[1])[0]
        with server:
            assert address == client.getsockname()


def test_a_limit_for_accepting(listener: sock) -> None:
    listener.settimeout(0)
    with pytest.raises(BlockingIOError):
        listener.accept()
    with pytest.raises(BlockingIOError):
        listener.accept_many()
    listener.settimeout(0.01)
    with pytest.raises(TimeoutError, match="timed out"):
        listener.accept()


def test_the_limit_of_the_listener_is_not_that_of_the_connection(listener: sock) -> None:
    listener.settimeout(5)
    with coro_sock.tcp_sock() as client:
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        with server:
            assert server.gettimeout() is None


def test_shutting_down_a_listener_ends_an_accept(listener: sock) -> None:
    accepting = [coro.spawn(listener.accept), coro.spawn(listener.accept)]
    until_blocked(*accepting)
    listener.shutdown(socket.SHUT_RDWR)
    for co in accepting:
        co.join()
        assert type(co.failure) is coro.oserrors.EINVAL


def test_shutting_down_a_listener_that_has_accepted_ends_an_accept(listener: sock) -> None:
    with coro_sock.tcp_sock() as client:
        client.connect(listener.getsockname())
        listener.accept()[0].close()
    accepting = coro.spawn(listener.accept)
    until_blocked(accepting)
    listener.shutdown(socket.SHUT_RDWR)
    accepting.join()
    assert type(accepting.failure) is coro.oserrors.EINVAL
    with pytest.raises(OSError, match="Invalid argument"):
        listener.accept_many()


def test_accepting_from_who_does_not_listen() -> None:
    with coro_sock.tcp_sock() as made, pytest.raises(OSError, match="Invalid argument"):
        made.accept()


def test_a_connection_that_was_reset_before_it_was_accepted(listener: sock) -> None:
    with coro_sock.tcp_sock() as second:
        first = coro_sock.tcp_sock()
        first.connect(listener.getsockname())
        second.connect(listener.getsockname())
        first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        first.close()
        accepted = listener.accept_many()
        # Linux gives it out all the same, and tells when it is read; others say ECONNABORTED.
        if len(accepted) == 2:
            with accepted[0][0] as gone, pytest.raises(ConnectionResetError):
                gone.recv(1)
        with accepted[-1][0] as server:
            assert server.getpeername() == second.getsockname()


class Connection(sock):
    """A subclass, as a program may write it."""

    greeting = "hello"


def test_what_is_accepted_is_of_the_class_of_the_listener() -> None:
    with Connection() as listener, coro_sock.tcp_sock() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        for accept in (lambda: listener.accept()[0], lambda: listener.accept_many()[0][0]):
            client = coro_sock.tcp_sock()
            client.connect(listener.getsockname())
            with client, accept() as server, server.dup() as copy:
                assert type(server) is type(copy) is Connection
                server.mark = copy.greeting  # type: ignore[attr-defined]


# -- accepting many


def test_accept_many_takes_all_who_wait(kind: str, tmp_path: Path) -> None:
    with listeners.listen(kind, tmp_path) as listener, ExitStack() as stack:
        clients = [stack.enter_context(listeners.make(kind)) for _ in range(10)]
        for client in clients:
            client.connect(listener.getsockname())
        first = listener.accept_many(3)
        assert len(first) == 3
        rest = listener.accept_many()
        assert len(rest) == 7
        for (server, address), client in zip(first + rest, clients, strict=True):
            stack.enter_context(server)
            assert address == client.getsockname()


@pytest.mark.parametrize("most", [0, 1, 5])
def test_accept_many_waits_for_one(listener: sock, most: int) -> None:
    accepting = coro.spawn(listener.accept_many, most)
    until_blocked(accepting)
    with coro_sock.tcp_sock() as client:
        client.connect(listener.getsockname())
        ((server, address),) = join(accepting)[0]
        with server:
            assert address == client.getsockname()


def test_accept_many_of_a_negative_number(listener: sock) -> None:
    with pytest.raises(ValueError, match="max must not be negative"):
        listener.accept_many(-1)


def test_accept_many_gives_what_it_has_when_descriptors_run_out(listener: sock) -> None:
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(coro_sock.tcp_sock()).connect(listener.getsockname())
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = [os.dup(0) for _ in range(2)]
        for fd in free:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(free) + 1, hard))
        try:
            some = listener.accept_many()
            with pytest.raises(OSError, match="Too many open files"):
                listener.accept_many()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        rest = listener.accept_many()
        for server, _ in some + rest:
            stack.enter_context(server)
        assert (len(some), len(rest)) == (2, 3)


# -- accepting when descriptors have run out


def test_the_listener_goes_on_after_descriptors_ran_out(listener: sock) -> None:
    with coro_sock.tcp_sock() as client:
        client.connect(listener.getsockname())
        with no_descriptor_left(), pytest.raises(OSError, match="Too many open files") as caught:
            listener.accept()
        assert type(caught.value) is coro.oserrors.EMFILE
        server, address = listener.accept()  # the connection was not lost
        assert address == client.getsockname()
        server.close()


def test_who_waits_for_nobody_in_particular_needs_no_descriptor_yet(listener: sock) -> None:
    with coro_sock.tcp_sock() as first, coro_sock.tcp_sock() as second:
        first.connect(listener.getsockname())
        listener.accept()[0].close()
        accepting = coro.spawn(listener.accept)
        with no_descriptor_left():
            until_blocked(accepting)
        second.connect(listener.getsockname())
        server, address = join(accepting)[0]
        with server:
            assert address == second.getsockname()


@pytest.mark.usefixtures("virtual")
def test_a_loop_that_shrugs_off_errors_is_not_busy(listener: sock) -> None:
    failures = 0

    def accept_for_ever() -> sock:
        nonlocal failures
        while True:
            try:
                return listener.accept()[0]
            except OSError:
                failures += 1

    with coro_sock.tcp_sock() as client:
        client.connect(listener.getsockname())
        accepting = coro.spawn(accept_for_ever)
        with no_descriptor_left():
            coro.sleep_relative(10)
        assert 100 < failures < 250  # every 50 ms, after some earlier ones
        begun = coro.now()
        (server,) = join(accepting)
        server.close()
        assert coro.now() - begun <= 50_000_000


@pytest.mark.usefixtures("virtual")
def test_the_pause_ends_with_the_shortage(listener: sock) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(coro_sock.tcp_sock()).connect(listener.getsockname())
        with no_descriptor_left():
            for _ in range(20):
                with pytest.raises(OSError, match="Too many open files"):
                    listener.accept()
        stack.enter_context(listener.accept()[0])
        begun = coro.now()
        stack.enter_context(listener.accept()[0])
        assert coro.now() == begun


@pytest.mark.usefixtures("virtual")
@pytest.mark.parametrize("limit", ["zero", "settimeout", "timeout"])
def test_who_has_less_time_than_the_pause_gets_to_accept(listener: sock, limit: str) -> None:
    with coro_sock.tcp_sock() as client:
        client.connect(listener.getsockname())
        with no_descriptor_left():
            for _ in range(10):
                with pytest.raises(OSError, match="Too many open files"):
                    listener.accept()
        tries = 0
        listener.settimeout({"zero": 0, "settimeout": 0.001, "timeout": None}[limit])
        while True:
            tries += 1
            assert tries < 100
            try:
                with coro.timeout(0.001 if limit == "timeout" else None):
                    server, _ = listener.accept()
                break
            except TimeoutError:
                assert limit != "zero"
        server.close()


# -- connecting


def test_names_are_looked_up(listener: sock) -> None:
    with coro_sock.tcp_sock() as client:
        client.connect(("localhost", listener.getsockname()[1]))
        server, _ = listener.accept()
        server.close()


def test_connect_addr_looks_up_names_only_when_asked(listener: sock) -> None:
    with coro_sock.tcp_sock() as client:
        port = listener.getsockname()[1]
        with pytest.raises(ValueError, match=r"'localhost' is not a numeric address.*resolve=True"):
            client.connect_addr(("localhost", port))
        client.connect_addr(("localhost", port), resolve=True)
        listener.accept()[0].close()


def test_a_name_that_nobody_has() -> None:
    with coro_sock.tcp_sock() as client:
        with pytest.raises(socket.gaierror):
            client.connect(("no-such-host.invalid", 80))
        with pytest.raises(socket.gaierror):
            client.connect_ex(("no-such-host.invalid", 80))


def test_connection_refused(kind: str, tmp_path: Path) -> None:
    listener = listeners.listen(kind, tmp_path)
    address = listener.getsockname()
    listener.close()
    with listeners.make(kind) as client:
        with pytest.raises(ConnectionRefusedError) as caught:
            client.connect(address)
        assert type(caught.value) is coro.oserrors.ECONNREFUSED
        assert client.connect_ex(address) == errno.ECONNREFUSED


def test_a_socket_that_was_refused_can_connect(kind: str, tmp_path: Path) -> None:
    gone = listeners.listen(kind, tmp_path)
    address = gone.getsockname()
    gone.close()
    with listeners.make(kind) as client, listeners.listen(kind, tmp_path) as listener:
        for _ in range(2):
            with pytest.raises(ConnectionRefusedError):
                client.connect(address)
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        with server:
            client.send(b"x")
            assert server.recv(1) == b"x"


def test_connect_waits_for_a_full_backlog_of_a_unix_socket(tmp_path: Path) -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(coro_sock.unix_sock())
        listener.bind(listeners.free_address("unix-abstract", tmp_path))
        listener.listen(0)
        first = stack.enter_context(coro_sock.unix_sock())
        first.connect(listener.getsockname())
        second, third = (stack.enter_context(coro_sock.unix_sock()) for _ in range(2))
        connecting = coro.spawn(second.connect, listener.getsockname())
        until_blocked(connecting)
        assert connecting.waiting == ("connect", second)
        third.settimeout(0.01)
        assert third.connect_ex(listener.getsockname()) == errno.EAGAIN
        third.settimeout(0)
        with pytest.raises(BlockingIOError):
            third.connect(listener.getsockname())
        for _ in range(2):
            stack.enter_context(listener.accept()[0])
        join(connecting)


@pytest.mark.usefixtures("virtual")
def test_connecting_takes_no_longer_than_the_limit(full: sock) -> None:
    with coro_sock.tcp_sock() as client:
        client.settimeout(30)
        begun = coro.now()
        with pytest.raises(TimeoutError, match="timed out"):
            client.connect(full.getsockname())
        assert coro.now() - begun == 30 * 10**9
        assert client.connect_ex(full.getsockname()) == errno.EAGAIN
        with pytest.raises(coro.TimeoutError, match="timed out after 5 seconds"), coro.timeout(5):
            client.connect(full.getsockname())


def test_an_interrupted_connect_goes_on(full: sock) -> None:
    # It takes a second, after which the kernel tries again by itself.
    with coro_sock.tcp_sock() as client:
        connecting = coro.spawn(client.connect, full.getsockname())
        until_blocked(connecting)
        connecting.shutdown()
        connecting.join()
        again = coro.spawn(client.connect, full.getsockname())
        until_blocked(again)
        assert again.waiting == ("write", client.fd)
        first, _ = full.accept()
        with first:
            join(again)
            assert client.getpeername() == full.getsockname()


def test_a_reader_learns_of_the_refusal_before_who_connects(full: sock) -> None:
    with coro_sock.tcp_sock() as client:
        client.settimeout(0)
        assert client.connect_ex(full.getsockname()) == errno.EINPROGRESS
        client.settimeout(None)
        reading = coro.spawn(client.recv, 1)
        until_blocked(reading)
        connecting = coro.spawn(client.connect, full.getsockname())
        until_blocked(connecting)
        full.close()
        for co in (reading, connecting):
            co.join()
        assert isinstance(reading.failure, ConnectionRefusedError)
        assert isinstance(connecting.failure, ConnectionError)


def test_closing_ends_a_connect(full: sock, tmp_path: Path) -> None:
    with coro_sock.tcp_sock() as client:
        connecting = [coro.spawn(client.connect, full.getsockname()) for _ in range(2)]
        until_blocked(*connecting)
        client.close()
        for co in connecting:
            co.join()
            assert isinstance(co.failure, coro.ClosedError)


def test_closing_ends_a_pause_at_once(virtual: None, tmp_path: Path) -> None:
    with coro_sock.unix_sock() as listener, coro_sock.unix_sock() as first, coro_sock.unix_sock() as second:
        listener.bind(listeners.free_address("unix-abstract", tmp_path))
        listener.listen(0)
        first.connect(listener.getsockname())
        connecting = coro.spawn(second.connect, listener.getsockname())
        until_blocked(connecting)
        before = coro.now()
        second.close()
        connecting.join()
        assert isinstance(connecting.failure, coro.ClosedError)
        assert coro.now() == before


def plain_socket(domain: int, stype: int) -> Any:
    return socket.socket(domain, stype)


@pytest.mark.parametrize(
    ("domain", "stype", "address"),
    [
        (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 1)),
        (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
        (socket.AF_INET, socket.SOCK_STREAM, ("255.255.255.255", 9)),
        (socket.AF_INET, socket.SOCK_STREAM, ("224.0.0.1", 9)),
        (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 1)),
        (socket.AF_INET, socket.SOCK_DGRAM, ("255.255.255.255", 9)),
        (socket.AF_UNIX, socket.SOCK_STREAM, "/nowhere/at all"),
        (socket.AF_UNIX, socket.SOCK_STREAM, "/"),
        (socket.AF_UNIX, socket.SOCK_STREAM, ""),
        (socket.AF_UNIX, socket.SOCK_STREAM, "\0nobody listens on this name"),
        (socket.AF_UNIX, socket.SOCK_DGRAM, "/nowhere/at all"),
    ],
)
@pytest.mark.parametrize("limit", [None, 0, 5])
def test_connect_ex_gives_the_numbers_that_it_gives_in_python(
    domain: int, stype: int, address: Any, limit: float | None
) -> None:
    numbers = []
    for make in (sock, plain_socket):
        with make(domain, stype) as made:
            made.settimeout(limit)
            numbers.append([made.connect_ex(address) for _ in range(2)])
            made.close()
            numbers[-1].append(made.connect_ex(address))
    ours, theirs = numbers
    if limit is None or limit > 0:
        # After a refusal, Python leaves it to the system what a second connect says.
        ours, theirs = [ours[0], ours[2]], [theirs[0], theirs[2]]
    assert ours == theirs


@pytest.mark.parametrize("limit", [None, 0, 5])
def test_connect_ex_gives_the_numbers_that_it_gives_in_python_to_who_listens(
    kind: str, tmp_path: Path, limit: float | None
) -> None:
    numbers = []
    with listeners.listen(kind, tmp_path) as listener:
        for make in (sock, plain_socket):
            with make(listener.domain, listener.stype) as made:
                made.settimeout(limit)
                numbers.append([made.connect_ex(listener.getsockname()) for _ in range(3)])
            listener.accept()[0].close()
    ours, theirs = numbers
    if limit == 5:
        ours, theirs = [ours[0], ours[2]], [theirs[0], theirs[2]]  # Python says 0 twice then
    assert ours == theirs


def test_connecting_twice(listener: sock) -> None:
    with coro_sock.tcp_sock() as client:
        client.connect(listener.getsockname())
        with pytest.raises(OSError, match="already connected") as caught:
            client.connect(listener.getsockname())
        listener.accept()[0].close()
    assert type(caught.value) is coro.oserrors.EISCONN


# -- addresses


def test_address_in_use(kind: str, tmp_path: Path) -> None:
    with listeners.listen(kind, tmp_path) as listener, listeners.make(kind) as other:
        with pytest.raises(OSError, match="Address already in use") as caught:
            other.bind(listener.getsockname())
        assert type(caught.value) is coro.oserrors.EADDRINUSE


def test_what_getsockname_gives_can_be_bound_again() -> None:
    with coro_sock.tcp_sock() as first, coro_sock.tcp_sock() as second:
        first.bind(("", 0))
        host, _ = first.getsockname()
        assert host == ""
        second.bind((host, 0))
        assert second.getsockname()[0] == ""


def test_who_is_not_connected_has_no_peer(kind: str) -> None:
    with listeners.make(kind) as made, pytest.raises(OSError, match="not connected") as caught:
        made.getpeername()
    assert type(caught.value) is coro.oserrors.ENOTCONN


@pytest.mark.parametrize("rest", [(), (0,), (0, 0), (0, 1), (5, 1)])
def test_the_long_form_of_an_ipv6_address(tmp_path: Path, rest: tuple[int, ...]) -> None:
    with listeners.listen("ipv6", tmp_path) as listener, coro_sock.tcp6_sock() as client:
        _, port = listener.getsockname()
        client.connect(("::1", port, *rest))
        server, address = listener.accept()
        with server:
            assert address == client.getsockname()
            assert client.getpeername()[:2] == ("::1", port)


def link_local() -> tuple[str, str]:
    """An address that holds on one link only, and its interface."""
    try:
        lines = Path("/proc/net/if_inet6").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        digits, _, _, scope, _, name = line.split()
        if scope == "20":
            return socket.inet_ntop(socket.AF_INET6, bytes.fromhex(digits)), name
    pytest.skip("no interface of this machine has a link-local IPv6 address")


@pytest.mark.parametrize("form", ["number", "name", "digits"])
def test_a_scope(form: str) -> None:
    host, name = link_local()
    index = socket.if_nametoindex(name)
    with coro_sock.tcp6_sock() as listener, coro_sock.tcp6_sock() as client:
        listener.bind((host, 0, 0, index))
        listener.listen()
        assert listener.getsockname() == (host, listener.getsockname()[1], 0, index)
        port = listener.getsockname()[1]
        client.connect(
            {"number": (host, port, 0, index), "name": (f"{host}%{name}", port), "digits": (f"{host}%{index}", port)}[
                form
            ]
        )
        server, address = listener.accept()
        with server:
            assert address == client.getsockname() == (host, address[1], 0, index)


@pytest.mark.parametrize("form", [str, os.fsencode, lambda path: bytearray(os.fsencode(path))])
@pytest.mark.parametrize("name", ["path", "päth", "\0abstract", "\0abs\0tract\0"])
def test_forms_of_a_unix_address(tmp_path: Path, form: Callable[[str], Any], name: str) -> None:
    address = f"\0coro-sock-test-{os.getpid()}{name}" if name.startswith("\0") else str(tmp_path / name)
    with coro_sock.unix_sock() as listener, coro_sock.unix_sock() as client:
        listener.bind(form(address))
        listener.listen()
        assert listener.getsockname() == address
        client.connect(form(address))
        assert client.getpeername() == address
        assert client.getsockname() == ""
        server, peer = listener.accept()
        with server:
            assert peer == ""


def test_a_unix_address_that_the_kernel_chooses() -> None:
    with coro_sock.unix_sock() as listener, coro_sock.unix_sock() as client:
        listener.bind("")
        listener.listen()
        assert listener.getsockname().startswith("\0")
        client.connect(listener.getsockname())
        listener.accept()[0].close()


# -- sockets from sockets, and from descriptors


def test_a_copy_is_the_same_socket(pair: tuple[sock, sock]) -> None:
    client, server = pair
    client.settimeout(7)
    with client.dup() as copy:
        assert copy.fd not in (-1, client.fd)
        assert (copy.domain, copy.stype, copy.protocol) == (client.domain, client.stype, client.protocol)
        assert (copy.gettimeout(), copy.get_inheritable()) == (7, False)
        client.close()
        copy.send(b"x")
        assert server.recv(1) == b"x"
    assert server.recv(1) == b""
    with pytest.raises(coro.ClosedError):
        client.dup()


def test_a_copy_when_descriptors_have_run_out(tcp: tuple[sock, sock]) -> None:
    client, _ = tcp
    with no_descriptor_left(), pytest.raises(OSError, match="Too many open files"):
        client.dup()


def test_fromfd_finds_out_what_it_is(kind: str, tmp_path: Path) -> None:
    with listeners.listen(kind, tmp_path) as listener:
        with coro_sock.fromfd(listener.fd) as copy:
            assert copy.fd != listener.fd
            assert (copy.domain, copy.stype) == (listener.domain, listener.stype)
            assert copy.getsockname() == listener.getsockname()
        with coro_sock.fromfd(listener.fd, listener.domain, listener.stype) as copy, listeners.make(kind) as client:
            client.connect(listener.getsockname())
            copy.accept()[0].close()


def test_fromfd_of_what_is_not_open() -> None:
    fd = os.dup(0)
    os.close(fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        coro_sock.fromfd(fd)


def test_make_socket() -> None:
    with coro_sock.make_socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        assert (made.domain, made.stype) == (socket.AF_UNIX, socket.SOCK_DGRAM)
        assert not made.get_inheritable()


@pytest.mark.parametrize("stype", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
@pytest.mark.parametrize("flags", [0, socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC])
def test_kinds_of_pairs(stype: int, flags: int) -> None:
    left, right = coro_sock.socketpair(socket.AF_UNIX, stype | flags)
    with left, right:
        assert left.stype == right.stype == stype
        assert left.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == stype
        left.send(b"ab")
        left.send(b"cd")
        assert right.recv(1) == b"a"
        assert right.recv(10) == (b"bcd" if stype == socket.SOCK_STREAM else b"cd")
        assert not os.get_blocking(left.fd)
        assert not left.get_inheritable()


def test_pairs_that_the_system_refuses() -> None:
    with pytest.raises(OSError, match="not supported") as caught:
        coro_sock.socketpair(socket.AF_INET)
    assert type(caught.value) is coro.oserrors.EOPNOTSUPP
    with no_descriptor_left(), pytest.raises(OSError, match="Too many open files"):
        coro_sock.socketpair()


ACCEPT = """
import coro

listener = coro.create_server(("127.0.0.1", 0))
client = coro.tcp_sock()
client.connect(listener.getsockname())
try:
    accepted = listener.accept()
except OSError as error:
    print(type(error).__name__)
    accepted = listener.accept()
assert accepted[1] == client.getsockname()
"""


@pytest.mark.parametrize(
    ("error", "told"), [("ECONNABORTED", ""), ("ENFILE", "ENFILE\n"), ("EMFILE", "EMFILE\n"), ("ENOBUFS", "ENOBUFS\n")]
)
def test_errors_of_accept_that_only_the_kernel_can_make(error: str, told: str) -> None:
    """strace(1) has the first accept fail. Only ECONNABORTED is none of the caller's business."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    command = [
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=accept4",
        "-e",
        f"inject=accept4:error={error}:when=1",
    ]
    done = subprocess.run([*command, sys.executable, "-c", ACCEPT], capture_output=True, text=True, timeout=60)
    if "ptrace" in done.stderr:
        pytest.skip(f"strace may not trace here: {done.stderr}")
    assert (done.returncode, done.stdout, done.stderr) == (0, told, "")
