"""What is uploaded of the distributions: their sdists, and wheels for the Python that runs this.

    python wheels.py FOLDER

The wheels are those of `wheelhouse.py`, built in isolation. auditwheel looks which symbols of the C library they need,
gives them the manylinux tag that says so (PEP 600), and refuses what would not run elsewhere.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import wheelhouse


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for distribution in wheelhouse.distributions().values():
        with wheelhouse.locked():
            wheel = wheelhouse.wheel_of(distribution)
        if wheel.name.endswith("-none-any.whl"):
            shutil.copy(wheel, folder)
        else:
            run("auditwheel", "repair", "--wheel-dir", folder, wheel)
        run("build", "--sdist", "--outdir", folder, distribution.folder)
    for file in sorted(folder.iterdir()):
        print(file)


def run(module: str, *arguments: object) -> None:
    done = subprocess.run([sys.executable, "-m", module, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"wheels: {module} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python wheels.py FOLDER")
    main(Path(sys.argv[1]))
