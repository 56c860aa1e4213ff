"""What the statistical analysis takes and gives: plain values, so that any file or database can be its source.

``supervision.analysis.nightly.analyse(history: History, *, now: datetime, seed: int) -> Analysis`` joins them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Days = NDArray[np.datetime64]


@dataclass(frozen=True)
class History:
    """Tenders whose bids are open, and their bids; tenders in any order, bids in any order.

    Attributes:
        keys: what the caller calls each tender, m of them. category: the market each belongs to (class of work,
            region …), m names; bids are compared within it. opened_on: day of the opening, datetime64[D],
            shape (m,); NaT where unknown. ceiling: price limit or estimate, shape (m,); NaN where there is none.
        firms: what the caller calls each firm, f of them.
        tender: index of the tender of each bid, shape (b,). firm: index of its firm, or −1, shape (b,).
        bid: prices in one currency, positive, shape (b,). won: whether the bid was awarded, shape (b,).
    """

    keys: Sequence[str]
    category: Sequence[str]
    opened_on: Days
    ceiling: Floats
    firms: Sequence[str]
    tender: Ints
    firm: Ints
    bid: Floats
    won: Bools

    def __post_init__(self) -> None:
        m, b = len(self.keys), len(self.bid)
        if len(self.category) != m or self.opened_on.shape != (m,) or self.ceiling.shape != (m,):
            raise ValueError("category, opened_on and ceiling need one value a tender")
        if not (self.tender.shape == self.firm.shape == self.bid.shape == self.won.shape == (b,)):
            raise ValueError("tender, firm, bid and won need one value a bid")


@dataclass(frozen=True)
class Part:
    """One statistic of one tender: what it is, where it stands, how probable that is under its null.

    Attributes:
        name: as in the table of docs/detection.md. value: as computed. rank: share of comparable tenders that look
            less suspicious, 0 … 1. p: probability of a rank this high when comparable tenders are exchangeable, or
            under the null named by ``null``; None where the part only orders.
    """

    name: str
    value: float
    rank: float
    p: float | None = None
    null: str = ""


@dataclass(frozen=True)
class TenderScore:
    """A tender in the queue.

    Attributes:
        key, category, n: the tender, its market, its number of bids. score: 0 … 1, a rank among all tenders of the
            history. rank: 1 is the head of the queue. p: of the score within its market. screens: the seven.
        parts: what the score is made of, strongest first. patterns: rules that fired (Q-01, Q-02, Q-07, Q-08).
    """

    key: str
    category: str
    n: int
    score: float
    rank: int
    p: float
    screens: Mapping[str, float]
    parts: tuple[Part, ...] = ()
    patterns: tuple[Part, ...] = ()


@dataclass(frozen=True)
class PairLead:
    """Two firms that meet more often than chance would have it.

    Attributes:
        a, b: the firms, by name. joint: tenders in which both bid. jaccard: joint ÷ tenders of either. lift: joint ÷
            what independence expects. expected, p: mean joint and one-sided p-value when bidders are permuted inside
            category and year. wins_a, wins_b: wins of either in the joint tenders. balance: 0 … 1, how equally they
            share those wins. likeness: 0 … 1, rank among the pairs. rank: 1 is the first lead. tenders: keys of the
            joint tenders, oldest first. indicators: H-01, H-02, H-03 as they fire.
    """

    a: str
    b: str
    joint: int
    jaccard: float
    lift: float
    expected: float
    p: float
    wins_a: int
    wins_b: int
    balance: float
    likeness: float
    rank: int
    tenders: tuple[str, ...] = ()
    indicators: tuple[str, ...] = ()


@dataclass(frozen=True)
class FirmLead:
    """A firm that stands out: a companion that never wins (H-02) or an extreme win rate (H-04).

    Attributes:
        indicator: H-02 or H-04. bids, wins: of the firm. expected: wins expected from the number of rivals.
        z: standardised difference. p: probability under that null. beside: for H-02 the firm it accompanies.
    """

    firm: str
    indicator: str
    bids: int
    wins: int
    expected: float
    z: float
    p: float
    beside: str = ""


@dataclass(frozen=True)
class RingLead:
    """Firms that keep meeting and take turns (H-03).

    Attributes:
        firms: members by name. joint: tenders in which at least two of them bid and one of them won. entropy: of the
            winners, 1 is perfectly even. p: of turns as regular as these when the order of winners is permuted.
        tenders: keys in time order. winners: the member that won each.
    """

    firms: tuple[str, ...]
    joint: int
    entropy: float
    p: float
    tenders: tuple[str, ...] = ()
    winners: tuple[str, ...] = ()


@dataclass(frozen=True)
class GroupLead:
    """Three firms or more of which every three meet too often for chance (H-01).

    Attributes:
        firms: members by name. joint: tenders in which the most telling three all bid. expected: those independence
            expects. p: chance of any three of the city meeting that often. tenders: keys of the tenders in which at
            least three members bid, oldest first. winners: the member that won each, empty where none did.
    """

    firms: tuple[str, ...]
    joint: int
    expected: float
    p: float
    tenders: tuple[str, ...] = ()
    winners: tuple[str, ...] = ()


@dataclass(frozen=True)
class Analysis:
    """What a run found: tenders and pairs in the order of the queue, and what it was computed from.

    ``possible``: how many pairs of firms there could be, met or not.
    """

    at: datetime
    seed: int
    tenders: tuple[TenderScore, ...]
    pairs: tuple[PairLead, ...]
    firms: tuple[FirmLead, ...] = ()
    rings: tuple[RingLead, ...] = ()
    groups: tuple[GroupLead, ...] = ()
    possible: int = 0
    notes: tuple[str, ...] = field(default=())
