"""`ssl.SSLSocket` and its TLS object, changed in place."""

import contextlib
import errno
import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import coro
from coro.testing import wait_all_blocked
from in_thread import in_thread

LARGE = 5_000_000  # bytes: more than any buffer of a socket holds
CLIENTS = 200


class Contexts(NamedTuple):
    server: ssl.SSLContext
    client: ssl.SSLContext


class Pair(NamedTuple):
    """Both ends of a connection."""

    server: ssl.SSLSocket
    client: ssl.SSLSocket


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and a certificate for localhost."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    file = tmp_path_factory.mktemp("certificate") / "both.pem"
    options = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    command = [program, "req", "-x509", *options.split(), "-addext", names, "-keyout", file, "-out", f"{file}.crt"]
    subprocess.run(command, check=True, capture_output=True)
    with file.open("a") as both:
        both.write(Path(f"{file}.crt").read_text())
    return file


@pytest.fixture(params=["TLSv1_2", "TLSv1_3"])
def contexts(request: pytest.FixtureRequest, certificate: Path) -> Contexts:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    client = ssl.create_default_context(cafile=str(certificate))
    for each in (server, client):
        each.minimum_version = each.maximum_version = ssl.TLSVersion[request.param]
    return Contexts(server, client)


@contextlib.contextmanager
def connected(contexts: Contexts) -> Iterator[Pair]:
    here, there = socket.socketpair()
    with here, there:
        wrapping = in_thread(lambda: contexts.server.wrap_socket(here, server_side=True))
        client = contexts.client.wrap_socket(there, server_hostname="localhost")
        server = wrapping()
        if contexts.server.minimum_version is ssl.TLSVersion.TLSv1_3:
            # What the server says after the handshake must be no news to the tests.
            server.sendall(b"!")
            assert client.recv(1) == b"!"
        with server, client:
            yield Pair(server, client)


@pytest.fixture
def pair(both: str, contexts: Contexts) -> Iterator[Pair]:
    with connected(contexts) as made:
        yield made


@pytest.fixture
def emulated_pair(emulated: None, contexts: Contexts) -> Iterator[Pair]:
    with connected(contexts) as made:
        yield made


def read_all(source: ssl.SSLSocket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size and (piece := source.recv(size - len(received))):
        received += piece
    return bytes(received)


def error_of(function: Callable[[], object]) -> BaseException | None:
    try:
        function()
    except OSError as error:
        return error
    return None


def test_many_clients_and_a_server_in_one_thread(emulated: None, contexts: Contexts) -> None:
    threads = len(os.listdir("/proc/self/task"))
    together = threading.Barrier(CLIENTS)

    def talk(address: tuple[str, int]) -> bytes:
        with socket.create_connection(address) as plain:
            client = contexts.client.wrap_socket(plain, server_hostname="localhost")
            with client:
                together.wait()
                client.sendall(b"question")
                return client.recv(100)

    def answer(listener: ssl.SSLSocket, plain: socket.socket) -> None:
        with contexts.server.wrap_socket(plain, server_side=True) as server:
            server.sendall(server.recv(100).upper())
            assert server.recv(100) == b""

    with socket.create_server(("127.0.0.1", 0), backlog=CLIENTS) as listener:
        clients = [in_thread(lambda: talk(listener.getsockname())) for _ in range(CLIENTS)]
        servers = []
        for _ in range(CLIENTS):
            plain, _ = listener.accept()
            servers.append(in_thread(lambda plain=plain: answer(listener, plain)))
        assert len(os.listdir("/proc/self/task")) == threads
        assert [join() for join in clients] == [b"QUESTION"] * CLIENTS
        for join in servers:
            join()


def test_connecting_and_accepting_with_a_handshake(both: str, contexts: Contexts) -> None:
    with contexts.server.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True) as listener:
        accepting = in_thread(listener.accept)
        with contexts.client.wrap_socket(socket.socket(), server_hostname="localhost") as client:
            client.settimeout(30)
            assert client.connect_ex(listener.getsockname()) == 0
            assert client.gettimeout() == 30
            server, address = accepting()
            with server:
                assert address == client.getsockname()
                assert client.version() == server.version()
                server.sendall(b"hello")
                assert client.recv(10) == b"hello"


