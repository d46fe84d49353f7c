"""``python -m coro ps``, ``dump`` and ``top``, run as a user runs them, on programs that run."""

import codecs
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SECONDS = 20

PROGRAM = """
import coro
from coro._inspection import served

def busy():
    while True:
        sum(range(20_000))
        coro.sleep_relative(0.001)

def idle(listener):
    listener.accept()

coro.set_print_exit_string(False)
listener = coro.tcp_sock()
listener.bind(("127.0.0.1", 0))
listener.listen(5)
print(listener.getsockname()[1])
coro.spawn(busy, thread_name="busy one")
for number in range(12):
    coro.spawn(idle, listener, thread_name=f"idle {number}")
coro.yield_slice()
with served():
    print("up", flush=True)
    coro.event_loop()
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    runtime = tmp_path / "runtime"
    runtime.mkdir(0o700)
    return {**os.environ, "XDG_RUNTIME_DIR": str(runtime), "CORO_INSPECT": "1", "LC_ALL": "C.UTF-8"}


@pytest.fixture
def program(environment: dict[str, str], tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A program that runs, and the port it listens on."""
    (tmp_path / "program.py").write_text(PROGRAM)
    with subprocess.Popen(
        [sys.executable, tmp_path / "program.py"], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            assert process.stdout.readline() == "up\n"
            yield process, port
        finally:
            process.kill()


@pytest.fixture
def look(environment: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "coro", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=SECONDS)

    return run


Program = tuple[subprocess.Popen[str], int]
Look = Callable[..., subprocess.CompletedProcess[str]]


def cells(line: str) -> list[str]:
    return re.split(r" {2,}", line.strip())


class TestPs:
    def test_a_table(self, program: Program, look: Look) -> None:
        process, port = program
        shown = look("ps", process.pid, "--interval", "0.2", "--sort", "run")
        assert (shown.returncode, shown.stderr) == (0, "")
        lines = shown.stdout.splitlines()
        assert lines[0].startswith(f"process {process.pid}: ")
        assert lines[2].startswith("16 coroutines: ")
        table = lines[lines.index("") + 1 :]
        assert cells(table[0]) == [*"ID NAME STATE FOR RUN% RUN SWITCHES DELAY LONGEST".split(), "WAITS ON"]
        assert "busy one" in table[1]
        (idle,) = [line for line in table if "idle 0 " in line]
        assert f"tcp listening 127.0.0.1:{port}" in idle
        assert len(table) == 1 + 1 + 12 + 1 + 2  # the heading, busy, the idle ones, main, and those who tell

    def test_limit(self, program: Program, look: Look) -> None:
        process, _ = program
        shown = look("ps", process.pid, "--interval", "0.2", "--sort", "run", "--limit", "1")
        assert "busy one" in shown.stdout
        assert "idle" not in shown.stdout

    def test_without_counting(self, program: Program, look: Look) -> None:
        process, _ = program
        shown = look("ps", process.pid, "--interval", 0)
        assert "RUN" not in shown.stdout
        assert "busy one" in shown.stdout

    def test_of_all_processes(self, program: Program, look: Look) -> None:
        process, _ = program
        shown = look("ps")
        assert (shown.returncode, shown.stderr) == (0, "")
        assert cells(shown.stdout.splitlines()[0]) == ["PID", "COROUTINES", "UP", "COMMAND"]
        (row,) = [line for line in shown.stdout.splitlines() if line.split()[0] == str(process.pid)]
        assert sys.executable in row

    def test_the_socket_goes_with_the_program(self, program: Program, look: Look, environment: dict[str, str]) -> None:
        process, _ = program
        process.send_signal(signal.SIGINT)
        process.wait(SECONDS)
        assert os.listdir(environment["XDG_RUNTIME_DIR"] + "/coro") == []
        shown = look("ps", process.pid)
        assert (shown.returncode, shown.stdout) == (1, "")
        assert shown.stderr == f"there is no process {process.pid}\n"

    def test_of_a_stopped_process(self, program: Program, look: Look) -> None:
        process, _ = program
        process.send_signal(signal.SIGSTOP)
        shown = look("ps", process.pid, "--patience", "0.2")
        assert shown.returncode == 1
        assert "does not answer within 0.2 seconds: it is stopped, or stuck" in shown.stderr

    @pytest.mark.parametrize(
        "wrong", [["ps", "x"], ["ps", "0"], ["ps", "1", "--sort", "x"], ["top"], [], ["top", "1", "--interval", "0"]]
    )
    def test_wrong_arguments(self, look: Look, wrong: list[str]) -> None:
        shown = look(*wrong)
        assert (shown.returncode, shown.stdout) == (2, "")
        assert "usage: python -m coro" in shown.stderr


class TestDump:
    def test_json(self, program: Program, look: Look) -> None:
        process, _ = program
        shown = look("dump", process.pid)
        assert (shown.returncode, shown.stderr) == (0, "")
        told = json.loads(shown.stdout)
        assert told["version"] == 1
        assert told["process"]["pid"] == process.pid
        busy = [row for row in told["coroutines"] if row["name"] == "busy one"]
        assert [frame[2] for frame in busy[0]["stack"]] == ["busy"]

    def test_text(self, program: Program, look: Look) -> None:
        process, _ = program
        shown = look("dump", "--text", process.pid)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert shown.stdout.count("12 coroutines, such as\n") == 1
        assert re.search(r'^  File ".*program.py", line \d+, in idle$', shown.stdout, re.MULTILINE)

    def test_a_reader_that_has_seen_enough(self, program: Program, environment: dict[str, str]) -> None:
        process, _ = program
        command = f"{sys.executable} -m coro dump {process.pid} | head -n 1"
        shown = subprocess.run(command, shell=True, capture_output=True, text=True, env=environment)
        assert (shown.stdout, shown.stderr) == ("{\n", "")


class Screen:
    """``top`` in a terminal of its own."""

    def __init__(self, environment: dict[str, str], *arguments: object) -> None:
        self.master, self.slave = pty.openpty()
        self.resize(30, 100)
        self.modes = termios.tcgetattr(self.slave)
        self.output = ""
        self.decoder = codecs.getincrementaldecoder("utf-8")()

        def take_terminal() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [sys.executable, "-m", "coro", "top", *map(str, arguments)],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env={**environment, "TERM": "xterm"},
            start_new_session=True,
            preexec_fn=take_terminal,
        )

    def resize(self, lines: int, columns: int) -> None:
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def until(self, pattern: str) -> re.Match[str]:
        """Read until the screen has shown something; what it showed is forgotten then."""
        end = time.monotonic() + SECONDS
        while not (found := re.search(pattern, self.output, re.DOTALL)):
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            assert ready, f"{pattern!r} was not shown: {self.output!r}"
            self.output += self.decoder.decode(os.read(self.master, 65536))
        self.output = self.output[found.end() :]
        return found

    def end(self) -> int:
        """Wait for its end, at which the terminal must be as before. Returns the status."""
        self.until(re.escape("\x1b[?25h\x1b[?1049l"))
        status = self.process.wait(SECONDS)
        assert termios.tcgetattr(self.slave) == self.modes
        return status

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def top(program: Program, environment: dict[str, str]) -> Iterator[Callable[..., Screen]]:
    with contextlib.ExitStack() as opened:

        def begin(*arguments: object) -> Screen:
            screen = Screen(environment, program[0].pid, "--interval", "0.1", *arguments)
            opened.callback(screen.close)
            screen.until(re.escape("\x1b[?1049h"))
            screen.until("busy one.*sorted by run")
            return screen

        yield begin


