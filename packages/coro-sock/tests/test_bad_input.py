"""Wrong arguments: they get the exceptions that Python's own socket raises for them.

Each case is a call that is made on a socket of ours and, where it has that method, on one of
Python's. Where we differ on purpose, the case says why.
"""

import errno
import inspect
import io
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

import coro
from coro import sock
from listeners import until_blocked

HUGE = 2**62  # bytes, which no machine has
TOO_LARGE = 2**70  # for a C integer of any size
NO_INT = 2**40  # for a C int
READ_ONLY = b"constant"

Use = Callable[[Any], Any]


class Case(NamedTuple):
    kind: str  # of socket
    name: str
    use: Use
    error: type[BaseException]
    says: str  # in the message, if it has one
    why_not: str = ""  # why it is not what Python raises


def strided() -> memoryview:
    """A buffer that is not contiguous."""
    return memoryview(bytearray(8))[::2]


def cases(kind: str, what: str, *found: tuple[Any, ...]) -> list[Case]:
    """Cases of one kind of socket."""
    return [Case(kind, f"{what} {number}", *each) for number, each in enumerate(found, 1)]


def of_addresses() -> list[Case]:
    """Every method that takes an address, with each wrong one."""
    masked = "Python cuts it to 32 bits without a word"
    truncated = "Python takes what stands before the zero byte, which is another path"
    long_path = "/tmp/" + "x" * 200
    ip4: list[tuple[Any, ...]] = [
        (None, TypeError, "IPv4 address must be a tuple"),
        (5.5, TypeError, "IPv4 address must be a tuple"),
        ("127.0.0.1", TypeError, "IPv4 address must be a tuple"),
        (b"127.0.0.1", TypeError, "IPv4 address must be a tuple"),
        (["127.0.0.1", 80], TypeError, "IPv4 address must be a tuple"),
        ((), TypeError, "IPv4 address must be a tuple"),
        (("127.0.0.1",), TypeError, "IPv4 address must be a tuple"),
        (("127.0.0.1", 80, 0), TypeError, "IPv4 address must be a tuple"),
        (("127.0.0.1", "80"), TypeError, "port of an address must be an int, not str"),
        (("127.0.0.1", 80.0), TypeError, "port of an address must be an int, not float"),
        (("127.0.0.1", None), TypeError, "port of an address must be an int, not NoneType"),
        (("127.0.0.1", -1), OverflowError, "port of an address must be 0-65535, not -1"),
        (("127.0.0.1", 65536), OverflowError, "port of an address must be 0-65535, not 65536"),
        (("127.0.0.1", TOO_LARGE), OverflowError, "port of an address must be 0-65535"),
        ((None, 80), TypeError, "host of an address must be a str or bytes, not NoneType"),
        ((127, 80), TypeError, "host of an address must be a str or bytes, not int"),
        ((("127.0.0.1",), 80), TypeError, "host of an address must be a str or bytes, not tuple"),
        (("127.0.0.1\0", 80), TypeError, "host of an address must not contain a null"),
        (("a\0b", 80), TypeError, "host of an address must not contain a null"),
        ((b"a\0b", 80), TypeError, "host of an address must not contain a null"),
        (("\udc80", 80), TypeError, "host of an address cannot be"),
        (("x" * 64 + ".ä", 80), TypeError, "host of an address cannot be"),
        (("::1", 80), socket.gaierror, "Address family for hostname"),
    ]
    ip6: list[tuple[Any, ...]] = [
        (None, TypeError, "IPv6 address must be a tuple"),
        ("::1", TypeError, "IPv6 address must be a tuple"),
        (("::1",), TypeError, "IPv6 address must be a tuple"),
        (("::1", 80, 0, 0, 0), TypeError, "IPv6 address must be a tuple"),
        (("::1", "80"), TypeError, "port of an address must be an int, not str"),
        (("::1", 65536), OverflowError, "port of an address must be 0-65535"),
        (("::1", 80, "0"), TypeError, "flowinfo of an address must be an int, not str"),
        (("::1", 80, -1), OverflowError, "flowinfo of an address must be 0-1048575"),
        (("::1", 80, 2**20), OverflowError, "flowinfo of an address must be 0-1048575"),
        (("::1", 80, 0, "0"), TypeError, "scope_id of an address must be an int, not str"),
        (("::1", 80, 0, -1), OverflowError, "scope_id of an address must be 0-4294967295", masked),
        (("::1", 80, 0, 2**32), OverflowError, "scope_id of an address must be 0-4294967295", masked),
        (("127.0.0.1", 80), socket.gaierror, "Address family for hostname"),
        (("fe80::1%no-such-interface", 80), socket.gaierror, "no interface"),
    ]
    unix: list[tuple[Any, ...]] = [
        (None, TypeError, "UNIX address must be a str or bytes, not NoneType"),
        (5.5, TypeError, "UNIX address must be a str or bytes, not float"),
        (("path", 1), TypeError, "UNIX address must be a str or bytes, not tuple"),
        (long_path, OSError, "AF_UNIX path too long"),
        (long_path.encode(), OSError, "AF_UNIX path too long"),
        ("\0" + long_path, OSError, "AF_UNIX path too long"),
        ("/tmp/" + "x" * 103, OSError, "AF_UNIX path too long"),
        ("/tmp/\ud800", UnicodeEncodeError, "surrogates"),
        ("/no/such/folder/a\0b", ValueError, "UNIX path must not contain a zero byte", truncated),
    ]
    found = []
    for kind, addresses in (("tcp", ip4), ("udp", ip4), ("tcp6", ip6), ("unix", unix)):
        uses: dict[str, Callable[[Any], Use]] = {
            "bind": lambda address: lambda s: s.bind(address),
            "connect": lambda address: lambda s: s.connect(address),
            "connect_ex": lambda address: lambda s: s.connect_ex(address),
        }
        if kind == "udp":
            uses = {
                "sendto": lambda address: lambda s: s.sendto(b"x", address),
                "sendto with flags": lambda address: lambda s: s.sendto(b"x", 0, address),
                "sendmsg": lambda address: lambda s: s.sendmsg([b"x"], [], 0, address),
            }
        for method, made in uses.items():
            for address, *rest in addresses:
                if method == "sendmsg" and address is None:
                    continue  # it means: to whom the socket is connected
                found += cases(kind, f"{method} {address!r:.40}", (made(address), *rest))
    return found


