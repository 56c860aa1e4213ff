"""The blueprint and what all its pages share."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import Blueprint
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from kernel.calendar import local
from kernel.errors import NotFound
from kernel.i18n import date_text, gettext, money
from kernel.money import Money
from kernel.rights import Actor
from kernel.web import actor, platform
from trading import words
from trading.actions.lots import winner_name
from trading.models import Tender
from trading.process import Term
from trading.queries import tender_by_code
from trading.rights import TENDER_EDIT

Page = str | tuple[str, int] | Response

views = Blueprint("trading", __name__)


def stage_word(code: str, live: bool = False) -> tuple[str, str]:
    """Word and light of a stage or standing, in the current language; ``live`` where an auction makes the price."""
    word, light = (words.LIVE_STAGES if live else {}).get(code) or words.STAGES.get(code, (code, "n"))
    return gettext(word), light


def term_text(term: Any) -> str:
    """``≥ 20 days`` or ``≥20 日``, from a ``trading.process.Term``."""
    return f"{term.op}{days_text(term.days, term.unit)}"


def days_text(count: int, unit: str) -> str:
    """A number of natural (``N``) or working (``W``) days in words."""
    if count == 1:
        return gettext({"N": "1 day", "W": "1 working day"}[unit])
    return gettext(words.UNITS[unit], count=count)


def amount_text(fen: int) -> str:
    """An amount in fen for the eye."""
    return money(Money(fen))


def saving_text(hundredths: int | None) -> str:
    """Hundredths of a percent as ``8.74``; a dash for no figure."""
    return (
        "—"
        if hundredths is None
        else f"{'-' if hundredths < 0 else ''}{abs(hundredths) // 100}.{abs(hundredths) % 100:02d}"
    )


def grouped_text(amount: str) -> str:
    """A decimal amount of yuan as ``37,161,200.00``."""
    return f"{Decimal(amount):,.2f}"


def tenths_text(permille: int) -> str:
    """Tenths of a percent as ``9.2``."""
    return f"{'-' if permille < 0 else ''}{abs(permille) // 10}.{abs(permille) % 10}"


def day_before(at: datetime) -> str:
    """The last day of a period that ends with ``at``: 24:00 of a day is written as that day."""
    return date_text(at - timedelta(microseconds=1))


def wall(at: datetime) -> str:
    """An instant as ``<input type="datetime-local">`` wants it, on the Shanghai clock."""
    return local(at).strftime("%Y-%m-%dT%H:%M")


def is_instant(text: str) -> bool:
    return re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text) is not None


def is_digest(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{64}|[0-9a-f]{32}", text) is not None


@views.record
def _globals(state: Any) -> None:
    state.app.jinja_env.filters.update(
        date_before=day_before,
        is_instant=is_instant,
        is_digest=is_digest,
        from_iso=datetime.fromisoformat,
        grouped=grouped_text,
        term=Term.of,
        wall=wall,
    )
    state.app.jinja_env.globals.update(
        stage_word=stage_word,
        winner_name=winner_name,
        term_text=term_text,
        days_text=days_text,
        words=words,
        fen_text=amount_text,
        percent_text=saving_text,
        tenths_text=tenths_text,
    )


def public_tender(session: Session, code: str) -> Tender:
    """A tender that this visitor may know of: published, or their own.

    Raises:
        NotFound: no such tender, or a draft of somebody else. Source: design guide §6 (02: 404, not 403).
    """
    tender = tender_by_code(session, code)
    if tender is None or (tender.published_at is None and not runs(actor(), tender)):
        raise NotFound("not_found", thing="tender", id=code)
    return tender


def own_tender(session: Session, code: str) -> Tender:
    """A tender that the visitor's organisation runs; for everybody else there is no such desk.

    Raises:
        NotFound: no such tender, or not theirs.
    """
    tender = tender_by_code(session, code)
    if tender is None or not runs(actor(), tender):
        raise NotFound("not_found", thing="tender", id=code)
    return tender


def runs(who: Actor, tender: Tender) -> bool:
    return platform().may(who, TENDER_EDIT, tender)


def tender_id_of(code: str, *, own: bool = True) -> UUID:
    """The id behind a code, checked as ``own_tender`` or ``public_tender`` does."""
    with platform().read() as session:
        return (own_tender if own else public_tender)(session, code).id
