"""Whatever is sealed comes back; whatever is touched does not; fewer than t learn nothing."""

import io
from contextlib import suppress
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealbid import jcs
from sealbid.container import open_container, open_with_secret, parse_header, recover_secret, unwrap_share
from sealbid.errors import SealError
from sealbid.octets import u32
from sealbid.shamir import interpolate
from tests.sealing_kit import a_container, a_policy, custodian_seed


@cache
def sealed_once():
    policy = a_policy()
    raw, sealed = a_container(b"price 1", policy=policy)
    header = parse_header(raw)
    shares = {x: unwrap_share(header, x, custodian_seed(x), policy.digest) for x in range(1, 6)}
    return raw, sealed, header, shares


@given(st.binary(max_size=3000))
@settings(max_examples=20, deadline=None)
def test_any_content_comes_back(plain):
    raw, sealed = a_container(plain)
    out = io.BytesIO()

    open_with_secret(io.BytesIO(raw), out, sealed.secret, root=sealed.root)

    assert out.getvalue() == plain


@given(st.sets(st.integers(1, 5), min_size=3))
def test_any_three_or_more_custodians_open(chosen):
    raw, sealed, _, shares = sealed_once()
    out = io.BytesIO()

    open_container(io.BytesIO(raw), out, {x: shares[x] for x in chosen}, root=sealed.root)

    assert out.getvalue() == b"price 1"


@given(st.sets(st.integers(1, 5), min_size=1, max_size=2))
def test_fewer_than_t_custodians_fail_the_key_commitment(chosen):
    raw, sealed, header, shares = sealed_once()
    few = {x: shares[x] for x in chosen}

    guess = interpolate(few)
    # A threshold lowered by force does not help either: the polynomial through two shares misses the others.
    with pytest.raises(SealError) as forced:
        recover_secret(replace(header, t=len(few)), few)
    with pytest.raises(SealError) as refusal:
        open_with_secret(io.BytesIO(raw), io.BytesIO(), guess)

    assert guess != sealed.secret
    assert refusal.value.code == "secret_mismatch"
    assert forced.value.code == "dealt_inconsistently"


@given(st.data())
def test_no_byte_can_be_changed_unnoticed(data):
    raw, sealed, _, _ = sealed_once()
    place = data.draw(st.integers(0, len(raw) - 1))
    altered = bytearray(raw)
    altered[place] ^= data.draw(st.integers(1, 255))
    out = io.BytesIO()

    with pytest.raises(SealError):
        open_with_secret(io.BytesIO(bytes(altered)), out, sealed.secret, root=sealed.root, size=sealed.size)

    assert out.getvalue() == b""


@given(st.data())
def test_no_cut_goes_unnoticed(data):
    raw, sealed, _, _ = sealed_once()
    cut = data.draw(st.integers(0, len(raw) - 1))

    with pytest.raises(SealError):
        open_with_secret(io.BytesIO(raw[:cut]), io.BytesIO(), sealed.secret)


json_values = st.recursive(
    st.booleans() | st.integers(-5, 70_000) | st.text(max_size=5) | st.sampled_from(["AA==", "00" * 16]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xce"), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.sampled_from(sorted({"v", "suite", "tender", "part", "policy", "bid", "t", "cs", "kc", "sh", "lk"})),
    json_values,
)
def test_no_header_field_can_do_more_than_be_refused(field, value):
    _, _, header, _ = sealed_once()
    fields = jcs.decode(header.raw[12:]) | {field: value}
    text = jcs.encode(fields)

    with suppress(SealError):
        parsed = parse_header(b"SEALBID1" + u32(len(text)) + text)
        assert parsed.raw == b"SEALBID1" + u32(len(text)) + text
        assert field in ("tender", "part", "bid", "policy", "t")
