"""Every page of the auctions that a role can reach by links: it answers, it is clean, it speaks one language, it fits."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, expect

from bidding.auction_live import close_hall
from bidding.models_auction import Auction, AuctionStage
from kernel.jobs import do_chores
from simulation import sales
from simulation.demo import Agenda
from simulation.sealed_sales import sealed_told
from tests.e2e.test_crawl import FILES, NO_AUCTION, NOT_BY_LINKS, door, links_of, visit
from tests.support.browser import Visitor
from tests.support.city import NOON, PASSWORD, City, served

pytestmark = pytest.mark.slow

AUCTION_DOORS = {name for name, why in NOT_BY_LINKS.items() if why is NO_AUCTION} | {"bidding.auctions"}
ROLES = (
    "bidder",
    pytest.param("seller", marks=pytest.mark.nightly),
    pytest.param("supervisor", marks=pytest.mark.nightly),
    pytest.param("public", marks=pytest.mark.nightly),
)
OF_A_ROLE = {"bidding.auction", "bidding.auction_sealed", "bidding.auction_register", "bidding.auctions"}
AFTER, OVER = {"bidding.auction_result", "bidding.auction_replay"}, ("sold", "failed", "cancelled")
ELSEWHERE = {
    "bidding.auction_confirm": "only before the seller has confirmed; opened in test_auction_formats.py",
    "bidding.auction_letter": "only for the two parties; saved in test_auction_results.py",
    "bidding.auction_terms": "a step of the wizard; walked in test_auction_wizard.py",
    "bidding.rehearsal": "leads to a room of one's own; opened in test_auction_hall.py",
    "bidding.auction_frames": "asked by the page of a replay",
    "bidding.auction_points": "only where points are given; opened in test_auction_formats.py",
}


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    found = city_of_sales(tmp_path_factory.mktemp("sales"))
    with served(found):
        yield found
    close_hall(found.platform)


def city_of_sales(folder: Path) -> City:
    """Auctions that are over, that run and that are to come, made by real actions up to ``NOON``."""
    city = City(folder, NOON - timedelta(days=80), buyers=2, bidders=14, experts=1)
    agenda = Agenda(city.world, NOON, io.StringIO())
    told = sales.told(city.world, NOON, agenda.deals) + sealed_told(city.world, NOON, agenda.deals)
    for at, story in told:
        agenda.add(at, story)
    agenda.run()
    city.deals = agenda.deals  # type: ignore[attr-defined]
    do_chores(city.platform, {})
    city.world.sequence()
    hall: Any = city.platform.live
    hall._sweep.start()
    hall.owners.keep(hall.joined)
    return city


def _email(city: City, role: str) -> str:
    world = city.world
    return {"bidder": world.bidders[0], "seller": world.buyers[1], "supervisor": world.supervisors[0]}[
        role
    ].email


def _stage(city: City, values: dict[str, Any]) -> str:
    """What an auction's pages differ by: its format and how far it is."""
    if "auction_id" not in values:
        return ""
    with city.world.read() as session:
        found = session.get_one(Auction, values["auction_id"])
        return f"{found.terms['format']} {found.stage.value}"


@pytest.fixture(scope="module")
def met() -> set[str]:
    return set()


@pytest.fixture(scope="module")
def walked() -> set[str]:
    """Roles that have walked in this process."""
    return set()


@pytest.fixture(scope="module")
def looked() -> set[str]:
    """Pages that are the same for everybody, and were looked at once."""
    return set()


