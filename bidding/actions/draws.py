"""Draws at the opening, from the lottery numbers inside all sealed bids.

Nobody can steer them unless he controls every bid, and nobody can stop them, because custodians open all.
Source: spec sealing §9; spec rules §2.7 (draws are held in front of everyone after the prices are public).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding import facts
from bidding.models import Bid, CoefficientDraw, OpenedPart, Opening
from kernel.work import Work
from sealbid import draw
from trading.models import Lot, Tender

K_VALUE = "k-value"


def lottery_numbers(session: Session, opening: Opening) -> list[bytes]:
    """The 32-byte numbers of all bids in the close, ordered by bid id; an unopened bid's root stands in."""
    opened = {
        row.code: row.nonce
        for row in session.execute(
            sa.select(Bid.code, OpenedPart.nonce)
            .join(OpenedPart, OpenedPart.bid_id == Bid.id)
            .where(OpenedPart.tender_id == opening.tender_id, OpenedPart.nonce.is_not(None))
        )
    }
    return [
        bytes(opened[listed["bid"]]) if listed["bid"] in opened else bytes.fromhex(listed["parts"][0])
        for listed in opening.close_body["bids"]
    ]


def draw_of(
    session: Session,
    opening: Opening,
    *,
    kind: str,
    tender: str,
    draw_id: str,
    candidates: Sequence[str],
    count: int,
) -> tuple[dict[str, Any], list[str]]:
    """Inputs and result of one draw. Anybody gets the same from the same inputs."""
    numbers = lottery_numbers(session, opening)
    this = draw.Draw(kind, tender, draw_id, bytes(opening.close_root), tuple(numbers))
    picked = draw.select(this.stream(), list(candidates), count)
    inputs = {
        "kind": kind,
        "tender": tender,
        "draw": draw_id,
        "root": opening.close_root.hex(),
        "nonces": [number.hex() for number in numbers],
        "candidates": list(candidates),
        "count": count,
        "seed": this.seed().hex(),
    }
    return inputs, picked


def draw_coefficients(work: Work, tender: Tender, opening: Opening, lots: Sequence[UUID]) -> None:
    """Draw K for every opened lot whose printed method asks for one."""
    candidates = [str(k) for k in tender.terms.get("price", {}).get("k", [])]
    if not candidates:
        return
    for lot in work.scalars(sa.select(Lot).where(Lot.id.in_(lots)).order_by(Lot.number)):
        inputs, picked = draw_of(
            work.session,
            opening,
            kind=K_VALUE,
            tender=tender.code,
            draw_id=f"{K_VALUE}-{lot.number}",
            candidates=candidates,
            count=1,
        )
        recorded = work.record(
            facts.CoefficientDrawn(
                subject=tender.id,
                tender=tender.code,
                body={"v": 1, **inputs, "size": opening.close_size, "picked": picked},
            )
        )
        work.add(
            CoefficientDraw(
                id=work.new_id(),
                tender_id=tender.id,
                lot_id=lot.id,
                kind=K_VALUE,
                inputs=inputs,
                result=picked,
                record_id=recorded.record_id,
                drawn_at=work.now,
            )
        )
