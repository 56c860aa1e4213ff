"""Finding notices by words, two Chinese characters included, alike on SQLite (FTS5) and PostgreSQL (GIN).

``Notice.words`` holds bigrams (``kernel.database.bigrams``); a word that somebody types becomes the phrase
of its bigrams. PostgreSQL's planner walks the date index for rare words, therefore every search asks in two
phases: the word index answers with a cap first; a word that hits the cap is looked for along the dates.

For a migration: the statements of ``STATEMENTS`` are what ``install_search`` runs; on SQLite the virtual
table brings shadow tables ``notice_words_*`` that belong to it and to no model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from kernel.database import bigrams
from trading.models import Notice

CAP = 2000
"""How many hits the word index hands over before the dates are walked instead."""

WORDS_MAX = 6

STATEMENTS: Mapping[str, Sequence[str]] = {
    "sqlite": (
        "CREATE VIRTUAL TABLE IF NOT EXISTS notice_words"
        " USING fts5(words, notice_id UNINDEXED, tokenize='unicode61', detail='full')",
        "CREATE TRIGGER IF NOT EXISTS notice_words_insert AFTER INSERT ON notice BEGIN"
        " INSERT INTO notice_words (words, notice_id) VALUES (new.words, new.id); END",
    ),
    "postgresql": (
        "CREATE INDEX IF NOT EXISTS ix_notice_words ON notice USING gin (to_tsvector('simple', words))",
    ),
}


def install_search(engine: Engine) -> None:
    """Create what searching needs beyond the tables; repeating it changes nothing."""
    with engine.begin() as connection:
        for statement in STATEMENTS[engine.dialect.name]:
            connection.exec_driver_sql(statement)


def phrases(text: str) -> list[list[str]]:
    """What somebody typed, as phrases of indexed words: every word typed must be found, its bigrams in a row.

    ``道路 施工图`` → ``[["道路"], ["施工", "工图"]]``. At most ``WORDS_MAX`` phrases are heeded.
    """
    found: list[list[str]] = []
    for part in re.split(r"[\s,，、;；]+", text)[:40]:
        tokens = bigrams(part).split()
        if tokens and tokens not in found:
            found.append(tokens)
    return found[:WORDS_MAX]


def _fts5(wanted: Sequence[Sequence[str]]) -> str:
    return " AND ".join(f'"{" ".join(tokens)}"{"*" if _is_single(tokens) else ""}' for tokens in wanted)


def _tsquery(wanted: Sequence[Sequence[str]]) -> str:
    return " & ".join(
        f"{tokens[0]}:*" if _is_single(tokens) else "(" + " <-> ".join(tokens) + ")" for tokens in wanted
    )


def _is_single(tokens: Sequence[str]) -> bool:
    """One Han character alone stands for every word that begins with it."""
    return len(tokens) == 1 and len(tokens[0]) == 1 and not tokens[0].isascii()


def matching(session: Session, text: str) -> sa.ColumnElement[bool] | None:
    """The condition on ``Notice`` for what somebody typed; None when it holds no word."""
    wanted = phrases(text)
    if not wanted:
        return None if not text.strip() else sa.false()
    hits = _first_phase(session, wanted)
    if hits is None or len(hits) >= CAP:
        return _second_phase(session, wanted)
    return Notice.id.in_(hits)


def _first_phase(session: Session, wanted: Sequence[Sequence[str]]) -> list[UUID] | None:
    """The hits of the word index; None, or as many as the cap, when there are too many of them."""
    if _is_sqlite(session):
        words = {"words": _fts5(wanted), "cap": CAP}
        # Counting reads the index alone; fetching the ids of a common word would read a row for each.
        count = session.scalar(
            sa.text(
                "SELECT count(*) FROM (SELECT 1 FROM notice_words WHERE notice_words MATCH :words LIMIT :cap)"
            ),
            words,
        )
        if count == CAP:
            return None
        rows = session.execute(
            sa.text("SELECT notice_id FROM notice_words WHERE notice_words MATCH :words LIMIT :cap"), words
        )
        return [UUID(hex=row[0]) for row in rows]
    rows = session.execute(
        sa.text(
            "SELECT id FROM notice"
            " WHERE to_tsvector('simple', words) @@ to_tsquery('simple', :words) LIMIT :cap"
        ),
        {"words": _tsquery(wanted), "cap": CAP},
    )
    return [row[0] for row in rows]


def _second_phase(session: Session, wanted: Sequence[Sequence[str]]) -> sa.ColumnElement[bool]:
    if _is_sqlite(session):
        padded = " " + Notice.words + " "
        tests = [
            padded.contains(f" {' '.join(tokens)}{'' if _is_single(tokens) else ' '}", autoescape=True)
            for tokens in wanted
        ]
        return sa.and_(*tests)
    condition: Any = sa.func.to_tsvector("simple", Notice.words).op("@@", is_comparison=True)(
        sa.func.to_tsquery("simple", _tsquery(wanted))
    )
    return sa.and_(condition)


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"