@pytest.mark.parametrize("role", ROLES)
def test_every_page_of_the_auctions_is_whole(
    role: str, city: City, browser: Browser, met: set[str], looked: set[str], walked: set[str]
) -> None:
    walked.add(role)
    zh, en = (Visitor(browser, city.url, lang=lang) for lang in ("zh-CN", "en"))
    if role != "public":
        for visitor in (zh, en):
            visitor.sign_in(_email(city, role), PASSWORD)
        en.page.goto("/account?lang=en")
    tenders = [f"{city.url}/tenders/{deal.code}" for deal in city.deals]  # type: ignore[attr-defined]
    waiting = deque([f"{city.url}/auctions", *(link for one in tenders for link in links_of(zh, one))])
    if role == "seller":
        waiting += [
            link for one in tenders for link in links_of(zh, one.replace("/tenders/", "/desk/tenders/"))
        ]
    seen: set[str] = set()
    pages: set[str] = set()
    wrong: list[str] = []
    while waiting:
        url = waiting.popleft().partition("#")[0]
        found = door(city, url)
        if found is None or url in seen or "lang=" in urlsplit(url).query:
            continue
        seen.add(url)
        endpoint, values = found
        stage = _stage(city, values)
        page = f"{endpoint} {stage}"
        if endpoint not in AUCTION_DOORS or page in pages or page in looked:
            continue
        if endpoint in AFTER and not stage.endswith(OVER):
            continue  # the room holds the link behind its end; it is not shown yet
        pages.add(page)
        met.add(endpoint)
        if endpoint not in OF_A_ROLE:
            looked.add(page)
        if endpoint in FILES:
            status = zh.context.request.get(url).status
            wrong += [] if status == 200 else [f"{url} answered {status}"]
            continue
        said, links = visit(zh, en, url)
        wrong += said
        waiting += links
    wrong += [f"zh {line}" for line in zh.troubles] + [f"en {line}" for line in en.troubles]
    zh.close()
    en.close()

    assert not wrong, "\n".join(dict.fromkeys(wrong))


def test_an_offer_is_sealed_beside_the_room_and_no_price_is_typed_into_it(
    city: City, browser: Browser
) -> None:
    """What the custodians open together never leaves a bidder's machine in the clear, whichever key he presses."""
    with city.world.read() as session:
        auction = session.scalars(sa.select(Auction).where(Auction.stage == AuctionStage.LIVE)).all()
        sale = next(one.id for one in auction if one.terms["format"] == "one_offer")
    visitor = Visitor(browser, city.url).sign_in(_email(city, "bidder"), PASSWORD)
    page = visitor.page
    sent: list[str] = []
    page.on("websocket", lambda ws: ws.on("framesent", lambda frame: sent.append(str(frame))))
    page.on("request", lambda request: sent.append(request.post_data or ""))
    page.goto(f"/auctions/{sale}")
    expect(page.locator("#seal-go")).to_be_visible(timeout=20_000)
    expect(page.locator("#pad")).to_be_hidden()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    page.evaluate(
        "document.querySelector('#amount').value = '575,000'; document.querySelector('#review').click()"
    )
    expect(page.locator("#confirm")).to_be_hidden()

    page.locator("#seal-go a").click()
    expect(page.locator("html[data-slip-ready=yes]")).to_be_attached(timeout=30_000)
    form = page.locator("form[data-what=offer]")
    form.locator("[name=amount]").fill("575000")
    for name in ("passphrase", "passphrase2"):
        form.locator(f"[name={name}]").fill("a long passphrase")
    with page.expect_download(timeout=60_000):
        form.locator("button[type=submit], button:not([type])").first.click()
    expect(page.locator("html[data-sealed]")).to_be_attached(timeout=30_000)
    page.goto(f"/auctions/{sale}")
    expect(page.locator("#seal-done")).to_be_visible(timeout=20_000)
    expect(page.locator("#seal-go")).to_be_hidden()
    assert not any("575000" in one or "575,000" in one for one in sent)
    assert visitor.troubles == []
    visitor.close()


@pytest.mark.nightly
def test_no_page_of_the_auctions_is_left_out(met: set[str], walked: set[str]) -> None:
    if not walked.issuperset(one if isinstance(one, str) else one.values[0] for one in ROLES):
        pytest.skip("only after all roles have walked in this process")

    assert sorted(AUCTION_DOORS - met - set(ELSEWHERE)) == []
