"""Every format of an auction, played in a real browser from the notice to the verified replay.

One play a format: bidders at a desk, on a phone and in English at night, somebody who watches, the organiser where he
is needed. Each state that only this format has is looked at: axe, widths, words, the strict content policy.

Source: rules §4.1 F1–F13, §4.2, §4.6; design §05 (states).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

import tests.support.house as houses
from bidding.rules.auction import Format
from bidding.rules.auction.terms import (
    Cap,
    Clock,
    Direction,
    Extension,
    ExtensionMode,
    Item,
    Listing,
    Norm,
    Priority,
    PriorityMode,
    Rounds,
    Sealing,
    SecondBy,
    Step,
    Trigger,
    Turns,
)
from kernel.money import Money
from tests.e2e.auction_plays import Play, act, ends, opened, say
from tests.e2e.auction_stage import Stage, WalkingClock, body, in_room, offer

yuan = Money.from_yuan


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Stage]:
    """One house for all plays; its clock only goes forward."""
    patch = pytest.MonkeyPatch()
    patch.setattr(houses, "VirtualClock", WalkingClock)
    found = Stage(tmp_path_factory.mktemp("formats"), browser)
    patch.undo()
    yield found
    found.close()


EN = {"step": Step(amount=yuan("5000"))}
UP = {"procedure": "auction", "regime": "AD", "step": Step(amount=yuan("10000"))}
SHORT = Extension(ExtensionMode.FROM_BID, 30, 30, Trigger.ANY)


def open_reverse(stage: Stage) -> tuple[Play, str]:
    """F1: the best price without its bidder, a refusal with the server's instant, an extension."""
    play = opened(stage, "f1", Format.OPEN_REVERSE, bidders_min=2, free_seconds=300, extension=SHORT, **EN)
    one, two, three = (play.page(name) for name in ("one", "two", "three"))
    play.to(0)
    offer(one, 1)
    expect(two.locator("#price")).to_have_text("1,000,000")
    say(two, "990,000")
    expect(one.locator("#rank-chip")).to_have_text("已被超越")
    expect(one.locator("#rank")).to_contain_text("3")
    play.look("one", "outbid")
    # An offer that the server refuses: the page's message is changed on its way.
    changed: list[str] = []

    def forge(socket: Any) -> None:
        server = socket.connect_to_server()
        socket.on_message(lambda text: server.send(_forged(text, changed)))
        server.on_message(socket.send)

    three.route_web_socket("**", forge)
    in_room(three, play.id)
    three.locator("#amount").fill("985,000")
    three.locator("#review").click()
    three.locator("#confirm-yes").click()
    expect(three.locator("#answer .sr-notice-y")).to_contain_text("server received it at")
    assert changed
    play.look("three", "refused")
    play.to(280)
    say(one, "980,000")
    expect(two.locator("#phase")).to_have_text("竞价中，已延时")
    play.look("two", "extended")
    play.to(400)
    return play, "980,000"


def _forged(text: str | bytes, changed: list[str]) -> str | bytes:
    if isinstance(text, str) and '"985000.00"' in text:
        changed.append(text)
        return text.replace('"985000.00"', '"999999.00"')
    return text


def sealed_rounds(stage: Stage) -> tuple[Play, str]:
    """F3: one sealed offer a round, a break with the best of the round, silence keeps the price."""
    play = opened(stage, "f3", Format.SEALED_ROUNDS, rounds=Rounds(2, 60, 20, best_after_each=True))
    one, two, three = (play.page(name) for name in ("one", "two", "three"))
    play.look("one", "waiting")
    play.to(0)
    expect(one.locator("#pad-hint")).to_contain_text("每轮一次")
    for page, amount in ((one, "950,000"), (two, "960,000"), (three, "955,000")):
        say(page, amount)
    expect(one.locator("#pad-note")).to_contain_text("已递交")
    assert "950,000" not in body(two) + body(three)
    play.look("one", "handed")
    play.to(60)
    expect(two.locator("#pad-note")).to_contain_text("第 2 轮")
    expect(two.locator("#price")).to_have_text("950,000")
    play.look("two", "break")
    play.to(80)
    expect(three.locator("#feed")).to_contain_text("Round 2 of 2 begins")
    three.locator("#amount").fill("956,000")
    expect(three.locator("#pad-note")).to_contain_text("At most your own last price")
    expect(three.locator("#review")).to_be_disabled()
    play.look("three", "worse")
    say(two, "940,000")
    play.to(140)
    return play, "940,000"


