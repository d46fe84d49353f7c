"""What takes the place of the standard library's names: a module for each of its modules, by the same name.

A row of `coro_patch._table` says what replaces what. Who calls these in an OS thread that has no
coroutines gets what the original does. They stand on `coro_patch._foundation`, and know nothing
of how they come into force.
"""
