"""Several hall processes: ownership moves when one is killed, commands find their owner, and no news are lost without
Redis or with it gone.

Source: issue "Transport and scale" and "Faults".
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from kernel.rights import Role
from tests.support import services
from tests.support.house import START, House
from tests.support.live import Browser, cookie_of, eventually
from tests.support.live_process import CREATE, TABLE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.nightly,
]  # real auctions do the same daily in test_auction_cluster.py

ROOT = Path(__file__).resolve().parents[2]
NAME = f"sale:{UUID('01980000-0000-7000-8000-000000000001')}"


@contextmanager
def process(house: House, redis: str = "") -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A hall process over the house's database."""
    port = services.free_port()
    offset = int((START - datetime.now(UTC)).total_seconds())
    words = [str(house.folder), str(port), str(offset), *([redis] if redis else [])]
    child = subprocess.Popen([sys.executable, "-m", "tests.support.live_process", *words], cwd=ROOT)
    try:
        yield port, child
    finally:
        child.kill()
        child.wait()


def enter(port: int, cookie: str) -> Browser:
    """A browser that came in, as soon as the process is up."""

    def attempt() -> Browser | None:
        try:
            return Browser(port, cookie)
        except OSError:
            return None

    found = eventually(attempt, 60)
    assert isinstance(found, Browser)
    return found


@pytest.fixture
def city(house: House) -> Iterator[tuple[House, str]]:
    with house.platform.database.writer.begin() as connection:
        connection.execute(sa.text(CREATE))
    yield house, cookie_of(house, Role.BIDDER)
    from tests.support.live import _open

    while _open:
        _open.pop().ws.shutdown()


def bid(browser: Browser, n: int, **more: Any) -> Any:
    answer = browser.do(NAME, "bid", n=n, **more)
    assert answer["ok"], answer
    return answer


def retried(browser: Browser, n: int) -> Any:
    """Bid until it is taken; a death in between is answered with ``no_answer_yet`` or ``moved``."""

    def attempt() -> Any:
        answer = browser.do(NAME, "bid", n=n)
        if answer["ok"]:
            return answer
        assert answer["problem"]["code"] in ("no_answer_yet", "moved"), answer
        time.sleep(0.05)
        return None

    return eventually(attempt)


def versions(house: House) -> list[int]:
    with house.read() as session:
        return list(session.scalars(sa.select(TABLE.c.version).order_by(TABLE.c.version)))


def test_after_a_kill_another_process_owns_the_sale_within_five_seconds(city: tuple[House, str]) -> None:
    house, cookie = city
    with process(house) as (first_port, first), process(house) as (second_port, _):
        one, two = enter(first_port, cookie), enter(second_port, cookie)
        assert one.join(NAME)["ok"]
        taken = bid(one, 1)
        assert two.join(NAME)["ok"]
        moved = two.do(NAME, "bid", n=2)["problem"]
        assert (moved["code"], moved["details"]["address"]) == ("moved", f"http://127.0.0.1:{first_port}")

        first.kill()
        killed = time.monotonic()
        after = retried(two, 2)

        assert time.monotonic() - killed <= 5
        assert (after["token"], after["version"]) == (taken["token"] + 1, 2)
        assert after["pid"] != taken["pid"]
        assert versions(house) == [1, 2]


def test_without_redis_news_of_another_process_are_noticed_by_their_number(city: tuple[House, str]) -> None:
    house, cookie = city
    with process(house) as (first_port, _), process(house) as (second_port, _):
        one, two = enter(first_port, cookie), enter(second_port, cookie)
        one.join(NAME)
        bid(one, 1)
        two.join(NAME)
        bid(one, 2)
        two.until(lambda: bool(two.told("behind")))
        missed = two.join(NAME, seen=1)["news"]
        assert missed == [{"version": 2, "news": {"n": 2}}]


def test_with_redis_news_and_commands_cross_processes(city: tuple[House, str], redis_url: str) -> None:
    house, cookie = city
    with process(house, redis_url) as (first_port, _), process(house, redis_url) as (second_port, _):
        one, two = enter(first_port, cookie), enter(second_port, cookie)
        one.join(NAME)
        taken = bid(one, 1)
        two.join(NAME)
        answer = retried(two, 2)
        assert (answer["pid"], answer["version"]) == (taken["pid"], 2), "the owner did it"
        for browser in (one, two):
            browser.until(lambda b=browser: 2 in [news["version"] for news in b.told("news")])  # type: ignore[misc]
        assert two.told("behind") == []


def test_when_redis_goes_nothing_is_lost(city: tuple[House, str]) -> None:
    house, cookie = city
    with ExitStack() as redis_life:
        try:
            url = redis_life.enter_context(services.redis_server())
        except services.Missing as why:
            pytest.skip(str(why))
        with process(house, url) as (first_port, _), process(house, url) as (second_port, _):
            one, two = enter(first_port, cookie), enter(second_port, cookie)
            one.join(NAME)
            bid(one, 1)
            two.join(NAME)
            retried(two, 2)
            two.until(lambda: bool(two.told("news")))

            redis_life.close()
            for n in range(3, 6):
                bid(one, n)

            two.until(lambda: any(one["version"] == 5 for one in two.told("behind")), 20)
            missed = two.join(NAME, seen=2)["news"]
            assert [one["version"] for one in missed] == [3, 4, 5]
            assert versions(house) == [1, 2, 3, 4, 5]


def test_a_killed_owner_leaves_nothing_acknowledged_behind(city: tuple[House, str]) -> None:
    house, cookie = city
    promised: list[int] = []
    for _ in range(2):
        with process(house) as (port, child):
            browser = enter(port, cookie)
            assert browser.join(NAME)["ok"]
            retried(browser, -1)
            numbers = [
                browser.send("do", {"channel": NAME, "command": "bid", "message": {"n": n}})
                for n in range(20)
            ]
            browser.until(lambda b=browser, m=numbers: sum(one in b.answers for one in m) >= 5)  # type: ignore[misc]
            child.kill()
            promised += [
                browser.answers[one]["version"] for one in numbers if browser.answers.get(one, {}).get("ok")
            ]
    there = versions(house)
    assert len(promised) >= 10
    assert set(promised) <= set(there)
    assert there == list(range(1, len(there) + 1))
