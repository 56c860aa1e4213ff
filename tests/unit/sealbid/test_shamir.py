"""Sharing a secret refuses what cannot be shared."""

import pytest

from sealbid.errors import SealError
from sealbid.shamir import interpolate, split
from tests.sealing_kit import entropy


@pytest.mark.parametrize(("t", "n"), [(2, 2), (2, 16), (16, 16), (3, 5)])
def test_lawful_thresholds_give_the_secret_back(t, n):
    secret = bytes(range(32))

    shares = split(secret, t=t, n=n, entropy=entropy())

    assert list(shares) == list(range(1, n + 1))
    assert interpolate({x: shares[x] for x in list(shares)[-t:]}) == secret
    assert interpolate(shares) == secret


@pytest.mark.parametrize(("t", "n"), [(1, 5), (0, 0), (4, 3), (2, 17), (17, 17)])
def test_other_thresholds_are_refused(t, n):
    with pytest.raises(SealError) as refusal:
        split(bytes(32), t=t, n=n, entropy=entropy())

    assert refusal.value.code == "threshold"


def test_a_source_that_runs_dry_is_noticed():
    with pytest.raises(SealError) as refusal:
        split(bytes(32), t=2, n=2, entropy=lambda size: bytes(size - 1))

    assert refusal.value.code == "entropy"


@pytest.mark.parametrize("shares", [{}, {1: b"a", 2: b"ab"}, {0: b"a", 1: b"b"}, {256: b"a"}])
def test_what_are_no_shares_is_refused(shares):
    with pytest.raises(SealError) as refusal:
        interpolate(shares)

    assert refusal.value.code == "share_format"
