"""Leads: the nightly run that finds them, questions to firms, answers, and closing with a written reason.

The run is incremental: a lot is read when its bids were opened or when a trace about it came in since the last run;
the statistics look at the whole history every time, because every opening changes everybody's ranks.

Source: rules §5.3; detection §5.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast
from uuid import UUID
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.models import OpenedPart
from bidding.models_bond import BidBond, BondPayment
from evaluation.models import Award
from kernel.calendar import SHANGHAI
from kernel.platform import Platform
from kernel.rights import SYSTEM
from kernel.work import Work
from supervision.actions.leads_collect import BLIND, LotFile, collect
from supervision.actions.leads_history import Statistics, statistics_of
from supervision.actions.leads_judging import Change, change_of, indicators_of, make_changes
from supervision.actions.leads_rows import Around
from supervision.actions.leads_traces import forget_traces
from supervision.leads_models import (
    ImportedTrace,
    Lead,
    LeadState,
    LotAnalysis,
)
from supervision.rights import LEAD_BUILD
from supervision.rules.signals.boq import correlations, item_traces
from supervision.rules.signals.combine import Indicator, Kind, Light, raised
from supervision.rules.signals.documents import document_traces
from supervision.rules.signals.text import blind_leaks, others_inside, shared_errors, text_traces, words
from supervision.rules.signals.ties import buyers_side, insured_elsewhere, paid_losers
from supervision.rules.signals.traces import (
    address_traces,
    at_once,
    device_traces,
    elsewhere,
    equity_traces,
    gave_up,
    missing_bidders,
    money_traces,
    people_traces,
)

T = TypeVar("T")
REFERENCE_LOTS = 40
TEXT_LEAST = 10
LOTS_TOGETHER, LEADS_TOGETHER = 200, 100
"""So many lots are read, and so many leads written, in one transaction."""


@dataclass(frozen=True)
class Run:
    """What a nightly run did."""

    lots: int
    leads: int
    changed: int
    notes: tuple[str, ...]


def build_leads(platform: Platform, *, seed: int = 20260901) -> Run:
    """Find leads in everything that was opened; doing it twice changes nothing.

    What the records of a lot show is written together with the note that it was read, so a run that was cut short
    loses nothing: the next one goes on with the lots that are left.

    Args:
        seed: of the permutations, so that the same history gives the same p-values.
    """
    now = platform.outside.clock.now()
    with platform.read() as session:
        waiting = lots_to_read(session)
        reference = reference_words(session, REFERENCE_LOTS)
    around, changed = Around(platform.settings, now), set[UUID]()
    for lots in _together(waiting, LOTS_TOGETHER):
        changed |= _read_lots(platform, lots, around, reference)
    with platform.read() as session:
        seen = statistics_of(session, now=now, seed=seed)
        known = {lead.lot_id: lead for lead in session.scalars(sa.select(Lead))}
    stay_where_found(seen, known.values())
    changes = []
    for lot_id in sorted({*seen.indicators, *known}, key=str):
        lead = known.get(lot_id)
        kept = [one for one in indicators_of(lead) if not _from_history(one)] if lead else []
        changes.append(change_of(lot_id, raised([*kept, *seen.indicators.get(lot_id, [])]), lead))
    changed |= _write(platform, changes)
    with platform.begin(SYSTEM) as work:
        _order(work, seen)
    with platform.read() as session:
        leads = session.scalar(sa.select(sa.func.count()).select_from(Lead)) or 0
    return Run(len(waiting), leads, len(changed), seen.notes)


def _read_lots(
    platform: Platform, lots: Sequence[UUID], around: Around, reference: Sequence[frozenset[int]]
) -> set[UUID]:
    """Read some lots and write what their records show; returns those whose leads changed."""
    notes, changes = [], []
    with platform.read() as session:
        leads = sa.select(Lead).where(Lead.lot_id.in_(lots))
        known = {lead.lot_id: lead for lead in session.scalars(leads)}
        for file in collect(platform, session, lots, around):
            lead = known.get(file.lot.id)
            kept = [one for one in indicators_of(lead) if _from_history(one)] if lead else []
            found = raised([*hard_indicators(file, reference), *kept])
            changes.append(change_of(file.lot.id, found, lead))
            notes.append(_note_of(file, around.now))
    told = [one for one in changes if one is not None]
    with platform.begin(SYSTEM) as work:
        make_changes(work, told)
        work.session.execute(sa.delete(LotAnalysis).where(LotAnalysis.lot_id.in_(lots)))
        work.session.execute(sa.insert(LotAnalysis), notes)
    return {one.lot_id for one in told}


def _together(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (things[start : start + size] for start in range(0, len(things), size))


def _write(platform: Platform, changes: Iterable[Change | None]) -> set[UUID]:
    """Write changes, some in each transaction; returns their lots."""
    told = [one for one in changes if one is not None]
    for some in _together(told, LEADS_TOGETHER):
        with platform.begin(SYSTEM) as work:
            make_changes(work, some)
    return {one.lot_id for one in told}


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
        with platform.begin(SYSTEM) as work:
            forget_traces(work)
        return build_leads(platform)


def _from_history(one: Indicator) -> bool:
    """Found by the statistics of the whole history, not in the lot's own records."""
    return one.statistical and one.code not in ("H-05", "H-06")