CASES = [
    *of_addresses(),
    *cases(
        "pair",
        "recv",
        (lambda s: s.recv(-1), ValueError, "buffer_size must not be negative, but is -1"),
        (lambda s: s.recv(HUGE), MemoryError, ""),
        (lambda s: s.recv(TOO_LARGE), OverflowError, "too large"),
        (lambda s: s.recv("1"), TypeError, "'str' object"),
        (lambda s: s.recv(1.0), TypeError, "'float' object"),
        (lambda s: s.recv(None), TypeError, "'NoneType' object"),
        (lambda s: s.recv(), TypeError, "argument"),
        (lambda s: s.recv(1, "0"), TypeError, "'str' object"),
        (lambda s: s.recv(1, 0.0), TypeError, "'float' object"),
        (lambda s: s.recv(1, NO_INT), OverflowError, "flags must be a C int"),
        (lambda s: s.recv(1, 0, 0), TypeError, "argument"),
    ),
    *cases(
        "pair",
        "recvfrom",
        (lambda s: s.recvfrom(-1), ValueError, "buffer_size must not be negative"),
        (lambda s: s.recvfrom(HUGE), MemoryError, ""),
        (lambda s: s.recvfrom("1"), TypeError, "'str' object"),
        (lambda s: s.recvfrom(1, "0"), TypeError, "'str' object"),
        (lambda s: s.recvfrom(1, NO_INT), OverflowError, "flags must be a C int"),
    ),
    *cases(
        "pair",
        "recvmsg",
        (lambda s: s.recvmsg(-1), ValueError, "bufsize must not be negative"),
        (lambda s: s.recvmsg(HUGE), MemoryError, ""),
        (lambda s: s.recvmsg(1, -1), ValueError, "ancbufsize, .*, must be 0-2147483647 bytes, not -1"),
        (lambda s: s.recvmsg(1, HUGE), ValueError, "ancbufsize, .*, must be 0-2147483647 bytes, not"),
        (lambda s: s.recvmsg("1"), TypeError, "'str' object"),
        (lambda s: s.recvmsg(1, "1"), TypeError, "'str' object"),
        (lambda s: s.recvmsg(1, 0, "0"), TypeError, "'str' object"),
    ),
    *[
        each
        for method in ("recv_into", "recvfrom_into")
        for each in cases(
            "pair",
            method,
            (lambda s, m=method: getattr(s, m)(READ_ONLY), TypeError, "buffer must be .* writable .* bytes"),
            (lambda s, m=method: getattr(s, m)(memoryview(READ_ONLY)), TypeError, "buffer must be .* writable"),
            (lambda s, m=method: getattr(s, m)(strided()), TypeError, "buffer must be a contiguous .* memoryview"),
            (lambda s, m=method: getattr(s, m)("text"), TypeError, "buffer must be .* str"),
            (lambda s, m=method: getattr(s, m)(None), TypeError, "buffer must be .* NoneType"),
            (lambda s, m=method: getattr(s, m)(bytearray(4), -1), ValueError, "nbytes must not be negative"),
            (lambda s, m=method: getattr(s, m)(bytearray(4), 5), ValueError, "nbytes is 5, .* 4 bytes"),
            (lambda s, m=method: getattr(s, m)(bytearray(4), HUGE), ValueError, "nbytes is .* 4 bytes"),
            (lambda s, m=method: getattr(s, m)(bytearray(4), TOO_LARGE), OverflowError, "too large"),
            (lambda s, m=method: getattr(s, m)(bytearray(4), "1"), TypeError, "'str' object"),
            (lambda s, m=method: getattr(s, m)(bytearray(4), 1, "0"), TypeError, "'str' object"),
            (lambda s, m=method: getattr(s, m)(bytearray(4), 1, NO_INT), OverflowError, "flags must be a C int"),
        )
    ],
    *cases(
        "pair",
        "recvmsg_into",
        (lambda s: s.recvmsg_into([READ_ONLY]), TypeError, r"buffers\[0\] must be a writable .* not bytes"),
        (lambda s: s.recvmsg_into([strided()]), TypeError, "contiguous"),
        (lambda s: s.recvmsg_into(["text"]), TypeError, "str"),
        (lambda s: s.recvmsg_into(bytearray(4)), TypeError, "int"),
        (lambda s: s.recvmsg_into(5), TypeError, "iter"),
        (lambda s: s.recvmsg_into([bytearray(4)], -1), ValueError, "ancbufsize, .*, must be 0-2147483647"),
        (lambda s: s.recvmsg_into([bytearray(4)], "1"), TypeError, "'str' object"),
        (lambda s: s.recvmsg_into([bytearray(4)], 0, "0"), TypeError, "'str' object"),
    ),
    *cases(
        "pair",
        "methods of our own",
        (lambda s: s.read(-1), ValueError, "buffer_size must not be negative"),
        (lambda s: s.read(HUGE), MemoryError, ""),
        (lambda s: s.read("1"), TypeError, "'str' object"),
        (lambda s: s.recv_exact(-1), ValueError, "bytes must not be negative"),
        (lambda s: s.recv_exact(HUGE), MemoryError, ""),
        (lambda s: s.recv_exact(TOO_LARGE), OverflowError, "too large"),
        (lambda s: s.recv_exact(1.0), TypeError, "'float' object"),
        (lambda s: s.readv([1, -1]), ValueError, "size_list must not contain negative sizes, but has -1"),
        (lambda s: s.readv([1, HUGE]), MemoryError, ""),
        (lambda s: s.readv([TOO_LARGE]), OverflowError, "too large"),
        (lambda s: s.readv(["1"]), TypeError, "'str' object"),
        (lambda s: s.readv([1.0]), TypeError, "'float' object"),
        (lambda s: s.readv(5), TypeError, "'int' object is not iterable"),
        (lambda s: s.write("text"), TypeError, "bytes-like"),
        (lambda s: s.write(strided()), BufferError, "contiguous"),
        (lambda s: s.writev(["text"]), TypeError, r"data\[0\] must be .* not str"),
        (lambda s: s.writev([b"x", None]), TypeError, r"data\[1\] must be .* not NoneType"),
        (lambda s: s.writev([strided()]), BufferError, r"data\[0\] is not contiguous"),
        (lambda s: s.writev(b"bytes"), TypeError, r"data\[0\] must be .* not int"),
        (lambda s: s.writev(5), TypeError, "'int' object is not iterable"),
        (lambda s: s.accept_many(-1), ValueError, "max must not be negative"),
        (lambda s: s.accept_many(1.5), TypeError, "'float' object"),
        (lambda s: s.accept_many("1"), TypeError, "'str' object"),
    ),
    *[
        each
        for method in ("send", "sendall")
        for each in cases(
            "pair",
            method,
            (lambda s, m=method: getattr(s, m)("text"), TypeError, "bytes-like object is required, not 'str'"),
            (lambda s, m=method: getattr(s, m)(None), TypeError, "bytes-like object is required, not 'NoneType'"),
            (lambda s, m=method: getattr(s, m)(5), TypeError, "bytes-like object is required, not 'int'"),
            (lambda s, m=method: getattr(s, m)([b"x"]), TypeError, "bytes-like object is required, not 'list'"),
            (lambda s, m=method: getattr(s, m)(strided()), BufferError, "contiguous"),
            (lambda s, m=method: getattr(s, m)(b"x", "0"), TypeError, "'str' object"),
            (lambda s, m=method: getattr(s, m)(b"x", 0.0), TypeError, "'float' object"),
            (lambda s, m=method: getattr(s, m)(b"x", NO_INT), OverflowError, "flags must be a C int"),
            (lambda s, m=method: getattr(s, m)(), TypeError, "argument"),
        )
    ],
    *cases(
        "udp",
        "sendto",
        (lambda s: s.sendto("text", ("127.0.0.1", 9)), TypeError, "bytes-like"),
        (lambda s: s.sendto(None, ("127.0.0.1", 9)), TypeError, "bytes-like"),
        (lambda s: s.sendto(strided(), ("127.0.0.1", 9)), BufferError, "contiguous"),
        (lambda s: s.sendto(bytes(70_000), ("127.0.0.1", 9)), OSError, "Message too long"),
        (lambda s: s.sendto(b"x", NO_INT, ("127.0.0.1", 9)), OverflowError, "flags must be a C int"),
        (lambda s: s.sendto(b"x", "0", ("127.0.0.1", 9)), TypeError, "IPv4 address|'str' object|'tuple' object"),
        (lambda s: s.sendto(b"x"), TypeError, "argument"),
        (lambda s: s.sendto(b"x", 0, ("127.0.0.1", 9), 0), TypeError, "argument"),
    ),
    *cases(
        "pair",
        "sendmsg",
        (lambda s: s.sendmsg(["text"]), TypeError, "bytes-like"),
        (lambda s: s.sendmsg(b"bytes"), TypeError, "bytes-like"),
        (lambda s: s.sendmsg(None), TypeError, "iter"),
        (lambda s: s.sendmsg([strided()]), BufferError, "contiguous"),
        (lambda s: s.sendmsg([b"x"], 5), TypeError, "iter"),
        (lambda s: s.sendmsg([b"x"], [5]), TypeError, "ancillary"),
        (lambda s: s.sendmsg([b"x"], [(1, 1)]), TypeError, "ancillary"),
        (lambda s: s.sendmsg([b"x"], [("1", 1, b"")]), TypeError, "'str' object"),
        (lambda s: s.sendmsg([b"x"], [(1, 1, "text")]), TypeError, "bytes-like"),
        (lambda s: s.sendmsg([b"x"], [], "0"), TypeError, "'str' object"),
        (lambda s: s.sendmsg([b"x"], [], NO_INT), OverflowError, "flags must be a C int"),
    ),
    *cases(
        "tcp",
        "listen",
        (lambda s: s.listen("1"), TypeError, "'str' object"),
        (lambda s: s.listen(None), TypeError, "'NoneType' object"),
        (lambda s: s.listen(1.5), TypeError, "'float' object"),
        (lambda s: s.listen(NO_INT), OverflowError, "backlog must be a C int"),
        (lambda s: s.listen(TOO_LARGE), OverflowError, "too large"),
    ),
    *cases(
        "pair",
        "shutdown",
        (lambda s: s.shutdown("RD"), TypeError, "'str' object"),
        (lambda s: s.shutdown(1.0), TypeError, "'float' object"),
        (lambda s: s.shutdown(None), TypeError, "'NoneType' object"),
        (lambda s: s.shutdown(NO_INT), OverflowError, "how must be a C int"),
        (lambda s: s.shutdown(7), OSError, "Invalid argument"),
        (lambda s: s.shutdown(-1), OSError, "Invalid argument"),
        (lambda s: s.shutdown(), TypeError, "argument"),
    ),
    *cases(
        "tcp",
        "settimeout",
        (lambda s: s.settimeout("1"), TypeError, "timeout must be a number of seconds"),
        (lambda s: s.settimeout(b"1"), TypeError, "timeout must be a number of seconds"),
        (lambda s: s.settimeout([]), TypeError, "timeout must be a number of seconds"),
        (lambda s: s.settimeout(1j), TypeError, "timeout must be a number of seconds"),
        (lambda s: s.settimeout(-1), ValueError, "timeout must be a number of seconds from 0 on"),
        (lambda s: s.settimeout(-0.001), ValueError, "timeout must be a number of seconds from 0 on"),
        (lambda s: s.settimeout(-float("inf")), ValueError, "timeout must be", "Python says OverflowError of -inf"),
        (lambda s: s.settimeout(float("nan")), ValueError, "timeout must be a number of seconds"),
        (lambda s: s.settimeout(), TypeError, "argument"),
    ),
    *cases(
        "tcp",
        "set_inheritable",
        (lambda s: s.set_inheritable("yes"), TypeError, "'str' object"),
        (lambda s: s.set_inheritable(None), TypeError, "'NoneType' object"),
    ),
    *cases(
        "tcp",
        "getsockopt",
        (lambda s: s.getsockopt("1", 1), TypeError, "'str' object"),
        (lambda s: s.getsockopt(1, 1.0), TypeError, "'float' object"),
        (lambda s: s.getsockopt(NO_INT, 1), OverflowError, "level must be a C int"),
        (lambda s: s.getsockopt(1, NO_INT), OverflowError, "optname must be a C int"),
        (lambda s: s.getsockopt(1, 2, -1), OSError, "buflen must be 0-1024, not -1"),
        (lambda s: s.getsockopt(1, 2, 1025), OSError, "buflen must be 0-1024, not 1025"),
        (lambda s: s.getsockopt(1, 2, NO_INT), OverflowError, "buflen must be a C int"),
        (lambda s: s.getsockopt(1, 2, "4"), TypeError, "'str' object"),
        (lambda s: s.getsockopt(1, 0xFFFF), OSError, "Protocol not available"),
        (lambda s: s.getsockopt(1), TypeError, "argument"),
    ),
    *cases(
        "tcp",
        "setsockopt",
        (lambda s: s.setsockopt("1", 2, 1), TypeError, "'str' object"),
        (lambda s: s.setsockopt(1, 2.0, 1), TypeError, "'float' object"),
        (lambda s: s.setsockopt(1, 2, "1"), TypeError, "bytes-like"),
        (lambda s: s.setsockopt(1, 2, 1.5), TypeError, "bytes-like"),
        (lambda s: s.setsockopt(1, 2, None), TypeError, "optlen"),
        (lambda s: s.setsockopt(1, 2, 1, 4), TypeError, "optlen"),
        (lambda s: s.setsockopt(1, 2, None, "4"), TypeError, "'str' object"),
        (lambda s: s.setsockopt(1, 2, strided()), BufferError, "contiguous"),
        (lambda s: s.setsockopt(1, 0xFFFF, 1), OSError, "Protocol not available"),
        (lambda s: s.setsockopt(1, 2, None, -1), OSError, "Invalid argument"),
        (
            lambda s: s.setsockopt(1, 2, NO_INT),
            OverflowError,
            "value must be a C int",
            "" if sys.version_info >= (3, 15) else "Python said that an int is no int: bytes-like object is required",
        ),
    ),
    *cases(
        "pair",
        "arguments that nobody takes",
        (lambda s: s.accept(1), TypeError, "argument"),
        (lambda s: s.close(1), TypeError, "argument"),
        (lambda s: s.getpeername(1), TypeError, "argument"),
        (lambda s: s.recv(1, no_such=1), TypeError, "no_such|keyword"),
    ),
    *cases(
        "tcp",
        "a state that does not allow it",
        (lambda s: s.accept(), OSError, "Invalid argument"),
        (lambda s: s.getpeername(), OSError, "not connected"),
        (lambda s: s.shutdown(socket.SHUT_RD), OSError, "not connected"),
        (lambda s: s.recv(1), OSError, "not connected"),
        (lambda s: s.send(b"x"), BrokenPipeError, "Broken pipe"),
    ),
    *cases(
        "udp",
        "a kind that cannot",
        (lambda s: s.accept(), OSError, "not supported"),
        (lambda s: s.listen(), OSError, "not supported"),
        (lambda s: s.send(b"x"), OSError, "Destination address required"),
    ),
]