class TestTop:
    def test_q_quits(self, top: Callable[..., Screen]) -> None:
        screen = top()
        screen.press("q")
        assert screen.end() == 0

    def test_keys_choose_the_column(self, top: Callable[..., Screen]) -> None:
        screen = top()
        screen.press("s")
        screen.until("sorted by switches")
        screen.press("\x1b[C")
        screen.until("sorted by delay")
        screen.press("\x1b[D")
        screen.until("sorted by switches")
        screen.press("?")  # means nothing
        screen.press("p")
        screen.until("p: go on")
        screen.press("p")
        screen.until("p: pause")
        screen.press("q")
        assert screen.end() == 0

    def test_follows_the_size_of_the_terminal(self, top: Callable[..., Screen]) -> None:
        screen = top()
        screen.resize(8, 40)
        while True:
            shown = screen.until(r"\x1b\[H(.*?)\x1b\[K\x1b\[J")
            lines = re.sub(r"\x1b\[[?0-9]*[A-Za-z]", "", shown[1]).splitlines()
            if len(lines) == 8:
                break
        assert max(map(len, lines)) <= 40
        screen.press("q")
        assert screen.end() == 0

    @pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
    def test_a_signal_leaves_the_terminal_in_order(self, top: Callable[..., Screen], number: int, status: int) -> None:
        screen = top()
        screen.process.send_signal(number)
        assert screen.end() == status

    def test_stops_and_goes_on(self, top: Callable[..., Screen]) -> None:
        screen = top()
        # Not SIGTSTP from the keyboard: the kernel stops no process whose group has no parent to continue it.
        screen.process.send_signal(signal.SIGTSTP)
        screen.until(re.escape("\x1b[?25h\x1b[?1049l"))
        screen.process.send_signal(signal.SIGCONT)
        screen.until(re.escape("\x1b[?1049h"))
        screen.until("busy one")
        screen.press("q")
        assert screen.end() == 0

    def test_the_end_of_the_process(self, program: Program, top: Callable[..., Screen]) -> None:
        screen = top()
        program[0].kill()
        program[0].wait()
        assert screen.end() == 1
        screen.until(f"process {program[0].pid} has ended")

    def test_rounds_without_a_terminal(self, program: Program, look: Look) -> None:
        process, _ = program
        shown = look("top", process.pid, "--rounds", 2, "--interval", "0.1", "--limit", 3)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert shown.stdout.count(f"process {process.pid}: ") == 2
        assert shown.stdout.count("busy one") == 2
        assert "\x1b" not in shown.stdout

    def test_two_at_once(self, program: Program, top: Callable[..., Screen], look: Look) -> None:
        first, second = top(), top()
        shown = look("ps", program[0].pid, "--interval", "0.1")
        assert "busy one" in shown.stdout
        for screen in (first, second):
            screen.press("q")
            assert screen.end() == 0
