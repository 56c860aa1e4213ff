"""What can have happened around an auction. What happens inside one is its journal, which these facts bind to the log.

Nothing here tells before the end what the matrix hides: who registered and how many is confidential, a journal is
named by its chain alone, and records of these kinds are shown once the auction is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from bidding.facts import ProtocolFact
from kernel.facts import Fact, private
from kernel.money import Money


@dataclass(frozen=True, kw_only=True)
class AuctionPrinted(Fact):
    """The terms of a lot's auction are published; ``terms`` is their SHA-256."""

    name = "bidding.auction.printed"
    kind = "auction"
    lot: UUID
    terms: str
    starts_at: datetime
    register_until_at: datetime


@dataclass(frozen=True, kw_only=True)
class SeatTaken(Fact):
    """A bidder registered. The plate follows from ``nonce`` and the plates taken before it."""

    name = "bidding.auction_seat.taken"
    kind = "auction"
    seat: UUID
    plate: str = private()
    org: UUID = private()
    nonce: bytes = private()
    before: tuple[str, ...] = private()
    statement: dict[str, Any] = private()


@dataclass(frozen=True, kw_only=True)
class SeatLeft(Fact):
    name = "bidding.auction_seat.left"
    kind = "auction"
    seat: UUID


@dataclass(frozen=True, kw_only=True)
class BondConfirmed(Fact):
    """A deposit reached its account; whoever confirms it learns neither bidder nor plate."""

    name = "bidding.auction_bond.confirmed"
    kind = "auction"
    account: str = private()
    amount: Money = private()


@dataclass(frozen=True, kw_only=True)
class AuctionStarted(Fact):
    """The journal has begun; ``chain`` is its root, which binds terms and participants."""

    name = "bidding.auction.started"
    kind = "auction"
    lot: UUID
    chain: bytes
    holders: tuple[dict[str, Any], ...] = ()
    participants: tuple[dict[str, Any], ...] = private()


@dataclass(frozen=True, kw_only=True)
class JournalAnchored(Fact):
    """The chain of a journal up to one of its events, put into the log while the auction runs and at its end."""

    name = "bidding.auction_journal.anchored"
    kind = "auction-journal"
    number: int
    upto: int
    chain: bytes


@dataclass(frozen=True, kw_only=True)
class AuctionEnded(Fact):
    """No event will follow. ``journal`` is the SHA-256 of the published journal file."""

    name = "bidding.auction.ended"
    kind = "auction"
    lot: UUID
    events: int
    chain: bytes
    journal: str
    result: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class AuctionFailed(Fact):
    name = "bidding.auction.failed"
    kind = "auction"
    lot: UUID
    reason: str


@dataclass(frozen=True, kw_only=True)
class AuctionCancelled(Fact):
    name = "bidding.auction.cancelled"
    kind = "auction"
    lot: UUID
    reason: str


@dataclass(frozen=True, kw_only=True)
class AuctionSettled(Fact):
    """The winner is certain and named; ``plate`` is how the journal calls him."""

    name = "bidding.auction.settled"
    kind = "award"
    lot: UUID
    plate: str
    supplier: UUID
    price: Money


@dataclass(frozen=True, kw_only=True)
class BondOrdered(Fact):
    """A deposit is to be paid back, or kept for a listed reason."""

    name = "bidding.auction_bond.ordered"
    kind = "auction"
    order: UUID
    kind_of: str
    reason: str
    due_at: datetime
    amount: Money = private()
    seat: UUID = private()


@dataclass(frozen=True, kw_only=True)
class BondOrderDone(Fact):
    name = "bidding.auction_bond.done"
    kind = "auction"
    order: UUID


@dataclass(frozen=True, kw_only=True)
class OutageBegan(Fact):
    """The platform failed the auction, or whoever operates it stopped it; the reason is public.

    Source: rules §4.7.
    """

    name = "bidding.auction_outage.began"
    kind = "auction"
    outage: UUID
    type: str
    reason: str
    since_at: datetime


