from stdlib_tests.comparison import compare
from stdlib_tests.exceptions import Known
from stdlib_tests.outcomes import Outcome, Result

ONE = "test.test_x.A.test_1"
PASSED, FAILED, SKIPPED = Result(Outcome.PASSED), Result(Outcome.FAILED), Result(Outcome.SKIPPED)


def known(sometimes=False):
    return {ONE: Known(ONE, ("3.13",), "why", "passes", "fails", sometimes)}


def test_what_fails_here_and_passes_in_plain_python_is_a_failure():
    found = compare({ONE: FAILED}, {ONE: PASSED}, {}, {"test_x"})
    assert found.failures == [ONE]
    assert not found.good


def test_what_is_skipped_in_plain_python_must_not_fail_here():
    assert compare({ONE: FAILED}, {ONE: SKIPPED}, {}, {"test_x"}).failures == [ONE]


def test_what_did_not_run_in_plain_python_must_not_fail_here():
    assert compare({ONE: FAILED}, {}, {}, {"test_x"}).failures == [ONE]


def test_what_fails_in_plain_python_too_is_no_failure():
    found = compare({ONE: Result(Outcome.HUNG)}, {ONE: FAILED}, {}, {"test_x"})
    assert (found.failures, found.common) == ([], [ONE])
    assert found.good


def test_what_is_on_the_list_is_no_failure():
    found = compare({ONE: FAILED}, {ONE: PASSED}, known(), {"test_x"})
    assert (found.failures, found.listed) == ([], [ONE])
    assert found.good


def test_an_exception_that_passes_is_stale():
    found = compare({ONE: PASSED}, {ONE: PASSED}, known(), {"test_x"})
    assert found.stale == {ONE: "passed"}
    assert not found.good


def test_an_exception_that_fails_now_and_then_may_pass():
    assert compare({ONE: PASSED}, {ONE: PASSED}, known(sometimes=True), {"test_x"}).good


def test_an_exception_that_is_no_test_is_stale_where_all_tests_have_run():
    assert compare({}, {}, known(), {"test_x"}).stale == {ONE: "there is no such test"}
    assert compare({}, {}, known(), {"test_y"}).good


def test_an_exception_that_plain_python_does_not_pass_is_stale_if_it_says_so():
    assert compare({ONE: FAILED}, {ONE: FAILED}, known(), {"test_x"}).stale == {ONE: "it fails in plain Python too"}
