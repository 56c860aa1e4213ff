"""What can have happened to a bid bond. Its subject is the bond: a tender's own story must not grow with its bidders.

Who lodged a bond is a list of bidders (招标投标法 第二十二条): whatever could name one, or tell one from another, is
confidential for ever; the opening record publishes what is to be public.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from kernel.facts import Fact, private
from kernel.money import Money

OPEN_FIELDS = frozenset({"order", "kind_of", "reason", "row", "since", "due_at"})
"""All that a public record about a bid bond may say."""


@dataclass(frozen=True, kw_only=True)
class BondAsked(Fact):
    """A bidder asked for an account to pay his bond to."""

    name = "bidding.bid_bond.asked"
    lot: UUID = private()
    org: UUID = private()
    account: str = private()
    due: Money = private()


@dataclass(frozen=True, kw_only=True)
class GuaranteeFiled(Fact):
    """A bidder filed a guarantee; ``sha256`` names its file."""

    name = "bidding.bid_bond.guaranteed"
    lot: UUID = private()
    org: UUID = private()
    issuer: str = private()
    number: str = private()
    amount: Money = private()
    valid_until: date = private()
    sha256: str = private()


@dataclass(frozen=True, kw_only=True)
class GuaranteeChecked(Fact):
    """The operator asked the issuer of a guarantee."""

    name = "bidding.bid_bond.checked"
    genuine: bool = private()
    note: str = private(default="")


@dataclass(frozen=True, kw_only=True)
class BondArrived(Fact):
    """Money for a bond arrived; the payer's account as keyed hash only."""

    name = "bidding.bid_bond.arrived"
    amount: Money = private()
    arrived_at: datetime = private()
    bank_ref: str = private()
    payer: str = private()
    own: bool = private()


@dataclass(frozen=True, kw_only=True)
class BidBondOrdered(Fact):
    """A bond is to go back, or is kept for a listed reason."""

    name = "bidding.bid_bond.ordered"
    order: UUID
    kind_of: str
    reason: str
    row: str
    since: datetime
    due_at: datetime
    amount: Money = private()


@dataclass(frozen=True, kw_only=True)
class BidBondOrderDropped(Fact):
    """The bidder bids again before his bond went back: it stays."""

    name = "bidding.bid_bond.order_dropped"
    order: UUID


@dataclass(frozen=True, kw_only=True)
class BidBondOrderDone(Fact):
    name = "bidding.bid_bond.done"
    order: UUID
    interest: Money | None = private(default=None)
