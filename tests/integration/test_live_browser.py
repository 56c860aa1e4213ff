"""The browser's half of the live channels in a real browser: resume, gaps, the server's clock, and the policy.

Source: issue "Continuity"; design §05 (connection states).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Page
from sqlalchemy.orm import Session
from werkzeug.serving import make_server

import app as composition
from kernel import live
from kernel.rights import Actor, Role
from kernel.room import Room
from tests.support import services
from tests.support.browser import Visitor, a_browser
from tests.support.house import House
from tests.support.live import cookie_of, hall

SALE = UUID("01980000-0000-7000-8000-000000000001")
NAME = f"sale:{SALE}"
told: list[dict[str, Any]] = []


def offer(_c: live.Connection, _id: UUID, message: live.Json, _at: datetime, ack: live.Ack) -> None:
    ack({"price": message["price"], "key": message.get("key", "")})


def since(_s: Session, _a: Actor, _id: UUID, seen: int) -> list[tuple[int, dict[str, Any]]]:
    return [(at, told[at - 1]) for at in range(seen + 1, len(told) + 1)]


CHANNEL = live.Channel(
    "sale",
    lambda _session, actor, _id: actor.has(Role.BIDDER),
    lambda *_: {"version": len(told), "all": list(told)},
    since,
    hot={"offer": offer},
)

START = """async ([name, wait]) => {
  const { connect } = await import('/static/js/live.js');
  globalThis.seen = []; globalThis.states = [];
  globalThis.live = connect();
  live.onState(({ state }) => { if (states.at(-1) !== state) states.push(state); });
  globalThis.room = live.channel(name, {
    state: (state) => seen.push(['state', state.version]),
    news: (news, { version }) => seen.push(['news', version, news.price]),
    refused: (problem) => seen.push(['refused', problem.code]),
  });
}"""


@pytest.fixture
def city(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[House, str, int]]:
    rooms = composition.rooms()
    monkeypatch.setattr(composition, "rooms", lambda: (*rooms, Room("sale", channels=[CHANNEL])))
    told.clear()
    web, at = services.free_port(), services.free_port()
    base = f"http://127.0.0.1:{web}"
    house = House(tmp_path, base_url=base, live_url=f"http://127.0.0.1:{at}")
    server = make_server("127.0.0.1", web, house.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield house, base, at
    server.shutdown()
    thread.join()
    server.server_close()
    house.close()


@pytest.fixture
def visitor(city: tuple[House, str, int]) -> Iterator[Visitor]:
    house, base, _ = city
    try:
        with a_browser() as browser:
            found = Visitor(browser, base)
            found.context.add_cookies(
                [{"name": "sunroad", "value": cookie_of(house, Role.BIDDER), "url": base}]
            )
            yield found
            found.context.close()
    except services.Missing as why:
        pytest.skip(str(why))


def say(house: House, price: int, *, tell: bool = True) -> None:
    told.append({"price": price})
    if tell:
        live.tell(house.platform, NAME, version=len(told), news={"price": price})


def seen(page: Page, *, length: int) -> list[Any]:
    page.wait_for_function("(length) => seen.length >= length", arg=length, timeout=15_000)
    found = page.evaluate("seen")
    assert isinstance(found, list)
    return found


def test_a_page_follows_resumes_after_a_cut_and_fills_gaps(
    city: tuple[House, str, int], visitor: Visitor
) -> None:
    house, _, at = city
    page = visitor.page
    say(house, 100)
    with hall(house, address=f"127.0.0.1:{at}"):
        page.goto("/sign-in")
        page.evaluate(START, [NAME, 0])
        assert seen(page, length=1) == [["state", 1]]
        say(house, 110)
        assert seen(page, length=2)[1:] == [["news", 2, 110]]
        answer = page.evaluate("room.do('offer', { key: 'k1', price: 7 })")
        assert answer == {"ok": True, "price": 7, "key": "k1"}
        page.wait_for_function("() => live.clock() !== null")
        clock = page.evaluate("live.clock()")
        assert abs(clock["now"] - house.clock.now().timestamp() * 1000) < 60_000
        assert 0 <= clock["error"] < 5_000
        assert "online" in page.evaluate("states")
    visitor.expect_trouble("WebSocket")
    page.wait_for_function("() => states.includes('reconnecting')")
    assert page.evaluate("room.do('offer', { price: 8 })")["problem"]["code"] == "offline"
    say(house, 120, tell=False)
    say(house, 130, tell=False)
    with hall(house, address=f"127.0.0.1:{at}"):
        assert seen(page, length=4)[2:] == [["news", 3, 120], ["news", 4, 130]], "no reload, no state again"
        say(house, 140, tell=False)
        say(house, 150)
        assert seen(page, length=6)[4:] == [["news", 5, 140], ["news", 6, 150]], "a gap is filled in order"
        page.wait_for_function("() => ['online', 'slow'].includes(states.at(-1))")
        page.evaluate("live.close()")


def test_the_policy_allows_the_halls_address_and_no_other(city: tuple[House, str, int]) -> None:
    house, _, at = city
    policy = house.client().get("/sign-in").headers["Content-Security-Policy"]
    (connecting,) = [one for one in policy.split("; ") if one.startswith("connect-src")]
    assert connecting == f"connect-src 'self' ws://127.0.0.1:{at}"


def test_who_may_not_join_is_told_so(city: tuple[House, str, int], visitor: Visitor) -> None:
    house, _, at = city
    with hall(house, address=f"127.0.0.1:{at}"):
        visitor.context.clear_cookies()
        visitor.page.goto("/sign-in")
        visitor.page.evaluate(START, [NAME, 0])
        assert seen(visitor.page, length=1) == [["refused", "channel_closed"]]
        visitor.page.evaluate("live.close()")
