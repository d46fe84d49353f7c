"""A resolver on DNS: `coro_sock.dns_resolver`, and a server for it to ask."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("dns", reason="dnspython is not installed")

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

import coro
import coro_sock
from coro.interface import Resolver, scheduler
from coro_sock.dns_resolver import DNSResolver

ZONE = """
one.example. 60 A 127.0.0.1
both.example. 60 A 127.0.0.1
both.example. 30 AAAA ::1
unreachable.example. 60 A 127.0.0.1
unreachable.example. 60 AAAA fe80::1
six.example. 60 AAAA ::1
alias.example. 10 CNAME middle.example.
middle.example. 5 CNAME one.example.
lasting.example. 1000000 A 127.0.0.1
fleeting.example. 0 A 127.0.0.1
host.a.example. 60 A 127.0.0.2
host.b.example. 60 A 127.0.0.3
only.b.example. 60 A 127.0.0.4
short.host.a.example. 60 A 127.0.0.5
short.host. 60 A 127.0.0.6
xn--bcher-kva.example. 60 A 127.0.0.7
text.example. 60 TXT "no address"
7.0.0.127.in-addr.arpa. 60 PTR seven.example.
"""


class Server:
    """A DNS server on loopback, over UDP and TCP."""

    def __init__(self, host: str) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}
        for line in ZONE.split("\n"):
            if line:
                name, ttl, kind, data = line.split(maxsplit=3)
                self.records.setdefault((name, kind), []).append(f"{ttl} {data}")
        self.asked: list[tuple[str, str]] = []
        self.over_tcp: list[tuple[str, str]] = []
        self.held: list[Callable[[], object]] | None = None  # answers that wait
        self.udp = coro_sock.udp6_sock() if ":" in host else coro_sock.udp_sock()
        while True:  # until a port is free of both kinds
            self.tcp = coro_sock.create_server((host, 0), family=self.udp.domain)
            self.address = self.tcp.getsockname()
            try:
                self.udp.bind(self.address)
                break
            except OSError:
                self.tcp.close()
        self.serving = [coro.spawn(self.serve_udp), coro.spawn(self.serve_tcp)]

    def close(self) -> None:
        for co in self.serving:
            co.shutdown()
            co.join()
        self.serving.clear()
        self.udp.close()
        self.tcp.close()

    def serve_udp(self) -> None:
        while True:
            wire, client = self.udp.recvfrom(65535)
            response = self.respond(dns.message.from_wire(wire), self.asked)
            if response is None:
                continue
            if response.question[0].name.to_text() == "long.example.":
                response.flags |= dns.flags.TC

            def send(answer: bytes = response.to_wire(), client: Any = client) -> None:
                self.udp.sendto(answer, client)

            if self.held is None:
                send()
            else:
                self.held.append(send)

    def serve_tcp(self) -> None:
        while True:
            connection, _ = self.tcp.accept()
            with connection:
                size = int.from_bytes(connection.recv_exact(2), "big")
                response = self.respond(dns.message.from_wire(connection.recv_exact(size)), self.over_tcp)
                assert response is not None
                connection.send(response.to_wire(prepend_length=True))

    def respond(self, query: Any, asked: list[tuple[str, str]]) -> Any:
        name, kind = query.question[0].name.to_text(), dns.rdatatype.to_text(query.question[0].rdtype)
        asked.append((name, kind))
        name = name.lower()
        if name == "silent.example.":
            return None
        response = dns.message.make_response(query)
        if name == "broken.example.":
            response.set_rcode(dns.rcode.SERVFAIL)
            return response
        if name == "long.example.":
            if asked is self.over_tcp:
                response.answer.append(dns.rrset.from_text(name, 60, "IN", kind, "127.0.0.9"))
            return response
        while alias := self.records.get((name, "CNAME")):
            self.answer(response, name, "CNAME", alias)
            name = alias[0].split()[1]
        self.answer(response, name, kind, self.records.get((name, kind), []))
        if not any(owner == name for owner, _ in self.records):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response

    def answer(self, response: Any, name: str, kind: str, records: list[str]) -> None:
        for record in records:
            ttl, data = record.split(maxsplit=1)
            response.answer.append(dns.rrset.from_text(name, int(ttl), "IN", kind, data))


@pytest.fixture
def server(_no_leaks: None) -> Iterator[Server]:
    made = Server("127.0.0.1")
    yield made
    made.close()


@pytest.fixture
def make(server: Server, tmp_path: Path) -> Callable[..., DNSResolver]:
    """Makes a resolver that asks the server, and nobody else."""

    def make_it(configuration: str = "", hosts: str = "", **options: Any) -> DNSResolver:
        (tmp_path / "resolv.conf").write_text(f"domain .\n{configuration}\n")
        (tmp_path / "hosts").write_text(hosts)
        paths = {"hosts": str(tmp_path / "hosts"), "resolv_conf": str(tmp_path / "resolv.conf")}
        options = {"nameservers": [server.address[0]], "port": server.address[1], **paths, **options}
        return DNSResolver(**options)

    return make_it


@pytest.fixture
def resolver(make: Callable[..., DNSResolver]) -> DNSResolver:
    return make()


def numbers(found: list[Any]) -> list[str]:
    return list(dict.fromkeys(each[4][0] for each in found))


class TestAddresses:
    def test_it_is_a_resolver(self, resolver: DNSResolver) -> None:
        assert isinstance(resolver, Resolver)

    @pytest.mark.parametrize(
        "hints",
        [
            (80,),
            ("80", 0, socket.SOCK_STREAM),
            ("http", socket.AF_INET),
            (b"domain", 0, socket.SOCK_DGRAM),
            (None, 0, 0, socket.IPPROTO_UDP),
            (None, 0, socket.SOCK_RAW),
        ],
    )
    def test_have_the_system_s_form(self, resolver: DNSResolver, hints: Any) -> None:
        assert resolver.getaddrinfo("one.example", *hints) == socket.getaddrinfo("127.0.0.1", *hints)

    def test_of_ipv6_have_the_system_s_form(self, resolver: DNSResolver) -> None:
        assert resolver.getaddrinfo("six.example", 80) == socket.getaddrinfo("::1", 80)

    def test_of_both_families(self, resolver: DNSResolver) -> None:
        assert numbers(resolver.getaddrinfo("both.example", 80)) == ["::1", "127.0.0.1"]
        assert numbers(resolver.getaddrinfo("both.example", 80, socket.AF_INET)) == ["127.0.0.1"]
        assert numbers(resolver.getaddrinfo("both.example", 80, socket.AF_INET6)) == ["::1"]

    def test_without_a_route_come_last(self, resolver: DNSResolver) -> None:
        assert numbers(resolver.getaddrinfo("unreachable.example", 80)) == ["127.0.0.1", "fe80::1"]

    def test_of_both_families_are_asked_for_at_the_same_time(self, resolver: DNSResolver, server: Server) -> None:
        server.held = []
        looking = coro.spawn(resolver.getaddrinfo, "both.example", 80)
        while len(server.held) < 2:
            coro.yield_slice()
        for send in server.held:
            send()
        looking.join()
        assert numbers(looking.result()) == ["::1", "127.0.0.1"]

    def test_of_an_alias(self, resolver: DNSResolver) -> None:
        found = resolver.getaddrinfo("alias.example", 80, 0, socket.SOCK_STREAM, 0, socket.AI_CANONNAME)
        assert found == [(socket.AF_INET, socket.SOCK_STREAM, 6, "one.example", ("127.0.0.1", 80))]
        assert resolver.getaddrinfo("alias.example", 80, 0, socket.SOCK_STREAM)[0][3] == ""

    def test_of_a_name_that_is_not_ascii(self, resolver: DNSResolver) -> None:
        assert numbers(resolver.getaddrinfo("bücher.example", 80)) == ["127.0.0.7"]
        assert numbers(resolver.getaddrinfo(b"xn--bcher-kva.example", 80)) == ["127.0.0.7"]

    def test_that_are_too_many_for_a_datagram_come_over_tcp(self, resolver: DNSResolver, server: Server) -> None:
        assert numbers(resolver.getaddrinfo("long.example", 80, socket.AF_INET)) == ["127.0.0.9"]
        assert server.over_tcp == [("long.example.", "A")]

    def test_from_a_server_over_ipv6(self, make: Callable[..., DNSResolver]) -> None:
        if not coro_sock.has_ipv6():
            pytest.skip("this machine has no IPv6")
        server = Server("::1")
        try:
            resolver = make(nameservers=["::1"], port=server.address[1])
            assert numbers(resolver.getaddrinfo("one.example", 80)) == ["127.0.0.1"]
        finally:
            server.close()

    @pytest.mark.parametrize(
        "question", [("127.0.0.1", 80), ("::1", "http"), (None, 80), (None, "http"), ("127.1", None)]
    )
    def test_that_are_numbers_are_not_asked_for(self, resolver: DNSResolver, server: Server, question: Any) -> None:
        assert resolver.getaddrinfo(*question) == socket.getaddrinfo(*question)
        assert server.asked == []

    def test_may_be_changed_by_who_gets_them(self, resolver: DNSResolver) -> None:
        resolver.getaddrinfo("one.example", 80).clear()
        assert numbers(resolver.getaddrinfo("one.example", 80)) == ["127.0.0.1"]


class TestFailures:
    @pytest.mark.parametrize(
        ("name", "family", "number"),
        [
            ("unknown.example", 0, socket.EAI_NONAME),
            ("text.example", 0, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)),
            ("six.example", socket.AF_INET, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)),
            ("broken.example", 0, socket.EAI_AGAIN),
            ("silent.example", 0, socket.EAI_AGAIN),
            ("silent.example", socket.AF_INET, socket.EAI_AGAIN),
            ("a..b", 0, socket.EAI_NONAME),
            ("one.example", 77, socket.EAI_FAMILY),
        ],
    )
    def test_have_the_system_s_numbers(
        self, virtual: None, resolver: DNSResolver, name: str, family: int, number: int
    ) -> None:
        with pytest.raises(socket.gaierror) as caught:
            resolver.getaddrinfo(name if ".." not in name else name.encode(), 80, family)
        assert caught.value.errno == number

    def test_of_a_service_is_the_system_s(self, resolver: DNSResolver) -> None:
        with pytest.raises(socket.gaierror) as caught:
            resolver.getaddrinfo("one.example", "no such service")
        assert caught.value.errno == socket.EAI_SERVICE

    def test_come_after_their_time(self, virtual: None, make: Callable[..., DNSResolver]) -> None:
        resolver, before = make(lifetime=30), coro.now()
        with pytest.raises(socket.gaierror):
            resolver.getaddrinfo("silent.example", 80)
        assert coro.now() - before == 30_000_000_000

    def test_come_at_once_if_no_server_is_there(self, virtual: None, make: Callable[..., DNSResolver]) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
            nobody.bind(("127.0.0.1", 0))
            port = nobody.getsockname()[1]
        before = coro.now()
        with pytest.raises(socket.gaierror) as caught:
            make(port=port).getaddrinfo("one.example", 80)
        assert (caught.value.errno, coro.now()) == (socket.EAI_AGAIN, before)

    def test_of_one_family_do_not_matter(self, resolver: DNSResolver, server: Server) -> None:
        assert numbers(resolver.getaddrinfo("one.example", 80)) == ["127.0.0.1"]
        assert ("one.example.", "AAAA") in server.asked

    def test_are_not_kept(self, resolver: DNSResolver, server: Server) -> None:
        with pytest.raises(socket.gaierror):
            resolver.getaddrinfo("late.example", 80)
        server.records["late.example.", "A"] = ["60 127.0.0.1"]
        assert numbers(resolver.getaddrinfo("late.example", 80)) == ["127.0.0.1"]

    def test_leave_no_trace_when_interrupted(self, resolver: DNSResolver, server: Server) -> None:
        looking = coro.spawn(resolver.getaddrinfo, "silent.example", 80)
        while len(server.asked) < 2:
            coro.yield_slice()
        looking.shutdown()
        looking.join()
        coro.yield_slice()
        coro.yield_slice()
        assert scheduler().counts()["timers"] == 0


class TestTheSearchList:
    SEARCH = "search a.example b.example"

    @pytest.mark.parametrize(
        ("name", "number"),
        [
            ("host", "127.0.0.2"),
            ("only", "127.0.0.4"),
            ("one.example", "127.0.0.1"),
            ("short.host", "127.0.0.6"),
            ("only.b.example.", "127.0.0.4"),
        ],
    )
    def test_completes_short_names(self, make: Callable[..., DNSResolver], name: str, number: str) -> None:
        assert numbers(make(self.SEARCH).getaddrinfo(name, 80)) == [number]

    def test_comes_first_for_names_with_few_dots(self, make: Callable[..., DNSResolver]) -> None:
        resolver = make(self.SEARCH + "\noptions ndots:2")
        assert numbers(resolver.getaddrinfo("short.host", 80)) == ["127.0.0.5"]

    def test_may_be_one_domain(self, make: Callable[..., DNSResolver]) -> None:
        assert numbers(make("domain b.example").getaddrinfo("host", 80)) == ["127.0.0.3"]

    def test_does_not_complete_full_names(self, make: Callable[..., DNSResolver], server: Server) -> None:
        with pytest.raises(socket.gaierror):
            make(self.SEARCH).getaddrinfo("host.", 80, socket.AF_INET)
        assert server.asked == [("host.", "A")]


class TestKeeping:
    @pytest.mark.parametrize(
        ("name", "ttl"), [("one.example", 60), ("both.example", 30), ("alias.example", 5), ("lasting.example", 3600)]
    )
    def test_is_as_long_as_the_answer_says_and_no_longer_than_allowed(
        self, virtual: None, resolver: DNSResolver, server: Server, name: str, ttl: int
    ) -> None:
        resolver.getaddrinfo(name, 80)
        server.asked.clear()
        coro.sleep_relative(ttl - 0.001)
        resolver.getaddrinfo(name, "81", 0, socket.SOCK_DGRAM)  # of which the port is no part
        assert server.asked == []
        coro.sleep_relative(0.001)
        resolver.getaddrinfo(name, 80)
        assert server.asked

    def test_is_not_for_what_is_not_to_be_kept(self, resolver: DNSResolver, server: Server) -> None:
        for _ in range(2):
            resolver.getaddrinfo("fleeting.example", 80, socket.AF_INET)
        assert len(server.asked) == 2

    def test_ends_when_it_is_told(self, resolver: DNSResolver, server: Server) -> None:
        for _ in range(2):
            resolver.getaddrinfo("one.example", 80, socket.AF_INET)
            resolver.clear_cache()
        assert len(server.asked) == 2

    def test_is_shared(self, resolver: DNSResolver, server: Server) -> None:
        asking = [coro.spawn(resolver.getaddrinfo, "One.Example", 80, socket.AF_INET) for _ in range(50)]
        for co in asking:
            co.join()
            assert numbers(co.result()) == ["127.0.0.1"]
        assert len(server.asked) == 1


class TestTheHostsFile:
    HOSTS = "127.0.0.8 one.example first.example\n"

    def test_comes_first(self, make: Callable[..., DNSResolver], server: Server) -> None:
        resolver = make(hosts=self.HOSTS)
        assert numbers(resolver.getaddrinfo("one.example", 80)) == ["127.0.0.8"]
        found = resolver.getaddrinfo("first.example", 80, 0, socket.SOCK_STREAM, 0, socket.AI_CANONNAME)
        assert found == [(socket.AF_INET, socket.SOCK_STREAM, 6, "one.example", ("127.0.0.8", 80))]
        assert server.asked == []

    def test_is_not_enough_for_a_family_that_it_does_not_list(self, make: Callable[..., DNSResolver]) -> None:
        resolver = make(hosts="127.0.0.8 six.example")
        assert numbers(resolver.getaddrinfo("six.example", 80, socket.AF_INET6)) == ["::1"]


class TestNames:
    def test_of_a_number(self, resolver: DNSResolver, server: Server) -> None:
        for _ in range(2):
            assert resolver.getnameinfo(("127.0.0.7", 80), 0) == ("seven.example", "http")
        assert resolver.getnameinfo(("127.0.0.7", 80), socket.NI_NUMERICSERV) == ("seven.example", "80")
        assert server.asked == [("7.0.0.127.in-addr.arpa.", "PTR")]

    def test_that_are_not_wanted_are_not_asked_for(self, resolver: DNSResolver, server: Server) -> None:
        assert resolver.getnameinfo(("127.0.0.7", 80), socket.NI_NUMERICHOST) == ("127.0.0.7", "http")
        both = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
        assert resolver.getnameinfo(("127.0.0.7", 80), both) == ("127.0.0.7", "80")
        assert server.asked == []

    def test_in_the_hosts_file_come_first(self, make: Callable[..., DNSResolver], server: Server) -> None:
        assert make(hosts="127.0.0.7 listed").getnameinfo(("127.0.0.7", 80), 0) == ("listed", "http")
        assert server.asked == []

    def test_that_are_missing_leave_the_number(self, resolver: DNSResolver) -> None:
        assert resolver.getnameinfo(("127.0.0.66", 80), 0) == ("127.0.0.66", "http")
        with pytest.raises(socket.gaierror) as caught:
            resolver.getnameinfo(("127.0.0.66", 80), socket.NI_NAMEREQD)
        assert caught.value.errno == socket.EAI_NONAME

    def test_that_no_server_tells_are_an_error(self, make: Callable[..., DNSResolver]) -> None:
        with pytest.raises(socket.gaierror) as caught:
            make(nameservers=["127.0.0.99"]).getnameinfo(("127.0.0.7", 80), 0)
        assert caught.value.errno == socket.EAI_AGAIN


def test_sockets_can_use_it(resolver: DNSResolver) -> None:
    coro.set_resolver(resolver)
    try:
        with coro_sock.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            coro_sock.create_connection(("both.example", port)).close()
            with coro_sock.tcp_sock() as client:
                client.connect(("one.example", port))
    finally:
        coro.set_resolver(None)


@pytest.mark.parametrize("wrong", [{"nameservers": ["nobody"]}, {"lifetime": 0}, {"max_ttl": -1}, {"cache_size": -1}])
def test_its_arguments_are_checked(make: Callable[..., DNSResolver], wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        make(**wrong)


def test_without_a_configuration_it_asks_this_machine(tmp_path: Path) -> None:
    assert [str(each) for each in DNSResolver(resolv_conf=str(tmp_path / "none"))._dns.nameservers] == ["127.0.0.1"]


def test_without_dnspython_it_says_what_is_missing() -> None:
    program = "import sys; sys.modules['dns'] = None; import coro_sock.dns_resolver"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert "coro_sock.dns_resolver needs dnspython: pip install 'coro-sock[dns]'" in done.stderr
