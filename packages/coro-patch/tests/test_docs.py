"""The tables of docs/emulation.md are those of the code."""

import subprocess
import sys
from pathlib import Path

import pytest


def test_the_page_is_not_stale() -> None:
    script = Path(__file__).resolve().parents[3] / "build-support" / "emulation_tables.py"
    if not script.exists():
        pytest.skip("the page is not here: these are the tests of an sdist")
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, timeout=60)
    assert (done.stderr, done.returncode) == ("", 0)
