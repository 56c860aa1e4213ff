"""What an auction may still wait for after its end: a printed draw, a winner who does not stand by his word."""

from __future__ import annotations

import sqlalchemy as sa

from bidding import promises_auction
from bidding.actions import auctions, auctions_draw, auctions_end
from bidding.hall_core import journal
from bidding.models_auction import AuctionSeat, AuctionStage
from bidding.rules.auction import Format
from kernel.ledger.models import FactRow
from tests.integration.auction.sale import Hall, Sale
from tests.support.house import House


def played(sale: Sale, count: int = 3) -> Hall:
    """An auction that ran: everybody offered, the last one is best."""
    seats = sale.bidders(count)
    hall = Hall(sale).start()
    for at, seat in enumerate(seats):
        hall.offer(seat.plate, 950000 - at * 10000)
    hall.end().follow()
    hall.core.stop()
    return hall


def test_a_printed_lottery_is_drawn_from_the_bidders_own_numbers(house: House) -> None:
    from decimal import Decimal

    sale = Sale(house, format=Format.SMALL, printed={"lottery_band_percent": Decimal("5")})
    sale.publish()
    hall = played(sale)
    assert sale.auction().stage is AuctionStage.SETTLING

    assert auctions_draw.draw_lotteries(house.platform) == 1
    assert auctions_draw.draw_lotteries(house.platform) == 0

    assert sale.auction().stage is AuctionStage.SOLD
    result = sale.auction().result
    assert result is not None
    assert result["reason"] == "lottery"
    with house.read() as session:
        fact = session.scalars(sa.select(FactRow).where(FactRow.name == "bidding.auction_lottery.held")).one()
        lines = journal.lines_of(session.connection(), hall.id)
        root = bytes.fromhex(fact.body["root"])
        drawn, plate = auctions_draw.draw_of(hall.id, root, fact.body["candidates"], lines)
        for promise in promises_auction.PROMISES:
            assert list(promise.check(session, house.clock.now())) == []
    assert plate == fact.body["picked"] == result["winner"]
    assert [number.hex() for number in drawn.nonces] == fact.body["nonces"]


def test_a_bidder_who_defaulted_is_not_admitted_again(house: House) -> None:
    sale = Sale(house, bond="20000")
    sale.publish()
    hall = played(sale)
    with house.begin(sale.actor(sale.buyer)) as work:
        auctions_end.keep_bond(work, hall.id, "拒绝签订合同")
    with house.read() as session:
        result = sale.auction().result
        assert result is not None
        org_id = session.scalar(sa.select(AuctionSeat.org_id).where(AuctionSeat.plate == result["winner"]))
        assert org_id is not None
        assert auctions.defaulted(session, sale.lot_id(), org_id)
        loser = session.scalar(sa.select(AuctionSeat.org_id).where(AuctionSeat.plate != result["winner"]))
        assert loser is not None
        assert not auctions.defaulted(session, sale.lot_id(), loser)
