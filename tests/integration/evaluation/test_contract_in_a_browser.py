"""Buyer and supplier make a contract in real browsers, each with a key that never leaves his own."""

from __future__ import annotations

import os
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import which

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server

from kernel.identity import actions as identity
from simulation.world import Player
from tests.integration.evaluation.conftest import Scene
from tests.integration.evaluation.test_signing_in_a_browser import MAKE_KEY

CHROMIUM = which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
PICTURES = os.environ.get("SUNROAD_PICTURES", "")


@pytest.fixture
def stage(scene: Callable[..., Scene]) -> Iterator[tuple[Scene, Browser, str]]:
    one = scene(method="gp_scoring", stage="awarded")
    server = make_server("127.0.0.1", 0, one.house.app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield one, browser, f"http://127.0.0.1:{server.port}"
        browser.close()
    server.shutdown()


def window(one: Scene, browser: Browser, base: str, player: Player | None, width: int = 1440) -> Page:
    context = browser.new_context(locale="en", viewport={"width": width, "height": 900})
    if player is not None:
        cookie = one.client(player).get_cookie("sunroad")
        assert cookie is not None
        context.add_cookies([{"name": "sunroad", "value": cookie.value, "url": base}])
    return context.new_page()


def with_key(one: Scene, page: Page, player: Player) -> None:
    spki = page.evaluate(MAKE_KEY)
    with one.world.begin(player) as work:
        kid = identity.register_key(work, player.person_id, spki=b64decode(spki), name="browser").kid
    page.evaluate("(kid) => window.made.keep(kid)", kid)


def picture(page: Page, name: str) -> None:
    wide = page.evaluate(
        "[...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1)"
        ".map((e) => e.outerHTML.slice(0, 120))"
    )
    scrolls = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not scrolls, f"{name} scrolls sideways: {wide[:3]}"
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=True)


def test_a_contract_is_drafted_and_signed_in_two_browsers(stage: tuple[Scene, Browser, str]) -> None:
    one, browser, base = stage
    troubles: list[str] = []
    winner = one.deal.bids[one.lot().outcome["bid"]]  # type: ignore[index]
    desk = f"{base}/desk/tenders/{one.code}/lots/1/contract?lang=en"
    pages = {player.person_id: window(one, browser, base, player) for player in (one.deal.buyer, winner)}
    for page in pages.values():
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda line: troubles.append(line.text) if line.type == "error" else None)
    buyer, supplier = pages[one.deal.buyer.person_id], pages[winner.person_id]

    buyer.goto(desk)
    picture(buyer, "contract-draft")
    buyer.get_by_role("button", name="Draft the contract").click()
    buyer.get_by_text("both parties can sign it now").wait_for()
    for page, player in ((buyer, one.deal.buyer), (supplier, winner)):
        page.goto(desk)
        with_key(one, page, player)
        page.reload()
        picture(page, f"contract-sign-{player.org_name}")
        page.get_by_role("button", name="Sign the contract").click()
        page.locator(".sr-flash, [role=status], .sr-notice").first.wait_for()
        page.wait_for_load_state()
    supplier.get_by_text("The contract is made", exact=True).wait_for()
    buyer.goto(desk)
    picture(buyer, "contract-made")
    buyer.fill("#field-filing_no", "备〔2026〕77 号")
    buyer.get_by_role("button", name="Record the filing").click()
    buyer.get_by_text("filed as 备〔2026〕77 号").wait_for()

    guest = window(one, browser, base, None)
    guest.goto(f"{base}/tenders/{one.code}/lots/1/contract?lang=en")
    assert winner.org_name in guest.inner_text("main")
    picture(guest, "contract-public")
    for name, where in (("desk", desk), ("list", f"{base}/desk/contracts")):
        phone = window(one, browser, base, winner, width=390)
        phone.goto(where)
        picture(phone, f"contract-{name}-390")
    assert one.lot().stage == "contracted"
    assert troubles == []
