"""Releases one distribution: its version, its news, a commit and a tag.

    python release.py coro-sock [--version 1.2.0] [--dry-run]

News stands in `packages/DIST/changes/+NAME.KIND.md`, where KIND is added, changed, removed or fixed; towncrier puts it
into CHANGELOG.md and deletes it. What kinds there are decides the version, unless it is given (semver.org): something
removed is a new major one, something added or changed a minor one, something fixed a patch; before 1.0.0 each counts
one less. What was never released is released as what it is.

Nothing is pushed or uploaded: `git push --follow-tags`, and the wheels of `make wheels`, are for a person.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NoReturn

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGES = REPOSITORY / "packages"

#: Kinds of news, and which part of the version they change: 0 is the major one.
KINDS = {"removed": 0, "changed": 1, "added": 1, "fixed": 2}


def main(words: list[str]) -> None:
    names = sorted(folder.name for folder in PACKAGES.iterdir() if (folder / "pyproject.toml").exists())
    parser = argparse.ArgumentParser(prog="release", description="Releases one distribution.")
    parser.add_argument("distribution", metavar="DIST", help=", ".join(names))
    parser.add_argument("--version", help="which one it becomes; else the news decides")
    parser.add_argument("--dry-run", action="store_true", help="tell what would be done, and do nothing")
    options = parser.parse_args(words)
    if options.distribution not in names:
        parser.error(f"there is no distribution {options.distribution!r}; there are {', '.join(names)}")
    folder = PACKAGES / options.distribution
    now = Version(project(folder)["version"])
    released = git("tag", "--list", tag_of(folder.name, now)) != ""
    new = version(options.version) if options.version else next_version(now, released, kinds_of_news(folder))
    if new < now or (new == now and released):
        stop(f"{folder.name} is {now} already: --version must be a later one, not {new}")
    check_ranges(folder.name, new)
    if not options.dry_run and git("status", "--porcelain"):
        stop("there are changes that are not committed: commit them, or put them aside with git stash")
    news = towncrier(folder, new, "--draft")
    print(f"{folder.name} {now} becomes {new}\n\n{news.strip()}\n")
    if options.dry_run:
        print(f"Not done: the commit, and the tag {tag_of(folder.name, new)}")
        return
    towncrier(folder, new, "--yes")
    set_version(folder, new)
    git("add", "--all", str(folder))
    git("commit", "--quiet", "--message", f"{folder.name} {new}")
    git("tag", "--annotate", "--message", f"{folder.name} {new}", tag_of(folder.name, new))
    print(f"Committed, and tagged {tag_of(folder.name, new)}. To publish it: git push --follow-tags, make wheels")


def project(folder: Path) -> dict[str, str]:
    table: dict[str, str] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return table


def tag_of(name: str, version: Version) -> str:
    return f"{name}-v{version}"


def version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        stop(f"--version must be one as 1.2.0, not {text!r}")


def kinds_of_news(folder: Path) -> set[str]:
    """The kinds of news that there are."""
    kinds = set()
    for path in sorted((folder / "changes").glob("*.md")):
        kind = path.name.removesuffix(".md").rpartition(".")[2]
        if kind not in KINDS:
            stop(f"{path.relative_to(REPOSITORY)}: its name must be +NAME.KIND.md, KIND one of {', '.join(KINDS)}")
        kinds.add(kind)
    if not kinds:
        stop(
            f"there is no news in {(folder / 'changes').relative_to(REPOSITORY)}: who installs it should know what for"
        )
    return kinds


def next_version(now: Version, released: bool, kinds: set[str]) -> Version:
    """The version after `now` for news of these kinds."""
    if not released:
        return now
    part = min(KINDS[kind] for kind in kinds)
    if now.major == 0:
        part = min(part + 1, 2)
    numbers = [now.major, now.minor, now.micro]
    return Version(".".join(str(n + (i == part) if i <= part else 0) for i, n in enumerate(numbers)))


def check_ranges(name: str, new: Version) -> None:
    """Those of ours that need this one must allow the new version, or nobody can install both."""
    for file in sorted(PACKAGES.glob("*/pyproject.toml")):
        for text in tomllib.loads(file.read_text())["project"].get("dependencies", ()):
            needed = Requirement(text)
            if needed.name == name and new not in needed.specifier:
                stop(
                    f"{file.parent.name} needs {needed}, which {new} is not: change that first, if they fit each other"
                )


def set_version(folder: Path, new: Version) -> None:
    file = folder / "pyproject.toml"
    text, changes = re.subn(r'^version = ".*"$', f'version = "{new}"', file.read_text(), count=1, flags=re.MULTILINE)
    if not changes:
        stop(f"there is no line with the version in {file}")
    file.write_text(text)


def towncrier(folder: Path, new: Version, *options: str) -> str:
    config = REPOSITORY / "build-support" / "towncrier.toml"
    where = ["--config", str(config), "--dir", str(folder), "--name", folder.name, "--version", str(new)]
    return run(sys.executable, "-m", "towncrier", "build", *where, *options)


def git(*words: str) -> str:
    return run("git", "-C", str(REPOSITORY), *words).strip()


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
    if done.returncode != 0:
        stop(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def stop(message: str) -> NoReturn:
    sys.exit(f"release: {message}")


if __name__ == "__main__":
    main(sys.argv[1:])
