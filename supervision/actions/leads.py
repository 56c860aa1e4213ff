"""Leads: the nightly run that finds them, questions to firms, answers, and closing with a written reason.

The run is incremental: a lot is read when its bids were opened or when a trace about it came in since the last run;
the statistics look at the whole history every time, because every opening changes everybody's ranks.

Source: rules §5.3; detection §5.
"""

from __future__ import annotations

import hashlib
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.models import OpenedPart
from kernel.calendar import SHANGHAI
from kernel.facts import plain
from kernel.platform import Platform
from kernel.rights import SYSTEM
from kernel.work import Work
from sealbid import jcs
from supervision import leads_facts as facts
from supervision.actions.leads_collect import LotFile, collect
from supervision.actions.leads_history import Statistics, statistics_of
from supervision.leads_models import (
    ImportedTrace,
    Lead,
    LeadIndicator,
    LeadState,
    LotAnalysis,
)
from supervision.rights import LEAD_BUILD
from supervision.rules.signals.boq import correlations, item_traces
from supervision.rules.signals.combine import Indicator, Judged, Kind, Light, judge, raised
from supervision.rules.signals.documents import document_traces
from supervision.rules.signals.text import others_inside, shared_errors, text_traces, words
from supervision.rules.signals.traces import (
    address_traces,
    at_once,
    device_traces,
    elsewhere,
    equity_traces,
    missing_bidders,
    money_traces,
    people_traces,
)
from trading.models import Lot

REFERENCE_LOTS = 40
TEXT_LEAST = 10


@dataclass(frozen=True)
class Run:
    """What a nightly run did."""

    lots: int
    leads: int
    changed: int
    notes: tuple[str, ...]


def build_leads(platform: Platform, *, seed: int = 20260901) -> Run:
    """Find leads in everything that was opened; doing it twice changes nothing.

    Args:
        seed: of the permutations, so that the same history gives the same p-values.
    """
    now = platform.outside.clock.now()
    with platform.read() as session:
        waiting = lots_to_read(session)
        reference = reference_words(session, REFERENCE_LOTS)
    hard: dict[UUID, list[Indicator]] = {}
    for lot_id in waiting:
        with platform.read() as session:
            file = collect(platform, session, session.get_one(Lot, lot_id), now)
        hard[lot_id] = hard_indicators(file, reference)
        with platform.begin(SYSTEM) as work:
            _remember(work, file)
    with platform.read() as session:
        seen = statistics_of(session, now=now, seed=seed)
        known = {lead.lot_id: lead for lead in session.scalars(sa.select(Lead))}
    stay_where_found(seen, known.values())
    changed = 0
    for lot_id in sorted({*hard, *seen.indicators, *known}, key=str):
        lead = known.get(lot_id)
        kept = hard.get(lot_id)
        if kept is None:
            kept = [one for one in indicators_of(lead) if not _from_history(one)] if lead else []
        found = raised([*kept, *seen.indicators.get(lot_id, [])])
        if found or lead is not None:
            changed += _judge(platform, lot_id, found, lead)
    with platform.begin(SYSTEM) as work:
        _order(work, seen)
    with platform.read() as session:
        leads = session.scalar(sa.select(sa.func.count()).select_from(Lead)) or 0
    return Run(len(waiting), leads, changed, seen.notes)


class NightRun:
    """The chore: once when its process starts, then once a night between two and five o'clock local time.

    The run keeps a processor busy for a while; by day nothing else of the timekeeper should wait behind it.
    """

    def __init__(self) -> None:
        self._last: WeakKeyDictionary[Platform, datetime] = WeakKeyDictionary()

    def __call__(self, platform: Platform) -> Run | None:
        """Find leads when it is time; None when it is not."""
        now = platform.outside.clock.now()
        last = self._last.get(platform)
        at_night = 2 <= now.astimezone(SHANGHAI).hour < 5
        if last is not None and not (at_night and now - last >= timedelta(hours=12)):
            return None
        self._last[platform] = now
        return build_leads(platform)


