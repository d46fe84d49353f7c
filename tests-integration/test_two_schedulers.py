"""The example of two schedulers, run as a program."""

import math
import re
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parent.parent / "examples" / "two_schedulers.py"
AMOUNT = 200


def test_every_number_comes_back_with_its_factors() -> None:
    program = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLE, str(AMOUNT)], capture_output=True, text=True, timeout=60
    )
    assert (program.returncode, program.stderr) == (0, "")
    numbers = []
    for line in program.stdout.splitlines():
        number, factors = re.fullmatch(r"(\d+) = ([\d* ]+)  \(found in the other thread\)", line).groups()
        assert math.prod(map(int, factors.split(" * "))) == int(number)
        numbers.append(int(number))
    assert sorted(numbers) == list(range(1_000_000, 1_000_000 + AMOUNT))
