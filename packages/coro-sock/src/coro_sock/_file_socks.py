"""Files that are no sockets: pipes, terminals, eventfd, inotify and the like.

What belongs here: the classes by which one gets at them. Their methods are those of `sock`;
reading and writing work, and what only a socket can do fails with ENOTSOCK.

The descriptor is set not to block, and that is a property of the open file, not of the
number: whoever shares it, such as another process on the same terminal, gets it too. A
regular file cannot be waited for (epoll(7)): it is always ready, and a read from a slow disk
holds up everybody.
"""

from typing import Any

from coro_sock._sock import kind_of_socket, sock


class fd_sock(sock):
    """A descriptor with the methods of `sock`, which closes it.

    Args:
        fd: the number of the descriptor. Of a socket, domain and type are found out.

    Raises:
        OSError: `fd` is not open.
        ValueError: `fd` is negative.
    """

    def __init__(self, fd: int) -> None:
        if fd < 0:
            raise ValueError(f"fd must not be negative, but is {fd}")
        super().__init__(*kind_of_socket(fd), fd=fd)


class file_sock(sock):
    """A file object with the methods of `sock`.

    The descriptor stays that of the file object, which is kept and closed with this one. What
    the file object has in its own buffers is not seen here.

    Args:
        fileobj: anything with a ``fileno`` method.

    Raises:
        OSError: its descriptor is not open.
        TypeError: it has no ``fileno``.
    """

    _fileobj: Any = None

    def __init__(self, fileobj: Any) -> None:
        try:
            fd = fileobj.fileno()
        except AttributeError:
            raise TypeError(f"fileobj must have a fileno() method, which {type(fileobj).__name__} has not") from None
        self._fileobj = fileobj
        super().__init__(*kind_of_socket(fd), fd=fd)

    def close(self) -> None:
        """Close it and the file object. Who waits on it gets `ClosedError`. Safe to repeat."""
        fileobj, self._fileobj = self._fileobj, None
        if fileobj is None or not hasattr(fileobj, "close"):
            super().close()
        elif super().detach() >= 0:
            fileobj.close()

    def detach(self) -> int:
        """Leave the descriptor to the file object, which is let go: who has no other reference
        to it has no open descriptor either. Returns the number; -1 if it is closed."""
        fd = super().detach()
        self._fileobj = None
        return fd

    def __del__(self) -> None:
        self.close()
