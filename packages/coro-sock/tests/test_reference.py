"""The reference of the sockets, entry by entry.

`reference.txt` holds its bare facts. The first tests walk them and look at the code's
signatures; then there is one test for each entry of what is said about it, by its name.
"""

import ast
import inspect
import os
import re
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import coro
import listeners
from coro import sock
from listeners import join, until_blocked

HERE = Path(__file__).parent
PAGE = HERE.parents[2].parent / "shared" / "spec" / "sockets.txt"

REQUIRED = inspect.Parameter.empty
Parameters = list[tuple[str, Any]]


class Entry(NamedTuple):
    name: str  # as it stands in the file: coro.tcp_sock, sock.accept
    kind: str  # "class", "attribute" or "function"
    parameters: Parameters | None  # None if there are none to look at
    base: str | None

    @property
    def found(self) -> Any:
        """What it names in the code, by way of `coro`."""
        found: Any = coro
        for part in self.name.removeprefix("coro.").split("."):
            found = getattr(found, part)
        return found


def parameters_of(text: str) -> Parameters:
    """The names and defaults in what stands between the parentheses."""
    arguments = ast.parse(f"def f({text}): pass").body[0].args  # type: ignore[attr-defined]
    defaults = [REQUIRED] * (len(arguments.args) - len(arguments.defaults)) + [
        getattr(socket, each.id) if isinstance(each, ast.Name) else ast.literal_eval(each)
        for each in arguments.defaults
    ]
    return list(zip((each.arg for each in arguments.args), defaults, strict=True))


def entry(line: str) -> Entry:
    match = re.fullmatch(r"(?:(class|attribute) )?([\w.]+)(?:\((.*)\))?(?: from ([\w.]+))?", line)
    assert match, line
    kind, name, inside, base = match.groups()
    return Entry(name, kind or "function", None if inside is None else parameters_of(inside), base)


ENTRIES = [
    entry(line) for line in (HERE / "reference.txt").read_text().splitlines() if line and not line.startswith("#")
]
every_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)


# -- the facts


@every_entry
def test_it_is_there_and_of_its_kind(entry: Entry) -> None:
    found = entry.found
    assert isinstance(found, type) == (entry.kind == "class")
    assert callable(found) == (entry.kind != "attribute")
    if entry.base is not None:
        assert issubclass(found, getattr(coro, entry.base.removeprefix("coro.")))


@every_entry
def test_it_is_described(entry: Entry) -> None:
    if entry.kind == "attribute":
        attribute = entry.name.rpartition(".")[2]
        assert re.search(rf"Attributes:.*\b{attribute}\b.*:", sock.__doc__ or "", re.DOTALL)
    else:
        assert entry.found.__doc__