def ascending(stage: Stage) -> tuple[Play, str]:
    """F5: by plate, watched by everybody; a priority right used in the session, once."""
    play = opened(
        stage,
        "f5",
        Format.ASCENDING,
        holder=True,
        host=True,
        free_seconds=300,
        extension=SHORT,
        priority=Priority(PriorityMode.IN_SESSION, uses=1),
        **UP,
    )
    one, two, three, watcher = (play.page(name) for name in ("one", "two", "three", "watcher"))
    play.to(0)
    offer(one, 1)
    expect(watcher.locator("#feed")).to_contain_text(f"Plate {play.plate(0)} offers ¥1,000,000")
    expect(three.locator("#priority")).to_contain_text("Uses left: 1")
    play.look("three", "priority")
    act(three, "#match", "You matched ¥1,000,000")
    expect(three.locator("#rank-chip")).to_have_text("You lead")
    expect(three.locator("#match")).to_be_disabled()
    expect(one.locator("#rank-chip")).to_have_text("已被超越")
    say(two, "1,050,000")
    expect(three.locator("#priority")).to_contain_text("Uses left: 0")
    expect(three.locator("#match")).to_be_disabled()
    play.look("watcher", "live")
    play.look("host", "live")
    play.to(305)
    return play, "1,050,000"


def _capped(stage: Stage, name: str, second: SecondBy) -> Play:
    cap = Cap(yuan("1030000"), second, 60, 40, "自持面积", "㎡", Decimal(500), Decimal(100), Decimal(5000))
    play = opened(
        stage,
        name,
        Format.CAPPED,
        free_seconds=300,
        listing=Listing(60, 40),
        cap=cap,
        **(UP | {"procedure": "listing", "regime": "LA"}),
    )
    play.to(0)
    offer(play.page("one"), 1)
    play.page("two").locator("#amount").fill("1,030,000")
    expect(play.page("two").locator("#pad-note")).to_contain_text("最高限价")
    say(play.page("two"), "1,030,000")
    expect(play.page("one").locator("#next")).to_contain_text("已达到最高限价")
    expect(play.page("two").locator("#go-on-yes")).to_be_visible()
    play.page("one").locator("#will").click()
    expect(play.page("one").locator("#go-on-yes")).to_be_visible()
    return play


def capped(stage: Stage) -> tuple[Play, str]:
    """F6: the cap, who goes on, and a second quantity."""
    play = _capped(stage, "f6", SecondBy.INDICATOR)
    one, two, three, watcher = (play.page(name) for name in ("one", "two", "three", "watcher"))
    play.look("three", "willing")
    play.to(70)
    expect(three.locator("#next")).to_contain_text("You did not answer that you go on")
    one.locator("#second-amount").fill("500")
    act(one, "#second-set", "500 ㎡")
    expect(one.locator("#second-set")).to_be_disabled()
    expect(two.locator("#second-note")).to_contain_text("600")
    two.locator("#second-amount").fill("900")
    two.locator("#second-set").click()
    play.look("two", "second-confirm")
    two.locator("#confirm-yes").click()
    expect(watcher.locator("#feed")).to_contain_text(f"Plate {play.plate(1)} offers 900 ㎡")
    expect(one.locator("#second-note")).to_contain_text("1000")
    play.look("one", "second")
    play.to(150)
    expect(one.locator("#ranking")).to_contain_text("900")
    return play, "1,030,000"


def capped_draw(stage: Stage) -> tuple[Play, str]:
    """F6, variant: a verifiable draw between those who go on."""
    play = _capped(stage, "f6b", SecondBy.LOTTERY)
    play.to(70)
    return play, "1,030,000"


