"""Draws are fair and always a selection."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sealbid.draw import Stream, select


@given(st.binary(min_size=32, max_size=32), st.integers(1, 2**64))
def test_numbers_stay_in_their_range(seed, n):
    stream = Stream(seed)

    assert all(0 <= stream.below(n) < n for _ in range(5))


@given(st.binary(min_size=32, max_size=32), st.lists(st.integers(), unique=True, max_size=30), st.data())
def test_a_selection_has_no_repetitions(seed, candidates, data):
    count = data.draw(st.integers(0, len(candidates)))

    chosen = select(Stream(seed), candidates, count)

    assert len(set(chosen)) == count
    assert set(chosen) <= set(candidates)


def test_seven_places_are_equally_likely():
    stream = Stream(bytes(32))
    counts = Counter(stream.below(7) for _ in range(14_000))

    # Chi-square, 6 degrees of freedom: 22.46 is the 99.9 % point. The stream is fixed: no flapping.
    assert sum((count - 2000) ** 2 / 2000 for count in counts.values()) < 22.46
    assert len(counts) == 7
