"""Lets tox find the interpreters that pyenv has installed.

tox looks in PATH, and follows pyenv's shims only to the versions that pyenv has selected
(`pyenv global 3.11 3.12 ...`); the shims of all others are in PATH but dead. This offers
every installed version, wherever tox is started from. tox runs each before it believes
in it.
"""

import os
from pathlib import Path

roots = {Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser(), Path("~/.pyenv").expanduser()}
interpreters = sorted(
    str(python) for root in roots for python in root.glob("versions/*/bin/python3.*") if python.name[8:].isdigit()
)
if interpreters:
    os.environ.setdefault("TOX_DISCOVER", ";".join(interpreters))
