"""Five windows play two auctions in a real browser: three bidders, a supervisor and somebody who only watches.

A blind reverse auction (F2) and a listing with a limited-time round (F4), with an extension, a network that is cut, a
standing limit that offers meanwhile, a clock that is stopped, and the replay from the published journal at the end.

Source: issue "The live auction hall", end to end; rules §4.2, §4.4, §4.5, §4.7; design §05.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, expect

import tests.support.house as houses
from bidding.rules.auction import Format
from bidding.rules.auction.terms import Extension, ExtensionMode, LimitMode, Listing, Outage, Step, Trigger
from kernel.money import Money
from kernel.rights import Role
from tests.e2e.auction_stage import (
    Stage,
    WalkingClock,
    body,
    clean,
    fits,
    in_room,
    names_plate,
    offer,
    plate_of,
    typed,
)
from tests.integration.auction.sale import Sale
from tests.support.browser import LAYOUT_RULES, NARROW


@pytest.fixture
def stage(tmp_path: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(houses, "VirtualClock", WalkingClock)
    found = Stage(tmp_path, browser)
    yield found
    found.close()


def test_five_windows_play_a_blind_reverse_auction(stage: Stage) -> None:
    house = stage.house
    printed = {
        "step": Step(amount=Money.from_yuan("5000")),
        "extension": Extension(ExtensionMode.FROM_BID, 30, 30, Trigger.BEST, count_max=10),
        "free_seconds": 600,
        "limits": LimitMode.HELD,
    }
    sale = stage.publish(Sale(house, printed=printed))
    auction = sale.auction().id
    people = [house.person(Role.BIDDER) for _ in range(3)]

    # A bidder registers by hand and gets a plate; without his word he gets none.
    page = stage.window(people[0])
    page.goto(f"/tenders/{sale.code}")
    page.locator(f"a[href$='/auctions/{auction}/register']").first.click()
    page.locator(
        "form[action$='/register'] button[type=submit], form[action$='/register'] button"
    ).last.click()
    expect(page.locator(".sr-error").first).to_be_visible()
    page.locator("[name=eligible]").check()
    page.locator("form[action$='/register'] button").last.click()
    expect(page.locator(".sr-plate b")).to_have_text(plate_of(sale, people[0]))
    clean(stage, page)
    for person in people[1:]:
        sale.register(person)

    stage.near(sale)
    one, two, three = (stage.window(person) for person in people)
    watcher = stage.window(None)
    supervisor = stage.window(house.person(Role.SUPERVISOR), lang="en")
    for window in (one, two, three, watcher, supervisor):
        in_room(window, auction) if window is not watcher else window.goto(f"/auctions/{auction}")
    expect(one.locator("#review")).to_be_disabled()
    expect(one.locator("#pad-note")).to_contain_text("竞价尚未开始")

    stage.house.clock.move(sale.closes_at)
    expect(one.locator("#phase")).to_have_text("竞价中")
    fits(one)
    assert offer(one, 1) == "1,000,000"
    expect(one.locator("#rank-chip")).to_have_text("目前最优")
    clean(stage, one)

    # The second types; far beyond the step he is asked twice, and Escape takes him back.
    two.locator("#amount").fill("97000")
    two.locator("#review").click()
    expect(two.locator("#confirm-far")).to_contain_text("幅度")
    expect(two.locator("#confirm-yes")).to_be_disabled()
    two.keyboard.press("Escape")
    expect(two.locator("#choose")).to_be_visible()
    typed(two, "970,000")
    assert "玖拾柒万元整" in two.locator("#confirm-capitals").inner_text()
    two.locator("#confirm-yes").click()
    expect(two.locator("#answer")).to_contain_text("服务器收到时刻")
    expect(one.locator("#rank-chip")).to_have_text("不是最优")
    two.locator("[data-receipt]").first.click()
    expect(two.locator("#receipt-facts")).to_contain_text("970,000")
    two.locator("#receipt button[aria-label]").click()

    # A standing limit, then the network is cut: the core offers on, the page says what it does not know.
    three.locator("#limit summary").click()
    three.locator("#limit-amount").fill("900000")
    three.locator("#limit-set").click()
    three.locator("#confirm-yes").click()
    expect(three.locator("#limit-now")).to_contain_text("900,000")
    three.evaluate("() => { window.sameWindow = true; }")
    stage.visitor(three).context.set_offline(True)
    expect(three.locator("[data-sr-lost]")).to_be_visible()
    expect(three.locator("#countdown")).to_have_attribute("data-state", "lost")
    expect(three.locator("#countdown time")).to_have_text("--:--")
    expect(three.locator("#review")).to_be_disabled()

    stage.house.clock.move(sale.closes_at + timedelta(seconds=580))
    before = one.locator("#clock-note").inner_text()
    typed(one, "940,000")
    one.locator("#confirm-yes").click()
    expect(one.locator("#phase")).to_have_text("竞价中，已延时")
    assert one.locator("#clock-note").inner_text() != before
    expect(one.locator("#feed")).to_contain_text("延时至")
    stage.visitor(three).context.set_offline(False)
    expect(three.locator("[data-sr-lost]")).to_be_hidden(timeout=30_000)
    expect(three.locator("#feed")).to_contain_text("代理出价为您报出")
    assert three.evaluate("window.sameWindow") is True

    # What the matrix hides reaches nobody's page.
    assert "940,000" not in body(two)
    assert "1,000,000" in body(two)  # the printed start price
    for window in (watcher, supervisor):
        assert "940,000" not in body(window)
        words = window.locator("main").inner_text()
        assert not [person for person in people if names_plate(words, plate_of(sale, person))]
    expect(supervisor.locator("#price-facts")).to_contain_text("Valid offers")
    clean(stage, supervisor)

    stage.house.clock.tick(timedelta(seconds=120))
    expect(one.locator("#result")).to_be_visible()
    expect(three.locator("#result-head")).to_contain_text("您以 935,000 元胜出")  # one step, no more
    expect(one.locator("#result-head")).to_contain_text("您的名次是第 2 名")
    fits(three)
    _replay(stage, watcher, auction)
    assert stage.troubles() == []


def _replay(stage: Stage, page: Page, auction: UUID) -> None:
    """Everybody plays the finished auction from its journal, checked in the browser."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        page.goto(f"/auctions/{auction}/replay")
        if page.locator("#verdict").count():
            verdict = page.locator("#verdict[data-state]")
            verdict.wait_for()
            if verdict.get_attribute("data-state") == "g":
                break
        page.wait_for_timeout(500)
    expect(page.locator("#verdict")).to_have_attribute("data-state", "g")
    page.locator("#next").click()
    first = page.locator("#event-number").inner_text()
    page.locator("#seek").fill("1000")
    expect(page.locator("#feed")).to_contain_text("940,000")
    assert page.locator("#event-number").inner_text() != first
    page.locator("#back").click()
    page.locator("#speed").select_option("3600")
    page.locator("#play").click()
    expect(page.locator("#seek")).to_have_value("1000")
    clean(stage, page)
    page.goto(f"/auctions/{auction}/result")
    expect(page.locator("main")).to_contain_text("SHA-256")
    clean(stage, page)


