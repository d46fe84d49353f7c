"""Calls into other interpreters let others run. What is asserted is true of plain Python too."""

import threading

import pytest

interpreters = pytest.importorskip("concurrent.interpreters", reason="there are none before 3.14")


def test_others_run_meanwhile(both: str) -> None:
    """The code there waits for what another thread sends."""
    there, here = interpreters.create_queue(), interpreters.create_queue()
    one = interpreters.create()
    one.prepare_main(there=there, here=here)
    thread = threading.Thread(target=one.exec, args=("here.put(there.get(timeout=60) + 1)",))
    thread.start()
    there.put(6)
    assert here.get(timeout=60) == 7
    thread.join()
    one.close()


def test_a_result_and_an_error(both: str) -> None:
    one = interpreters.create()
    assert one.call(divmod, 7, 2) == (3, 1)
    with pytest.raises(interpreters.ExecutionFailed, match="division"):
        one.call(divmod, 7, 0)
    one.close()


def test_a_pool(both: str) -> None:
    from concurrent.futures import InterpreterPoolExecutor

    with InterpreterPoolExecutor(2) as pool:
        assert list(pool.map(divmod, [7, 8, 9], [2, 3, 4])) == [(3, 1), (2, 2), (2, 1)]
        assert pool.submit(abs, -1).result() == 1


def test_the_caller_gives_its_name(both: str) -> None:
    one = interpreters.create()
    names = interpreters.create_queue()
    one.prepare_main(names=names)
    code = "import _thread; names.put(_thread._get_name())"
    thread = threading.Thread(target=one.exec, args=(code,), name="somebody")
    thread.start()
    thread.join()
    assert names.get(timeout=60) == "somebody"
    one.close()
