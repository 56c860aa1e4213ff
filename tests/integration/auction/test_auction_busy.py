"""A busy hall is not a dead one, and a dead one does not keep an auction from its end.

Source: rules §4.3 A-03, §4.7; docs/decisions/0013-auction-core.md.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bidding import queries_auction as queries
from bidding.hall_core import core as core_module
from bidding.hall_core import journal
from bidding.hall_core.journal import Moved
from bidding.models_auction import AuctionStage
from bidding.rules.auction import Stage
from bidding.rules.auction.terms import Outage
from kernel.errors import NotNow
from tests.integration.auction.sale import Hall, Sale, plates
from tests.support.house import House

SECOND = timedelta(seconds=1)


@pytest.fixture
def hall(house: House) -> Hall:
    """A running auction of three bidders, and the hall that owns it."""
    sale = Sale(house)
    sale.publish()
    sale.bidders(3)
    return Hall(sale).start()


def test_whoever_offered_before_the_end_is_heard_before_it_however_long_the_queue(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_module, "BATCH_MAX", 2)
    sale = Sale(house, printed={"extension": None})
    sale.publish()
    sale.bidders(3)
    hall = Hall(sale).start()
    a, b, c = plates(sale)
    first = hall.core.state(hall.id)
    assert first is not None
    assert first.ends_at is not None
    sale.house.clock.move(first.ends_at - timedelta(milliseconds=1))
    for at, plate in enumerate((a, b, c, a, b)):
        hall.send(plate, 950000 - 10000 * at)
    sale.house.clock.tick(SECOND)
    hall.send(c, 800000)

    for judged in (2, 4):
        hall.core.turn()
        assert len(hall.answers) == judged
        assert hall.stage is Stage.RUNNING
    hall.core.turn()
    hall.core.turn()

    assert [answer["price"] for answer in hall.answers[:5]] == [
        f"{950000 - 10000 * at}.00" for at in range(5)
    ]
    assert isinstance(hall.answers[5], NotNow)
    assert hall.stage is not Stage.RUNNING


def test_a_hall_that_must_judge_anew_says_first_that_it_is_alive(hall: Hall) -> None:
    """Otherwise the timekeeper would take a busy owner for a dead one, write, and make it judge anew for ever."""
    sale, said = hall.sale, list[Any]()

    def moved(_connection: Any) -> None:
        said.append(sale.head().alive_at)
        if len(said) < 3:
            sale.house.clock.tick(3 * SECOND)
            raise Moved

    hall.core._fault = moved
    began = sale.house.clock.now()
    hall.offer(plates(sale)[0], 900000)

    assert hall.core.figures.moved == 2
    assert [at - began for at in said[1:]] == [3 * SECOND, 6 * SECOND]
    assert hall.answers[-1]["price"] == "900000.00"


def test_time_lost_with_a_dead_owner_is_made_up_for_once_and_the_auction_ends(house: House) -> None:
    sale = Sale(house, printed={"outage": Outage(resume_notice_minutes=0, remaining_seconds_min=60)})
    sale.publish()
    sale.bidders(3)
    hall = Hall(sale).start().follow()
    for plate in plates(sale):
        hall.offer(plate, 950_000)
    before = hall.core.state(hall.id)
    assert before is not None
    assert before.ends_at is not None
    # The hall dies here: no farewell, and nobody takes its place.
    sale.tick(before.ends_at + timedelta(seconds=10))
    sale.tick(before.ends_at + timedelta(seconds=11))  # it goes on
    with house.read() as session:
        longer = queries.state_of(session, hall.id)
        assert [one.reason for one in queries.outages_of(session, hall.id)] == ["failover"]
    assert longer.stage is Stage.RUNNING
    assert longer.ends_at is not None
    assert longer.ends_at > before.ends_at + timedelta(seconds=60)
    sale.tick(longer.ends_at + timedelta(seconds=10))

    assert sale.auction().stage is AuctionStage.SOLD
    with house.read() as session:
        lines = journal.lines_of(session.connection(), hall.id)
    assert [line.kind for line in lines].count("pause") == 1


def test_a_slow_owner_that_was_given_up_is_the_owner_again_at_its_next_beat(house: House) -> None:
    sale = Sale(house, printed={"outage": Outage(resume_notice_minutes=0, remaining_seconds_min=60)})
    sale.publish()
    sale.bidders(3)
    hall = Hall(sale).start().follow()
    before = hall.core.state(hall.id)
    assert before is not None
    assert before.ends_at is not None
    sale.tick(before.ends_at + timedelta(seconds=10))
    assert sale.head().owner == ""

    house.clock.tick(timedelta(seconds=2))
    hall.core.turn()

    assert (sale.head().owner, sale.head().alive_at) == ("hall-a", house.clock.now())
    assert hall.offer(plates(sale)[0], 940_000)["price"] == "940000.00"
