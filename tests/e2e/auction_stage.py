"""A stage for plays of the auction hall in a real browser: a house behind an address, windows, and what every page owes."""

from __future__ import annotations

import os
import re
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from bidding.actions import auctions
from bidding.auction_live import close_hall
from kernel.clock import VirtualClock
from kernel.identity.models import Person
from kernel.jobs import do_chores
from kernel.ledger import sequencer
from tests.integration.auction.sale import Sale
from tests.support.browser import WIDE, Visitor, left_over
from tests.support.city import Quiet
from tests.support.house import House

SHOTS = os.environ.get("AUCTION_SHOTS", "")
"""A folder for what each window of a play shows, for whoever wants to look; empty: no pictures."""


class WalkingClock(VirtualClock):
    """A clock of tests that also walks by itself, one second a second."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self._mark = time.monotonic()
        self._guard = threading.Lock()

    def now(self) -> datetime:
        with self._guard:
            return self._now + timedelta(seconds=time.monotonic() - self._mark)

    def move(self, to: datetime) -> None:
        here = self.now()
        with self._guard:
            self._now, self._mark = max(to, here), time.monotonic()

    def tick(self, delta: timedelta) -> datetime:
        self.move(self.now() + delta)
        return self.now()


class Stage:
    """A house behind an address, with everybody who works beside the web, and the windows of a story."""

    def __init__(self, folder: Path, browser: Browser) -> None:
        self.browser = browser
        self.server = make_server(
            "127.0.0.1",
            0,
            lambda environ, start: self.house.app(environ, start),  # noqa: PLW0108 - made later
            threaded=True,
            request_handler=Quiet,
        )
        self.server.daemon_threads = True
        self.url = f"http://localhost:{self.server.server_port}"
        self.house = House(folder, csrf=True, base_url=self.url)
        self.windows: list[Visitor] = []
        self.sale: Sale | None = None
        self._stop = threading.Event()
        self._jobs = threading.Thread(target=self._work, daemon=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        hall: Any = self.house.platform.live
        hall._sweep.start()  # off in tests unless asked for
        hall.owners.keep(hall.joined)
        self._jobs.start()

    def _work(self) -> None:
        """Chores and the sequencer. Not the timekeeper: a clock moved by hand looks like a hall that fell silent."""
        done: dict[str, datetime] = {}
        while not self._stop.wait(0.4):
            do_chores(self.house.platform, done)
            sequencer.sequence(self.house.platform)

    def publish(self, sale: Sale) -> Sale:
        """The notice goes out by the platform's own actions; test clients carry no page's token."""
        before = self.house.app.before_request_funcs[None]
        guards = [one for one in before if one.__name__ == "no_forgery"]
        for guard in guards:
            before.remove(guard)
        sale.publish()
        before.extend(guards)
        return sale

    def window(
        self, person: Person | None, *, lang: str = "zh-CN", size: tuple[int, int] = WIDE, dark: bool = False
    ) -> Page:
        visitor = Visitor(self.browser, self.url, lang=lang, size=size, timezone_id="Asia/Shanghai")
        cookies = [{"name": "lang", "value": lang, "url": self.url}]
        if person is not None:
            found = self.house.client(person).get_cookie("sunroad")
            assert found is not None
            cookies.append({"name": "sunroad", "value": found.value, "url": self.url})
        visitor.context.add_cookies(cookies)  # type: ignore[arg-type]
        if dark:
            visitor.context.add_init_script("localStorage.setItem('sr-theme', 'dark')")
        self.windows.append(visitor)
        return visitor.page

    def visitor(self, page: Page) -> Visitor:
        return next(one for one in self.windows if one.page is page)

    def near(self, sale: Sale) -> None:
        """Shortly before the start: sessions would not outlive the weeks of the notice."""
        self.house.clock.move(sale.closes_at - timedelta(seconds=40))

    def troubles(self) -> list[str]:
        return [trouble for one in self.windows for trouble in one.troubles]

    def close(self) -> None:
        self._stop.set()
        self._jobs.join(10)
        for one in self.windows:
            one.close()
        close_hall(self.house.platform)
        self.server.shutdown()
        self.server.server_close()
        self.house.close()


def plate_of(sale: Sale, person: Person) -> str:
    actor = sale.actor(person)
    with sale.house.read() as session:
        seat = auctions.seat_of(session, sale.auction().id, actor.org_id)
    assert seat is not None
    return seat.plate


def names_plate(text: str, plate: str) -> bool:
    """Whether these words name this plate: the number by itself, not three digits of an amount or of a time."""
    return re.search(rf"(?<![\d.,:]){plate}(?![\d.,:]*\d)", text) is not None


def offer(page: Page, step: int) -> str:
    """By keyboard alone: choose a step, review, confirm; hands back what was confirmed."""
    expect(page.locator("#steps button").nth(step - 1)).to_be_enabled()
    page.locator("body").click(position={"x": 5, "y": 5})
    page.keyboard.press(str(step))
    page.keyboard.press("Enter")
    expect(page.locator("#confirm")).to_be_visible()
    figure = page.locator("#confirm-digits").inner_text()
    page.wait_for_timeout(300)
    page.keyboard.press("Enter")
    expect(page.locator("#answer .sr-notice-g")).to_contain_text(figure)
    return figure


def typed(page: Page, amount: str) -> None:
    page.locator("#amount").fill(amount)
    page.locator("#review").click()
    expect(page.locator("#confirm")).to_be_visible()


def in_room(page: Page, auction: UUID) -> None:
    page.goto(f"/auctions/{auction}")
    expect(page.locator("[data-sr-net]")).to_have_attribute("data-state", re.compile("good|slow"))


def clean(stage: Stage, page: Page, rules: Any = None, *, names: frozenset[str] = frozenset()) -> None:
    """No accessibility finding, nothing wider than the window, no words in the other language."""
    visitor = stage.visitor(page)
    found = visitor.axe(*([rules] if rules else []))
    assert not found, found
    look = visitor.look()
    assert look["wide"] <= 0, look["outside"]
    assert not look["unlabelled"], look["unlabelled"]
    known = names | frozenset({"SHA-256", *(one for one in look["texts"] if "SR20" in one)})
    foreign = left_over(look["texts"], look["lang"], known)
    assert not foreign, foreign


def shot(page: Page, name: str) -> None:
    """Keep what a window shows, where somebody asked for it."""
    if SHOTS:
        page.wait_for_timeout(250)
        page.screenshot(
            path=Path(SHOTS) / f"{name}.png", full_page=page.viewport_size == {"width": 390, "height": 844}
        )


def fits(page: Page) -> None:
    """The main task needs no scrolling at 1440 × 900."""
    assert page.evaluate("document.scrollingElement.scrollHeight <= innerHeight")


def body(page: Page) -> str:
    return page.locator("body").inner_text()
