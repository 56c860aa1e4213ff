"""Padding hides the size at a bounded price."""

from hypothesis import given
from hypothesis import strategies as st

from sealbid.bundle import padded_size


@given(st.integers(1, 2**53))
def test_padding_costs_at_most_an_eighth_and_is_stable(size):
    padded = padded_size(size)

    assert size <= padded <= size * 1.12 + 1
    assert padded_size(padded) == padded


@given(st.integers(1, 2**50), st.integers(0, 2**50))
def test_padding_keeps_the_order(size, more):
    assert padded_size(size) <= padded_size(size + more)
