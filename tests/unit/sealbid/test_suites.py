"""Suites keep a share for one custodian and one purpose."""

import pytest

from sealbid.errors import SealError
from sealbid.suites import SUITES, suite_named

SEED, SHARE = bytes(range(32)), b"s" * 32


@pytest.fixture(params=sorted(SUITES))
def suite(request):
    return suite_named(request.param)


def test_a_wrapped_share_comes_back(suite):
    public = suite.public_key(SEED)
    envelope = suite.wrap(public, b"info", SHARE)

    assert suite.unwrap(SEED, b"info", envelope) == SHARE
    assert (len(public), len(envelope)) == (suite.public_key_bytes, suite.envelope_bytes)


@pytest.mark.parametrize(
    ("seed", "info", "flip"),
    [(bytes(32), b"info", None), (SEED, b"other", None), (SEED, b"info", 0), (SEED, b"info", -1)],
    ids=["another seed", "another purpose", "altered encapsulation", "altered tag"],
)
def test_an_envelope_opens_nowhere_else(suite, seed, info, flip):
    envelope = bytearray(suite.wrap(suite.public_key(SEED), b"info", SHARE))
    if flip is not None:
        envelope[flip] ^= 1

    with pytest.raises(SealError) as refusal:
        suite.unwrap(seed, info, bytes(envelope))

    assert refusal.value.code == "envelope_unreadable"


@pytest.mark.parametrize("envelope", [b"", b"x", b"x" * 80, b"x" * 1168])
def test_garbage_is_refused_as_unreadable(suite, envelope):
    with pytest.raises(SealError) as refusal:
        suite.unwrap(SEED, b"info", envelope)

    assert refusal.value.code == "envelope_unreadable"


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(1215), b"\xff" * 1216, bytes(32)])
def test_what_is_no_key_is_refused(suite, key):
    with pytest.raises(SealError) as refusal:
        suite.wrap(key, b"info", SHARE)

    assert refusal.value.code == "public_key"


def test_seeds_have_32_bytes(suite):
    for act in (suite.public_key, lambda seed: suite.unwrap(seed, b"", b"")):
        with pytest.raises(SealError) as refusal:
            act(bytes(31))
        assert refusal.value.code == "seed_format"


def test_chunks_open_under_their_key_and_place_only(suite):
    sealed, plain = bytearray(20), bytearray(4)
    suite.aead_seal(bytes(32), bytes(12), b"text", sealed)

    assert suite.aead_open(bytes(32), bytes(12), sealed, plain)
    assert plain == b"text"
    assert not suite.aead_open(bytes(32), b"\1" * 12, sealed, plain)
    assert not suite.aead_open(b"\1" * 32, bytes(12), sealed, plain)


def test_signatures_fit_their_message_and_key(suite):
    signature = suite.sign(SEED, b"message")
    # RFC 8032 gives no key for this seed; the value is the reference log's own key for the same seed.
    public = bytes.fromhex("03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8")

    assert suite.verify(public, b"message", signature)
    assert not suite.verify(public, b"massage", signature)
    assert not suite.verify(bytes(31), b"message", signature)


def test_unknown_suites_are_refused():
    with pytest.raises(SealError) as refusal:
        suite_named("gm-1")

    assert refusal.value.code == "suite_unknown"
