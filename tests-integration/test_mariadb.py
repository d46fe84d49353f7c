"""PyMySQL under the emulation, against a MariaDB server."""

import contextlib
import os
import pwd
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import peers
import pytest
from peers import in_threads, on_free_port, program, real_threads

import coro

pymysql = pytest.importorskip("pymysql", reason="PyMySQL is not installed")

pytestmark = pytest.mark.usefixtures("emulated")

#: How many connections, and for how many seconds each has the server sleep.
CONNECTIONS = 200
NAP = 0.5

Connect = Callable[[], Any]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where a server of its own listens; it knows no passwords."""
    install, server = program("mariadb-install-db"), program("mariadbd")
    with tempfile.TemporaryDirectory(prefix="coro-mariadb-") as name:
        folder = Path(name)
        # Nobody's settings, and no change of user: root too stays who it is.
        common = ["--no-defaults", f"--datadir={folder}/data", f"--user={pwd.getpwuid(os.geteuid()).pw_name}"]
        made = subprocess.run(
            [install, *common, "--auth-root-authentication-method=normal", "--skip-test-db"],
            capture_output=True,
            text=True,
        )
        assert made.returncode == 0, made.stdout + made.stderr

        def command(port: int) -> list[object]:
            places = [
                f"--socket={folder}/socket",
                "--bind-address=127.0.0.1",
                f"--port={port}",
                f"--pid-file={folder}/pid",
            ]
            sizes = [
                f"--max-connections={CONNECTIONS + 20}",
                "--innodb-buffer-pool-size=16M",
                "--max-allowed-packet=64M",
            ]
            return [
                server,
                *common,
                *places,
                *sizes,
                "--back-log=1000",
                f"--log-error={folder}/log",
                "--skip-name-resolve",
            ]

        def ask() -> None:
            with peers.connect(f"{folder}/socket") as client:
                client.recv_exact(1)  # it greets

        with on_free_port(command, ask, folder / "log") as (_, port):
            yield port


@pytest.fixture
def connect(port: int) -> Iterator[Connect]:
    """Makes connections that commit each statement."""
    # Else it reads all that this machine trusts, for each connection.
    server = {"host": "127.0.0.1", "port": port, "ssl_disabled": True}
    with contextlib.ExitStack() as made:
        yield lambda: made.enter_context(
            contextlib.closing(pymysql.connect(**server, user="root", database="mysql", autocommit=True))
        )


def ask(connection: Any, statement: str, *arguments: object) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        return cursor.fetchone()[0]


def test_two_hundred_statements_take_as_long_as_one(connect: Connect) -> None:
    def work(number: int) -> int:
        connection = connect()
        everybody.wait()
        assert ask(connection, f"SELECT SLEEP({NAP})") == 0
        assert real_threads() == 1
        return ask(connection, "SELECT %s", number)

    everybody = threading.Barrier(CONNECTIONS, action=lambda: begun.append(time.monotonic()))
    begun: list[float] = []
    assert in_threads(CONNECTIONS, work) == list(range(CONNECTIONS))
    # One after the other they would take 100 s.
    assert time.monotonic() - begun[0] < CONNECTIONS * NAP / 10


def test_a_lock_in_the_server_is_passed_on(connect: Connect) -> None:
    """Each waits in the server for another connection of this OS thread."""
    held = []

    def work(number: int) -> None:
        connection = connect()
        assert ask(connection, "SELECT GET_LOCK('one', 30)") == 1
        held.append(number)
        assert len(held) == 1
        time.sleep(0)
        held.remove(number)
        assert ask(connection, "SELECT RELEASE_LOCK('one')") == 1

    in_threads(20, work)


def test_much_data(connect: Connect) -> None:
    connection = connect()
    assert ask(connection, "SELECT LENGTH(%s)", "x" * 8_000_000) == 8_000_000
    with connection.cursor() as cursor:
        cursor.execute("SELECT REPEAT(CHAR(65 + seq MOD 26 USING ascii), 1000) FROM seq_0_to_9999")
        assert cursor.fetchall() == tuple((chr(65 + number % 26) * 1000,) for number in range(10_000))


def test_errors_are_the_drivers_own(connect: Connect) -> None:
    connection = connect()
    with pytest.raises(pymysql.err.ProgrammingError):
        ask(connection, "SELECT nothing FROM nowhere")
    assert ask(connection, "SELECT 1") == 1


def test_a_time_limit_ends_the_wait(connect: Connect) -> None:
    """The driver takes it for the end of the connection."""
    connection, other = connect(), connect()
    with pytest.raises(coro.TimeoutError), coro.timeout(0.2):
        ask(connection, "SELECT SLEEP(30)")
    with pytest.raises(pymysql.err.Error):
        ask(connection, "SELECT 1")
    assert ask(other, "SELECT 1") == 1