def multi_offer(stage: Stage) -> tuple[Play, str]:
    """F7: a limited-time round for everybody; the holder of a priority right is asked after the end."""
    play = opened(
        stage,
        "f7",
        Format.MULTI_OFFER,
        holder=True,
        free_seconds=120,
        listing=Listing(0, 40, everyone_enters=True),
        priority=Priority(PriorityMode.POST_SESSION, ask_minutes=5),
        **UP,
    )
    one, two, three = (play.page(name) for name in ("one", "two", "three"))
    expect(three.locator("#priority")).to_contain_text("After the end you are asked for 5 minutes")
    play.to(0)
    offer(one, 1)
    play.to(121)
    expect(two.locator("#phase")).to_have_text("限时竞价")
    say(two, "1,020,000")
    play.look("two", "limited")
    play.to(170)
    expect(one.locator("#next")).to_contain_text("正在询问优先购买权人")
    expect(three.locator("#waive")).to_be_visible()
    play.look("one", "asking")
    play.look("three", "asked")
    act(three, "#match", "You matched ¥1,020,000")
    expect(three.locator("#result-head")).to_contain_text("You won with ¥1,020,000")
    return play, "1,020,000"


def one_offer(stage: Stage) -> tuple[Play, str]:
    """F8: one sealed offer each; equals hand in a second one."""
    play = opened(
        stage,
        "f8",
        Format.ONE_OFFER,
        sealing=Sealing.HELD,
        free_seconds=120,
        tie_seconds=60,
        procedure="auction",
        regime="AD",
    )
    one, two, three = (play.page(name) for name in ("one", "two", "three"))
    play.to(0)
    for page, amount in ((one, "1,200,000"), (two, "1,200,000"), (three, "1,100,000")):
        say(page, amount)
    play.look("two", "handed")
    play.to(121)
    expect(three.locator("#next")).to_contain_text("Several best offers are equal")
    expect(three.locator("#pad-note")).to_contain_text("Only those with the equal best offers")
    play.look("three", "not-equal")
    say(one, "1,250,000")
    say(two, "1,210,000")
    play.look("one", "second")
    play.to(185)
    return play, "1,250,000"


def weighted(stage: Stage) -> tuple[Play, str]:
    """F9: price and other items, points by the panel in the organiser's page, and the result confirmed there."""
    items = (
        Item("price", Decimal(60), Norm.RATIO),
        Item("质保年限", Decimal(20), Norm.RATIO, higher_is_better=True),
        Item("方案", Decimal(20), Norm.POINTS),
    )
    play = opened(
        stage,
        "f9",
        Format.WEIGHTED,
        host=True,
        sealing=Sealing.HELD,
        free_seconds=120,
        items=items,
        direction=Direction.DOWN,
    )
    one, two, three, host = (play.page(name) for name in ("one", "two", "three", "host"))
    play.to(0)
    one.locator("#amount").fill("900,000")
    expect(one.locator("#review")).to_be_disabled()
    expect(one.locator("#pad-note")).to_contain_text("逐项填写")
    for page, amount, years in ((one, "900,000", "3"), (two, "950,000", "5"), (three, "800,000", "1")):
        page.locator("[data-item]").fill(years)
        page.locator("#amount").fill(amount)
        if page is one:
            page.locator("#review").click()
            expect(page.locator("#confirm-facts")).to_contain_text("质保年限")
            play.look("one", "confirm")
            page.locator("#confirm-no").click()
        act(page, "#review", amount)
    play.to(121)
    expect(one.locator("#next")).to_contain_text("评审分")
    expect(host.locator("#host-points a")).to_be_visible()
    play.look("host", "settling")
    host.locator("#host-points a").click()
    fields = host.locator(".au-points")
    expect(fields).to_have_count(3)
    assert "900,000" not in body(host)
    host.locator("form[action$='/points'] button").last.click()
    expect(host.locator(".sr-error-summary")).to_be_visible()
    play.look("host", "points-missing")
    for plate, points in ((0, "80"), (1, "100"), (2, "60")):
        host.locator(f"[name='points-0-{play.plate(plate)}']").fill(points)
    host.locator("form[action$='/points'] button").last.click()
    expect(host.locator("#result")).to_be_visible()
    expect(one.locator("#ranking")).to_contain_text("90.53")
    return play, "950,000"


