"""The public read side: frozen view objects from a number of queries that does not grow with the rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session, raiseload

from kernel.calendar import start_of_day
from kernel.identity.models import Organization
from kernel.identity.queries import organizations
from kernel.ledger.models import FactRow, LogRecord
from kernel.money import Money
from kernel.rulebook import Rulebook
from kernel.web.paging import Page, page_of
from sealbid import jcs
from trading import search, words
from trading.actions.notices import law_of
from trading.models import Contract, Document, Lot, Notice, Question, Tender
from trading.procedures import PROCEDURES, Offering
from trading.process import LotState, standing
from trading.rules.lifecycle import Stage

COUNT_CAP = 10_000

# Facts whose number or time would say something about bidders before the opening.
_QUIET = ("trading.question.asked", "trading.objection.filed")


@dataclass(frozen=True)
class NoticeLine:
    """A notice in a list."""

    id: UUID
    tender: str
    tender_title: str
    title: str
    kind: str
    kind_word: str
    business: str
    colour: str
    regime: str
    region: str
    buyer: str
    amount: Money | None
    amount_word: str
    published_at: datetime
    bids_close_at: datetime
    until_at: datetime | None
    suspended: bool
    over: bool


@dataclass(frozen=True)
class Filter:
    """What a reader asks the list of notices for; empty values ask for everything."""

    q: str = ""
    business: str = ""
    regime: str = ""
    category: str = ""
    region: str = ""
    kind: str = ""
    stage: str = ""
    since: date | None = None
    until: date | None = None
    least: Money | None = None
    most: Money | None = None

    @property
    def is_empty(self) -> bool:
        return self == Filter()


def _lines() -> Any:
    return (
        sa.select(
            Notice,
            Tender.code,
            Tender.title,
            Tender.bids_close_at,
            Tender.suspended_at,
            Tender.terminated_at,
            Organization.party,
        )
        .join(Tender, Tender.id == Notice.tender_id)
        .join(Organization, Organization.id == Tender.buyer_id)
        .options(raiseload(Notice.tender))
    )


def _line(row: Any) -> NoticeLine:
    notice, code, title, close, suspended, terminated, buyer = row
    word, colour = words.business_of(notice.regime)
    return NoticeLine(
        id=notice.id,
        tender=code,
        tender_title=title,
        title=notice.title,
        kind=notice.kind,
        kind_word=words.kind_word(notice.kind, notice.regime),
        business=word,
        colour=colour,
        regime=notice.regime,
        region=notice.region,
        buyer=buyer,
        amount=notice.amount,
        amount_word=words.amount_word(notice.kind, notice.regime),
        published_at=notice.published_at,
        bids_close_at=close,
        until_at=notice.until_at,
        suspended=suspended is not None,
        over=terminated is not None,
    )


def _where(session: Session, asked: Filter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    found = search.matching(session, asked.q)
    if found is not None:
        conditions.append(found)
    if asked.business:
        conditions.append(Notice.regime.in_(words.BUSINESS[asked.business][1]))
    for column, value in (
        (Notice.regime, asked.regime),
        (Notice.category, asked.category),
        (Notice.kind, asked.kind),
    ):
        if value:
            conditions.append(column == value)
    if asked.region:
        conditions.append(Notice.region.startswith(asked.region, autoescape=True))
    if asked.stage:
        at_stage = sa.select(Lot.id).where(Lot.tender_id == Notice.tender_id, Lot.stage == Stage(asked.stage))
        conditions.append(at_stage.exists())
    if asked.since:
        conditions.append(Notice.published_at >= start_of_day(asked.since))
    if asked.until:
        conditions.append(Notice.published_at < start_of_day(asked.until + timedelta(days=1)))
    if asked.least:
        conditions.append(Notice.amount >= asked.least)
    if asked.most:
        conditions.append(Notice.amount <= asked.most)
    return conditions


def notices(session: Session, asked: Filter, *, size: int = 20) -> Page[NoticeLine]:
    """One page of published notices, newest first."""
    query = _lines().where(*_where(session, asked))
    return page_of(session, query, Notice.published_at, Notice.id, size=size).map(_line)


def newest_notices(session: Session, *, size: int, business: str = "") -> list[NoticeLine]:
    """The newest notices, of one kind of business if asked."""
    query = _lines().order_by(Notice.published_at.desc(), Notice.id.desc()).limit(size)
    if business:
        query = query.where(Notice.regime.in_(words.BUSINESS[business][1]))
    return [_line(row) for row in session.execute(query)]


def count_notices(session: Session, asked: Filter) -> tuple[int, bool]:
    """How many notices match, never counting beyond ``COUNT_CAP``; True when there are more."""
    inner = sa.select(Notice.id).where(*_where(session, asked)).limit(COUNT_CAP + 1).subquery()
    count = session.scalar(sa.select(sa.func.count()).select_from(inner)) or 0
    return min(count, COUNT_CAP), count > COUNT_CAP


def business_counts(session: Session) -> dict[str, int]:
    """First notices by kind of business."""
    rows = session.execute(
        sa.select(Notice.regime, sa.func.count()).where(Notice.kind == "notice").group_by(Notice.regime)
    )
    by_regime = {row[0]: row[1] for row in rows}
    return {
        key: sum(by_regime.get(regime, 0) for regime in regimes)
        for key, (_, regimes, _) in words.BUSINESS.items()
    }


@dataclass(frozen=True)
class NoticePage:
    """A notice in full; ``sound`` says whether its text still has the digest that was recorded with it."""

    line: NoticeLine
    body: Mapping[str, Any]
    digest: str
    sound: bool
    index: int | None


def notice(session: Session, notice_id: UUID) -> NoticePage | None:
    """A notice by id, its digest computed now and compared with the one in its fact."""
    row = session.execute(_lines().where(Notice.id == notice_id)).one_or_none()
    if row is None:
        return None
    found = row[0]
    fact = session.execute(
        sa.select(FactRow.body, LogRecord.idx)
        .join(LogRecord, LogRecord.id == FactRow.record_id)
        .where(FactRow.record_id == found.record_id)
    ).one_or_none()
    digest = hashlib.sha256(jcs.encode(found.body)).hexdigest()
    recorded = fact[0].get("digest") if fact else None
    return NoticePage(_line(row), found.body, digest, digest == recorded, fact[1] if fact else None)


# ---- one tender ----------------------------------------


@dataclass(frozen=True)
class DocumentLine:
    """One version of a file, with its place in the log."""

    id: UUID
    kind: str
    name: str
    size: int
    sha256: str
    version: int
    added_at: datetime
    replaced_at: datetime | None
    public: bool
    index: int | None


@dataclass(frozen=True)
class Answered:
    """A question with its answer. Who asked is not here on purpose."""

    id: UUID
    text: str
    asked_at: datetime
    answer: str | None
    answered_at: datetime | None
    affects_bids: bool
    index: int | None


@dataclass(frozen=True)
class ObjectionLine:
    """An objection as the one who answers, and the one who filed, see it."""

    id: UUID
    tender: str
    tender_title: str
    matter: str
    text: str
    in_time: bool
    filed_at: datetime
    due_at: datetime
    answer: str | None
    upheld: bool | None
    answered_at: datetime | None
    by: str = ""


@dataclass(frozen=True)
class TenderPage:
    """What the page of a tender and its machine door show."""

    tender: Tender
    lots: Sequence[Lot]
    buyer: Organization
    agent: Organization | None
    standing: str
    law: Rulebook
    documents: Sequence[DocumentLine]
    answered: Sequence[Answered]
    notices: Sequence[tuple[NoticeLine, int | None]]
    records: int
    newest: int | None
    contracts: Sequence[Contract] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


def standing_of(tender: Tender, lots: Iterable[Lot], now: datetime) -> str:
    """Where a tender stands now: a key of ``words.STAGES``."""
    return standing(
        [LotState(lot.stage, lot.standstill_until_at, lot.awarded_at) for lot in lots],
        bids_close_at=tender.bids_close_at,
        now=now,
        published=tender.published_at is not None,
        suspended=tender.suspended_at is not None,
        terminated=tender.terminated_at is not None,
    )


def tender_by_code(session: Session, code: str) -> Tender | None:
    return session.scalars(sa.select(Tender).where(Tender.code == code)).unique().one_or_none()


def places(session: Session, record_ids: Iterable[UUID | None]) -> dict[UUID, int]:
    """Log indexes of records that have one."""
    ids = [one for one in record_ids if one is not None]
    if not ids:
        return {}
    rows = session.execute(sa.select(LogRecord.id, LogRecord.idx).where(LogRecord.id.in_(ids)))
    return {record_id: idx for record_id, idx in rows if idx is not None}


def documents_of(session: Session, tender_id: UUID, *, public_only: bool) -> list[DocumentLine]:
    """Files of a tender in the order they came, replaced versions too."""
    query = sa.select(Document).where(Document.tender_id == tender_id)
    if public_only:
        query = query.where(Document.public)
    rows = session.scalars(query.order_by(Document.added_at, Document.id)).all()
    found = places(session, (row.record_id for row in rows))
    return [
        DocumentLine(
            row.id,
            row.kind,
            row.name,
            row.size,
            row.sha256,
            row.version,
            row.added_at,
            row.replaced_at,
            row.public,
            found.get(row.record_id) if row.record_id else None,
        )
        for row in rows
    ]


def answered(session: Session, tender_id: UUID) -> list[Answered]:
    """Questions that were answered, oldest first."""
    rows = session.scalars(
        sa.select(Question)
        .where(Question.tender_id == tender_id, Question.answered_at.is_not(None))
        .order_by(Question.answered_at, Question.id)
    ).all()
    found = places(session, (row.record_id for row in rows))
    return [as_answered(row, found) for row in rows]


def as_answered(row: Question, found: Mapping[UUID, int]) -> Answered:
    return Answered(
        row.id,
        row.text,
        row.asked_at,
        row.answer,
        row.answered_at,
        row.affects_bids,
        found.get(row.record_id) if row.record_id else None,
    )


def tender_page(session: Session, tender: Tender, now: datetime) -> TenderPage:
    """Everything of a tender that anybody may see; nine queries, however much there is."""
    parties = organizations(session, {tender.buyer_id, *([tender.agent_id] if tender.agent_id else [])})
    rows = session.execute(
        _lines().where(Notice.tender_id == tender.id).order_by(Notice.published_at, Notice.id)
    ).all()
    found = places(session, (row[0].record_id for row in rows))
    records, newest = session.execute(
        sa.select(sa.func.count(LogRecord.idx), sa.func.max(LogRecord.idx))
        .select_from(FactRow)
        .join(LogRecord, LogRecord.id == FactRow.record_id)
        .where(*public_facts(), FactRow.tender == tender.code)
    ).one()
    return TenderPage(
        tender=tender,
        lots=list(tender.lots),
        buyer=parties[tender.buyer_id],
        agent=parties.get(tender.agent_id) if tender.agent_id else None,
        standing=standing_of(tender, tender.lots, now),
        law=law_of(tender, now),
        documents=documents_of(session, tender.id, public_only=True),
        answered=answered(session, tender.id),
        notices=[(_line(row), found.get(row[0].record_id)) for row in rows],
        records=records,
        newest=newest,
        contracts=signed_contracts(session, tender),
    )


def signed_contracts(session: Session, tender: Tender) -> list[Contract]:
    """Signed contracts of a tender; asks only where a lot is contracted."""
    lots = [lot.id for lot in tender.lots if lot.stage is Stage.CONTRACTED]
    if not lots:
        return []
    query = sa.select(Contract).where(Contract.lot_id.in_(lots), Contract.state == "signed")
    return list(session.scalars(query.order_by(Contract.number)))


def public_facts() -> tuple[sa.ColumnElement[bool], ...]:
    """Facts of this room whose existence tells nothing about bidders."""
    return (FactRow.name.startswith("trading."), FactRow.name.not_in(_QUIET))


# ---- the home page ----------------------------------------


@dataclass(frozen=True)
class TenderLine:
    """A tender in a short list."""

    code: str
    title: str
    at: datetime
    standing: str
    regime: str = ""
    buyer: str = ""
    live: bool = False


@dataclass(frozen=True)
class AwardLine:
    """A settled lot: its price, and how far below the ceiling that is, in tenths of a percent."""

    code: str
    title: str
    lot: str
    price: Money
    saved_permille: int
    at: datetime


def openings_between(
    session: Session, start: datetime, end: datetime, now: datetime, *, size: int = 6
) -> list[TenderLine]:
    """Published tenders whose bids close between two instants, in order."""
    query = (
        sa.select(Tender)
        .where(
            Tender.published_at.is_not(None),
            Tender.terminated_at.is_(None),
            Tender.bids_close_at >= start,
            Tender.bids_close_at < end,
        )
        .order_by(Tender.bids_close_at, Tender.id)
        .limit(size)
    )
    return [
        TenderLine(
            row.code,
            row.title,
            row.bids_close_at,
            standing_of(row, row.lots, now),
            row.regime,
            live=PROCEDURES[row.procedure].live,
        )
        for row in session.scalars(query).unique()
    ]


def count_openings(session: Session, start: datetime, end: datetime) -> int:
    """How many published tenders close between two instants."""
    return (
        session.scalar(
            sa.select(sa.func.count())
            .select_from(Tender)
            .where(
                Tender.published_at.is_not(None),
                Tender.terminated_at.is_(None),
                Tender.bids_close_at >= start,
                Tender.bids_close_at < end,
            )
        )
        or 0
    )


def recent_awards(session: Session, *, size: int = 5) -> list[AwardLine]:
    """The newest settled lots."""
    query = (
        sa.select(Lot)
        .where(Lot.awarded_at.is_not(None), Lot.outcome.is_not(None))
        .order_by(Lot.awarded_at.desc(), Lot.id)
        .limit(size)
    )
    found = []
    for lot in session.scalars(query).unique():
        if lot.outcome is None or lot.awarded_at is None:
            continue
        price = Money.from_yuan(lot.outcome["price"])
        saved = (
            round((lot.ceiling.minor - price.minor) * 1000 / lot.ceiling.minor) if lot.ceiling.minor else 0
        )
        found.append(AwardLine(lot.tender.code, lot.tender.title, lot.title, price, saved, lot.awarded_at))
    return found


@dataclass(frozen=True)
class Figures:
    """The year so far. Amounts in fen; ``saving`` is (ceiling - price) / ceiling in hundredths of a percent.

    ``deals_by_month`` and ``fen_by_month`` cover the last twelve months, oldest first.
    """

    open_tenders: int
    deals: int
    deals_before: int
    fen: int
    fen_before: int
    saving: int | None
    deals_by_month: Sequence[int]
    fen_by_month: Sequence[int]


def figures(session: Session, now: datetime) -> Figures:
    """The home page's figures, computed from settled lots in three queries.

    A year begins on 1 January, Shanghai; the comparison is the same stretch of the year before.
    """
    today = now.astimezone(start_of_day(date(2000, 1, 1)).tzinfo).date()
    year, before = start_of_day(date(today.year, 1, 1)), start_of_day(date(today.year - 1, 1, 1))
    same_point = before + (now - year)
    price = sa.cast(sa.func.replace(Lot.outcome["price"].as_string(), ".", ""), sa.BigInteger)
    months = _months(today)
    bounds = [*(start_of_day(first) for first in months), now + timedelta(seconds=1)]

    def within(start: datetime, end: datetime, value: Any) -> Any:
        return sa.func.coalesce(
            sa.func.sum(sa.case((sa.and_(Lot.awarded_at >= start, Lot.awarded_at < end), value), else_=0)), 0
        )

    ceiling = sa.type_coerce(Lot.ceiling, sa.BigInteger)
    sold = [one.code for one in PROCEDURES.values() if one.offering is Offering.ASCENDING]
    bought = Tender.procedure.not_in(sold)  # what is sold rises above its starting price; only purchases save
    row = session.execute(
        sa.select(
            within(year, bounds[-1], 1),
            within(before, same_point, 1),
            within(year, bounds[-1], price),
            within(before, same_point, price),
            within(year, bounds[-1], sa.case((bought, ceiling), else_=0)),
            within(year, bounds[-1], sa.case((bought, price), else_=0)),
            *(within(bounds[at], bounds[at + 1], 1) for at in range(12)),
            *(within(bounds[at], bounds[at + 1], price) for at in range(12)),
        )
        .join(Tender, Tender.id == Lot.tender_id)
        .where(Lot.awarded_at >= min(before, bounds[0]), Lot.outcome.is_not(None))
    ).one()
    numbers = [int(value) for value in row]
    deals, deals_before, fen, fen_before, top, spent = numbers[:6]
    open_now = session.scalar(
        sa.select(sa.func.count())
        .select_from(Tender)
        .where(Tender.published_at.is_not(None), Tender.terminated_at.is_(None), Tender.bids_close_at > now)
    )
    saving = (top - spent) * 10_000 // top if top else None
    return Figures(open_now or 0, deals, deals_before, fen, fen_before, saving, numbers[6:18], numbers[18:30])


def _months(today: date) -> list[date]:
    """First days of the last twelve months, this one last."""
    found = []
    for back in range(11, -1, -1):
        count = today.year * 12 + today.month - 1 - back
        found.append(date(count // 12, count % 12 + 1, 1))
    return found
