"""How members print, compare, combine and pickle: laws for every one of them."""

import copy
import json
import operator
import pickle
import socket
from enum import IntFlag
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import coro_consts
from coro_consts import AF, AI, MSG, NI, SO, SOCK
from coro_consts._enums import Constant, Flags

CLASSES = [getattr(coro_consts, name) for name in coro_consts.__all__]
LISTS = [cls for cls in CLASSES if issubclass(cls, Constant)]
FLAGS = [cls for cls in CLASSES if issubclass(cls, Flags)]
MEMBERS = [member for cls in CLASSES for member in cls]
# The first example of a test builds classes, and a busy machine is slow at it.
law = settings(deadline=None)

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def combined(cls: type[Flags]) -> st.SearchStrategy[Flags]:
    """Some flags of one class, with some bits that may have no name."""
    members = st.lists(st.sampled_from(list(cls)))
    bits = st.one_of(st.just(0), st.integers(0, 2**31 - 1))

    def join(parts: tuple[list[Flags], int]) -> Flags:
        value = cls(parts[1])
        for flag in parts[0]:
            value |= flag
        return value

    return st.tuples(members, bits).map(join)


every_member = st.sampled_from(MEMBERS)
every_flags = st.sampled_from(FLAGS).flatmap(combined)
anything = st.one_of(every_member, every_flags)


def test_each_class_is_of_one_kind() -> None:
    assert len(LISTS) + len(FLAGS) == len(CLASSES)
    assert {cls.__name__ for cls in FLAGS} == {"MSG", "AI", "NI"}


# Printing


@pytest.mark.parametrize("cls", CLASSES)
def test_a_member_prints_as_its_class_and_name(cls: Any) -> None:
    for member in cls:
        text = f"{cls.__name__}.{member.name}"
        assert str(member) == repr(member) == format(member) == f"{member}" == text
        assert f"{member!r:>40}" == f"{member!s:>40}" == f"{member:>40}"


def test_an_alias_prints_as_the_canonical_name() -> None:
    for cls in CLASSES:
        for name, member in cls.__members__.items():
            if cls in LISTS:
                assert str(member) == f"{cls.__name__}.{member.name}"
            assert getattr(cls, name) is member


@law
@given(anything)
def test_what_prints_evaluates_back(value: Any) -> None:
    text = repr(value)
    assert text == str(value) == f"{value}"
    again = eval(text, vars(coro_consts))
    assert again == value
    assert type(again) is type(value)


@law
@given(anything, st.sampled_from(["d", "x", "#x", "b", "o", "5d", "08x", ",d", "n"]))
def test_a_format_for_numbers_gives_the_number(value: int, spec: str) -> None:
    assert format(value, spec) == format(int(value), spec)


@law
@given(anything, st.sampled_from(["s", ">60", "^60s", "*<60", ".3"]))
def test_any_other_format_gives_the_text(value: int, spec: str) -> None:
    assert format(value, spec) == format(str(value), spec)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (MSG.PEEK | MSG.DONTWAIT, "MSG.PEEK|MSG.DONTWAIT"),
        (MSG.DONTWAIT | MSG.PEEK, "MSG.PEEK|MSG.DONTWAIT"),
        (MSG(0), "MSG(0)"),
        (MSG.PEEK & MSG.OOB, "MSG(0)"),
        (MSG(0x1000000), "MSG(0x1000000)"),
        (MSG.PEEK | 0x1000000, "MSG.PEEK|MSG(0x1000000)"),
        (AI.PASSIVE | AI.CANONNAME, "AI.PASSIVE|AI.CANONNAME"),
        (NI.NUMERICHOST | NI.NUMERICSERV, "NI.NUMERICHOST|NI.NUMERICSERV"),
    ],
)
def test_flags_print_as_their_parts(value: Flags, text: str) -> None:
    assert str(value) == repr(value) == text


def test_a_named_combination_prints_as_its_parts() -> None:
    # AI_DEFAULT and AI_MASK are such, on other systems than Linux.
    class F(Flags):
        A = 1
        B = 2
        AB = 3
        ODD = 9

    assert str(F.AB) == "F.A|F.B"
    assert str(F.ODD) == "F.A|F(0x8)"


# Being integers


@law
@given(anything, anything)
def test_members_compare_and_hash_like_integers(one: int, two: int) -> None:
    assert one == int(one)
    assert hash(one) == hash(int(one))
    assert (one == two) == (int(one) == int(two))
    assert (one < two) == (int(one) < int(two))
    assert {int(one): "found"}[one] == "found"
    assert isinstance(one, int)


