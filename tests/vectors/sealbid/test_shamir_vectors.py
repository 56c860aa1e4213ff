"""Shamir's secret sharing against the reference polynomial."""

from itertools import combinations

import pytest

from sealbid.shamir import interpolate, split
from tests.sealing_kit import own_vectors


@pytest.fixture
def vector():
    return own_vectors("shamir-gf256.json")


def test_shares_are_the_reference_shares(vector):
    coefficients = iter(bytes.fromhex(c) for c in vector["coefficients_c1_c2"])

    shares = split(bytes.fromhex(vector["secret"]), t=vector["t"], n=5, entropy=lambda _: next(coefficients))

    assert {str(x): share.hex() for x, share in shares.items()} == vector["shares"]


def test_any_three_give_the_secret_and_the_other_shares(vector):
    shares = {int(x): bytes.fromhex(share) for x, share in vector["shares"].items()}
    for chosen in combinations(shares, 3):
        some = {x: shares[x] for x in chosen}

        assert interpolate(some).hex() == vector["secret"]
        assert {x: interpolate(some, x) for x in shares} == shares
