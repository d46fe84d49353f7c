"""``python -m coro``: look at the coroutines of a running process. See `coro._inspection`."""

import sys

from coro._inspection._commands import main

if __name__ == "__main__":
    sys.exit(main())
