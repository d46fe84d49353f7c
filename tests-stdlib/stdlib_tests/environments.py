"""The Pythons that run the tests.

What belongs here: making two virtual environments of one Python, alike but that in one of them
Python begins with the emulation installed. A ``.pth`` file does that, which `site` reads in
every process of the environment: it is found in a child that is started with ``-I`` or ``-E``, or with
an environment of its own, and there is nothing of it outside. What escapes is a child
started with ``-S``, and subinterpreters, where greenlet cannot be used.
"""

import subprocess
from pathlib import Path
from typing import NamedTuple

_EMULATE = '''"""Installs the emulation when Python starts."""

try:
    import _interpreters as interpreters
except ImportError:  # up to 3.12
    import _xxsubinterpreters as interpreters


def number(interpreter):
    """3.13 has a tuple, whose first is the number."""
    return interpreter[0] if isinstance(interpreter, tuple) else interpreter


if number(interpreters.get_current()) == number(interpreters.get_main()):
    import coro_patch

    coro_patch.install()
'''


class Environments(NamedTuple):
    """The executables."""

    version: str
    plain: str
    emulated: str


def make(python: str, folder: Path) -> Environments:
    """Make both for a Python in which coro-patch is installed."""
    version = _ask(python, "'%d.%d' % sys.version_info[:2]")
    packages = {_ask(python, f"sysconfig.get_path({kind!r})") for kind in ("purelib", "platlib")}
    executables = [_make(python, folder / kind, packages, kind == "emulated") for kind in ("plain", "emulated")]
    return Environments(version, *executables)


def _make(python: str, folder: Path, packages: set[str], emulated: bool) -> str:
    subprocess.run([python, "-m", "venv", "--without-pip", "--symlinks", folder], check=True)
    executable = str(folder / "bin" / "python")
    site = Path(_ask(executable, "sysconfig.get_path('purelib')"))
    lines = sorted(packages)
    if emulated:
        (site / "emulate_from_the_start.py").write_text(_EMULATE)
        lines.append("import emulate_from_the_start")
    (site / "stdlib_tests.pth").write_text("\n".join(lines) + "\n")
    told = _ask(
        executable, "getattr(sys.modules.get('coro_patch'), 'is_module_patched', lambda name: False)('_thread')"
    )
    if told != str(emulated):
        raise RuntimeError(f"{executable} should {'' if emulated else 'not '}be emulated")
    return executable


def _ask(python: str, expression: str) -> str:
    program = f"import sys, sysconfig; print({expression})"
    return subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
