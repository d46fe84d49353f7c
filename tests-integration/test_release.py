"""`make release` in a copy of the repository."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from peers import program

pytest.importorskip("towncrier")

REPOSITORY = Path(__file__).resolve().parent.parent
AUTHOR = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@b.c",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@b.c",
}

Release = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Enough of the repository, committed, with no release so far and one piece of news."""
    program("git")
    for name, value in AUTHOR.items():
        monkeypatch.setenv(name, value)
    shutil.copytree(REPOSITORY / "build-support", tmp_path / "build-support")
    for file in REPOSITORY.glob("packages/*/pyproject.toml"):
        folder = tmp_path / file.relative_to(REPOSITORY).parent
        folder.mkdir(parents=True)
        shutil.copy(file, folder)
        shutil.copy(file.with_name("CHANGELOG.md"), folder)
    news(tmp_path, "first.added", "First release.")
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", folder, *words], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "all")


def news(folder: Path, name: str, text: str) -> None:
    changes = folder / "packages" / "coro-sock" / "changes"
    changes.mkdir(exist_ok=True)
    (changes / f"+{name}.md").write_text(text + "\n")


@pytest.fixture
def release(copy: Path) -> Release:
    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, copy / "build-support" / "release.py", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    return run


def version_of(folder: Path) -> str:
    project = tomllib.loads((folder / "packages" / "coro-sock" / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def test_a_dry_run_tells_all_and_does_nothing(copy: Path, release: Release) -> None:
    before = git(copy, "rev-parse", "HEAD")
    done = release("coro-sock", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "First release." in done.stdout
    assert "Not done: the commit, and the tag coro-sock-v0.1.0" in done.stdout
    assert git(copy, "status", "--porcelain") == ""
    assert git(copy, "tag", "--list") == ""
    assert git(copy, "rev-parse", "HEAD") == before


def test_the_news_decides_what_comes_next(copy: Path, release: Release) -> None:
    assert release("coro-sock").returncode == 0
    assert git(copy, "tag", "--list") == "coro-sock-v0.1.0"  # as what it was, as it was never released
    for name, text, version in (
        ("a.fixed", "A mistake.", "0.1.1"),
        ("b.added", "A thing.", "0.1.2"),
    ):
        news(copy, name, text)
        commit(copy)
        done = release("coro-sock")
        assert done.returncode == 0, done.stderr
        assert version_of(copy) == version
        assert git(copy, "tag", "--list", "--points-at", "HEAD") == f"coro-sock-v{version}"
        assert git(copy, "status", "--porcelain") == ""
        changelog = (copy / "packages" / "coro-sock" / "CHANGELOG.md").read_text()
        assert re.search(
            rf"^## {re.escape(version)} \(\d\d\d\d-\d\d-\d\d\)\n\n### \w+\n\n- {text}\n", changelog, re.MULTILINE
        )
        assert list((copy / "packages" / "coro-sock" / "changes").glob("*.md")) == []
    assert changelog.index("0.1.2") < changelog.index("0.1.1") < changelog.index("0.1.0")


def test_a_version_that_others_do_not_allow(release: Release) -> None:
    done = release("coro-sock", "--version", "0.2.0", "--dry-run")
    assert done.returncode == 1
    assert re.search(r"coro-patch needs coro-sock.*, which 0\.2\.0 is not", done.stderr)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ["coro-socks"],
            "there is no distribution 'coro-socks'; there are coro-consts, coro-core, coro-patch, coro-sock",
        ),
        (["coro-sock", "--version", "new"], "--version must be one as 1.2.0, not 'new'"),
        (["coro-sock", "--version", "0.0.9"], "coro-sock is 0.1.0 already"),
        (["coro-core"], "there is no news in packages/coro-core/changes"),
    ],
)
def test_what_it_refuses(release: Release, words: list[str], complaint: str) -> None:
    done = release(*words)
    assert done.returncode != 0
    assert complaint in done.stderr


def test_what_is_not_committed_stops_it(copy: Path, release: Release) -> None:
    (copy / "new").touch()
    done = release("coro-sock")
    assert (done.returncode, done.stderr) == (
        1,
        "release: there are changes that are not committed: commit them, or put them aside with git stash\n",
    )


def test_news_of_no_kind(copy: Path, release: Release) -> None:
    news(copy, "odd.strange", "What?")
    commit(copy)
    done = release("coro-sock")
    assert "packages/coro-sock/changes/+odd.strange.md: its name must be +NAME.KIND.md" in done.stderr
