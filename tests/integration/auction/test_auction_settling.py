"""What an auction may still wait for after its end: a sealed reserve, a printed draw."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from bidding import promises_auction
from bidding.actions import auctions, auctions_draw, auctions_end, auctions_reserve
from bidding.hall_core import journal
from bidding.models_auction import AuctionSeat, AuctionStage
from bidding.rules.auction import Format
from kernel.errors import NotAllowed, NotNow, NotValid
from kernel.ledger.models import FactRow
from kernel.money import Money
from kernel.rights import Role
from tests.integration.auction.sale import Hall, Sale
from tests.support.house import House

SECOND = timedelta(seconds=1)


def played(sale: Sale, count: int = 3) -> Hall:
    """An auction that ran: everybody offered, the last one is best."""
    seats = sale.bidders(count)
    hall = Hall(sale).start()
    for at, seat in enumerate(seats):
        hall.offer(seat.plate, 950000 - at * 10000)
    hall.end().follow()
    hall.core.stop()
    return hall


def reserved(house: House) -> Sale:
    sale = Sale(
        house,
        procedure="auction",
        regime="EQ",
        format=Format.ASCENDING,
        printed={"reserve": True, "bidders_min": 1},
        start="100000",
    )
    sale.publish()
    return sale


def sold_high(sale: Sale, yuan: int = 120000) -> Hall:
    seat = sale.register()
    hall = Hall(sale).start().follow()
    assert hall.offer(seat.plate, yuan)["price"] == f"{yuan}.00"
    hall.end().follow()
    hall.core.stop()
    assert sale.auction().stage is AuctionStage.SETTLING
    return hall


@pytest.mark.parametrize(
    ("reserve", "stage"), [("120000", AuctionStage.SOLD), ("120000.01", AuctionStage.FAILED)]
)
def test_a_sealed_reserve_is_shown_after_the_end_and_decides(
    house: House, reserve: str, stage: AuctionStage
) -> None:
    sale = reserved(house)
    amount, salt = Money.from_yuan(reserve), b"\x07" * 32
    digest = auctions_reserve.reserve_digest(sale.auction().id, amount, salt)
    buyer = sale.actor(sale.buyer)
    for _ in range(2):
        with house.begin(buyer) as work:
            auctions_reserve.seal_reserve(work, sale.auction().id, digest)
    with pytest.raises(NotNow, match="reserve_given"), house.begin(buyer) as work:
        auctions_reserve.seal_reserve(work, sale.auction().id, "0" * 64)
    with pytest.raises(NotNow, match="auction_still_running"), house.begin(buyer) as work:
        auctions_reserve.show_reserve(work, sale.auction().id, amount, salt)
    hall = sold_high(sale)
    with pytest.raises(NotValid, match="reserve_other"), house.begin(buyer) as work:
        auctions_reserve.show_reserve(work, hall.id, Money.from_yuan("1"), salt)
    assert auctions_reserve.lapse_reserves(house.platform) == 0
    with house.begin(buyer) as work:
        auctions_reserve.show_reserve(work, hall.id, amount, salt)

    assert sale.auction().stage is stage
    with house.read() as session:
        for promise in promises_auction.PROMISES:
            assert list(promise.check(session, house.clock.now())) == []


def test_a_reserve_kept_back_counts_as_none(house: House) -> None:
    sale = reserved(house)
    digest = auctions_reserve.reserve_digest(sale.auction().id, Money.from_yuan("900000"), b"\x07" * 32)
    with house.begin(sale.actor(sale.buyer)) as work:
        auctions_reserve.seal_reserve(work, sale.auction().id, digest)
    sold_high(sale)
    house.clock.tick(auctions_reserve.SHOW_WITHIN - SECOND * 2)
    assert auctions_reserve.lapse_reserves(house.platform) == 0
    house.clock.tick(SECOND * 3)

    assert auctions_reserve.lapse_reserves(house.platform) == 1

    assert sale.auction().stage is AuctionStage.SOLD


def test_only_printed_reserves_are_sealed_and_only_before_the_start(sale: Sale, house: House) -> None:
    with pytest.raises(NotValid, match="reserve_not_printed"), house.begin(sale.actor(sale.buyer)) as work:
        auctions_reserve.seal_reserve(work, sale.auction().id, "0" * 64)
    with pytest.raises(NotAllowed), house.begin(house.actor(house.person(Role.BUYER))) as work:
        auctions_reserve.seal_reserve(work, sale.auction().id, "0" * 64)


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
