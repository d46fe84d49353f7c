"""CPython's own tests under the emulation: ``python tests-stdlib --help``."""

import sys

from stdlib_tests.main import main

if __name__ == "__main__":
    sys.exit(main())
