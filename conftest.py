"""What all tests of the repository share."""

import gc
import itertools
import signal

tests_run = itertools.count(1)


def pytest_configure() -> None:
    # Who is started in the background may have been told to ignore Ctrl-C, and passes that
    # on to the programs that the tests start, which are about Ctrl-C, some of them.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    leave_to_itself()


def pytest_runtest_logfinish() -> None:
    if next(tests_run) % 50 == 0:
        leave_to_itself()


def leave_to_itself() -> None:
    """The leak check collects garbage around every test: not in all that pytest holds, which grows."""
    gc.collect()
    gc.freeze()
