"""Every frame, component and problem page renders, in both languages, also without what may be missing."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from kernel import i18n
from scripts.gallery import ME, context, environment, pages

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 18, 1, 41, 26, tzinfo=UTC)
VOID = {
    "meta",
    "link",
    "input",
    "br",
    "hr",
    "img",
    "path",
    "rect",
    "circle",
    "line",
    "polyline",
    "source",
    "col",
}
ROOMS = ("ui", "forms", "data", "states")
MACROS = [
    (name, macro)
    for name in ROOMS
    for macro in re.findall(
        r"{% macro ([a-z]\w*)\(", (ROOT / f"templates/components/{name}.html").read_text(encoding="utf-8")
    )
]


def render(source: str, lang: str = "zh-CN", **given: object) -> str:
    imports = "".join(f'{{% import "components/{name}.html" as {name} with context %}}' for name in ROOMS)
    with i18n.speaking(lang):
        return environment().from_string(imports + source).render({**context(lang, NOW), **given})


class Outline(HTMLParser):
    """Checks that elements close in order and ids are given once; collects what tests ask for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == [], f"left open: {self.open}"
        assert len(self.ids) == len(set(self.ids)), f"given twice: {sorted(self.ids)}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        if (id_ := given.get("id")) is not None:
            self.ids.append(id_)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another element"


@pytest.mark.parametrize("lang", i18n.LANGS)
def test_every_specimen_page_is_well_formed(lang: str) -> None:
    for name, text in pages(lang, NOW):
        outline = Outline(text)
        assert [tag for tag, _ in outline.tags].count("h1") == (
            0 if name == "room" and "h1" not in text else 1
        ), name
        assert "main" in outline.ids, name
        assert f'<html lang="{lang}"' in text, name


def test_the_gallery_shows_every_component() -> None:
    gallery = (ROOT / "templates/components/gallery.html").read_text(encoding="utf-8")
    specimens = gallery + (ROOT / "scripts/gallery.py").read_text(encoding="utf-8")
    used_inside = {"attrs", "csrf", "lamp", "state", "simple_table", "server_clock", "qr"}
    absent = [f"{room}.{macro}" for room, macro in MACROS if f"{room}.{macro}(" not in specimens]
    assert {name.split(".")[1] for name in absent} <= used_inside, absent


def test_a_page_in_chinese_has_no_english_sentence_of_ours() -> None:
    for name, text in pages("zh-CN", NOW):
        for sentence in (
            "Server time",
            "Sign in",
            "Statutory",
            "Recorded",
            "Sealed",
            "Data table",
            "What to do",
        ):
            assert sentence not in text, name


@pytest.mark.parametrize(
    "source",
    [
        "ui.button(bad)",
        "ui.button('x', data_x=bad)",
        "ui.tag(bad)",
        "ui.notice('red', bad, bad)",
        "ui.facts([(bad, bad)])",
        "ui.breadcrumb([(bad, bad)])",
        "ui.post_button('x', '/x', confirm=bad, fields={bad: bad})",
        "forms.input('n', bad, bad, help=bad)",
        "states.state('lock', bad, bad)",
        "data.chart('c', bad, {'kind': '', 'categories': [bad], 'series': [{'name': bad, 'values': [1]}]})",
    ],
)
def test_what_people_typed_is_escaped(source: str) -> None:
    text = render("{{ " + source + " }}", bad='<script>x</script>"&')
    assert "<script>x" not in text
    Outline(text)


def test_attributes_that_are_false_or_missing_are_left_out() -> None:
    text = render('{{ ui.button("x", hidden=true, data_a=none, data_b=false, aria_label="y") }}')
    assert " hidden" in text
    assert 'aria-label="y"' in text
    assert "data-" not in text


def test_a_light_is_always_beside_a_word() -> None:
    for colour in ("g", "y", "r", "i", "n", "green", "yellow", "red", "blue", "none"):
        text = render("{{ ui.light(colour, '正常') }}", colour=colour)
        assert "正常" in text
        assert 'aria-hidden="true"' in text
    shapes = {re.search(r"sr-lamp-shape\" ([^/]*)/", render("{{ ui.lamp(c) }}", c=c))[1] for c in "gyrn"}  # type: ignore[index]
    assert len(shapes) == 4


def test_a_proof_chip_leads_to_the_log_entry() -> None:
    text = render("{{ ui.proof(18204731) }}")
    assert 'href="/supervision.log_entry/18204731"' in text
    assert "#18,204,731" in text


