"""Every page that a role can reach by links: it answers, it is clean, it speaks one language, it fits."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Browser
from werkzeug.exceptions import HTTPException

from tests.support.browser import (
    EVERY_RULE,
    LAYOUT_RULES,
    NARROW,
    WIDE,
    WORD_RULES,
    Rules,
    Visitor,
    left_over,
)
from tests.support.city import PASSWORD, City, panelist_at_work

pytestmark = pytest.mark.slow

ROLES = ("public", "buyer", "agency", "bidder", "expert", "supervisor", "custodian", "operator")

EVERY_STAGE = {"trading.tender": 12, "bidding.opening": 6}
"""Doors whose pages differ by the stage of the tender: as many of them are visited."""

KINDS = ("step", "name")
"""Arguments that choose another page of the same door."""

OF_A_ROLE = {"trading.home", "trading.my_desk", "bidding.custody", "evaluation.room"}
"""Pages that hold other things for another role: everybody's are looked at."""

FILES = {
    "api.openapi",
    "bidding.opening_record",
    "bidding.receipt_file",
    "bidding.kit",
    "bidding.auction_letter",
    "bidding.sealer_download",
    "evaluation.award_letter",
    "evaluation.bid_file",
    "evaluation.report_json",
    "evaluation.report_pdf",
    "supervision.checkpoint",
    "supervision.evidence_package",
    "supervision.log_proof",
    "supervision.log_record",
    "supervision.statistics_file",
    "supervision.statistics_part",
    "supervision.trust_policy",
    "trading.contract_file",
    "trading.document",
    "bidding.guarantee_file",
    "trading.feed",
    "trading.ics",
}
"""Doors that hand out files; a browser only saves them, so their answer is all there is to see."""

NO_AUCTION = "the crawled city holds no auction; crawled in test_crawl_auctions.py"

NOT_BY_LINKS = {
    "static": "files of pages",
    "healthz": "for the machine that watches",
    "readyz": "for the machine that watches",
    "trading.search": "answers the search form; test_the_search_form_finds",
    "identity.code": "only between password and code; needs a second factor",
    "identity.reset": "the link comes by mail",
    "identity.registered": "after a registration",
    "identity.step_up": "only in front of a binding act",
    "identity.server_time": "asked by scripts",
    "bidding.opening_state": "asked by scripts",
    "supervision.lead_page": "only where a lead was found; tested with the leads",
    "supervision.log_record": "JSON for machines; tested with the log",
    "supervision.log_tender": "JSON for machines; tested with the log",
    "supervision.log_unexplained": "JSON for machines; tested with the log",
    "evaluation.award_letter": "only for the winner of a deal with PDFs; tested with the evaluation's doors",
    "evaluation.award_page": "only after a standstill; tested with the evaluation's doors and the whole deal",
    "evaluation.explanation": "only under an abnormally low price; tested with the evaluation's doors",
    "evaluation.lock_page": "only behind a filled sheet; tested with the evaluation's doors and the whole deal",
    "evaluation.seat": "only while an invitation waits; tested with the evaluation's doors and the whole deal",
    "trading.draft": "leads on to the step of the wizard that waits",
    "bidding.auction": NO_AUCTION,
    "bidding.auction_confirm": NO_AUCTION,
    "bidding.auction_confirmation": NO_AUCTION,
    "bidding.auction_frames": NO_AUCTION,
    "bidding.auction_letter": NO_AUCTION,
    "bidding.auction_points": NO_AUCTION,
    "bidding.auction_price": "only under an abnormally low price; opened in test_auction_low_price.py",
    "bidding.auction_receipts": NO_AUCTION,
    "bidding.auction_register": NO_AUCTION,
    "bidding.auction_replay": NO_AUCTION,
    "bidding.auction_result": NO_AUCTION,
    "bidding.auction_sealed": NO_AUCTION,
    "bidding.auction_terms": NO_AUCTION,
    "bidding.rehearsal": NO_AUCTION,
}
"""Doors that no link leads to, and why. Machine doors below /api/ and /log/tile are tested elsewhere."""


@dataclass
class Walk:
    """What the crawl of all roles has seen."""

    doors: set[str] = field(default_factory=set)
    roles: set[str] = field(default_factory=set)
    checked: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def walk() -> Walk:
    return Walk()


def door(city: City, url: str) -> tuple[str, dict[str, Any]] | None:
    """Endpoint and arguments behind an address of the site, or None for other addresses."""
    if not url.startswith(city.url + "/"):
        return None
    try:
        endpoint, values = city.app.url_map.bind("localhost").match(urlsplit(url).path, method="GET")
    except HTTPException:
        return ("?", {"path": urlsplit(url).path})
    return endpoint, dict(values)


def _account(city: City, role: str) -> str:
    world = city.world
    return {
        "buyer": lambda: world.buyers[0],
        "agency": lambda: world.agents[0],
        "bidder": lambda: next(iter(city.deals[0].bids.values())),  # type: ignore[attr-defined]
        "expert": lambda: panelist_at_work(city),
        "supervisor": lambda: world.supervisors[0],
        "custodian": lambda: world.keepers["notary"],
        "operator": lambda: world.operators[0],
    }[role]().email


