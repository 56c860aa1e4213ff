"""Migrations: a drafted step goes up and down on both databases and leaves what the models say."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

import app as composition
from kernel import migrate
from kernel.database import Base, Database
from kernel.ledger.guards import install_guards


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The migrations' machinery without the steps that are already there."""
    copied = tmp_path / "migrations"
    shutil.copytree(migrate.FOLDER, copied, ignore=shutil.ignore_patterns("versions", "__pycache__"))
    (copied / "versions").mkdir()
    monkeypatch.setattr(migrate, "FOLDER", copied)
    composition.rooms()
    return copied


def drafted(tmp_path: Path) -> str:
    scratch = f"sqlite:///{tmp_path / 'scratch.db'}"
    database = Database(scratch)
    Base.metadata.create_all(database.writer)
    database.dispose()
    guards = migrate.captured(scratch, install_guards)
    assert any("guard_fact_update" in one for one in guards)
    step = migrate.draft(f"sqlite:///{tmp_path / 'empty.db'}", "first", extra={"sqlite": guards})
    return step.read_text()


def test_a_step_imports_nothing_of_the_application(folder: Path, tmp_path: Path) -> None:
    text = drafted(tmp_path)
    assert "import kernel" not in text
    assert "from kernel" not in text
    assert "trading" not in [line.split(".")[0] for line in text.splitlines() if line.startswith("from ")]


def test_up_down_and_up_again_leaves_what_the_models_say(folder: Path, tmp_path: Path) -> None:
    drafted(tmp_path)
    url = f"sqlite:///{tmp_path / 'house.db'}"
    migrate.upgrade(url)
    assert migrate.check(url) == []
    migrate.downgrade(url)
    assert migrate.check(url) != [], "a check that cannot fail is no check"
    migrate.upgrade(url)
    assert migrate.check(url) == []

    database = Database(url)
    with database.writer.begin() as connection:
        assert migrate.current(connection) == migrate.head()
        names = set(connection.scalars(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")))
    database.dispose()
    assert {"guard_fact_update", "guard_fact_delete"} <= names


def test_the_same_step_works_on_postgresql(folder: Path, tmp_path: Path, pg_url: str) -> None:
    drafted(tmp_path)
    migrate.upgrade(pg_url)
    assert migrate.check(pg_url) == []
    migrate.downgrade(pg_url)
    migrate.upgrade(pg_url)
    assert migrate.check(pg_url) == []
