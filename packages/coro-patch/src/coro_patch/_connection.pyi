import socket

class Connection(socket.socket):
    drained: bool
    def __init__(
        self,
        family: int = -1,
        type: int = -1,
        proto: int = -1,
        fileno: int | None = None,
    ) -> None: ...