@pytest.fixture
def of_kind(_no_leaks: None) -> Iterator[Callable[[str, bool], Any]]:
    """Makes a socket of a kind, Python's or ours."""
    with ExitStack() as opened:

        def make(kind: str, pythons: bool) -> Any:
            module: Any = socket if pythons else coro
            new = socket.socket if pythons else sock
            match kind:
                case "pair":
                    both = module.socketpair()
                    opened.enter_context(both[1])
                    made = both[0]
                case "tcp":
                    made = new(socket.AF_INET)
                case "udp":
                    made = new(socket.AF_INET, socket.SOCK_DGRAM)
                case "tcp6":
                    if not coro.has_ipv6():
                        pytest.skip("this machine has no IPv6")
                    made = new(socket.AF_INET6)
                case _:
                    made = new(socket.AF_UNIX)
            return opened.enter_context(made)

        yield make


def python_has(case: Case) -> bool:
    return case.name.split()[0] != "methods"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}-{case.name}")
def test_wrong_arguments(case: Case, of_kind: Callable[[str, bool], Any]) -> None:
    with pytest.raises(case.error, match=case.says or None) as ours:
        case.use(of_kind(case.kind, False))
    if not python_has(case):
        return
    plain = of_kind(case.kind, True)
    plain.setblocking(False)
    try:
        case.use(plain)
    except Exception as error:
        same = type(ours.value) is type(error) or (
            isinstance(error, OSError) and isinstance(ours.value, type(error)) and ours.value.errno == error.errno
        )
    else:
        same = False
    assert same != bool(case.why_not)


