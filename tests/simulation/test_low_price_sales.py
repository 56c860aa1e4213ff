"""The demonstration's purchase with an abnormally low price: explained and judged, or passed over in silence."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from bidding.models_auction import Auction
from bidding.models_result import PriceReview
from bidding.promises_auction import no_low_price_unasked
from simulation import sales
from simulation.demo import Agenda
from simulation.world import World, found_city
from tests.support.house import House
from trading.models import Lot


@pytest.mark.parametrize("explains", [True, False])
def test_a_low_price_of_the_city_is_settled_before_the_result(house: House, explains: bool) -> None:
    world = found_city(World(house.platform, house.clock, random.Random(7)), bidders=14)
    agenda = Agenda(world, world.now + timedelta(days=40), io.StringIO())
    sale = sales.SCANNERS if explains else replace(sales.SCANNERS, explanation="")
    agenda.add(world.now, sales.tell_sale(world, sale, agenda.deals))
    agenda.run()

    with house.read() as session:
        auction, lot = session.scalars(sa.select(Auction)).one(), session.scalars(sa.select(Lot)).one()
        review = session.scalars(sa.select(PriceReview)).one()
        breaches = list(no_low_price_unasked.check(session, world.now))

    assert [one["rule"] for one in review.triggers] == ["AL-2", "AL-3"]
    assert auction.result is not None
    assert lot.outcome is not None
    ranking = [one["plate"] for one in auction.result["ranking"]]
    assert (review.accepted, len(review.votes)) == ((True, 3) if explains else (False, 0))
    assert lot.outcome["plate"] == ranking[0 if explains else 1]
    assert breaches == []
