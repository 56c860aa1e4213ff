"""Every promise of the tender room holds in an ordinary city and breaks under its own sabotage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel.ledger.models import FactRow
from kernel.promises import Promise
from tests.integration.trading.city import City
from trading import actions, facts, promises
from trading.models import Lot, Notice, Tender
from trading.rules.lifecycle import Stage


def _breaches(city: City, promise: Promise) -> list[object]:
    with city.house.read() as session:
        return list(promise.check(session, city.house.clock.now()))


def _lived(city: City) -> Tender:
    """A tender that was objected to, went on, and a second one that was ended."""
    tender, ended = city.tender(), city.tender("会终止的工程")
    house = city.house
    with house.begin(house.actor(city.bidder)) as work:
        objection = actions.file_objection(work, tender.id, matter="documents", text="有倾向")
    house.clock.move(house.clock.now() + timedelta(hours=1))
    with house.begin(house.actor(city.buyer)) as work:
        actions.answer_objection(work, objection.id, "维持", upheld=False)
        actions.terminate_tender(work, ended.id, "取消")
    return tender


def test_all_promises_hold_in_an_ordinary_city(city: City) -> None:
    _lived(city)

    for promise in promises.PROMISES:
        assert _breaches(city, promise) == [], promise.sentence


def _shorten(session: Session, tender: Tender) -> None:
    notice = session.scalars(
        sa.select(Notice).where(Notice.tender_id == tender.id, Notice.kind == "notice")
    ).one()
    early = (notice.published_at + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    notice.body = notice.body | {"bids_close_at": early, "opens_at": early}


def _rewrite(session: Session, tender: Tender) -> None:
    notice = session.scalars(
        sa.select(Notice).where(Notice.tender_id == tender.id, Notice.kind == "notice")
    ).one()
    notice.body = notice.body | {"place": "别处"}


def _move_while_still(session: Session, tender: Tender) -> None:
    lot = session.get_one(Tender, tender.id).lots[0]
    suspended = session.scalars(
        sa.select(FactRow).where(FactRow.subject == tender.id, FactRow.name == facts.TenderSuspended.name)
    ).one()
    resumed = session.scalars(
        sa.select(FactRow).where(FactRow.subject == tender.id, FactRow.name == facts.TenderResumed.name)
    ).one()
    move = {"lot": str(lot.id), "move": "open_bids", "stage": "opening"}
    columns = {
        name: getattr(suspended, name) for name in ("tender", "at", "actor_kind", "private", "record_id")
    }
    import uuid

    session.execute(
        sa.insert(FactRow).values(
            id=uuid.UUID(int=7),
            subject=tender.id,
            seq=resumed.seq + 100,
            name=facts.TenderSuspended.name,
            body={"reason": "x"},
            **columns,
        )
    )
    session.execute(
        sa.insert(FactRow).values(
            id=uuid.UUID(int=8),
            subject=tender.id,
            seq=resumed.seq + 101,
            name=facts.LotMoved.name,
            body=move,
            **columns,
        )
    )


def _skip_a_fact(session: Session, tender: Tender) -> None:
    session.execute(
        sa.update(Lot).where(Lot.tender_id == tender.id, Lot.number == 1).values(stage=Stage.AWARDED)
    )


@pytest.mark.parametrize(
    ("promise", "sabotage"),
    [
        (promises.periods_were_lawful, _shorten),
        (promises.notices_never_change, _rewrite),
        (promises.suspended_tenders_stand_still, _move_while_still),
        (promises.stages_are_explained, _skip_a_fact),
    ],
    ids=lambda one: getattr(one, "name", ""),
)
def test_a_promise_notices_its_sabotage(
    city: City, promise: Promise, sabotage: Callable[[Session, Tender], None]
) -> None:
    tender = _lived(city)
    with city.house.platform.database.session(write=True) as session, session.begin():
        sabotage(session, tender)

    assert _breaches(city, promise) != []