# -- making them


@pytest.mark.parametrize(
    "arguments",
    [
        ("AF_INET",),
        (None,),
        (2.0,),
        (NO_INT,),
        (12345,),
        (socket.AF_INET, "SOCK_STREAM"),
        (socket.AF_INET, 1.0),
        (socket.AF_INET, NO_INT),
        (socket.AF_INET, 77),
        (socket.AF_INET, socket.SOCK_STREAM, "tcp"),
        (socket.AF_INET, socket.SOCK_STREAM, 1.0),
        (socket.AF_INET, socket.SOCK_STREAM, NO_INT),
        (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_UDP),
        (socket.AF_INET, socket.SOCK_STREAM, 0, 3.0),
        (socket.AF_INET, socket.SOCK_STREAM, 0, "3"),
    ],
)
def test_wrong_kinds(arguments: Any) -> None:
    with pytest.raises((TypeError, OverflowError, OSError)) as of_python:
        socket.socket(*arguments) if arguments[0] is not None else socket.socket("None")  # type: ignore[arg-type]
    with pytest.raises((TypeError, OverflowError, OSError)) as ours:
        sock(*arguments)
    if isinstance(of_python.value, OSError):
        assert isinstance(ours.value, OSError)
        assert ours.value.errno == of_python.value.errno
    else:
        assert type(ours.value) is type(of_python.value)


