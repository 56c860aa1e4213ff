"""What can have happened to leads. Their public halves carry digests only: a lead names nobody in the public log.

The tender is left out on purpose, so that an entry cannot be read as a suspicion against a procedure.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from kernel.facts import Fact, private


@dataclass(frozen=True, kw_only=True)
class EvidenceFixed(Fact):
    """The digest of one piece of evidence stands in the log from now on."""

    name = "supervision.lead.evidence_fixed"
    kind = "decision"
    sha256: str
    code: str = private()
    light: str = private()


@dataclass(frozen=True, kw_only=True)
class LeadJudged(Fact):
    """A lead was found, or its light or risk changed."""

    name = "supervision.lead.judged"
    kind = "decision"
    lead: str
    light: str = private()
    risk: int = private()


@dataclass(frozen=True, kw_only=True)
class LeadRead(Fact):
    """A supervisor looked at a lead, or had personal values shown, with the purpose he gave."""

    name = "supervision.lead.read"
    kind = "admin-action"
    what: str
    purpose: str = private(default="")
    reader: UUID = private()


@dataclass(frozen=True, kw_only=True)
class FirmAsked(Fact):
    name = "supervision.lead.asked"
    kind = "decision"
    lead: str
    org: UUID = private()
    question: str = private()


@dataclass(frozen=True, kw_only=True)
class FirmAnswered(Fact):
    name = "supervision.lead.answered"
    kind = "decision"
    lead: str
    org: UUID = private()
    answer: str = private()


@dataclass(frozen=True, kw_only=True)
class LeadClosed(Fact):
    """A supervisor closed a lead with a written reason."""

    name = "supervision.lead.closed"
    kind = "decision"
    lead: str
    outcome: str = private()
    reason: str = private()


@dataclass(frozen=True, kw_only=True)
class LeadExported(Fact):
    """The dossier left the house: its digest."""

    name = "supervision.lead.exported"
    kind = "admin-action"
    sha256: str
    purpose: str = private(default="")


@dataclass(frozen=True, kw_only=True)
class TracesImported(Fact):
    """A file of traces was read: its fingerprint and how many lines were taken and refused."""

    name = "supervision.traces.imported"
    kind = "admin-action"
    traces: str
    file_sha256: str
    lines: int
    refused: int


@dataclass(frozen=True, kw_only=True)
class ConsentGiven(Fact):
    """A person allowed, or no longer allows, a browser to be recognised at submissions."""

    name = "supervision.traces.consent"
    kind = "admin-action"
    text: str
    given: bool
