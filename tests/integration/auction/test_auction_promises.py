"""The promises about auctions: kept by an honest one, and each noticed when it is broken on purpose."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from bidding import promises_auction as promises
from bidding.models_auction import Auction, AuctionAnchor, AuctionEvent, AuctionHead, AuctionStage
from kernel.ledger.models import FactRow
from kernel.promises import Promise
from tests.integration.auction.sale import Hall, Sale, plates
from tests.support.house import House


def broken(house: House, promise: Promise) -> list[Any]:
    with house.read() as session:
        return list(promise.check(session, house.clock.now()))


def another_winner(session: Any, sale: Sale) -> None:
    auction = session.scalars(sa.select(Auction)).one()
    ranking = auction.result["ranking"]
    auction.result = auction.result | {"winner": ranking[1]["plate"], "price": ranking[1]["price"]}


def offered_late(session: Any, sale: Sale) -> None:
    auction = session.scalars(sa.select(Auction)).one()
    session.execute(sa.update(AuctionEvent).where(AuctionEvent.seq == 5).values(at=auction.ended_at))


def stamped_late(session: Any, sale: Sale) -> None:
    auction = session.scalars(sa.select(Auction)).one()
    row = session.scalars(sa.select(AuctionEvent).where(AuctionEvent.kind == "offer")).first()
    end = auction.ended_at
    text = json.loads(row.event) | {"at": end.isoformat(timespec="microseconds")[:-6] + "Z"}
    session.execute(
        sa.update(AuctionEvent)
        .where(AuctionEvent.seq == row.seq)
        .values(at=end, event=json.dumps(text, sort_keys=True, separators=(",", ":")))
    )


def lose_an_event(session: Any, sale: Sale) -> None:
    session.execute(sa.delete(AuctionEvent).where(AuctionEvent.seq == 6))


def lose_the_last(session: Any, sale: Sale) -> None:
    last = session.scalar(sa.select(sa.func.max(AuctionEvent.seq)))
    session.execute(sa.delete(AuctionEvent).where(AuctionEvent.seq == last))


def change_an_offer(session: Any, sale: Sale) -> None:
    row = session.scalars(sa.select(AuctionEvent).where(AuctionEvent.kind == "offer")).first()
    session.execute(
        sa.update(AuctionEvent)
        .where(AuctionEvent.seq == row.seq)
        .values(event=row.event.replace("0000.00", "1000.00"))
    )


def receipt_of_another(session: Any, sale: Sale) -> None:
    rows = session.scalars(sa.select(AuctionEvent).where(AuctionEvent.receipt.is_not(None)).limit(2)).all()
    session.execute(
        sa.update(AuctionEvent).where(AuctionEvent.seq == rows[0].seq).values(receipt=rows[1].receipt)
    )


def unlogged(session: Any, sale: Sale) -> None:
    session.execute(sa.delete(AuctionAnchor))


def wrong_anchor(session: Any, sale: Sale) -> None:
    session.execute(sa.update(AuctionAnchor).values(chain=b"\x00" * 32))


def shorter_head(session: Any, sale: Sale) -> None:
    session.execute(sa.update(AuctionHead).values(seq=3))


def another_result(session: Any, sale: Sale) -> None:
    auction = session.scalars(sa.select(Auction)).one()
    auction.result = auction.result | {"reason": "drawn"}


def no_close(session: Any, sale: Sale) -> None:
    session.execute(sa.delete(FactRow).where(FactRow.name == "bidding.auction.ended"))


def live_again(session: Any, sale: Sale) -> None:
    session.scalars(sa.select(Auction)).one().stage = AuctionStage.LIVE


BROKEN_AUCTIONS = (
    (promises.an_auction_ends_at_its_best_offer, another_winner),
    (promises.no_offer_after_the_end, offered_late),
    (promises.no_offer_after_the_end, stamped_late),
    (promises.accepted_is_journaled_is_logged, lose_an_event),
    (promises.accepted_is_journaled_is_logged, lose_the_last),
    (promises.accepted_is_journaled_is_logged, change_an_offer),
    (promises.accepted_is_journaled_is_logged, receipt_of_another),
    (promises.accepted_is_journaled_is_logged, unlogged),
    (promises.accepted_is_journaled_is_logged, wrong_anchor),
    (promises.accepted_is_journaled_is_logged, shorter_head),
    (promises.the_journal_gives_the_result, another_result),
    (promises.the_journal_gives_the_result, lose_the_last),
    (promises.each_auction_closes_once, no_close),
    (promises.each_auction_closes_once, live_again),
)


@pytest.mark.parametrize(("promise", "sabotage"), BROKEN_AUCTIONS)
def test_each_promise_notices_its_breach(
    sale: Sale, house: House, promise: Promise, sabotage: Callable[[Any, Sale], None]
) -> None:
    sale.bidders(3)
    hall = Hall(sale).start()
    for at, plate in enumerate(plates(sale) * 2):
        hall.offer(plate, 950000 - at * 10000)
    hall.end().follow()
    hall.core.stop()
    house.clock.tick(timedelta(days=1))
    assert [broken(house, one) for one in promises.PROMISES] == [[], [], [], [], [], []]
    assert sale.auction().stage is AuctionStage.SOLD

    with house.platform.database.session(write=True) as session, session.begin():
        for row in session.execute(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            if row.name.startswith(("guard_auction", "guard_fact")):
                session.execute(sa.text(f"DROP TRIGGER {row.name}"))
        sabotage(session, sale)

    assert broken(house, promise) != []
