"""Canonical JSON: one value, one spelling."""

import pytest

from sealbid import jcs
from sealbid.errors import SealError


def code(act, *args):
    with pytest.raises(SealError) as refusal:
        act(*args)
    return refusal.value.code


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [True, "阳光路"]}, '{"a":[true,"阳光路"],"b":1}'),
        ('\u20ac$\x0f\nA\'B"\\\\"/\x7f', '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/\x7f"'),
        (2**53 - 1, "9007199254740991"),
        (1 - 2**53, "-9007199254740991"),
        ([], "[]"),
        ({}, "{}"),
    ],
)
def test_values_of_the_profile_go_there_and_back(value, expected):
    assert jcs.encode(value) == expected.encode()
    assert jcs.decode(expected.encode()) == value


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        None,
        2**53,
        -(2**53),
        {"A": 1},
        {"a-b": 1},
        {"": 1},
        {1: 1},
        {"a\n": 1},
        "\ud800",
        b"x",
        {1, 2},
        nested(17),
    ],
    ids=repr,
)
def test_values_outside_the_profile_have_no_encoding(value):
    assert code(jcs.encode, value) == "json_profile"


def test_sixteen_levels_are_the_limit():
    assert jcs.decode(jcs.encode(nested(16))) == nested(16)
    assert code(jcs.decode, b"[" * 17 + b"]" * 17) == "json_profile"


@pytest.mark.parametrize(
    "text",
    [b'{"a": 1}', b'{"b":1,"a":1}', b'{"a":1}\n', b"-0", b'"\\u0041"', b'"\\/"', b'"\\u000F"', b"\n1"],
)
def test_other_spellings_are_refused(text):
    assert code(jcs.decode, text) == "json_not_canonical"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff",
        b'"\xed\xa0\x80"',
        b"[" * 100_000,
        b"1" * 5000,
        b"'a'",
        b'{"a":1,}',
        b"\xef\xbb\xbf1",
        b'"\n"',
    ],
    ids=lambda text: repr(text[:12]),
)
def test_what_is_no_json_is_refused(text):
    assert code(jcs.decode, text) == "json_syntax"


@pytest.mark.parametrize(
    "text",
    [b'{"a":1,"a":1}', b"1.0", b"1e2", b"NaN", b"-Infinity", b"null", b'"\\ud800"', b"9007199254740992"],
)
def test_what_the_profile_leaves_out_is_refused(text):
    assert code(jcs.decode, text) == "json_profile"


def test_an_object_can_be_demanded():
    assert jcs.decode_object(b'{"a":1}') == {"a": 1}
    assert code(jcs.decode_object, b"[]") == "json_not_object"