def stay_where_found(seen: Statistics, leads: Iterable[Lead]) -> None:
    """Pairs, groups and rings stay with the open lead that showed them first; they do not wander to every new lot.

    A group that a new member joined is still the same group.
    """
    home: dict[str, UUID] = {}
    groups: list[tuple[str, set[str], UUID]] = []
    for lead in leads:
        for one in indicators_of(lead) if lead.state is not LeadState.CLOSED else ():
            if one.kind is Kind.HISTORY:
                home[one.key] = lead.lot_id
                groups.append((one.code, set(one.firms), lead.lot_id))
    for lot_id in list(seen.indicators):
        for one in list(seen.indicators[lot_id]):
            lot = home.get(one.key)
            if lot is None and len(one.firms) > 2:
                alike = (
                    at for code, firms, at in groups if code == one.code and len(firms & set(one.firms)) > 2
                )
                lot = next(alike, None)
            if lot is not None and lot != lot_id:
                seen.indicators[lot_id].remove(one)
                seen.add(lot, one)


def _order(work: Work, seen: Statistics) -> None:
    """Write each lead's place among the statistics. It orders a list and is no statement, so no fact says it."""
    work.require(LEAD_BUILD)
    places = seen.queue
    moved = [
        {"lot": lot_id, "place": places.get(lot_id, 0)}
        for lot_id, queue in work.session.execute(sa.select(Lead.lot_id, Lead.queue))
        if places.get(lot_id, 0) != queue
    ]
    if moved:
        leads = cast(sa.Table, Lead.__table__)
        change = sa.update(leads).where(leads.c.lot_id == sa.bindparam("lot"))
        work.session.connection().execute(change.values(queue=sa.bindparam("place")), moved)


def lots_to_read(session: Session) -> list[UUID]:
    """Lots with opened prices that were never read, or about which something came in since: traces, a payment
    of a bond, an award that passed somebody over."""
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
    paid = (
        sa.select(BidBond.lot_id, sa.func.max(BondPayment.booked_at).label("at"))
        .join(BondPayment, BondPayment.bond_id == BidBond.id)
        .group_by(BidBond.lot_id)
        .subquery()
    )
    rows = session.execute(
        sa.select(opened.c.lot_id)
        .outerjoin(LotAnalysis, LotAnalysis.lot_id == opened.c.lot_id)
        .outerjoin(said, said.c.lot_id == opened.c.lot_id)
        .outerjoin(paid, paid.c.lot_id == opened.c.lot_id)
        .outerjoin(Award, sa.and_(Award.lot_id == opened.c.lot_id, Award.reason != ""))
        .where(
            sa.or_(
                LotAnalysis.lot_id.is_(None),
                LotAnalysis.at < opened.c.at,
                LotAnalysis.at < said.c.at,
                LotAnalysis.at < paid.c.at,
                LotAnalysis.at < Award.decided_at,
            )
        )
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
        *text_traces(file.prose, file.given_texts),
        *shared_errors(file.prose, file.given_texts, reference),
        *item_traces(file.bills, file.given_bill, file.prices),
        *money_traces(file.trails),
        *people_traces(file.trails),
        *equity,
        *missing_bidders(file.takers, file.firms, pairs),
        *insured_elsewhere(file.side.insured, file.firms),
        *paid_losers(file.side.payments, file.side.winner, file.firms),
        *buyers_side(file.firms, file.side.insiders, file.side.ties),
        *gave_up(file.side.ranking, file.side.left, file.side.winner, pairs),
        *_leaks(file),
    ]
    return _joined([one for one in found if set(one.firms) & set(file.firms)])


def _leaks(file: LotFile) -> list[Indicator]:
    """T-05 for files a bidder itself calls blind, where the tender asks for blind ones."""
    if not any(BLIND in text for text in file.given_texts):
        return []
    return [
        one
        for entity in file.entities
        for paper in file.blind.get(entity.firm, ())
        for one in blind_leaks(paper.text, entity.firm, entity, paper.properties.values())
    ]


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


def _note_of(file: LotFile, now: datetime) -> dict[str, Any]:
    """That a lot was read, its figures for the page and its words for later comparisons."""
    found = frozenset().union(*map(words, file.prose.values()))
    common = {
        f"{one} {other}": [f"{value:.3f}", str(items)]
        for (one, other), (value, items) in correlations(file.bills, file.given_bill).items()
    }
    return {
        "lot_id": file.lot.id,
        "at": now,
        "unread": file.unread[:50],
        "figures": {"correlations": common, "bills": len(file.bills)},
        "words": _pack(found),
    }
