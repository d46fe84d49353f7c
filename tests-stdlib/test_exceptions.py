import re

import pytest
from stdlib_tests.exceptions import for_version, load

ENTRY = """
[[exception]]
test = "test.test_x.A.test_1"
versions = ["3.12", "3.13"]
why = "nothing preempts a coroutine"
plain = "passes"
gevent = "fails"
"""


@pytest.fixture
def read(tmp_path):
    def read(text):
        file = tmp_path / "exceptions.toml"
        file.write_text(text)
        return load(file)

    return read


def test_the_list_of_the_repository_can_be_read():
    load()


def test_an_entry_is_for_its_versions_only(read):
    known = read(ENTRY)
    assert list(for_version(known, "3.13")) == ["test.test_x.A.test_1"]
    assert for_version(known, "3.11") == {}


@pytest.mark.parametrize("name", ["test", "versions", "why", "plain", "gevent"])
def test_an_entry_needs_each_of_its_fields(read, name):
    with pytest.raises(ValueError, match=f"entry 1.* it needs '{name}'"):
        read(re.sub(f"^{name} = .*$", "", ENTRY, flags=re.MULTILINE))


def test_a_field_that_means_nothing_is_refused(read):
    with pytest.raises(ValueError, match="reason, which means nothing"):
        read(ENTRY + 'reason = "another"')


def test_a_name_without_its_class_is_refused(read):
    with pytest.raises(ValueError, match="not qualified"):
        read(ENTRY.replace("test.test_x.A.test_1", "test_1"))


def test_a_test_that_is_there_twice_for_a_version_is_refused(read):
    with pytest.raises(ValueError, match=r"there twice for 3\.12"):
        read(ENTRY + ENTRY.replace(', "3.13"', ""))
