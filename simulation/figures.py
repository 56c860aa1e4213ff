"""Thousands of settled deals as bare rows, for measuring and testing figures only.

Everything else in the house is made by actions; what is asked here is how sums over years of trade come out, and how
fast. No fact and no log record stands behind these rows.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bidding.models import Bid, Opening
from bidding.models_auction import Auction, AuctionStage
from bidding.rules.states import BidState, OpeningState
from kernel.calendar import official, start_of_day
from kernel.identity.models import Organization
from kernel.money import Money
from simulation.names import DISTRICTS
from trading.models import Lot, Objection, Project, Tender
from trading.procedures import PROCEDURES
from trading.rules.lifecycle import Stage

NOBODY = UUID(int=1)
CHUNK = 2000


@dataclass(frozen=True, kw_only=True)
class Row:
    """One tender with one lot. ``awarded_at`` None: opened, but not settled."""

    opened_at: datetime
    awarded_at: datetime | None
    regime: str = "TM"
    category: str = "works"
    procedure: str = "open"
    region: str = "向阳区"
    ceiling: int = 1_000_000_00
    price: int = 900_000_00
    bidders: int = 4
    withdrawn: int = 0
    answered_after: timedelta | None = None


def insert(connection: sa.Connection, rows: Sequence[Row], *, start: int = 1) -> None:
    """Write rows; ``start`` numbers the first, so that several calls do not meet."""
    if not connection.scalar(sa.select(sa.func.count()).select_from(Project).where(Project.id == NOBODY)):
        _found(connection, rows[0].opened_at)
    for first in range(0, len(rows), CHUNK):
        made: dict[Any, list[dict[str, Any]]] = {}
        for number, row in enumerate(rows[first : first + CHUNK], start + first):
            for model, values in _of(row, number):
                made.setdefault(model, []).append(values)
        for model in (Tender, Lot, Bid, Opening, Auction, Objection):
            if model in made:
                connection.execute(sa.insert(model), made[model])


def _found(connection: sa.Connection, at: datetime) -> None:
    text = dict.fromkeys(
        ("legal_person", "address", "contact_name", "contact_email", "contact_phone", "name_en"), ""
    )
    connection.execute(
        sa.insert(Organization),
        [
            text
            | {
                "id": NOBODY,
                "uscc": "000000000000000001",
                "name": "测算",
                "kinds": [],
                "state": "active",
                "created_at": at,
            }
        ],
    )
    connection.execute(
        sa.insert(Project),
        [
            {
                "id": NOBODY,
                "code": "FIGURES",
                "name": "测算",
                "buyer_id": NOBODY,
                "category": "works",
                "region": "",
                "funds": "",
                "approval_no": "",
                "budget": Money(0),
                "created_at": at,
            }
        ],
    )


def _of(row: Row, number: int) -> Iterator[tuple[Any, dict[str, Any]]]:
    tender_id, lot_id = UUID(int=number * 100 + 10), UUID(int=number * 100 + 11)
    live = PROCEDURES[row.procedure].live
    yield Tender, _tender(row, number, tender_id)
    yield (
        Lot,
        {
            "id": lot_id,
            "tender_id": tender_id,
            "number": 1,
            "title": "1",
            "quantity": "1",
            "ceiling": Money(row.ceiling),
            "stage": Stage.EVALUATION if row.awarded_at is None else Stage.AWARDED,
            "round": 1,
            "outcome": None if row.awarded_at is None else {"price": f"{Money(row.price).yuan:.2f}"},
            "awarded_at": row.awarded_at,
        },
    )
    if live:
        yield Auction, _auction(row, tender_id, lot_id)
    else:
        for place in range(row.bidders + row.withdrawn):
            state = BidState.COMPLETE if place < row.bidders else BidState.WITHDRAWN
            yield Bid, _bid(row, number, place, tender_id, lot_id) | {"state": state}
        yield Opening, _opening(row, tender_id)
    if row.answered_after is not None:
        yield (
            Objection,
            {
                "id": tender_id,
                "tender_id": tender_id,
                "org_id": NOBODY,
                "matter": "result",
                "text": "",
                "in_time": True,
                "filed_at": row.opened_at,
                "due_at": row.opened_at,
                "answered_at": row.opened_at + row.answered_after,
            },
        )


def _tender(row: Row, number: int, tender_id: UUID) -> dict[str, Any]:
    issued = row.opened_at - timedelta(days=22)
    text = dict.fromkeys(("summary", "qualification", "place"), "")
    return text | {
        "id": tender_id,
        "project_id": NOBODY,
        "code": f"F{number:08}",
        "title": "测算",
        "regime": row.regime,
        "category": row.category,
        "procedure": row.procedure,
        "region": row.region,
        "jurisdiction": "CN",
        "buyer_id": NOBODY,
        "terms": {},
        "contact": {},
        "bond": Money(0),
        "validity_days": 90,
        "documents_from_at": issued,
        "documents_until_at": issued + timedelta(days=6),
        "bids_close_at": row.opened_at,
        "published_at": issued,
        "version": 1,
        "created_at": issued,
    }


def _bid(row: Row, number: int, place: int, tender_id: UUID, lot_id: UUID) -> dict[str, Any]:
    return {
        "id": UUID(int=number * 100 + 20 + place),
        "code": f"b{number:08}-{place}",
        "tender_id": tender_id,
        "lot_id": lot_id,
        "org_id": NOBODY,
        "person_id": NOBODY,
        "policy": "",
        "bk": b"",
        "commit_body": {"parts": ["price", "tech"], "roots": ["0" * 64] * 2, "shares": ["0" * 64] * 10},
        "replaces": "",
        "key_lost": False,
        "committed_at": row.opened_at,
        "commit_record_id": NOBODY,
    }


def _opening(row: Row, tender_id: UUID) -> dict[str, Any]:
    return {
        "id": tender_id,
        "tender_id": tender_id,
        "state": OpeningState.CONFIRMED,
        "close_body": {},
        "close_record_id": NOBODY,
        "close_index": 0,
        "close_size": 0,
        "close_root": b"",
        "closed_at": row.opened_at,
        "window_until_at": row.opened_at,
        "opened_at": row.opened_at,
        "version": 1,
    }


def _auction(row: Row, tender_id: UUID, lot_id: UUID) -> dict[str, Any]:
    ranking = [{"plate": str(n), "price": "1.00"} for n in range(row.bidders)]
    return {
        "id": tender_id,
        "tender_id": tender_id,
        "lot_id": lot_id,
        "round": 1,
        "terms": {},
        "terms_digest": "",
        "starts_at": row.opened_at,
        "register_until_at": row.opened_at,
        "stage": AuctionStage.SOLD if row.awarded_at else AuctionStage.LIVE,
        "holders": [],
        "started_at": row.opened_at,
        "result": {"ranking": ranking} if row.awarded_at else None,
    }


SHAPES = (
    ("TM", "works", "open", 34, (400, 9000), 7),
    ("TR", "works", "open", 8, (900, 20000), 7),
    ("WR", "works", "open", 7, (400, 7000), 6),
    ("GP", "goods", "open", 22, (80, 1500), 5),
    ("GP", "services", "open", 14, (60, 900), 5),
    ("SM", "goods", "reverse_auction", 5, (20, 180), 5),
    ("LA", "land", "auction", 5, (6000, 60000), 4),
    ("MI", "land", "listing", 1, (900, 9000), 3),
    ("EQ", "property", "listing", 4, (300, 12000), 3),
)
"""Regime, category, procedure, share of all deals in percent, ceiling in 10,000 yuan, usual number of bidders."""


def years(dice: random.Random, *, until: date, a_year: int) -> list[Row]:
    """Two years of trade that end with ``until``, spread over working days, ``a_year`` deals in each."""
    calendar = official()
    found = []
    for year in (until.year - 1, until.year):
        open_days = [
            day
            for day in (date(year, 1, 1) + timedelta(days=n) for n in range(366))
            if day.year == year and calendar.is_working_day(day)
        ]
        weights = [0.5 if day.month == 2 else 1.0 for day in open_days]
        for day in dice.choices(open_days, weights, k=a_year):
            if day <= until:
                found.append(_row(dice, day, year == until.year))
    return found


def _row(dice: random.Random, day: date, newer: bool) -> Row:
    regime, category, procedure, _, (least, most), usual = dice.choices(
        SHAPES, [shape[3] for shape in SHAPES]
    )[0]
    live = PROCEDURES[procedure].live
    opened = start_of_day(day) + timedelta(hours=9, minutes=30 * dice.randint(0, 14))
    ceiling = int(least * (most / least) ** dice.random()) * 10_000_00
    sale = procedure in ("auction", "listing")
    share = (
        dice.triangular(1.0, 1.4, 1.05)
        if sale
        else 1 - max(0.0, dice.gauss(0.088 if newer else 0.083, 0.045))
    )
    return Row(
        opened_at=opened,
        awarded_at=opened + timedelta(hours=30 if live else 24 * dice.randint(4, 15)),
        regime=regime,
        category=category,
        procedure=procedure,
        region=dice.choices(DISTRICTS, range(len(DISTRICTS), 0, -1))[0],
        ceiling=ceiling,
        price=int(ceiling * share),
        bidders=max(1, round(dice.gauss(usual + (0.9 if newer else 0), 2))),
        answered_after=timedelta(hours=dice.randint(6, 70)) if dice.random() < 0.03 else None,
    )