def _from_history(one: Indicator) -> bool:
    """Found by the statistics of the whole history, not in the lot's own records."""
    return one.statistical and one.code != "H-05"


def stay_where_found(seen: Statistics, leads: Iterable[Lead]) -> None:
    """Pairs and rings stay with the open lead that showed them first; they do not wander to every new lot."""
    home = {
        one.key: lead.lot_id
        for lead in leads
        if lead.state is not LeadState.CLOSED
        for one in indicators_of(lead)
        if one.kind is Kind.HISTORY
    }
    for lot_id in list(seen.indicators):
        for one in list(seen.indicators[lot_id]):
            if home.get(one.key, lot_id) != lot_id:
                seen.indicators[lot_id].remove(one)
                seen.add(home[one.key], one)


def _order(work: Work, seen: Statistics) -> None:
    """Write each lead's place among the statistics. It orders a list and is no statement, so no fact says it."""
    work.require(LEAD_BUILD)
    for lot_id, queue in work.session.execute(sa.select(Lead.lot_id, Lead.queue)).all():
        if seen.queue.get(lot_id, 0) != queue:
            change = sa.update(Lead).where(Lead.lot_id == lot_id).values(queue=seen.queue.get(lot_id, 0))
            work.session.execute(change, execution_options={"synchronize_session": False})


def lots_to_read(session: Session) -> list[UUID]:
    """Lots with opened prices that were never read, or about which something came in since."""
    opened = (
        sa.select(OpenedPart.lot_id, sa.func.max(OpenedPart.opened_at).label("at"))
        .where(OpenedPart.part == "price", OpenedPart.ok)
        .group_by(OpenedPart.lot_id)
        .subquery()
    )
    said = (
        sa.select(ImportedTrace.lot_id, sa.func.max(ImportedTrace.at).label("at"))
        .where(ImportedTrace.lot_id.is_not(None))
        .group_by(ImportedTrace.lot_id)
        .subquery()
    )
    rows = session.execute(
        sa.select(opened.c.lot_id)
        .outerjoin(LotAnalysis, LotAnalysis.lot_id == opened.c.lot_id)
        .outerjoin(said, said.c.lot_id == opened.c.lot_id)
        .where(sa.or_(LotAnalysis.lot_id.is_(None), LotAnalysis.at < opened.c.at, LotAnalysis.at < said.c.at))
        .order_by(opened.c.at)
    )
    return [lot_id for (lot_id,) in rows]


def reference_words(session: Session, lots: int) -> list[frozenset[int]]:
    """The words of bids of the lots read last: what is common there is no slip."""
    rows = session.scalars(
        sa.select(LotAnalysis.words)
        .where(sa.func.length(LotAnalysis.words) > TEXT_LEAST)
        .order_by(LotAnalysis.at.desc())
        .limit(lots)
    )
    return [_unpack(row) for row in rows]


def _pack(found: Iterable[int]) -> bytes:
    return zlib.compress(array("I", sorted(found)).tobytes())


def _unpack(data: bytes) -> frozenset[int]:
    values = array("I")
    values.frombytes(zlib.decompress(data))
    return frozenset(values)


def hard_indicators(file: LotFile, reference: Sequence[frozenset[int]] = ()) -> list[Indicator]:
    """Everything the documents, traces and registries of one lot show. Pure but for its name.

    Source: rules §5.2.
    """
    if len(file.firms) < 2:
        return []
    equity = equity_traces(file.firms, file.ties)
    related = [one.firms for one in equity if len(one.firms) == 2]
    pairs = [(firms[0], firms[1]) for firms in related]
    found = [
        *device_traces(file.trails),
        *address_traces(file.trails, file.crowd),
        *at_once(file.trails, pairs),
        *elsewhere(file.trails, file.before),
        *document_traces(file.papers, file.given),
        *others_inside(file.texts, file.entities, file.given_texts),
        *text_traces(file.texts, file.given_texts),
        *shared_errors(file.texts, file.given_texts, reference),
        *item_traces(file.bills, file.given_bill, file.prices),
        *money_traces(file.trails),
        *people_traces(file.trails),
        *equity,
        *missing_bidders(file.takers, file.firms, pairs),
    ]
    return _joined([one for one in found if set(one.firms) & set(file.firms)])