@pytest.mark.parametrize(
    "entry",
    [each for each in ENTRIES if each.parameters is not None and each.name != "coro.sock"],
    ids=lambda entry: entry.name,
)
def test_it_takes_the_parameters_of_the_reference(entry: Entry) -> None:
    assert entry.parameters is not None
    ours = list(inspect.signature(entry.found).parameters.values())
    assert len(ours) >= len(entry.parameters)
    for its, (name, default) in zip(ours, entry.parameters, strict=False):
        assert (its.name, its.kind) == (name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        # What the reference wants may be optional here, but not the other way round.
        assert its.default == default or default is REQUIRED
    assert all(its.default is not REQUIRED for its in ours[len(entry.parameters) :])


def test_every_entry_has_a_test_of_what_it_does() -> None:
    missing = [each.name for each in ENTRIES if f"test_{each.name.replace('.', '_')}" not in globals()]
    assert missing == []


@pytest.mark.skipif(not PAGE.exists(), reason="the page itself is not beside this repository")
def test_nothing_on_the_page_is_missing() -> None:
    known = {each.name: each for each in ENTRIES}
    current = "coro"
    seen = set()
    for line in PAGE.read_text().splitlines():
        made = re.sub(r"\b(int|socklen_t) ", "", re.sub("[\u2018\u2019]", "'", line))
        if match := re.fullmatch(r"class coro\.(\w+)", made):
            current = match[1]
            seen.add(f"coro.{current}")
        elif match := re.fullmatch(r"(coro\.\w+|sock|file_sock|fd_sock)\((.*)\)(?: .*)?", made):
            name = match[1] if "." in match[1] else f"coro.{match[1]}"
            assert known[name].parameters == parameters_of(match[2])
            seen.add(name)
        elif match := re.fullmatch(r"(\w+)\((self.*)\)", made):
            assert known[f"{current}.{match[1]}"].parameters == parameters_of(match[2])
            seen.add(f"{current}.{match[1]}")
        elif match := re.fullmatch(r"(\w+): 'int'", made):
            assert known[f"{current}.{match[1]}"].kind == "attribute"
            seen.add(f"{current}.{match[1]}")
        elif match := re.fullmatch(r"coro\.\w+", made):
            seen.add(match[0])
        elif match := re.fullmatch(r"Bases: (?:coro\._coro\.)?(\w+)", made):
            base = known[f"coro.{current}"].base
            assert base == (None if match[1] == "object" else f"coro.{match[1]}")
    assert seen == set(known)


# -- what they do: functions


@pytest.fixture
def listener(_no_leaks: None, tmp_path: Path) -> Iterator[sock]:
    with listeners.listen("ipv4", tmp_path) as made:
        yield made


@pytest.fixture
def ends(_no_leaks: None) -> Iterator[tuple[sock, sock]]:
    left, right = coro.socketpair()
    with left, right:
        yield left, right


def is_made(made: sock, domain: int, stype: int) -> bool:
    """Whether the system agrees that it is of this kind."""
    with made:
        assert type(made) is sock
        assert (made.domain, made.stype) == (domain, stype)
        return (
            made.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN) == domain
            and made.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == stype
        )


def test_coro_tcp_sock() -> None:
    assert is_made(coro.tcp_sock(), socket.AF_INET, socket.SOCK_STREAM)


def test_coro_udp_sock() -> None:
    assert is_made(coro.udp_sock(), socket.AF_INET, socket.SOCK_DGRAM)


needs_ipv6 = pytest.mark.skipif(not coro.has_ipv6(), reason="this machine has no IPv6")


@needs_ipv6
def test_coro_tcp6_sock() -> None:
    assert is_made(coro.tcp6_sock(), socket.AF_INET6, socket.SOCK_STREAM)


@needs_ipv6
def test_coro_udp6_sock() -> None:
    assert is_made(coro.udp6_sock(), socket.AF_INET6, socket.SOCK_DGRAM)


def test_coro_unix_sock() -> None:
    assert is_made(coro.unix_sock(), socket.AF_UNIX, socket.SOCK_STREAM)


def test_coro_socketpair() -> None:
    made = coro.socketpair()
    assert isinstance(made, tuple)
    left, right = made
    left.send(b"to the right")
    assert right.recv(100) == b"to the right"
    right.send(b"to the left")
    assert left.recv(100) == b"to the left"
    assert all(is_made(each, socket.AF_UNIX, socket.SOCK_STREAM) for each in made)
    datagrams = coro.socketpair(stype=socket.SOCK_DGRAM)
    assert all(is_made(each, socket.AF_UNIX, socket.SOCK_DGRAM) for each in datagrams)
    with pytest.raises(OSError, match="not supported"):
        coro.socketpair(socket.AF_INET)


def test_coro_has_ipv6() -> None:
    try:
        socket.socket(socket.AF_INET6).close()
    except OSError:
        assert coro.has_ipv6() is False
    else:
        assert coro.has_ipv6() is True


def test_coro_get_live_sockets() -> None:
    before = coro.get_live_sockets()
    made = [coro.tcp_sock(), *coro.socketpair()]
    made[0].close()
    assert coro.get_live_sockets() == before + 3
    del made
    assert coro.get_live_sockets() == before