def test_wrong_pairs() -> None:
    for arguments in (("AF_UNIX",), (1.0,), (NO_INT,), (socket.AF_UNIX, 1.0), (socket.AF_UNIX, 1, "0")):
        with pytest.raises((TypeError, OverflowError)) as of_python:
            socket.socketpair(*arguments)
        with pytest.raises((TypeError, OverflowError)) as ours:
            coro.socketpair(*arguments)
        assert type(ours.value) is type(of_python.value)


def test_a_negative_descriptor() -> None:
    with pytest.raises(ValueError, match="fd must be a descriptor, or -1 to make a new one, not -2"):
        sock(fd=-2)


# -- where Python refuses and we do not, and the other way round


def test_a_time_that_never_comes_is_no_limit() -> None:
    # Python raises OverflowError; in coro such a time is for ever, wherever one is given.
    with coro.tcp_sock() as made:
        for never in (float("inf"), 1e300, TOO_LARGE):
            made.settimeout(never)
            timeout = made.gettimeout()
            assert timeout is None or timeout > 1e9


def test_what_python_takes_is_taken() -> None:
    class Index:
        def __index__(self) -> int:
            return 5

    left, right = coro.socketpair()
    with left, right:
        left.send(memoryview(b"12345678901234567890"))
        assert right.recv(Index()) == b"12345"  # type: ignore[arg-type]
        assert right.recv(True) == b"6"
        assert right.recv_into(memoryview(bytearray(8))[2:7], 3) == 3
        assert right.recvfrom_into(bytearray(20), Index())[0] == 5  # type: ignore[arg-type]
        assert right.recv(3, socket.MSG_PEEK) == b"567"
    with coro.tcp_sock() as made:
        made.setblocking("yes")  # type: ignore[arg-type]
        made.bind((b"127.0.0.1", Index()))
        made.listen(-1)
        made.settimeout(True)
        assert made.gettimeout() == 1.0