def _joined(found: Iterable[Indicator]) -> list[Indicator]:
    """One indicator per code and firms: the heaviest, with how many were alike."""
    kept: dict[str, Indicator] = {}
    more: dict[str, int] = {}
    order = [Light.NONE, Light.YELLOW, Light.ORANGE, Light.RED]
    for one in found:
        more[one.key] = more.get(one.key, 0) + 1
        if one.key not in kept or order.index(one.light) > order.index(kept[one.key].light):
            kept[one.key] = one
    from dataclasses import replace

    return [
        replace(one, facts={**one.facts, "alike": more[key]}) if more[key] > 1 else one
        for key, one in kept.items()
    ]


def _remember(work: Work, file: LotFile) -> None:
    """Note that a lot was read, its figures for the page and its words for later comparisons."""
    found = frozenset().union(*(words(text) for text in file.texts.values())) if file.texts else frozenset()
    common = {
        f"{one} {other}": [f"{value:.3f}", str(items)]
        for (one, other), (value, items) in correlations(file.bills, file.given_bill).items()
    }
    row = work.session.get(LotAnalysis, file.lot.id)
    if row is None:
        row = LotAnalysis(lot_id=file.lot.id, at=work.now, unread=[], figures={}, words=b"")
        work.session.add(row)
    row.at, row.unread, row.words = work.now, file.unread[:50], _pack(found)
    row.figures = {"correlations": common, "bills": len(file.bills)}


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


def _judge(platform: Platform, lot_id: UUID, found: list[Indicator], known: Lead | None) -> bool:
    """Bring a lead to what was found; False when it already says so.

    A statistic whose figures moved a little overnight is the same evidence as long as its light is the same.
    """
    steady = {}
    for row in known.indicators if known is not None else ():
        if row.gone_at is None and _value(row).statistical:
            steady[_value(row).key, row.light] = _value(row)
    found = [steady.get((one.key, one.light.value), one) if one.statistical else one for one in found]
    judged = judge(found)
    wanted = {hashlib.sha256(evidence_bytes(lot_id, one)).hexdigest(): one for one in found}
    if known is not None and {row.sha256 for row in known.indicators if row.gone_at is None} == set(wanted):
        return False
    with platform.begin(SYSTEM) as work:
        work.require(LEAD_BUILD)
        lead = _lead_of(work, lot_id, judged)
        lead.light, lead.risk = judged.light.value, judged.risk.points
        lead.shares = {kind.value: points for kind, points in judged.risk.shares.items()}
        lead.firms = list(judged.firms or sorted({firm for one in found for firm in one.firms}))
        lead.changed_at = work.now
        _fix(work, lead, wanted)
        work.record(facts.LeadJudged(subject=lead.id, lead=lead.code, light=lead.light, risk=lead.risk))
    return True


def _lead_of(work: Work, lot_id: UUID, judged: Judged) -> Lead:
    lead = work.one(sa.select(Lead).where(Lead.lot_id == lot_id))
    if lead is not None:
        assert isinstance(lead, Lead)
        return lead
    lot = work.session.get_one(Lot, lot_id)
    year = work.now.year
    last = work.session.scalar(
        sa.select(sa.func.count()).select_from(Lead).where(Lead.code.like(f"CX-{year}-%"))
    )
    return work.add(
        Lead(
            id=work.new_id(),
            code=f"CX-{year}-{(last or 0) + 1:04}",
            tender_id=lot.tender_id,
            lot_id=lot_id,
            state=LeadState.OPEN,
            light=judged.light.value,
            risk=0,
            queue=0,
            shares={},
            firms=[],
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
    work.session.flush()
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