RECEIVING: list[Callable[[ssl.SSLSocket], object]] = [
    lambda s: s.recv(10),
    lambda s: s.read(10),
    lambda s: s.recv_into(bytearray(10)),
    lambda s: s.recv_into(bytearray(10), nbytes=8),
    lambda s: s.read(10, bytearray(10)),
]


@pytest.mark.parametrize("receive", RECEIVING)
class TestReceiving:
    @pytest.mark.parametrize("timeout", [None, 30])
    def test_it_waits(self, pair: Pair, timeout: float | None, receive: Callable[[ssl.SSLSocket], object]) -> None:
        pair.client.settimeout(timeout)
        waiting = in_thread(lambda: receive(pair.client))
        pair.server.sendall(b"abcdef")
        assert waiting() in (b"abcdef", 6)
        assert pair.client.gettimeout() == timeout

    def test_without_waiting(self, pair: Pair, receive: Callable[[ssl.SSLSocket], object]) -> None:
        pair.client.setblocking(False)
        with pytest.raises(ssl.SSLWantReadError):
            receive(pair.client)

    def test_its_time_runs_out(self, pair: Pair, receive: Callable[[ssl.SSLSocket], object]) -> None:
        pair.client.settimeout(1e-3)
        with pytest.raises(TimeoutError) as raised:
            receive(pair.client)
        assert raised.value.args == ("The read operation timed out",)
        pair.server.sendall(b"abcdef")
        pair.client.settimeout(30)
        assert receive(pair.client) in (b"abcdef", 6)

    def test_the_end(self, pair: Pair, receive: Callable[[ssl.SSLSocket], object]) -> None:
        waiting = in_thread(lambda: receive(pair.client))
        pair.server.shutdown(socket.SHUT_WR)
        assert waiting() in (b"", 0)
        pair.client.suppress_ragged_eofs = False
        with pytest.raises(ssl.SSLEOFError):
            receive(pair.client)

    def test_the_programs_own_nonblocking_mode_does_not_end_it(
        self, pair: Pair, receive: Callable[[ssl.SSLSocket], object]
    ) -> None:
        os.set_blocking(pair.client.fileno(), False)
        waiting = in_thread(lambda: receive(pair.client))
        pair.server.sendall(b"abcdef")
        assert waiting() in (b"abcdef", 6)

    def test_a_close_wakes_it(self, emulated_pair: Pair, receive: Callable[[ssl.SSLSocket], object]) -> None:
        waiting = in_thread(lambda: error_of(lambda: receive(emulated_pair.client)))
        emulated_pair.client.close()
        assert waiting().errno == errno.EBADF

    def test_a_real_thread(self, emulated_pair: Pair, receive: Callable[[ssl.SSLSocket], object]) -> None:
        from coro_patch._foundation._offload import offload

        emulated_pair.client.settimeout(30)
        waiting = coro.spawn(lambda: offload("test", receive, emulated_pair.client))
        emulated_pair.server.sendall(b"abcdef")
        waiting.join()
        assert waiting.result() in (b"abcdef", 6)


