"""What all tests of the repository share."""

import gc


def pytest_collection_finish() -> None:
    # The leak check collects garbage around every test: not in all that pytest has loaded.
    gc.collect()
    gc.freeze()
