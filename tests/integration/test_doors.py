"""A page names a door of another room by its endpoint and shows nothing where the house lacks it; a typing error must not."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.house import House

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
NAMED = re.compile(r"""\bdoor\(\s*["']([a-z_]+\.[a-z_]+)["']""")


def test_every_door_that_a_template_names_is_a_door_of_the_whole_house(house: House) -> None:
    named = {
        (name, path.relative_to(TEMPLATES).as_posix())
        for path in TEMPLATES.rglob("*.html")
        for name in NAMED.findall(path.read_text("utf-8"))
    }

    assert len({name for name, _ in named}) > 5
    assert sorted(one for one in named if one[0] not in house.app.view_functions) == []


def test_the_home_page_leads_to_the_check_in_the_browser(house: House) -> None:
    page = house.client().get("/").get_data(as_text=True)

    assert re.search(r'href="/log"[^>]*>.*?在浏览器中核验', page, re.DOTALL)
