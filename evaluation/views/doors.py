"""The blueprint and what all its pages share."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from evaluation import words
from evaluation.queries import terms_for_people
from kernel.i18n import current_lang, gettext
from kernel.ledger import book
from kernel.web import read
from kernel.web.files import disposition
from trading.terms import Terms

Page = str | tuple[str, int] | AnyResponse

views = Blueprint("evaluation", __name__)


def place_of(record_id: Any) -> int | None:
    """Where in the log a record stands, or None while it waits."""
    if record_id is None:
        return None
    with read() as session:
        return book.place_of(session, record_id)


def names_of(terms: Terms) -> dict[str, str]:
    """Names of factors and review items in the reader's language."""
    return terms_for_people(terms, current_lang())


def attachment(data: bytes, name: str, media: str = "application/octet-stream") -> Response:
    """A file to keep, never to show: no sniffing, no scripts, no cache."""
    response = Response(data, mimetype=media)
    response.headers["Content-Disposition"] = disposition(name)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["Cache-Control"] = "no-store"
    return response


def wants_json() -> bool:
    """Whether a script posted the form and waits for JSON."""
    return request.headers.get("Accept", "") == "application/json"


@views.app_context_processor
def _shared() -> dict[str, Any]:
    return {
        "ev": words,
        "ev_word": lambda table, key: gettext(getattr(words, table).get(key, key)),
    }
