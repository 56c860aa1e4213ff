"""Lines that drop, delay, double and reorder frames: the page of the hall asks again, fills its gaps, and shows in the end
what everybody sees; an offer stands once, and what was acknowledged is in the journal.

Source: rules §4.3 A-08, §4.7; issue "Faults"; docs/formats/live-channel.md.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

import tests.support.house as houses
from bidding import promises_auction
from bidding import queries_auction as queries
from bidding.hall_core import rooms
from bidding.hall_core.draft import replayed
from bidding.models_auction import AuctionEvent
from bidding.rules.auction import Format, sight
from bidding.rules.auction.state import State
from bidding.rules.auction.terms import Step
from kernel.identity.models import Person
from kernel.money import Money
from kernel.rights import Role
from tests.e2e.auction_stage import Stage, WalkingClock, clean, in_room, offer, plate_of
from tests.integration.auction.sale import Sale

OFFERS = 24
HALL = re.compile(r"/socket\.io/.*transport=websocket")

OFFER = """async ([amount, key, id]) => {
  const { Wire } = await import('/static/js/auction/wire.js');
  const quiet = () => {};
  window.line ??= new Wire(`auction:${id}`, { state: quiet, news: quiet, own: quiet, whole: quiet, status: quiet, refused: quiet });
  window.answers ??= {};
  window.line.do('offer', { amount, key }, quiet).then((answer) => { window.answers[key] = answer; });
}"""
"""One offer by the page's own client; its answer, whenever it comes, stands under its key."""

ANSWERED = "key => window.answers?.[key]"

LATE = """window.lag = 700;
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {
  setTimeout(() => this.readyState === WebSocket.OPEN && send.call(this, data), window.lag);
};"""
"""A line on which everything arrives in order, and each message to the server later by ``lag`` milliseconds."""


class Bad:
    """A line that spoils events and answers both ways until it is mended; the handshake and pings pass.

    Attributes:
        done: how often each fault happened.
    """

    def __init__(self, seed: int) -> None:
        self.mended = False
        self.done: dict[str, int] = {"drop": 0, "double": 0, "hold": 0}
        self._chance = random.Random(seed)
        self._held: list[tuple[Any, str]] = []

    def route(self, ws: WebSocketRoute) -> None:
        server = ws.connect_to_server()
        ws.on_message(lambda message: self._pass(server, str(message)))
        server.on_message(lambda message: self._pass(ws, str(message)))

    def mend(self) -> None:
        self.mended = True
        self._release()

    def _release(self) -> None:
        held, self._held = self._held, []
        for to, message in held:
            to.send(message)

    def _pass(self, to: Any, message: str) -> None:
        """Drop one in twelve, double one in six, hold one in four until one or two later ones have passed."""
        if self.mended or not message.startswith(("42/", "43/")):
            to.send(message)
            return
        drawn = self._chance.random()
        if drawn < 1 / 12:
            self.done["drop"] += 1
            return
        if drawn < 1 / 4:
            self.done["double"] += 1
            to.send(message)
        elif drawn < 1 / 2 and len(self._held) < 2:
            self.done["hold"] += 1
            self._held.append((to, message))
            return
        to.send(message)
        self._release()


