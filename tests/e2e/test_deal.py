"""A newcomer walks a real tender from its notice to its award in a browser.

Buyer, bidders and one expert do everything by hand; the other experts act through the simulation, the custodians through
their own clients over HTTP. Bids are sealed for real in the page, and a stranger verifies the evidence at the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from bidding.actions.closing import opening_of
from evaluation.actions import panels
from sealbid.cli import main as sealbid
from simulation import deal as deals
from simulation.deal import Deal
from simulation.world import Player
from tests.support.browser import Visitor
from tests.support.city import PASSWORD, City, served
from trading.queries import tender_by_code

pytestmark = pytest.mark.slow

START = datetime(2026, 9, 1, 1, 0, tzinfo=UTC)
PASSPHRASE = "eleven quiet lanterns"
PRICES = ("4,680,000.00", "4,512,300.50", "4,799,000.00")
TITLE = "向阳区人行天桥加固工程"


@dataclass
class Story:
    """What the actors of this deal remember from one act to the next."""

    city: City
    browser: Browser
    folder: Path
    code: str = ""
    visitors: dict[str, Visitor] = field(default_factory=dict)
    bids: dict[str, str] = field(default_factory=dict)

    def visitor(self, player: Player) -> Visitor:
        """The player's browser, signed in; a session that ended meanwhile is opened again by the form."""
        found = self.visitors.get(player.email)
        if found is None:
            found = self.visitors[player.email] = Visitor(self.browser, self.city.url)
        found.page.goto("/account")
        if "/sign-in" in found.page.url:
            found.sign_in(player.email, PASSWORD)
        return found

    def troubles(self) -> list[str]:
        return [line for one in self.visitors.values() for line in one.troubles]

    @property
    def deal(self) -> Deal:
        """The tender as the simulation's actors know it."""
        with self.city.world.read() as session:
            tender = tender_by_code(session, self.code)
            assert tender is not None
            return Deal(tender.id, self.code, self.city.world.buyers[0])

    def moment(self, name: str) -> datetime:
        """An instant of the tender's first lot, its opening or the tender itself."""
        with self.city.world.read() as session:
            tender = tender_by_code(session, self.code)
            assert tender is not None
            opening = opening_of(session, tender.id)
            found = next(
                getattr(one, name) for one in (tender, tender.lots[0], opening) if getattr(one, name, None)
            )
            assert isinstance(found, datetime)
            return found


