import sys

import pytest
from stdlib_tests.plan import Unit, files_of, top, units

FILES = {"test_x": ["test.test_x"], "test_p": ["test.test_p.test_a", "test.test_p.test_b"]}


def test_without_a_selection_every_file_runs_as_a_whole():
    assert units([], FILES) == [
        Unit("test_x", "test.test_x"),
        Unit("test_p", "test.test_p.test_a"),
        Unit("test_p", "test.test_p.test_b"),
    ]


def test_a_package_is_all_its_files():
    assert [unit.module for unit in units(["test_p"], FILES)] == ["test.test_p.test_a", "test.test_p.test_b"]


def test_a_class_and_a_test_are_found_in_their_file():
    assert units(["test_x.A", "test.test_x.B.test_1"], FILES) == [
        Unit("test_x", "test.test_x", ("test.test_x.A", "test.test_x.B.test_1"))
    ]
    assert units(["test_p.test_b.A"], FILES) == [Unit("test_p", "test.test_p.test_b", ("test.test_p.test_b.A",))]


@pytest.mark.parametrize("selections", [["test_x", "test_x.A"], ["test_x.A", "test_x"]])
def test_a_whole_file_includes_its_parts(selections):
    assert units(selections, FILES) == [Unit("test_x", "test.test_x")]


def test_what_is_not_there_is_told_with_what_there_is():
    with pytest.raises(ValueError, match=r"test_y: there are no such tests; the modules are test_x, test_p"):
        units(["test_y"], FILES)


def test_the_module_of_a_selection():
    assert top("test.test_x.A") == top("test_x") == "test_x"


def test_the_files_of_this_python_are_found():
    pytest.importorskip("test.test_concurrent_futures", reason="this Python has no tests of its own")
    files = files_of(sys.executable, ["test_thread", "test_concurrent_futures", "test_that_is_nowhere"])
    assert files["test_thread"] == ["test.test_thread"]
    assert "test_that_is_nowhere" not in files
    assert (len(files["test_concurrent_futures"]) > 1) == (sys.version_info >= (3, 12))
