"""Read side of leads: the queue, a case with its pictures, what a firm was asked, batches of imports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.models import Bid, OpenedPart
from kernel.errors import NotFound
from kernel.i18n import gettext, party_name
from kernel.identity.models import Organization, Person
from kernel.ledger.models import FactRow, LogRecord
from supervision import leads_drawing as drawing
from supervision.actions.leads_judging import indicators_of
from supervision.leads_facts import LeadRead
from supervision.leads_models import (
    ImportBatch,
    ImportedTrace,
    Lead,
    LeadAnswer,
    LeadIndicator,
    LeadState,
    LotAnalysis,
)
from supervision.leads_shown import Firm, fact_lines, relations, short_name
from supervision.leads_words import About, about, said_word
from supervision.rules.signals.combine import ORDER, Combined, Light, judge
from trading.models import Lot, Tender

RANKED = sa.case({light.value: number for number, light in enumerate(ORDER)}, value=Lead.light, else_=0)


@dataclass(frozen=True)
class QueueRow:
    """A lead in the queue; ``score`` in percent."""

    code: str
    title: str
    tender: str
    lot: int
    stage: str
    state: str
    light: str
    score: int
    queue: int
    firms: int
    codes: tuple[str, ...]
    opened_at: datetime


def lead_queue(session: Session, *, state: str = "", size: int = 200) -> list[QueueRow]:
    """Leads in the order in which to look: not closed first, then colour, risk and statistics.

    Without a colour there is nothing but statistics, and those are weighed by their chance under honesty, not by lights.

    Source: rules §5.3; detection §5.
    """
    closed = sa.case((Lead.state == LeadState.CLOSED, 1), else_=0)
    coloured = sa.case((Lead.light.in_([Light.NONE.value, ""]), 0), else_=Lead.risk)
    query = (
        sa.select(Lead, Tender.title, Tender.code, Lot.number, Lot.stage)
        .join(Tender, Tender.id == Lead.tender_id)
        .join(Lot, Lot.id == Lead.lot_id)
        .order_by(closed, RANKED.desc(), coloured.desc(), Lead.queue.desc(), Lead.code)
        .limit(size)
    )
    if state:
        query = query.where(Lead.state == state)
    return [
        QueueRow(
            lead.code,
            title,
            code,
            number,
            stage.value,
            lead.state.value,
            lead.light,
            round(lead.risk / 100),
            round(lead.queue / 100),
            len(lead.firms),
            tuple(sorted({one.code for one in lead.indicators if one.gone_at is None})),
            lead.opened_at,
        )
        for lead, title, code, number, stage in session.execute(query)
    ]


def queue_counts(session: Session) -> dict[str, int]:
    """How many leads of each light wait."""
    rows = session.execute(
        sa.select(Lead.light, sa.func.count()).where(Lead.state != LeadState.CLOSED).group_by(Lead.light)
    )
    return {light: count for light, count in rows}  # noqa: C416 - rows are no pairs


@dataclass(frozen=True)
class Evidence:
    """One indicator on the page: facts in lines, digest, log entry, words about it."""

    number: int
    code: str
    light: str
    kind: str
    about: About
    firms: tuple[str, ...]
    lines: tuple[tuple[str, str], ...]
    p: str
    null: str
    sha256: str
    seen_at: datetime
    entry: int | None
    gone: bool


@dataclass(frozen=True)
class Source:
    """A class of evidence and its points of the score."""

    kind: str
    points: int
    codes: tuple[str, ...]
    light: str


@dataclass(frozen=True)
class Pair:
    one: str
    other: str
    light: str
    points: int
    codes: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """Everything the case page shows."""

    lead: Lead
    tender: Tender
    lot: Lot
    score: int
    median: int
    sources: tuple[Source, ...]
    evidence: tuple[Evidence, ...]
    firms: tuple[Firm, ...]
    pairs: tuple[Pair, ...]
    graph: drawing.Graph
    prices: drawing.PriceChart
    heat: drawing.Heat
    price_rows: tuple[tuple[str, str, str], ...]
    titles: Mapping[str, str]
    unread: tuple[str, ...]
    closed_by: str
    reads: tuple[tuple[datetime, str, str, str], ...]
    clear: tuple[tuple[str, str, str], ...] = ()


def case_of(session: Session, lead: Lead, *, clear: Iterable[tuple[str, str, str]] = ()) -> Case:
    """A lead with its evidence and pictures.

    Args:
        clear: personal values that were unmasked for this look: firm, what, value.
    """
    shown = tuple(clear)
    lot = session.get_one(Lot, lead.lot_id)
    firms = _firms(session, lead)
    names = {one.id: one.short for one in firms}
    names |= _others(session, lead, names)
    inside = {one.id for one in firms if one.inside}
    judged = judge(indicators_of(lead))
    entries = _entries(session, [one.record_id for one in lead.indicators])
    live = [one for one in lead.indicators if one.gone_at is None]
    analysis = session.get(LotAnalysis, lead.lot_id)
    percents = [
        (one.id, one.short, one.price / lot.ceiling.yuan * 100)
        for one in firms
        if one.price is not None and lot.ceiling.minor > 0
    ]
    labels = [(one.id, one.short) for one in sorted(firms, key=lambda f: (not f.inside, f.name))]
    found = analysis.figures.get("correlations", {}) if analysis else {}
    chart = drawing.price_chart(percents, inside)
    person = session.get(Person, lead.closed_by) if lead.closed_by else None
    return Case(
        lead=lead,
        tender=lot.tender,
        lot=lot,
        score=round(lead.risk / 100),
        median=_median(session),
        sources=_sources(lead, live),
        evidence=tuple(
            _evidence(n, one, names, entries, bool(shown)) for n, one in enumerate(lead.indicators, 1)
        ),
        firms=firms,
        pairs=_pairs(judged.pairs, live, names),
        graph=relations(live, firms, names, _masks(session, lead), bool(shown)),
        prices=chart,
        price_rows=tuple(
            (dot.label, f"{dot.share}%", gettext("yes") if dot.inside else gettext("no"))
            for dot in chart.dots
        ),
        titles={one.code: about(one.code).title for one in live},
        heat=drawing.heat(found, labels),
        unread=tuple(analysis.unread if analysis else ()),
        closed_by=person.name if person else "",
        reads=_reads(session, lead.id),
        clear=shown,
    )


def _firms(session: Session, lead: Lead) -> tuple[Firm, ...]:
    rows = session.execute(
        sa.select(Organization, OpenedPart.price)
        .join(Bid, Bid.org_id == Organization.id)
        .join(OpenedPart, OpenedPart.bid_id == Bid.id)
        .where(OpenedPart.lot_id == lead.lot_id, OpenedPart.part == "price", OpenedPart.ok)
        .order_by(Organization.name)
    ).all()
    asked = {one.org_id: one for one in lead.answers}
    return tuple(
        Firm(
            str(org.id),
            org.party,
            short_name(party_name(org.party)),
            org.uscc,
            price.yuan if price else None,
            str(org.id) in lead.firms,
            asked.get(org.id),
        )
        for org, price in rows
    )


def _others(session: Session, lead: Lead, known: Mapping[str, str]) -> dict[str, str]:
    """Firms evidence names that did not bid here."""
    wanted = {firm for one in lead.indicators for firm in one.firms} - known.keys()
    rows = session.scalars(sa.select(Organization).where(Organization.id.in_([UUID(one) for one in wanted])))
    return {str(org.id): short_name(party_name(org.party)) for org in rows}


def _median(session: Session) -> int:
    """The median score of all leads of the city, in percent."""
    found = sorted(session.scalars(sa.select(Lead.risk)))
    return round(found[len(found) // 2] / 100) if found else 0


def _sources(lead: Lead, live: Iterable[LeadIndicator]) -> tuple[Source, ...]:
    codes: dict[str, set[str]] = {}
    lights: dict[str, str] = {}
    order = [light.value for light in ORDER]
    for one in live:
        codes.setdefault(one.kind, set()).add(one.code)
        lights[one.kind] = max(lights.get(one.kind, "none"), one.light, key=order.index)
    points = lead.shares
    return tuple(
        Source(kind, round(points.get(kind, 0) / 100), tuple(sorted(found)), lights[kind])
        for kind, found in sorted(codes.items(), key=lambda item: (-points.get(item[0], 0), item[0]))
    )


def _pairs(
    pairs: Mapping[tuple[str, str], Combined], live: Iterable[LeadIndicator], names: Mapping[str, str]
) -> tuple[Pair, ...]:
    rows = list(live)
    made = [
        Pair(
            names.get(one, one[:8]),
            names.get(other, other[:8]),
            found.light.value,
            round(found.points / 100),
            tuple(sorted({row.code for row in rows if {one, other} <= set(row.firms)})),
        )
        for (one, other), found in pairs.items()
    ]
    return tuple(sorted(made, key=lambda pair: (-pair.points, -len(pair.codes), pair.one)))


def _entries(session: Session, records: Iterable[UUID]) -> dict[UUID, int | None]:
    rows = session.execute(sa.select(LogRecord.id, LogRecord.idx).where(LogRecord.id.in_(list(records))))
    return {record: index for record, index in rows}  # noqa: C416 - rows are no pairs


def _evidence(
    number: int,
    row: LeadIndicator,
    names: Mapping[str, str],
    entries: Mapping[UUID, int | None],
    clear: bool,
) -> Evidence:
    return Evidence(
        number,
        row.code,
        row.light,
        row.kind,
        about(row.code),
        tuple(names.get(firm, firm[:8]) for firm in row.firms),
        tuple(fact_lines(row.facts, names, clear=clear)),
        row.p,
        said_word(row.null),
        row.sha256,
        row.seen_at,
        entries.get(row.record_id),
        row.gone_at is not None,
    )


def _masks(session: Session, lead: Lead) -> dict[str, str]:
    """Masked texts of imported values by their hash, for labels."""
    firms = [UUID(firm) for firm in lead.firms]
    where = sa.and_(
        ImportedTrace.org_id.in_(firms),
        sa.or_(ImportedTrace.lot_id == lead.lot_id, ImportedTrace.lot_id.is_(None)),
    )
    found: dict[str, str] = {}
    for row in session.scalars(sa.select(ImportedTrace).where(where)):
        found.update({row.hashes[key]: text for key, text in row.shown.items() if key in row.hashes})
    return found


def _reads(session: Session, lead_id: UUID) -> tuple[tuple[datetime, str, str, str], ...]:
    rows = session.execute(
        sa.select(FactRow.at, Person.name, FactRow.body, FactRow.private)
        .outerjoin(Person, Person.id == FactRow.person_id)
        .where(FactRow.subject == lead_id, FactRow.name == LeadRead.name)
        .order_by(FactRow.seq.desc())
        .limit(12)
    )
    return tuple(
        (at, name or "", body["what"], private.get("purpose", "")) for at, name, body, private in rows
    )


def lead_named(session: Session, code: str) -> Lead:
    """A lead by its code.

    Raises:
        NotFound.
    """
    lead = session.scalars(sa.select(Lead).where(Lead.code == code)).unique().one_or_none()
    if lead is None:
        raise NotFound("not_found", thing="lead", id=code)
    return lead


@dataclass(frozen=True)
class Asked:
    """What a firm was asked, as the firm sees it: no other firm, no score."""

    id: UUID
    title: str
    tender: str
    lot: int
    question: str
    asked_at: datetime
    due_at: datetime
    answer: str
    answered_at: datetime | None
    closed: bool


def asked_of(session: Session, org_id: UUID) -> list[Asked]:
    """Questions to one organisation, newest first."""
    rows = session.execute(
        sa.select(LeadAnswer, Lead.state, Tender.title, Tender.code, Lot.number)
        .join(Lead, Lead.id == LeadAnswer.lead_id)
        .join(Tender, Tender.id == Lead.tender_id)
        .join(Lot, Lot.id == Lead.lot_id)
        .where(LeadAnswer.org_id == org_id)
        .order_by(LeadAnswer.asked_at.desc())
    )
    return [
        Asked(
            row.id,
            title,
            code,
            number,
            row.question,
            row.asked_at,
            row.due_at,
            row.answer,
            row.answered_at,
            state is LeadState.CLOSED,
        )
        for row, state, title, code, number in rows
    ]


def batches(session: Session, size: int = 30) -> list[tuple[ImportBatch, str, int | None]]:
    """Imports, newest first, with who brought them and their log entry."""
    rows = session.execute(
        sa.select(ImportBatch, Person.name, LogRecord.idx)
        .outerjoin(Person, Person.id == ImportBatch.person_id)
        .outerjoin(LogRecord, LogRecord.id == ImportBatch.record_id)
        .order_by(ImportBatch.at.desc())
        .limit(size)
    )
    return [(batch, name or "", index) for batch, name, index in rows]
