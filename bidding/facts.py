"""What can have happened between sealing and opening. Bodies of protocol records are given by the protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from kernel.facts import Fact, private
from kernel.money import Money


@dataclass(frozen=True, kw_only=True)
class SeatGiven(Fact):
    name = "bidding.seat.given"
    x: int
    role: str
    org: UUID


@dataclass(frozen=True, kw_only=True)
class ProtocolFact(Fact):
    """A record whose body the protocol fixes (spec sealing §4, §6, §8)."""

    body: dict[str, Any] = field(default_factory=dict)
    apart: dict[str, Any] = private(default_factory=dict)

    def public(self) -> dict[str, Any]:
        return self.body

    def confidential(self) -> dict[str, Any]:
        return self.apart


@dataclass(frozen=True, kw_only=True)
class CustodianKeyStated(ProtocolFact):
    name = "bidding.custodian_key.stated"
    kind = "custodian-key"


@dataclass(frozen=True, kw_only=True)
class PolicySealed(ProtocolFact):
    name = "bidding.policy.sealed"
    kind = "policy"


@dataclass(frozen=True, kw_only=True)
class SealerReleased(ProtocolFact):
    """The offline sealer that is served from now on; its subject is the first half of its digest."""

    name = "bidding.sealer.released"
    kind = "sealer-release"


@dataclass(frozen=True, kw_only=True)
class BidCommitted(ProtocolFact):
    name = "bidding.bid.committed"
    kind = "bid-commit"


@dataclass(frozen=True, kw_only=True)
class BidCompleted(ProtocolFact):
    name = "bidding.bid.completed"
    kind = "bid-complete"


@dataclass(frozen=True, kw_only=True)
class BidWithdrawn(ProtocolFact):
    name = "bidding.bid.withdrawn"
    kind = "bid-withdraw"


@dataclass(frozen=True, kw_only=True)
class BidLapsed(Fact):
    """Its bytes had not arrived when the tender closed, which counts as withdrawing; the close lists it as late."""

    name = "bidding.bid.lapsed"
    bid: str


@dataclass(frozen=True, kw_only=True)
class ShareAcknowledged(ProtocolFact):
    name = "bidding.share.acknowledged"
    kind = "custodian-ack"


@dataclass(frozen=True, kw_only=True)
class TenderClosed(ProtocolFact):
    name = "bidding.tender.closed"
    kind = "tender-close"


@dataclass(frozen=True, kw_only=True)
class SharesReleased(ProtocolFact):
    """A custodian's digest is fixed (the first of the two calls)."""

    name = "bidding.shares.released"
    kind = "share-release"


@dataclass(frozen=True, kw_only=True)
class SharesDisclosed(Fact):
    """The content behind a digest has arrived and fits it."""

    name = "bidding.shares.disclosed"
    part: str
    x: int
    d: str


@dataclass(frozen=True, kw_only=True)
class SecretOffered(Fact):
    name = "bidding.secret.offered"
    bid: str
    part: str


@dataclass(frozen=True, kw_only=True)
class BidOpened(ProtocolFact):
    name = "bidding.bid.opened"
    kind = "bid-open"


@dataclass(frozen=True, kw_only=True)
class BidRevoked(Fact):
    """A bid left the competition at the opening; whose cause it was decides its bond."""

    name = "bidding.bid.revoked"
    bid: str
    cause: str
    why: str


@dataclass(frozen=True, kw_only=True)
class CoefficientDrawn(ProtocolFact):
    name = "bidding.coefficient.drawn"
    kind = "draw-result"


@dataclass(frozen=True, kw_only=True)
class BidsOpened(Fact):
    """Every part that can be opened is open and the prices are read out."""

    name = "bidding.bids.opened"
    lots: tuple[UUID, ...]
    opened: int
    unopened: int


@dataclass(frozen=True, kw_only=True)
class OpeningConfirmed(Fact):
    name = "bidding.opening.confirmed"
    record: str
    lots: tuple[UUID, ...]


@dataclass(frozen=True, kw_only=True)
class OpeningFailed(Fact):
    name = "bidding.opening.failed"
    reason: str


@dataclass(frozen=True, kw_only=True)
class RecordSigned(Fact):
    name = "bidding.record.signed"
    org: UUID = private()
    remark: str = private(default="")


@dataclass(frozen=True, kw_only=True)
class HallSpoken(Fact):
    """A message in the opening hall. Its text and who wrote it stand in the record by their salted digest.

    ``voice``: in which capacity, see ``bidding.rules.speaking.Voice``; ``org``: credit code of the organisation.
    """

    name = "bidding.hall.spoken"
    message: UUID
    voice: str
    org: str = private()
    text: str = private()


@dataclass(frozen=True, kw_only=True)
class SessionProlonged(Fact):
    """An objection to the opening waits for its answer, so the session goes on."""

    name = "bidding.session.prolonged"
    open_objections: int
    until_at: datetime


Price = Money


@dataclass(frozen=True, kw_only=True)
class StandingCustodianSet(Fact):
    name = "bidding.standing_custodian.set"
    kind = "admin-action"
    role: str
    org: UUID
