"""``python -m coro_patch``: run a program emulated, or examine one. See `_command`."""

from coro_patch._programs._command import main

if __name__ == "__main__":
    main()
