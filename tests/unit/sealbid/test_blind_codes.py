"""Codes of bids: a permutation nobody can guess without the secret, and everybody computes with it."""

from __future__ import annotations

from sealbid.draw import blind_codes

BIDS = [f"{number:032x}" for number in range(40)]


def test_every_bid_has_one_code_whatever_the_order_given() -> None:
    codes = blind_codes(b"s" * 32, BIDS)

    assert sorted(codes) == BIDS
    assert sorted(codes.values()) == [f"T-{place:02d}" for place in range(1, 41)]
    assert blind_codes(b"s" * 32, BIDS[::-1]) == codes


def test_another_secret_gives_another_order() -> None:
    first, second = (blind_codes(bytes([n]) * 32, BIDS) for n in (1, 2))

    assert first != second
    assert [codes[bid] for codes in (first, second) for bid in BIDS] != sorted(first.values()) * 2