def dutch(stage: Stage) -> tuple[Play, str]:
    """F10: a falling price; a tick while confirming closes the card; the first to accept wins."""
    play = opened(
        stage,
        "f10",
        Format.DUTCH,
        procedure="auction",
        regime="AD",
        clock=Clock(yuan("50000"), 20, yuan("500000")),
    )
    one, two, watcher = (play.page(name) for name in ("one", "two", "watcher"))
    play.to(25)
    expect(one.locator("#clock-price")).to_have_text("950,000")
    expect(watcher.locator("#price")).to_have_text("950,000")
    one.keyboard.press("Enter")
    expect(one.locator("#confirm-digits")).to_have_text("950,000")
    play.look("one", "confirm")
    play.to(45)
    expect(one.locator("#answer")).to_contain_text("时钟价格已变动")
    expect(one.locator("#clock-price")).to_have_text("900,000")
    play.look("one", "ticked")
    two.locator("#accept").click()
    two.locator("#confirm-yes").click()
    return play, "900,000"


def japanese(stage: Stage) -> tuple[Play, str]:
    """F11: who does not stay within a tick is out; who leaves, leaves for good."""
    play = opened(stage, "f11", Format.JAPANESE, clock=Clock(yuan("50000"), 20, yuan("500000")))
    one, two, three = (play.page(name) for name in ("one", "two", "three"))
    play.to(1)
    for page in (one, two, three):
        act(page, "#stay")
    expect(one.locator("#clock-text")).to_contain_text("留在场内")
    play.look("one", "stays")
    play.to(21)
    expect(one.locator("#clock-price")).to_have_text("950,000")
    act(one, "#stay")
    act(three, "#stay")
    act(two, "#leave")
    expect(two.locator("#rank-chip")).to_have_text("已退出")
    play.look("two", "out")
    play.to(41)
    act(one, "#stay")
    play.look("three", "asked")
    play.to(61)
    return play, "900,000"


def small(stage: Stage) -> tuple[Play, str]:
    """F12: held blind with short times; a draw among offers close to the best."""
    play = opened(
        stage, "f12", Format.SMALL, free_seconds=120, extension=None, lottery_band_percent=Decimal(1), **EN
    )
    play.to(0)
    for name, amount in (("one", "949,000"), ("two", "945,000"), ("three", "944,000")):
        say(play.page(name), amount)
    play.look("one", "offered")
    play.to(121)
    return play, "94"


def turn_based(stage: Stage) -> tuple[Play, str]:
    """F13: opening prices before the start, then turns; an offer may be taken back within its turn."""
    play = opened(
        stage,
        "f13",
        Format.TURN_BASED,
        turns=Turns(rounds=1, first_pause_seconds=30, pause_seconds=20, turn_seconds=20),
        **EN,
    )
    one, two, three = (play.page(name) for name in ("one", "two", "three"))
    for page, amount in ((one, "1,000,000"), (two, "990,000"), (three, "980,000")):
        say(page, amount)
    play.look("one", "opened")
    play.to(1)
    expect(two.locator("#order-list li")).to_have_count(3)
    play.look("two", "break")
    play.to(31)
    expect(one.locator("#order-list .au-now")).to_contain_text(play.plate(0))
    expect(two.locator("#pad-note")).to_contain_text("再轮 1 位")
    say(one, "973,500")
    expect(one.locator("#turn-pending")).to_contain_text("973,500")
    assert "973,500" not in body(two) + body(three)
    play.look("one", "turn")
    one.locator("#turn-back-set").click()
    expect(one.locator("#turn-back")).to_be_hidden()
    say(one, "975,000")
    play.to(51)
    expect(three.locator("#feed")).to_contain_text("¥975,000")
    play.to(71)
    say(three, "960,000")
    play.to(91)
    return play, "960,000"


DAILY = (sealed_rounds, turn_based)
"""Together they show every kind of stage; F2 and F4 are played in test_auction_hall.py."""
NIGHTLY = (
    dutch,
    open_reverse,
    capped_draw,
    ascending,
    capped,
    multi_offer,
    one_offer,
    weighted,
    japanese,
    small,
)
SCRIPTS = [
    *(pytest.param(one, id=one.__name__) for one in DAILY),
    *(pytest.param(one, id=one.__name__, marks=pytest.mark.nightly) for one in NIGHTLY),
]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_format_is_played_from_the_notice_to_the_replay(
    stage: Stage, script: Callable[[Stage], tuple[Play, str]]
) -> None:
    try:
        play, price = script(stage)
        ends(play, price)
        assert stage.troubles() == []
    finally:
        for window in stage.windows:
            window.close()
        stage.windows.clear()
