from stdlib_tests.outcomes import Outcome, Result, belongs, count, in_module


def test_what_hangs_or_crashes_or_should_have_failed_is_bad():
    assert {each for each in Outcome if each.bad} == {
        Outcome.FAILED,
        Outcome.HUNG,
        Outcome.CRASHED,
        Outcome.UNEXPECTED,
    }


def test_a_test_belongs_to_its_class_but_not_to_one_whose_name_begins_alike():
    assert belongs("test.test_x.A.test_1", "test.test_x.A")
    assert not belongs("test.test_x.AB.test_1", "test.test_x.A")


def test_what_speaks_for_a_file_counts_for_its_module():
    assert in_module("test.test_x (exit)", "test_x")
    assert in_module("test.test_x.test_part.A.test_1", "test_x")
    assert not in_module("test.test_x_local.A.test_1", "test_x")


def test_outcomes_are_counted():
    counts = count([Result(Outcome.PASSED), Result(Outcome.PASSED), Result(Outcome.HUNG)])
    assert counts[Outcome.PASSED] == 2
    assert counts[Outcome.HUNG] == 1
    assert counts[Outcome.FAILED] == 0
