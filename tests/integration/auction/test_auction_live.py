"""The channel of an auction: who hears what, under which number; and the clock that does not jump."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from bidding import api_auctions, auction_live  # noqa: F401
from bidding import queries_auction as queries
from bidding.auction_live import CHANNEL, LiveOutlet
from bidding.hall_core.registry import install
from bidding.rules.auction import Format
from kernel.clock import GuardedClock
from kernel.errors import NotFound
from kernel.live.door import Telling
from kernel.rights import ANONYMOUS, Role
from tests.integration.auction.sale import Hall, Sale, plates
from tests.support.house import START, House

SECOND = timedelta(seconds=1)


class Ears(Telling):
    """A live server that only listens: every audience has a listener."""

    bus = None

    def __init__(self, told: dict[str, int]) -> None:
        self.told, self.news, self.own = told, [], []  # type: ignore[var-annotated]
        self.numbers: dict[str, list[int]] = {}

    def tell(self, channel: str, *, version: int, news: Any, audience: str = "") -> None:
        self.news.append((audience, version, dict(news)))

    def tell_one(self, channel: str, seat_key: str, *, news: Any, version: int = 0) -> None:
        self.own.append((seat_key, dict(news)))
        self.numbers.setdefault(seat_key, []).append(version)

    def deliver(self, room: str, event: str, data: Any) -> None:
        raise AssertionError("everything is told by name")


def listening(sale: Sale, *, start: bool = True) -> tuple[Hall, Ears, LiveOutlet]:
    """A hall with listeners of every audience, running unless told otherwise."""
    sale.bidders(3)
    hall = Hall(sale)
    outlet = LiveOutlet(sale.house.platform, hall.core.clock)
    hall.core.outlet = outlet
    ears = Ears({f"auction:{hall.id}#{audience}": 0 for audience in auction_live.AUDIENCES})
    sale.house.platform.live = ears
    install(sale.house.platform, hall.core)
    if start:
        hall.start()
    ears.news.clear()
    return hall, ears, outlet


def test_an_offer_of_a_blind_auction_tells_the_room_nothing_and_its_bidder_everything(sale: Sale) -> None:
    hall, ears, outlet = listening(sale)
    a, b, _ = plates(sale)
    outlet.joined(hall.id, a)
    hall.offer(a, 900000)
    versions = {audience: outlet.version(hall.id, audience) for audience in auction_live.AUDIENCES}
    ears.news.clear()

    hall.offer(b, 910000)

    assert [one for one in ears.news if one[0] in ("bidder", "host", "public")] == []
    assert [one for one in ears.own if one[0] == b] == []
    for audience in ("bidder", "host", "public"):
        assert outlet.version(hall.id, audience) == versions[audience]
    assert [one[1]["own"][0]["amount"] for one in ears.own if one[0] == a][:1] == ["900000.00"]
    install(sale.house.platform, None)
    hall.core.stop()


def test_news_are_numbered_without_gaps_and_can_be_caught_up(house: House) -> None:
    sale = Sale(house, format=Format.OPEN_REVERSE)
    sale.publish()
    hall, ears, outlet = listening(sale)
    a, b, c = plates(sale)
    seen = outlet.version(hall.id, "bidder")
    for at, plate in enumerate((a, b, c)):
        hall.offer(plate, 950000 - at * 10000)

    told = [(version, news) for audience, version, news in ears.news if audience == "bidder"]
    assert [version for version, _ in told] == [seen + 1, seen + 2, seen + 3]
    assert outlet.since(hall.id, "bidder", seen + 1) == told[1:]
    assert outlet.since(hall.id, "bidder", seen + 3) == []
    assert outlet.since(hall.id, "bidder", seen - 5) is None
    assert told[-1][1]["best"]["amount"] == "930000.00"
    install(house.platform, None)
    hall.core.stop()


def test_who_joins_as_what(sale: Sale, house: House) -> None:
    seats = sale.bidders(3)
    auction_id = sale.auction().id
    who = {
        "bidder": sale.actor_of(seats[0]),
        "host": sale.actor(sale.buyer),
        "supervisor": house.actor(house.person(Role.SUPERVISOR)),
        "public": ANONYMOUS,
    }
    assert CHANNEL.audience is not None
    with house.read() as session:
        assert {name: CHANNEL.audience(session, one, auction_id) for name, one in who.items()} == {
            name: name for name in who
        }
        assert CHANNEL.snapshot(session, ANONYMOUS, auction_id)["bidders"] is None
        with pytest.raises(NotFound):
            CHANNEL.may_join(session, ANONYMOUS, seats[0].id)


def test_trouble_with_storage_is_told_to_everybody(sale: Sale) -> None:
    hall, ears, _ = listening(sale)
    full = iter([True])

    def disk(_connection: Any) -> None:
        if next(full, False):
            raise OperationalError("insert", {}, Exception("disk is full"))

    hall.core._fault = disk
    hall.offer(plates(sale)[0], 900000)

    told = [news for audience, _, news in ears.news if audience == "bidder" and "storage_trouble" in news]
    assert told == [{"storage_trouble": True}, {"storage_trouble": False}]
    install(sale.house.platform, None)
    hall.core.stop()


class Host:
    """A machine whose clock is stepped."""

    def __init__(self) -> None:
        self.wall, self.mark = START, 100.0

    def now(self) -> Any:
        return self.wall

    def monotonic(self) -> float:
        return self.mark

    def pass_time(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.mark += seconds


@pytest.mark.parametrize("step", [5, -5])
def test_a_step_of_the_hosts_clock_moves_no_end(step: int) -> None:
    host = Host()
    clock = GuardedClock(host, host.monotonic)
    host.pass_time(10)
    before = clock.now()
    host.wall += timedelta(seconds=step)

    assert clock.now() == before
    host.pass_time(60)
    after = clock.now()
    drawn = after - before - timedelta(seconds=60)
    assert abs(drawn) <= timedelta(seconds=0.06)
    assert (drawn > timedelta(0)) is (step > 0)
    host.pass_time(6000)
    assert clock.now() == host.wall
    assert clock.behind() == timedelta(0)


def test_machine_doors_take_an_offer_and_show_the_own_side(sale: Sale, house: House) -> None:
    seats = sale.bidders(3)
    sale.tick(sale.closes_at)
    auction_id = sale.auction().id
    client = house.app.test_client()
    token = house.token(seats[0].person_id, "bid")
    url = f"/api/v1/auctions/{auction_id}"
    house.clock.tick(SECOND)

    body = {"amount": "900000.00", "key": "key-machine-1"}
    first = client.post(f"{url}/offers", json=body, headers=token)
    again = client.post(f"{url}/offers", json=body, headers=token)
    refused = client.post(
        f"{url}/offers", json={"amount": "899999.00", "key": "key-machine-2"}, headers=token
    )
    mine = client.get(f"{url}/state", headers=token)
    everybody = client.get(f"{url}/state")

    assert (first.status_code, again.data) == (200, first.data)
    assert first.json["price"] == "900000.00"
    assert (refused.status_code, refused.json["code"]) == (422, "auction_step")
    assert mine.json["own"]["own"][0]["amount"] == "900000.00"
    assert "own" not in everybody.json["own"]
    assert client.get(f"{url}/journal").json["code"] == "auction_still_running"
    assert client.get(f"/api/v1/tenders/{sale.code}/lots/1/auction").json["id"] == str(auction_id)
    stranger = house.token(house.person(Role.BIDDER), "bid")
    assert client.post(f"{url}/offers", json=body, headers=stranger).json["code"] == "auction_no_seat"
    with house.read() as session:
        assert queries.auction_page(session, auction_id).tender == sale.code


def test_private_news_are_numbered_for_their_owner_alone_and_a_join_tells_the_number(sale: Sale) -> None:
    hall, ears, outlet = listening(sale)
    one, two, _ = plates(sale)
    for plate in plates(sale):
        outlet.joined(hall.id, plate)
    first = outlet.own_version(hall.id, one)

    hall.offer(one, 900_000)
    hall.offer(two, 890_000)
    hall.offer(one, 880_000)

    told = ears.numbers[one]
    assert told == list(range(first + 1, first + 1 + len(told))), "without a gap, whatever others were told"
    assert outlet.own_version(hall.id, one) == told[-1]
    outlet.forget(hall.id)
    assert outlet.own_version(hall.id, one) != told[-1], "another owner counts anew"
