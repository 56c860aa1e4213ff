"""Trading data: the page, its files and its machine door."""

from __future__ import annotations

import csv
import io
import random
import re
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from kernel.calendar import local_date
from simulation import figures
from supervision.rules import statistics as rules
from supervision.statistics_queries import LASTING
from supervision.statistics_tables import TABLES
from tests.integration.supervision.conftest import City
from tests.integration.supervision.trade import NOW, SECOND, YESTERDAY, deal, fill, of
from tests.support.house import House


@pytest.fixture(scope="module")
def trade(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A house with two years of trade that tests only read."""
    house = House(tmp_path_factory.mktemp("trade"))
    until = local_date(house.clock.now()) - rules.DAY
    fill(house, *figures.years(random.Random(5), until=until, a_year=150))
    yield house
    house.close()


def page(house: House, query: str = "", lang: str = "zh-CN") -> str:
    answer = house.app.test_client().get(f"/statistics{query}", headers={"Accept-Language": lang})
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        (
            "zh-CN",
            (
                "2026 年交易数据",
                "数据截至 2026-11-22 24:00",
                "较上年同期 ↑",
                "* 11月截至 22 日",
                "中位数",
                "该条件",
            ),
        ),
        (
            "en",
            (
                "Trading data of 2026",
                "Counted until 22 Nov 2026 24:00",
                "Year on year ↑",
                "* Nov up to the 22",
                "Median",
                "No deal",
            ),
        ),
    ],
)
def test_the_page_shows_figures_in_both_languages(trade: House, lang: str, words: tuple[str, ...]) -> None:
    text = page(trade, lang=lang)

    assert [word for word in words[:-1] if word not in text] == []
    assert words[-1] not in text


def test_the_page_needs_no_script_or_style_of_its_own(trade: House) -> None:
    answer = trade.app.test_client().get("/statistics")

    assert "require-trusted-types-for 'script'" in answer.headers["Content-Security-Policy"]
    assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]
    assert re.findall(r"\sstyle=|<style|<script(?![^>]*\ssrc=)|\son[a-z]+=", answer.text) == []


def test_every_chart_has_its_table_definition_and_file(trade: House) -> None:
    text = page(trade)

    for name in TABLES:
        assert f'id="{name}"' in text
        assert f'href="/statistics/{name}.csv?year=2026"' in text
    assert text.count("<summary>数据表") == len(TABLES)
    assert text.count("<summary>口径") == len(TABLES)
    assert 'href="/statistics.csv?year=2026"' in text


def test_the_partial_month_is_hatched_and_whole_years_have_none(trade: House) -> None:
    assert "url(#st-hatch)" in page(trade)
    assert "url(#st-hatch)" not in page(trade, "?year=2025")


def test_tables_stand_open_where_they_are_asked_for(trade: House) -> None:
    assert "<details open" not in page(trade)
    assert page(trade, "?view=tables").count("<details open") == len(TABLES)


def test_filters_live_in_the_address_and_reach_the_files(trade: House) -> None:
    text = page(trade, "?business=procurement&region=临江区")

    assert '<option value="procurement" selected>' in text
    assert '<option value="临江区" selected>' in text
    assert "/statistics.csv?year=2026&amp;business=procurement&amp;region=" in text
    assert 'href="/statistics">重置' in text
    assert "重置" not in page(trade)


def test_an_empty_filter_keeps_its_axes_and_says_so(house: House) -> None:
    fill(house, deal("2026-03-03", region="向阳区"))

    text = page(house, "?business=mining")

    assert "该条件下没有成交" in text
    assert text.count('class="st-base"') >= 9
    assert "11月*" in text


def test_a_house_without_any_deal_answers(house: House) -> None:
    text = page(house)

    assert "该条件下没有成交" in text
    assert "较上年同期 —" in text


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("year=1999", "year"),
        ("year=2031", "year"),
        ("year=last", "year"),
        ("business=fish", "business"),
        ("region=月球", "region"),
        (f"region={'长' * 41}", "region"),
        ("view=3d", "view"),
    ],
)
def test_a_wrong_filter_is_told_in_both_languages_and_left_out(trade: House, query: str, field: str) -> None:
    for lang, words in (("zh-CN", "有一项筛选未采用"), ("en", "A filter was left out")):
        text = page(trade, f"?{query}", lang)
        assert words in text
        assert f'href="#field-{field}"' in text
    shown = re.search(r"<b>([\d,]+)</b>", page(trade, f"?{query}"))
    whole = re.search(r"<b>([\d,]+)</b>", page(trade))
    assert shown is not None
    assert whole is not None
    assert shown[1] == whole[1]


def test_the_other_filters_still_count_beside_a_wrong_one(trade: House) -> None:
    text = page(trade, "?year=1999&business=procurement")

    assert '<option value="procurement" selected>' in text
    assert "有一项筛选未采用" in text


@pytest.mark.parametrize("query", ["year=1999", "business=fish", "region=月球"])
def test_a_file_refuses_a_wrong_filter(trade: House, query: str) -> None:
    client = trade.app.test_client()
    for address in ("/statistics.csv", "/statistics/months.csv"):
        answer = client.get(f"{address}?{query}", headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json["code"]) == (422, "form_invalid")
        assert answer.json["field"] == query.partition("=")[0]
    zh, en = (
        client.get("/statistics.csv?year=1999", headers={"Accept-Language": lang}).text
        for lang in ("zh-CN", "en")
    )
    assert "没有这一年的数据" in zh
    assert "There is no data of this year" in en


def rows_of(answer: Any) -> list[dict[str, str]]:
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.data.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))


@pytest.mark.parametrize("name", TABLES)
def test_each_file_holds_its_table(trade: House, name: str) -> None:
    answer = trade.app.test_client().get(f"/statistics/{name}.csv")
    found = of(trade, trade.clock.now())

    rows = rows_of(answer)

    assert "attachment" in answer.headers["Content-Disposition"]
    assert len(rows) == len(TABLES[name](found).rows)
    assert all(None not in row.values() for row in rows)


def test_files_hold_exact_yuan(trade: House) -> None:
    client = trade.app.test_client()
    found = of(trade, trade.clock.now())

    months = rows_of(client.get("/statistics/months.csv"))
    whole = rows_of(client.get("/statistics.csv"))

    fen = sum(int(row["amount_yuan"].replace(".", "")) for row in months)
    assert fen == found.now.fen
    assert [row["value"] for row in whole if row["measure"] == "counted_until"] == [
        "2026-11-22T16:00:00.000Z"
    ]
    assert {row["table"] for row in whole} == {"asked", *TABLES}


def test_machines_get_the_same_tables_in_any_language(trade: House) -> None:
    client = trade.app.test_client()

    zh, en = (
        client.get("/api/v1/statistics?business=procurement", headers={"Accept-Language": lang}).json
        for lang in ("zh-CN", "en")
    )

    assert zh == en
    assert (zh["year"], zh["last_day"], zh["compared_last_day"]) == (2026, "2026-11-22", "2025-11-22")
    assert [one["name"] for one in zh["tables"]] == list(TABLES)
    for one in zh["tables"]:
        file = client.get(f"/statistics/{one['name']}.csv?business=procurement").data.decode("utf-8-sig")
        assert list(csv.reader(io.StringIO(file))) == [one["columns"], *one["rows"]]


@pytest.mark.parametrize("query", ["year=1999", "business=fish", "region=月球", "color=red"])
def test_machines_are_refused_a_wrong_filter(trade: House, query: str) -> None:
    answer = trade.app.test_client().get(f"/api/v1/statistics?{query}")

    assert (answer.status_code, answer.json["code"]) == (422, "form_invalid")
    assert answer.json["field"] == query.partition("=")[0]


def test_there_is_no_file_of_an_unknown_table(trade: House) -> None:
    assert trade.app.test_client().get("/statistics/nothing.csv").status_code == 404


def test_a_name_is_never_a_formula_and_always_text(house: House) -> None:
    fill(house, deal("2026-03-03", region='=HYPERLINK("x")'), deal("2026-03-03", region="<b>区"))

    written = house.app.test_client().get("/statistics/districts.csv").data.decode("utf-8-sig")

    names = {row[0] for row in csv.reader(io.StringIO(written))}
    assert names == {"region", '\'=HYPERLINK("x")', "<b>区"}
    assert "<b>区" not in page(house)
    assert "&lt;b&gt;区" in page(house)


def test_figures_are_kept_for_a_while_and_say_when_they_were_computed(house: House) -> None:
    fill(house, deal("2026-03-03"))
    client = house.app.test_client()
    first = client.get("/statistics").text
    fill(house, deal("2026-03-04"), start=100)

    house.clock.move(house.clock.now() + LASTING - SECOND)
    kept = client.get("/statistics").text
    house.clock.move(house.clock.now() + SECOND)
    fresh = client.get("/statistics").text

    def shown(text: str) -> tuple[str, str]:
        said = re.search(r"24:00，(.*?) 由记录算出", text)
        count = re.search(r"<b>([\d,]+)</b>", text)
        assert said is not None
        assert count is not None
        return said[1], count[1]

    assert shown(first)[1] == "1"
    assert shown(kept) == shown(first)
    assert shown(fresh)[1] == "2"
    assert shown(fresh)[0] != shown(first)[0]


def test_the_number_of_queries_does_not_grow(house: House) -> None:
    def asked() -> int:
        count = 0

        def note(*_: object) -> None:
            nonlocal count
            count += 1

        house.app.extensions.pop("sunroad.statistics", None)
        sa.event.listen(house.platform.database.reader, "before_cursor_execute", note)
        house.app.test_client().get("/statistics")
        sa.event.remove(house.platform.database.reader, "before_cursor_execute", note)
        return count

    fill(house, deal("2026-03-03"))
    few = asked()
    fill(house, *figures.years(random.Random(5), until=YESTERDAY, a_year=60), start=100)

    assert asked() == few
    assert few <= 10


def test_menu_home_and_footer_lead_here(trade: House) -> None:
    home = trade.app.test_client().get("/").text

    assert home.count('href="/statistics"') >= 4
    assert "公开数据" in home
    assert "全部交易数据" in home


def test_a_deal_made_by_the_platform_itself_is_counted(city: City) -> None:
    city.tender("awarded")
    client = city.house.app.test_client()
    before = rows_of(client.get("/statistics/figures.csv"))[0]
    city.house.clock.move(city.house.clock.now() + timedelta(days=1))

    after = rows_of(client.get("/statistics/figures.csv"))[0]

    assert before["deals"] == "0"  # today is not over
    assert (after["deals"], after["mean_bidders"], after["single_percent"]) == ("1", "4.0000", "0.0000")
    assert Fraction(after["amount_yuan"]) < 66_000_000
    assert Fraction(after["saving_percent"]) > 0


def test_statistics_say_nothing_of_bids_before_their_opening(city: City) -> None:
    city.tender("bids_in")
    city.house.clock.move(city.house.clock.now() + timedelta(days=1))

    rows = rows_of(city.house.app.test_client().get("/statistics.csv"))

    assert {row["value"] for row in rows if row["measure"] in ("deals", "openings")} <= {"0"}


def test_the_kept_figures_are_bounded(house: House, tmp_path: Path) -> None:
    from supervision.statistics_queries import KEPT_MOST, Kept

    kept = Kept()
    for number in range(KEPT_MOST + 10):
        kept.get(number, NOW, object)
    made: list[int] = []

    kept.get(0, NOW, lambda: made.append(0))
    kept.get(KEPT_MOST + 9, NOW, lambda: made.append(1))

    assert made == [0]  # the oldest had gone, the newest was there
