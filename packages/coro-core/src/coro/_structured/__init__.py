"""Coroutines that end before the block or the call that started them does.

What belongs here: structured concurrency, made of what the scheduler knows of it (families and
interrupters) and of time limits. `_scope` is the mechanism; others are ways to use it.
"""
