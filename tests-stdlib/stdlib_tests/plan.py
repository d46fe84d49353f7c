"""Which tests run.

What belongs here: the modules of CPython's tests that concern the emulation, and how what the
command line names is found among them.
"""

import json
import subprocess
from typing import NamedTuple

MODULES = (
    "test_thread",
    "test_threading",
    "test_threading_local",
    "test_queue",
    "test_select",
    "test_selectors",
    "test_socket",
    "test_socketserver",
    "test_ssl",
    "test_subprocess",
    "test_signal",
    "test_threadsignals",
    "test_concurrent_futures",
    "test_timeout",
)

# Without the network, and without what needs gigabytes, a screen or a loudspeaker.
RESOURCES = ("cpu", "subprocess", "walltime")
# Modules that ask for the network as a whole, though most of their tests need the loopback only.
# The others skip themselves where names of the world cannot be looked up.
MORE_RESOURCES = {"test_socketserver": ("network",), "test_timeout": ("network",)}

_ASK = """
import importlib.util, json, os, sys
units = {}
for name in json.loads(sys.argv[1]):
    spec = importlib.util.find_spec("test." + name)
    if spec is None:
        continue
    units[name] = [spec.name]
    if spec.submodule_search_locations:
        names = sorted(os.listdir(spec.submodule_search_locations[0]))
        units[name] = [spec.name + "." + n[:-3] for n in names if n.startswith("test_") and n.endswith(".py")]
print(json.dumps(units))
"""


class Unit(NamedTuple):
    """What runs in one process: the tests of one file."""

    #: the module of the scoreboard
    name: str
    #: the file, as it is imported
    module: str
    #: what the ids of the tests begin with; empty for all
    only: tuple[str, ...] = ()

    def resources(self, more: list[str]) -> list[str]:
        """For `test.support`."""
        return [*RESOURCES, *MORE_RESOURCES.get(self.name, ()), *more]


def files_of(python: str, names: list[str]) -> dict[str, list[str]]:
    """The files of each module, as they are imported: one, or those of a package. A module that
    this Python does not have is not there."""
    asked = subprocess.run([python, "-c", _ASK, json.dumps(names)], capture_output=True, text=True, check=True)
    files: dict[str, list[str]] = json.loads(asked.stdout)
    return files


def top(selection: str) -> str:
    """The module that a selection is about: ``test_socket`` of ``test.test_socket.SomeTests``."""
    return selection.removeprefix("test.").partition(".")[0]


def units(selections: list[str], files: dict[str, list[str]]) -> list[Unit]:
    """What to run.

    Args:
        selections: modules, classes or tests, with or without ``test.`` before them; empty for
            all.
        files: see `files_of`.

    Raises:
        ValueError: there is no such file.
    """
    whole = [(name, module) for name, modules in files.items() for module in modules]
    if not selections:
        return [Unit(name, module) for name, module in whole]
    wanted: dict[tuple[str, str], list[str] | None] = {}
    for selection in selections:
        prefix = f"test.{selection.removeprefix('test.')}"
        hit = False
        for key in whole:
            if f"{key[1]}.".startswith(f"{prefix}."):  # the whole file
                wanted[key] = None
            elif prefix.startswith(f"{key[1]}."):
                parts = wanted.setdefault(key, [])
                if parts is not None:
                    parts.append(prefix)
            else:
                continue
            hit = True
        if not hit:
            raise ValueError(f"{selection}: there are no such tests; the modules are {', '.join(files)}")
    return [Unit(*key, tuple(wanted[key] or ())) for key in whole if key in wanted]