def _check(visitor: Visitor, where: str, rules: Rules | None) -> list[str]:
    """Everything that is wrong with the open page; without rules only what its words can push aside."""
    found = visitor.look()
    wrong = [] if rules is LAYOUT_RULES or rules is None else list(left_over(found["texts"], visitor.lang))
    if found["lang"] != visitor.lang:
        wrong.append(f"lang is {found['lang']}")
    if len(found["headings"]) != 1:
        wrong.append(f"{len(found['headings'])} h1: {found['headings']}")
    wrong += [f"not labelled: {one}" for one in found["unlabelled"]]
    if found["wide"] > 0:
        wrong.append(f"{found['wide']} px too wide: {found['outside']}")
    wrong += visitor.axe(rules) if rules is not None else []
    return [f"{where} {line}" for line in wrong]


def visit(zh: Visitor, en: Visitor, url: str) -> tuple[list[str], list[str]]:
    """Look at one page in both languages and widths; what is wrong, and where its links lead."""
    path = urlsplit(url).path
    answer = zh.page.goto(url, wait_until="load")
    assert answer is not None
    if answer.status != 200:
        return [f"{path} answered {answer.status}"], []
    zh.settle()
    links = zh.look()["links"]
    wrong = _check(zh, f"{path} zh 1440", EVERY_RULE)
    zh.resize(NARROW)
    wrong += _check(zh, f"{path} zh 390", LAYOUT_RULES)
    zh.size(WIDE)
    en.page.goto(url, wait_until="load")
    en.settle()
    wrong += _check(en, f"{path} en 1440", WORD_RULES)
    en.resize(NARROW)
    wrong += _check(en, f"{path} en 390", None)
    en.size(WIDE)
    return wrong, links


class _Links(HTMLParser):
    """Where the links of a page lead, without drawing it."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href") if tag == "a" else None
        if href:
            self.found.append(urljoin(self.url, href))


def links_of(visitor: Visitor, url: str) -> list[str]:
    reader = _Links(url)
    reader.feed(visitor.context.request.get(url).text())
    return reader.found


@pytest.mark.parametrize("role", ROLES)
def test_every_page_of_a_role_is_whole(role: str, city: City, browser: Browser, walk: Walk) -> None:
    zh, en = (Visitor(browser, city.url, lang=lang) for lang in ("zh-CN", "en"))
    if role != "public":
        for visitor in (zh, en):
            visitor.sign_in(_account(city, role), PASSWORD)
        en.page.goto("/account?lang=en")  # a choice made in this browser outlasts what the account remembers
    waiting = deque([city.url + "/"] if role == "public" else [city.url + "/desk", city.url + "/account"])
    times: Counter[str] = Counter()
    wrong: list[str] = []
    seen: set[str] = set()
    came: dict[str, str] = {}
    while waiting:
        url = waiting.popleft().partition("#")[0]
        found = door(city, url)
        if found is None or url in seen:
            continue
        seen.add(url)
        endpoint, values = found
        if endpoint == "?":
            wrong.append(f"a link leads nowhere: {values['path']}")
            continue
        key = ":".join([endpoint, *(str(values[name]) for name in KINDS if name in values)])
        if "lang=" in urlsplit(url).query or times[key] >= EVERY_STAGE.get(key, 1):
            continue
        times[key] += 1
        walk.doors.add(endpoint)
        if endpoint in FILES or urlsplit(url).path.startswith("/api/v1/"):
            status = zh.context.request.get(url).status
            wrong += [] if status == 200 else [f"{url} answered {status}"]
            continue
        if role != "public" and key in walk.checked and key not in OF_A_ROLE:
            # Looked at as a stranger, or by another role, already; here only its links count.
            waiting += links_of(zh, url)
            continue
        said, links = visit(zh, en, url)
        wrong += [
            f"{line} (linked from {came[url]})" if " answered " in line and url in came else line
            for line in said
        ]
        for link in links:
            came.setdefault(link.partition("#")[0], urlsplit(url).path)
        waiting += links
        walk.checked.add(key)
    walk.roles.add(role)
    wrong += [f"zh {line}" for line in zh.troubles] + [f"en {line}" for line in en.troubles]
    zh.close()
    en.close()

    assert list(dict.fromkeys(wrong)) == []


def test_no_page_is_left_out_of_the_crawl(city: City, walk: Walk) -> None:
    if walk.roles != set(ROLES):
        pytest.skip("only after all roles have walked in this process")
    doors = {
        rule.endpoint
        for rule in city.app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.rule.startswith(("/api/v1/", "/log/tile"))
    }

    assert sorted(doors - walk.doors - set(NOT_BY_LINKS)) == []


def test_the_search_form_finds(city: City, browser: Browser) -> None:
    visitor = Visitor(browser, city.url)
    visitor.page.goto("/notices")
    visitor.page.locator("main input[name=q]").first.fill("课桌")
    visitor.page.keyboard.press("Enter")

    visitor.page.wait_for_url("**q=*")

    assert "课桌椅采购" in visitor.page.locator("main").inner_text()
    assert visitor.troubles == []
    visitor.close()
