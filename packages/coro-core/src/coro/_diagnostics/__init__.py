"""What a program is told about itself: what its coroutines do, and what keeps them from going on.

What belongs here: finding that out and putting it into words, for the program's own errors and
logs. Showing it to somebody outside the process is `coro._inspection`'s.

There are two floors. `_waits` and `_reports` are beneath the scheduler, which takes its reprs and
its report of a dead end from them: they know coroutines only by their attributes. `_where`,
`_stderr` and `_latency` are above it.

This module is imported with the scheduler, so it imports nothing itself.
"""