@pytest.fixture(scope="module")
def story(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("deal")
    city = City(folder, START, buyers=1, bidders=3, experts=9)
    with served(city):
        city.employ_keepers()
        yield Story(city, browser, folder)


def submit(page: Page, form: str, button: str = "button[type=submit], button:not([type])") -> None:
    """Press a form's button, answer the question that may follow, and wait for the next page."""
    press = page.locator(form).locator(button).last
    asked = page.locator(form).get_attribute("data-sr-confirm")
    with page.expect_navigation():
        press.click()
        if asked:
            page.locator("dialog[open] button.sr-btn-primary").click()


def fill(page: Page, **values: str) -> None:
    for name, text in values.items():
        place = page.locator(f"main [name='{name}']")
        if place.evaluate("node => node.tagName") == "SELECT":
            place.select_option(text)
        else:
            place.fill(text)


def main_text(page: Page) -> str:
    return page.locator("main").inner_text()


def a_pdf() -> dict[str, object]:
    return {"name": "招标文件.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7\n" + b"law " * 4000}


def test_the_deal_from_notice_to_award(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    buyer_drafts_and_publishes(story)
    bidders = story.city.world.bidders
    for bidder, price in zip(bidders[:2], PRICES, strict=False):
        bidder_seals(story, bidder, price)
    bidder_seals_by_keyboard(story, bidders[2], PRICES[2])
    everybody_watches_the_opening(story)
    expert = a_panel_sits(story)
    everybody_else = [pair for pair in deals.sitting(story.city.world, story.deal) if pair[1] is not expert]
    assert len(everybody_else) == 4
    monkeypatch.setattr(deals, "sitting", lambda *_: everybody_else)
    expert_reviews_scores_and_signs(story, expert)
    buyer_awards(story)
    bidder_reads_the_own_result(story)
    stranger_verifies(story)
    assert story.troubles() == []


# ---------- the buyer ----------
def buyer_drafts_and_publishes(story: Story) -> None:
    page = story.visitor(story.city.world.buyers[0]).page
    page.goto("/desk/projects/new")
    fill(
        page,
        name=TITLE,
        category="works",
        region="向阳区",
        approval_no="阳发改〔2026〕77 号",
        funds="财政资金 100%",
        budget="9,000,000",
    )
    submit(page, "form[action$='/projects/new']")
    fill(page, regime="TM", category="works")
    submit(page, "form[action$='/tenders/new']")
    found = re.search(r"/desk/tenders/([^/]+)/basics", page.url)
    assert found
    story.code = found[1]
    fill(
        page,
        place="阳光市向阳区",
        summary="加固人行天桥一座，更换支座与栏杆，工期 120 日历天。",
        qualification="具有独立承担民事责任的能力，具备相应资质等级和安全生产许可。",
        contact_phone="021-55500001",
    )
    submit(page, "form[action$='/basics']")
    for number, ceiling in ((1, "5,000,000"), (2, "3,000,000")):
        fill(page, title=f"第 {number} 标段", quantity="详见招标文件", ceiling=ceiling)
        submit(page, "form[action$='/lots']")
    page.goto(f"/desk/tenders/{story.code}/terms")
    submit(page, "form[action$='/terms']")

    page.locator("[name=bids_close_at]").fill("2026-09-04T09:30")
    submit(page, "form[action$='/dates']", "button[value=stay]")
    assert page.locator("[name=bids_close_at]").input_value() == "2026-09-04T09:30"
    submit(page, "form[action$='/dates']", "button[value=repair]")
    assert page.locator("[name=bids_close_at]").input_value() >= "2026-09-21T00:00"
    submit(page, "form[action$='/dates']", "button[value=on]")

    page.locator("[name=file]").set_input_files([a_pdf()])  # type: ignore[list-item]
    submit(page, "form[action$='/documents']")
    assert "招标文件.pdf" in main_text(page)

    page.goto(f"/desk/tenders/{story.code}/review")
    assert page.locator("form[action$='/publish'] button.sr-btn-primary").is_disabled()
    story.city.step()  # the custodians state their keys, which seals the policy
    page.reload()
    page.locator("[name=confirmed]").check()
    submit(page, "form[action$='/publish']")

    assert page.url.endswith(f"/tenders/{story.code}"), main_text(page)
    assert TITLE in main_text(page)
    story.city.step()


# ---------- the bidders ----------
def _technical() -> dict[str, object]:
    return {"name": "施工方案.pdf", "mimeType": "application/pdf", "buffer": b"%PDF plan " * 9000}


def bidder_seals(story: Story, bidder: Player, price: str) -> None:
    page = story.visitor(bidder).page
    page.goto(f"/tenders/{story.code}")
    page.locator(f"main a[href$='/tenders/{story.code}/bid']").first.click()
    page.wait_for_selector("html[data-seal-ready]")
    page.locator("[data-make-key]").click()
    page.locator("#key-check .sr-light-g").wait_for()
    fill(page, price=price, period_days="120")
    page.locator("#field-files-tech").set_input_files([_technical()])  # type: ignore[list-item]
    page.locator("#seal").click()
    page.locator("#key-file").wait_for(timeout=60_000)
    fill(page, passphrase=PASSPHRASE, passphrase2=PASSPHRASE)
    with page.expect_download() as saved:
        page.locator("#save-key").click()
    saved.value.save_as(story.folder / f"{bidder.uscc}.sbkey")
    page.locator("#submit").click()
    assert price in page.locator("#confirm-bid").inner_text()
    page.locator("#really-submit").click()
    _receipt(story, bidder, page)


def _receipt(story: Story, bidder: Player, page: Page) -> None:
    page.wait_for_url(re.compile(r"/bids/[0-9a-f]{32}$"), timeout=60_000)
    story.bids[bidder.email] = page.url.rsplit("/", 1)[1]
    receipt = page.url
    page.goto("about:blank")  # the receipt loads itself again once witnesses have signed: not while we look
    story.city.step()
    page.goto(receipt)
    page.locator("#proof-light[data-state=witnessed]").wait_for()
    with story.city.world.read() as session:
        tender = tender_by_code(session, story.code)
    assert tender is not None
    stored = b"".join(one.read_bytes() for one in story.folder.rglob("*") if one.is_file())
    for plain in ("4512300.50", "4680000.00", "4799000.00", "施工方案.pdf"):
        assert plain.encode() not in stored


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is where it is wanted."""
    page.wait_for_selector(selector, state="attached")
    for _ in range(160):
        if page.evaluate("(wish) => document.activeElement?.matches(wish) ?? false", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reaches {selector} on {page.url}")


def bidder_seals_by_keyboard(story: Story, bidder: Player, price: str) -> None:
    """The whole part of a bidder without touching a pointer."""
    visitor = story.visitors[bidder.email] = Visitor(story.browser, story.city.url)
    page, keys = visitor.page, visitor.page.keyboard
    page.goto(f"/tenders/{story.code}")
    tab_to(page, "a[href^='/sign-in']")
    with page.expect_navigation():
        keys.press("Enter")
    tab_to(page, "[name=email]")
    keys.type(bidder.email)
    tab_to(page, "[name=password]")
    keys.type(PASSWORD)
    with page.expect_navigation():
        keys.press("Enter")
    page.goto(f"/tenders/{story.code}")
    tab_to(page, f"main a[href$='/tenders/{story.code}/bid']")
    with page.expect_navigation():
        keys.press("Enter")
    page.wait_for_selector("html[data-seal-ready]")
    tab_to(page, "[name=price]")
    keys.type(price)
    tab_to(page, "[name=period_days]")
    keys.type("118")
    tab_to(page, "#field-files-tech")
    page.set_input_files("#field-files-tech", [_technical()])  # type: ignore[list-item]
    tab_to(page, "[data-make-key]")
    keys.press("Space")
    page.locator("#key-check .sr-light-g").wait_for()
    tab_to(page, "#seal")
    keys.press("Enter")
    page.locator("#key-file").wait_for(timeout=60_000)
    tab_to(page, "[name=passphrase]")
    keys.type(PASSPHRASE)
    tab_to(page, "[name=passphrase2]")
    keys.type(PASSPHRASE)
    tab_to(page, "#save-key")
    with page.expect_download():
        keys.press("Space")
    page.locator("#submit:not([disabled])").wait_for()
    tab_to(page, "#submit")
    keys.press("Enter")
    tab_to(page, "#really-submit")
    keys.press("Enter")
    _receipt(story, bidder, page)


# ---------- the opening ----------
def everybody_watches_the_opening(story: Story) -> None:
    guest = story.visitors["guest"] = Visitor(story.browser, story.city.url)
    guest.page.goto(f"/tenders/{story.code}/opening")
    assert PRICES[0] not in main_text(guest.page)

    story.city.pass_time(story.moment("bids_close_at"))
    for _ in range(4):
        story.city.step()

    guest.page.goto(f"/tenders/{story.code}/opening")
    shown = main_text(guest.page)
    assert all(price in shown for price in PRICES), shown
    buyer = story.visitor(story.city.world.buyers[0]).page
    story.city.clock.move(story.moment("objections_until_at"))
    buyer.goto(f"/tenders/{story.code}/opening")
    submit(buyer, "form[action$='/opening/confirm']")
    story.city.step()
    guest.page.goto(f"/tenders/{story.code}/opening")
    guest.page.locator("a[href$='/opening/record.pdf']").wait_for()


# ---------- the panel ----------
def a_panel_sits(story: Story) -> Player:
    """The buyer names his representative, one drawn expert accepts in the browser, the others as simulated."""
    city, world = story.city, story.city.world
    buyer = story.visitor(world.buyers[0]).page
    buyer.goto(f"/desk/tenders/{story.code}/evaluation")
    if buyer.locator("form[action$='/representatives']").count():
        buyer.locator("[name=person]").select_option(str(world.buyers[0].person_id))
        submit(buyer, "form[action$='/representatives']")
    people = {one.person_id: one for one in (*world.experts, *world.buyers)}
    with world.read() as session:
        panel = panels.panel_of(session, story.deal.tender_id)
        assert panel is not None
        invited = [member for member in panel.members if member.state == "invited"]
    expert, first = next(
        (people[one.person_id], one) for one in invited if people[one.person_id] in world.experts
    )
    page = story.visitor(expert).page
    page.goto("/desk/panels")
    page.locator(f"a[href$='{first.id}']").click()
    page.locator("[name=commitment]").check()
    page.locator("[name=avoidance]").check()
    submit(page, "form[action$='/accept']")
    for member in invited:
        if member.id != first.id:
            with world.begin(people[member.person_id]) as work:
                panels.answer_seat(work, member.id, accept=True, reason="")
    city.step()
    return expert


def expert_reviews_scores_and_signs(story: Story, expert: Player) -> None:
    world, page = story.city.world, story.visitor(expert).page
    page.goto("/account/keys")
    page.locator("[name=name]").fill("办公电脑")
    with page.expect_navigation():
        page.locator("button[value=browser]").click()

    room = f"/evaluation/{story.code}"
    _for_every_bid(page, room, lambda: _review(page))
    deals.vote(world, story.deal)
    story.city.step()
    _for_every_bid(page, room, lambda: _score(page))
    deals.score(world, story.deal)
    story.city.step()

    page.goto(f"{room}/report")
    submit(page, "form[action$='/sign']")
    assert story.visitor(expert).troubles == []
    deals.sign_reports(world, story.deal)
    story.city.step()


def _for_every_bid(page: Page, room: str, deed: Callable[[], None]) -> None:
    page.goto(room)
    places = page.locator(".ev-tabs a").evaluate_all("(all) => all.map((one) => one.href)")
    assert len(places) == 3
    for place in places:
        page.goto(place)
        deed()


def _review(page: Page) -> None:
    for choice in page.locator("form.ev-form input[value=yes]").all():
        choice.check()
    submit(page, "form.ev-form")


def _score(page: Page) -> None:
    for place in page.locator("[data-ev-factor]").all():
        full = float(place.get_attribute("data-full") or 0)
        place.locator("input[type=number]").fill(f"{full * 0.8:.2f}")
    submit(page, "form.ev-form", "button[value=lock]")
    assert page.url.endswith("/lock")
    submit(page, "form[data-sign]")
    assert page.locator("[data-sign-trouble]:visible").count() == 0


# ---------- the award ----------
def buyer_awards(story: Story) -> None:
    page = story.visitor(story.city.world.buyers[0]).page
    page.goto(f"/desk/tenders/{story.code}/evaluation")
    form = "form[action$='/lots/1/candidates']"
    page.locator(f"{form} [name=certain]").check()
    submit(page, form)
    story.city.step()
    story.city.pass_time(story.moment("standstill_until_at"))

    page = story.visitor(story.city.world.buyers[0]).page
    page.goto(f"/desk/tenders/{story.code}/evaluation/lots/1/award")
    form = "form[method=post][action$='/lots/1/award']"
    page.locator(f"{form} [name=certain]").check()
    submit(page, form)
    assert page.url.endswith("/evaluation"), main_text(page)
    story.city.step()


def bidder_reads_the_own_result(story: Story) -> None:
    with story.city.world.read() as session:
        tender = tender_by_code(session, story.code)
        assert tender is not None
        outcome = tender.lots[0].outcome
        assert outcome is not None
        assert tender.lots[1].stage == "failed"
        supplier = outcome["supplier_name"]
    for bidder in story.city.world.bidders[:3]:
        page = story.visitor(bidder).page
        page.goto(f"/desk/results/{story.bids[bidder.email]}")
        own = main_text(page)
        letter = page.locator("a[href$='/award-letter.pdf']").count()
        assert letter == (1 if bidder.org_name == supplier else 0), own
        others = [one.org_name for one in story.city.world.bidders[:3] if one is not bidder]
        assert not any(name in own for name in others)


def stranger_verifies(story: Story) -> None:
    guest = story.visitors["guest"]
    guest.page.goto(f"/tenders/{story.code}")
    link = guest.page.locator("a[href$='/evidence.zip']").first
    with guest.page.expect_download() as taken:
        link.click()
    evidence, trust = story.folder / "evidence.zip", story.folder / "trust.txt"
    taken.value.save_as(evidence)
    trust.write_bytes(guest.context.request.get("/log/trust").body())

    assert sealbid(["verify", str(evidence), "--trust", str(trust)]) == 0
