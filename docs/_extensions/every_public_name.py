"""Documents a public name, whatever it is, and checks that none is left out.

    ```{public} coro.spawn
    ```

becomes autodoc's directive for what `coro.spawn` is: a function, a class with its methods, a module with its
names, or a value. When all pages are read, each name that `dir(coro)` has must have had one.
"""

from __future__ import annotations

import enum
import inspect
import re
import types
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

import coro

logger = logging.getLogger(__name__)

#: Names of `dir(coro)` that are no part of it by themselves.
NOT_DOCUMENTED = {"sync"}  # its names are those of coro


def resolve(path: str) -> Any:
    """What a dotted name stands for."""
    module, _, name = path.rpartition(".")
    try:
        return getattr(__import__(module, fromlist=[name]), name)
    except (ImportError, AttributeError):
        return __import__(path, fromlist=["*"])


def directive_for(path: str, thing: Any) -> list[str]:
    """The lines that make autodoc document it."""
    if isinstance(thing, types.ModuleType):
        return [f".. automodule:: {thing.__name__}", "   :members:", "   :imported-members:"]
    if isinstance(thing, enum.EnumType):
        return [f".. autoclass:: {path}"]
    if inspect.isclass(thing):
        return [f".. autoclass:: {path}", "   :members:"]
    if callable(thing):
        return [f".. autofunction:: {path}"]
    return [f".. autodata:: {path}"]


def replace(app: Sphinx, page: str, source: list[str]) -> None:
    def block(found: re.Match[str]) -> str:
        documented(app.env).add(found[1])
        return "\n".join(["```{eval-rst}", *directive_for(found[1], resolve(found[1])), "```"])

    source[0] = re.sub(r"^```\{public\} (\S+)\n```$", block, source[0], flags=re.MULTILINE)


def documented(environment: BuildEnvironment) -> set[str]:
    """The names that pages have had so far. Sphinx keeps the environment from build to build."""
    names: set[str] = vars(environment).setdefault("public_names", set())
    return names


def check(app: Sphinx, environment: BuildEnvironment) -> None:
    errors = set(dir(coro.errors))
    for name in dir(coro):
        if name.startswith("_") or name in NOT_DOCUMENTED or name in errors:
            continue
        if f"coro.{name}" not in documented(environment):
            logger.warning("the reference leaves out coro.%s", name)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", replace)
    app.connect("env-check-consistency", check)
    return {"parallel_read_safe": False}
