"""Triggers that refuse to rewrite history. They stop accidents; against the root user only witnesses count.

Source: spec sealing §7.4.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

FROZEN = ("fact", "log_entry", "log_checkpoint", "witness_sig")
"""Tables that take inserts only."""


def guard_statements(dialect: str) -> list[str]:
    """The statements that install the guards for a database."""
    if dialect == "postgresql":
        refuse = (
            "CREATE OR REPLACE FUNCTION refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'history of % is append-only', TG_TABLE_NAME; END $$"
        )
        pin = (
            "CREATE OR REPLACE FUNCTION keep_record() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "IF TG_OP = 'DELETE' OR OLD.idx IS NOT NULL OR NEW.jcs <> OLD.jcs OR NEW.id <> OLD.id THEN "
            "RAISE EXCEPTION 'history of log_record is append-only'; END IF; RETURN NEW; END $$"
        )
        return [
            refuse,
            pin,
            *(
                f"CREATE OR REPLACE TRIGGER guard_{table} BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_rewrite()"
                for table in FROZEN
            ),
            "CREATE OR REPLACE TRIGGER guard_log_record BEFORE UPDATE OR DELETE ON log_record "
            "FOR EACH ROW EXECUTE FUNCTION keep_record()",
        ]
    statements: list[str] = []
    for table in FROZEN:
        statements.extend(
            f"CREATE TRIGGER IF NOT EXISTS guard_{table}_{deed.lower()} BEFORE {deed} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'history of {table} is append-only'); END"
            for deed in ("UPDATE", "DELETE")
        )
    statements.append(
        "CREATE TRIGGER IF NOT EXISTS guard_log_record_update BEFORE UPDATE ON log_record "
        "WHEN OLD.idx IS NOT NULL OR NEW.jcs <> OLD.jcs OR NEW.id <> OLD.id "
        "BEGIN SELECT RAISE(ABORT, 'history of log_record is append-only'); END"
    )
    statements.append(
        "CREATE TRIGGER IF NOT EXISTS guard_log_record_delete BEFORE DELETE ON log_record "
        "BEGIN SELECT RAISE(ABORT, 'history of log_record is append-only'); END"
    )
    return statements


def install_guards(engine: Engine | Connection) -> None:
    """Install the guards; again is harmless."""
    if isinstance(engine, Connection):
        for statement in guard_statements(engine.dialect.name):
            engine.execute(sa.text(statement))
        return
    with engine.begin() as connection:
        install_guards(connection)
