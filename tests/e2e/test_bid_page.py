"""A bidder seals in the page, custodians release by their own software, the hall reads the price out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import sqlalchemy as sa

from bidding.models import Bid
from bidding.rules.states import BidState
from kernel.ledger import sequencer
from kernel.rights import Role
from supervision.leads_models import ClientTrace
from tests.e2e.bidding_site import Site, axe, chromium
from tests.integration.bidding.deal import Deal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(which("chromium") is None, reason="needs the distribution's Chromium"),
]
PASSPHRASE = "a long passphrase"
PDF = b"%PDF-1.7 "


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    built = Site(tmp_path)
    yield built
    built.close()


def seal_in_page(page: Any, folder: Path) -> str:
    """Make a key, fill in, seal, keep the key, submit; returns the bid's id."""
    page.wait_for_selector("html[data-seal-ready]")
    assert not page.is_checked("[data-marks]")
    page.check("[data-marks]")
    page.click("[data-make-key]")
    page.wait_for_selector("#make-key[hidden]", state="attached")
    fill_in(page)
    page.click("#seal")
    return keep_and_submit(page, folder / "bid.sbkey")


def fill_in(page: Any) -> None:
    page.fill("#field-price", "59876543.21")
    page.fill("#field-period_days", "715")
    page.set_input_files(
        "#field-files-tech",
        [
            {"name": "技术文件.pdf", "mimeType": "application/pdf", "buffer": PDF + b"x" * 2_200_000},
            {"name": "资信与业绩.pdf", "mimeType": "application/pdf", "buffer": PDF + b"y" * 90_000},
        ],
    )


def keep_and_submit(page: Any, key: Path) -> str:
    page.wait_for_selector("#key-file:not([hidden])", timeout=60_000)
    page.fill("#field-passphrase", PASSPHRASE)
    page.fill("#field-passphrase2", "another passphrase")
    page.click("#save-key")
    page.wait_for_selector("#key-trouble:not([hidden])")
    assert page.evaluate("document.activeElement.id") == "field-passphrase2"
    page.fill("#field-passphrase2", PASSPHRASE)
    with page.expect_download() as download:
        page.click("#save-key")
    download.value.save_as(key)
    page.click("#submit:not([disabled])")
    assert "伍仟玖佰捌拾柒万陆仟伍佰肆拾叁元贰角壹分" in page.inner_text("#confirm-bid")
    with page.expect_navigation(url="**/bids/*", timeout=60_000):
        page.click("#really-submit")
    return str(page.url).rsplit("/", 1)[1]


def with_another_record(route: Any) -> None:
    """The page of a platform that shows the log entry of another policy beside this tender's."""
    answer = route.fetch()
    before = answer.text()
    assert '"n": 5' in before or '"n":5' in before
    route.fulfill(
        response=answer, body=re.sub(r'("record":.*?"n": ?)5', r"\g<1>7", before, count=1, flags=re.S)
    )


