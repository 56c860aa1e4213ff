"""Brings a database to a schema version, one reversible step at a time, called from code.

``python -m kernel.migrate upgrade|downgrade|current URL [REVISION]``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection, Engine

from kernel.database import Base, Database

FOLDER = Path(__file__).resolve().parents[1] / "migrations"
Install = Callable[[Engine], None]


@contextmanager
def _config(url: str, **attributes: Any) -> Iterator[Config]:
    database = Database(url)
    try:
        with database.writer.begin() as connection:
            if database.is_sqlite:
                # Batch steps copy tables and drop the old ones; references are looked at again at the commit.
                connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
            config = Config()
            config.set_main_option("script_location", str(FOLDER))
            config.attributes.update(attributes, connection=connection)
            yield config
    finally:
        database.dispose()


def upgrade(url: str, revision: str = "head") -> None:
    """Go up to a revision; nothing happens when the database is there already."""
    with _config(url) as config:
        command.upgrade(config, revision)


def downgrade(url: str, revision: str = "base") -> None:
    """Go down to a revision."""
    with _config(url) as config:
        command.downgrade(config, revision)


def head() -> str | None:
    """The newest revision there is, or None while there is none."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    return ScriptDirectory.from_config(config).get_current_head()


def current(connection: Connection) -> str | None:
    """The revision a database stands at."""
    return MigrationContext.configure(connection).get_current_revision()


def check(url: str) -> list[str]:
    """What differs between a migrated database and the models; empty when they match.

    The models must be imported by the caller, as the application does.
    """
    database = Database(url)
    try:
        with database.writer.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"include_object": _wanted, "compare_type": False}
            )
            return [str(one) for one in compare_metadata(context, Base.metadata)]
    finally:
        database.dispose()


SEARCH_INDEXES = frozenset({"ix_notice_words"})
"""Indexes over expressions, made by a room's own statements and not by a model."""


def _wanted(_item: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
    if kind == "index" and name in SEARCH_INDEXES:
        return False
    return not (kind == "table" and reflected and compare_to is None)


def draft(url: str, message: str, *, extra: Mapping[str, Sequence[str]] | None = None) -> Path:
    """Write a new revision from the difference between an empty or migrated database and the models.

    Args:
        extra: dialect → statements (guards, search indexes) that are copied into the step, so that it stays
            what it is when the code moves on; see ``captured``.
    """
    with _config(url, metadata=Base.metadata) as config:
        made = command.revision(config, message, autogenerate=True)
    assert made is not None
    assert not isinstance(made, list)
    path = Path(made.path)
    if extra:
        text = path.read_text()
        lines = ["", "    dialect = op.get_bind().dialect.name"]
        for dialect, statements in sorted(extra.items()):
            lines.append(f"    if dialect == {dialect!r}:")
            lines += [f"        op.execute(sa.text({_escaped(one)!r}))" for one in statements]
        before, marker, after = text.partition("\n\ndef downgrade")
        path.write_text(before.rstrip() + "\n" + "\n".join(lines) + "\n" + marker + after)
    return path


def _escaped(statement: str) -> str:
    """A colon before a letter would read as a parameter to ``sa.text``."""
    return statement.replace(":", r"\:")


def captured(url: str, *installs: Install) -> list[str]:
    """The statements some installers run on a database that has the tables already, for ``draft``."""
    database = Database(url)
    statements: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.lstrip().upper().startswith(("CREATE", "ALTER", "INSERT")):
            statements.append(statement)

    sa.event.listen(database.writer, "before_cursor_execute", note)
    try:
        for install in installs:
            install(database.writer)
    finally:
        database.dispose()
    return statements


def main(words: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    match list(words):
        case ["upgrade", url, *rest]:
            upgrade(url, *rest[:1])
        case ["downgrade", url, *rest]:
            downgrade(url, *rest[:1])
        case ["current", url]:
            database = Database(url)
            with database.writer.connect() as connection:
                sys.stdout.write(f"{current(connection)}\n")
            database.dispose()
        case _:
            sys.stderr.write(f"{__doc__}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
