"""The table of hosts that the system keeps in a file (hosts(5)).

What belongs here: reading it, and reading it again when it has changed. It is small and
local, so that is done on the spot.
"""

import ipaddress
import os

HOSTS = "/etc/hosts"


class HostsFile:
    """Names and addresses as a file lists them.

    Args:
        path: of the file; one that is missing lists nothing.
    """

    def __init__(self, path: str = HOSTS) -> None:
        self.path = path
        self._state: object = None
        self._addresses: dict[str, list[str]] = {}
        self._names: dict[str, str] = {}

    def addresses(self, name: str) -> list[str]:
        """The addresses of a host, in the order of the file."""
        self._refresh()
        return list(self._addresses.get(name.lower().removesuffix("."), ()))

    def canonical_name(self, address: str) -> str | None:
        """The first name of an address; None if it is not listed."""
        self._refresh()
        return self._names.get(address)

    def _refresh(self) -> None:
        try:
            found = os.stat(self.path)
            state = (found.st_mtime_ns, found.st_size, found.st_ino)
            if state == self._state:
                return
            with open(self.path, encoding="ascii", errors="surrogateescape") as file:
                lines = file.readlines()
        except OSError:
            state, lines = None, []
        self._addresses, self._names = {}, {}
        for line in lines:
            self._take(line.partition("#")[0].split())
        self._state = state

    def _take(self, fields: list[str]) -> None:
        try:
            address = str(ipaddress.ip_address(fields[0]))
        except (IndexError, ValueError):  # an empty line, or one that the system skips too
            return
        for name in fields[1:]:
            of_name = self._addresses.setdefault(name.lower(), [])
            if address not in of_name:
                of_name.append(address)
            self._names.setdefault(address, fields[1])
