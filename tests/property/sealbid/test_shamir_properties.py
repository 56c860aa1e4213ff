"""Any t shares give the secret; fewer say nothing about it."""

from hypothesis import given
from hypothesis import strategies as st

from sealbid.shamir import interpolate, split
from tests.sealing_kit import entropy

secrets = st.binary(min_size=1, max_size=40)
thresholds = st.integers(2, 16).flatmap(lambda n: st.tuples(st.integers(2, n), st.just(n)))


@given(secrets, thresholds, st.data())
def test_any_t_shares_give_the_secret_and_every_other_share(secret, threshold, data):
    t, n = threshold
    shares = split(secret, t=t, n=n, entropy=entropy(data.draw(st.text(max_size=4))))
    chosen = data.draw(st.permutations(sorted(shares)).map(lambda order: order[:t]))
    some = {x: shares[x] for x in chosen}

    assert interpolate(some) == secret
    assert {x: interpolate(some, x) for x in shares} == shares


@given(secrets, secrets, thresholds, st.data())
def test_fewer_shares_fit_any_other_secret_as_well(secret, other, threshold, data):
    t, n = threshold
    other = other.ljust(len(secret), b"\0")[: len(secret)]
    shares = split(secret, t=t, n=n, entropy=entropy())
    few = data.draw(st.permutations(sorted(shares)).map(lambda order: order[: t - 1]))

    # The polynomial through the few shares and another secret at 0 exists, whatever that secret is: write
    # the secret as a share at 255 of the same polynomial and come back.
    at_255 = _value_at(255, {x: shares[x] for x in few}, other)

    assert interpolate({255: at_255, **{x: shares[x] for x in few}}) == other


def _value_at(point, shares, at_zero):
    """f(point) for the polynomial through ``shares`` and (0, at_zero), by shifting every number by 128."""
    shifted = {128: at_zero, **{x ^ 128: share for x, share in shares.items()}}
    return interpolate(shifted, point ^ 128)
