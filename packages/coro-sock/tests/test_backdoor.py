"""A Python prompt in the running program: `coro_sock.backdoor`."""

import contextlib
import errno
import os
import resource
import socket
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import coro
import coro_sock
import listeners
from coro.testing import wait_all_blocked
from coro_sock import backdoor
from coro_sock._console import LIMIT

Dial = Callable[[], "Client"]


class Client:
    """Somebody at the prompt."""

    def __init__(self, address: Any) -> None:
        self.sock = coro_sock.unix_sock() if isinstance(address, str) else coro_sock.tcp_sock()
        self.sock.connect(address)
        self.heard = b""

    def say(self, data: str | bytes) -> None:
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def until(self, end: str = ">>> ") -> str:
        """What is shown until this text."""
        while end.encode() not in self.heard:
            data = self.sock.recv(1 << 16)
            assert data, self.heard
            self.heard += data
        shown, _, self.heard = self.heard.partition(end.encode())
        return shown.decode()

    def ask(self, line: str) -> str:
        """What a line shows."""
        self.say(f"{line}\n")
        return self.until()

    def the_rest(self) -> str:
        """What is shown until the connection ends."""
        with contextlib.suppress(ConnectionResetError):
            while data := self.sock.recv(1 << 16):
                self.heard += data
        return self.heard.decode()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "door")


@contextlib.contextmanager
def serving(*args: Any, **kwargs: Any) -> Iterator[coro.coro]:
    """A backdoor, which is there when the block begins."""
    with coro.timeout(60):
        server = coro.spawn(backdoor.serve, *args, **kwargs)
        wait_all_blocked()
        try:
            if server.dead:
                server.result()
            yield server
        finally:
            server.shutdown()
            server.join()
            wait_all_blocked()


@pytest.fixture
def dial(path: str) -> Iterator[Dial]:
    """Connects to a backdoor; gives a client that has seen the welcome."""
    with serving(path, namespace={"coro": coro, "log": []}), contextlib.ExitStack() as dialled:

        def connect() -> Client:
            client = Client(path)
            dialled.enter_context(client.sock)
            assert f"in process {os.getpid()}; exit() or Ctrl-D ends this session\n" in client.until()
            return client

        yield connect


class TestSession:
    def test_what_is_typed_is_run(self, dial: Dial) -> None:
        client = dial()
        assert client.ask("1 + 1") == "2\n"
        assert client.ask("print('häß')") == "häß\n"
        client.say("def f():\n")
        assert client.until("... ") == ""
        client.say("  return 5\n")
        assert client.until("... ") == ""
        assert client.ask("") == ""
        assert client.ask("f()") == "5\n"
        assert "ZeroDivisionError" in client.ask("1 / 0")
        assert client.ask("coro.current().name").startswith("'backdoor session ")

    def test_many_lines_at_once(self, dial: Dial) -> None:
        client = dial()
        client.say("".join(f"log.append({number})\n" for number in range(1000)) + "print('done')\n")
        client.until("done\n")
        client.until()
        assert client.ask("log == list(range(1000))") == "True\n"

    @pytest.mark.parametrize("end", [b"exit()\n", b"\x04", b"raise SystemExit\n", b"\xff\xec"])
    def test_its_end_is_not_that_of_the_program(self, dial: Dial, end: bytes) -> None:
        client, other = dial(), dial()
        client.say(end)
        assert client.the_rest() == ""
        assert other.ask("1") == "1\n"

    def test_with_nothing_more_to_say_the_rest_is_still_shown(self, dial: Dial) -> None:
        client = dial()
        client.say("for i in range(3):\n  coro.sleep_relative(0.001)\n  print(i)\n\nprint('end')\n")
        client.sock.shutdown(socket.SHUT_WR)
        assert "end\n" in client.the_rest()

    def test_several_at_once_have_their_own_names(self, dial: Dial) -> None:
        clients = [dial() for _ in range(5)]
        for number, client in enumerate(clients):
            client.ask(f"x = {number}")
        for number, client in enumerate(clients):
            assert client.ask("x") == f"{number}\n"

    def test_a_statement_that_waits_suspends_nobody_else(self, dial: Dial) -> None:
        sleeper, other = dial(), dial()
        sleeper.say("coro.sleep_relative(3600)\n")
        assert other.ask("5") == "5\n"

    def test_output_goes_to_who_asked(self, dial: Dial, capfd: pytest.CaptureFixture[str]) -> None:
        one, other = dial(), dial()
        one.say("for i in range(3): print('one', i); coro.yield_slice()\n\n")
        for _ in range(20):
            print("the program")
            coro.yield_slice()
        assert other.ask("print('other')") == "other\n"
        one.say("print('end')\n")
        assert "one 0\none 1\none 2\n" in one.until("end\n")
        assert capfd.readouterr().out == "the program\n" * 20

    def test_input_is_the_next_line(self, dial: Dial) -> None:
        client = dial()
        client.say("name = input('who? ')\n")
        client.until("who? ")
        client.say("me\n")
        client.until()
        assert client.ask("name") == "'me'\n"
        client.say("input()\n")
        client.sock.shutdown(socket.SHUT_WR)
        assert "EOFError" in client.the_rest()


