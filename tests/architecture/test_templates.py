"""What a strict content policy and two languages ask of templates, read from their source."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import Environment

from kernel import i18n

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SPECIMENS = {"components/gallery.html"}
OURS = ("layout", "components", "problems")
HAN = re.compile(r"[\u4e00-\u9fff]")

STYLE = re.compile(r"<[^>]*\sstyle\s*=", re.IGNORECASE)
STYLE_ELEMENT = re.compile(r"<style\b", re.IGNORECASE)
HANDLER = re.compile(r"<[^>]*\son[a-z]+\s*=\s*[\"'{]", re.IGNORECASE)
SCRIPT = re.compile(r"<script\b([^>]*)>(.*?)</script>", re.IGNORECASE | re.DOTALL)
FOREIGN = re.compile(r"(?:src|href)\s*=\s*[\"'](?:https?:)?//(?!\{)", re.IGNORECASE)
JAVASCRIPT = re.compile(r"[\"']\s*javascript:", re.IGNORECASE)


def source(path: Path) -> str:
    """A template without its comments."""
    return re.sub(r"{#.*?#}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def strayed(text: str) -> list[str]:
    """The ways in which a page would break under ``style-src 'self'; script-src 'self'``."""
    found = []
    if STYLE.search(text):
        found.append("inline style")
    if STYLE_ELEMENT.search(text):
        found.append("style element")
    if HANDLER.search(text):
        found.append("inline handler")
    if JAVASCRIPT.search(text):
        found.append("javascript address")
    for attributes, body in SCRIPT.findall(text):
        if body.strip() and "application/json" not in attributes and "application/ld+json" not in attributes:
            found.append("inline script")
    if re.search(r"<(?:script|link|img)\b[^>]*" + FOREIGN.pattern, text, re.IGNORECASE):
        found.append("asset of another host")
    return found


@pytest.mark.parametrize(
    ("bad", "name"),
    [
        ('<p class="a" style="color:red">', "inline style"),
        ("<style>p{}</style>", "style element"),
        ('<button onclick="go()">', "inline handler"),
        ('<a href="javascript:go()">', "javascript address"),
        ("<script>go()</script>", "inline script"),
        ('<script src="https://cdn.example/x.js"></script>', "asset of another host"),
    ],
)
def test_each_way_of_straying_is_noticed(bad: str, name: str) -> None:
    assert strayed(bad) == [name]


def test_data_blocks_and_own_modules_are_allowed() -> None:
    assert strayed('<script type="application/json">{"a": 1}</script>') == []
    assert strayed('<script type="module" src="/static/js/a.js"></script>') == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_template_lives_with_the_strict_content_policy(path: Path) -> None:
    assert strayed(source(path)) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_form_that_posts_carries_the_token(path: Path) -> None:
    for form in re.findall(
        r"<form\b[^>]*method=[\"']post[\"'][^>]*>.*?</form>", source(path), re.IGNORECASE | re.DOTALL
    ):
        assert "csrf" in form, form[:120]


def messages(path: Path) -> set[str]:
    env = Environment(extensions=["jinja2.ext.i18n"])
    found = (text for _, _, text in env.extract_translations(path.read_text(encoding="utf-8")))
    return {text[0] if isinstance(text, tuple) else text for text in found}


@pytest.mark.parametrize("folder", OURS)
def test_the_frames_and_components_speak_chinese(folder: str) -> None:
    known = i18n.catalogue("zh-CN")
    asked = {text for path in (ROOT / "templates" / folder).rglob("*.html") for text in messages(path)}
    assert sorted(asked - known.keys()) == []


@pytest.mark.parametrize("folder", OURS)
def test_texts_for_people_come_from_the_catalogue(folder: str) -> None:
    for path in (ROOT / "templates" / folder).rglob("*.html"):
        if str(path.relative_to(ROOT / "templates")) in SPECIMENS:
            continue
        # The language switch and the line in the other language are written out on purpose.
        lines = [line for line in source(path).splitlines() if HAN.search(line) and "lang=" not in line]
        assert lines == [], path


def test_icons_that_templates_name_are_vendored() -> None:
    have = {path.stem for path in (ROOT / "static/vendor/icons").glob("*.svg")}
    for path in TEMPLATES:
        named = set(re.findall(r"icon(?:_name)?(?:\(|=)\s*[\"']([a-z0-9-]+)[\"']", source(path)))
        assert named <= have, path


def test_scripts_of_ours_need_no_eval_and_no_markup_from_text() -> None:
    for path in (ROOT / "static/js").rglob("*.js"):
        text = path.read_text(encoding="utf-8")
        for word in (
            "eval(",
            "new Function",
            ".innerHTML",
            ".outerHTML",
            "document.write",
            "insertAdjacentHTML",
        ):
            assert word not in text, f"{path.name} uses {word}"
