"""Draws: same inputs, same result; every place counts."""

import pytest

from sealbid.draw import Draw, Stream, select
from sealbid.errors import SealError


def a_draw(**changes):
    terms = {
        "kind": "k-value",
        "tender": "T-1",
        "draw_id": "k1",
        "root": bytes(32),
        "nonces": (b"a" * 32, b"b" * 32),
    }
    return Draw(**(terms | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "experts"},
        {"tender": "T-2"},
        {"draw_id": "k2"},
        {"root": b"r" * 32},
        {"nonces": (b"b" * 32, b"a" * 32)},
        {"nonces": (b"a" * 32,)},
        {"tender": "T-1k", "draw_id": "1"},
    ],
)
def test_every_input_changes_the_seed(changes):
    assert a_draw(**changes).seed() != a_draw().seed()


@pytest.mark.parametrize("changes", [{"root": bytes(31)}, {"nonces": ()}, {"nonces": (bytes(31),)}])
def test_incomplete_inputs_are_refused(changes):
    with pytest.raises(SealError) as refusal:
        a_draw(**changes).seed()

    assert refusal.value.code == "draw_inputs"


def test_a_replacement_is_the_next_place_of_the_same_stream():
    names = [f"E{number}" for number in range(30)]

    assert select(a_draw().stream(), names, 6)[:5] == select(a_draw().stream(), names, 5)


@pytest.mark.parametrize("count", [-1, 3])
def test_more_than_there_are_cannot_be_drawn(count):
    assert sorted(select(a_draw().stream(), ["a", "b"], 2)) == ["a", "b"]
    with pytest.raises(SealError) as refusal:
        select(a_draw().stream(), ["a", "b"], count)
    assert refusal.value.code == "draw_range"


@pytest.mark.parametrize("n", [0, 2**64 + 1])
def test_a_range_has_one_to_2_to_the_64_numbers(n):
    assert Stream(bytes(32)).below(1) == 0
    assert Stream(bytes(32)).below(2**64) == Stream(bytes(32)).word()
    with pytest.raises(SealError) as refusal:
        Stream(bytes(32)).below(n)
    assert refusal.value.code == "draw_range"


def test_numbers_above_the_last_whole_multiple_are_thrown_away():
    class Fixed(Stream):
        def __init__(self, words):
            self._given = iter(words)

        def word(self):
            return next(self._given)

    assert Fixed([2**64 - 1, 2**64 - 2]).below(3) == (2**64 - 2) % 3
    assert Fixed([2**64 - 1]).below(4) == 3
