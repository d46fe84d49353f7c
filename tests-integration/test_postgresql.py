"""psycopg2 and psycopg 3 under the emulation, against a PostgreSQL server.

Their C parts wait by themselves; `coro_patch.psycopg` has them wait as coroutines do. A server
process sleeps for each statement, so what they cost together tells whether they wait together.
"""

import contextlib
import importlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from peers import program

import coro

#: How many connections, and for how many seconds each has the server sleep.
CONNECTIONS = 200
NAP = 0.5

DRIVERS = ["psycopg2", "psycopg"]


def tool(name: str) -> str:
    """A program of PostgreSQL, which Debian does not put on the path."""
    for found in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True):
        return str(found)
    return program(name)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server of its own on a UNIX socket; the string that connects to it."""
    initdb, postgres = tool("initdb"), tool("postgres")
    with tempfile.TemporaryDirectory(prefix="coro-pg-") as folder:
        settings: dict[str, Any] = {"env": {**os.environ, "LC_ALL": "C"}, "cwd": folder}
        if os.getuid() == 0:  # the server refuses to run as root
            settings.update(user="postgres", group="postgres", extra_groups=[])
            shutil.chown(folder, "postgres", "postgres")
        with serving(initdb, postgres, Path(folder), settings) as address:
            yield address


@contextlib.contextmanager
def serving(initdb: str, postgres: str, folder: Path, settings: dict[str, Any]) -> Iterator[str]:
    data = folder / "data"
    made = subprocess.run(
        [initdb, "-A", "trust", "-E", "UTF8", "-U", "tester", "-N", "-D", str(data)],
        capture_output=True,
        text=True,
        **settings,
    )
    assert made.returncode == 0, made.stderr
    options = {"max_connections": CONNECTIONS + 20, "fsync": "off", "listen_addresses": "", "shared_buffers": "16MB"}
    command = [postgres, "-D", str(data), "-k", str(folder)]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, stdout=log, stderr=log, **settings) as process,
    ):
        try:
            while not (folder / ".s.PGSQL.5432").exists() or "ready to accept" not in (folder / "log").read_text():
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.01)
            yield f"host={folder} user=tester dbname=postgres"
        finally:
            process.send_signal(signal.SIGINT)  # those that are connected, too


@pytest.fixture(params=DRIVERS)
def connect(request: pytest.FixtureRequest, server: str) -> Iterator[Callable[[], Any]]:
    """Makes connections that commit each statement."""
    driver = pytest.importorskip(request.param, exc_type=ImportError)
    from coro_patch import psycopg

    coro.install_thread_emulation()
    psycopg.install()

    made = []

    def make() -> Any:
        connection = driver.connect(server)
        connection.autocommit = True
        made.append(connection)
        return connection

    yield make
    for connection in made:
        connection.close()
    psycopg.uninstall()
    coro.uninstall_thread_emulation()


def ask(connection: Any, statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def test_two_hundred_statements_take_as_long_as_one(connect: Callable[[], Any]) -> None:
    answers = []

    def work(number: int) -> None:
        connection = connect()
        everybody.wait()
        answers.append(ask(connection, f"SELECT {number} FROM pg_sleep({NAP})"))

    everybody = threading.Barrier(CONNECTIONS + 1)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    everybody.wait()
    begun = time.monotonic()
    for thread in threads:
        thread.join()
    taken = time.monotonic() - begun
    assert sorted(answers) == list(range(CONNECTIONS))
    # One after the other they would take 100 s.
    assert taken < CONNECTIONS * NAP / 10


def test_a_coroutine_runs_while_another_waits_for_the_server(connect: Callable[[], Any]) -> None:
    connection, other = connect(), connect()
    ticks = []

    def tick() -> None:
        while not done:
            ticks.append(1)
            time.sleep(0.01)

    done: list[bool] = []
    ticker = threading.Thread(target=tick)
    ticker.start()
    assert ask(connection, "SELECT 5 FROM pg_sleep(0.3)") == 5
    done.append(True)
    ticker.join()
    assert len(ticks) > 5
    assert ask(other, "SELECT 'x'::text") == "x"


def test_much_data(connect: Callable[[], Any]) -> None:
    connection = connect()
    with connection.cursor() as cursor:
        cursor.execute("SELECT repeat(chr(65 + n % 26), 1000) FROM generate_series(0, 9999) AS n")
        rows = cursor.fetchall()
        assert rows == [(chr(65 + n % 26) * 1000,) for n in range(10_000)]
        cursor.execute("SELECT length(%s)", ("x" * 8_000_000,))
        assert cursor.fetchone() == (8_000_000,)


def test_errors_are_the_drivers_own(connect: Callable[[], Any], server: str) -> None:
    connection = connect()
    driver = importlib.import_module(type(connection).__module__.partition(".")[0])
    with pytest.raises(driver.errors.DivisionByZero):
        ask(connection, "SELECT 1 / 0")
    assert ask(connection, "SELECT 1") == 1
    with pytest.raises(driver.OperationalError):
        driver.connect(f"{server} port=1")


def test_a_time_limit_ends_the_wait(connect: Callable[[], Any]) -> None:
    """psycopg 3 cancels the statement, and goes on; psycopg2 closes the connection."""
    connection, watcher = connect(), connect()
    begun = time.monotonic()
    with pytest.raises(coro.TimeoutError), coro.timeout(0.2):
        ask(connection, "SELECT 1 FROM pg_sleep(30)")
    assert time.monotonic() - begun < 10
    if type(connection).__module__.startswith("psycopg2"):
        assert connection.closed
    else:
        assert ask(connection, "SELECT 2") == 2
        assert ask(watcher, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)'") <= 1


def test_notifications(connect: Callable[[], Any]) -> None:
    listener, sender = connect(), connect()
    if not hasattr(listener, "notifies") or isinstance(listener.notifies, list):
        pytest.skip("psycopg2 waits for them with select, which the emulation covers")
    listener.execute("LISTEN news")
    heard = []

    def listen() -> None:
        heard.extend(each.payload for each in listener.notifies(timeout=20, stop_after=3))

    thread = threading.Thread(target=listen)
    thread.start()
    for number in range(3):
        sender.execute(f"NOTIFY news, '{number}'")
        time.sleep(0.01)
    thread.join()
    assert heard == ["0", "1", "2"]
