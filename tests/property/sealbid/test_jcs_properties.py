"""No value is special: what has an encoding has exactly one."""

import json
from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sealbid import jcs
from sealbid.errors import SealError

texts = st.text(st.characters(exclude_categories=["Cs"]))
keys = st.text("abcxyz019_", min_size=1, max_size=8)
values = st.recursive(
    st.booleans() | st.integers(1 - 2**53, 2**53 - 1) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_encoding_and_decoding_are_inverse(value):
    assert jcs.decode(jcs.encode(value)) == value


@given(values, st.integers(1, 3))
def test_indented_spellings_are_never_accepted(value, indent):
    spelled = json.dumps(value, indent=indent, ensure_ascii=False).encode()
    assume(spelled != jcs.encode(value))

    with pytest.raises(SealError) as refusal:
        jcs.decode(spelled)

    assert refusal.value.code == "json_not_canonical"


@given(st.binary(max_size=60) | st.text('[]{}",:01aA.-', max_size=20).map(str.encode))
def test_random_bytes_are_canonical_or_refused(data):
    with suppress(SealError):
        assert jcs.encode(jcs.decode(data)) == data
