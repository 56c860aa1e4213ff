"""Holding tenders for a bidder's deeds: against a concurrent close, but not against other bidders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol, cast
from uuid import UUID

import sqlalchemy as sa

from bidding.actions.custody import POLICIES
from kernel.errors import NotFound, NotNow
from kernel.money import Money
from kernel.work import Work
from trading.models import Tender

_TENDERS = "tenders held shared"
_PERIODS = "tendering periods held shared"
_COLUMNS = sa.select(
    *(Tender.id, Tender.code, Tender.published_at, Tender.terminated_at, Tender.bids_close_at, Tender.bond)
)
_TENDERING = _COLUMNS.where(Tender.id == sa.bindparam("tender_id"))
_TENDERING_SHARED = _TENDERING.with_for_update(read=True, of=Tender)
_TENDERINGS = _COLUMNS.where(Tender.id.in_(sa.bindparam("tender_ids", expanding=True))).order_by(Tender.id)
_TENDERINGS_SHARED = _TENDERINGS.with_for_update(read=True, of=Tender)


class Tendering(Protocol):
    """What the tendering period hangs on: a tender, or the columns of one."""

    @property
    def id(self) -> UUID: ...
    @property
    def code(self) -> str: ...
    @property
    def published_at(self) -> datetime | None: ...
    @property
    def terminated_at(self) -> datetime | None: ...
    @property
    def bids_close_at(self) -> datetime: ...
    @property
    def bond(self) -> Money: ...


def require_open(tender: Tendering, work: Work) -> None:
    """Refuse any change to bids outside the tendering period. At the deadline it is already too late.

    Raises:
        NotFound: not published. NotNow: ``bids_closed`` with both clocks.

    Source: 招标投标法 第二十八条 (late bids are refused); spec rules C-07.
    """
    if tender.published_at is None or tender.published_at > work.now:
        raise NotFound("not_found", thing="tender", id=str(tender.id))
    if tender.terminated_at is not None:
        raise NotNow("tender_terminated", tender=tender.code)
    require_before_close(tender, work.now)


def require_before_close(tender: Tendering, now: datetime) -> None:
    """Refuse what needs the time before the deadline.

    Raises:
        NotNow: ``bids_closed`` with both clocks.

    Source: 招标投标法 第二十八条.
    """
    if now >= tender.bids_close_at:
        raise NotNow(
            "bids_closed", source="招标投标法 第二十八条", closed_at=tender.bids_close_at, server_now=now
        )


def one_at_a_time(work: Work) -> None:
    """Let one bidder's changes follow each other, whatever the database: "one bid" is a matter of all its bids.

    SQLite has one writer anyway; on PostgreSQL two requests of one firm would otherwise not see each other.
    """
    if work.platform.database.is_sqlite or work.actor.org_id is None:
        return
    key = int.from_bytes(work.actor.org_id.bytes[8:], "big", signed=True)
    work.session.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))


def warm_tenders(work: Work, tender_ids: Iterable[UUID]) -> None:
    """Hold many tenders for one bidder's deeds at them; each deed asks for its own then without a query."""
    held: dict[UUID, Tender] = work.session.info.setdefault(_TENDERS, {})
    for tender in work.scalars(_shared(work, list(tender_ids))):
        held[tender.id] = tender
    POLICIES.warm(work.session, {tender.policy_digest for tender in held.values()} - {None})


def warm_tenderings(work: Work, tender_ids: Iterable[UUID]) -> None:
    """``tendering`` of many tenders in one query, for deeds that need no more of them."""
    query = _TENDERINGS if work.platform.database.is_sqlite else _TENDERINGS_SHARED
    held: dict[UUID, Tendering] = work.session.info.setdefault(_PERIODS, {})
    for row in work.session.connection().execute(query, {"tender_ids": sorted(set(tender_ids))}):
        held[row.id] = cast(Tendering, row)


def tendering(work: Work, tender_id: UUID) -> Tendering:
    """What ``require_open`` asks of a tender, held against a concurrent close but not against other bidders."""
    held: dict[UUID, Tender] = work.session.info.setdefault(_TENDERS, {})
    if tender_id in held:
        return held[tender_id]
    periods: dict[UUID, Tendering] = work.session.info.get(_PERIODS, {})
    if tender_id in periods:
        return periods[tender_id]
    query = _TENDERING if work.platform.database.is_sqlite else _TENDERING_SHARED
    row: Any = work.session.connection().execute(query, {"tender_id": tender_id}).one()
    return cast(Tendering, row)


def tender_shared(work: Work, tender_id: UUID) -> Tender:
    """The tender, held against a concurrent close but not against other bidders."""
    held: dict[UUID, Tender] = work.session.info.setdefault(_TENDERS, {})
    if tender_id not in held:
        warm_tenders(work, [tender_id])
    if tender_id not in held:
        raise NotFound("not_found", thing="tender", id=str(tender_id))
    return held[tender_id]


def _shared(work: Work, tender_ids: Sequence[UUID]) -> sa.Select[Any]:
    """Tenders by id, in the order in which everybody locks them."""
    query = sa.select(Tender).where(Tender.id.in_(tender_ids)).order_by(Tender.id)
    if work.platform.database.is_sqlite:  # this transaction is the only writer: what it read cannot be stale
        return query
    return query.with_for_update(read=True, of=Tender).execution_options(populate_existing=True)
