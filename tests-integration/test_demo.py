"""The demo, run as a user runs it."""

import contextlib
import fcntl
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "examples" / "echo_demo"
DEMO = [sys.executable, str(FOLDER)]

#: More than enough; a demo that hangs must not hang the tests.
SECONDS = 60

#: It goes on until it is interrupted.
ENDLESS = ["--clients", "50", "--requests", "1000000"]

every_place = pytest.mark.parametrize("place", ["inside", "outside"])

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the demo in a session of its own, which must be empty when the test ends."""
    started = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        demo = subprocess.Popen(
            [*DEMO, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(demo)
        return demo

    yield start
    for demo in started:
        left = processes_of_session(demo.pid)
        for process in left:
            os.kill(process, signal.SIGKILL)
        demo.communicate()
        assert left == []


def processes_of_session(session: int) -> list[int]:
    """Which processes there are in a session, those included that nobody has waited for."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            after_name = (entry / "stat").read_text().rpartition(")")[2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(after_name.split()[3]) == session:
            found.append(int(entry.name))
    return found


def row(output: str, name: str) -> list[float]:
    """The numbers of a row of the table."""
    match = re.search(rf"^{re.escape(name)} +(\d.*)$", output, re.MULTILINE)
    assert match, f"no row {name!r} in:\n{output}"
    return [float(number.replace(",", "")) for number in re.findall(r"[\d,.]+", match[1])]


def test_everything_comes_back(start: Start) -> None:
    demo = start("--quick", "--clients", "40", "--requests", "20")
    output, errors = demo.communicate(timeout=SECONDS)
    assert demo.returncode == 0, output + errors

    assert row(output, "clients") == [40, 8]
    assert row(output, "requests") == [800, 160]
    for seconds, requests, each_second in zip(
        row(output, "seconds"), row(output, "requests"), row(output, "requests a second"), strict=True
    ):
        assert seconds == pytest.approx(requests / each_second, abs=0.006)
    for median, slow in zip(row(output, "latency, p50"), row(output, "latency, p99"), strict=True):
        assert 0 < median <= slow < SECONDS * 1000
    # A server's coroutine for each connection, one for each client inside, and a few.
    inside, outside = row(output, "coroutines at the peak")
    assert 40 + 40 + 8 <= inside <= 40 + 40 + 8 + 6
    assert 8 <= outside <= 8 + 6
    assert all(0 <= kilobytes < 500 for kilobytes in row(output, "memory a connection *"))
    assert re.search(r"^All 960 requests came back, and each of their [\d,]+ bytes was right\.$", output, re.MULTILINE)

    assert "clients inside: " in errors
    assert "clients outside: " in errors
    assert "\x1b" not in output + errors


def test_no_progress(start: Start) -> None:
    demo = start("--quick", "--no-progress")
    _, errors = demo.communicate(timeout=SECONDS)
    assert demo.returncode == 0
    assert errors == ""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_host(host: str, start: Start) -> None:
    demo = start("--quick", "--host", host)
    output, errors = demo.communicate(timeout=SECONDS)
    assert demo.returncode == 0, output + errors


def test_unix_socket(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "echo"
    demo = start("--quick", "--unix", str(path))
    output, errors = demo.communicate(timeout=SECONDS)
    assert demo.returncode == 0, output + errors
    assert not path.exists()


def test_fewer_clients_where_descriptors_are_few() -> None:
    code = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
    command = [sys.executable, "-c", code, DEMO[1], "--quick", "--clients", "500"]
    demo = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    match = re.search(r"only 100 descriptors: (\d+) instead of 500 clients", demo.stderr)
    assert match
    assert row(demo.stdout, "clients")[0] == int(match[1])
    assert 20 <= int(match[1]) < 50


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("--clients", "0", "must be from 1 to 100,000, not 0"),
        ("--clients", "many", "must be a whole number, not 'many'"),
        ("--requests", "-5", "must be from 1 to 1,000,000, not -5"),
        ("--size", "65537", "must be from 1 to 65,536, not 65,537"),
        ("--port", "65536", "must be from 0 to 65,535, not 65,536"),
        ("--only", "both", "invalid choice: 'both'"),
    ],
)
def test_bad_option(option: str, value: str, complaint: str, start: Start) -> None:
    demo = start(option, value)
    _, errors = demo.communicate(timeout=SECONDS)
    assert demo.returncode == 2
    assert f"error: argument {option}: {complaint}" in errors


def test_port_that_is_taken(start: Start, tmp_path: Path) -> None:
    (tmp_path / "echo").touch()
    demo = start("--quick", "--unix", str(tmp_path / "echo"))
    _, errors = demo.communicate(timeout=SECONDS)
    assert demo.returncode == 2
    assert "cannot listen at" in errors
    assert "Traceback" not in errors
    assert (tmp_path / "echo").exists()


# Servers that make mistakes

BAD_SERVER = """
import sys
from main import main

def spoil(answers):
    offset = 0
    for data in answers:
{body}
        offset += len(data)

def handler(connection):
    def answers():
        while data := connection.recv(65536):
            yield data
    for data in spoil(answers()):
        connection.sendall(data)

sys.exit(main(sys.argv[1:], handler))
"""

