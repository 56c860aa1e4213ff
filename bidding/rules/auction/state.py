"""The state of an auction: an immutable value, fully determined by its terms and the events applied to them.

Source: rules §4.3 A-01, A-14; house style "live rooms".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from bidding.rules.auction.terms import Terms
from bidding.rules.auction.values import Keys, Trail, Value
from kernel.money import Money


class Stage(StrEnum):
    """Where an auction stands."""

    WAITING = "waiting"  # not begun
    RUNNING = "running"
    EXTENDED = "extended"  # running, the end has moved
    INQUIRY = "inquiry"  # F4: running, and everybody is asked whether to go on
    LIMITED = "limited"  # F4, F7: limited-time round
    BREAK = "break"  # F3, F13: between two rounds
    WILLING = "willing"  # F6: the cap is reached, who goes on?
    SECOND = "second"  # F6: offers in the second indicator; F8: second sealed round among equals
    ASKING = "asking"  # holders of a priority right are asked after the end
    PAUSED = "paused"
    SETTLING = "settling"  # over; something sealed has still to be opened, or a lot to be drawn
    ENDED = "ended"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN = frozenset({Stage.RUNNING, Stage.EXTENDED, Stage.INQUIRY, Stage.LIMITED})
"""Stages that take offers of money."""
OVER = frozenset({Stage.ENDED, Stage.FAILED, Stage.CANCELLED})
"""Stages nothing leads out of."""


class Kind(StrEnum):
    """How an offer came to be."""

    OFFER = "offer"
    LIMIT = "limit"  # placed by the core for a standing limit
    MATCH = "match"  # a priority holder took the best price
    ACCEPT = "accept"  # Dutch: took the clock's price
    STAY = "stay"  # Japanese: stayed in at the clock's price
    SEALED = "sealed"  # handed in sealed; its amount is not known yet
    REVEALED = "revealed"  # a sealed offer, opened
    TURN = "turn"  # F13: the offer that stood at the end of a turn


@dataclass(frozen=True, slots=True)
class Taken:
    """An offer that was taken.

    Attributes:
        seq: its place among all taken offers of the auction, from 1; never shown where counts are hidden.
        nr: its place among the bidder's own offers, from 1.
        ends_at: the end as the offer left it.
        round: the round or phase it was made in.
    """

    seq: int
    plate: str
    amount: Money
    recv_at: datetime
    kind: Kind
    nr: int
    key: str | None = None
    ends_at: datetime | None = None
    round: int = 1
    digest: str | None = None


@dataclass(frozen=True)
class Seat(Value):
    """What is known of one bidder.

    Attributes:
        count: offers taken from him.
        last: the latest of them; the only one in force.
        limit: his standing limit, and ``limit_seq`` its place among all limits set (earlier goes first).
        limit_digest: a sealed standing limit not opened yet.
        willing: his answer to the inquiry of F4 or F6.
        inside: F11: not dropped out; F4: admitted to the limited-time round.
        sealed: digest of a sealed offer of this round, not opened yet.
        matches: how often he used his priority right.
        waived: he will not use it (again).
        second, second_seq, second_key: F6: his latest offer in the second indicator, its place, its key.
        items: F9: the other values of his offer.
        before: his offer in force before the sealed one of this round.
    """

    plate: str
    count: int = 0
    last: Taken | None = None
    limit: Money | None = None
    limit_seq: int = 0
    limit_digest: str | None = None
    willing: bool = False
    inside: bool = True
    sealed: str | None = None
    matches: int = 0
    waived: bool = False
    second: Decimal | None = None
    second_seq: int = 0
    second_key: str | None = None
    items: tuple[tuple[str, Decimal], ...] = ()
    before: Taken | None = None


class Outcome(StrEnum):
    """How it came out. ``SOLD``: ascending, to the highest; ``AWARDED``: descending or by points."""

    SOLD = "sold"
    AWARDED = "awarded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of an auction.

    Attributes:
        reason: why, as a stable name (``best_offer``, ``no_offer``, ``too_few_bidders``, ``below_reserve`` …).
        ranking: plates with their standing offers, best first; only those with a valid offer.
        points: F9 and F13: what the ranking went by, as printed, by plate.
    """

    outcome: Outcome
    reason: str
    winner: str | None
    price: Money | None
    ranking: tuple[tuple[str, Money], ...]
    reserve_met: bool | None = None
    points: tuple[tuple[str, str], ...] = ()


Rung = tuple[int, int, int, str]
"""A place in the standing: (better is smaller) price, priority, sequence number; and the plate."""

PLAIN_TIE = 1 << 20
"""Priority of an offer without a priority right: after every holder's match at the same price."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The clock stands, for a published reason; ``stage`` and ``left`` are what it goes on with.

    ``resumes_at``: announced; until then None.
    """

    reason: str
    since: datetime
    stage: Stage
    left: timedelta | None
    shown_left: timedelta | None
    resumes_at: datetime | None = None


@dataclass(frozen=True)
class State(Value):
    """One auction at one version.

    Attributes:
        version: number of events that changed anything.
        at: instant of the latest of them; time never runs backwards.
        ends_at: when the present stage ends by time alone; None where only an event ends it.
        shown_ends_at: the end that may be shown; earlier than ``ends_at`` when a hidden tail follows.
        standing: every bidder with a valid offer, best first.
        extensions, extended: how often and how far the end has moved.
        round: F3 and F13: the present round; F4, F7: 2 in the limited-time round.
        special: what only this format needs (second indicator, turns, opened offers).
    """

    terms: Terms
    seats: Mapping[str, Seat]
    stage: Stage = Stage.WAITING
    version: int = 0
    at: datetime | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    shown_ends_at: datetime | None = None
    offers: Trail[Taken] = field(default_factory=Trail)
    standing: tuple[Rung, ...] = ()
    keys: Keys = field(default_factory=Keys)
    extensions: int = 0
    extended: timedelta = timedelta(0)
    tail: timedelta = timedelta(0)
    round: int = 0
    limits: int = 0
    reserve: Money | None = None
    stopped: Stopped | None = None
    special: object = None
    outcome: Result | None = None

    @property
    def best(self) -> Taken | None:
        """The best standing offer, where offers are open or opened."""
        return self.offers[self.standing[0][2] - 1] if self.standing else None

    @property
    def leader(self) -> str | None:
        """Who made it."""
        return self.standing[0][3] if self.standing else None

    @property
    def plates(self) -> tuple[str, ...]:
        """Everybody admitted, in order of admission."""
        return tuple(self.seats)
