"""Public pages keep what was asked; sales are drafted like purchases."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kernel.errors import NotValid
from tests.integration.trading.city import City
from trading import actions
from trading.models import Tender


def test_changing_the_language_keeps_the_search(house: Any) -> None:
    page = house.client().get("/notices?q=%E9%81%93%E8%B7%AF&kind=notice&lang=zh-CN").text

    assert 'href="?q=%E9%81%93%E8%B7%AF&amp;kind=notice&amp;lang=en"' in page


def test_a_sale_by_auction_is_drafted_and_waits_for_the_rules_of_its_lots(city: City) -> None:
    buyer = city.house.client(city.buyer)
    page = f"/desk/projects/{city.project(category='land').id}/tenders/new"
    form = {"title": "临江区地块出让", "regime": "LA", "procedure": "listing", "category": "land"}

    foreign = buyer.post(page, data=form | {"regime": "TM"})
    made = buyer.post(page, data=form)

    assert foreign.status_code == 422
    assert made.status_code == 303
    code = made.location.split("/")[-2]
    assert "-TD-" in code
    terms = buyer.get(f"/desk/tenders/{code}/terms?lang=en").text
    assert "An auction decides" in terms
    assert "Points for the price" not in terms
    assert buyer.post(f"/desk/tenders/{code}/terms", data={"method": "comprehensive"}).status_code == 404


def test_a_comparison_is_drafted_with_terms_of_price_alone(city: City) -> None:
    buyer = city.house.client(city.buyer)
    page = f"/desk/projects/{city.project(category='goods').id}/tenders/new"
    form = {"title": "办公家具比价采购", "regime": "SM", "procedure": "comparison", "category": "goods"}
    foreign = buyer.post(page, data=form | {"regime": "GP"})
    made = buyer.post(page, data=form)
    assert foreign.status_code == 422
    assert made.status_code == 303
    desk = f"/desk/tenders/{made.location.split('/')[-2]}"
    shown = buyer.get(f"{desk}/terms?lang=en").text
    assert "The price alone decides" in shown
    assert "Seats of the panel" not in shown
    terms = {"min_bids": "2", "ties": "buyer", "floor": "1,000.00", "period_days_max": "30"}
    assert buyer.post(f"{desk}/terms", data=terms | {"ties": "friend"}).status_code == 422
    assert buyer.post(f"{desk}/terms", data=terms).location == f"{desk}/dates"
    again = buyer.get(f"{desk}/terms?lang=en").text
    assert 'value="1000.00"' in again
    assert 'value="buyer" selected' in again


def test_a_draft_saves_itself_and_says_when_somebody_else_was_faster(city: City) -> None:
    house, browser = city.house, city.house.client(city.buyer)
    tender = city.draft("自动保存工程")
    desk, quietly = f"/desk/tenders/{tender.code}", {"Accept": "application/json"}
    basics = {
        "title": "自动保存工程（二期）",
        "regime": "TM",
        "category": "works",
        "region": "望岭县",
        "place": "东湖",
        "summary": "提标改造",
        "qualification": "一级",
        "contact_name": "王工",
        "contact_phone": "0990-1",
        "version": str(tender.version),
    }

    page = browser.get(f"{desk}/basics").text
    assert f'data-sr-autosave="{desk}/basics"' in page
    assert "data-sr-autosave-line" in page
    saved = browser.post(f"{desk}/basics", data=basics, headers=quietly)
    assert saved.json == {"version": tender.version + 1}
    with house.read() as session:
        assert session.get_one(Tender, tender.id).title == "自动保存工程（二期）"
    late = browser.post(f"{desk}/basics", data=basics | {"title": "别人的标题"}, headers=quietly)
    assert (late.status_code, late.json["code"]) == (412, "draft_changed")
    mine = browser.post(f"{desk}/basics", data=basics | {"title": "我的标题", "go": "stay"})
    assert mine.status_code == 412
    assert "我的标题" in mine.text, "nothing typed is lost"
    assert f'href="{desk}/basics" target="_blank"' in mine.text, "the saved version to compare with"
    assert f'name="version" value="{tender.version + 1}"' in mine.text, "saving once more decides"
    broken = basics | {"version": str(tender.version + 1), "summary": ""}
    no = browser.post(f"{desk}/basics", data=broken, headers=quietly)
    assert (no.status_code, no.json["field"]) == (422, "summary")
    now = basics | {"version": str(tender.version + 1)}
    assert browser.post(f"{desk}/basics", data=now).location == f"{desk}/lots", "the button still goes on"


def test_a_panel_that_no_law_allows_is_refused_in_the_wizard_and_at_the_notice(city: City) -> None:
    house, browser = city.house, city.house.client(city.buyer)
    tender = city.draft("四人评标工程")
    desk = f"/desk/tenders/{tender.code}"
    terms = {
        "method": "comprehensive",
        "price_weight": "60",
        "k": "0.95",
        "specialty": "civil",
        "factor-0-name": "方案",
        "factor-0-max": "40",
        "review-0-name": "签章",
        "review-0-clause": "3.1",
        "seats": "4",
        "buyer_seats": "1",
    }
    answer = browser.post(f"{desk}/terms", data=terms)
    assert answer.status_code == 422
    assert "现为 4 人，须为 5 人以上单数。" in answer.text
    shown = browser.get(f"{desk}/terms").text
    assert "专家库专业" in shown, "nobody has to guess the words of the roster"
    assert "civil" in shown
    with house.read() as session:
        row = session.get_one(Tender, tender.id)
        printed = dict(row.terms, panel=dict(row.terms["panel"], seats=4))
    with house.begin(house.actor(city.buyer)) as work:
        actions.change_draft(work, tender.id, terms=printed)
    assert "评标委员会 4 人，须为 5 人以上单数" in browser.get(f"{desk}/review").text
    with house.begin(house.actor(city.buyer)) as work, pytest.raises(NotValid, match="panel_size"):
        actions.publish_notice(work, tender.id)


def test_the_mail_address_of_a_notice_is_one(city: City) -> None:
    browser, tender = city.house.client(city.buyer), city.draft("联系邮箱工程")
    basics = {
        "title": "联系邮箱工程",
        "regime": "TM",
        "category": "works",
        "region": "望岭县",
        "place": "东湖",
        "summary": "提标改造",
        "qualification": "一级",
        "contact_name": "王工",
        "contact_phone": "0990-1",
    }
    page = f"/desk/tenders/{tender.code}/basics"
    assert browser.post(page, data=basics | {"contact_email": "no mail"}).status_code == 422
    assert browser.post(page, data=basics | {"contact_email": "wang@example.org"}).status_code == 303
    assert browser.post(page, data=basics | {"contact_email": ""}).status_code == 303


def test_the_summary_of_a_refused_correction_leads_to_fields_that_are_there(city: City) -> None:
    browser, tender = city.house.client(city.buyer), city.draft("更正工程")
    with city.house.begin(city.house.actor(city.buyer)) as work:
        actions.publish_notice(work, tender.id)
    page = browser.post(f"/desk/tenders/{tender.code}/corrections", data={"bids_close_at": "soon"}).text
    links = re.findall(r'href="#(field-[a-z_]+)"', page)
    assert sorted(links) == ["field-affects_bids", "field-bids_close_at", "field-text"]
    assert [one for one in links if page.count(f'id="{one}"') != 1] == []
