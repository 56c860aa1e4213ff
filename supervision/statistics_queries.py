"""The figures of trade as the database adds them up: a handful of grouped queries, however many tenders there are.

Every figure is of deals settled on days that are over, so it changes only when a deal is undone.
Who came is counted for settled deals alone, long after their opening; nothing here tells of a bid before it.

Source: design guide §6 (12).
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.models import Bid, Opening
from bidding.models_auction import Auction, AuctionStage
from bidding.rules.states import BidState
from kernel.calendar import end_of_day, local_date, start_of_day
from kernel.database import array_length, local_day, seconds_between
from supervision.rules import statistics as rules
from supervision.rules.statistics import HUNDREDTHS, Month, Span, Sums
from trading.models import Lot, Objection, Tender
from trading.procedures import PROCEDURES, Offering
from trading.words import BUSINESS

YEARS_MOST = 20
REGIONS_MOST = 60
"""So many regions can be chosen, those with most tenders; the table and the file hold all."""

LIVE = tuple(one.code for one in PROCEDURES.values() if one.live)
SALES = (
    *(one.code for one in PROCEDURES.values() if one.offering is Offering.ASCENDING),
    "sealed_sale",
)
"""Ways of selling: prices rise above where they start. Everything else buys and saves."""


@dataclass(frozen=True)
class Asked:
    """Which deals are counted; empty values ask for all."""

    year: int
    business: str = ""
    region: str = ""


@dataclass(frozen=True)
class Choices:
    """What can be asked for: years newest first, regions by number of tenders."""

    years: tuple[int, ...]
    regions: tuple[str, ...]


@dataclass(frozen=True)
class MonthLine:
    month: Month
    sums: Sums


@dataclass(frozen=True)
class KindLine:
    """Deals of one kind, in this span and in the one before."""

    kind: str
    now: Sums
    before: Sums


@dataclass(frozen=True)
class DayLine:
    """Openings and auctions of one day."""

    day: date
    openings: int
    auctions: int

    @property
    def both(self) -> int:
        return self.openings + self.auctions


@dataclass(frozen=True)
class District:
    """Deals of one region. ``answered`` objections took ``seconds`` on average, None where there were none."""

    region: str
    sums: Sums
    answered: int
    seconds: int | None


@dataclass(frozen=True)
class Statistics:
    """Everything the page and its files show, for one filter.

    ``rates``: saving rates of purchases in whole hundredths of a percent, and how often each was reached.
    """

    asked: Asked
    span: Span
    before: Span
    at: datetime
    now: Sums
    then: Sums
    months: tuple[MonthLine, ...]
    business: tuple[tuple[str, Sums], ...]
    kinds: tuple[KindLine, ...]
    rates: tuple[tuple[int, int], ...]
    days: tuple[DayLine, ...]
    districts: tuple[District, ...]


def choices(session: Session, now: datetime) -> Choices:
    """Years with a published tender up to the newest with a counted day, and regions with one."""
    today = local_date(now)
    newest = (today - rules.DAY).year
    first = session.scalar(sa.select(sa.func.min(Tender.published_at)))
    oldest = max(min(newest, local_date(first).year) if first else newest, newest - YEARS_MOST + 1)
    count = sa.func.count()
    regions = session.scalars(
        sa.select(Tender.region)
        .where(Tender.published_at.is_not(None))
        .group_by(Tender.region)
        .order_by(count.desc(), Tender.region)
        .limit(REGIONS_MOST)
    )
    return Choices(tuple(range(newest, oldest - 1, -1)), tuple(regions))


def statistics(session: Session, asked: Asked, now: datetime) -> Statistics:
    """The figures of one filter, in five queries."""
    span = rules.counted(asked.year, local_date(now))
    assert span is not None, asked
    before = rules.year_before(span)
    parts = _parts(session, asked, span, before)
    this = [part for part in parts if part.year == span.first.year]
    return Statistics(
        asked=asked,
        span=span,
        before=before,
        at=now,
        now=rules.total(part.sums for part in this),
        then=rules.total(part.sums for part in parts if part.year != span.first.year),
        months=tuple(
            MonthLine(
                month, rules.total(part.sums for part in this if part.month == month.first.strftime("%Y-%m"))
            )
            for month in rules.months_of(span)
        ),
        business=_by_business(this),
        kinds=_by_kind(parts, span.first.year),
        rates=_rates(session, asked, span),
        days=_days(session, asked, span),
        districts=_districts(session, asked, span, this),
    )


@dataclass(frozen=True)
class _Part:
    """Sums of the deals of one month, regime, category and region."""

    month: str
    regime: str
    category: str
    region: str
    sums: Sums

    @property
    def year(self) -> int:
        return int(self.month[:4])


def _filtered(asked: Asked) -> list[Any]:
    conditions: list[Any] = []
    if asked.business:
        conditions.append(Tender.regime.in_(BUSINESS[asked.business][1]))
    if asked.region:
        conditions.append(Tender.region == asked.region)
    return conditions


def _within(column: Any, *spans: Span) -> Any:
    return sa.or_(
        *(sa.and_(column >= start_of_day(one.first), column < end_of_day(one.last)) for one in spans)
    )


_PRICE = sa.cast(sa.func.replace(Lot.outcome["price"].as_string(), ".", ""), sa.BigInteger)
_CEILING = sa.type_coerce(Lot.ceiling, sa.BigInteger)


def _deals(asked: Asked, *spans: Span) -> Any:
    """One row for every settled lot; made once, so that its bidders are counted once."""
    bids = (
        sa.select(sa.func.count(Bid.id))
        .where(Bid.lot_id == Lot.id, Bid.state == BidState.COMPLETE)
        .correlate(Lot)
        .scalar_subquery()
    )
    offers = (
        sa.select(
            # Not a condition of the WHERE: SQLite would take the index of stages and read every sold auction each time.
            sa.func.max(
                sa.case((Auction.stage == AuctionStage.SOLD, array_length(Auction.result["ranking"])))
            )
        )
        .where(Auction.lot_id == Lot.id)
        .correlate(Lot)
        .scalar_subquery()
    )
    return (
        sa.select(
            sa.func.substr(local_day(Lot.awarded_at), 1, 7).label("month"),
            Tender.regime,
            Tender.category,
            Tender.region,
            Tender.procedure.in_(SALES).label("sale"),
            _PRICE.label("price"),
            _CEILING.label("ceiling"),
            sa.func.coalesce(sa.case((Tender.procedure.in_(LIVE), offers), else_=bids), 0).label("bidders"),
        )
        .join(Tender, Tender.id == Lot.tender_id)
        .where(_within(Lot.awarded_at, *spans), Lot.outcome.is_not(None), *_filtered(asked))
        .cte("deals")
        .prefix_with("MATERIALIZED")
    )


def _parts(session: Session, asked: Asked, *spans: Span) -> list[_Part]:
    deal = _deals(asked, *spans).c
    bought = sa.and_(deal.sale.is_(False), deal.ceiling > 0)
    sold = sa.and_(deal.sale.is_(True), deal.ceiling > 0)

    def added(value: Any, where: Any) -> Any:
        return sa.func.sum(sa.case((where, value), else_=0))

    by = (deal.month, deal.regime, deal.category, deal.region)
    rows = session.execute(
        sa.select(
            *by,
            sa.func.count(),
            sa.func.sum(deal.price),
            added(deal.ceiling, bought),
            added(deal.price, bought),
            added(deal.ceiling, sold),
            added(deal.price, sold),
            sa.func.sum(deal.bidders),
            added(1, deal.bidders > 0),
            added(1, deal.bidders == 1),
        ).group_by(*by)
    )
    return [
        _Part(month, regime, category, region, Sums(*(int(value) for value in values)))
        for month, regime, category, region, *values in rows
    ]


def _by_business(parts: Sequence[_Part]) -> tuple[tuple[str, Sums], ...]:
    """Every kind of business, the largest amount first; what belongs to none stands with the others."""
    of = {regime: key for key, (_, regimes, _) in BUSINESS.items() for regime in regimes}
    found: dict[str, Sums] = dict.fromkeys(BUSINESS, Sums())
    for part in parts:
        found[of.get(part.regime, "other")] += part.sums
    return tuple(sorted(found.items(), key=lambda one: -one[1].fen))


def _by_kind(parts: Sequence[_Part], year: int) -> tuple[KindLine, ...]:
    """Kinds with a deal whose bidders are known, most bidders first; those of the year before alone come last."""
    now: dict[str, Sums] = defaultdict(Sums)
    then: dict[str, Sums] = defaultdict(Sums)
    for part in parts:
        kind = rules.kind_of(part.regime, part.category)
        (now if part.year == year else then)[kind] += part.sums
    lines = [KindLine(kind, now[kind], then[kind]) for kind in {*now, *then}]
    return tuple(
        sorted(
            (line for line in lines if line.now.known or line.before.known),
            key=lambda line: (-(line.now.mean_bidders or 0), line.kind),
        )
    )


def _rates(session: Session, asked: Asked, span: Span) -> tuple[tuple[int, int], ...]:
    saved = (_CEILING - _PRICE) * HUNDREDTHS
    beyond = -(((_PRICE - _CEILING) * HUNDREDTHS + _CEILING - 1) // _CEILING)
    rate = sa.case((_PRICE > _CEILING, beyond), else_=saved // _CEILING)
    rows = session.execute(
        sa.select(rate.label("rate"), sa.func.count())
        .select_from(Lot)
        .join(Tender, Tender.id == Lot.tender_id)
        .where(
            _within(Lot.awarded_at, span),
            Lot.outcome.is_not(None),
            _CEILING > 0,
            Tender.procedure.not_in(SALES),
            *_filtered(asked),
        )
        .group_by(sa.text("rate"))
        .order_by(sa.text("rate"))
    )
    return tuple((int(value), int(often)) for value, often in rows)


def _days(session: Session, asked: Asked, span: Span) -> tuple[DayLine, ...]:
    """Days with an opening or an auction. What failed before it was opened, or never began, does not count."""

    def counts(model: Any, moment: Any) -> dict[str, int]:
        day = local_day(moment).label("day")
        rows = session.execute(
            sa.select(day, sa.func.count())
            .select_from(model)
            .join(Tender, Tender.id == model.tender_id)
            .where(_within(moment, span), *_filtered(asked))
            .group_by(sa.text("day"))
        )
        return {row[0]: int(row[1]) for row in rows}

    opened, held = counts(Opening, Opening.opened_at), counts(Auction, Auction.started_at)
    return tuple(
        DayLine(date.fromisoformat(day), opened.get(day, 0), held.get(day, 0))
        for day in sorted({*opened, *held})
    )


def _districts(session: Session, asked: Asked, span: Span, parts: Sequence[_Part]) -> tuple[District, ...]:
    """Regions with a deal or an answered objection, the largest amount first."""
    took = seconds_between(Objection.filed_at, Objection.answered_at)
    rows = session.execute(
        sa.select(Tender.region, sa.func.count(), sa.func.sum(took))
        .select_from(Objection)
        .join(Tender, Tender.id == Objection.tender_id)
        .where(_within(Objection.answered_at, span), *_filtered(asked))
        .group_by(Tender.region)
    )
    answers = {region: (int(count), int(seconds)) for region, count, seconds in rows}
    sums: dict[str, Sums] = defaultdict(Sums)
    for part in parts:
        sums[part.region] += part.sums
    found = []
    for region in {*sums, *answers}:
        count, seconds = answers.get(region, (0, 0))
        found.append(District(region, sums[region], count, seconds // count if count else None))
    return tuple(sorted(found, key=lambda one: (-one.sums.fen, one.region)))


LASTING = timedelta(minutes=30)
KEPT_MOST = 64


class Kept:
    """Figures of days that are over, kept for a while: at most ``KEPT_MOST``, the least asked for goes first.

    They say themselves when they were computed; an undone award is missing from them ``LASTING`` later at the latest.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[Any, tuple[datetime, Any]] = OrderedDict()

    def get(self, key: Any, now: datetime, make: Callable[[], Any]) -> Any:
        """What was kept under a key today and not too long ago, or what ``make`` makes now."""
        with self._lock:
            at, value = self._found.get(key, (None, None))
            if at is not None and at <= now < at + LASTING and local_date(at) == local_date(now):
                self._found.move_to_end(key)
                return value
        value = make()
        with self._lock:
            self._found[key] = (now, value)
            self._found.move_to_end(key)
            while len(self._found) > KEPT_MOST:
                self._found.popitem(last=False)
        return value
