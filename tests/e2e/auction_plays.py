"""Windows of one auction, and what its end owes to everybody; for plays of every format.

``one`` sits at a desk, ``two`` holds a phone, ``three`` reads English at night, the watcher is nobody in particular.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from playwright.sync_api import Page, expect

from bidding.rules.auction import Format
from kernel.rights import Role
from tests.e2e.auction_stage import Stage, clean, in_room, plate_of, shot
from tests.integration.auction.sale import Sale
from tests.support.browser import LAYOUT_RULES, NARROW

PRINTED_NAMES = frozenset({"质保年限", "方案", "自持面积", "Second indicator · 自持面积"})
"""Names that an organiser printed stand on English pages as they are."""


@dataclass
class Play:
    """One auction with its windows: ``one`` at a desk, ``two`` on a phone, ``three`` in English at night."""

    stage: Stage
    name: str
    sale: Sale
    people: list[Any]
    windows: dict[str, Page] = field(default_factory=dict)

    @property
    def id(self) -> UUID:
        return self.sale.auction().id

    def page(self, who: str) -> Page:
        return self.windows[who]

    def plate(self, n: int) -> str:
        return plate_of(self.sale, self.people[n])

    def to(self, seconds: float) -> None:
        """So many seconds after the printed start."""
        self.stage.house.clock.move(self.sale.closes_at + timedelta(seconds=seconds))

    def look(self, who: str, what: str) -> None:
        """A state that a user meets: kept as a picture where asked, and held to what every page owes."""
        page = self.page(who)
        shot(page, f"{self.name}-{what}-{who}")
        phone = page.viewport_size == {"width": NARROW[0], "height": NARROW[1]}
        clean(self.stage, page, LAYOUT_RULES if phone else None, names=PRINTED_NAMES)


def act(page: Page, button: str, answer: str | None = None) -> None:
    """Review a deed and confirm it on the card."""
    page.locator(button).click()
    page.locator("#confirm-yes").click()
    expect(page.locator("#answer .sr-notice-g")).to_be_visible()
    if answer:
        expect(page.locator("#answer")).to_contain_text(answer)


def say(page: Page, amount: str) -> None:
    page.locator("#amount").fill(amount)
    expect(page.locator("#review")).to_be_enabled(timeout=45_000)  # a busy machine answers late
    act(page, "#review", amount)


def opened(
    stage: Stage,
    name: str,
    kind: Format,
    *,
    procedure: str = "reverse_auction",
    regime: str = "GP",
    holder: bool = False,
    host: bool = False,
    **printed: Any,
) -> Play:
    """Publish, register three bidders, and open everybody's window shortly before the start."""
    house = stage.house
    people = [house.person(Role.BIDDER) for _ in range(3)]
    told: dict[str, Any] = {"procedure": procedure, "regime": regime, "format": kind, "printed": printed}
    told["holders"] = people[2:] if holder else []
    sale = stage.sale.next(**told) if stage.sale is not None else Sale(house, **told)
    stage.sale = sale
    stage.publish(sale)
    for person in people:
        sale.register(person)
    stage.near(sale)
    play = Play(stage, name, sale, people)
    play.windows = {
        "one": stage.window(people[0]),
        "two": stage.window(people[1], size=NARROW),
        "three": stage.window(people[2], lang="en", dark=True),
        "watcher": stage.window(None, lang="en", size=NARROW),
    }
    if host:
        play.windows["host"] = stage.window(sale.buyer)
    for who, page in play.windows.items():
        if who == "watcher":
            page.goto(f"/auctions/{play.id}")
        else:
            in_room(page, play.id)
    return play


def ends(play: Play, price: str) -> None:
    """Everybody has the result; the public page names plate and price, and the replay is verified and ends with it."""
    for who in ("one", "two", "three"):
        expect(play.page(who).locator("#result-head")).to_contain_text(price)
    play.look("one", "ended")
    play.look("two", "ended")
    watcher = play.page("watcher")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        watcher.goto(f"/auctions/{play.id}/replay")
        if watcher.locator("#verdict").count():
            verdict = watcher.locator("#verdict[data-state]")
            verdict.wait_for()
            if verdict.get_attribute("data-state") == "g":
                break
        watcher.wait_for_timeout(400)
    expect(watcher.locator("#verdict")).to_have_attribute("data-state", "g")
    watcher.locator("#seek").fill("1000")
    expect(watcher.locator("#feed")).to_contain_text(price)
    play.look("watcher", "replay")
    watcher.goto(f"/auctions/{play.id}/result")
    expect(watcher.locator("main")).to_contain_text(price)
    play.look("watcher", "result")
