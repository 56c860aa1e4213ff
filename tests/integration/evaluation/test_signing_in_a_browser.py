"""A member fills in a sheet and signs it in a real browser, with a key that never leaves it."""

from __future__ import annotations

import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from shutil import which

import pytest
from playwright.sync_api import Page, sync_playwright
from werkzeug.serving import make_server

from evaluation.models import ScoreSheet
from kernel.identity import actions as identity
from tests.integration.evaluation.conftest import Scene

CHROMIUM = which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
MAKE_KEY = """async () => {
  const { makeKey } = await import('/static/js/identity/vault.js');
  window.made = await makeKey();
  return window.made.spki;
}"""


@pytest.fixture
def browser_page(scene: Callable[..., Scene]) -> Iterator[tuple[Scene, Page, str]]:
    one = scene(stage="scoring")
    _, player = one.members()[0]
    server = make_server("127.0.0.1", 0, one.house.app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.port}"
    cookie = one.client(player).get_cookie("sunroad")
    assert cookie is not None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(locale="en", viewport={"width": 1024, "height": 768})
        context.add_cookies([{"name": "sunroad", "value": cookie.value, "url": base}])
        page = context.new_page()
        yield one, page, base
        browser.close()
    server.shutdown()


def test_a_member_scores_by_keyboard_and_signs_in_the_browser(browser_page: tuple[Scene, Page, str]) -> None:
    one, page, base = browser_page
    member, player = one.members()[0]
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda line: troubles.append(line.text) if line.type == "error" else None)
    page.goto(f"{base}/evaluation/{one.code}?bid=T-01&lang=en")
    spki = page.evaluate(MAKE_KEY)
    with one.world.begin(player) as work:
        kid = identity.register_key(work, player.person_id, spki=b64decode(spki), name="browser").kid
    page.evaluate("(kid) => window.made.keep(kid)", kid)

    page.locator("#field-plan").focus()
    page.keyboard.type("99")
    assert page.locator("#field-plan").input_value() == "25", "more than the printed range cannot be typed"
    page.locator("#field-plan").fill("20")
    page.locator("#field-team").fill("4")
    assert page.locator("#need-team").is_visible(), "below 60 % a note is asked for"
    page.locator('[name="note-team"]').fill("项目经理业绩不足")
    page.locator("#field-credit").fill("4.5")
    assert page.locator("[data-ev-total]").inner_text() == "28.50"
    page.get_by_role("button", name="Check and lock T-01").click()
    page.wait_for_url("**/lock*")
    assert "项目经理业绩不足" in page.locator(".ev-pre").inner_text()
    page.locator("form[data-sign] button[type=submit]").click()
    page.wait_for_url(f"{base}/evaluation/{one.code}")

    with one.read() as session:
        locked = session.query(ScoreSheet).filter_by(panelist_id=member.id).one()
        assert locked.locked_at is not None
        assert locked.sig is not None
        assert locked.sig["kid"] == kid
    assert not troubles