@pytest.mark.parametrize("data", [b"", bytearray(), memoryview(b"")])
def test_nothing_can_be_sent(data: Any, of_kind: Callable[[str, bool], Any]) -> None:
    made = of_kind("pair", False)
    assert made.send(data) == made.sendall(data) == made.write(data) == made.writev([data]) == 0
    assert made.writev([]) == 0
    assert made.sendmsg([data]) == made.sendmsg([]) == 0


def test_nothing_is_received_at_once(of_kind: Callable[[str, bool], Any]) -> None:
    for made in (of_kind("pair", True), of_kind("pair", False)):
        assert made.recv(0) == b""
        assert made.recv_into(bytearray()) == 0
    assert made.read(0) == made.recv_exact(0) == b""
    assert made.readv([]) == ()
    assert made.readv([0, 0]) == (b"", b"")


# -- before any wait, and before the system is asked


@pytest.mark.parametrize(
    "use",
    [
        lambda s: s.recv(HUGE),
        lambda s: s.recv(HUGE, socket.MSG_PEEK),
        lambda s: s.recv(HUGE, socket.MSG_WAITALL),
        lambda s: s.recv_exact(HUGE),
        lambda s: s.recvfrom(HUGE),
        lambda s: s.recvmsg(HUGE),
        lambda s: s.read(HUGE),
        lambda s: s.readv([1, HUGE]),
    ],
)
@pytest.mark.parametrize("drained", [True, False])
@pytest.mark.memory
def test_a_huge_size_is_refused_before_any_wait(use: Use, drained: bool, tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    if drained:
        client.send(b"x")
        assert server.recv(100) == b"x"
    with pytest.raises(MemoryError):
        coro.with_timeout(10, use, server)
    client.send(b"nothing was lost")
    with pytest.raises(MemoryError):
        use(server)
    assert server.recv(100) == b"nothing was lost"


@pytest.mark.memory
def test_a_huge_size_is_refused_while_another_reads(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    reading = coro.spawn(server.recv, 10)
    until_blocked(reading)
    for use in (server.recv, server.recv_exact, server.recvfrom, server.recvmsg, server.read):
        with pytest.raises(MemoryError):
            coro.with_timeout(10, use, HUGE)
    client.send(b"x")
    reading.join()
    assert reading.result() == b"x"


def test_wrong_arguments_leave_the_socket_as_it_was(tcp: tuple[sock, sock]) -> None:
    client, server = tcp
    client.send(b"data")
    for use in (
        lambda: server.recv(-1),
        lambda: server.recv_into(b"x"),
        lambda: server.readv([1, "1"]),  # type: ignore[list-item]
        lambda: server.recvmsg_into([bytearray(1), "x"]),  # type: ignore[list-item]
        lambda: client.send("x"),  # type: ignore[arg-type]
        lambda: client.writev([b"sent?", "x"]),  # type: ignore[list-item]
    ):
        with pytest.raises((TypeError, ValueError)):
            use()
    assert server.recv(100) == b"data"


# -- after closing


USES: dict[str, Use] = {
    "accept": lambda s: s.accept(),
    "accept_many": lambda s: s.accept_many(),
    "bind": lambda s: s.bind(("127.0.0.1", 0)),
    "connect": lambda s: s.connect(("no.such.name", 1)),
    "connect_addr": lambda s: s.connect_addr(("127.0.0.1", 1)),
    "dup": lambda s: s.dup(),
    "get_inheritable": lambda s: s.get_inheritable(),
    "getpeername": lambda s: s.getpeername(),
    "getsockname": lambda s: s.getsockname(),
    "getsockopt": lambda s: s.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE),
    "listen": lambda s: s.listen(),
    "makefile": lambda s: s.makefile(),
    "read": lambda s: s.read(1),
    "readv": lambda s: s.readv([1]),
    "recv": lambda s: s.recv(1),
    "recv_exact": lambda s: s.recv_exact(1),
    "recv_into": lambda s: s.recv_into(bytearray(1)),
    "recvfrom": lambda s: s.recvfrom(1),
    "recvfrom_into": lambda s: s.recvfrom_into(bytearray(1)),
    "recvmsg": lambda s: s.recvmsg(1),
    "recvmsg_into": lambda s: s.recvmsg_into([bytearray(1)]),
    "send": lambda s: s.send(b"x"),
    "sendall": lambda s: s.sendall(b"x"),
    "sendfile": lambda s: s.sendfile(io.BytesIO(b"x")),
    "sendmsg": lambda s: s.sendmsg([b"x"], [], 0, ("no.such.name", 1)),
    "sendto": lambda s: s.sendto(b"x", ("no.such.name", 1)),
    "set_inheritable": lambda s: s.set_inheritable(False),
    "set_reuse_addr": lambda s: s.set_reuse_addr(),
    "setsockopt": lambda s: s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1),
    "shutdown": lambda s: s.shutdown(socket.SHUT_RD),
    "wait_for_read": lambda s: s.wait_for_read(),
    "wait_for_write": lambda s: s.wait_for_write(),
    "write": lambda s: s.write(b"x"),
    "writev": lambda s: s.writev([b"x"]),
}