# -- what they do: classes and attributes


def test_coro_sock() -> None:
    assert is_made(sock(), socket.AF_INET, socket.SOCK_STREAM)
    assert is_made(sock(socket.AF_UNIX, socket.SOCK_DGRAM, 0, -1), socket.AF_UNIX, socket.SOCK_DGRAM)
    fd = socket.socket(socket.AF_UNIX).detach()
    with sock(domain=socket.AF_UNIX, stype=socket.SOCK_STREAM, protocol=0, fd=fd) as made:
        assert made.fd == fd
    with pytest.raises(TypeError):
        sock(socket.AF_INET, socket.SOCK_STREAM, 0, -1, 5)  # type: ignore[call-arg]
    with pytest.raises(OSError, match="not supported"):
        sock(12345)


def test_coro_fd_sock() -> None:
    reader, writer = os.pipe()
    made = coro.fd_sock(reader)
    os.write(writer, b"through a pipe")
    assert made.read(100) == b"through a pipe"
    os.close(writer)
    assert made.read(100) == b""
    del made
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(reader)


def test_coro_file_sock() -> None:
    class OnlyFileno:
        def __init__(self, fd: int) -> None:
            self.fd = fd

        def fileno(self) -> int:
            return self.fd

    reader, writer = os.pipe()
    with coro.fd_sock(reader) as other_end:
        made = coro.file_sock(OnlyFileno(writer))
        made.write(b"of a file")
        assert other_end.read(100) == b"of a file"
        del made  # closes the descriptor
        assert other_end.read(100) == b""


def test_sock_fd() -> None:
    made = coro.tcp_sock()
    assert os.fstat(made.fd)
    made.close()
    assert made.fd == -1


def test_sock_orig_fd() -> None:
    made = coro.tcp_sock()
    fd = made.fd
    assert made.orig_fd == fd
    made.close()
    assert made.orig_fd == fd


def test_sock_domain() -> None:
    with coro.unix_sock() as made:
        assert made.domain == coro.AF.UNIX
    reader, writer = os.pipe()
    with coro.fd_sock(reader) as one, coro.fd_sock(writer):
        assert one.domain == coro.AF.UNSPEC


def test_sock_stype() -> None:
    with coro.udp_sock() as made:
        assert made.stype == coro.SOCK.DGRAM


# -- what they do: methods


def test_sock_accept(listener: sock, tmp_path: Path) -> None:
    with coro.tcp_sock() as client:
        client.connect(listener.getsockname())
        made, address = listener.accept()
        with made:
            assert type(made) is sock
            assert address == client.getsockname()
            assert [type(each) for each in address] == [str, int]
    with listeners.listen("unix-path", tmp_path) as other, coro.unix_sock() as client:
        client.connect(other.getsockname())
        made, address = other.accept()
        made.close()
        assert address == ""
    with coro.tcp_sock() as unbound, pytest.raises(OSError, match="Invalid argument"):
        unbound.accept()


def test_sock_accept_many(listener: sock) -> None:
    clients = [coro.tcp_sock() for _ in range(5)]
    for each in clients:
        each.connect(listener.getsockname())
    accepted = listener.accept_many(2)
    assert len(accepted) == 2
    accepted += listener.accept_many()
    assert [address for _, address in accepted] == [each.getsockname() for each in clients]
    waiting = coro.spawn(listener.accept_many)
    until_blocked(waiting)
    clients.append(coro.tcp_sock())
    clients[-1].connect(listener.getsockname())
    [found] = join(waiting)
    assert isinstance(found, list)
    assert [address for _, address in found] == [clients[-1].getsockname()]
    for each in clients + [each for each, _ in accepted + found]:
        each.close()


