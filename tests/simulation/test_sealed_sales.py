"""The city's sealed sales: whoever offers most buys, and nothing is read before the custodians have released."""

from __future__ import annotations

import io
import random
from datetime import timedelta

import sqlalchemy as sa

from bidding.models_auction import Auction, AuctionStage
from bidding.models_sealed import AuctionSlip, ClosedSlip
from kernel.jobs import do_chores
from kernel.ledger.models import FactRow
from simulation.demo import Agenda
from simulation.sealed_sales import EQUIPMENT, LIVE_EQUIPMENT, sealed_told
from simulation.world import World, found_city
from tests.support.house import House
from trading.models import Tender


def test_a_sealed_sale_is_opened_by_custodians_and_one_still_takes_offers(house: House) -> None:
    world = found_city(World(house.platform, house.clock, random.Random(7)), bidders=14)
    now = world.now + timedelta(days=40)
    agenda = Agenda(world, now, io.StringIO())
    for at, story in sealed_told(world, now, agenda.deals):
        agenda.add(at, story)

    agenda.run()
    do_chores(house.platform, {})  # the journal's newest lines get their anchor

    with house.read() as session:
        found = {
            title: (auction, slips, opened)
            for title, auction, slips, opened in (
                (
                    tender.title,
                    auction,
                    session.scalar(_count(AuctionSlip, auction)),
                    session.scalar(_count(ClosedSlip, auction).where(ClosedSlip.ok.is_(True))),
                )
                for tender, auction in session.execute(
                    sa.select(Tender, Auction).join(Auction, Auction.tender_id == Tender.id)
                )
            )
        }
        broken = [
            one
            for room in house.platform.rooms
            for promise in room.promises
            for one in promise.check(session, house.clock.now())
        ]
        sold = session.scalars(
            sa.select(FactRow.body).where(FactRow.name == "bidding.auction_confirmation.issued")
        ).all()
    over, slips, opened = found[EQUIPMENT.title]
    assert (over.stage, slips, opened) == (AuctionStage.SOLD, 3, 3)
    assert len(sold) == 1
    running, slips, opened = found[LIVE_EQUIPMENT.title]
    assert (running.stage, slips, opened) == (AuctionStage.LIVE, 1, 0)
    assert broken == []


def _count(row: type[AuctionSlip] | type[ClosedSlip], auction: Auction) -> sa.Select[int]:
    return sa.select(sa.func.count()).select_from(row).where(row.auction_id == auction.id)
