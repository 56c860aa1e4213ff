"""Triggers that refuse to rewrite a journal, a message of the hall or a payment; the same as the ledger's own.

Source: spec sealing §7.4.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

FROZEN = ("auction_event", "auction_anchor", "auction_slip", "hall_message", "bond_payment")
"""Tables that take inserts only."""


def statements(dialect: str) -> list[str]:
    """The statements that install the guards. On PostgreSQL the ledger's function is there already."""
    if dialect == "postgresql":
        return [
            f"CREATE OR REPLACE TRIGGER guard_{table} BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_rewrite()"
            for table in FROZEN
        ]
    return [
        f"CREATE TRIGGER IF NOT EXISTS guard_{table}_{deed.lower()} BEFORE {deed} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'history of {table} is append-only'); END"
        for table in FROZEN
        for deed in ("UPDATE", "DELETE")
    ]


def install_journal_guards(engine: Engine | Connection) -> None:
    """Install the guards; again is harmless."""
    if isinstance(engine, Connection):
        for statement in statements(engine.dialect.name):
            engine.execute(sa.text(statement))
        return
    with engine.begin() as connection:
        install_journal_guards(connection)
