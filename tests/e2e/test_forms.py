"""A refused form in a browser: it says which field, and a keyboard goes on from there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest

from tests.e2e.bidding_site import Site, chromium

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(which("chromium") is None, reason="needs the distribution's Chromium"),
]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    built = Site(tmp_path)
    yield built
    built.close()


def test_what_is_to_be_corrected_is_named_and_holds_the_focus(site: Site) -> None:
    with chromium() as browser:
        page = site.context(browser, viewport={"width": 390, "height": 844}).new_page()
        page.goto("/register?lang=zh-CN")
        page.click("main form button[type=submit]")
        page.wait_for_selector(".sr-error-summary")
        told = page.locator(".sr-error-summary li").all_inner_texts()
        assert told[0].startswith("统一社会信用代码：")
        assert len(set(told)) == len(told) >= 8  # nine times the same sentence helps nobody
        assert page.evaluate("document.activeElement.className") == "sr-error-summary"

        page.goto("/sign-in?lang=en")
        page.fill("#field-email", "nobody@example.org")
        page.fill("#field-password", "not the password")
        page.click("main form button[type=submit]")
        page.wait_for_selector(".sr-notice-r")
        assert page.input_value("#field-email") == "nobody@example.org"
        assert "sr-notice-r" in page.evaluate("document.activeElement.className")