class TestSending:
    @pytest.mark.parametrize("timeout", [None, 30])
    def test_sendall_to_a_slow_reader(self, pair: Pair, timeout: float | None) -> None:
        pair.server.settimeout(timeout)
        data = os.urandom(LARGE)
        sending = in_thread(lambda: pair.server.sendall(memoryview(data)))
        assert read_all(pair.client, LARGE) == data
        assert sending() is None

    def test_sendfile(self, pair: Pair, tmp_path: Path) -> None:
        data = os.urandom(100_000)
        (tmp_path / "file").write_bytes(data)
        with (tmp_path / "file").open("rb") as file:
            sending = in_thread(lambda: (pair.server.sendfile(file, 10), file.tell()))
            assert read_all(pair.client, len(data) - 10) == data[10:]
            assert sending() == (len(data) - 10, len(data))

    def test_without_waiting(self, pair: Pair) -> None:
        pair.server.setblocking(False)
        with pytest.raises(ssl.SSLWantWriteError):
            while True:
                pair.server.send(bytes(LARGE))

    def test_its_time_runs_out(self, pair: Pair) -> None:
        pair.server.settimeout(1e-3)
        with pytest.raises(TimeoutError) as raised:
            pair.server.sendall(bytes(LARGE))
        assert raised.value.args == ("The write operation timed out",)
        with pytest.raises(TimeoutError):
            pair.server.send(b"x")
        # There is half a record, and this is not the other half.
        pair.server.settimeout(None)
        with pytest.raises(ssl.SSLError, match=r"(?i)bad.(write.retry|length)"):
            pair.server.send(b"x")

    def test_both_ways_at_once(self, pair: Pair) -> None:
        sending = [in_thread(lambda end=end: end.sendall(bytes(LARGE))) for end in pair]
        reading = [in_thread(lambda end=end: len(read_all(end, LARGE))) for end in pair]
        assert [join() for join in reading] == [LARGE, LARGE]
        assert [join() for join in sending] == [None, None]

    def test_concurrent_sendalls_stay_whole(self, emulated_pair: Pair) -> None:
        size, count = 300_000, 10
        sending = [in_thread(lambda n=n: emulated_pair.server.sendall(bytes([n]) * size)) for n in range(count)]
        received = read_all(emulated_pair.client, size * count)
        for join in sending:
            join()
        blocks = [received[start : start + size] for start in range(0, len(received), size)]
        assert sorted(blocks) == [bytes([n]) * size for n in range(count)]

    def test_a_close_wakes_all_writers(self, emulated_pair: Pair) -> None:
        server = emulated_pair.server
        sending = [in_thread(lambda: error_of(lambda: server.sendall(bytes(LARGE)))) for _ in range(3)]
        wait_all_blocked()
        server.close()
        assert sending[0]().errno == errno.EBADF
        for join in sending[1:]:
            assert isinstance(join(), OSError | ValueError)

    def test_who_waits_for_another_writer_has_a_timeout(self, emulated_pair: Pair) -> None:
        server = emulated_pair.server
        first = in_thread(lambda: error_of(lambda: server.sendall(bytes(LARGE))))
        wait_all_blocked()
        server.settimeout(1e-3)
        with pytest.raises(TimeoutError, match="The write operation timed out"):
            server.sendall(b"x")
        assert read_all(emulated_pair.client, LARGE) == bytes(LARGE)
        assert first() is None

    def test_an_interrupted_writer_lets_the_next_one_try(self, emulated_pair: Pair) -> None:
        server = emulated_pair.server
        first = coro.spawn(server.sendall, bytes(LARGE))
        second = in_thread(lambda: error_of(lambda: server.sendall(b"x")))
        wait_all_blocked()
        first.shutdown()
        assert isinstance(second(), ssl.SSLError)

    def test_a_buffer_keeps_its_size_meanwhile(self, pair: Pair) -> None:
        data = bytearray(LARGE)
        sending = in_thread(lambda: pair.server.send(data))
        first = pair.client.recv(1)
        with pytest.raises(BufferError):
            data.clear()
        assert first + read_all(pair.client, LARGE - 1) == bytes(LARGE)
        assert sending() == LARGE

    def test_wrong_arguments(self, pair: Pair) -> None:
        for wrong in ("text", None, 3):
            with pytest.raises(TypeError):
                pair.server.send(wrong)  # type: ignore[arg-type]
            with pytest.raises(TypeError):
                pair.server.sendall(wrong)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="non-zero flags"):
            pair.server.send(b"x", 1)
        with pytest.raises(ValueError, match="non-zero flags"):
            pair.server.sendall(b"x", 1)
        with pytest.raises((TypeError, BufferError)):
            pair.server.recv_into(b"constant")