def test_a_hash_is_cut_for_the_eye_and_whole_for_copy_and_paper() -> None:
    value = bytes(range(32))
    text = render("{{ ui.hash(value) }}", value=value)
    assert ">00010203…1d1e1f<" in text
    assert text.count(value.hex()) == 3


def test_a_field_links_its_label_help_rule_and_error() -> None:
    given = 'forms.input("days", "工期", "2", help="h", rule="法定", rule_light="r", error="太短")'
    outline = Outline(render("{{ forms.error_summary({'days': '太短'}) }}{{ " + given + " }}"))
    field = next(attrs for tag, attrs in outline.tags if tag == "input")
    assert field["aria-invalid"] == "true"
    assert field["aria-describedby"] == "help-days rule-days error-days"
    assert set((field["aria-describedby"] or "").split()) <= set(outline.ids)
    assert any(attrs.get("for") == "field-days" for tag, attrs in outline.tags if tag == "label")
    assert any(attrs.get("href") == "#field-days" for tag, attrs in outline.tags if tag == "a")


def test_a_field_without_a_mistake_says_nothing_of_one() -> None:
    text = render('{{ forms.input("days", "工期") }}{{ forms.error_summary({}) }}')
    assert "aria-invalid" not in text
    assert "sr-error" not in text


def test_a_form_that_posts_carries_the_token() -> None:
    assert 'name="csrf_token" value="token"' in render('{{ ui.post_button("撤回", "/x", confirm="?") }}')


def test_a_cell_repeats_its_label_for_a_phone() -> None:
    text = render('{{ data.simple_table("标段", ["名称", ("限价", "right")], [["A1", "13"]]) }}')
    assert 'data-label="限价" class="sr-right"' in text


def test_a_chart_brings_its_data_table() -> None:
    spec = {
        "kind": "line",
        "unit": "%",
        "categories": ["1 月", "2 月"],
        "series": [{"name": "工程", "values": [8.1, None]}],
    }
    text = render("{{ data.chart('c', '节资率', spec) }}", spec=spec)
    assert "<td" in text
    assert "8.1</td>" in text
    assert "—</td>" in text
    assert 'type="application/json"' in text


def test_the_countdown_shows_the_instant_until_a_script_runs() -> None:
    text = render("{{ ui.countdown(now) }}", now=NOW)
    assert 'data-sr-countdown="2026-11-18T01:41:26.000Z"' in text
    assert ">2026-11-18 09:41:26<" in text


def test_a_problem_page_needs_no_more_than_a_status() -> None:
    for status in (400, 403, 404, 409, 412, 422, 429, 500, 503):
        with i18n.speaking("en"):
            given = {**context("en", NOW), "me": ME, "problem": {"status": status}}
            text = environment().get_template("problems/problem.html").render(given)
        Outline(text)
        assert "What to do" in text
        assert ("Nothing was half saved" in text) == (status >= 500)


def test_a_signed_in_person_sees_a_way_out_and_no_sign_in() -> None:
    with i18n.speaking("en"):
        page = environment().get_template("layout/public.html")
        signed_in = page.render({**context("en", NOW), "me": ME})
        stranger = page.render(context("en", NOW))
    assert "Sign out" in signed_in
    assert "Sign in" not in signed_in
    assert "Sign in" in stranger
    assert "Sign out" not in stranger


def test_a_page_that_this_house_does_not_have_is_not_linked() -> None:
    env = environment()
    env.globals["links"] = {"help": "/help"}
    with i18n.speaking("en"):
        text = env.get_template("layout/public.html").render(context("en", NOW))
    assert "Help and contact" in text
    assert "Source code" not in text
    assert 'role="search"' not in text


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        ({"status": 404}, "There is no such page"),
        ({"status": 403}, "This page is not open to you"),
        ({"status": 400, "code": "csrf"}, "This form has been open for too long"),
        ({"status": 409, "code": "bids_still_open"}, "look at the present state"),
    ],
)
def test_a_problem_has_the_page_of_its_kind(problem: dict[str, object], sentence: str) -> None:
    with i18n.speaking("en"):
        page = environment().get_template("problems/problem.html")
        assert sentence in page.render({**context("en", NOW), "problem": problem})


def test_mail_is_plain_text() -> None:
    env = environment()
    env.autoescape = False
    with i18n.speaking("zh-CN"):
        body = '{% extends "layout/mail.html" %}{% block content %}{{ "A & B" }}{% endblock %}'
        text = env.from_string(body).render(context("zh-CN", NOW))
    assert "A & B" in text
    assert "<" not in text
