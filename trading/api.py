"""Machine doors of this room: tenders, notices, feeds in commit order, documents, OCDS releases. All public.

A feed pages by place in the log: ``offset`` is the first log index wanted, and ``next_page.offset`` is where
to go on, also when there is nothing yet. Places are given once and never change, so nothing is skipped or
shown twice.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from flask import Blueprint
from pydantic import Field

from kernel.errors import NotFound
from kernel.facts import plain, rfc3339
from kernel.identity.models import Organization
from kernel.ledger import sequencer
from kernel.ledger.models import FactRow, LogRecord
from kernel.web import Form, platform, read
from kernel.web.openapi import Answer, Shown, endpoint
from kernel.web.paging import page_of
from trading import ocds, queries, search
from trading.models import Notice, Tender

api = Blueprint("trading_api", __name__, url_prefix="/api/v1")


class FeedQuery(Form):
    """Where to go on in a feed, and how many at most."""

    offset: Annotated[int, Field(ge=0, le=2**53)] = 0
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class ListQuery(Form):
    """A page of a list."""

    after: str = ""
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    q: Annotated[str, Field(max_length=80)] = ""


class NextPage(Shown):
    """``offset`` to ask for next; ``path`` is the whole address."""

    offset: int
    path: str


class LotShown(Shown):
    number: int
    title: str
    quantity: str
    ceiling: str
    stage: str
    round: int
    standstill_until: str | None = None
    award: dict[str, Any] | None = None


class DocumentShown(Shown):
    """A file: fetch it at ``url``; its SHA-256 must be ``sha256``."""

    id: str
    kind: str
    name: str
    size: int
    sha256: str
    version: int
    added_at: str
    replaced_at: str | None = None
    log_index: int | None = None
    url: str


class NoticeShown(Shown):
    id: str
    tender: str
    kind: str
    title: str
    regime: str
    region: str
    buyer: str
    amount: str | None = None
    published_at: str
    log_index: int | None = None


class NoticeFull(NoticeShown):
    """A notice with its text. ``digest`` is the SHA-256 of the canonical JSON (RFC 8785) of ``body``."""

    body: dict[str, Any]
    digest: str


class TenderShown(Shown):
    code: str
    title: str
    standing: str
    regime: str
    category: str
    procedure: str
    region: str
    buyer: str
    published_at: str
    bids_close_at: str


class TenderFull(TenderShown):
    summary: str
    qualification: str
    place: str
    agent: str | None = None
    bond: str
    validity_days: int
    documents_from_at: str
    documents_until_at: str
    edition: str
    policy: str
    terms: dict[str, Any]
    lots: list[LotShown]
    documents: list[DocumentShown]
    notices: list[NoticeShown]


class TenderList(Shown):
    items: list[TenderShown]


class NoticeFeed(Shown):
    items: list[NoticeShown]
    next_page: NextPage


class Change(Shown):
    """Something public happened to a tender. ``fact`` is its name."""

    tender: str
    fact: str
    log_index: int
    at: str


class ChangeFeed(Shown):
    items: list[Change]
    next_page: NextPage


class DocumentList(Shown):
    items: list[DocumentShown]


def _base() -> str:
    return platform().settings.base_url


def _published(code: str, session: Any) -> Tender:
    row = queries.tender_by_code(session, code)
    if row is None or row.published_at is None:
        raise NotFound("not_found", thing="tender", id=code)
    return row


def _tender(row: Tender, buyer: str, now: datetime) -> dict[str, Any]:
    assert row.published_at is not None
    return {
        "code": row.code,
        "title": row.title,
        "standing": queries.standing_of(row, row.lots, now),
        "regime": row.regime,
        "category": row.category,
        "procedure": row.procedure,
        "region": row.region,
        "buyer": buyer,
        "published_at": rfc3339(row.published_at),
        "bids_close_at": rfc3339(row.bids_close_at),
    }


def _document(code: str, line: queries.DocumentLine) -> DocumentShown:
    return DocumentShown(
        id=str(line.id),
        kind=line.kind,
        name=line.name,
        size=line.size,
        sha256=line.sha256,
        version=line.version,
        added_at=rfc3339(line.added_at),
        replaced_at=rfc3339(line.replaced_at) if line.replaced_at else None,
        log_index=line.index,
        url=f"{_base()}/tenders/{code}/documents/{line.id}",
    )


def _notice(line: queries.NoticeLine, index: int | None) -> dict[str, Any]:
    return {
        "id": str(line.id),
        "tender": line.tender,
        "kind": line.kind,
        "title": line.title,
        "regime": line.regime,
        "region": line.region,
        "buyer": line.buyer,
        "amount": f"{line.amount.yuan:.2f}" if line.amount is not None else None,
        "published_at": rfc3339(line.published_at),
        "log_index": index,
    }


@api.get("/tenders")
@endpoint("Published tenders, newest first", answers={200: TenderList}, query=ListQuery, tag="tenders")
def tenders(query: ListQuery) -> Answer:
    now = platform().outside.clock.now()
    with read() as session:
        wanted: Any = sa.select(Tender, Organization.name).join(
            Organization, Organization.id == Tender.buyer_id
        )
        wanted = wanted.where(Tender.published_at.is_not(None))
        if query.q:
            found = search.matching(session, query.q)
            first = sa.select(Notice.tender_id).where(Notice.kind == "notice")
            wanted = wanted.where(Tender.id.in_(first if found is None else first.where(found)))
        page = page_of(
            session,
            wanted,
            Tender.published_at,
            Tender.id,
            size=query.limit,
            after=query.after or None,
            before=None,
        )
        items = [TenderShown(**_tender(row, buyer, now)) for row, buyer in page.items]
    return Answer(TenderList(items=items), next=page.next)


@api.get("/tenders/<code>")
@endpoint("One tender with lots, terms, files and notices", answers={200: TenderFull}, tag="tenders")
def tender(code: str) -> TenderFull:
    now = platform().outside.clock.now()
    with read() as session:
        row = _published(code, session)
        page = queries.tender_page(session, row, now)
        return TenderFull(
            **_tender(row, page.buyer.name, now),
            summary=row.summary,
            qualification=row.qualification,
            place=row.place,
            agent=page.agent.name if page.agent else None,
            bond=f"{row.bond.yuan:.2f}",
            validity_days=row.validity_days,
            documents_from_at=rfc3339(row.documents_from_at),
            documents_until_at=rfc3339(row.documents_until_at),
            edition=row.edition or "",
            policy=row.policy_digest or "",
            terms=row.terms,
            lots=[
                LotShown(
                    number=lot.number,
                    title=lot.title,
                    quantity=lot.quantity,
                    ceiling=f"{lot.ceiling.yuan:.2f}",
                    stage=lot.stage.value,
                    round=lot.round,
                    standstill_until=rfc3339(lot.standstill_until_at) if lot.standstill_until_at else None,
                    award=plain(lot.outcome),
                )
                for lot in page.lots
            ],
            documents=[_document(code, line) for line in page.documents],
            notices=[NoticeShown(**_notice(line, index)) for line, index in page.notices],
        )


@api.get("/tenders/<code>/documents")
@endpoint("Files of a tender, replaced versions too", answers={200: DocumentList}, tag="tenders")
def tender_documents(code: str) -> DocumentList:
    with read() as session:
        row = _published(code, session)
        lines = queries.documents_of(session, row.id, public_only=True)
    return DocumentList(items=[_document(code, line) for line in lines])


@api.get("/tenders/<code>/ocds")
@endpoint("A tender as an OCDS 1.1 release package", answers={200: "application/json"}, tag="open data")
def tender_ocds(code: str) -> Any:
    now = platform().outside.clock.now()
    with read() as session:
        row = _published(code, session)
        page = queries.tender_page(session, row, now)
        package = ocds.package(page, base=_base(), origin=platform().settings.log_origin)
    return ocds.respond(package)


@api.get("/notices")
@endpoint("Notices in the order of the log", answers={200: NoticeFeed}, query=FeedQuery, tag="notices")
def notices(query: FeedQuery) -> NoticeFeed:
    with read() as session:
        rows = session.execute(
            sa.select(Notice, LogRecord.idx, Tender.code, Organization.name)
            .join(LogRecord, LogRecord.id == Notice.record_id)
            .join(Tender, Tender.id == Notice.tender_id)
            .join(Organization, Organization.id == Tender.buyer_id)
            .where(LogRecord.idx >= query.offset)
            .options(sa.orm.raiseload(Notice.tender))
            .order_by(LogRecord.idx)
            .limit(query.limit)
        ).all()
        size = sequencer.head(session).size
    items = [
        NoticeShown(
            id=str(row.id),
            tender=code,
            kind=row.kind,
            title=row.title,
            regime=row.regime,
            region=row.region,
            buyer=buyer,
            amount=f"{row.amount.yuan:.2f}" if row.amount is not None else None,
            published_at=rfc3339(row.published_at),
            log_index=index,
        )
        for row, index, code, buyer in rows
    ]
    last = items[-1].log_index if items else None
    return NoticeFeed(items=items, next_page=_next("/api/v1/notices", query, last, len(items), size))


@api.get("/notices/<uuid:notice_id>")
@endpoint("One notice with its text and digest", answers={200: NoticeFull}, tag="notices")
def notice(notice_id: UUID) -> NoticeFull:
    with read() as session:
        found = queries.notice(session, notice_id)
    if found is None:
        raise NotFound("not_found", thing="notice", id=str(notice_id))
    return NoticeFull(**_notice(found.line, found.index), body=dict(found.body), digest=found.digest)


@api.get("/tenders/modified")
@endpoint(
    "What changed about tenders, in the order of the log",
    answers={200: ChangeFeed},
    query=FeedQuery,
    tag="tenders",
)
def modified(query: FeedQuery) -> ChangeFeed:
    with read() as session:
        rows = session.execute(
            sa.select(FactRow.tender, FactRow.name, LogRecord.idx, FactRow.at)
            .join(LogRecord, LogRecord.id == FactRow.record_id)
            .join(Tender, Tender.code == FactRow.tender)
            .where(LogRecord.idx >= query.offset, Tender.published_at.is_not(None), *queries.public_facts())
            .order_by(LogRecord.idx)
            .limit(query.limit)
        ).all()
        size = sequencer.head(session).size
    items = [
        Change(tender=code, fact=name, log_index=idx, at=rfc3339(at))
        for code, name, idx, at in rows
        if idx is not None
    ]
    last = items[-1].log_index if items else None
    return ChangeFeed(items=items, next_page=_next("/api/v1/tenders/modified", query, last, len(items), size))


def _next(path: str, query: FeedQuery, last: int | None, count: int, size: int) -> NextPage:
    """Where to go on: behind the last one shown; with nothing more to show, at the end of the log as read."""
    full = count == query.limit and last is not None
    offset = last + 1 if full and last is not None else max(size, query.offset)
    return NextPage(offset=offset, path=f"{_base()}{path}?offset={offset}&limit={query.limit}")
