"""Brings leads to what was found: new ones get a number, new evidence its log record, what is gone stays marked.

Source: rules §5.3.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from kernel.facts import plain
from kernel.work import Work
from sealbid import jcs
from supervision import leads_facts as facts
from supervision.leads_models import Lead, LeadIndicator, LeadState
from supervision.rights import LEAD_BUILD
from supervision.rules.signals.combine import Indicator, Judged, Kind, Light, judge
from trading.models import Lot


@dataclass(frozen=True)
class Change:
    """What a lot's lead is to rest on from now on: evidence by its digest, and the judgement of it."""

    lot_id: UUID
    wanted: Mapping[str, Indicator]
    judged: Judged


def evidence_bytes(lot_id: UUID, one: Indicator) -> bytes:
    """The canonical bytes of one piece of evidence; their SHA-256 stands in the log."""
    return jcs.encode(
        {
            "v": 1,
            "lot": str(lot_id),
            "indicator": one.code,
            "light": one.light.value,
            "class": one.kind.value,
            "firms": list(one.firms),
            "facts": plain(dict(one.facts)),
            "p": one.p,
            "null": one.null,
        }
    )


def change_of(lot_id: UUID, found: Sequence[Indicator], known: Lead | None) -> Change | None:
    """The change that brings a lead to what was found; None when it already says so, or there is nothing to say.

    A statistic whose figures moved a little overnight is the same evidence as long as its light is the same.
    """
    if not found and known is None:
        return None
    steady = {}
    for row in known.indicators if known is not None else ():
        if row.gone_at is None and _value(row).statistical:
            steady[_value(row).key, row.light] = _value(row)
    found = [steady.get((one.key, one.light.value), one) if one.statistical else one for one in found]
    wanted = {hashlib.sha256(evidence_bytes(lot_id, one)).hexdigest(): one for one in found}
    if known is not None and {row.sha256 for row in known.indicators if row.gone_at is None} == set(wanted):
        return None
    return Change(lot_id, wanted, judge(found))


def make_changes(work: Work, changes: Sequence[Change]) -> None:
    """Write changes of some leads, each with its facts."""
    work.require(LEAD_BUILD)
    lots = [one.lot_id for one in changes]
    leads: dict[UUID, Lead] = {
        lead.lot_id: lead for lead in work.scalars(sa.select(Lead).where(Lead.lot_id.in_(lots)))
    }
    rows = work.session.execute(sa.select(Lot.id, Lot.tender_id).where(Lot.id.in_(lots)))
    tenders = {row.id: row.tender_id for row in rows}
    codes = _codes(work)
    for one in changes:
        if one.lot_id not in leads:
            leads[one.lot_id] = _new_lead(work, next(codes), tenders[one.lot_id], one)
    work.session.flush()
    for one in changes:
        lead = leads[one.lot_id]
        lead.light, lead.risk = one.judged.light.value, one.judged.risk.points
        lead.shares = {kind.value: points for kind, points in one.judged.risk.shares.items()}
        everybody = {firm for indicator in one.wanted.values() for firm in indicator.firms}
        lead.firms = list(one.judged.firms or sorted(everybody))
        lead.changed_at = work.now
        _fix(work, lead, one.wanted)
        work.record(facts.LeadJudged(subject=lead.id, lead=lead.code, light=lead.light, risk=lead.risk))


def _codes(work: Work) -> Iterator[str]:
    """The next numbers of leads."""
    year = work.now.year
    last = work.session.scalar(
        sa.select(sa.func.count()).select_from(Lead).where(Lead.code.like(f"CX-{year}-%"))
    )
    return (f"CX-{year}-{number:04}" for number in itertools.count((last or 0) + 1))


def _new_lead(work: Work, code: str, tender_id: UUID, change: Change) -> Lead:
    return work.add(
        Lead(
            id=work.new_id(),
            code=code,
            tender_id=tender_id,
            lot_id=change.lot_id,
            state=LeadState.OPEN,
            light=change.judged.light.value,
            risk=0,
            queue=0,
            shares={},
            firms=[],
            indicators=[],
            answers=[],
            opened_at=work.now,
            changed_at=work.now,
            outcome="",
            reason="",
        )
    )


def _fix(work: Work, lead: Lead, wanted: Mapping[str, Indicator]) -> None:
    """Write new evidence with its log record; what is no longer seen stays, marked as gone."""
    present = {one.sha256: one for one in lead.indicators if one.gone_at is None}
    for digest, row in present.items():
        if digest not in wanted:
            row.gone_at = work.now
    for digest, one in sorted(wanted.items(), key=lambda item: item[1].key):
        if digest in present:
            continue
        recorded = work.record(
            facts.EvidenceFixed(subject=lead.id, sha256=digest, code=one.code, light=one.light.value)
        )
        work.session.add(
            LeadIndicator(
                id=work.new_id(),
                lead_id=lead.id,
                code=one.code,
                light=one.light.value,
                kind=one.kind.value,
                firms=list(one.firms),
                facts=plain(dict(one.facts)),
                p=one.p,
                null=one.null,
                sha256=digest,
                seen_at=work.now,
                record_id=recorded.record_id,
            )
        )


def _value(row: LeadIndicator) -> Indicator:
    return Indicator(row.code, Light(row.light), Kind(row.kind), tuple(row.firms), row.facts, row.p, row.null)


def indicators_of(lead: Lead) -> list[Indicator]:
    """What a lead rests on now."""
    return [_value(row) for row in lead.indicators if row.gone_at is None]
