"""A real browser recomputes an entry, and shows red when the server lies. Needs Chromium."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from shutil import which
from typing import Any

import pytest
from werkzeug.serving import make_server

CHROMIUM = which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
CHECK = re.compile(r'(<script type="application/json" id="check">)(.*?)(</script>)', re.DOTALL)
BAD = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

Lie = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def browser(awarded: Any) -> Iterator[tuple[Any, str]]:
    from playwright.sync_api import sync_playwright

    city, _ = awarded
    server = make_server("127.0.0.1", 0, city.house.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield chromium, f"http://127.0.0.1:{server.server_port}"
        chromium.close()
    server.shutdown()
    thread.join()
    server.server_close()


def verdict(browser: tuple[Any, str], index: int, lie: Lie | None = None) -> tuple[str, str]:
    """The state and the words of the check on an entry's page, with its data altered by ``lie``."""
    chromium, base = browser
    context = chromium.new_context(locale="en-GB")
    page = context.new_page()
    if lie is not None:

        def alter(route: Any) -> None:
            answer = route.fetch()

            def put(match: re.Match[str]) -> str:
                given = json.loads(match[2])
                lie(given)
                return match[1] + json.dumps(given) + match[3]

            route.fulfill(response=answer, body=CHECK.sub(put, answer.text()))

        page.route(f"**/log/{index}", alter)
    page.goto(f"{base}/log/{index}?lang=en" if lie is None else f"{base}/log/{index}")
    page.wait_for_function("document.querySelector('#verify').dataset.state?.match(/[gry]/)")
    box = page.locator("#verify")
    found = str(box.get_attribute("data-state")), box.inner_text()
    context.close()
    return found


def test_an_honest_entry_is_green(browser: Any) -> None:
    state, words = verdict(browser, 7)

    assert state == "g"
    assert "3 witnesses" in words


def _entry(given: dict[str, Any]) -> None:
    given["entry"] = given["entry"][:-2] + ("00" if given["entry"][-2:] != "00" else "01")
    given["record"] = ""


def _record(given: dict[str, Any]) -> None:
    assert given["record"]
    given["record"] = given["record"].replace("2026", "2025", 1)


def _path(given: dict[str, Any]) -> None:
    given["hashes"][0] = BAD


def _shorter(given: dict[str, Any]) -> None:
    given["hashes"].pop()


def _root(given: dict[str, Any]) -> None:
    lines = given["note"].split("\n")
    lines[2] = BAD
    given["note"] = "\n".join(lines)


def _log_signature(given: dict[str, Any]) -> None:
    lines = given["note"].split("\n")
    head, _, data = lines[4].rpartition(" ")
    lines[4] = f"{head} {data[:20]}{'A' if data[20] != 'A' else 'B'}{data[21:]}"
    given["note"] = "\n".join(lines)


def _cosignature(given: dict[str, Any]) -> None:
    lines = given["note"].split("\n")
    head, _, data = lines[5].rpartition(" ")
    lines[5] = f"{head} {data[:30]}{'A' if data[30] != 'A' else 'B'}{data[31:]}"
    given["note"] = "\n".join(lines)


@pytest.mark.parametrize("lie", [_entry, _record, _path, _shorter, _root, _log_signature, _cosignature])
def test_every_lie_is_red(browser: Any, lie: Lie) -> None:
    assert verdict(browser, 0, lie)[0] == "r"


def test_a_missing_quorum_is_yellow(browser: Any) -> None:
    def alone(given: dict[str, Any]) -> None:
        given["note"] = "\n".join(given["note"].split("\n")[:6]) + "\n"

    assert verdict(browser, 0, alone)[0] == "y"
