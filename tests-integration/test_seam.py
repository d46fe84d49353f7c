"""Distributions that are built apart from each other, and some that do not fit.

Each test builds something from its sources, so this runs once and not on each Python:
in the tox environment `seam`, which selects the mark.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

import coro.interface

pytestmark = pytest.mark.seam

REPOSITORY = Path(__file__).resolve().parent.parent
NAMES = ["coro-consts", "coro-core", "coro-sock", "coro-patch"]
# What must be importable, and what not, with the named distribution installed.
IMPORTS = {
    "coro-consts": ({"coro_consts"}, {"coro", "coro_sock", "coro_patch"}),
    "coro-core": ({"coro"}, {"coro_consts", "coro_sock", "coro_patch"}),
    "coro-sock": ({"coro_consts", "coro", "coro_sock"}, {"coro_patch"}),
    "coro-patch": ({"coro_consts", "coro", "coro_sock", "coro_patch"}, set()),
}
# The tests look at what is built, not at how fast it runs.
QUICK = {**os.environ, "CORO_CFLAGS": "-O0"}

MAJOR, MINOR = coro.interface.VERSION


def run(*command: object, succeeds: bool = True) -> str:
    """Everything that the command wrote. The test fails if the command does not end as said."""
    done = subprocess.run(
        list(map(str, command)), env=QUICK, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert (done.returncode == 0) is succeeds, done.stdout
    return done.stdout


def run_pip(python: Path | str, *arguments: object, succeeds: bool = True) -> str:
    return run(python, "-m", "pip", "--disable-pip-version-check", *arguments, succeeds=succeeds)


@pytest.fixture
def fresh_python(tmp_path: Path) -> Path:
    """The interpreter of a new, empty environment."""
    venv.create(tmp_path / "venv", with_pip=True)
    return tmp_path / "venv" / "bin" / "python"


@pytest.fixture
def checkout(tmp_path: Path) -> Callable[..., Path]:
    """Makes a copy of the repository that holds only some of the packages."""

    def copy(*packages: str) -> Path:
        shutil.copytree(REPOSITORY / "build-support", tmp_path / "build-support")
        shutil.copy(REPOSITORY / "LICENSE", tmp_path)
        for package in packages:
            shutil.copytree(
                REPOSITORY / "packages" / package,
                tmp_path / "packages" / package,
                symlinks=True,
                ignore=shutil.ignore_patterns("*.so", "__pycache__"),
            )
        return tmp_path / "packages"

    return copy


def edit(path: Path, pattern: str, replacement: str) -> None:
    text, count = re.subn(pattern, replacement, path.read_text(), flags=re.MULTILINE)
    assert count == 1, f"{pattern!r} stands {count} times in {path}"
    path.write_text(text)


def set_version(header: Path, major: int, minor: int) -> None:
    edit(header, r"^#define CORO_CAPI_MAJOR \d+", f"#define CORO_CAPI_MAJOR {major}")
    edit(header, r"^#define CORO_CAPI_MINOR \d+", f"#define CORO_CAPI_MINOR {minor}")


def check_imports(python: Path, name: str) -> None:
    present, absent = IMPORTS[name]
    for module in sorted(present):
        run(python, "-c", f"import {module}")
    for module in sorted(absent):
        assert "ModuleNotFoundError" in run(python, "-c", f"import {module}", succeeds=False)


# Installing


@pytest.mark.parametrize("name", NAMES)
def test_installs_from_its_wheel(name: str, fresh_python: Path) -> None:
    run(fresh_python, REPOSITORY / "build-support" / "wheelhouse.py", name)
    check_imports(fresh_python, name)


def test_all_install_from_their_sdists(fresh_python: Path, tmp_path: Path) -> None:
    # Far from the checkout and in one go: pip builds each alone, and in an order of its own.
    for name in NAMES:
        run(sys.executable, "-m", "build", "--sdist", "--outdir", tmp_path / "sdists", REPOSITORY / "packages" / name)
    sdists = sorted((tmp_path / "sdists").glob("*.tar.gz"))
    for sdist in sdists:
        with tarfile.open(sdist) as archive:
            links = [member.name for member in archive if member.issym()]
            names = {member.name.partition("/")[2] for member in archive}
        assert links == []
        assert {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml"} <= names
    run_pip(fresh_python, "install", *sdists)
    check_imports(fresh_python, "coro-patch")


# Building


def test_without_the_interface_coro_sock_says_where_it_looked(checkout: Callable[..., Path]) -> None:
    packages = checkout("coro-sock")
    output = run_pip(sys.executable, "wheel", "--no-deps", packages / "coro-sock", succeeds=False)
    assert re.search(r"coro-sock \d\S* compiles against version 1\.\d+ of coro's C interface", output)
    for place in ("coro-sock/_vendor/coro/interface", "coro-core/src/coro/interface", "an installed coro"):
        assert place in output
    assert "Build from the sdist of coro-sock, which carries it, or from a checkout of the whole repository." in output
    assert "Traceback" not in output


def test_coro_sock_refuses_to_compile_against_another_interface(checkout: Callable[..., Path]) -> None:
    packages = checkout("coro-sock", "coro-core")
    set_version(packages / "coro-core/src/coro/interface/coro_capi.h", MAJOR + 1, 0)
    output = run_pip(sys.executable, "wheel", "--no-deps", packages / "coro-sock", succeeds=False)
    assert f"is written for version {MAJOR}." in output
    assert f"coro_capi.h is version {MAJOR + 1}.0" in output
    assert "Use sources of coro-core and coro-sock that were released together" in output
    assert "Traceback" not in output


# Importing


def test_coro_sock_of_another_interface_says_what_to_install(checkout: Callable[..., Path], tmp_path: Path) -> None:
    packages = checkout("coro-sock", "coro-core")
    set_version(packages / "coro-core/src/coro/interface/coro_capi.h", MAJOR + 1, 0)
    edit(packages / "coro-sock/pyproject.toml", r'^interface = ".*"', f'interface = "{MAJOR + 1}.0"')
    run_pip(sys.executable, "install", "--no-deps", "--target", tmp_path / "site", packages / "coro-sock")

    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); import coro_sock"
    error = run(sys.executable, "-c", code, succeeds=False).splitlines()[-1]
    assert error.startswith("ImportError: coro-sock ")
    assert f"for version {MAJOR + 1}.0 of coro's C interface" in error
    assert re.search(rf"coro-core \S+ provides version {MAJOR}\.{MINOR}\b", error)
    assert "pip install --upgrade coro-core coro-sock" in error


GUEST = """
from coro.interface.capi cimport CoroCAPI, Coro_Import

