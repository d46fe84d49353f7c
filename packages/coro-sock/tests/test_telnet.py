"""From bytes to what was typed: `coro_sock._telnet`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coro_sock._telnet import Keyboard, Typed

Told = list[tuple[Typed, bytes]]


def line(text: bytes) -> tuple[Typed, bytes]:
    return Typed.LINE, text


INTERRUPT = (Typed.INTERRUPT, b"")
END = (Typed.END, b"")
TOO_LONG = (Typed.TOO_LONG, b"")


def typed(*chunks: bytes, limit: int = 100) -> Told:
    keyboard = Keyboard(limit)
    return [each for chunk in chunks for each in keyboard.feed(chunk)]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"one\ntwo\n", [line(b"one"), line(b"two")]),
        (b"one\r\ntwo\r\n", [line(b"one"), line(b"two")]),
        (b"one\r\0two\r", [line(b"one"), line(b"two")]),  # the Return key alone (RFC 854)
        (b"\n\r\n\n", [line(b"")] * 3),
        (b"not ended", []),
        ("häß\n".encode(), [line("häß".encode())]),
        (b"a\0b\n", [line(b"a\0b")]),
        (b"drop\x03keep\n", [INTERRUPT, line(b"keep")]),
        (b"drop\xff\xf4keep\n", [INTERRUPT, line(b"keep")]),
        (b"drop\xff\xf3keep\n", [INTERRUPT, line(b"keep")]),
        (b"\x04", [END]),
        (b"one\n\x04", [line(b"one"), END]),
        (b"in\x04side\n", [line(b"inside")]),
        (b"\xff\xec", [END]),
        (b"a\xff\xf1b\n", [line(b"ab")]),  # "no operation"
        (b"a\xff\xffb\n", [line(b"a\xffb")]),
        (b"a\xff\xfd\x06b\n", [(Typed.QUESTION, b"\xff\xfc\x06"), line(b"ab")]),
        (b"a\xff\xfb\x18b\n", [(Typed.QUESTION, b"\xff\xfe\x18"), line(b"ab")]),
        (b"a\xff\xfc\x18\xff\xfe\x18b\n", [line(b"ab")]),  # "won't" and "don't" need no answer
        (b"a\xff\xfa\x18\x00xterm\n\x03\x04\xff\xff\xff\xf0b\n", [line(b"ab")]),
        (b"x" * 100 + b"\n", [line(b"x" * 100)]),
        (b"x" * 101 + b"\nok\n", [TOO_LONG, line(b"ok")]),
        (b"x" * 101 + b"\x04y" * 100 + b"\x03ok\n", [INTERRUPT, line(b"ok")]),
    ],
)
def test_what_is_typed(data: bytes, told: Told) -> None:
    assert typed(data) == told
    assert typed(*(bytes([byte]) for byte in data)) == told


@given(
    st.lists(
        st.sampled_from([b"a", b"\n", b"\r", b"\0", b"\x03", b"\x04", b"\xff", b"\xfa", b"\xf0", b"\xf4", b"\xfd"])
        | st.binary(max_size=5),
        max_size=40,
    ),
    st.integers(0, 10),
)
def test_how_it_arrives_makes_no_difference(chunks: list[bytes], limit: int) -> None:
    assert typed(*chunks, limit=limit) == typed(b"".join(chunks), limit=limit)


def test_what_never_ends_is_not_kept() -> None:
    keyboard = Keyboard(100)
    for beginning in (b"", b"\n\xff\xfa"):
        list(keyboard.feed(beginning))
        for _ in range(100):
            assert list(keyboard.feed(b"x" * 1000)) == []
            assert len(keyboard._line) <= 100
