"""Ranking on printed, rounded totals; hidden digits never decide.

Source: rules.md §2.9 (ties), §2.10.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import groupby
from types import MappingProxyType

from kernel.errors import NotValid
from kernel.money import Money
from kernel.score import Exact, Score, exact


class Tie(StrEnum):
    """What decides between equals, in the printed order."""

    LOWER_PRICE = "lower_price"
    HIGHER_TECHNICAL = "higher_technical"
    DRAW = "draw"  # a verifiable draw; the drawn places are handed in
    BUYER = "buyer"  # the buyer decides: stays joint until he has


TIES: Mapping[str, tuple[Tie, ...]] = MappingProxyType(
    {
        "TM": (Tie.LOWER_PRICE, Tie.BUYER),
        "TV": (Tie.LOWER_PRICE, Tie.BUYER),
        "TR": (Tie.LOWER_PRICE, Tie.BUYER),
        "WR": (Tie.LOWER_PRICE, Tie.BUYER),
        "GP": (Tie.LOWER_PRICE,),
        "GP-consultation": (Tie.LOWER_PRICE, Tie.HIGHER_TECHNICAL),
        "GP-lowest": (Tie.DRAW,),
        "SM": (Tie.LOWER_PRICE, Tie.DRAW),
    }
)
"""Default tie orders by regime and variant; the documents may print more. Source: rules.md §2.9, §2.3."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a bid is ranked on.

    Attributes:
        bid: its stable id.
        total: printed total, already rounded.
        price: the price that ties compare (the final offer, before policy deductions).
        technical: printed technical score, where ties compare it.
        drawn: its place in a draw among equals, where one was held.
    """

    bid: str
    total: Score
    price: Money
    technical: Score | None = None
    drawn: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A rank and its bid; ``joint`` bids share a rank that no printed rule could divide."""

    rank: int
    bid: str
    joint: bool


def rank_by_score(entries: Iterable[Entry], ties: Sequence[Tie]) -> list[Place]:
    """Rank by descending printed total, then by the printed tie rules; equals stay joint.

    The order of ``entries`` plays no part; joint bids are listed by id. After joint bids the next rank
    skips as many places.

    Raises:
        NotValid: ``total_not_rounded``, ``bid_doubled``, ``technical_missing``.

    Source: rules.md §2.9, §2.10; 招标投标法 第四十一条.
    """
    pool = sorted(entries, key=lambda entry: entry.bid)
    if len({entry.bid for entry in pool}) != len(pool):
        raise NotValid("bid_doubled", source="rules.md §2.10")
    for entry in pool:
        exponent = entry.total.as_tuple().exponent
        if not isinstance(exponent, int) or exponent < -2:
            raise NotValid("total_not_rounded", source="rules.md §2.10", bid=entry.bid)

    def key(entry: Entry) -> tuple[Fraction, ...]:
        return (-exact(entry.total), *(_tie_key(tie, entry) for tie in ties))

    return _places({entry.bid: key(entry) for entry in pool})


def rank_by_price(
    prices: Mapping[str, Exact], *, drawn: Mapping[str, int] | None = None, descending: bool = False
) -> list[Place]:
    """Rank by evaluated price, lowest first (highest first for a sale); equals by drawn place or joint.

    Source: 招标投标法 第四十一条; 政府采购法实施条例 第三十四条; rules.md §2.3, §2.6 (EX-2, EX-6).
    """
    sign = -1 if descending else 1
    key = {bid: (sign * exact(price), Fraction((drawn or {}).get(bid, 0))) for bid, price in prices.items()}
    return _places(key)


def candidates(places: Sequence[Place], most: int) -> list[Place]:
    """The places that may be recommended: ranks up to ``most``, never a part of a joint rank.

    Raises:
        NotValid: ``tie_undecided`` when a joint rank reaches beyond ``most`` and nobody has decided it.

    Source: 招标投标法实施条例 第五十三条.
    """
    chosen = [place for place in places if place.rank <= most]
    if len(chosen) > most:
        joint = [place.bid for place in chosen if place.joint]
        raise NotValid("tie_undecided", source="招标投标法实施条例 第五十三条", bids=joint, most=most)
    return chosen


def _tie_key(tie: Tie, entry: Entry) -> Fraction:
    """Smaller is better; a rule that has nothing to compare leaves equals equal."""
    if tie is Tie.LOWER_PRICE:
        return entry.price.exact
    if tie is Tie.HIGHER_TECHNICAL:
        if entry.technical is None:
            raise NotValid("technical_missing", source="rules.md §2.9", bid=entry.bid)
        return -exact(entry.technical)
    if tie is Tie.DRAW and entry.drawn is not None:
        return Fraction(entry.drawn)
    return Fraction(0)


def _places(keys: Mapping[str, tuple[Fraction, ...]]) -> list[Place]:
    """Places in ascending order of keys; equal keys share a rank and stand in order of id."""
    places: list[Place] = []
    for _, group in groupby(sorted(keys, key=lambda bid: (keys[bid], bid)), key=keys.__getitem__):
        equals = list(group)
        rank = len(places) + 1
        places += [Place(rank, bid, len(equals) > 1) for bid in equals]
    return places
