"""What all tests of the repository share."""

import gc
import signal


def pytest_configure() -> None:
    # Who is started in the background may have been told to ignore Ctrl-C, and passes that
    # on to the programs that the tests start, which are about Ctrl-C, some of them.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    # The leak check collects garbage around every test: not in all that pytest has loaded.
    gc.collect()
    gc.freeze()
