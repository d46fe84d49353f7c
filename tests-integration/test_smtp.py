"""smtplib under the emulation, against aiosmtpd, which runs in a Python of its own."""

import mailbox
import smtplib
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from peers import PATIENCE, in_threads, on_free_port, program, real_threads

pytestmark = pytest.mark.usefixtures("emulated")

#: How many clients there are at a time.
CLIENTS = 200


class Sink(NamedTuple):
    """An SMTP server that keeps what it is sent."""

    port: int
    mails: Path


@pytest.fixture
def sink(tmp_path: Path, certificate: Path) -> Iterator[Sink]:
    executable = program("aiosmtpd")
    mails = tmp_path / "mails"
    ports = []

    def command(port: int) -> list[object]:
        ports.append(port)
        tls = ["--tlscert", certificate, "--tlskey", certificate, "--no-requiretls"]
        keep = ["--class", "aiosmtpd.handlers.Mailbox", mails]
        return [executable, "--nosetuid", "--listen", f"127.0.0.1:{port}", *tls, *keep]

    def ask() -> None:
        smtplib.SMTP("127.0.0.1", ports[-1], timeout=PATIENCE).close()

    with on_free_port(command, ask, tmp_path / "log") as (_, port):
        yield Sink(port, mails)


def test_two_hundred_clients_at_a_time(sink: Sink, certificate: Path) -> None:
    """Nobody sends a mail before all are connected. Every other one starts TLS."""
    together = threading.Barrier(CLIENTS)
    context = ssl.create_default_context(cafile=str(certificate))

    def send(number: int) -> int:
        with smtplib.SMTP("localhost", sink.port, "here", PATIENCE) as client:
            if number % 2:
                client.starttls(context=context)
            together.wait()
            lines = "\n".join([".", f"..{number}"] * number)
            assert client.sendmail("a@here", ["b@there", "c@there"], f"Subject: {number}\n\n{lines}\n") == {}
            return real_threads()

    assert set(in_threads(CLIENTS, send)) == {1}
    mails = {int(mail["Subject"]): mail for mail in mailbox.Maildir(sink.mails)}
    assert sorted(mails) == list(range(CLIENTS))
    for number, mail in mails.items():
        assert mail["X-RcptTo"] == "b@there, c@there"
        assert mail.get_payload().split() == [".", f"..{number}"] * number


def test_what_the_server_refuses(sink: Sink) -> None:
    with smtplib.SMTP("127.0.0.1", sink.port, "here", PATIENCE) as client:
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("a@here", ["nobody@"], "")
        with pytest.raises(smtplib.SMTPSenderRefused):
            client.sendmail("@", ["b@there"], "")
        assert client.sendmail("a@here", ["b@there"], "") == {}
