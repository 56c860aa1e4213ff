"""A web process compiles its templates once, at its start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kernel.web.warm import keep_compiled, warm, warm_beside


def test_after_the_warm_up_no_template_waits_for_its_compiler(house: Any, monkeypatch: Any) -> None:
    env = house.app.jinja_env
    env.cache.clear()

    assert warm(house.app) > 100
    monkeypatch.setattr(type(env), "compile", lambda *_, **__: 1 / 0)

    assert env.get_template("supervision/case.html") is not None
    assert env.get_template("trading/tender.html") is not None


def test_the_warm_up_beside_requests_ends_by_itself(house: Any) -> None:
    thread = warm_beside(house.app)
    thread.join(120)

    assert not thread.is_alive()


def test_the_next_start_finds_the_templates_compiled(house: Any, monkeypatch: Any) -> None:
    env, folder = house.app.jinja_env, house.settings.data_folder / "templates"
    monkeypatch.setattr(env, "bytecode_cache", None)
    keep_compiled(house.app, folder)
    env.cache.clear()
    many = warm(house.app)
    assert len(list(folder.rglob("*.cache"))) == many

    env.cache.clear()
    with monkeypatch.context() as hindered:
        hindered.setattr(type(env), "compile", lambda *_, **__: 1 / 0)
        assert warm(house.app) == many

    # What a filter does may be compiled into a template, so another filter means another folder.
    before = env.bytecode_cache.directory
    monkeypatch.setitem(env.filters, "twice", lambda text: text * 2)
    keep_compiled(house.app, folder)
    assert env.bytecode_cache.directory != before


def test_a_folder_that_cannot_be_written_costs_time_only(house: Any, monkeypatch: Any) -> None:
    env = house.app.jinja_env
    blocked = house.settings.data_folder / "a file"
    blocked.write_text("", "utf-8")
    monkeypatch.setattr(env, "bytecode_cache", None)
    keep_compiled(house.app, Path(blocked))
    env.cache.clear()

    assert env.get_template("supervision/case.html") is not None