# They ask the object, not the system.
STILL_ANSWER = {"close", "detach", "fileno", "get_fileno", "getblocking", "gettimeout", "setblocking", "settimeout"}


def test_every_method_is_used_after_closing() -> None:
    methods = {name for name, _ in inspect.getmembers(sock, callable) if not name.startswith("_")}
    assert {*USES, *STILL_ANSWER, "connect_ex"} == methods


@pytest.mark.parametrize("initialized", [True, False])
@pytest.mark.parametrize("name", USES)
def test_a_closed_socket_says_so(name: str, initialized: bool) -> None:
    closed = coro.tcp_sock() if initialized else sock.__new__(sock)
    closed.close()
    with pytest.raises(coro.ClosedError, match="socket is closed" + (r" \(it had" if initialized else "$")):
        USES[name](closed)


@pytest.mark.parametrize(
    "use",
    [
        lambda s: s.recv(0),
        lambda s: s.recv_exact(0),
        lambda s: s.readv([]),
        lambda s: s.recv_into(bytearray()),
        lambda s: s.send(b""),
        lambda s: s.writev([]),
    ],
)
def test_a_closed_socket_says_so_even_if_nothing_is_asked_of_it(use: Use) -> None:
    closed = coro.tcp_sock()
    closed.close()
    with pytest.raises(coro.ClosedError):
        use(closed)


def test_what_a_closed_socket_still_answers() -> None:
    closed = coro.tcp_sock()
    plain = socket.socket()
    for each in (closed, plain):
        each.close()
        each.close()
        assert each.fileno() == each.detach() == -1
        assert each.connect_ex(("127.0.0.1", 1)) == errno.EBADF
    closed.settimeout(5)
    assert closed.gettimeout() == 5
    closed.setblocking(False)
    assert not closed.getblocking()
    assert closed.get_fileno() == -1
