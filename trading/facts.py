"""What can have happened to a tender."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kernel.facts import Fact, private
from kernel.money import Money


@dataclass(frozen=True, kw_only=True)
class ProjectRegistered(Fact):
    name = "trading.project.registered"
    project: str
    buyer: UUID
    budget: Money = private()


@dataclass(frozen=True, kw_only=True)
class TenderDrafted(Fact):
    name = "trading.tender.drafted"
    title: str = private()


@dataclass(frozen=True, kw_only=True)
class DraftChanged(Fact):
    name = "trading.draft.changed"
    fields: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PolicyFixed(Fact):
    name = "trading.policy.fixed"
    policy: str


@dataclass(frozen=True, kw_only=True)
class DocumentAdded(Fact):
    name = "trading.document.added"
    document: UUID
    sha256: str
    size: int
    version: int


@dataclass(frozen=True, kw_only=True)
class NoticePublished(Fact):
    """Any public notice. ``digest`` is the SHA-256 of the canonical notice body."""

    name = "trading.notice.published"
    kind = "notice"
    notice: UUID
    type: str
    digest: str
    edition: str
    cautions: tuple[str, ...] = ()
    bids_close_at: datetime | None = None
    policy: str = ""
    terms: str = ""


@dataclass(frozen=True, kw_only=True)
class QuestionAsked(Fact):
    name = "trading.question.asked"
    kind = "clarification"
    question: UUID
    text_digest: str
    asker: UUID = private()


@dataclass(frozen=True, kw_only=True)
class ClarificationPublished(Fact):
    name = "trading.clarification.published"
    kind = "clarification"
    question: UUID | None
    affects_bids: bool
    digest: str
    bids_close_at: datetime


@dataclass(frozen=True, kw_only=True)
class ObjectionFiled(Fact):
    name = "trading.objection.filed"
    kind = "objection"
    objection: UUID
    matter: str
    in_time: bool
    due_at: datetime
    text_digest: str
    objector: UUID = private()


@dataclass(frozen=True, kw_only=True)
class ObjectionAnswered(Fact):
    name = "trading.objection.answered"
    kind = "objection"
    objection: UUID
    upheld: bool
    digest: str


@dataclass(frozen=True, kw_only=True)
class TenderSuspended(Fact):
    name = "trading.tender.suspended"
    reason: str


@dataclass(frozen=True, kw_only=True)
class TenderResumed(Fact):
    name = "trading.tender.resumed"
    bids_close_at: datetime


@dataclass(frozen=True, kw_only=True)
class TenderTerminated(Fact):
    name = "trading.tender.terminated"
    reason: str


@dataclass(frozen=True, kw_only=True)
class LotMoved(Fact):
    name = "trading.lot.moved"
    lot: UUID
    move: str
    stage: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class AwardSettled(Fact):
    """The buyer's decision on a lot. Winner and price are public; the reason is too when rank 1 is passed over."""

    name = "trading.award.settled"
    kind = "award"
    lot: UUID
    bid: str
    rank: int
    supplier: UUID
    price: Money
    report: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class AwardLetterIssued(Fact):
    name = "trading.award_letter.issued"
    kind = "award"
    lot: UUID
    sha256: str
    supplier: UUID


@dataclass(frozen=True, kw_only=True)
class ContractDrafted(Fact):
    """The buyer laid a contract before the winner; ``digest`` is the SHA-256 of its canonical text."""

    name = "trading.contract.drafted"
    lot: UUID
    contract: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class ContractSigned(Fact):
    """One party signed."""

    name = "trading.contract.signed"
    lot: UUID
    contract: str
    party: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class ContractMade(Fact):
    """Both parties signed. ``documents`` names the signed text and its print (docs/formats/contract.md)."""

    name = "trading.contract.made"
    kind = "contract"
    lot: UUID
    contract: str
    number: int
    bid: str
    supplier: str
    price: Money
    digest: str
    documents: tuple[dict[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class ContractFiled(Fact):
    """A copy went to the authority that keeps contracts, under its number."""

    name = "trading.contract.filed"
    lot: UUID
    contract: str
    filing_no: str


@dataclass(frozen=True, kw_only=True)
class AwardLapsed(Fact):
    """The winner did not sign; the lot goes to the next candidate or is tendered again."""

    name = "trading.award.lapsed"
    lot: UUID
    bid: str
    supplier: UUID
    ground: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class BondForfeited(Fact):
    """A bid bond is kept, for a recorded ground."""

    name = "trading.bond.forfeited"
    lot: UUID
    supplier: UUID
    amount: Money
    ground: str


Body = dict[str, Any]