@dataclass(frozen=True, kw_only=True)
class OutageEnded(Fact):
    name = "bidding.auction_outage.ended"
    kind = "auction"
    outage: UUID
    until_at: datetime
    remedy: str


@dataclass(frozen=True, kw_only=True)
class ReserveSealed(Fact):
    """A reserve price exists; its value is with the seller alone until the end."""

    name = "bidding.auction_reserve.sealed"
    kind = "auction"
    digest: str


@dataclass(frozen=True, kw_only=True)
class IdentityLooked(Fact):
    """Somebody looked at who is behind the plates before the end, with a warrant (rules §4.2)."""

    name = "bidding.auction_identities.looked"
    kind = "admin-action"
    warrant: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class LotteryHeld(Fact):
    """A draw between offers, from numbers of the bidders' own machines (spec sealing §9)."""

    name = "bidding.auction_lottery.held"
    kind = "auction"
    root: bytes
    nonces: tuple[bytes, ...]
    candidates: tuple[str, ...]
    picked: str


@dataclass(frozen=True, kw_only=True)
class PointsEntered(Fact):
    """The panel's points for one item of a weighted auction."""

    name = "bidding.auction_points.entered"
    kind = "auction"
    item: str
    points: tuple[dict[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class SlipCommitted(ProtocolFact):
    """What a sealed slip is, in the words its own key signed; logged when its part is closed.

    Logged earlier it would show when, and how often, somebody sealed something.
    """

    name = "bidding.auction_slip.committed"
    kind = "slip-commit"


@dataclass(frozen=True, kw_only=True)
class NothingSealed(Fact):
    """A plate that sealed nothing for this part: with it, the log grows alike whoever sealed and whoever did not."""

    name = "bidding.auction_slip.none"
    kind = "auction"
    part: str
    plate: str = private()


@dataclass(frozen=True, kw_only=True)
class SlipsClosed(ProtocolFact):
    """The slips of a part, listed; from here on their shares may be released."""

    name = "bidding.auction_slips.closed"
    kind = "slip-close"


@dataclass(frozen=True, kw_only=True)
class SlipSecretOffered(Fact):
    """The second way in was given by whoever sealed the slip."""

    name = "bidding.auction_slip.secret_offered"
    kind = "auction"
    slip: str


@dataclass(frozen=True, kw_only=True)
class SlipOpened(Fact):
    """What opening a slip gave; ``content`` is the slip, or empty."""

    name = "bidding.auction_slip.opened"
    kind = "auction"
    slip: str
    part: str
    root: str
    ok: bool
    verdict: str
    cause: str
    way: str
    void: tuple[int, ...]
    content: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class SlipsOpened(Fact):
    """Every slip of a part is open or void; the journal goes on with what they said."""

    name = "bidding.auction_slips.opened"
    kind = "auction"
    part: str
    opened: int
    void: int


@dataclass(frozen=True, kw_only=True)
class SlipsLeft(Fact):
    """The auction ended before a closed part was opened; its slips stay sealed."""

    name = "bidding.auction_slips.left"
    kind = "auction"
    part: str


@dataclass(frozen=True, kw_only=True)
class ConfirmationIssued(Fact):
    """成交确认书 was issued; ``sha256`` is the PDF's, or empty where the installation writes none."""

    name = "bidding.auction_confirmation.issued"
    kind = "auction"
    lot: UUID
    plate: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class WinnerDefaulted(Fact):
    """A winner does not stand by his word: his deposit is kept, and he may not bid in the re-sale."""

    name = "bidding.auction_winner.defaulted"
    kind = "auction"
    lot: UUID
    plate: str
    reason: str
    kept: Money


@dataclass(frozen=True, kw_only=True)
class DifferenceOwed(Fact):
    """What a defaulting winner owes after the re-sale, once his deposit has paid what it can."""

    name = "bidding.auction_difference.owed"
    kind = "auction"
    resale: UUID
    difference: Money
    covered: Money
    owed: Money