class TestInterrupting:
    @pytest.mark.parametrize("key", [b"\x03", b"\xff\xf4\xff\xfd\x06"])
    def test_a_statement_that_waits(self, dial: Dial, key: bytes) -> None:
        client = dial()
        client.say("try: coro.sleep_relative(3600)\nfinally: print('tidied up')\n\n")
        wait_all_blocked()
        client.say(key + b"\n")
        shown = client.heard.decode(errors="replace") + client.sock.recv(1 << 16).decode(errors="replace")
        while "KeyboardInterrupt\n" not in shown:
            shown += client.sock.recv(1 << 16).decode(errors="replace")
        assert "tidied up\n" in shown
        assert ("\ufffd" in shown) == key.startswith(b"\xff")  # the timing mark is answered
        client.heard = b""
        client.say("print('on')\n")
        client.until("on\n")

    def test_a_statement_that_is_not_complete(self, dial: Dial) -> None:
        client = dial()
        client.say("def f():\n")
        client.until("... ")
        client.say(b"  retu\x03")
        assert client.until() == "\nKeyboardInterrupt\n"
        assert client.ask("5") == "5\n"

    def test_it_drops_what_was_typed_ahead(self, dial: Dial) -> None:
        client = dial()
        client.say("coro.sleep_relative(3600)\nlog.append(1)\n")
        wait_all_blocked()
        client.say(b"\x03")
        assert "KeyboardInterrupt" in client.until()
        assert client.ask("log") == "[]\n"

    def test_a_client_that_does_not_read(self, dial: Dial) -> None:
        client, other = dial(), dial()
        client.say("print('x' * 10_000_000)\n")
        wait_all_blocked()
        assert other.ask("5") == "5\n"
        client.say(b"\x03")
        wait_all_blocked()
        assert "KeyboardInterrupt" in client.until()


