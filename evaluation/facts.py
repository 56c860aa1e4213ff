"""What can have happened to a panel and its work. Names of members are confidential until the award."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kernel.facts import Fact, private
from kernel.money import Money


@dataclass(frozen=True, kw_only=True)
class ExpertEnrolled(Fact):
    name = "evaluation.expert.enrolled"
    kind = "admin-action"
    person: UUID = private()


@dataclass(frozen=True, kw_only=True)
class PoolFrozen(Fact):
    """The candidates for the draw are fixed before anybody can know the seed, and so are the codes of the bids.

    ``blind``: SHA-256 of the secret behind the codes. ``reserve``: root over everybody else on the roster with his
    fields, for a second draw should the pool be used up.
    """

    name = "evaluation.pool.frozen"
    kind = "draw-commit"
    panel: UUID
    pool: str
    count: int
    seats: int
    specialty: str
    blind: str = ""
    reserve: str = ""
    reserve_count: int = 0


@dataclass(frozen=True, kw_only=True)
class ExpertsDrawn(Fact):
    name = "evaluation.experts.drawn"
    kind = "draw-result"
    panel: UUID
    draw: str
    seed: str
    count: int
    size: int
    root: str
    order: tuple[str, ...] = private()


@dataclass(frozen=True, kw_only=True)
class MemberInvited(Fact):
    name = "evaluation.member.invited"
    panel: UUID
    number: int
    person: UUID = private()


@dataclass(frozen=True, kw_only=True)
class ExpertPassedOver(Fact):
    """A place of the drawn order was passed by: its expert is tied to a party, or no longer active."""

    name = "evaluation.expert.passed_over"
    panel: UUID
    place: int
    ground: str


@dataclass(frozen=True, kw_only=True)
class BidFileRead(Fact):
    """A member took a file of an opened bid."""

    name = "evaluation.bid_file.read"
    panel: UUID
    number: int
    bid: str
    sha256: str = private()


@dataclass(frozen=True, kw_only=True)
class MemberCommitted(Fact):
    """A member accepted and signed the commitment and the avoidance declaration."""

    name = "evaluation.member.committed"
    panel: UUID
    number: int


@dataclass(frozen=True, kw_only=True)
class MemberLeft(Fact):
    name = "evaluation.member.left"
    panel: UUID
    number: int
    ground: str
    reason: str = private()


@dataclass(frozen=True, kw_only=True)
class PanelFormed(Fact):
    name = "evaluation.panel.formed"
    panel: UUID
    seats: int
    experts: int


@dataclass(frozen=True, kw_only=True)
class ReviewVoted(Fact):
    name = "evaluation.review.voted"
    panel: UUID
    number: int
    bid: str
    items: dict[str, Any] = private()


@dataclass(frozen=True, kw_only=True)
class ReviewConcluded(Fact):
    name = "evaluation.review.concluded"
    panel: UUID
    verdicts: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ExplanationAsked(Fact):
    name = "evaluation.explanation.asked"
    bid: str
    triggers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ExplanationGiven(Fact):
    name = "evaluation.explanation.given"
    bid: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class ExplanationJudged(Fact):
    name = "evaluation.explanation.judged"
    bid: str
    accepted: bool
    votes_for: int
    votes_against: int


@dataclass(frozen=True, kw_only=True)
class SheetSaved(Fact):
    """A draft changed; what it says stays the member's own."""

    name = "evaluation.sheet.saved"
    panel: UUID
    number: int
    bid: str


@dataclass(frozen=True, kw_only=True)
class SheetLocked(Fact):
    name = "evaluation.sheet.locked"
    kind = "score-sheet"
    panel: UUID
    number: int
    bid: str
    sheet: dict[str, Any] = private()

    def confidential(self) -> dict[str, Any]:
        """The sheet as a stranger's verifier reads it (docs/formats/evidence.md), once it is disclosed."""
        return {
            "lot": self.sheet["lot"],
            "member": str(self.sheet["member"]),
            "scores": [
                {"bid": self.bid, "factor": factor, **given}
                for factor, given in sorted(self.sheet["scores"].items())
            ],
        }


@dataclass(frozen=True, kw_only=True)
class ReportMade(Fact):
    name = "evaluation.report.made"
    kind = "report"
    lot: UUID
    version: int
    digest: str


@dataclass(frozen=True, kw_only=True)
class ReportSuperseded(Fact):
    """The lot went back to evaluation; this version no longer carries a decision."""

    name = "evaluation.report.superseded"
    kind = "report"
    lot: UUID
    version: int
    digest: str


@dataclass(frozen=True, kw_only=True)
class ExpertPoolUsedUp(Fact):
    """Nobody is left in the frozen pool; the seat stays empty until the buyer opens the reserve, or ends the tender."""

    name = "evaluation.pool.used_up"
    panel: UUID
    missing: int


@dataclass(frozen=True, kw_only=True)
class PoolEnlarged(Fact):
    """The buyer opens the reserve of related fields; ``candidates`` are places in the frozen reserve."""

    name = "evaluation.pool.enlarged"
    kind = "draw-commit"
    panel: UUID
    draw: str
    fields: tuple[str, ...]
    candidates: tuple[str, ...]
    missing: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class PanelTimeMoved(Fact):
    """A panel at work is given its time again: somebody worked, the tender stands still, or no member owes a deed."""

    name = "evaluation.panel.time_moved"
    panel: UUID
    until_at: datetime


@dataclass(frozen=True, kw_only=True)
class BuyerSeatsPassedOn(Fact):
    """The buyer did not fill his seats in time; the next experts of the draw sit there."""

    name = "evaluation.buyer_seats.passed_on"
    panel: UUID
    seats: int


@dataclass(frozen=True, kw_only=True)
class ReportSigned(Fact):
    name = "evaluation.report.signed"
    kind = "report"
    lot: UUID
    version: int
    number: int
    digest: str
    dissent: str = ""


@dataclass(frozen=True, kw_only=True)
class SigningEnded(Fact):
    """A window for signing ran out.

    Whoever stayed silent counts as agreeing, if most have signed, and after the second window if anybody has.
    ``round`` counts the windows of this panel.
    """

    name = "evaluation.report.signing_ended"
    lot: UUID
    version: int
    silent: tuple[int, ...]
    deemed: bool
    round: int = 1


@dataclass(frozen=True, kw_only=True)
class ReportDelivered(Fact):
    name = "evaluation.report.delivered"
    kind = "report"
    lot: UUID
    version: int
    digest: str
    pdf: str


@dataclass(frozen=True, kw_only=True)
class EvaluationFailed(Fact):
    name = "evaluation.lot.failed"
    lot: UUID
    reason: str


@dataclass(frozen=True, kw_only=True)
class NamesRead(Fact):
    """Somebody looked at a panel's names before the result was public."""

    name = "evaluation.names.read"
    kind = "admin-action"
    panel: UUID
    purpose: str
    reader: UUID = private()


Amount = Money


@dataclass(frozen=True, kw_only=True)
class SheetUnlocked(Fact):
    """A locked sheet opened again for one of the listed grounds."""

    name = "evaluation.sheet.unlocked"
    panel: UUID
    number: int
    bid: str
    ground: str


@dataclass(frozen=True, kw_only=True)
class PricesJudged(Fact):
    """Where no panel sits: what the printed ceiling, floor and the buyer's stated grounds say of each bid."""

    name = "evaluation.prices.judged"
    lot: UUID
    verdicts: dict[str, Any]