class TestHandshake:
    def test_its_time_runs_out(self, both: str, contexts: Contexts) -> None:
        here, there = socket.socketpair()
        with here, there:
            here.settimeout(1e-3)
            with pytest.raises(TimeoutError, match=r"^_ssl\.c:\d+: The handshake operation timed out$"):
                contexts.client.wrap_socket(here, server_hostname="localhost")

    def test_connecting_times_out_in_it(self, both: str, contexts: Contexts) -> None:
        with (
            socket.create_server(("127.0.0.1", 0)) as listener,
            contexts.client.wrap_socket(socket.socket(), server_hostname="localhost") as client,
        ):
            client.settimeout(0.01)
            with pytest.raises(TimeoutError, match="The handshake operation timed out"):
                client.connect(listener.getsockname())

    def test_an_interrupt(self, emulated: None, contexts: Contexts) -> None:
        here, there = socket.socketpair()
        with here, there:
            client = contexts.client.wrap_socket(here, server_hostname="localhost", do_handshake_on_connect=False)
            with client:
                with pytest.raises(coro.TimeoutError):
                    coro.with_timeout(1e-3, client.do_handshake)
                # It can go on.
                wrapping = in_thread(lambda: contexts.server.wrap_socket(there, server_side=True))
                client.do_handshake()
                wrapping().close()

    def test_without_waiting(self, both: str, contexts: Contexts) -> None:
        here, there = socket.socketpair()
        with here, there:
            here.setblocking(False)
            client = contexts.client.wrap_socket(here, server_hostname="localhost", do_handshake_on_connect=False)
            with client:
                with pytest.raises(ssl.SSLWantReadError):
                    client.do_handshake()
                wrapping = in_thread(lambda: contexts.server.wrap_socket(there, server_side=True))
                client.do_handshake(block=True)
                assert client.gettimeout() == 0
                wrapping().close()

    def test_a_failure(self, both: str, contexts: Contexts) -> None:
        here, there = socket.socketpair()
        with here, there:
            wrapping = in_thread(lambda: error_of(lambda: contexts.server.wrap_socket(here, server_side=True)))
            with pytest.raises(ssl.SSLCertVerificationError):
                contexts.client.wrap_socket(there, server_hostname="elsewhere")
            assert isinstance(wrapping(), ssl.SSLError)

    def test_a_name_callback_may_wait(self, emulated: None, contexts: Contexts) -> None:
        names = []
        others = in_thread(lambda: [coro.yield_slice() for _ in range(10)])

        def choose(connection: ssl.SSLSocket, name: str, context: ssl.SSLContext) -> None:
            others()
            names.append(name)

        contexts.server.sni_callback = choose
        with connected(contexts):
            assert names == ["localhost"]

    def test_a_session_is_used_again(self, both: str, contexts: Contexts) -> None:
        with connected(contexts) as first:
            session = first.client.session
        here, there = socket.socketpair()
        with here, there:
            wrapping = in_thread(lambda: contexts.server.wrap_socket(here, server_side=True))
            with contexts.client.wrap_socket(there, server_hostname="localhost", session=session) as client:
                assert client.session_reused
                wrapping().close()


def test_a_tls_object_used_by_itself(pair: Pair) -> None:
    """As some do that know how `ssl.SSLSocket` is made; others run while it waits."""
    server, client = [end._sslobj for end in pair]  # type: ignore[attr-defined]
    waiting = in_thread(lambda: client.read(10))
    assert server.write(b"hello") == 5
    assert waiting() == b"hello"
    buffer = bytearray(10)
    waiting = in_thread(lambda: client.read(3, buffer))
    server.write(b"again")
    assert (waiting(), buffer[:3]) == (3, b"aga")
    pair.client.settimeout(1e-3)
    assert client.read(10) == b"in"
    with pytest.raises(TimeoutError, match="The read operation timed out"):
        client.read(10)
    for method, arguments in (client.read, ()), (client.read, ("size",)), (client.write, ()), (client.write, (b"", 0)):
        with pytest.raises(TypeError):
            method(*arguments)


class TestTheEndOfTLS:
    def test_unwrap(self, pair: Pair) -> None:
        unwrapping = in_thread(pair.server.unwrap)
        plain = pair.client.unwrap()
        assert unwrapping() is pair.server
        assert plain is pair.client
        assert os.get_blocking(plain.fileno())
        waiting = in_thread(lambda: pair.server.recv(10))
        plain.sendall(b"plain")
        assert waiting() == b"plain"

    def test_unwrap_times_out(self, pair: Pair) -> None:
        pair.client.settimeout(1e-3)
        with pytest.raises(TimeoutError, match="The read operation timed out"):
            pair.client.unwrap()
        assert pair.server.recv(10) == b""

    def test_a_second_time(self, pair: Pair) -> None:
        pair.client.shutdown(socket.SHUT_RDWR)
        with pytest.raises(ValueError, match="No SSL wrapper"):
            pair.client.unwrap()
        with pytest.raises(ValueError, match="Read on closed or unwrapped"):
            pair.client.read()
        with pytest.raises(ValueError, match="Write on closed or unwrapped"):
            pair.client.write(b"x")

    def test_detach_gives_the_mode_back(self, pair: Pair) -> None:
        pair.server.sendall(b"x")
        assert pair.client.recv(1) == b"x"
        number = pair.client.detach()
        assert os.get_blocking(number)
        os.close(number)