def test_sock_bind(tmp_path: Path) -> None:
    with coro.tcp_sock() as made, coro.tcp_sock() as other:
        made.bind(("", 0))
        host, port = made.getsockname()
        assert (host, port > 0) == ("", True)  # in the host's byte order, so it can be used as it is
        with pytest.raises(OSError, match="Address already in use"):
            other.bind(("127.0.0.1", port))
    with coro.unix_sock() as made:
        made.bind(str(tmp_path / "socket"))
        assert (tmp_path / "socket").is_socket()


def test_sock_close() -> None:
    made = coro.tcp_sock()
    made.close()
    made.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(made.orig_fd)


def test_sock_connect(listener: sock) -> None:
    with coro.tcp_sock() as client:
        client.connect(listener.getsockname())
        assert client.getpeername() == listener.getsockname()
    with coro.unix_sock() as client, pytest.raises(OSError, match="No such file"):
        client.connect("/no/such/socket")


def test_sock_connect_addr(listener: sock) -> None:
    with coro.tcp_sock() as client:
        client.connect_addr(listener.getsockname(), resolve=False)
        assert client.getpeername() == listener.getsockname()


def test_sock_dup(ends: tuple[sock, sock]) -> None:
    left, right = ends
    with left.dup() as copy:
        assert type(copy) is sock
        assert copy.fd != left.fd
        assert os.path.sameopenfile(copy.fd, left.fd)
        left.close()
        copy.send(b"still open")
        assert right.recv(100) == b"still open"


def test_sock_fileno() -> None:
    made = coro.tcp_sock()
    assert made.fileno() == made.fd >= 0
    made.close()
    assert made.fileno() == -1


def test_sock_get_fileno() -> None:
    made = coro.tcp_sock()
    assert made.get_fileno() == made.fd >= 0
    made.close()
    assert made.get_fileno() == -1


def test_sock_getpeername(listener: sock, ends: tuple[sock, sock]) -> None:
    with coro.tcp_sock() as client:
        with pytest.raises(OSError, match="not connected"):
            client.getpeername()
        client.connect(listener.getsockname())
        assert client.getpeername() == ("127.0.0.1", listener.getsockname()[1])
    assert ends[0].getpeername() == ""


def test_sock_getsockname(tmp_path: Path) -> None:
    with coro.tcp_sock() as made:
        assert made.getsockname() == ("", 0)
        made.bind(("127.0.0.1", 0))
        host, port = made.getsockname()
        assert (host, type(port)) == ("127.0.0.1", int)
    with coro.unix_sock() as made:
        assert made.getsockname() == ""
        made.bind(str(tmp_path / "name"))
        assert made.getsockname() == str(tmp_path / "name")


def test_sock_getsockopt() -> None:
    with coro.tcp_sock() as made:
        assert made.getsockopt(coro.SOL.SOCKET, coro.SO.TYPE) == socket.SOCK_STREAM
        assert made.getsockopt(coro.SOL.SOCKET, coro.SO.LINGER, 8) == struct.pack("ii", 0, 0)
        with pytest.raises(OSError, match="Protocol not available"):
            made.getsockopt(coro.SOL.SOCKET, 0xFFFF)


def test_sock_listen() -> None:
    with coro.tcp_sock() as made, coro.tcp_sock() as client:
        made.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            client.connect(made.getsockname())
        made.listen(1)
        client.connect(made.getsockname())
    with coro.udp_sock() as made, pytest.raises(OSError, match="not supported"):
        made.listen(1)


def test_sock_makefile(ends: tuple[sock, sock]) -> None:
    left, right = ends
    with left.makefile("w", 1) as writing, right.makefile() as reading:
        assert writing.fileno() != left.fd
        print("a line", file=writing)
        assert reading.readline() == "a line\n"


def test_sock_read(ends: tuple[sock, sock]) -> None:
    ends[0].send(b"data")
    assert ends[1].read(3) == b"dat"
    ends[0].close()
    assert ends[1].read(3) == b"a"
    assert ends[1].read(3) == b""


