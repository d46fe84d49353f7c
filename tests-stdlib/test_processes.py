import os
import sys
import textwrap

import pytest
from stdlib_tests.outcomes import Outcome
from stdlib_tests.plan import Unit
from stdlib_tests.processes import run_unit


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run tests, given as the text of a module, as those of CPython are."""
    pytest.importorskip("test.support", reason="this Python has no tests of its own")

    def run(program, limit=30.0, only=()):
        # Its environment is not passed on; a `.pth` file would need an environment of its own.
        (tmp_path / "module_of_tests.py").write_text("import unittest\n" + textwrap.dedent(program))
        start = tmp_path / "python"
        start.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {sys.executable} "$@"\n')
        start.chmod(0o755)
        told = []
        found = run_unit(
            str(start), Unit("x", "module_of_tests", only), limit, [], lambda identity, result: told.append(identity)
        )
        assert sorted(told) == sorted(found)
        return {identity.removeprefix("module_of_tests."): result for identity, result in found.items()}

    return run


def outcomes(found):
    return {identity: result.outcome for identity, result in found.items()}


def test_every_outcome_is_told_apart(run):
    found = run("""
        class A(unittest.TestCase):
            def test_passes(self): pass
            def test_fails(self): self.fail("it must")
            def test_raises(self): 1 / 0
            def test_skips(self): self.skipTest("no such thing")
            @unittest.expectedFailure
            def test_known(self): self.fail()
            @unittest.expectedFailure
            def test_surprise(self): pass
            def test_part(self):
                for number in range(3):
                    with self.subTest(number):
                        self.assertNotEqual(number, 1)
    """)
    assert outcomes(found) == {
        "A.test_passes": Outcome.PASSED,
        "A.test_fails": Outcome.FAILED,
        "A.test_raises": Outcome.FAILED,
        "A.test_skips": Outcome.SKIPPED,
        "A.test_known": Outcome.EXPECTED,
        "A.test_surprise": Outcome.UNEXPECTED,
        "A.test_part": Outcome.FAILED,
    }
    assert "it must" in found["A.test_fails"].why
    assert found["A.test_skips"].why == "no such thing"


def test_a_hang_and_a_crash_cost_one_test_each(run):
    found = run(
        """
        import os, time
        class A(unittest.TestCase):
            def test_1(self): pass
            def test_2(self): time.sleep(1000)
            def test_3(self): os._exit(3)
            def test_4(self): pass
        """,
        limit=2.0,
    )
    assert list(outcomes(found).values()) == [Outcome.PASSED, Outcome.HUNG, Outcome.CRASHED, Outcome.PASSED]
    assert "time.sleep" in found["A.test_2"].why or "test_2" in found["A.test_2"].why
    assert "exit status 3" in found["A.test_3"].why


def test_a_process_that_does_not_end_is_told(run):
    found = run(
        """
        import threading, time
        class A(unittest.TestCase):
            def test_1(self): threading.Thread(target=time.sleep, args=(1000,)).start()
        """,
        limit=2.0,
    )
    assert outcomes(found) == {"A.test_1": Outcome.PASSED, "module_of_tests (exit)": Outcome.HUNG}


def test_a_class_that_cannot_be_set_up_fails_all_its_tests(run):
    found = run("""
        class A(unittest.TestCase):
            @classmethod
            def setUpClass(cls): 1 / 0
            def test_1(self): pass
            def test_2(self): pass
        class B(unittest.TestCase):
            def test_1(self): pass
    """)
    assert outcomes(found) == {"A.test_1": Outcome.FAILED, "A.test_2": Outcome.FAILED, "B.test_1": Outcome.PASSED}


def test_a_class_that_cannot_be_taken_down_is_told(run):
    found = run("""
        class A(unittest.TestCase):
            @classmethod
            def tearDownClass(cls): 1 / 0
            def test_1(self): pass
    """)
    assert outcomes(found) == {"A.test_1": Outcome.PASSED, "A (fixture)": Outcome.FAILED}


def test_a_module_that_skips_itself_is_skipped(run):
    assert list(outcomes(run("raise unittest.SkipTest('not here')")).values()) == [Outcome.SKIPPED]


def test_a_module_that_cannot_be_imported_is_told(run):
    found = run("import a_module_that_is_nowhere")
    assert list(outcomes(found).values()) == [Outcome.CRASHED]


def test_only_what_is_chosen_runs(run):
    program = """
        class A(unittest.TestCase):
            def test_1(self): pass
            def test_12(self): pass
    """
    assert list(run(program, only=("module_of_tests.A.test_1",))) == ["A.test_1"]


def test_a_forked_child_that_has_lost_its_way_tells_nothing(run):
    found = run("""
        import os
        class A(unittest.TestCase):
            def test_1(self):
                child = os.fork()
                if child == 0: raise SystemExit
                os.waitpid(child, 0)
                self.fail("in the parent")
    """)
    assert "in the parent" in found["A.test_1"].why


def test_the_tests_see_no_variables_of_this_python(run, monkeypatch):
    monkeypatch.setitem(os.environ, "PYTHONWARNINGS", "error")
    found = run("""
        import os
        class A(unittest.TestCase):
            def test_1(self): self.assertNotIn("PYTHONWARNINGS", os.environ)
    """)
    assert outcomes(found) == {"A.test_1": Outcome.PASSED}
