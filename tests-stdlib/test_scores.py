from stdlib_tests.comparison import compare
from stdlib_tests.exceptions import Known
from stdlib_tests.outcomes import Outcome, Result
from stdlib_tests.scores import Score, keep, page, read, scores, table, total

LINE = Score("test_queue", run=5, passed=3, skipped=1, expected=0, listed=1, common=0, failed=1)


def test_a_module_is_counted_by_what_came_of_its_tests():
    emulated = {
        "test.test_queue.A.test_1": Result(Outcome.PASSED),
        "test.test_queue.A.test_2": Result(Outcome.SKIPPED),
        "test.test_queue.A.test_3": Result(Outcome.HUNG),
        "test.test_queue.A.test_4": Result(Outcome.EXPECTED),
        "test.test_queue.A.test_5": Result(Outcome.FAILED),
        "test.test_select.A.test_1": Result(Outcome.PASSED),
    }
    plain = {"test.test_queue.A.test_5": Result(Outcome.FAILED)}
    lines = scores(emulated, compare(emulated, plain, {}, set()), ["test_queue", "test_select"])
    assert lines[0] == Score("test_queue", run=4, passed=1, skipped=1, expected=1, listed=0, common=1, failed=1)
    assert lines[1] == Score("test_select", 1, 1, 0, 0, 0, 0, 0)
    assert total(lines).passed == 2


def test_what_was_kept_is_read_again_and_other_modules_stay(tmp_path):
    keep("3.9", [LINE], tmp_path)
    keep("3.10", [LINE], tmp_path)
    keep("3.10", [LINE._replace(module="test_thread"), LINE._replace(passed=4)], tmp_path)
    kept = read(tmp_path)
    assert list(kept) == ["3.9", "3.10"]
    assert [(line.module, line.passed) for line in kept["3.10"]] == [("test_thread", 3), ("test_queue", 4)]


def test_a_table_for_a_terminal_has_a_line_for_each_module_and_one_for_all():
    lines = table([LINE]).splitlines()
    assert [line.split()[0] for line in lines] == ["module", "test_queue", "all"]
    assert len({len(line) for line in lines}) == 1


def test_the_page_has_each_version_and_each_exception():
    one = Known("test.test_queue.A.test_1", ("3.13",), "either | or", "passes", "fails")
    text = page({"3.13": [LINE]}, [one])
    assert "## Python 3.13" in text
    assert "| test_queue | 5 | 3 | 1 | 0 | 1 | 0 | 1 |" in text
    assert r"| `test.test_queue.A.test_1` | 3.13 | either \| or | passes | fails |" in text
    assert "There are none." in page({"3.13": [LINE]}, [])