@law
@given(anything)
def test_json_writes_the_number(value: int) -> None:
    assert json.dumps([value, {"k": value}]) == json.dumps([int(value), {"k": int(value)}])


def test_the_socket_modules_own_enums_are_equal() -> None:
    assert AF.INET == socket.AddressFamily.AF_INET
    assert SOCK.STREAM == socket.SocketKind.SOCK_STREAM
    assert MSG.PEEK == socket.MsgFlag.MSG_PEEK
    assert AI.PASSIVE == socket.AddressInfo.AI_PASSIVE
    assert socket.AddressFamily(AF.INET) is socket.AF_INET
    assert AF(socket.AF_INET) is AF.INET


# Calling, and combining


@pytest.mark.parametrize("cls", CLASSES)
def test_every_number_finds_its_member(cls: Any) -> None:
    for member in cls.__members__.values():
        assert cls(int(member)) is member


@pytest.mark.parametrize("cls", LISTS)
def test_a_number_in_no_list_is_a_value_error(cls: Any) -> None:
    with pytest.raises(ValueError, match=f"123456789 is not a valid {cls.__name__}"):
        cls(123456789)


@law
@given(st.data(), st.sampled_from([operator.or_, operator.and_, operator.xor]))
def test_flags_combine_like_integers(data: st.DataObject, op: Any) -> None:
    cls = data.draw(st.sampled_from(FLAGS))
    one, two = data.draw(combined(cls)), data.draw(combined(cls))
    for right in (two, int(two)):
        got = op(one, right)
        assert type(got) is cls
        assert int(got) == op(int(one), int(two))
    assert int(op(int(one), two)) == op(int(one), int(two))


@law
@given(st.data())
def test_a_flag_can_be_taken_away(data: st.DataObject) -> None:
    cls = data.draw(st.sampled_from(FLAGS))
    flags = data.draw(st.sets(st.sampled_from(list(cls)), min_size=1))
    gone = data.draw(st.sampled_from(sorted(flags)))
    value = cls(0)
    for flag in flags:
        value |= flag
    assert set(value & ~gone) == flags - {gone}
    assert gone not in value & ~gone
    assert gone in value


@law
@given(st.sampled_from([c for c in LISTS if c is not SOCK]), st.data())
def test_lists_do_not_combine_into_members(cls: Any, data: st.DataObject) -> None:
    one, two = (data.draw(st.sampled_from(list(cls))) for _ in range(2))
    assert type(one | two) is int
    assert one | two == int(one) | int(two)


# Pickling and copying


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_member_and_alias_comes_back_from_a_pickle(protocol: int) -> None:
    for cls in CLASSES:
        for member in cls.__members__.values():
            assert pickle.loads(pickle.dumps(member, protocol)) is member


@law
@given(every_flags, st.sampled_from(PROTOCOLS))
def test_combined_flags_come_back_from_a_pickle(value: Flags, protocol: int) -> None:
    assert pickle.loads(pickle.dumps(value, protocol)) is value


@law
@given(anything)
def test_copies_are_the_same_object(value: object) -> None:
    assert copy.copy(value) is value
    assert copy.deepcopy([value])[0] is value


def test_a_pickle_means_the_same_on_another_platform(elsewhere: Any) -> None:
    family = pickle.dumps(AF.INET6)
    flags = pickle.dumps(MSG.PEEK | MSG.DONTWAIT)
    there_only = {"AF_INET6": 30, "MSG_PEEK": 2, "MSG_DONTWAIT": 0x80}
    with elsewhere("darwin", **there_only) as there:
        assert pickle.loads(family) is there.AF.INET6
        assert int(there.AF.INET6) == 30
        assert int(pickle.loads(flags)) == 0x82


def test_a_pickle_of_a_name_that_is_absent_is_an_error(elsewhere: Any) -> None:
    family, flags = pickle.dumps(AF.INET6), pickle.dumps(MSG.PEEK | MSG.OOB)
    with elsewhere("darwin", AF_INET=2, MSG_OOB=1):
        for pickled in (family, flags):
            with pytest.raises(AttributeError):
                pickle.loads(pickled)


def test_pickles_name_no_private_module_for_a_plain_member() -> None:
    assert b"coro_consts._" not in pickle.dumps(SO.REUSEADDR)


def test_flags_are_what_the_standard_library_calls_flags() -> None:
    assert issubclass(MSG, IntFlag)
    assert MSG.PEEK in MSG.PEEK | MSG.OOB
    assert list(MSG.OOB | MSG.PEEK) == [MSG.OOB, MSG.PEEK]
