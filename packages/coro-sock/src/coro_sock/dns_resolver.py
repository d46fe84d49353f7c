"""A resolver that asks DNS itself, without a thread.

What belongs here: `DNSResolver`, which gives DNS's answers the form of `socket.getaddrinfo`.
dnspython knows the protocol (``pip install 'coro-sock[dns]'``), on sockets of coro: see
`_dnspython`.

    coro.set_resolver(coro_sock.dns_resolver.DNSResolver())

Beside `SystemResolver` it keeps an answer for as long as the answer itself says, and thousands
of look-ups may be under way at once. But it knows hosts(5) and resolv.conf(5) only: what else
the system is set up to ask (nsswitch.conf(5)), such as mDNS, it does not ask.
"""

import _socket
import contextlib
from collections.abc import Sequence
from typing import Any, NamedTuple

try:
    import dns.asyncresolver
    import dns.exception
    import dns.name
    import dns.resolver
    import dns.reversename
except ImportError as _missing:
    raise ImportError("coro_sock.dns_resolver needs dnspython: pip install 'coro-sock[dns]'") from _missing

from coro import TimeoutError as CoroTimeoutError
from coro import spawn, with_timeout
from coro_sock._dnspython import backend, finish
from coro_sock._hosts_file import HOSTS, HostsFile
from coro_sock._lookup_cache import LookupCache
from coro_sock._numeric import Addresses, numeric_addresses, numeric_names
from coro_sock._sock import sock
from coro_sock._system_resolver import SystemResolver

__all__ = ["DNSResolver"]

RESOLV_CONF = "/etc/resolv.conf"

#: the records of each family, the preferred one first (RFC 6724)
_RECORDS = {_socket.AF_INET6: "AAAA", _socket.AF_INET: "A"}
#: the system has it only where the C library does
_NODATA: int = getattr(_socket, "EAI_NODATA", _socket.EAI_NONAME)


class _Host(NamedTuple):
    """What is known of a host."""

    name: str
    addresses: tuple[tuple[int, str], ...]  # family and number