def test_from_the_sealing_page_to_the_price_in_the_hall(site: Site, tmp_path: Path) -> None:
    house = site.house
    with site.without_csrf():
        deal = Deal(house).publish()
    bidder = house.person(Role.BIDDER)
    sent: list[bytes] = []
    with chromium() as browser:
        page = site.context(browser, bidder, viewport={"width": 1440, "height": 900}).new_page()
        mistakes: list[str] = []
        page.on("pageerror", lambda error: mistakes.append(str(error)))
        page.on("request", lambda request: sent.append(request.post_data_buffer or b""))
        address = f"/tenders/{deal.code}/bid"
        page.route(f"**{address}", with_another_record)
        page.goto(address)
        page.wait_for_selector("#policy-check:has-text('日志条目不是这份策略')")
        page.unroute(f"**{address}")
        page.goto(address)
        bid = seal_in_page(page, tmp_path)

        with house.read() as session:
            marks = session.scalars(sa.select(ClientTrace)).one()
        assert marks.device.keys() == {"browser"}
        assert len(marks.documents) == 2
        page.wait_for_selector('#proof-light[data-state="witnessed"]')
        assert axe(page) == []
        page.set_input_files("#field-sbkey", tmp_path / "bid.sbkey")
        page.fill("#field-passphrase", PASSPHRASE)
        page.click("button[value=rehearse]")
        page.wait_for_selector("#rehearsal:not([hidden])", timeout=60_000)
        assert "59876543.21" in page.inner_text("#rehearsal")
        assert "技术文件.pdf" in page.inner_text("#rehearsal")
        assert "工期（日历天）：715" in page.inner_text("#rehearsal")
        assert "period_days" not in page.inner_text("#rehearsal")
        assert not any(b"59876543" in body or PDF in body for body in sent)

        with site.without_csrf():
            deal.bids(2)
            deal.close()
        hall = site.context(browser, viewport={"width": 1440, "height": 900}).new_page()
        hall.on("pageerror", lambda error: mistakes.append(str(error)))
        hall.add_init_script(
            "const heard = []; const note = () => { document.documentElement.dataset.heard = heard.length; };"
            "Object.defineProperty(window, 'speechSynthesis', {value: {heard,"
            "speak: (words) => { heard.push(words.text); note(); }, cancel: () => { heard.splice(0); note(); }}});"
        )
        hall.goto(f"/tenders/{deal.code}/opening")
        assert hall.locator('tr[data-row-state="sealed"]').count() == 3
        words_go_through_the_hall(site, deal, hall, bidder, site.context(browser, bidder).new_page())
        assert hall.get_attribute("#speak", "aria-pressed") == "false"
        hall.click("#speak")
        with site.without_csrf():
            deal.release(1, 3, 5)
        hall.wait_for_selector(f'#row-{bid}[data-row-state="opened"]', timeout=60_000)
        assert "59,876,543.21" in hall.inner_text(f"#row-{bid}")
        hall.wait_for_selector("html[data-heard='3']", timeout=60_000)
        read = " ".join(hall.evaluate("() => speechSynthesis.heard"))
        assert "伍仟玖佰捌拾柒万陆仟伍佰肆拾叁元贰角壹分" in read
        assert axe(hall) == []
        assert mistakes == []


def words_go_through_the_hall(site: Site, deal: Deal, guest: Any, bidder: Any, desk: Any) -> None:
    """A bidder writes without leaving his page, a guest hears it without asking, the host answers by a plain form."""
    asked: list[str] = []
    guest.on("request", lambda request: asked.append(request.url))
    guest.wait_for_selector("#hall[data-joined]")
    assert guest.locator("[data-message]").count() == 0
    desk.goto(f"/tenders/{deal.code}/opening")
    desk.fill("#field-text", "规费按新费率<b>计取</b>，请确认。")
    asked.clear()
    desk.click("[data-send]")

    guest.wait_for_selector(".sr-msg:has-text('规费按新费率<b>计取</b>')")
    assert not any("/opening" in url for url in asked), "the words came over the channel"
    desk.wait_for_selector(".sr-msg-own:has-text('规费')")
    assert desk.input_value("#field-text") == ""
    desk.fill("#field-text", " ")
    desk.click("[data-send]")
    desk.wait_for_selector("[data-live=problem] [role=alert]")
    assert axe(desk) == []

    plain = site.context(guest.context.browser, deal.buyer, java_script_enabled=False).new_page()
    plain.goto(f"/tenders/{deal.code}/opening")
    plain.fill("#field-text", "唱标只读投标函总价。")
    with plain.expect_navigation():
        plain.click("[data-send]")
    guest.wait_for_selector(".sr-msg-host:has-text('唱标只读投标函总价')")
    sequencer.sequence(site.house.platform)
    live: Any = site.house.platform.live
    for _ in range(2):  # the sweep is off in tests; its second look tells what the first one suspects
        live._sweep.once()
    guest.wait_for_selector(".sr-msg-host:has-text('唱标') a[href*='/log/']", timeout=60_000)
    guest.focus("#tab-messages")
    guest.keyboard.press("ArrowRight")
    guest.keyboard.press("ArrowRight")
    assert guest.locator("#panel-people").is_visible()
    assert guest.locator("#panel-messages").is_hidden()


