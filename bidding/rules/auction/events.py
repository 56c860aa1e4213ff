"""What can happen in an auction, as frozen values with an exact plain form.

Source: rules §4.3–§4.7; A-14 (all events stored and replayable).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from bidding.rules.auction.values import Plain, from_plain, invalid, to_plain
from kernel.money import Money


class Event:
    """Something that happened; ``kind`` names it in the plain form."""

    kind: ClassVar[str]
    __slots__ = ()

    def to_plain(self) -> Plain:
        """The JSON form: ``kind`` and the fields; money and decimals are strings."""
        return {"kind": self.kind, **to_plain(self)}


@dataclass(frozen=True, slots=True)
class Admit(Event):
    """A bidder was admitted: qualified, bond confirmed, plate drawn (before the start, or during a listing)."""

    kind: ClassVar[str] = "admit"
    plate: str


@dataclass(frozen=True, slots=True)
class Begin(Event):
    """It begins; ``tail_seconds`` is the secretly drawn length of a hidden tail (0 without one)."""

    kind: ClassVar[str] = "begin"
    tail_seconds: int = 0


@dataclass(frozen=True, slots=True)
class OfferMade(Event):
    """A bidder offers a price; ``confirmed`` answers the fat-finger guard. ``items``: F9's other values."""

    kind: ClassVar[str] = "offer"
    plate: str
    amount: Money
    key: str | None = None
    confirmed: bool = False
    items: tuple[tuple[str, Decimal], ...] = ()


@dataclass(frozen=True, slots=True)
class SealedMade(Event):
    """F3, F8, F9: a bidder hands in an offer sealed to the custodian; only its digest is known."""

    kind: ClassVar[str] = "sealed"
    plate: str
    digest: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """One sealed offer, opened; ``amount`` None when it could not be opened."""

    plate: str
    amount: Money | None
    items: tuple[tuple[str, Decimal], ...] = ()


@dataclass(frozen=True, slots=True)
class SealedRevealed(Event):
    """The sealed offers of a round were opened together."""

    kind: ClassVar[str] = "sealed_revealed"
    offers: tuple[Opened, ...]


@dataclass(frozen=True, slots=True)
class PointsGiven(Event):
    """F9: the panel's points (0–100) for one item of every bidder."""

    kind: ClassVar[str] = "points_given"
    item: str
    points: tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True, slots=True)
class WillContinue(Event):
    """A bidder answers the inquiry: he will go on."""

    kind: ClassVar[str] = "will_continue"
    plate: str


@dataclass(frozen=True, slots=True)
class Match(Event):
    """A holder of a priority right takes the best price."""

    kind: ClassVar[str] = "match"
    plate: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Waive(Event):
    """A holder of a priority right, asked after the end, does not use it."""

    kind: ClassVar[str] = "waive"
    plate: str


@dataclass(frozen=True, slots=True)
class Accept(Event):
    """Dutch: a bidder takes the price the clock shows."""

    kind: ClassVar[str] = "accept"
    plate: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class StayIn(Event):
    """Japanese: a bidder stays in at the price of this tick."""

    kind: ClassVar[str] = "stay_in"
    plate: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class DropOut(Event):
    """Japanese: a bidder leaves for good."""

    kind: ClassVar[str] = "drop_out"
    plate: str


@dataclass(frozen=True, slots=True)
class Bid2(Event):
    """F6: an offer in the second indicator, a quantity in the printed unit."""

    kind: ClassVar[str] = "bid2"
    plate: str
    quantity: Decimal
    key: str | None = None


@dataclass(frozen=True, slots=True)
class StandingLimit(Event):
    """A standing limit held by the platform is set, changed, or (None) taken back for the future."""

    kind: ClassVar[str] = "standing_limit"
    plate: str
    amount: Money | None


@dataclass(frozen=True, slots=True)
class LimitSealed(Event):
    """A standing limit is handed in sealed to the custodian; only its digest is known until the end."""

    kind: ClassVar[str] = "limit_sealed"
    plate: str
    digest: str


@dataclass(frozen=True, slots=True)
class LimitRevealed(Event):
    """A sealed standing limit was opened; ``amount`` None when it could not be opened."""

    kind: ClassVar[str] = "limit_revealed"
    plate: str
    amount: Money | None


@dataclass(frozen=True, slots=True)
class ReserveRevealed(Event):
    """The sealed reserve price was opened at the end."""

    kind: ClassVar[str] = "reserve_revealed"
    amount: Money


@dataclass(frozen=True, slots=True)
class TurnBid(Event):
    """F13: the offer of whose turn it is; may be changed within the turn, −1 takes it back."""

    kind: ClassVar[str] = "turn_bid"
    plate: str
    amount: Decimal
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Pause(Event):
    """The clock is stopped, for a published reason; ``since`` when it truly stood still before (an outage)."""

    kind: ClassVar[str] = "pause"
    reason: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Resume(Event):
    """It goes on at ``resumes_at``; None: as soon as the printed notice allows."""

    kind: ClassVar[str] = "resume"
    resumes_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tick(Event):
    """Time has passed; changes something only when a due moment was reached."""

    kind: ClassVar[str] = "tick"


@dataclass(frozen=True, slots=True)
class LotteryDrawn(Event):
    """The verifiable draw named a plate; ``proof`` refers to its record."""

    kind: ClassVar[str] = "lottery_drawn"
    plate: str
    proof: str = ""


@dataclass(frozen=True, slots=True)
class Cancelled(Event):
    """The auction is called off, for a published reason."""

    kind: ClassVar[str] = "cancelled"
    reason: str


EVENTS: Mapping[str, type[Event]] = {
    one.kind: one
    for one in (
        Admit, Begin, OfferMade, SealedMade, SealedRevealed, PointsGiven, WillContinue, Match, Waive, Accept,
        StayIn, DropOut, Bid2, StandingLimit, LimitSealed, LimitRevealed, ReserveRevealed, TurnBid, Pause,
        Resume, Tick, LotteryDrawn, Cancelled,
    )
}  # fmt: skip
"""Every event by its kind."""


def event_from_plain(plain: object, *, currency: str = "CNY") -> Event:
    """The event written as a JSON object.

    Raises:
        NotValid: ``auction_value_invalid`` naming field and rule.
    """
    if not isinstance(plain, Mapping):
        raise invalid("event", "an object")
    kind = EVENTS.get(str(plain.get("kind")))
    if kind is None:
        raise invalid("kind", "one of " + ", ".join(EVENTS))
    rest = {name: value for name, value in plain.items() if name != "kind"}
    made = from_plain(kind, rest, currency=currency)
    assert isinstance(made, Event)
    return made
