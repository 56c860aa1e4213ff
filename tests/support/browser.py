"""One headless browser for a test run, and what every page of ours must satisfy in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Response,
    expect,
    sync_playwright,
)

from kernel.i18n import catalogue
from tests.support.services import CHROMIUM_FLAGS, chromium

PATIENCE = 40_000
"""Milliseconds for anything a page has to show: a busy machine is no failure."""
expect.set_options(timeout=PATIENCE)
WIDE, NARROW = (1440, 900), (390, 844)
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

WATCH_POLICY = """addEventListener('securitypolicyviolation', (event) =>
  console.error(`content policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));"""

Rules = dict[str, Any]
EVERY_RULE: Rules = {"runOnly": AXE_TAGS}
LAYOUT_RULES: Rules = {"runOnly": {"type": "rule", "values": ["target-size", "scrollable-region-focusable"]}}
"""What the width of the window changes; names and colours stay the same."""
WORD_RULES: Rules = {
    "runOnly": {
        "type": "rule",
        "values": [
            "aria-command-name",
            "aria-dialog-name",
            "aria-input-field-name",
            "aria-meter-name",
            "aria-progressbar-name",
            "aria-toggle-field-name",
            "aria-tooltip-name",
            "area-alt",
            "button-name",
            "document-title",
            "empty-heading",
            "empty-table-header",
            "frame-title",
            "html-has-lang",
            "html-lang-valid",
            "image-alt",
            "input-button-name",
            "input-image-alt",
            "label",
            "link-name",
            "object-alt",
            "role-img-alt",
            "select-name",
            "summary-name",
            "svg-img-alt",
            "valid-lang",
        ],
    }
}
"""What the language changes: names. The page's structure, roles and colours stay the same."""

TWO_FRAMES = (
    "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
)

RUN_AXE = """async (rules) => {
  const found = await axe.run({ exclude: ['#swagger-ui'] }, { ...rules, resultTypes: ['violations'] });
  return found.violations.flatMap(({ id, nodes }) => nodes.map((node) =>
    `${id}: ${node.html.slice(0, 160)} (${(node.any[0] ?? node.all[0] ?? node.none[0])?.message ?? ''})`));
}"""

LOOK = r"""() => {
  const shown = (node) => node.checkVisibility({ visibilityProperty: true });
  const wide = document.scrollingElement.scrollWidth - innerWidth;
  const outside = wide <= 0 ? [] : [...document.querySelectorAll('body *')]
    .filter((node) => shown(node) && node.getBoundingClientRect().right > innerWidth + 0.5)
    .slice(-3).map((node) => node.outerHTML.slice(0, 120));
  const controls = [...document.querySelectorAll('input:not([type=hidden]), select, textarea')].filter(shown);
  const named = (node) => node.labels?.length || node.getAttribute('aria-label') || node.getAttribute('aria-labelledby');
  const texts = [];
  const apart = 'script, style, template, code, pre, kbd, samp, svg, .sr-mono, [lang] [lang], #swagger-ui';
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.data.trim().replace(/\s+/g, ' ');
    const home = node.parentElement;
    if (text && !home.closest(apart) && !home.closest('body [lang]')) texts.push(text);
  }
  for (const name of ['aria-label', 'placeholder', 'title', 'alt'])
    for (const node of document.querySelectorAll(`[${name}]`))
      if (!node.closest('body [lang]')) texts.push(node.getAttribute(name).trim());
  texts.push(document.title.split(' · ')[0]);
  return {
    lang: document.documentElement.lang, title: document.title, wide, outside,
    headings: [...document.querySelectorAll('h1')].filter(shown).map((one) => one.textContent.trim()),
    unlabelled: controls.filter((node) => !named(node)).map((node) => node.outerHTML.slice(0, 120)),
    links: [...document.querySelectorAll('a[href]')].map((one) => one.href), texts,
  };
}"""


@contextmanager
def a_browser(lang: str = "") -> Iterator[Browser]:
    """Debian's Chromium without a window; ``lang`` is the language of its own controls.

    Raises ``services.Missing`` when there is none.
    """
    path = chromium()
    args = [*CHROMIUM_FLAGS, *([f"--lang={lang}"] if lang else [])]
    env = {**os.environ, "LANGUAGE": lang.replace("-", "_")} if lang else None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=args, env=env)
        try:
            yield browser
        finally:
            browser.close()


class Visitor:
    """A browser profile of one person in one language, and everything that went wrong in it.

    Args:
        base: address of the site; whatever fails below it counts.
        lang: ``zh-CN`` or ``en``, as the browser asks for it.
    """

    def __init__(
        self, browser: Browser, base: str, *, lang: str = "zh-CN", size: tuple[int, int] = WIDE, **more: Any
    ) -> None:
        self.base, self.lang = base, lang
        self.context: BrowserContext = browser.new_context(
            base_url=base,
            locale=lang,
            viewport={"width": size[0], "height": size[1]},
            reduced_motion="reduce",
            **more,
        )
        self.context.add_init_script(WATCH_POLICY)
        self.context.set_default_timeout(PATIENCE)
        self.troubles: list[str] = []
        self.expected: list[re.Pattern[str]] = []
        self.page = self.open()

    def open(self) -> Page:
        page = self.context.new_page()
        page.on("console", self._said)
        page.on("pageerror", lambda error: self._trouble(page.url, f"script: {error}"))
        page.on("response", self._answered)
        return page

    def expect_trouble(self, pattern: str) -> None:
        """A refusal that the test provokes is no trouble."""
        self.expected.append(re.compile(pattern))

    def _trouble(self, where: str, what: str) -> None:
        line = f"{where.removeprefix(self.base)}: {what}"
        if not any(one.search(line) for one in self.expected):
            self.troubles.append(line)

    def _said(self, message: ConsoleMessage) -> None:
        # An answer of 4xx is judged by whoever asked for it; the console only repeats it.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self._trouble(message.page.url if message.page else "", f"console: {message.text}")

    def _answered(self, response: Response) -> None:
        if not response.url.startswith(self.base):
            self._trouble(response.url, "a request left the site")
        elif response.status >= 500 or (response.status == 404 and "/static/" in response.url):
            self._trouble(response.url, f"answered {response.status}")

    def sign_in(self, email: str, password: str) -> Visitor:
        """Through the real form."""
        self.page.goto("/sign-in")
        self.page.locator("input[name=email]").fill(email)
        self.page.locator("input[name=password]").fill(password)
        with self.page.expect_navigation():
            self.page.locator("form[action^='/sign-in'] button:not([type=button])").first.click()
        assert "/sign-in" not in self.page.url, self.page.locator("main").inner_text()
        return self

    def resize(self, size: tuple[int, int]) -> None:
        self.size(size)
        self.page.evaluate(TWO_FRAMES)  # styles for the new width come with the next frame

    def size(self, size: tuple[int, int]) -> None:
        """Of the window that the next page opens in."""
        self.page.set_viewport_size({"width": size[0], "height": size[1]})

    def settle(self) -> None:
        """Until scripts and fonts are there; live pages poll, so the network is never asked to be silent."""
        self.page.wait_for_load_state("load")
        self.page.evaluate("() => document.fonts.ready.then(() => true)")
        if self.page.locator("#swagger-ui").count():
            self.page.locator("#swagger-ui h1").first.wait_for()

    def axe(self, rules: Rules = EVERY_RULE) -> list[str]:
        """Accessibility findings of the page, as lines."""
        if not self.page.evaluate("typeof axe === 'object'"):
            self.page.evaluate(_axe_source())
        found: list[str] = self.page.evaluate(RUN_AXE, rules)
        return found

    def look(self) -> dict[str, Any]:
        """What can be said about the page without judging it."""
        found: dict[str, Any] = self.page.evaluate(LOOK)
        return found

    def close(self) -> None:
        self.context.close()


@cache
def _axe_source() -> str:
    return AXE.read_text("utf-8")


# ---------- words in the wrong language ----------
_SENTENCE = re.compile(r"\b[A-Za-z]{2,}(?: [A-Za-z][a-z'-]*){2,}")
_CODE = re.compile(r"[a-z]{2,}(?:[_.][a-z]{2,})+")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")

NAMES = frozenset(
    {"Sunroad", "English", "中文", "JSON", "OCDS", "PDF", "CSV", "EN", "API", "ISO 8601", "BM-2"}
)


@cache
def _untranslated(lang: str) -> Mapping[str, str]:
    """Texts that must not be seen on pages in ``lang`` → what should stand there."""
    if lang == "zh-CN":
        return {
            msgid: text
            for msgid, text in catalogue("zh-CN").items()
            if msgid != text and "%(" not in msgid and msgid not in NAMES and re.search("[a-z]{2}", msgid)
        }
    return {
        text: msgid
        for msgid, text in catalogue("zh-CN").items()
        if msgid != text
        and "%(" not in text
        and _CHINESE.search(text)
        and not msgid.startswith(("refusal.", "word."))
    }


def left_over(texts: list[str], lang: str, names: frozenset[str] = NAMES) -> list[str]:
    """Texts that stand on a page in the other language, raw codes, and machine-written instants.

    A heuristic with three nets: a text that the catalogue would have translated; an English sentence on a Chinese
    page; a code such as ``share_release`` or ``2026-01-01T00:00`` shown to people outside of code.
    """
    wrong = _untranslated(lang)
    found = []
    for text in dict.fromkeys(texts):
        if text in names:
            continue
        sentence = _SENTENCE.search(text) if lang == "zh-CN" else None
        if text in wrong:
            found.append(f"untranslated: {text}")
        elif sentence and sentence[0] not in names:
            found.append(f"English: {text[:100]}")
        elif _CODE.fullmatch(text) and "." not in text:
            found.append(f"raw code: {text}")
        elif _INSTANT.search(text):
            found.append(f"machine time: {text[:100]}")
    return found
