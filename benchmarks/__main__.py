"""coro beside its peers: ``python benchmarks --help``. And ``python benchmarks guard``: beside itself."""

import sys

from coro_bench import guard, main

if __name__ == "__main__":
    try:
        sys.exit(guard.main(sys.argv[2:]) if sys.argv[1:2] == ["guard"] else main.main())
    except KeyboardInterrupt:
        sys.exit(130)