class TestBadClients:
    def test_no_utf_8(self, dial: Dial) -> None:
        client = dial()
        client.say(b"'\xe4'\n")
        assert "not UTF-8" in client.until()
        assert client.ask("5") == "5\n"

    def test_a_long_line(self, dial: Dial) -> None:
        client = dial()
        assert client.ask("len('" + "x" * (LIMIT - 10) + "')") == f"{LIMIT - 10}\n"
        assert f"longer than {LIMIT} bytes" in client.ask("len('" + "x" * LIMIT + "')")
        assert client.ask("5") == "5\n"

    def test_it_reads_no_more_than_it_can_keep(self, dial: Dial) -> None:
        client = dial()
        client.say("coro.sleep_relative(3600)\n")
        wait_all_blocked()
        sent = 0
        client.sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            while sent < 100 * LIMIT:
                try:
                    sent += client.sock.send(b"x" * 999 + b"\n")
                except BlockingIOError:
                    wait_all_blocked()
                    sent += client.sock.send(b"x" * 999 + b"\n")
        assert LIMIT <= sent < 3 * LIMIT

    def test_one_that_vanishes_while_a_statement_waits(self, dial: Dial) -> None:
        client, other = dial(), dial()
        client.say("try: coro.sleep_relative(3600)\nfinally: log.append('over')\n\n")
        wait_all_blocked()
        client.sock.close()
        wait_all_blocked()
        assert other.ask("log") == "['over']\n"

    def test_one_that_vanishes_while_it_is_printed_to(self, dial: Dial) -> None:
        client, other = dial(), dial()
        client.say("try:\n  while True: print('x' * 100_000)\nfinally: log.append('over')\n\n")
        wait_all_blocked()
        client.sock.close()
        wait_all_blocked()
        assert other.ask("log") == "['over']\n"

    def test_what_outlives_its_session_prints_nowhere(self, dial: Dial) -> None:
        client, other = dial(), dial()
        client.say("def work():\n  coro.sleep_relative(0.01)\n  print('lost')\n  log.append('done')\n\n")
        client.say("co = coro.spawn(work); log.append(co); exit()\n")
        client.the_rest()
        other.ask("log[0].join()")
        assert other.ask("log[1]") == "'done'\n"


class TestSocketFile:
    @pytest.mark.parametrize("umask", [0, 0o777])
    def test_its_mode(self, path: str, umask: int) -> None:
        before = os.umask(umask)
        try:
            with serving(path):
                assert stat.S_IMODE(os.lstat(path).st_mode) == 0o600
        finally:
            os.umask(before)

    def test_it_goes_with_the_backdoor(self, path: str) -> None:
        with serving(Path(path)) as server, Client(path).sock:
            wait_all_blocked()
            sessions = [co for co in coro.all_threads.values() if co.name.startswith("backdoor session")]
            assert len(sessions) == 2
            server.shutdown()
            server.join()
            assert isinstance(server.failure, coro.Shutdown)
            assert not os.path.exists(path)
            wait_all_blocked()
            assert all(co.dead for co in sessions)

    def test_a_session_that_does_not_end_does_not_keep_it(self, path: str) -> None:
        go: list[int] = []
        with serving(path, namespace={"coro": coro, "go": go}) as server, Client(path).sock as client:
            client.sendall(b"while not go:\n  try: coro.sleep_relative(0.1)\n  except BaseException: pass\n\n")
            wait_all_blocked()
            [session] = [co for co in coro.all_threads.values() if co.waiting and co.waiting[0] == "sleep"]
            server.shutdown()
            server.join()
            assert not session.dead
            assert client.recv(1 << 16)
            go.append(1)
            session.join()

    def test_one_that_a_dead_process_left_is_replaced(self, path: str) -> None:
        with coro_sock.unix_sock() as dead:
            dead.bind(path)
        assert os.path.exists(path)
        with serving(path), Client(path).sock:
            pass
        assert not os.path.exists(path)

    def test_one_that_is_in_use_is_left_alone(self, path: str) -> None:
        with serving(path):
            with pytest.raises(OSError, match="another process listens there") as caught, serving(path):
                pass
            assert caught.value.errno == errno.EADDRINUSE
            assert caught.value.filename == path
            del caught
            Client(path).sock.close()
        with coro_sock.sock(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.bind(path)
            with pytest.raises(OSError, match="another process listens there"), serving(path):
                pass
        assert os.path.exists(path)

    def test_one_whose_backlog_is_full_is_in_use(self, path: str) -> None:
        with coro_sock.unix_sock() as busy, contextlib.ExitStack() as opened:
            busy.bind(path)
            busy.listen(0)
            with contextlib.suppress(BlockingIOError):
                while True:
                    client = opened.enter_context(coro_sock.unix_sock())
                    client.setblocking(False)
                    client.connect(path)
            with pytest.raises(OSError, match="another process listens there"), serving(path):
                pass

    @pytest.mark.parametrize("make", [os.mkdir, lambda path: Path(path).write_text("precious")])
    def test_another_kind_of_file_is_left_alone(self, path: str, make: Callable[[str], object]) -> None:
        make(path)
        with pytest.raises(FileExistsError, match="another kind of file"), serving(path):
            pass
        assert os.path.exists(path)

    def test_what_took_its_place_is_left_alone(self, path: str) -> None:
        with serving(path):
            os.unlink(path)
            Path(path).write_text("precious")
        assert Path(path).read_text() == "precious"
        os.unlink(path)
        with serving(path):
            os.unlink(path)

    @pytest.mark.parametrize("path", ["", "\0abstract", b"\0abstract"])
    def test_it_must_be_a_file(self, path: Any) -> None:
        with pytest.raises(ValueError, match="must be the path of a file"), serving(path):
            pass

    @pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="this system does not tell what is open")
    def test_a_forked_child_lets_go_of_it(self, path: str) -> None:
        """A program of its own, because pytest may have an OS thread, of which fork warns."""
        program = """
            import os, sys
            import coro
            from coro.testing import wait_all_blocked

            def sockets():
                names = os.listdir("/proc/self/fd")
                return sum(os.path.islink(f"/proc/self/fd/{n}") and "socket" in os.readlink(f"/proc/self/fd/{n}")
                           for n in names)

            coro.spawn(coro.backdoor.serve, unix_path=sys.argv[1])
            wait_all_blocked()
            client = coro.unix_sock()
            client.connect(sys.argv[1])
            wait_all_blocked()
            assert sockets() == 3, sockets()
            if not (child := os.fork()):
                os._exit(sockets())
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
            client.recv_exact(len("Python"))
            client.sendall(b"6 * 7\\n")
            seen = b""
            while b"42" not in seen:
                seen += client.recv(1000)
            os._exit(0)
        """
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(program), path], capture_output=True, timeout=60
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


