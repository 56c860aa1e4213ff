"""The codes under which a panel sees bids: a permutation that was committed before any bid came, and shown afterwards.

The opening is public, so a code in the order of the opening would hide nothing. The secret behind the codes is fixed,
by its digest, when the notice freezes the pool; the report shows it, and anybody computes the codes again.

Source: spec rules V-11; sealing §9; docs/formats/evidence.md §4.
"""

from __future__ import annotations

import hashlib
import hmac
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.models import Bid, OpenedPart
from evaluation.models import Panel
from sealbid.draw import blind_codes


def blind_secret(pool_salt: bytes) -> bytes:
    """The secret behind the codes of one panel; the salt itself stays with the pool of experts."""
    return hmac.digest(pool_salt, b"sunroad blind codes", "sha256")


def blind_digest(pool_salt: bytes) -> str:
    """What the log holds of it from the first day on."""
    return hashlib.sha256(blind_secret(pool_salt)).hexdigest()


def codes_of(session: Session, tender_id: UUID) -> dict[UUID, str]:
    """Code of every opened bid of a tender, by the bid's id; by the order of the opening where no panel sits."""
    rows = session.execute(
        sa.select(Bid.id, Bid.code)
        .join(OpenedPart, OpenedPart.bid_id == Bid.id)
        .where(OpenedPart.tender_id == tender_id, OpenedPart.part == "price", OpenedPart.ok.is_(True))
        .order_by(OpenedPart.order)
    ).all()
    salt = session.scalar(sa.select(Panel.pool_salt).where(Panel.tender_id == tender_id))
    if salt is None:
        return {bid_id: f"T-{place:02d}" for place, (bid_id, _) in enumerate(rows, start=1)}
    codes = blind_codes(blind_secret(salt), [code for _, code in rows])
    return {bid_id: codes[code] for bid_id, code in rows}
