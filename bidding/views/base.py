"""The blueprint of this room's pages and what all of them need."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template
from sqlalchemy.orm import Session

from bidding import queries
from kernel.i18n import gettext as _
from kernel.identity import signing
from kernel.rights import Actor
from kernel.web import actor, me, platform
from kernel.web.shell import door
from sealbid.octets import b64
from trading.models import Tender

views = Blueprint("bidding", __name__)

ROLES = {
    "tenderer": "Tenderer",
    "operator": "Trading centre",
    "supervisor": "Supervisory authority",
    "notary": "Notary office",
    "association": "Industry association",
}


def seat_text(role: str) -> str:
    """The word for a custodian's role in the current language."""
    return _(ROLES.get(role, role))


def log_url(index: int | None) -> str:
    """Where a log entry is shown; empty while it has no place or the page is not installed."""
    return ("" if index is None else door("supervision.log_entry", index=index)) or ""


def tender_url(code: str) -> str:
    """The tender's own page, when the room below shows one."""
    return door("trading.tender", code=code) or "/"


def page(template: str, **values: Any) -> str:
    """Render a page of this room with its helpers."""
    return render_template(template, seat_text=seat_text, log_url=log_url, tender_url=tender_url, **values)


def tender_of(session: Session, code: str, who: Actor | None = None) -> Tender:
    return queries.tender_by_code(session, code, platform().outside.clock.now(), who or actor())


def signing_kit(session: Session) -> dict[str, Any]:
    """What the page's script needs to have documents signed by a key of the person (``js/identity/sign.js``)."""
    person_id = me().person_id
    assert person_id is not None
    return {
        "rp_id": platform().relying_party.rp_id,
        "keys": [
            {
                "kid": key.kid,
                "kind": key.kind,
                "credential_id": None if key.credential_id is None else b64(key.credential_id),
                "transports": list(key.transports),
            }
            for key in signing.keys_of(session, person_id)
        ],
    }
