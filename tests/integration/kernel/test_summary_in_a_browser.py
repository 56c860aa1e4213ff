"""The summary of a refused form names the fields, so that five times 请填写此项 says what is missing."""

from __future__ import annotations

from pathlib import Path

from tests.support.browser import a_browser

SCRIPT = Path(__file__).resolve().parents[3] / "static" / "js" / "ui" / "summary.js"
PAGE = """<!doctype html><html lang="{lang}"><title>x</title><body>
<div class="sr-error-summary"><ul><li><a href="#field-name">{text}</a></li><li><a href="#field-ways">{text}</a></li>
<li><a href="#field-sure">{text}</a></li><li><a href="#field-weights">{text}</a></li></ul></div>
<label class="sr-label" for="field-name">项目名称 <small>(选填)</small></label><input id="field-name">
<fieldset id="field-ways"><legend>评标办法</legend></fieldset>
<label><input type="checkbox" id="field-sure"><span>{long}</span></label></body></html>"""


def test_every_line_of_the_summary_begins_with_its_field() -> None:
    with a_browser() as browser:
        page = browser.new_page()
        page.set_content(PAGE.format(lang="zh-CN", text="请填写此项。", long="我" * 60))
        page.add_script_tag(content=SCRIPT.read_text(), type="module")
        assert page.locator("li").all_inner_texts() == [
            "项目名称：请填写此项。",
            "评标办法：请填写此项。",
            "我" * 40 + "…：请填写此项。",
            "请填写此项。",  # no such field on the page: the sentence stands alone
        ]
        page.set_content(PAGE.format(lang="en", text="Please fill this in.", long="I agree"))
        page.add_script_tag(content=SCRIPT.read_text(), type="module")
        assert page.locator("li").first.inner_text() == "项目名称: Please fill this in."
