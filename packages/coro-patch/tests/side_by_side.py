"""Programs that run in plain Python and under the emulation, and do the same.

What belongs here: running a program both ways, and comparing to the byte what comes of it.
"""

import re
import subprocess
import sys
from pathlib import Path


def start(words: tuple[object, ...], folder: Path, options: tuple[str, ...]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, *options, *map(str, words)],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: "subprocess.Popen[str]", text: str) -> tuple[str, str, int]:
    """stdout, stderr and the status."""
    with process:
        output, errors = process.communicate(text, timeout=100)
        return output, errors, process.returncode


def run(*words: object, folder: Path, options: tuple[str, ...] = (), text: str = "") -> tuple[str, str, int]:
    return finish(start(words, folder, options), text)


def alike(
    *words: object, folder: Path, options: tuple[str, ...] = (), text: str = "", compiled_frames: bool = True
) -> tuple[str, str, int]:
    """Run it in plain Python and emulated: nothing may differ. What it does.

    Args:
        compiled_frames: False leaves out of tracebacks what Cython puts there, and out of the
            rest the addresses of objects.
    """
    processes = [start(words, folder, each) for each in (options, (*options, "-m", "coro_patch"))]
    plain, emulated = [finish(process, text) for process in processes]
    if compiled_frames:
        assert emulated == plain
    else:
        assert (emulated[0], without_details(emulated[1]), emulated[2]) == (
            plain[0],
            without_details(plain[1]),
            plain[2],
        )
    return plain


def without_details(errors: str) -> str:
    return re.sub(r"\b0x[0-9a-f]+", "0x", re.sub(r' +File "coro\w*/[^"]*\.pyx", .*\n', "", errors))