def test_a_forged_journal_is_not_played(stage: Stage) -> None:
    sale = stage.publish(
        Sale(stage.house, format=Format.OPEN_REVERSE, printed={"free_seconds": 60, "extension": None})
    )
    auction = sale.auction().id
    people = [stage.house.person(Role.BIDDER) for _ in range(3)]
    for person in people:
        sale.register(person)
    stage.near(sale)
    pages = [stage.window(person) for person in people]
    for page in pages:
        in_room(page, auction)
    stage.house.clock.move(sale.closes_at)
    for page in pages:
        expect(page.locator("#phase")).to_have_text("竞价中")
        offer(page, 1)
    stage.house.clock.tick(timedelta(seconds=90))
    expect(pages[0].locator("#result")).to_be_visible()
    page = pages[0]
    page.wait_for_timeout(1500)
    page.route(
        "**/journal",
        lambda route: route.fulfill(
            body=route.fetch().text().replace('\\"amount\\":\\"1000000.00\\"', '\\"amount\\":\\"1.00\\"')
        ),
    )

    page.goto(f"/auctions/{auction}/replay")

    expect(page.locator("#verdict")).to_have_attribute("data-state", "r")
    expect(page.locator("#play")).to_be_disabled()


def test_a_listing_goes_through_inquiry_and_limited_round(stage: Stage) -> None:
    house = stage.house
    printed = {
        "step": Step(amount=Money.from_yuan("4000000")),
        "listing": Listing(inquiry_seconds=60, countdown_seconds=40),
        "free_seconds": 300,
        "limits": LimitMode.HELD,
        "outage": Outage(resume_notice_minutes=0, remaining_seconds_min=30),
    }
    sale = Sale(
        house, procedure="listing", regime="LA", format=Format.LISTING, printed=printed, start="326000000"
    )
    stage.publish(sale)
    auction = sale.auction().id
    people = [house.person(Role.BIDDER) for _ in range(3)]
    for person in people:
        sale.register(person)
    stage.near(sale)
    one, two, three = (stage.window(person) for person in people)
    watcher, host = stage.window(None, lang="en"), stage.window(sale.buyer)
    supervisor = stage.window(house.person(Role.SUPERVISOR))
    for window in (one, two, three, watcher, host, supervisor):
        in_room(window, auction)
    stage.house.clock.move(sale.closes_at)
    expect(one.locator("#phase")).to_have_text("竞价中")
    assert offer(one, 1) == "32,600"  # in 万元
    expect(watcher.locator("#feed")).to_contain_text(f"Plate {plate_of(sale, people[0])} offers ¥326,000,000")
    expect(one.locator("#rank-chip")).to_have_text("您领先")
    expect(one.locator("#pad-note")).to_contain_text("当前为您的报价")

    # A better price while confirming closes the card; nothing is submitted.
    typed(three, "33,000")
    assert offer(two, 2) == "33,400"
    expect(three.locator("#choose")).to_be_visible()
    expect(three.locator("#answer")).to_contain_text("更优的报价")
    expect(watcher.locator("#feed")).to_contain_text(f"Plate {plate_of(sale, people[1])}")
    feed = watcher.locator("#feed").inner_text()
    assert names_plate(feed, plate_of(sale, people[1]))
    assert not names_plate(feed, plate_of(sale, people[2]))
    clean(stage, one)
    clean(stage, watcher)

    # The inquiry, then the end of the listing, then the limited-time round.
    stage.house.clock.move(sale.closes_at + timedelta(seconds=245))
    expect(three.locator("#go-on")).to_be_visible()
    for window in (one, three):
        window.locator("#will").click()
        expect(window.locator("#go-on-yes")).to_be_visible()
    stage.house.clock.move(sale.closes_at + timedelta(seconds=300))
    expect(three.locator("#phase")).to_have_text("限时竞价")
    offer(three, 1)
    expect(watcher.locator("#feed")).to_contain_text("The clock starts again")

    # A standing limit, then his network is cut: the core answers for him, and his page catches up by itself.
    three.locator("#limit summary").click()
    three.locator("#limit-amount").fill("34,600")
    three.locator("#limit-set").click()
    expect(three.locator("#confirm-capitals")).to_have_text("叁亿肆仟陆佰万元整")
    three.locator("#confirm-yes").click()
    expect(three.locator("#limit-now")).to_contain_text("34,600")
    three.evaluate("() => { window.sameWindow = true; }")
    stage.visitor(three).context.set_offline(True)
    expect(three.locator("#countdown time")).to_have_text("--:--")
    expect(three.locator("#review")).to_be_disabled()
    assert offer(one, 1) == "34,200"
    expect(one.locator("#rank-chip")).to_have_text("已被超越")
    expect(supervisor.locator("#price")).to_have_text("34,600")
    stage.visitor(three).context.set_offline(False)
    expect(three.locator("#feed")).to_contain_text("代理出价为您报出 34,600")
    assert three.evaluate("window.sameWindow") is True

    # The host stops the clock for a public reason; it goes on as printed.
    host.locator("[name=reason]").fill("机房断电演练")
    host.locator("form[action$='/stop'] button").click()
    for window in (one, watcher):
        expect(window.locator("#stopped")).to_contain_text("机房断电演练")
    expect(one.locator("#review")).to_be_disabled()
    expect(host.locator("#host-stop")).to_be_hidden()
    host.locator("form[action$='/resume'] button").click()
    expect(one.locator("#stopped")).to_be_hidden(timeout=20_000)
    offer(one, 1)
    stage.house.clock.tick(timedelta(seconds=60))
    expect(one.locator("#result-head")).to_contain_text("您以")
    expect(watcher.locator("#result-head")).to_contain_text("wins with")
    page = stage.window(people[1], size=NARROW)
    in_room(page, auction)
    clean(stage, page, LAYOUT_RULES)

    # The organiser confirms in the page: amount in digits and capitals, and only with his tick.
    host.locator("#host-confirm a").click()
    host.locator("a[href$='/confirm']").click()
    expect(host.locator(".sr-confirm-amount")).to_contain_text("人民币叁亿伍仟万元整")
    clean(stage, host)
    host.locator("form[action$='/confirm'] button").click()
    expect(host.locator(".sr-error-summary")).to_be_visible()
    host.locator("[name=checked]").check()
    host.locator("form[action$='/confirm'] button").click()
    expect(host.locator("main")).to_contain_text("结果已确认")
    assert stage.troubles() == []


def test_a_bidder_rehearses_with_robots(stage: Stage) -> None:
    person = stage.house.person(Role.BIDDER)
    page = stage.window(person)
    page.goto("/auctions/rehearsal")
    clean(stage, page)
    page.locator("input[value=open_reverse]").check()
    page.locator("form[action$='/rehearsal'] button").last.click()
    expect(page.locator("#phase")).to_have_text("未开始")

    stage.house.clock.tick(timedelta(seconds=11))
    expect(page.locator("#phase")).to_have_text("竞价中")
    stage.house.clock.tick(timedelta(seconds=60))

    expect(page.locator("#feed li").first).to_be_visible(timeout=10_000)
    page.wait_for_timeout(3000)  # the robots live the minute that passed
    offer(page, 4)  # far enough that no robot overtakes the confirmation
    expect(page.locator("#feed .au-mine").first).to_be_visible()
    other = stage.window(stage.house.person(Role.BIDDER))
    answer = other.goto(page.url)
    assert answer is not None
    assert answer.status == 404
    assert "auction_rehearsal" not in " ".join(stage.house.facts())
    assert stage.troubles() == []
