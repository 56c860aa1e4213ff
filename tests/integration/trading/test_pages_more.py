"""Public pages keep what was asked; sales are drafted like purchases."""

from __future__ import annotations

from typing import Any

from tests.integration.trading.city import City


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
