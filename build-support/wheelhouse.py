"""Installs our own distributions, built once for an interpreter and a state of the sources.

    python wheelhouse.py coro-sock [coro-core ...]

builds the wheels of the named distributions and of ours that they need, each in
isolation as a user's pip does it, and installs them for the interpreter that runs this.
Those of ours that are not asked for are removed: what a test environment can import is
what it names.

A wheel is kept in .tox/wheelhouse/<ABI>/<distribution>-<hash of all that it is made
of>/, so that the test environments of one interpreter build each distribution once. A
file lock keeps environments that run at the same time from building it twice.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGES = REPOSITORY / "packages"
INTERFACE = PACKAGES / "coro-core" / "src" / "coro" / "interface"
# A free-threaded or a debug build of a Python has the version of the ordinary one, but
# another ABI.
WHEELHOUSE = Path(os.environ.get("TOX_WORK_DIR", REPOSITORY / ".tox"), "wheelhouse", sysconfig.get_config_var("SOABI"))

BUILD_VARIABLES = ("CC", "CFLAGS", "LDFLAGS", "CORO_CFLAGS", "CORO_BUILD_STRICT")

# Old states of a distribution that stay: going back and forth between two branches, or
# between a plain and a sanitizer build, should not build anew.
KEPT = 6


class Distribution(NamedTuple):
    name: str
    folder: Path
    needs: list[str]


def main(names: list[str]) -> None:
    if not names:
        stop(__doc__.strip())
    # A warning of the C compiler or of Cython should not wait for a user to see it.
    os.environ.setdefault("CORO_BUILD_STRICT", "1")
    ours = distributions()
    if unknown := [name for name in names if name not in ours]:
        stop(f"wheelhouse: no distribution {', '.join(unknown)} in {PACKAGES}; there are {', '.join(ours)}.")
    wanted = closure(names, ours)
    with locked():
        wheels = {name: wheel_of(ours[name]) for name in wanted}
    install(wheels, [name for name in ours if name not in wanted])


def distributions() -> dict[str, Distribution]:
    found = {}
    for file in sorted(PACKAGES.glob("*/pyproject.toml")):
        project = tomllib.loads(file.read_text())["project"]
        needs = [re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in project.get("dependencies", ())]
        found[project["name"]] = Distribution(project["name"], file.parent, needs)
    return found


def closure(names: list[str], ours: dict[str, Distribution]) -> list[str]:
    """With all of ours that they need: pip must not look for one of those on an index,
    where anybody may have taken the name."""
    found: list[str] = []
    queue = list(names)
    while queue:
        name = queue.pop()
        if name in ours and name not in found:
            found.append(name)
            queue.extend(ours[name].needs)
    return sorted(found)


# Building


def wheel_of(distribution: Distribution) -> Path:
    folder = WHEELHOUSE / f"{distribution.name}-{fingerprint(distribution)}"
    if not folder.exists():
        build(distribution, folder)
        forget_old(distribution)
    (wheel,) = folder.glob("*.whl")
    return wheel


def fingerprint(distribution: Distribution) -> str:
    """Changes with everything that the wheel is made of; its tests are not in the wheel."""
    digest = hashlib.sha256()
    for name in BUILD_VARIABLES:
        digest.update(f"{name}={os.environ.get(name)}\0".encode())
    for folder in (distribution.folder, INTERFACE):
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(folder)
            if path.is_file() and relative.parts[0] != "tests" and path.suffix not in (".so", ".pyc"):
                digest.update(f"{relative}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def build(distribution: Distribution, folder: Path) -> None:
    print(f"wheelhouse: building {distribution.name} for {sysconfig.get_config_var('SOABI')}", flush=True)
    with tempfile.TemporaryDirectory(dir=WHEELHOUSE, prefix="unfinished-") as scratch:
        pip("wheel", "--no-deps", "--wheel-dir", f"{scratch}/wheel", distribution.folder)
        os.rename(f"{scratch}/wheel", folder)


def forget_old(distribution: Distribution) -> None:
    states = WHEELHOUSE.glob(f"{distribution.name}-*")
    for folder in sorted(states, key=lambda path: path.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(folder)


@contextlib.contextmanager
def locked() -> Iterator[None]:
    WHEELHOUSE.mkdir(parents=True, exist_ok=True)
    with open(WHEELHOUSE / "lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("wheelhouse: waiting for another environment that builds", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


# Installing


def install(wheels: dict[str, Path], unwanted: list[str]) -> None:
    installed = {name: origin(name) for name in [*wheels, *unwanted]}
    outdated = [name for name, wheel in wheels.items() if installed[name] != wheel.as_uri()]
    # pip takes a wheel of the version that is installed for the one that is installed.
    if leave := [name for name in [*outdated, *unwanted] if installed[name]]:
        pip("uninstall", "--yes", *leave)
    if outdated:
        # All of them by their paths, so that none is looked for elsewhere.
        pip("install", *wheels.values())


def origin(name: str) -> str | None:
    """Where the installed distribution came from, None if it is not installed."""
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    return str(json.loads(distribution.read_text("direct_url.json") or '{"url": "an index"}')["url"])


def pip(command: str, *arguments: str | Path) -> None:
    done = subprocess.run([sys.executable, "-m", "pip", command, "--quiet", *map(str, arguments)])
    if done.returncode:
        stop(f"wheelhouse: `pip {command} {' '.join(map(str, arguments))}` failed; its own words are above.")


def stop(message: str) -> NoReturn:
    sys.exit(message)


if __name__ == "__main__":
    main(sys.argv[1:])
