"""Runs CPython's own tests, unmodified, under the emulation, and beside it in plain Python.

Every module of tests runs in a fresh process of a virtual environment in which Python
begins with the emulation installed (`environments`), so the children that the tests start
are emulated too. The process tells of each test when it begins and when it ends (`worker`),
so that a hang or a crash costs one test: the others then run in a new process (`processes`).
What fails here and passes in plain Python must be on the list of exceptions, with a reason
(`exceptions`, `comparison`).
"""
