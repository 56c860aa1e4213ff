"""An abnormally low price in a real browser: asked on the desk, explained, judged by the review group, read by everybody.

Source: 财库〔2026〕2号; rules §2.5, §4.8.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

import tests.support.house as houses
from bidding.actions import auctions_offer
from bidding.models_auction import AuctionStage
from bidding.rules.auction import Format
from bidding.rules.auction.events import OfferMade
from bidding.rules.auction.terms import Step
from kernel.money import Money
from kernel.rights import Role
from tests.e2e.auction_plays import Play, opened
from tests.e2e.auction_stage import Stage, WalkingClock, clean, shot
from tests.support.browser import NARROW, WIDE

yuan = Money.from_yuan
OFFERS = ("420000", "430000", "940000")
WORDS = "自有产线，原材料按年度协议价采购，附成本明细第三页。"
MEMBERS = ("王建国", "李敏", "赵强")
TYPED = frozenset({WORDS, *MEMBERS, "成本构成可信"})


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Stage]:
    patch = pytest.MonkeyPatch()
    patch.setattr(houses, "VirtualClock", WalkingClock)
    found = Stage(tmp_path_factory.mktemp("low"), browser)
    patch.undo()
    yield found
    found.close()


def ended(stage: Stage) -> Play:
    """An auction in which two of three bidders offered less than the law takes without a question."""
    printed = {"bidders_min": 2, "free_seconds": 300, "extension": None, "step": Step(amount=yuan("5000"))}
    play = opened(stage, "low", Format.BLIND_REVERSE, host=True, **printed)
    play.to(1)
    for n, amount in enumerate(OFFERS):
        event = OfferMade(play.plate(n), yuan(amount), key=f"low-{n:08d}", confirmed=True)
        auctions_offer.place(stage.house.platform, play.sale.actor(play.people[n]), play.id, event)
    play.to(301)
    until = time.monotonic() + 30
    while play.sale.auction().stage is not AuctionStage.SOLD and time.monotonic() < until:
        play.page("one").wait_for_timeout(200)
    assert play.sale.auction().stage is AuctionStage.SOLD
    return play


def seen(stage: Stage, page: Page, name: str, path: str) -> None:
    """One page at a desk and on a phone."""
    for size in (WIDE, NARROW):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.goto(path)
        shot(page, f"{name}-{size[0]}")
        clean(stage, page, names=TYPED)
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})


def test_a_low_price_is_explained_judged_and_read(stage: Stage) -> None:
    play = ended(stage)
    one, three, host, watcher = (play.page(who) for who in ("one", "three", "host", "watcher"))
    price, confirm, result = (f"/auctions/{play.id}/{end}" for end in ("price", "confirm", "result"))
    english = stage.window(play.sale.buyer, lang="en")

    one.goto("/desk")
    shot(one, "desk-bidder")
    one.locator(f"a[href='{price}']").first.click()
    expect(one.locator("main")).to_contain_text("最高限价的 45%")
    seen(stage, one, "price-asked", price)
    seen(stage, host, "confirm-waiting", confirm)
    one.goto(price)
    one.get_by_role("button", name="提交采购人").click()
    expect(one.locator(".sr-error-summary")).to_be_visible()
    one.locator("#field-text").fill(WORDS)
    one.get_by_role("button", name="提交采购人").click()
    expect(one.locator("main")).to_contain_text("已说明")
    seen(stage, one, "price-explained", price)

    host.goto("/desk")
    shot(host, "desk-host")
    host.locator(f"a[href='{confirm}']").first.click()
    seen(stage, host, "confirm-judge", confirm)
    seen(stage, english, "confirm-judge-en", confirm)
    for n, name in enumerate(MEMBERS[:2], 1):
        host.locator(f"#field-member-{n}").fill(name)
        host.locator(f"#field-vote-{n}").select_option("yes")
    host.locator("#field-reason").fill("成本构成可信")
    host.get_by_role("button", name="提交认定结果").click()
    expect(host.locator(".sr-error-summary")).to_contain_text("至少 3 名成员")
    shot(host, "confirm-group-small")
    clean(stage, host, names=TYPED)
    host.locator("#field-member-3").fill(MEMBERS[2])
    host.locator("#field-vote-3").select_option("no")
    host.get_by_role("button", name="提交认定结果").click()
    expect(host.locator("form[action$='/confirm']")).to_be_visible()
    seen(stage, host, "confirm-ready", confirm)
    host.locator("#field-checked").check()
    host.get_by_role("button", name="确认结果").click()
    expect(host.locator("main")).to_contain_text("说明成立")

    stage.house.clock.tick(timedelta(minutes=31))
    seen(stage, watcher, "result-public", result)
    assert WORDS not in watcher.locator("body").inner_text()
    supervisor = stage.window(stage.house.person(Role.SUPERVISOR))
    seen(stage, supervisor, "result-supervisor", result)
    expect(supervisor.locator("main")).to_contain_text(WORDS)
    foreign = three.goto(price)
    assert foreign is not None
    assert foreign.status == 404
    assert [one for one in stage.troubles() if "404" not in one] == []