class DNSResolver:
    """Looks up names in the hosts file and in DNS, as coroutines alone.

    Those who ask the same at the same time share one look-up. Failures are not kept. Of the
    flags, AI_ADDRCONFIG and AI_V4MAPPED change nothing: addresses without a route come last.

    Args:
        nameservers: the IP addresses of the servers to ask; those of `resolv_conf` if not given.
        port: theirs.
        lifetime: how long one question may take, all servers and repetitions included, in
            seconds.
        cache_size: how many answers to keep at most; 0 for none.
        max_ttl: how long to keep an answer at most, in seconds, whatever it says itself.
        hosts: the path of the table of hosts; see hosts(5).
        resolv_conf: the path of the configuration; see resolv.conf(5). It is read once.

    Raises:
        ValueError: a nameserver is no IP address, or a number is out of range.
    """

    def __init__(
        self,
        nameservers: Sequence[str] | None = None,
        *,
        port: int = 53,
        lifetime: float = 5.0,
        cache_size: int = 10_000,
        max_ttl: float = 3600.0,
        hosts: str = HOSTS,
        resolv_conf: str = RESOLV_CONF,
    ) -> None:
        if not lifetime > 0:
            raise ValueError(f"lifetime must be more than 0 seconds, not {lifetime}")
        if not max_ttl >= 0:
            raise ValueError(f"max_ttl must be 0 or more seconds, not {max_ttl}")
        self._dns = dns.asyncresolver.Resolver(configure=False)
        with contextlib.suppress(dns.resolver.NoResolverConfiguration):
            self._dns.read_resolv_conf(resolv_conf)
        if nameservers is not None:
            self._dns.nameservers = list(nameservers)
        elif not self._dns.nameservers:
            self._dns.nameservers = ["127.0.0.1"]  # as resolv.conf(5) says
        self._dns.port = port
        self._dns.lifetime = lifetime
        self._max_ttl = max_ttl
        self._hosts = HostsFile(hosts)
        self._cache = LookupCache(cache_size)
        self._services = SystemResolver(threads=1)

    def getaddrinfo(
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> Addresses:
        """The addresses of a host; see `socket.getaddrinfo`.

        Raises:
            socket.gaierror: EAI_NONAME, the name is not known; EAI_NODATA, it has no address of
                the family; EAI_AGAIN, no server gave an answer, among others.
        """
        numeric = numeric_addresses(host, port, family, type, proto, flags)
        if numeric is not None:
            return numeric
        if host is None or family not in (0, *_RECORDS) or flags & _socket.AI_NUMERICHOST or _is_number(host):
            # Not about a host, but a service, or wrong.
            return self._services.getaddrinfo(host, port, family, type, proto, flags)
        kinds = self._services.getaddrinfo(
            "0.0.0.0", port, _socket.AF_INET, type, proto, flags & _socket.AI_NUMERICSERV
        )
        found = self._host(_text(host), family)
        name = found.name if flags & _socket.AI_CANONNAME else ""
        answer: Addresses = []
        for its_family, number in found.addresses:
            rest = (0, 0) if its_family == _socket.AF_INET6 else ()
            for _, its_type, its_proto, _, (_, its_port, *_) in kinds:
                answer.append((its_family, its_type, its_proto, name, (number, its_port, *rest)))
                name = ""  # the first one alone has it
        return answer

    def getnameinfo(self, sockaddr: tuple[Any, ...], flags: int) -> tuple[str, str]:
        """The names of an address's host and port; see `socket.getnameinfo`.

        Raises:
            socket.gaierror: a name was asked for (NI_NAMEREQD), and there is none; EAI_AGAIN, no
                server gave an answer.
        """
        numeric = numeric_names(sockaddr, flags)
        if numeric is not None:
            return numeric
        number, service = self._services.getnameinfo(sockaddr, flags | _socket.NI_NUMERICHOST)
        if flags & _socket.NI_NUMERICHOST:
            return number, service
        plain = number.partition("%")[0]
        name = self._hosts.canonical_name(plain)
        if name is None:
            try:
                name = self._cache.answer(("PTR", plain), lambda: self._look_up_number(plain), f"DNS {plain}")
            except _socket.gaierror as error:
                if flags & _socket.NI_NAMEREQD or error.errno == _socket.EAI_AGAIN:
                    raise
                name = number
        return name, service

    def clear_cache(self) -> None:
        """Forget all answers."""
        self._cache.clear()
        self._services.clear_cache()

    # --- one host ---------------------------------------------------------------------

    def _host(self, name: str, family: int) -> _Host:
        families = [family] if family else list(_RECORDS)
        listed = [(_family(number), number) for number in self._hosts.addresses(name)]
        wanted = tuple(each for each in listed if each[0] in families)
        if wanted:
            return _Host(self._hosts.canonical_name(wanted[0][1]) or name, wanted)
        found: _Host = self._cache.answer((name.lower(), family), lambda: self._look_up(name, families), f"DNS {name}")
        return found

    def _look_up(self, name: str, families: list[int]) -> tuple[_Host, float]:
        failures: list[_socket.gaierror] = []
        try:
            for candidate in self._candidates(name):
                outcomes = self._ask_all(candidate, families)
                records = [each for each in outcomes if isinstance(each, _Records)]
                if records:
                    addresses = [(each.family, number) for each in records for number in each.numbers]
                    addresses.sort(key=_has_no_route)
                    return _Host(records[0].name, tuple(addresses)), min(each.ttl for each in records)
                failures += [each for each in outcomes if isinstance(each, _socket.gaierror)]
                if any(each.errno == _socket.EAI_AGAIN for each in failures):
                    break
            for number in (_socket.EAI_AGAIN, _socket.EAI_FAIL, _NODATA):
                for each in failures:
                    if each.errno == number:
                        raise each
            raise _socket.gaierror(_socket.EAI_NONAME, f"DNS knows no host {name!r}")
        finally:
            failures.clear()  # the traceback of one holds this frame

    def _candidates(self, name: str) -> list[dns.name.Name]:
        """The full names that a name may be short for; see "search" in resolv.conf(5)."""
        try:
            short = dns.name.from_text(name, origin=None)
        except dns.exception.DNSException as error:
            raise _socket.gaierror(_socket.EAI_NONAME, f"{name!r} is no name of a host: {error}") from None
        if short.is_absolute():
            return [short]
        searched = []
        for suffix in self._dns.search or [self._dns.domain]:
            if suffix != dns.name.root:
                with contextlib.suppress(dns.name.NameTooLong):
                    searched.append(short.concatenate(suffix))
        dots = 1 if self._dns.ndots is None else self._dns.ndots
        as_it_is = short.concatenate(dns.name.root)
        return [as_it_is, *searched] if len(short) > dots else [*searched, as_it_is]

    def _ask_all(self, name: dns.name.Name, families: list[int]) -> list["_Records | _socket.gaierror"]:
        """What DNS says of each family, asked at the same time."""
        first, *others = families
        asking = [spawn(self._ask, name, family, thread_name=f"DNS {name} {_RECORDS[family]}") for family in others]
        try:
            outcomes = [self._ask(name, first)]
            for co in asking:
                co.join()
                outcomes.append(co.result())
            return outcomes
        finally:
            for co in asking:
                co.shutdown()

    def _ask(self, name: dns.name.Name, family: int) -> "_Records | _socket.gaierror":
        try:
            answer = self._question(name, _RECORDS[family])
        except _socket.gaierror as error:
            return error.with_traceback(None)
        if answer.rrset is None:
            return _socket.gaierror(_NODATA, f"DNS knows no {_RECORDS[family]} record of {name}")
        return _Records(
            family,
            tuple(record.address for record in answer.rrset),
            answer.canonical_name.to_text(omit_final_dot=True),
            self._ttl(answer),
        )

    def _look_up_number(self, number: str) -> tuple[str, float]:
        answer = self._question(dns.reversename.from_address(number), "PTR")
        if answer.rrset is None:
            raise _socket.gaierror(_socket.EAI_NONAME, f"DNS knows no name of {number}")
        name: str = answer.rrset[0].target.to_text(omit_final_dot=True)  # pyright: ignore[reportAttributeAccessIssue]
        return name, self._ttl(answer)

    def _question(self, name: dns.name.Name, record: str) -> dns.resolver.Answer:
        """Ask the servers one question; an answer without a record is one, too."""
        try:
            asking = self._dns.resolve(name, record, raise_on_no_answer=False, search=False, backend=backend)
            return with_timeout(self._dns.lifetime, finish, asking)  # dnspython's own limit has another clock
        except dns.resolver.NXDOMAIN:
            raise _socket.gaierror(_socket.EAI_NONAME, f"DNS knows no name {name}") from None
        except (dns.exception.Timeout, dns.resolver.NoNameservers, CoroTimeoutError) as error:
            raise _socket.gaierror(_socket.EAI_AGAIN, f"DNS gives no answer about {name}: {error}") from None
        except dns.exception.DNSException as error:
            raise _socket.gaierror(_socket.EAI_FAIL, f"DNS fails about {name}: {error}") from None

    def _ttl(self, answer: dns.resolver.Answer) -> float:
        return min(answer.chaining_result.minimum_ttl, self._max_ttl)


class _Records(NamedTuple):
    """What DNS says of one family."""

    family: int
    numbers: tuple[str, ...]
    name: str
    ttl: float  # seconds


def _is_number(host: str | bytes) -> bool:
    return numeric_addresses(host, None) is not None


def _text(host: str | bytes) -> str:
    if isinstance(host, bytes):
        return host.decode("ascii", "surrogateescape")
    return host if host.isascii() else host.encode("idna").decode("ascii")


def _family(number: str) -> int:
    return _socket.AF_INET6 if ":" in number else _socket.AF_INET


def _has_no_route(address: tuple[int, str]) -> bool:
    """Whether the kernel knows no way to an address (RFC 6724, rule 1). Nothing is sent."""
    family, number = address
    try:
        with sock(family, _socket.SOCK_DGRAM) as probe:
            probe.connect((number, 9))
    except OSError:
        return True
    return False
