"""Several halls over one database and one Redis, with real auctions: a killed owner, a Redis and a PostgreSQL that go
and come back. The room says so, goes on, and the record explains it.

Source: rules §4.7; performance §3 (scale-out); issue "Faults".
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from bidding import promises_auction
from bidding import queries_auction as queries
from bidding.rules.auction import Stage
from kernel.live import owners
from tests.integration.auction.city import Bidding, City, Page, id_of
from tests.support import services
from tests.support.live import eventually

pytestmark = pytest.mark.slow  # every hall is a process of its own


@pytest.fixture
def city(tmp_path: Path, pg_url: str) -> Iterator[City]:
    made = City(tmp_path, pg_url)
    yield made
    made.close()


def pages_of(city: City, *ports: list[int]) -> list[Page]:
    """A page of each bidder, at the ports given in turn."""
    name = city.names[0]
    return [
        Page(ports[place % len(ports)], cookie, name) for place, cookie in enumerate(city.made.cookies[:4])
    ]


def require_the_same_everywhere(city: City, bidding: Bidding, pages: list[Page]) -> None:
    """Everything acknowledged is in the journal, and every page shows the journal's list."""
    name = city.names[0]
    stored = city.stored(name)
    assert {key: stored.get(key) for key in bidding.receipts} == bidding.receipts
    prices = city.prices(name)
    for page in pages:
        page.until(lambda one=page: one.prices == prices)  # type: ignore[misc]
        page.close()
    with city.platform.read() as session:
        for promise in promises_auction.PROMISES:
            assert list(promise.check(session, city.platform.outside.clock.now())) == []


def outages_of(city: City) -> list[tuple[str, str]]:
    """What was published about clocks that stood still."""
    with city.platform.read() as session:
        return [(one.kind, one.reason) for one in queries.outages_of(session, id_of(city.names[0]))]


def test_an_owner_that_dies_is_given_up_within_five_seconds() -> None:
    """A lease that is not renewed ends, and whoever has people in the room looks for one at every renewal."""
    assert owners.LEASE_SECONDS + owners.RENEW_SECONDS <= 5


def test_a_killed_owner_is_followed_and_nothing_is_lost(city: City, redis_url: str) -> None:
    name = city.names[0]
    with city.hall(redis_url) as (first, one), city.hall(redis_url) as (second, two):
        watcher = Page([first, second], city.made.cookies[4], name)
        before, fence, _ = eventually(lambda: (city.owner(name)[0] and city.owner(name)) or None, 60)
        pages = pages_of(city, [first, second], [second, first])
        bidding = Bidding(pages)
        bidding.wait(30)

        {first: one, second: two}[city.port(name)].kill()  # whichever was up first
        eventually(lambda: city.owner(name)[0] != before, 60)

        bidding.wait(30)
        bidding.end()
        assert city.owner(name)[1] > fence, "the dead owner's fence is behind"
        require_the_same_everywhere(city, bidding, [*pages, watcher])
        assert watcher.cuts == 1, "the watcher came first, so it listened at the owner"


@pytest.mark.nightly
def test_news_that_redis_lost_are_noticed_and_commands_find_the_owner_when_it_is_back(city: City) -> None:
    name = city.names[0]
    with ExitStack() as life:
        try:
            url = life.enter_context(services.redis_server())
        except services.Missing as why:
            pytest.skip(str(why))
        with city.hall(url) as (first, _), city.hall(url) as (second, _):
            here = [Page([first], cookie, name) for cookie in city.made.cookies[:2]]
            there = Page([second], city.made.cookies[2], name)
            there.bid(1000, "over-redis-1")
            assert here[0].bid(1001, "here-key-1")
            there.until(lambda: there.prices == ["1000.00", "1001.00"])
            asked = there.behind

            life.close()
            for at in range(4):
                here[1 - at % 2].bid(1002 + at, f"without-redis-{at}")

            there.until(lambda: there.prices == city.prices(name))
            assert there.behind > asked, "the sweep saw it in the database"
            with services.redis_server(int(url.rpartition(":")[2].partition("/")[0])):
                there.bid(1006, "over-redis-2")
                here[0].bid(1007, "here-key-2")
                there.until(lambda: there.prices[-1] == "1007.00")
                for page in (*here, there):
                    page.until(lambda one=page: one.prices == city.prices(name))  # type: ignore[misc]
                    page.close()


def test_a_database_that_goes_and_comes_back_is_an_outage_nobody_pays_for(tmp_path: Path) -> None:
    with ExitStack() as life:
        sockets = life.enter_context(services.postgres_cluster(durable=True))
        url = life.enter_context(services.postgres_database(sockets, "hall"))
        city = life.enter_context(closing(City(tmp_path, url)))
        port, _ = life.enter_context(city.hall())
        name = city.names[0]
        watcher = Page([port], city.made.cookies[4], name)
        pages = pages_of(city, [port])
        bidding = Bidding(pages)
        bidding.wait(20)

        services.postgres_stop(sockets)
        gone = time.monotonic()
        watcher.until(lambda: {"storage_trouble": True} in watcher.said)
        answered = len(bidding.receipts)
        watcher.listen(6.5 - (time.monotonic() - gone))
        assert len(bidding.receipts) <= answered + 1, "nothing is accepted that cannot be written"
        services.postgres_start(sockets)

        watcher.until(lambda: {"storage_trouble": False} in watcher.said, 30)
        bidding.wait(20)
        bidding.end()
        assert eventually(lambda: outages_of(city)) == [("platform", "storage")]
        with city.platform.read() as session:
            assert queries.state_of(session, id_of(name)).stage is Stage.RUNNING
        assert any({"stopped", "ends_at"} & said.keys() for said in watcher.said), (
            "the room knows its new end"
        )
        require_the_same_everywhere(city, bidding, [*pages, watcher])