def test_a_bid_is_replaced_by_its_own_key_and_withdrawn_without_it(site: Site, tmp_path: Path) -> None:
    house = site.house
    with site.without_csrf():
        deal = Deal(house).publish()
    bidder = house.person(Role.BIDDER)
    with chromium() as browser:
        page = site.context(browser, bidder).new_page()
        mistakes: list[str] = []
        page.on("pageerror", lambda error: mistakes.append(str(error)))
        page.goto(f"/tenders/{deal.code}/bid")
        page.wait_for_selector("html[data-seal-ready]")
        assert page.is_hidden("#replacing")
        first = seal_in_page(page, tmp_path)

        page.goto(f"/tenders/{deal.code}/bid")
        page.wait_for_selector("html[data-seal-ready]")
        assert first in page.inner_text("#replacing")
        assert axe(page) == []
        fill_in(page)
        page.click("#seal")
        page.wait_for_selector("#trouble:has-text('或声明其已遗失')")
        page.set_input_files("#field-old_sbkey", tmp_path / "bid.sbkey")
        page.fill("#field-old_passphrase", "a wrong passphrase")
        page.click("#seal")
        page.wait_for_selector("#trouble:has-text('口令')")
        page.fill("#field-old_passphrase", PASSPHRASE)
        page.click("#seal")
        second = keep_and_submit(page, tmp_path / "second.sbkey")

        page.goto(f"/bids/{second}")
        assert axe(page) == []
        page.click("button[value=withdraw]")
        page.wait_for_selector(
            "#key-said:has-text('请先选择您的密钥文件')"
        )  # beside the button, not above the page
        page.check("#field-lost")
        page.click("button[value=withdraw]")
        with page.expect_navigation():
            page.click(
                "dialog[open] button.sr-btn-danger, dialog[open] [data-yes], dialog[open] .sr-btn-primary"
            )
        page.wait_for_selector(f"a[href='/tenders/{deal.code}/bid']:has-text('我要投标')")
        assert page.locator(".sr-step-now").count() == 0  # nothing comes next for a bid that was taken back
        assert mistakes == []
    with house.read() as session:
        bids = {bid.code: bid for bid in session.scalars(sa.select(Bid))}
    assert (bids[first].state, bids[first].key_lost) == (BidState.REPLACED, False)
    assert (bids[second].state, bids[second].key_lost) == (BidState.WITHDRAWN, True)


def test_a_custodian_states_his_key_and_releases_in_the_browser(site: Site) -> None:
    house = site.house
    with site.without_csrf():
        deal = Deal(house).state_keys((1, 2, 3, 5))
    notary = deal.custodians[3]
    with chromium() as browser:
        page = site.context(browser, notary).new_page()
        page.goto("/account/keys")
        page.fill("#field-name", "browser")
        page.click("button[value=browser]")
        page.wait_for_selector("text=browser")
        page.goto(f"/custody/{deal.code}")
        page.wait_for_selector("html[data-custody-ready]")
        page.fill("#field-passphrase", PASSPHRASE)
        page.fill("#field-passphrase2", PASSPHRASE)
        with page.expect_navigation():
            page.click("#key-form button[type=submit]")
        with site.without_csrf():
            deal.publish_only()
            deal.bids(3)
            deal.close()
            deal.release(1, 2)
        page = site.signed_in_again(page, notary)
        page.clock.set_fixed_time(
            house.clock.now()
        )  # the custodian's own clock, which his browser trusts alone
        page.goto(f"/custody/{deal.code}")
        page.wait_for_selector("html[data-custody-ready]")
        page.fill("#field-passphrase", PASSPHRASE)
        page.check("#field-approve")
        page.click("#release-form button[type=submit]")
        page.wait_for_selector(".sr-notice-g", timeout=60_000)

    assert deal.opening().state == "opened"
