"""Every frame and component as plain files, for looking at them: python scripts/gallery.py OUT."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: E402
from markupsafe import Markup  # noqa: E402

from kernel import i18n  # noqa: E402

NOW = datetime(2026, 11, 18, 1, 41, 26, tzinfo=UTC)
PUBLIC = [
    ("交易信息", "/notices", "list-search", True),
    ("开标大厅", "/openings", "door-enter", False),
    ("竞价大厅", "/auctions", "gavel", False),
    ("公开数据", "/data", "chart-bar", False),
    ("核验", "/verify", "seal", False),
    ("办事指南", "/guides", "book", False),
    ("主体信息", "/parties", "building", False),
]
DESK = [
    ("工作台", "/desk", "home", False),
    ("我的投标", "/bids", "edit", True, 3),
    ("竞价", "/auctions", "gavel", False, 1),
    "账户与凭证",
    ("证书与密钥", "/certificates", "certificate", False),
]
ME = SimpleNamespace(
    name="苏禾", org_name="青榆路桥建设有限公司", role="经办人", roles=("bidder",), certificate=True
)

LINKS = ("search", "verify", "data", "accessibility", "privacy", "source", "help", "messages")


def icon(name: str) -> Markup:
    """A vendored drawing, inline."""
    return Markup((ROOT / "static/vendor/icons" / f"{name}.svg").read_text(encoding="utf-8").strip())


def environment() -> Environment:
    """The application's templates with its own filters and catalogue, and addresses that lead nowhere."""
    env = Environment(loader=FileSystemLoader(ROOT / "templates"), autoescape=True, undefined=StrictUndefined)
    env.filters.update(i18n.FILTERS)
    env.globals.update(
        _=i18n.gettext,
        icon=icon,
        static_url=lambda path: f"/static/{path}",
        url_for=lambda endpoint, **values: "/".join(["", endpoint, *map(str, values.values())]),
        csrf_token=lambda: "token",
        site_name="云川市公共资源交易平台",
        operator_name="云川市公共资源交易中心运行维护",
        in_language=lambda lang: f"?lang={lang}",
        helpline="0990-1200 8600",
        unread=2,
        demo=True,
        links={name: f"/{name}" for name in LINKS},
    )
    return env


def context(lang: str, now: datetime = NOW) -> dict[str, Any]:
    """What the application hands to every template."""
    ahead = {"days": 1381680, "minutes": 767, "minute": 48, "seconds": 9, "past": -5}
    soon = {name: now + timedelta(seconds=seconds) for name, seconds in ahead.items()}
    return {"lang": lang, "me": None, "nav": PUBLIC, "server_now": now, "soon": SimpleNamespace(**soon)}


DESK_PAGE = """{% extends "layout/workbench.html" %}{% import "components/ui.html" as ui with context %}
{% block title %}编制并密封投标文件{% endblock %}
{% block breadcrumb %}{{ ui.breadcrumb([("我的投标", "/"), ("A1 主桥标段", none)]) }}{% endblock %}
{% block title_row %}
{% call ui.title_row("编制并密封投标文件", sub="望岭县青溪大桥") %}{{ ui.button("打印") }}{% endcall %}
{% endblock %}
{% block content %}
{% call ui.card("报价") %}{{ ui.facts([("投标人", "青榆路桥建设有限公司")]) }}{% endcall %}
{% endblock %}"""
ROOM_PAGE = """{% extends "layout/room.html" %}{% import "components/ui.html" as ui with context %}
{% block title %}{{ room_title }}{% endblock %}
{% block content %}<div class="sr-panes sr-panes-hall"><aside class="sr-pane sr-pane-rail">流程</aside>
<div class="sr-pane"><div class="sr-navy">{{ ui.countdown(soon.minutes, "big", word="距开标") }}</div></div>
<aside class="sr-pane sr-pane-side">消息</aside></div>{% endblock %}"""
PROBLEM = {
    "status": 409,
    "code": "bids_still_open",
    "title": "投标还没有截止",
    "detail": "投标截止时间为 2026-12-04 09:30:00，在此之前任何人都不能开标。",
    "source": "招标投标法 第三十四条",
    "field": None,
    "request_id": "01JD-7F2C",
}


def pages(lang: str, now: datetime = NOW) -> Iterator[tuple[str, str]]:
    """Name and text of every specimen page in one language."""
    env = environment()
    given = context(lang, now)
    with i18n.speaking(lang):
        yield "gallery", env.get_template("components/gallery.html").render(given)
        desk = {**given, "me": ME, "nav": DESK, "desk_name": "投标人工作台"}
        yield "workbench", env.from_string(DESK_PAGE).render(desk)
        hall = {
            "room_title": "锦桥区老旧小区改造工程（二标段）",
            "room_code": "开标大厅 · E9901030001008417002",
        }
        yield "room", env.from_string(ROOM_PAGE).render({**given, "me": ME, **hall})
        for name in ("problem", "404", "403", "csrf"):
            page = env.get_template(f"problems/{name}.html")
            yield name, page.render({**given, "problem": PROBLEM if name == "problem" else {"status": 404}})


def main(out: Path) -> None:
    """Write the pages of both languages beside a copy of ``static``."""
    shutil.copytree(ROOT / "static", out / "static", dirs_exist_ok=True)
    for lang in i18n.LANGS:
        for name, text in pages(lang, datetime.now(UTC)):
            (out / f"{name}-{lang}.html").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
