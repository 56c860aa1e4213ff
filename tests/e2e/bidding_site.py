"""A real server over a test house, and browsers signed in to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, sync_playwright
from werkzeug.serving import make_server

from kernel.identity.models import Person
from tests.support.house import House

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
]
AXE = Path(__file__).resolve().parents[1] / "support" / "vendor" / "axe.min.js"


class Site:
    """A house behind an address that a browser can open."""

    def __init__(self, folder: Path) -> None:
        self.server = make_server(
            "127.0.0.1",
            0,
            lambda env, start: self.house.app(env, start),  # noqa: PLW0108 - the application is made later
            threaded=True,
        )
        self.base = f"http://localhost:{self.server.server_port}"
        self.house = House(folder, csrf=True, base_url=self.base)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def context(self, browser: Browser, person: Person | None = None, **options: Any) -> BrowserContext:
        """A fresh browser profile; signed in when a person is given."""
        context = browser.new_context(base_url=self.base, locale="zh-CN", **options)
        if person is not None:
            client = self.house.client(person)
            cookie = client.get_cookie("sunroad")
            assert cookie is not None
            context.add_cookies([{"name": "sunroad", "value": cookie.value, "url": self.base}])
        return context

    @contextmanager
    def without_csrf(self) -> Iterator[None]:
        """Let test clients post without a page's token for a while."""
        before = self.house.app.before_request_funcs[None]
        guards = [one for one in before if one.__name__ == "no_forgery"]
        for guard in guards:
            before.remove(guard)
        yield
        before.extend(guards)

    def signed_in_again(self, page: Any, person: Person) -> Any:
        """The same browser with a new session: weeks of virtual time ended the old one."""
        cookie = self.house.client(person).get_cookie("sunroad")
        assert cookie is not None
        page.context.add_cookies([{"name": "sunroad", "value": cookie.value, "url": self.base}])
        return page

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join(10)
        self.server.server_close()
        self.house.close()


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


def axe(page: Any) -> list[str]:
    """Accessibility findings of a page, as lines."""
    page.evaluate(AXE.read_text())
    found = page.evaluate(
        "axe.run(document, {resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']})"
    )
    return [f"{one['id']}: {node['html'][:160]}" for one in found["violations"] for node in one["nodes"]]
