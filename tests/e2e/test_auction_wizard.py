"""The buyer's page of an auction's terms: every format can be printed, and what is refused is named at its field.

Source: rules §4.1, §4.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

import tests.support.house as houses
from bidding.auction_forms import formats_for
from bidding.rules.auction import Format
from bidding.rules.auction.terms import Direction
from tests.e2e.auction_stage import Stage, WalkingClock, clean, shot
from tests.integration.auction.sale import Sale


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Stage]:
    """One house for all plays; its clock only goes forward."""
    patch = pytest.MonkeyPatch()
    patch.setattr(houses, "VirtualClock", WalkingClock)
    found = Stage(tmp_path_factory.mktemp("formats"), browser)
    patch.undo()
    yield found
    found.close()


@pytest.mark.parametrize(
    ("procedure", "regime"),
    [("reverse_auction", "GP"), pytest.param("auction", "AD", marks=pytest.mark.nightly)],
)
def test_the_wizard_prints_every_format_and_names_what_it_refuses(
    stage: Stage, procedure: str, regime: str
) -> None:
    """The rule beside each field, a refusal at its field, and the terms as the notice will print them."""
    told: dict[str, Any] = {"procedure": procedure, "regime": regime, "holders": []}
    told |= {"format": Format.BLIND_REVERSE, "printed": {}}
    if procedure == "auction":
        told |= {"format": Format.ASCENDING}
    sale = stage.sale.next(**told) if stage.sale is not None else Sale(stage.house, **told)
    stage.sale = sale
    try:
        page = stage.window(sale.buyer)
        page.goto(f"/desk/tenders/{sale.code}/lots/1/auction")
        kinds = page.locator("input[name=format][type=radio]").evaluate_all(
            "all => all.map((one) => one.value)"
        )
        for kind in kinds:
            page.goto(f"/desk/tenders/{sale.code}/lots/1/auction?format={kind}")
            look = stage.visitor(page).look()
            assert look["wide"] <= 0
            assert look["unlabelled"] == []
            if kind in ("weighted", "capped", "turn_based"):
                shot(page, f"wizard-{kind}")
                clean(stage, page)
            page.locator("form[method=post] button").last.click()
            expect(page.locator("aside dl")).to_be_visible()
            assert page.locator(f"input[name=format][value={kind}]").first.is_checked()
        page.goto(f"/desk/tenders/{sale.code}/lots/1/auction?format=weighted")
        page.locator("[name=items-0-weight]").fill("75")
        page.locator("form[method=post] button").last.click()
        expect(page.locator(".sr-error-summary")).to_contain_text("100")
        clean(stage, page)
        assert stage.troubles() == []
    finally:
        for window in stage.windows:
            window.close()
        stage.windows.clear()
    assert {*kinds} == {
        one.value for one in formats_for(Direction.UP if procedure == "auction" else Direction.DOWN)
    }
