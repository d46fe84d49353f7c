"""coro beside its peers: ``python benchmarks --help``."""

import sys

from coro_bench.main import main

if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
