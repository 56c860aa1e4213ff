"""The pictures of a case in a real browser: ECharts draws what the server knows, the keyboard reaches what the pointer does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from shutil import which
from typing import Any

import pytest
from werkzeug.serving import make_server

from kernel.identity.models import Person
from supervision.actions import leads
from tests.integration.supervision.conftest import build
from tests.integration.supervision.test_leads import rigged, the_lead
from tests.support.browser import NARROW, WIDE, Visitor, a_browser
from tests.support.house import PASSWORD

pytestmark = pytest.mark.skipif(which("chromium") is None, reason="Chromium is not installed")
FADED = """() => [...document.querySelectorAll('.ca-canvas-relations svg text')]
  .filter((one) => Number(one.getAttribute('fill-opacity') ?? one.getAttribute('opacity') ?? 1) < 0.5)
  .map((one) => one.textContent).filter(Boolean)"""
KINDS = ("relations", "prices", "correlations")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Any]]:
    city = build(tmp_path_factory.mktemp("case"))
    rigged(city)
    leads.build_leads(city.house.platform)
    city.world.sequence()
    with city.house.read() as session:
        email = session.get_one(Person, city.world.supervisors[0].person_id).email
    server = make_server("127.0.0.1", 0, city.house.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", f"/supervision/leads/{the_lead(city).code}", email
    server.shutdown()
    thread.join()
    server.server_close()
    city.house.close()


def opened(browser: Any, served: tuple[str, str, Any], **more: Any) -> Visitor:
    base, path, email = served
    visitor = Visitor(browser, base, **more).sign_in(email, PASSWORD)
    visitor.page.goto(f"{base}{path}?lang=en")
    visitor.settle()
    return visitor


def test_the_pictures_are_drawn_and_answer_to_the_keyboard(served: tuple[str, str, Any]) -> None:
    with a_browser() as browser:
        visitor = opened(browser, served)
        page = visitor.page
        for kind in KINDS:
            page.locator(f"[data-ca-chart={kind}][data-drawn] .ca-canvas svg").wait_for()
        firms = page.locator(".ca-chip-firm")
        others = page.locator(".ca-chip-other").all_inner_texts()

        before = page.evaluate(FADED)
        firms.first.focus()
        page.wait_for_function(f"() => ({FADED})().length > 0")  # the library paints in its next frame
        during = set(page.evaluate(FADED))
        page.locator("[data-ca-nodes]").press("Escape")
        page.wait_for_function(f"() => ({FADED})().length === 0")
        after = page.evaluate(FADED)

        assert firms.count() >= 3
        assert before == after == []
        assert set(others) <= during
        assert firms.first.inner_text() not in during
        assert not page.locator("[data-ca-chart=relations] [data-ca-plain]").is_visible()
        assert visitor.axe() == []
        visitor.resize(NARROW)
        assert visitor.look()["wide"] <= 0
        assert visitor.axe() == []
        visitor.resize(WIDE)
        assert visitor.troubles == []


def test_edges_end_at_their_nodes_after_the_window_changed(served: tuple[str, str, Any]) -> None:
    """A graph redrawn for another width keeps its lines on its nodes."""
    ends = """() => {
      const box = (one) => one.getBoundingClientRect();
      const chart = echarts.getInstanceByDom(document.querySelector('.ca-canvas-relations'));
      const model = chart.getModel().getSeriesByType('graph')[0];
      const nodes = model.getData(), lines = model.getEdgeData();
      let worst = 0;
      for (let at = 0; at < lines.count(); at += 1) {
        const path = lines.getItemGraphicEl(at).childOfName('line') ?? lines.getItemGraphicEl(at).childAt(0);
        const node = nodes.getItemGraphicEl(lines.graph.getEdgeByIndex(at).node1.dataIndex);
        worst = Math.max(worst, Math.hypot(path.shape.x1 - node.x, path.shape.y1 - node.y));
      }
      return worst;
    }"""
    with a_browser() as browser:
        page = opened(browser, served).page
        page.locator("[data-ca-chart=relations][data-drawn]").wait_for()
        for width in (390, 1440, 820):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(300)

            assert page.evaluate(ends) < 45, width


def test_without_scripts_the_servers_pictures_and_tables_show(served: tuple[str, str, Any]) -> None:
    base, path, _ = served
    with a_browser() as browser:
        cookies = opened(browser, served).context.cookies()
        plain = Visitor(browser, base, java_script_enabled=False)
        plain.context.add_cookies(cookies)
        plain.page.goto(f"{base}{path}?lang=en")

        assert plain.page.locator(".ca-graph svg .ca-node").count() >= 5
        assert plain.page.locator(".ca-graph svg").is_visible()
        assert plain.page.locator(".ca-chart").is_visible()
        assert plain.page.locator(".ca-heat").is_visible()
        assert not plain.page.locator(".ca-canvas-relations").is_visible()