cdef const CoroCAPI *coro = Coro_Import("guest 0.1")

def now():
    return coro.now()
"""
SETUP = """
from Cython.Build import cythonize
from setuptools import Extension, setup

guest = Extension("guest", ["guest.pyx"], include_dirs=["include/coro/interface"])
setup(name="guest", ext_modules=cythonize([guest], include_path=["include"], language_level=3))
"""


@pytest.fixture
def guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Somebody else's extension: builds it against the header that is installed with
    coro-core, as of the version asked for, and tells what `guest.now()` did."""
    interface = Path(coro.interface.include_directory())
    shutil.copytree(interface, tmp_path / "include/coro/interface", ignore=shutil.ignore_patterns("*.py", "*.so"))
    shutil.copy(interface.parent / "__init__.pxd", tmp_path / "include/coro")
    (tmp_path / "guest.pyx").write_text(GUEST)
    (tmp_path / "setup.py").write_text(SETUP)
    monkeypatch.chdir(tmp_path)

    def build_and_call(*, major: int, minor: int, succeeds: bool) -> str:
        set_version(tmp_path / "include/coro/interface/coro_capi.h", major, minor)
        run(sys.executable, "setup.py", "-q", "build_ext", "--inplace")
        return run(sys.executable, "-c", "import guest; print(guest.now())", succeeds=succeeds)

    return build_and_call


def test_a_guest_of_the_same_interface_works(guest: Callable[..., str]) -> None:
    assert int(guest(major=MAJOR, minor=MINOR, succeeds=True)) > 0


@pytest.mark.parametrize(("major", "minor"), [(MAJOR, MINOR + 1), (MAJOR + 1, 0), (MAJOR - 1, MINOR)])
def test_a_guest_of_a_newer_or_another_interface_is_told(guest: Callable[..., str], major: int, minor: int) -> None:
    error = guest(major=major, minor=minor, succeeds=False).splitlines()[-1]
    assert error.startswith(f"ImportError: guest 0.1 was built for version {major}.{minor} of coro's C interface")
    assert f"provides version {MAJOR}.{MINOR}" in error


# What is uploaded


def test_wheels_are_all_that_is_needed(fresh_python: Path, tmp_path: Path) -> None:
    folder = tmp_path / "dist"
    run(sys.executable, REPOSITORY / "build-support" / "wheels.py", folder)
    assert len(list(folder.glob("*.tar.gz"))) == len(NAMES)
    wheels = sorted(folder.glob("*.whl"))
    tags = {wheel.name.split("-")[0]: wheel.name.removesuffix(".whl").split("-")[-1] for wheel in wheels}
    assert tags.pop("coro_consts") == "any"
    assert set(tags) == {"coro_core", "coro_sock", "coro_patch"}
    assert all(re.search(r"manylinux_2_\d+_", tag) for tag in tags.values()), tags
    # No compiler: nothing of ours can be built, only installed.
    no_compiler = {**QUICK, "CC": "/bin/false", "CXX": "/bin/false"}
    command = [fresh_python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", *wheels]
    subprocess.run(list(map(str, command)), env=no_compiler, check=True)
    demo = run(fresh_python, REPOSITORY / "examples" / "echo_demo", "--quick", "--clients", "20")
    assert "FAILED" not in demo
