"""Runs the migrations inside the connection that ``kernel.migrate`` hands in."""

from __future__ import annotations

from typing import Any

from alembic import context


def render_type(kind: str, item: Any, _context: Any) -> str | bool:
    """Our column types in words of SQLAlchemy alone: migrations import nothing of the application."""
    if kind == "type" and type(item).__name__ == "Instant":
        return "sa.String(length=32).with_variant(sa.DateTime(timezone=True), 'postgresql')"
    if kind == "type" and type(item).__name__ == "Fen":
        return "sa.BigInteger()"
    if kind == "type" and type(item).__name__ == "JSON":
        return "sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')"
    return False


def wanted(_item: Any, _name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
    """Tables without a model (search indexes, Alembic's own) are left alone."""
    return not (kind == "table" and reflected and compare_to is None)


attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    target_metadata=attributes.get("metadata"),
    render_as_batch=True,
    render_item=render_type,
    include_object=wanted,
    compare_type=attributes.get("compare_type", False),
)
with context.begin_transaction():
    context.run_migrations()
