"""How Sphinx makes the documentation: `make docs`."""

import importlib.metadata
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))

project = "coro"
author = "the authors of coro"
copyright = "the authors of coro"  # noqa: A001 - Sphinx's name for it
version = release = importlib.metadata.version("coro-core")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "every_public_name"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "_extensions"]

# Warnings are errors (`-W`), and a name in a docstring or a link in a page that leads nowhere is one.
nitpicky = True
suppress_warnings: list[str] = []

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"
autoclass_content = "class"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
default_role = "code"

html_theme = "furo"
html_title = "coro"
html_static_path: list[str] = []

# No inventories of others are fetched, so their names lead nowhere; and "as `recv`" among what a
# function raises is a phrase.
nitpick_ignore_regex = [
    (r"py:.*", r"(socket|psycopg2|celery|gunicorn|kombu|ssl|os|threading|contextvars|pytest|ipaddress)(\..*)?"),
    (r"py:(exc|class)", r".* .*|as|writing"),
    (r"py:exc", r"pthread_create|3|.*\.$"),
    (r"py:.*", r".*\._.*"),
]
