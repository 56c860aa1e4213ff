"""What can have happened in supervision."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from kernel.facts import Fact, private


@dataclass(frozen=True, kw_only=True)
class AwardBound(Fact):
    """Every lot is finished: the digest of the award's inputs and results joins the log (sealing §8)."""

    name = "supervision.award.bound"
    kind = "award"
    award_sha256: str
    lots: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ConfidentialRead(Fact):
    """A supervisor looked at what the public may not see yet. The subject is the tender."""

    name = "supervision.confidential.read"
    kind = "admin-action"
    what: str
    purpose: str = ""
    reader: UUID = private()


@dataclass(frozen=True, kw_only=True)
class OrderIssued(Fact):
    """A supervisor's instruction and its reason; suspension or resumption is the tender's own fact."""

    name = "supervision.order.issued"
    kind = "decision"
    order: str
    reason: str
    issuer: UUID = private()


@dataclass(frozen=True, kw_only=True)
class PromisesChecked(Fact):
    """Every promise of every room was asked; the broken ones are named."""

    name = "supervision.promises.checked"
    kind = "admin-action"
    promises: int
    broken: tuple[str, ...] = ()
    seen: tuple[str, ...] = private(default=())


@dataclass(frozen=True, kw_only=True)
class LightChanged(Fact):
    """A light of a tender came on, changed its colour or went out. Lights never change silently."""

    name = "supervision.light.changed"
    kind = "decision"
    rule: str
    subject_key: str
    colour: str
    before: str