MISTAKES = {
    "wrong byte": (
        """
        at = 3000 - offset
        yield data[:at] + bytes([data[at] ^ 1]) + data[at + 1:] if 0 <= at < len(data) else data
        """,
        r"at offset 3000, byte 0x[0-9a-f]{2} was sent but 0x[0-9a-f]{2} came back",
    ),
    "swapped bytes": (
        """
        yield data[::-1]
        """,
        r"at offset \d+, byte 0x[0-9a-f]{2} was sent but 0x[0-9a-f]{2} came back",
    ),
    "repeated byte": (
        """
        yield data[:1] + data if offset == 0 else data
        """,
        r"at offset \d+, byte 0x[0-9a-f]{2} was sent but 0x[0-9a-f]{2} came back",
    ),
    "early end": (
        """
        yield data[:3000 - offset]
        if offset + len(data) >= 3000:
            return
        """,
        r"the stream ended at offset 3000, \d+ bytes too early|Connection reset by peer|Broken pipe",
    ),
    "a byte too many": (
        """
        yield data
    yield b"!"
    for data in ():
        """,
        r"byte 0x21 came at offset \d+, after the last one that was sent",
    ),
}


@every_place
@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_of_the_server(mistake: str, place: str) -> None:
    body, complaint = MISTAKES[mistake]
    command = [sys.executable, "-c", BAD_SERVER.format(body=body), "--quick", "--only", place, "--requests", "20"]
    environment = {**os.environ, "PYTHONPATH": str(FOLDER)}
    demo = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS)
    assert demo.returncode == 1, demo.stdout + demo.stderr
    assert re.search(rf"^echo_demo: {place}: connection \d+: .*({complaint})$", demo.stderr, re.MULTILINE), demo.stderr
    assert demo.stdout.endswith("FAILED: not everything came back as it was sent.\n")
    assert "Traceback" not in demo.stderr


# Ctrl-C


def wait_for_progress(demo: subprocess.Popen[str], place: str, lines: int) -> str:
    """Read the demo's progress until it has told of this part that many times."""
    assert demo.stderr is not None
    read = []
    for line in demo.stderr:
        read.append(line)
        lines -= line.startswith(f"clients {place}: ")
        if lines == 0:
            return "".join(read)
    pytest.fail("the demo ended by itself:\n" + "".join(read))


@pytest.mark.parametrize("target", ["process", "group"])
@pytest.mark.parametrize(
    ("place", "lines", "options"),
    [
        ("inside", 1, []),  # connecting
        ("outside", 1, []),  # connecting, before the clients inside begin
        ("inside", 2, []),
        ("inside", 3, []),
        ("outside", 1, ["--only", "outside"]),
        ("outside", 2, ["--only", "outside"]),
        ("outside", 3, ["--only", "outside"]),
    ],
)
def test_interrupted(place: str, lines: int, options: list[str], target: str, start: Start) -> None:
    demo = start(*ENDLESS, *options)
    wait_for_progress(demo, place, lines)
    if target == "group":
        os.killpg(demo.pid, signal.SIGINT)
    else:
        demo.send_signal(signal.SIGINT)
    output, errors = demo.communicate(timeout=SECONDS)
    assert demo.returncode == 130, output + errors
    assert "Traceback" not in errors
    assert "KeyboardInterrupt" not in errors
    done = sum(row(output, "requests"))
    assert f"Interrupted: until then, {done:,.0f} requests had come back" in output


@every_place
def test_interrupted_again_and_again(place: str, start: Start) -> None:
    demo = start(*ENDLESS, "--only", place)
    wait_for_progress(demo, place, 2)
    for _ in range(20):
        demo.send_signal(signal.SIGINT)
    output, errors = demo.communicate(timeout=SECONDS)
    assert demo.returncode == 130, output + errors
    assert "Traceback" not in errors


@every_place
def test_counts_what_was_done_before_the_interrupt(place: str, start: Start) -> None:
    demo = start(*ENDLESS, "--only", place)
    progress = wait_for_progress(demo, place, 3)
    demo.send_signal(signal.SIGINT)
    output, _ = demo.communicate(timeout=SECONDS)
    shown = re.findall(r"([\d,]+) of", progress)[-1]
    assert row(output, "requests")[0] >= int(shown.replace(",", "")) > 0


@every_place
def test_in_a_terminal(place: str) -> None:
    terminal, other_end = pty.openpty()
    demo = subprocess.Popen(
        [*DEMO, *ENDLESS, "--only", place],
        stdin=other_end,
        stdout=other_end,
        stderr=other_end,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(other_end)
    with open(terminal, "r+b", buffering=0) as screen:
        shown = b""
        while shown.count(b"requests") < 3:
            shown += screen.read(4096)
        # It draws in place, and has left the first line only to draw over it.
        assert b"\n" not in shown
        assert shown.count(b"\r\x1b[2K") >= 3
        screen.write(b"\x03")
        with contextlib.suppress(OSError):  # EIO, when nobody has the other end any more
            while data := screen.read(4096):
                shown += data
    assert demo.wait(SECONDS) == 130
    assert b"Interrupted: until then," in shown
    assert b"Traceback" not in shown
    assert processes_of_session(demo.pid) == []
