"""The build hook of coro-core, coro-sock and coro-patch: compiles the Cython below src/.

This file has one source, build-support/hatch_build.py, and each of the three has a link
to it: hatchling looks for a hook only inside the distribution's own folder, and a hook
that is a package of its own would have to come from an index. Git keeps links, so a
checkout and an editable install need nothing more. An sdist must build alone: into it
goes the file in place of the link, and a copy of the interface of coro-core.

Settings, in each pyproject.toml under [tool.hatch.build.hooks.custom]:

    interface     the version of coro's C interface that the sources are written for
    headers-of    packages of build-system.requires that bring a C header

Environment:

    CFLAGS, CORO_CFLAGS    go after our own flags, so they win; both also reach the
                           linker, which -fsanitize=... needs
    CORO_BUILD_STRICT=1    warnings of the C compiler and of Cython are errors
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shlex
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any, NoReturn

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "embedsignature": True,
    "embedsignature.format": "clinic",  # as CPython writes it: for inspect.signature() and help()
    "binding": True,
}

# Only PyInit_* leaves an extension module: two distributions may each have a C function
# of one name. Python's own flags ask for debugging information, which would be four fifths of a
# wheel; who wants it says CORO_CFLAGS=-g.
CFLAGS = ["-O2", "-g0", "-fvisibility=hidden", "-Wall"]

# What -Wall says about the C that Cython writes, and nobody here can change.
CYTHON_NOISE = [
    "-Wno-unused-function",
    "-Wno-unused-variable",
    # Its temporary for an array in a const struct is not const. By gcc's name and clang's,
    # and each knows only its own.
    "-Wno-discarded-qualifiers",
    # Newer gcc cannot follow how it passes on the arguments of a call.
    "-Wno-maybe-uninitialized",
    "-Wno-incompatible-pointer-types-discards-qualifiers",
    "-Wno-unknown-warning-option",
]

# Mistakes, whichever compiler finds them; older ones only warn.
ALWAYS_ERRORS = [
    "-Werror=implicit-function-declaration",
    "-Werror=incompatible-pointer-types",
    "-Werror=int-conversion",
    "-Werror=return-type",
]


class CythonBuildHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        interface = self.find_interface()
        if self.target_name == "sdist":
            self.resolve_links(build_data)
            self.carry(interface, build_data)
            return
        # Kept until finalize(): the wheel is packed only after this method has returned.
        self.scratch = tempfile.TemporaryDirectory(prefix="coro-build-")
        modules = self.compile(interface, Path(self.scratch.name))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        for built, name in modules:
            if version == "editable":
                # An editable install reads src/ itself. Unlinking first leaves a process
                # that runs the old module its file.
                target = Path(self.root, "src", name)
                target.unlink(missing_ok=True)
                shutil.copyfile(built, target)
            else:
                build_data["force_include"][str(built)] = name

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if self.target_name != "sdist":
            self.scratch.cleanup()

    # The interface of coro-core

    def find_interface(self) -> Path:
        """The folder that holds coro/interface, the header and its .pxd."""
        root = Path(self.root)
        if (root / "src" / "coro" / "interface").is_dir():
            return root / "src"
        places = {
            "the copy that an sdist carries": root / "_vendor",
            "a checkout of the whole repository": root.parent / "coro-core" / "src",
        }
        # Visible only without build isolation, where find_spec sees what is installed.
        if (spec := importlib.util.find_spec("coro")) and spec.submodule_search_locations:
            places["an installed coro"] = Path(spec.submodule_search_locations[0]).parent
        wanted = self.config["interface"]
        for place in places.values():
            header = place / "coro" / "interface" / "coro_capi.h"
            if header.is_file():
                self.check_version(header, wanted)
                return place
        looked_for = [f"  {place / 'coro' / 'interface'} ({what})" for what, place in places.items()]
        if "an installed coro" not in places:
            looked_for.append("  an installed coro (seen only by a build without isolation)")
        self.stop(
            f"{self.whoami} compiles against version {wanted} of coro's C interface "
            "(coro_capi.h), which is in none of the places where it can be:",
            *looked_for,
            f"Build from the sdist of {self.metadata.name}, which carries it, or from a "
            "checkout of the whole repository.",
        )

    def check_version(self, header: Path, wanted: str) -> None:
        defines = re.findall(r"^#define CORO_CAPI_(MAJOR|MINOR) +(\d+)", header.read_text(), re.MULTILINE)
        found = {name: int(number) for name, number in defines}
        major, minor = map(int, wanted.split("."))
        if found["MAJOR"] != major or found["MINOR"] < minor:
            self.stop(
                f"{self.whoami} is written for version {wanted} of coro's C interface, but "
                f"{header} is version {found['MAJOR']}.{found['MINOR']}.",
                f"Use sources of coro-core and {self.metadata.name} that were released together, or "
                f"build from the sdist of {self.metadata.name}, which carries the header that it needs.",
            )

    # Packing an sdist

    def resolve_links(self, build_data: dict[str, Any]) -> None:
        # hatchling would pack the link itself, which points outside the archive.
        files = build_data["force_include"]
        for path in [path for path in files if os.path.islink(path)]:
            files[os.path.realpath(path)] = files.pop(path)

    def carry(self, interface: Path, build_data: dict[str, Any]) -> None:
        if interface.is_relative_to(self.root):
            return
        for path in interface_files(interface):
            build_data["force_include"][str(path)] = str("_vendor" / path.relative_to(interface))

    # Compiling

    def compile(self, interface: Path, scratch: Path) -> list[tuple[Path, str]]:
        """The built modules, and where each belongs in the wheel."""
        from Cython.Build import cythonize
        from Cython.Compiler import Options
        from setuptools import Distribution, Extension
        from setuptools.command.build_ext import build_ext

        src = Path(self.root, "src")
        sources = sorted(path.relative_to(src) for path in src.rglob("*.pyx"))
        if not sources:
            self.stop(f"{self.whoami} has no .pyx file below {src}, so there is nothing to compile.")

        # Not the folder where it was found: from there Cython would also see coro-core's
        # private .pxd files, and what builds in a checkout would not build from an sdist.
        if interface != src:
            for path in interface_files(interface):
                copy = scratch / "interface" / path.relative_to(interface)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
            interface = scratch / "interface"

        strict = os.environ.get("CORO_BUILD_STRICT", "0") not in ("", "0")
        Options.warning_errors = strict
        users = [flag for name in ("CFLAGS", "CORO_CFLAGS") for flag in shlex.split(os.environ.get(name, ""))]
        own = [*CFLAGS, *CYTHON_NOISE, *ALWAYS_ERRORS, *["-Werror"] * strict]
        include_dirs = [
            str(scratch / "c"),
            str(interface / "coro" / "interface"),
            *sorted({str(header.parent) for header in src.rglob("*.h")}),
            *(str(self.header_dir_of(package)) for package in self.config.get("headers-of", [])),
        ]
        extensions = [
            Extension(
                ".".join(source.with_suffix("").parts),
                [str(source)],
                include_dirs=include_dirs,
                # So that the version stands in pyproject.toml alone.
                define_macros=[("CORO_DISTRIBUTION", f'"{self.whoami}"')],
                extra_compile_args=[*own, *users],
                extra_link_args=users,
            )
            for source in sources
        ]
        # Cython writes the names of the sources into tracebacks as it is given them:
        # relative to src/, so that these name no folder of the machine that built.
        with contextlib.chdir(src):
            extensions = cythonize(
                extensions,
                include_path=[".", str(interface)],
                build_dir=str(scratch / "c"),
                compiler_directives=DIRECTIVES,
                force=True,
            )
            command = build_ext(Distribution({"name": self.metadata.name, "ext_modules": extensions}))
            command.build_temp = str(scratch / "o")
            command.build_lib = str(scratch / "lib")
            command.parallel = True
            command.ensure_finalized()
            command.run()
        built = [Path(command.get_ext_fullpath(extension.name)) for extension in extensions]
        return [(path, str(path.relative_to(scratch / "lib"))) for path in built]

    def header_dir_of(self, package: str) -> Path:
        """The include folder for <package/package.h>.

        greenlet's wheel brings its header twice: beside its modules, and by the "headers"
        scheme, whose folder differs between an isolated build, a venv and a system. The
        first is found wherever greenlet can be imported. Debian splits the header off into
        a package that uses the second.
        """
        spec = importlib.util.find_spec(package)
        places = [Path(place).parent for place in (spec and spec.submodule_search_locations) or ()]
        places.append(Path(sysconfig.get_path("include")))
        for place in places:
            if (place / package / f"{package}.h").is_file():
                return place
        self.stop(
            f"{self.whoami} compiles against the C header of {package}, which is not in "
            + " or ".join(str(place / package) for place in places)
            + ".",
            f"Build with isolation, which installs {package} for the build, or install {package} where you build.",
        )

    # Messages

    @property
    def whoami(self) -> str:
        return f"{self.metadata.name} {self.metadata.version}"

    def stop(self, *lines: str) -> NoReturn:
        # Not an ordinary exception: pip would bury the message under hatchling's traceback.
        self.app.display_error("\n".join(lines))
        sys.exit(1)


def interface_files(interface: Path) -> list[Path]:
    """What other people's Cython needs of coro: the header, its .pxd and the empty ones
    that make their folders packages for cimport."""
    folder = interface / "coro" / "interface"
    return [interface / "coro" / "__init__.pxd", *sorted([*folder.glob("*.pxd"), *folder.glob("*.h")])]
