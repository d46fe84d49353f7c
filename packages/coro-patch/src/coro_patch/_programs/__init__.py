"""``python -m coro_patch``: whole programs, run emulated or examined."""
