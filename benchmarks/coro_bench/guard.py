"""Has a path become longer? Counts beside those that are kept.

    python benchmarks/coro_bench/guard.py            compare; exit status 1 if one has grown
    python benchmarks/coro_bench/guard.py --keep     keep today's, where a change is meant

What is counted are instructions in user space and system calls of coro's hot paths: neither
depends on how busy a machine is. They do depend on Python's version, so only one version is compared.
"""
