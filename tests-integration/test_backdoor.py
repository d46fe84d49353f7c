"""The backdoor of a program that runs, used by others: netcat, telnet's protocol and a stranger."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from peers import Peer, Start, connect, free_port, program

import coro

pytestmark = pytest.mark.usefixtures("in_time_and_clean")

#: A program that serves, counts, and prints; and ends well when it is told to.
PROGRAM = """
import signal, sys
import coro

counted = 0

def count():
    global counted
    while True:
        counted += 1
        coro.sleep_relative(0.001)

def leave(*_):
    coro.set_exit(0)

coro.set_print_exit_string(False)
signal.signal(signal.SIGTERM, leave)
path = sys.argv[1]
if path.isdigit():
    door = coro.spawn(coro.backdoor.serve, address=("127.0.0.1", int(path)), allow_tcp=True)
else:
    door = coro.spawn(coro.backdoor.serve, unix_path=path)
coro.spawn(count)
coro.spawn(print, "ready", flush=True)
try:
    coro.event_loop()
finally:
    door.shutdown()
    door.join()
    print("ended", flush=True)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that others may look into, and with a short name: a socket's has 107 bytes."""
    made = Path(tempfile.mkdtemp(prefix="coro-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@contextlib.contextmanager
def running(start: Start, where: object) -> Iterator[Peer]:
    """The program, which must end well and leave no file behind."""
    peer = start(sys.executable, "-W", "error", "-c", PROGRAM, where)
    assert peer.read_line() == "ready"
    yield peer
    peer.process.terminate()
    assert peer.finish() == b"ended\n"
    assert not os.path.exists(str(where))


def talk(client: coro.sock, said: bytes) -> str:
    """All that comes back until the other side closes the connection."""
    client.sendall(said)
    shown = b""
    while data := client.recv(65536):
        shown += data
    return shown.decode()


def test_netcat(start: Start, folder: Path) -> None:
    path = folder / "door"
    nc = program("nc")
    if not subprocess.run([nc, "-h"], capture_output=True).stderr.startswith(b"OpenBSD netcat"):
        pytest.skip("nc is not OpenBSD's netcat (Debian: netcat-openbsd)")
    with running(start, path):
        peer = start(nc, "-U", path)
        peer.talk.sendall(b"import __main__\n(__main__.counted > 0, len(coro.all_threads))\n1 / 0\nexit()\n")
        shown = peer.finish().decode()
        assert "exit() or Ctrl-D ends this session\n>>> >>> (True, 6)\n>>> Traceback" in shown
        assert shown.endswith("ZeroDivisionError: division by zero\n>>> ")


def test_the_program_goes_on_meanwhile(start: Start, folder: Path) -> None:
    path = folder / "door"
    with running(start, path), connect(str(path)) as sleeper, connect(str(path)) as watcher:
        sleeper.sendall(b"coro.sleep_relative(3600)\n")
        shown = talk(
            watcher,
            b"import __main__\nbefore = __main__.counted\n"
            b"while __main__.counted < before + 10: coro.sleep_relative(0.001)\n\nprint('it goes on')\nexit()\n",
        )
        assert "it goes on\n" in shown
        assert "interrupted" in talk(sleeper, b"\x03print('inter' + 'rupted')\nexit()\n")


def test_telnet(start: Start) -> None:
    # As a telnet client does it: it asks for options, and on Ctrl-C for a timing mark.
    port = free_port()
    with running(start, port), connect(("127.0.0.1", port)) as client:
        client.sendall(b"\xff\xfd\x03\xff\xfb\x18coro.sleep_relative(3600)\r\n")
        shown = b""
        while not all(each in shown for each in (b">>> ", b"\xff\xfc\x03", b"\xff\xfe\x18")):
            shown += client.recv(65536)
        client.sendall(b"\xff\xf4\xff\xfd\x06")
        shown = b""
        while b"KeyboardInterrupt\n" not in shown or b"\xff\xfc\x06" not in shown:
            shown += client.recv(65536)
        assert "42\n" in talk(client, b"6 * 7\r\nexit()\r\n")


def test_a_program_that_was_killed_leaves_a_socket_that_is_replaced(start: Start, folder: Path) -> None:
    path = folder / "door"
    peer = start(sys.executable, "-W", "error", "-c", PROGRAM, path)
    assert peer.read_line() == "ready"
    peer.kill()
    assert path.is_socket()
    with running(start, path), connect(str(path)) as client:
        assert ">>> 42\n" in talk(client, b"6 * 7\nexit()\n")


def test_two_programs_at_one_path(start: Start, folder: Path) -> None:
    path = folder / "door"
    with running(start, path):
        peer = start(sys.executable, "-W", "error", "-c", PROGRAM, path)
        peer.read_error_line("coro.oserrors.EADDRINUSE: [Errno 98] another process listens there")
        with connect(str(path)) as client:
            assert ">>> 42\n" in talk(client, b"6 * 7\nexit()\n")


STRANGER = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
with socket.socket(socket.AF_UNIX) as client:
    try:
        client.connect(sys.argv[1])
        client.settimeout(30)
        client.sendall(b"6 * 7\\n")
        print(client.recv(1000))
    except OSError as error:
        print(type(error).__name__)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="this system does not tell who is at the other end")
def test_a_stranger_is_not_let_in(start: Start, folder: Path) -> None:
    path = folder / "door"
    with running(start, path):
        assert start(sys.executable, "-c", STRANGER, path).finish() == b"PermissionError\n"
        path.chmod(0o666)  # even if somebody opens the file to all
        assert start(sys.executable, "-c", STRANGER, path).finish() in (
            b"b''\n",
            b"ConnectionResetError\n",
            b"BrokenPipeError\n",
        )
        with connect(str(path)) as client:
            assert ">>> 42\n" in talk(client, b"6 * 7\nexit()\n")
