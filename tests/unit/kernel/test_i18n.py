"""How amounts, dates and words are written in both languages."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, date, datetime, timedelta

import pytest

from kernel import i18n
from kernel.money import Money
from kernel.party import PartyName
from sealbid import jcs

AT = datetime(2026, 11, 24, 1, 30, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("yuan", "zh", "en"),
    [
        ("138260000000", "1,382.6 亿元", "¥138.26 bn"),
        ("1000000000", "10.0 亿元", "¥1.00 bn"),
        ("999999999", "100,000.00 万元", "¥1,000.00 m"),
        ("198650000", "19,865.00 万元", "¥198.65 m"),
        ("10000000", "1,000.00 万元", "¥10.00 m"),
        ("9999999.99", "9,999,999.99 元", "¥9,999,999.99"),
        ("5386000", "5,386,000 元", "¥5,386,000"),
        ("0.5", "0.50 元", "¥0.50"),
        ("0", "0 元", "¥0"),
        ("-5386000", "-5,386,000 元", "-¥5,386,000"),
    ],
)
def test_money_for_reading(yuan: str, zh: str, en: str) -> None:
    amount = Money.from_yuan(yuan)
    with i18n.speaking("zh-CN"):
        assert i18n.money(amount) == zh
    with i18n.speaking("en"):
        assert i18n.money(amount) == en


@pytest.mark.parametrize(
    ("yuan", "zh", "en"),
    [
        ("5386000", "5,386,000.00 元", "¥5,386,000.00"),
        ("99999999999999.99", "99,999,999,999,999.99 元", "¥99,999,999,999,999.99"),
        ("-0.01", "-0.01 元", "-¥0.01"),
    ],
)
def test_binding_amounts_are_exact(yuan: str, zh: str, en: str) -> None:
    with i18n.speaking("zh-CN"):
        assert i18n.yuan(Money.from_yuan(yuan)) == zh
    with i18n.speaking("en"):
        assert i18n.yuan(Money.from_yuan(yuan)) == en


def test_capitals_are_the_same_in_both_languages() -> None:
    with i18n.speaking("en"):
        assert i18n.capitals(Money.from_yuan("5386000")) == "人民币伍佰叁拾捌万陆仟元整"


def test_instants_are_written_on_the_shanghai_clock() -> None:
    with i18n.speaking("zh-CN"):
        assert i18n.datetime_text(AT) == "2026-11-24 09:30"
        assert i18n.date_text(datetime(2026, 11, 23, 16, 0, tzinfo=UTC)) == "2026-11-24"
    with i18n.speaking("en"):
        assert i18n.datetime_text(AT) == "24 Nov 2026, 09:30"
        assert i18n.time_text(AT, seconds=True) == "09:30:05"
        assert i18n.date_text(date(2026, 9, 1)) == "1 Sept 2026"
    assert i18n.iso(AT) == "2026-11-24T01:30:05.000Z"
    assert i18n.date_text(None) == "—"


@pytest.mark.parametrize(
    ("span", "zh", "en"),
    [
        (timedelta(days=15, hours=23, minutes=59), "15 天 23 小时", "15 days 23 h"),
        (timedelta(days=1), "1 天", "1 day"),
        (timedelta(days=2, minutes=5), "2 天", "2 days"),
        (timedelta(hours=3, minutes=7), "3 小时 7 分", "3 h 7 min"),
        (timedelta(minutes=5, seconds=9), "5 分 9 秒", "5 min 9 s"),
        (timedelta(seconds=0), "0 秒", "0 s"),
        (timedelta(seconds=-5), "0 秒", "0 s"),
    ],
)
def test_durations_show_their_two_largest_units(span: timedelta, zh: str, en: str) -> None:
    with i18n.speaking("zh-CN"):
        assert i18n.duration(span) == zh
    with i18n.speaking("en"):
        assert i18n.duration(span) == en


def test_months_and_weekdays_are_short() -> None:
    with i18n.speaking("zh-CN"):
        assert (i18n.month_text(date(2026, 11, 17)), i18n.weekday_text(date(2026, 11, 17))) == ("11月", "二")
    with i18n.speaking("en"):
        assert (i18n.month_text(date(2026, 11, 17)), i18n.weekday_text(date(2026, 11, 17))) == ("Nov", "Tue")


@pytest.mark.parametrize(
    ("yuan", "zh", "en"),
    [
        ("1000000000", (10**10, "亿元"), (10**8, "¥ m")),
        ("999999999.99", (10**6, "万元"), (10**8, "¥ m")),
        ("100000", (10**6, "万元"), (100, "¥")),
        ("99999.99", (100, "元"), (100, "¥")),
        ("10000000", (10**6, "万元"), (10**8, "¥ m")),
        ("10000000000", (10**10, "亿元"), (10**11, "¥ bn")),
        ("0", (100, "元"), (100, "¥")),
    ],
)
def test_a_chart_has_one_unit_of_money(yuan: str, zh: tuple[int, str], en: tuple[int, str]) -> None:
    with i18n.speaking("zh-CN"):
        assert i18n.money_unit(Money.from_yuan(yuan)) == zh
    with i18n.speaking("en"):
        assert i18n.money_unit(Money.from_yuan(yuan)) == en


def test_a_fingerprint_is_shortened_and_escaped() -> None:
    assert "01234567…abcdef" in i18n.hash_text("0123456789" * 5 + "abcdef")
    assert "<script>" not in i18n.hash_text("<script>alert(1)</script>")


@pytest.mark.parametrize(("size", "text"), [(512, "512 B"), (3400, "3.4 kB"), (12_000_000, "12.0 MB")])
def test_sizes(size: int, text: str) -> None:
    assert i18n.bytes_text(size) == text


@pytest.mark.parametrize(
    ("wishes", "lang"),
    [(["en-US", "zh"], "en"), (["fr", "zh-TW"], "zh-CN"), (["fr"], "zh-CN"), ([], "zh-CN")],
)
def test_the_browsers_wishes_choose_among_our_languages(wishes: list[str], lang: str) -> None:
    assert i18n.language_of(wishes) == lang


def test_a_refusal_is_told_in_both_languages_with_its_values_as_people_write_them() -> None:
    with i18n.speaking("zh-CN"):
        title, detail = i18n.refusal_text("bids_still_open", {"closes_at": AT})
        assert (title, "2026-11-24 09:30" in detail) == ("投标尚未截止", True)
    with i18n.speaking("en"):
        title, detail = i18n.refusal_text("bids_still_open", {"closes_at": AT})
        assert (title, "24 Nov 2026, 09:30" in detail) == ("Bidding is still open", True)


def test_a_value_the_refusal_did_not_give_is_a_dash_and_no_error() -> None:
    with i18n.speaking("en"):
        assert "-" in i18n.refusal_text("bids_still_open", {})[1]


def test_words_of_the_code_become_words_of_people() -> None:
    with i18n.speaking("zh-CN"):
        assert i18n.spell(["buyer", "supervisor"]) == "招标人、监督人员"
        assert i18n.spell("A-17") == "A-17"


NAMED = PartyName("阳光市教育局", "Sunroad Education Bureau")


@pytest.mark.parametrize(
    ("lang", "name", "english", "shown", "legal"),
    [
        ("en", NAMED, None, NAMED.en, "Sunroad Education Bureau (阳光市教育局)"),
        ("zh-CN", NAMED, None, "阳光市教育局", "阳光市教育局"),
        ("en", PartyName("阳光市教育局"), None, "阳光市教育局", "阳光市教育局"),
        ("en", "阳光市教育局", NAMED.en, NAMED.en, "Sunroad Education Bureau (阳光市教育局)"),
        ("en", NAMED, "", "阳光市教育局", "阳光市教育局"),
        ("en", PartyName(None, None), None, "", ""),
    ],
)
def test_an_organisation_has_its_english_name_on_english_pages_where_it_has_one(
    lang: str, name: str, english: str | None, shown: str, legal: str
) -> None:
    with i18n.speaking(lang):
        assert i18n.party_name(name, english) == shown
        assert i18n.legal_name(name, english) == legal
        assert type(i18n.party_name(name, english)) is str


def test_records_and_machines_take_the_registered_name() -> None:
    with i18n.speaking("en"):
        assert json.dumps({"name": NAMED}, ensure_ascii=False) == '{"name": "阳光市教育局"}'
        assert jcs.encode({"name": NAMED}) == jcs.encode({"name": "阳光市教育局"})
        assert f"{NAMED}" == "阳光市教育局"
    again = pickle.loads(pickle.dumps(NAMED))
    assert (again, again.en) == (NAMED, NAMED.en)


def test_english_has_a_form_for_one_where_it_is_written_down() -> None:
    text = "%(count)s objections wait for an answer"
    with i18n.speaking("en"):
        assert i18n.gettext(text, count=1) == "1 objection waits for an answer"
        assert i18n.gettext(text, count=2) == "2 objections wait for an answer"
    with i18n.speaking("zh-CN"):
        assert i18n.gettext(text, count=1) == "有 1 件异议待答复"