def test_uninstall_while_connections_stand(contexts: Contexts) -> None:
    coro.install_thread_emulation()
    try:
        made = contextlib.ExitStack()
        pair = made.enter_context(connected(contexts))
    finally:
        coro.uninstall_thread_emulation()
    with made:
        for end in pair:
            assert end.gettimeout() is None
            assert os.get_blocking(end.fileno())
        waiting = in_thread(lambda: pair.client.recv(10))
        pair.server.sendall(b"plain")
        assert waiting() == b"plain"
        for end in pair:  # closed by the original, which does not tell
            coro.current().scheduler.forget_descriptor(end.fileno())


def test_late_patching(run_program: Callable[[str], str], certificate: Path) -> None:
    """Names that were bound before, and connections that were made before."""
    program = f"""
    import queue, socket, ssl, threading
    from socket import socketpair
    from ssl import SSLContext, SSLSocket, create_default_context

    server, client = SSLContext(ssl.PROTOCOL_TLS_SERVER), create_default_context(cafile={str(certificate)!r})
    server.load_cert_chain({str(certificate)!r})

    def connect():
        here, there = socketpair()
        made = queue.Queue()
        thread = threading.Thread(target=lambda: made.put(server.wrap_socket(here, server_side=True)))
        thread.start()
        theirs = client.wrap_socket(there, server_hostname="localhost")
        thread.join()
        return made.get(), theirs

    before = connect()
    import coro
    coro.install_thread_emulation()
    for one, other in (before, connect()):
        assert type(one) is SSLSocket
        answer = queue.Queue()
        reader = threading.Thread(target=lambda: answer.put(other.recv(100)))
        reader.start()
        one.sendall(b"hello")
        reader.join()
        print(answer.get())
        one.close()
        other.close()
    """
    assert run_program(program) == "b'hello'\n" * 2


def test_forks_of_a_busy_process(run_program: Callable[[str], str], certificate: Path) -> None:
    """What the parent's coroutines have half done no child goes on with: each record is sent
    once, or its number would tell."""
    program = f"""
    import coro
    coro.install_thread_emulation()
    import os, socket, ssl, threading
    from coro.testing import wait_all_blocked

    FORKS, SIZE = 100, 1_000_000
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile={str(certificate)!r})
    server.load_cert_chain({str(certificate)!r})
    listener = socket.create_server(("127.0.0.1", 0))
    there = socket.create_connection(listener.getsockname())
    here, _ = listener.accept()
    made = []
    thread = threading.Thread(target=lambda: made.append(server.wrap_socket(here, server_side=True)))
    thread.start()
    theirs = client.wrap_socket(there, server_hostname="localhost")
    thread.join()
    ours, = made
    may_read = threading.Event()
    done = False
    blocks = 0

    def write(letter):
        while not done:
            ours.sendall(letter * SIZE)

    def read():
        global blocks
        pending = bytearray()
        while may_read.wait() and (piece := theirs.recv(65536)):
            pending += piece
            if len(pending) >= SIZE:
                assert len(set(pending[:SIZE])) == 1
                blocks += 1
                del pending[:SIZE]
        assert not pending

    def child():
        before = blocks
        may_read.set()
        for _ in range(10):
            coro.yield_slice()
        assert blocks == before
        refused = 0
        for send in (ours.send, ours.sendall):
            try:
                send(bytes(SIZE))
            except ssl.SSLError:
                refused += 1
        try:
            ours.unwrap()
        except ssl.SSLError:
            refused += 1
        return refused

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c")]
    threads.append(threading.Thread(target=read))
    for each in threads:
        each.start()
    for number in range(FORKS):
        may_read.clear()
        wait_all_blocked()
        process = os.fork()
        if process == 0:
            status = 1
            try:
                status = 40 + child()
            finally:
                os._exit(status)
        may_read.set()
        for _ in range(number % 7):
            coro.yield_slice()
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 43
    done = True
    for each in threads[:-1]:
        each.join()
    ours.shutdown(socket.SHUT_WR)
    threads[-1].join()
    assert blocks > 2
    for each in (listener, ours, theirs):
        each.close()
    """
    assert run_program(program) == ""
