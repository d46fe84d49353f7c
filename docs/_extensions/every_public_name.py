"""A Sphinx directive that documents a public name, whatever it is, and a check that none is left out.

    ```{public} coro.spawn
    ```

becomes autodoc's directive for what `coro.spawn` is: a function, a class with its methods, a module with its
names, or a value. When all pages are read, each name that `dir(coro)` has must have had one.
"""

from __future__ import annotations

import enum
import inspect
import types
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import nested_parse_with_titles

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


class Public(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        path = self.arguments[0]
        documented(self.env).add(path)
        container = nodes.section()
        container.document = self.state.document
        lines = StringList(directive_for(path, resolve(path)), source=self.get_source_info()[0])
        nested_parse_with_titles(self.state, lines, container)
        return container.children


def documented(environment: BuildEnvironment) -> set[str]:
    if not hasattr(environment, "public_names"):
        environment.public_names = set()  # type: ignore[attr-defined]
    names: set[str] = environment.public_names
    return names


def check(app: Sphinx, environment: BuildEnvironment) -> None:
    errors = set(dir(coro.errors))
    for name in dir(coro):
        if name.startswith("_") or name in NOT_DOCUMENTED or name in errors:
            continue
        if f"coro.{name}" not in documented(environment):
            logger.warning("the reference leaves out coro.%s", name)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("public", Public)
    app.connect("env-check-consistency", check)
    return {"parallel_read_safe": False}
