"""An echo server, and more than a thousand clients that check every byte.

First, clients inside: coroutines of this process, a thousand unless told otherwise. Then
the same server is driven from outside, by a second process that uses nothing but the
standard library's sockets. At the end stands a table of both.

The exit status is 0 if every request came back as it was sent, 1 if not, 130 after Ctrl-C.
The program itself is in `main`.
"""

import signal
import sys

if __name__ == "__main__":
    # Until main() takes care of Ctrl-C there is nothing to clean up, and nothing to say.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from main import main

    sys.exit(main())