@pytest.fixture
def stage(tmp_path: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(houses, "VirtualClock", WalkingClock)
    found = Stage(tmp_path, browser)
    yield found
    found.close()


def test_pages_on_bad_lines_lose_nothing_and_end_with_what_everybody_sees(stage: Stage) -> None:
    house = stage.house
    step = Step(amount=Money.from_yuan("1000"))
    printed = {"step": step, "free_seconds": 3600, "self_outbid": True}
    sale = stage.publish(Sale(house, format=Format.OPEN_REVERSE, printed=printed))
    auction = sale.auction().id
    people = [house.person(Role.BIDDER) for _ in range(3)]
    for person in people:
        sale.register(person)
    stage.near(sale)
    lines = [Bad(seed) for seed in (7, 11)]
    windows = [stage.window(person) for person in people]
    for window, line in zip(windows, lines, strict=False):
        stage.visitor(window).context.route_web_socket(HALL, line.route)
        stage.visitor(window).expect_trouble("WebSocket is already in CLOSING or CLOSED state")  # we cut it
    for window in windows:
        in_room(window, auction)
    house.clock.move(sale.closes_at)
    for window in windows:
        expect(window.locator("#phase")).to_have_text("竞价中")

    keys: dict[str, tuple[Page, str]] = {}
    for at in range(OFFERS):
        window, amount, key = windows[at % 3], f"{1_000_000 - at * 1000}.00", f"bad-line-{at:03d}"
        keys[key] = window, amount
        window.evaluate(OFFER, [amount, key, str(auction)])
        if at % 3 == 2:  # the good line goes on when it is answered, so its price is the lowest so far
            window.wait_for_function(ANSWERED, arg=key, timeout=60_000)
            assert window.evaluate("key => window.answers[key].ok", key)
    for line in lines:
        line.mend()

    answers = {}
    for key, (window, _) in keys.items():
        window.wait_for_function(ANSWERED, arg=key, timeout=60_000)
        answers[key] = window.evaluate("key => window.answers[key]", key)
    assert all(sum(line.done[fault] for line in lines) > 0 for fault in lines[0].done)
    taken = {key: answer["receipt"] for key, answer in answers.items() if answer["ok"]}
    refused = {answer["problem"]["code"] for answer in answers.values() if not answer["ok"]}
    assert len(taken) >= OFFERS // 3
    assert refused <= {"auction_step"}, "only what a late offer may be refused for"
    with house.read() as session:
        room, journal_lines = rooms.load(session.connection(), auction)
        stored = session.execute(
            sa.select(AuctionEvent.key, AuctionEvent.receipt).where(
                AuctionEvent.auction_id == auction, AuctionEvent.key.is_not(None)
            )
        ).all()
        state = queries.state_of(session, auction)
        broken = [
            found
            for promise in promises_auction.PROMISES
            for found in promise.check(session, house.clock.now())
        ]
    assert sorted((row.key, row.receipt) for row in stored) == sorted(taken.items()), "each once, none lost"
    assert replayed(room.state.terms, journal_lines) == state
    assert broken == []
    for window, person in zip(windows, people, strict=True):
        _shows(window, sale, person, state)
    assert stage.troubles() == []


@pytest.mark.parametrize("lang", ["zh-CN", pytest.param("en", marks=pytest.mark.nightly)])
def test_a_slow_line_is_said_and_offers_still_count(stage: Stage, lang: str) -> None:
    """DESIGN 05: above 500 ms a yellow hint; nothing else changes, and the hint goes when the line is quick again."""
    printed = {"step": Step(amount=Money.from_yuan("1000")), "free_seconds": 3600}
    sale = stage.publish(Sale(stage.house, format=Format.OPEN_REVERSE, printed=printed))
    people = [stage.house.person(Role.BIDDER) for _ in range(3)]
    for person in people:
        sale.register(person)
    stage.near(sale)
    window = stage.window(people[0], lang=lang)
    stage.visitor(window).context.add_init_script(LATE)
    in_room(window, sale.auction().id)
    stage.house.clock.move(sale.closes_at)

    hint = window.locator("#net-warning .sr-notice-y")
    expect(hint).to_contain_text(re.compile(r"7\d\d ms|7\d\d 毫秒"))
    expect(window.locator("#steps button").first).to_be_enabled(timeout=20_000)
    figure = offer(window, 1)
    clean(stage, window)
    with stage.house.read() as session:
        best = queries.state_of(session, sale.auction().id).best
    assert best is not None
    assert f"{best.amount.minor // 100:,}" in figure
    window.evaluate("window.lag = 0")
    expect(window.locator("#net-warning")).not_to_contain_text(re.compile("连接较慢|connection is slow"))
    assert stage.troubles() == []


def _shows(window: Page, sale: Sale, person: Person, state: State) -> None:
    """The room of a bidder shows his own place and the best price as the core has them, without a reload."""
    private = sight.private(None, state, plate_of(sale, person))
    assert private is not None
    assert state.best is not None
    rank = window.locator("#rank")
    if private["rank"] is None:  # each of his offers was refused: overtaken on its way
        expect(rank).to_be_hidden(timeout=20_000)
    else:
        expect(rank).to_contain_text(str(private["rank"]))
    expect(window.locator("#price")).to_contain_text(f"{state.best.amount.minor // 100:,}")