def test_sock_readv(ends: tuple[sock, sock]) -> None:
    left, right = ends
    reading = coro.spawn(right.readv, [1, 2, 3])
    until_blocked(reading)
    left.send(b"a")
    left.send(b"bbccc")
    assert join(reading) == [(b"a", b"bb", b"ccc")]
    left.send(b"aaaab")
    left.close()
    assert right.readv([4, 4, 4]) == (b"aaaa", b"b")
    assert right.readv([4, 4]) == ()


def test_sock_recv(ends: tuple[sock, sock]) -> None:
    left, right = ends
    left.send(b"less")
    assert right.recv(100) == b"less"
    left.close()
    assert right.recv(100) == b""
    with coro.tcp_sock() as unconnected, pytest.raises(OSError, match="not connected"):
        unconnected.recv(1)


def test_sock_recv_exact(ends: tuple[sock, sock]) -> None:
    left, right = ends
    reading = coro.spawn(right.recv_exact, 6)
    until_blocked(reading)
    left.send(b"abc")
    left.send(b"defgh")
    assert join(reading) == [b"abcdef"]
    left.close()
    with pytest.raises(EOFError) as caught:
        right.recv_exact(3)
    assert caught.value.args == (b"gh",)


def test_sock_recv_into(ends: tuple[sock, sock]) -> None:
    left, right = ends
    buffer = bytearray(5)
    left.send(b"abcdefgh")
    assert right.recv_into(buffer) == 5
    assert buffer == b"abcde"
    assert right.recv_into(buffer, 2) == 2
    assert right.recv_into(buffer, nbytes=5, flags=socket.MSG_PEEK) == 1
    assert buffer == b"hgcde"


def test_sock_recvfrom(ends: tuple[sock, sock]) -> None:
    with coro.udp_sock() as receiver, coro.udp_sock() as sender:
        receiver.bind(("127.0.0.1", 0))
        sender.bind(("127.0.0.1", 0))
        sender.sendto(b"message", receiver.getsockname())
        assert receiver.recvfrom(100, socket.MSG_PEEK) == (b"message", sender.getsockname())
        assert receiver.recvfrom(4) == (b"mess", sender.getsockname())
    left, right = ends
    left.close()
    assert right.recvfrom(100)[0] == b""


def test_sock_recvfrom_into() -> None:
    with coro.udp_sock() as receiver, coro.udp_sock() as sender:
        receiver.bind(("127.0.0.1", 0))
        sender.bind(("127.0.0.1", 0))
        buffer = bytearray(10)
        sender.sendto(b"message", receiver.getsockname())
        assert receiver.recvfrom_into(buffer, 3, socket.MSG_PEEK) == (3, sender.getsockname())
        assert receiver.recvfrom_into(buffer) == (7, sender.getsockname())
        assert buffer == b"message\0\0\0"


def all_of_a_large_message_is_sent(left: sock, right: sock, method: str) -> bool:
    data = bytes(range(256)) * 8192
    sending = coro.spawn(getattr(left, method), data)
    until_blocked(sending)
    assert right.recv_exact(len(data)) == data
    return bool(join(sending) == [len(data)])


def test_sock_send(ends: tuple[sock, sock]) -> None:
    left, right = ends
    assert all_of_a_large_message_is_sent(left, right, "send")
    right.close()
    with pytest.raises(OSError, match="Broken pipe"):
        left.send(b"nobody is there")


def test_sock_sendall(ends: tuple[sock, sock]) -> None:
    assert all_of_a_large_message_is_sent(*ends, "sendall")


def test_sock_write(ends: tuple[sock, sock]) -> None:
    assert all_of_a_large_message_is_sent(*ends, "write")


def test_sock_writev(ends: tuple[sock, sock]) -> None:
    left, right = ends
    parts = [bytes([n]) * n * 100 for n in range(100)]
    writing = coro.spawn(left.writev, parts)
    assert right.recv_exact(sum(map(len, parts))) == b"".join(parts)
    assert join(writing) == [sum(map(len, parts))]
    right.close()
    with pytest.raises(OSError, match="Broken pipe"):
        left.writev([b"nobody", b"is there"])


