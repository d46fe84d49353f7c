"""Blocking functions in real OS threads.

What belongs here: threads that work for coroutines. `_real_threads` is the mechanism, `_in_thread`
what programs see of it. Coroutines in several OS threads are the scheduler's business.
"""
