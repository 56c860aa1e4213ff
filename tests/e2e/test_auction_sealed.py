"""A limit sealed in a real browser, another by the command line, a reserve by the seller; custodians' agents answer.

Source: rules §4.2, §4.7; spec sealing §5, §8.
"""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from bidding.actions import auctions_life
from bidding.auction_replay import recount
from bidding.models_auction import AuctionStage
from bidding.rules.auction import Format
from bidding.rules.auction.terms import LimitMode
from kernel.identity.models import Person
from kernel.ledger import sequencer
from sealbid import cli_slip, jcs, lockbox
from sealbid.cli_base import Tools
from sealbid.client import Client
from tests.e2e.bidding_site import Site
from tests.integration.auction.sale import Hall
from tests.integration.auction.sealing import SealedSale
from tests.support.browser import NARROW, WIDE, Visitor

PASSPHRASE = "a long passphrase"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    built = Site(tmp_path)
    yield built
    built.close()


def window(site: Site, browser: Browser, person: Person, *, lang: str = "zh-CN", size: Any = WIDE) -> Page:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, locale=lang, accept_downloads=True
    )
    found = site.house.client(person).get_cookie("sunroad")
    assert found is not None
    context.add_cookies(
        [
            {"name": "sunroad", "value": found.value, "url": site.base},
            {"name": "lang", "value": lang, "url": site.base},
        ]
    )
    return context.new_page()


def seal_here(page: Page, address: str, what: str, amount: str, folder: Path) -> dict[str, Any]:
    """What a person does on the page; returns the key file that was saved."""
    page.goto(address)
    expect(page.locator("html[data-slip-ready=yes]")).to_be_attached(timeout=30_000)
    form = page.locator(f"form[data-what={what}]")
    form.locator("[name=amount]").fill(amount)
    for name in ("passphrase", "passphrase2"):
        form.locator(f"[name={name}]").fill(PASSPHRASE)
    with page.expect_download(timeout=60_000) as saved:
        form.locator("button[type=submit], button:not([type])").first.click()
    expect(page.locator("html[data-sealed]")).to_be_attached(timeout=30_000)
    path = folder / saved.value.suggested_filename
    saved.value.save_as(path)
    key = jcs.decode_object(lockbox.unlock(path.read_bytes(), PASSPHRASE, cli_slip.SLIPKEY))
    assert key["root"] == page.locator("html").get_attribute("data-sealed")
    return key


def test_slips_of_browser_and_command_line_open_after_the_end(
    site: Site, browser: Browser, tmp_path: Path
) -> None:
    house = site.house
    with site.without_csrf():
        sale = SealedSale(
            house,
            procedure="auction",
            regime="EQ",
            format=Format.ASCENDING,
            printed={"limits": LimitMode.SEALED, "reserve": True, "bidders_min": 1},
            start="100000",
        )
        sale.publish()
    ann, bob = sale.bidders(2)
    auction_id = sale.auction().id
    address = f"{site.base}/auctions/{auction_id}/sealed"
    sent: list[str] = []

    seller = window(site, browser, sale.buyer)
    seal_here(seller, address, "reserve", "120,000.00", tmp_path)
    page = window(site, browser, sale.person_of(ann))
    page.on("request", lambda request: sent.append(request.post_data or ""))
    key = seal_here(page, address, "limit", "153000", tmp_path)
    assert key["slip"]["amount"] == "153000.00"
    assert any(key["root"] in one for one in sent)
    assert not any("153000" in one for one in sent)
    page.reload()
    expect(page.locator("form[data-what=limit]")).to_contain_text("已密封")

    tools = Tools(os.urandom, house.clock.now, lambda _q: PASSPHRASE, lambda _s: None, lambda _q: True)
    public = Client(site.base)
    for name in ("policy", "keys", "trust"):
        (tmp_path / name).write_bytes(public.get(f"/api/v1/tenders/{sale.code}/{name}"))
    token = house.token(sale.person_of(bob), "bid", "read")["Authorization"].removeprefix("Bearer ")
    told = Namespace(
        policy=tmp_path / "policy",
        trust=tmp_path / "trust",
        keys=tmp_path / "keys",
        digest=sale.policy.digest.hex(),
        partial=False,
        what="limit",
        auction=str(auction_id),
        amount="130000.00",
        item=None,
        out=tmp_path / "bob",
        url=site.base,
        token=token,
    )
    made = cli_slip.seal(told, tools)
    assert made.data["sent"] is True

    hall = Hall(sale).start().follow()
    hall.offer(bob.plate, 100000)
    hall.end()
    with house.begin() as work:
        auctions_life.follow(work, hall.id)
    hall.core.stop()
    sequencer.sequence(house.platform)
    with site.without_csrf():
        sale.release_part("lot-1", 1, 2)
        cli_slip.secret(
            Namespace(slipkey=tmp_path / "bob" / f"{made.data['slip']}.slipkey", url=site.base, token=token),
            tools,
        )
        assert sale.auction().stage is AuctionStage.SETTLING
        sale.release_part("lot-1", 4)

    result = sale.auction().result
    assert result is not None
    assert sale.auction().stage is AuctionStage.SOLD
    assert (result["winner"], result["price"]) == (ann.plate, "130650.00")
    assert recount(sale.journal())["slips"] == "3 slips opened again, 0 void"


@pytest.mark.parametrize(("lang", "size"), [("zh-CN", NARROW), ("en", WIDE)])
def test_the_page_is_clean_in_both_languages_and_widths(
    site: Site, browser: Browser, lang: str, size: tuple[int, int]
) -> None:
    with site.without_csrf():
        sale = SealedSale(
            site.house,
            procedure="auction",
            regime="EQ",
            format=Format.ASCENDING,
            printed={"limits": LimitMode.SEALED},
            start="100000",
        )
        sale.publish()
    (ann,) = sale.bidders(1)
    found = site.house.client(sale.person_of(ann)).get_cookie("sunroad")
    assert found is not None
    visitor = Visitor(browser, site.base, lang=lang, size=size)
    cookies = [{"name": "sunroad", "value": found.value}, {"name": "lang", "value": lang}]
    visitor.context.add_cookies([{**one, "url": site.base} for one in cookies])  # type: ignore[typeddict-item]
    visitor.page.goto(f"{site.base}/auctions/{sale.auction().id}/sealed")
    expect(visitor.page.locator("html[data-slip-ready=yes]")).to_be_attached(timeout=30_000)

    assert visitor.axe() == []
    look = visitor.look()
    assert look["wide"] <= 0, look["outside"]
    assert look["unlabelled"] == []
    visitor.page.screenshot(path=str(site.house.folder / f"slip-{lang}.png"), full_page=True)
    visitor.close()