def test_sock_sendto(tmp_path: Path) -> None:
    with coro.udp_sock() as receiver, coro.udp_sock() as sender:
        receiver.bind(("127.0.0.1", 0))
        assert sender.sendto(b"message", receiver.getsockname()) == 7
        assert sender.sendto(b"another", receiver.getsockname(), socket.MSG_DONTROUTE) == 7
        assert [receiver.recv(100), receiver.recv(100)] == [b"message", b"another"]
        with pytest.raises(OSError, match="Message too long"):
            sender.sendto(bytes(70_000), receiver.getsockname())
    path = str(tmp_path / "receiver")
    with sock(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver, sock(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        receiver.bind(path)
        assert sender.sendto(b"message", path) == 7
        assert receiver.recvfrom(100) == (b"message", "")


def test_sock_set_reuse_addr() -> None:
    with coro.tcp_sock() as made:
        assert made.getsockopt(coro.SOL.SOCKET, coro.SO.REUSEADDR) == 0
        made.set_reuse_addr()
        assert made.getsockopt(coro.SOL.SOCKET, coro.SO.REUSEADDR) == 1


def test_sock_setsockopt() -> None:
    with coro.tcp_sock() as made:
        made.setsockopt(coro.SOL.SOCKET, coro.SO.KEEPALIVE, 1)
        assert made.getsockopt(coro.SOL.SOCKET, coro.SO.KEEPALIVE) == 1
        made.setsockopt(coro.SOL.SOCKET, coro.SO.LINGER, struct.pack("ii", 1, 5))
        assert made.getsockopt(coro.SOL.SOCKET, coro.SO.LINGER, 8) == struct.pack("ii", 1, 5)
        with pytest.raises(OSError, match="Protocol not available"):
            made.setsockopt(coro.SOL.SOCKET, 0xFFFF, 1)


def test_sock_shutdown(ends: tuple[sock, sock]) -> None:
    left, right = ends
    left.shutdown(coro.SHUT.WR)
    assert right.recv(1) == b""
    right.send(b"the other way")
    assert left.recv(100) == b"the other way"
    with coro.tcp_sock() as unconnected, pytest.raises(OSError, match="not connected"):
        unconnected.shutdown(coro.SHUT.RD)


def test_sock_wait_for_read(ends: tuple[sock, sock]) -> None:
    left, right = ends
    waiting = coro.spawn(right.wait_for_read)
    until_blocked(waiting)
    left.send(b"12345")
    assert join(waiting) == [5]


def test_sock_wait_for_write(ends: tuple[sock, sock]) -> None:
    left, right = ends
    filled = listeners.fill(left)
    waiting = coro.spawn(left.wait_for_write)
    until_blocked(waiting)
    right.recv_exact(filled)
    assert join(waiting)[0] > 0


# -- what they do: constants


def test_coro_AF() -> None:
    assert [int(socket.AF_INET), socket.AF_INET6, socket.AF_UNIX] == [coro.AF.INET, coro.AF.INET6, coro.AF.UNIX]


def test_coro_PF() -> None:
    assert coro.PF is coro.AF


def test_coro_SHUT() -> None:
    assert (coro.SHUT.RD, coro.SHUT.WR, coro.SHUT.RDWR) == (socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR)


def test_coro_SO() -> None:
    assert (coro.SO.REUSEADDR, coro.SO.KEEPALIVE) == (socket.SO_REUSEADDR, socket.SO_KEEPALIVE)


def test_coro_SOCK() -> None:
    assert [int(socket.SOCK_STREAM), int(socket.SOCK_DGRAM)] == [coro.SOCK.STREAM, coro.SOCK.DGRAM]


def test_coro_SOL() -> None:
    assert (coro.SOL.SOCKET, coro.SOL.TCP) == (socket.SOL_SOCKET, socket.SOL_TCP)
