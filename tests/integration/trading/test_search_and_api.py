"""Searching by Chinese words on both databases, the feeds in commit order, open data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest
from werkzeug.datastructures import MultiDict

from kernel.ledger import sequencer
from kernel.money import Money
from tests.integration.trading.city import City
from tests.support.house import House
from trading import search
from trading.queries import Filter, count_notices, notices

TITLES = ("望岭县青溪大桥施工", "市图书馆古籍数字化设备", "老旧小区改造二标段")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def searched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    url = ""
    folder: Path = tmp_path_factory.mktemp("searched")
    if request.param == "postgresql":
        from tests.support import services

        sockets = request.getfixturevalue("pg_cluster")
        with services.postgres_database(sockets, "trading_search") as url:
            house = House(folder, url)
            yield _filled(house)
            house.close()
        return
    house = House(folder, url)
    yield _filled(house)
    house.close()


def _filled(house: House) -> City:
    city = City(house)
    for title in TITLES:
        city.tender(title)
    return city


def _found(city: City, text: str, cap: int | None = None) -> set[str]:
    with city.house.app.test_request_context("/"), city.house.read() as session:
        return {line.tender_title for line in notices(session, Filter(q=text)).items}


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("大桥", {TITLES[0]}),
        ("古籍", {TITLES[1]}),
        ("小区改造", {TITLES[2]}),
        ("籍", {TITLES[1]}),
        ("大桥 望岭", {TITLES[0]}),
        ("大桥 古籍", set()),
        ("桥大", set()),
        ("道路", set(TITLES)),
        ("SR2026", set(TITLES)),
        ("", set(TITLES)),
        ('" OR 1=1 --', set()),
        ("!!!", set()),
    ],
)
def test_words_of_two_characters_are_found_and_others_are_not(
    searched: City, text: str, hits: set[str]
) -> None:
    assert _found(searched, text) == hits


@pytest.mark.parametrize("text", ["大桥", "道路", "桥", "大桥 古籍", "桥大"])
def test_common_words_walk_the_dates_and_find_the_same(
    searched: City, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_index = _found(searched, text)
    monkeypatch.setattr(search, "CAP", 0)

    assert _found(searched, text) == by_index


def test_filters_narrow_and_the_count_is_capped(searched: City, monkeypatch: pytest.MonkeyPatch) -> None:
    with searched.house.read() as session:
        assert count_notices(session, Filter()) == (3, False)
        assert count_notices(session, Filter(regime="GP")) == (0, False)
        assert count_notices(session, Filter(stage="tendering", region="望岭", business="construction")) == (
            3,
            False,
        )
        assert count_notices(session, Filter(least=Money.from_yuan("66000000"))) == (3, False)
        assert count_notices(session, Filter(most=Money.from_yuan("65999999.99"))) == (0, False)
        monkeypatch.setattr("trading.queries.COUNT_CAP", 2)
        assert count_notices(session, Filter()) == (2, True)


def test_a_filter_that_cannot_be_read_is_named_and_the_rest_still_counts(searched: City) -> None:
    answer = searched.house.client().get("/notices?q=大桥&since=gestern&least=abc")

    assert answer.status_code == 200
    assert "sr-error-summary" in answer.text
    assert 'value="gestern"' in answer.text
    assert TITLES[0] in answer.text
    assert TITLES[1] not in answer.text


def test_pages_of_notices_follow_each_other_without_gaps(searched: City) -> None:
    with searched.house.read() as session:
        seen: list[str] = []
        cursor = ""
        for _ in range(5):
            with searched.house.app.test_request_context(
                f"/notices?after={cursor}" if cursor else "/notices"
            ):
                page = notices(session, Filter(), size=1)
            seen += [line.tender_title for line in page.items]
            if page.next is None:
                break
            cursor = page.next
    assert seen == list(reversed(TITLES))


def test_the_feed_of_notices_is_in_the_order_of_the_log_and_can_be_followed(searched: City) -> None:
    browser = searched.house.client()
    offset, found = 0, []
    for _ in range(10):
        page = browser.get(f"/api/v1/notices?offset={offset}&limit=1").json
        assert page is not None
        found += page["items"]
        offset = page["next_page"]["offset"]
        if not page["items"]:
            break

    indexes = [item["log_index"] for item in found]
    assert [item["title"].split()[0] for item in found] == list(TITLES)
    assert indexes == sorted(set(indexes))
    before = offset
    assert browser.get(f"/api/v1/notices?offset={before}").json["next_page"]["offset"] == before  # type: ignore[index]
    searched_codes = {item["tender"] for item in browser.get("/api/v1/tenders/modified").json["items"]}  # type: ignore[index]
    assert searched_codes == {item["tender"] for item in found}


def test_changes_tell_nothing_of_drafts_questions_or_bids(city: City) -> None:
    from trading import actions

    tender, house = city.tender(), city.house
    draft = city.draft("秘密草稿")
    with house.begin(house.actor(city.bidder)) as work:
        actions.ask_question(work, tender.id, "会有人看到吗？")
    sequencer.sequence(house.platform)

    items = house.client().get("/api/v1/tenders/modified?limit=500").json["items"]  # type: ignore[index]

    assert draft.code not in {item["tender"] for item in items}
    assert not {item["fact"] for item in items} & {"trading.question.asked", "trading.objection.filed"}
    assert all(item["fact"].startswith("trading.") for item in items)


def test_a_tender_its_files_and_its_notice_are_machine_readable(searched: City) -> None:
    browser = searched.house.client()
    listed = browser.get("/api/v1/tenders?limit=2")
    assert listed.json is not None
    assert [item["title"] for item in listed.json["items"]] == [TITLES[2], TITLES[1]]
    assert 'rel="next"' in listed.headers["Link"]
    code = listed.json["items"][0]["code"]
    tender = browser.get(f"/api/v1/tenders/{code}").json
    assert tender is not None
    assert [lot["ceiling"] for lot in tender["lots"]] == ["33000000.00"] * 2
    files = browser.get(f"/api/v1/tenders/{code}/documents").json["items"]  # type: ignore[index]
    data = browser.get(files[0]["url"].removeprefix("http://localhost")).data
    assert hashlib.sha256(data).hexdigest() == files[0]["sha256"]
    notice = browser.get(f"/api/v1/notices/{tender['notices'][0]['id']}").json
    assert notice is not None
    from sealbid import jcs

    assert hashlib.sha256(jcs.encode(notice["body"])).hexdigest() == notice["digest"]
    assert notice["body"]["buyer"]["name"] == tender["buyer"]


def test_an_ocds_release_has_exact_amounts_and_what_the_standard_requires(searched: City) -> None:
    browser = searched.house.client()
    code = browser.get("/api/v1/tenders").json["items"][0]["code"]  # type: ignore[index]

    package = json.loads(browser.get(f"/api/v1/tenders/{code}/ocds").data, parse_float=Decimal)

    assert {"uri", "version", "publishedDate", "publisher", "releases"} <= package.keys()
    (release,) = package["releases"]
    assert {"ocid", "id", "date", "tag", "initiationType"} <= release.keys()
    assert release["tender"]["value"] == {"amount": Decimal("66000000.00"), "currency": "CNY"}
    assert release["tender"]["status"] == "active"


def test_the_atom_feed_is_well_formed_and_names_every_notice(searched: City) -> None:
    answer = searched.house.client().get("/notices.atom?q=大桥")
    root = ElementTree.fromstring(answer.data)
    atom = "{http://www.w3.org/2005/Atom}"

    assert [entry.findtext(f"{atom}title") for entry in root.iter(f"{atom}entry")] == [
        f"{TITLES[0]} 招标公告"
    ]
    assert searched.house.client().get("/notices.atom", headers={"If-None-Match": "x"}).status_code == 200


def test_rows_of_factors_are_read_in_their_order() -> None:
    from trading.forms import rows_of, single_fields

    posted = MultiDict(
        {"method": "gp_lowest", "specialty": "x", "factor-1-name": "b", "factor-0-name": "a", "other": "y"}
    )

    assert set(single_fields(posted)) == {"method", "specialty"}
    assert [row["name"] for row in rows_of(posted, "factor", ("name",))] == ["a", "b"]
