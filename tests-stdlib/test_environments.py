import subprocess
import sys

import pytest
from stdlib_tests.environments import make

TELL = """
import sys
patch = sys.modules.get("coro_patch")
print(patch is not None and patch.is_module_patched("_thread"))
"""


@pytest.fixture(scope="module")
def pythons(tmp_path_factory):
    return make(sys.executable, tmp_path_factory.mktemp("pythons"))


def says(python, *options):
    done = subprocess.run([python, *options, "-c", TELL], capture_output=True, text=True, check=True, env={})
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.parametrize("options", [(), ("-I",), ("-E",)], ids=["as usual", "isolated", "without environment"])
def test_python_begins_with_the_emulation_in_one_of_them_only(pythons, options):
    assert says(pythons.emulated, *options) == "True"
    assert says(pythons.plain, *options) == "False"


def test_without_site_a_child_escapes(pythons):
    assert says(pythons.emulated, "-S") == "False"


def test_the_children_of_a_process_are_emulated(pythons):
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-I', '-c', {TELL!r}])"
    done = subprocess.run([pythons.emulated, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_the_version_is_told(pythons):
    assert pythons.version == f"{sys.version_info.major}.{sys.version_info.minor}"