class TestWhoMayEnter:
    def test_tcp_must_be_allowed(self) -> None:
        with pytest.raises(ValueError, match="lets everybody run code") as caught:
            backdoor.serve(address=("127.0.0.1", 0))
        assert "allow_tcp=True" in str(caught.value)

    @pytest.mark.parametrize("arguments", [{}, {"unix_path": "x", "address": ("127.0.0.1", 0)}])
    def test_there_is_one_way_in(self, arguments: Any) -> None:
        with pytest.raises(ValueError, match="either unix_path or address"):
            backdoor.serve(**arguments)

    @pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
    def test_over_tcp(self, host: str) -> None:
        with listeners.listen("ipv4" if host == "127.0.0.1" else "ipv6", Path()) as probe:
            port = probe.getsockname()[1]
        with (
            serving(address=(host, port), allow_tcp=True, welcome="hello"),
            coro_sock.create_connection((host, port)) as connection,
        ):
            connection.sendall(b"6 * 7\r\nexit()\r\n")
            shown = b""
            while data := connection.recv(1000):
                shown += data
            assert shown == b"hello\n>>> 42\n>>> "


def test_it_does_not_hide_a_dead_end(path: str, run: Callable[..., str]) -> None:
    said = run(
        """
        import sys
        import coro
        from coro.interface import scheduler

        coro.spawn(coro.backdoor.serve, unix_path=sys.argv[1])
        try:
            scheduler().wait("godot")
        except coro.DeadlockError:
            print("told")
        """,
        path,
    )
    assert said == "told\n"


def test_it_goes_on_when_no_connection_can_be_accepted(path: str) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with serving(path), coro_sock.unix_sock() as client:
        full = os.open(os.devnull, os.O_RDONLY)
        os.close(full)
        resource.setrlimit(resource.RLIMIT_NOFILE, (full, limits[1]))
        try:
            client.connect(path)
            wait_all_blocked()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert client.recv(6) == b"Python"


def test_it_is_found_in_coro() -> None:
    assert coro.backdoor is backdoor
