"""What an installation of the four distributions consists of."""

import shutil
import subprocess
from importlib.metadata import distribution, entry_points
from pathlib import PurePosixPath

import pytest

import coro

PACKAGES = {"coro-consts": "coro_consts", "coro-core": "coro", "coro-sock": "coro_sock", "coro-patch": "coro_patch"}
INTERFACE = {
    "coro/__init__.pxd",
    "coro/interface/__init__.pxd",
    "coro/interface/capi.pxd",
    "coro/interface/coro_capi.h",
}

every_distribution = pytest.mark.parametrize("name", PACKAGES)


def files(name: str) -> set[str]:
    return {str(path) for path in distribution(name).files or ()}


@every_distribution
def test_carries_its_license(name: str) -> None:
    metadata = distribution(name).metadata
    assert metadata["License-Expression"] == "MIT"
    assert [PurePosixPath(path).name for path in metadata.get_all("License-File")] == ["LICENSE"]
    assert any(path.endswith(".dist-info/licenses/LICENSE") for path in files(name))


@every_distribution
def test_is_typed(name: str) -> None:
    assert f"{PACKAGES[name]}/py.typed" in files(name)


@every_distribution
def test_holds_no_sources_but_the_interface(name: str) -> None:
    sources = {path for path in files(name) if PurePosixPath(path).suffix in {".pyx", ".pxd", ".c", ".h"}}
    assert sources == (INTERFACE if name == "coro-core" else set())


@every_distribution
def test_writes_only_into_its_own_package(name: str) -> None:
    tops = {PurePosixPath(path).parts[0] for path in files(name)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {PACKAGES[name]}


@every_distribution
def test_extension_modules_leak_no_symbols(name: str) -> None:
    if shutil.which("nm") is None:
        pytest.skip("nm is not installed (Debian: binutils)")
    for path in distribution(name).files or ():
        if path.suffix == ".so":
            command = ["nm", "--dynamic", "--defined-only", "--format=posix", str(path.locate())]
            lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
            assert [line.split()[0] for line in lines] == [f"PyInit_{path.name.partition('.')[0]}"]


def test_every_export_is_a_name_of_coro() -> None:
    exports = entry_points(group="coro.exports")
    assert exports
    for export in exports:
        assert getattr(coro, export.name) is export.load()


def test_no_two_distributions_export_one_name() -> None:
    names = [export.name for export in entry_points(group="coro.exports")]
    assert sorted(names) == sorted(set(names))
