"""A used-up pool goes on: a second draw among experts of related fields, frozen with the notice like the first.

Everybody else on the roster is frozen as the reserve together with the pool, before anybody can know the seed. When the
pool is used up the buyer names the related fields and his reason, supervisors are told, and the same lottery numbers
give an order of the reserve under a draw id of its own. Nobody enrolled since the notice can be drawn: whoever keeps the
roster would then choose the members.

Source: 招标投标法 第三十七条; 实施条例 第四十六条, 第四十八条; spec sealing §9; rules.md §2.9, V-02, V-04.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from bidding.actions.closing import opening_of
from bidding.actions.draws import draw_of
from evaluation import facts
from evaluation.models import Expert, Panel
from evaluation.rights import PANEL_NAME
from evaluation.rules.panel import Seat
from kernel.errors import NotNow, NotValid
from kernel.identity.queries import people_acting
from kernel.rights import Role
from kernel.work import Work
from sealbid import jcs, merkle
from trading.models import Tender

EXPERTS = "experts"
SOURCE = "招标投标法 第三十七条; 实施条例 第四十六条"


def reserve_of(experts: Iterable[Expert], pool: Sequence[str]) -> list[dict[str, Any]]:
    """Everybody else who could sit, with his fields, by person id."""
    rest = [expert for expert in experts if str(expert.person_id) not in set(pool)]
    return sorted(
        ({"person": str(one.person_id), "fields": sorted(one.specialties)} for one in rest),
        key=lambda entry: str(entry["person"]),
    )


def reserve_root(reserve: Sequence[dict[str, Any]], salt: bytes) -> str:
    """Merkle root over the salted entries, in the frozen order; empty for an empty reserve."""
    if not reserve:
        return ""
    leaves = [hashlib.sha256(b"\0" + salt + b"reserve\0" + jcs.encode(entry)).digest() for entry in reserve]
    return merkle.root_of_hashes(leaves).hex()


def experts_missing(panel: Panel) -> int:
    """Seats of experts that nobody sits in and nobody is asked for."""
    seated = [m for m in panel.members if m.seat == Seat.EXPERT and m.state in ("invited", "committed")]
    return panel.seats - panel.buyer_seats - len(seated)


def is_used_up(panel: Panel) -> bool:
    """Whether a panel lacks experts and its draw has none left."""
    drawn = panel.order is not None and panel.next_index >= len(panel.order)
    return panel.state == "inviting" and drawn and experts_missing(panel) > 0


def fields_left(panel: Panel) -> dict[str, int]:
    """Field → how many frozen experts of it were not drawn yet."""
    drawn = set(panel.order or ())
    return dict(
        sorted(
            Counter(
                field for one in panel.reserve if one["person"] not in drawn for field in one["fields"]
            ).items()
        )
    )


def candidates_of(panel: Panel, fields: Sequence[str]) -> list[str]:
    """Places in the reserve, as text, of the experts of these fields who were not drawn yet."""
    drawn, wanted = set(panel.order or ()), set(fields)
    return [
        str(place)
        for place, one in enumerate(panel.reserve)
        if wanted & set(one["fields"]) and one["person"] not in drawn
    ]


def enlarge_pool(work: Work, tender_id: UUID, fields: Sequence[str], reason: str) -> Panel:
    """The buyer opens the reserve of related fields; the order is drawn at once and the first are invited.

    Args:
        fields: codes of fields that are related to the subject, in his judgement.
        reason: why; it stands in the log and supervisors get it.

    Raises:
        NotNow: ``pool_not_used_up``; ``reserve_empty`` when nobody is left in any field.
        NotValid: ``fields_unknown``, ``reason_missing``.

    Source: 招标投标法 第三十七条 (experts of the related field); 实施条例 第四十六条, 第四十八条.
    """
    from evaluation.actions.panels import invite_missing, require_panel

    tender = work.get(Tender, tender_id, to=PANEL_NAME)
    panel = require_panel(work, tender_id)
    if not is_used_up(panel):
        raise NotNow("pool_not_used_up", source=SOURCE, state=panel.state)
    left = fields_left(panel)
    if not left:
        raise NotNow("reserve_empty", source=SOURCE)
    chosen = sorted(set(fields))
    if not chosen or not set(chosen) <= set(left):
        raise NotValid("fields_unknown", source=SOURCE, field="fields", fields=sorted(left))
    if not reason.strip():
        raise NotValid("reason_missing", source=SOURCE, field="reason")
    number = len(panel.enlargements) + 2
    draw, candidates = f"{EXPERTS}-{number}", candidates_of(panel, chosen)
    work.record(
        facts.PoolEnlarged(
            subject=tender.id,
            tender=tender.code,
            panel=panel.id,
            draw=draw,
            fields=tuple(chosen),
            candidates=tuple(candidates),
            missing=experts_missing(panel),
            reason=reason.strip(),
        )
    )
    inputs, picked = draw_again(work.session, tender, draw, candidates)
    recorded = work.record(
        facts.ExpertsDrawn(
            subject=tender.id,
            tender=tender.code,
            panel=panel.id,
            draw=draw,
            seed=inputs["seed"],
            count=len(picked),
            size=inputs["size"],
            root=inputs["root"],
            order=tuple(picked),
        )
    )
    assert panel.order is not None, "a used-up pool was drawn"
    panel.order = [*panel.order, *(panel.reserve[int(place)]["person"] for place in picked)]
    panel.enlargements = [
        *panel.enlargements,
        {
            "draw": draw,
            "fields": chosen,
            "candidates": candidates,
            "reason": reason.strip(),
            "seed": inputs["seed"],
            "record": str(recorded.record_id),
        },
    ]
    _tell_supervisors(work, tender, chosen, reason.strip())
    invite_missing(work, tender, panel)
    return panel


def draw_again(
    session: Session, tender: Tender, draw: str, candidates: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    """Inputs and the whole order of a draw of experts; anybody gets the same. ``size`` is the tree's at the closing."""
    opening = opening_of(session, tender.id)
    assert opening is not None, "experts are drawn after the opening"
    inputs, picked = draw_of(
        session,
        opening,
        kind=EXPERTS,
        tender=tender.code,
        draw_id=draw,
        candidates=candidates,
        count=len(candidates),
    )
    return {**inputs, "size": opening.close_size}, picked


def _tell_supervisors(work: Work, tender: Tender, fields: Sequence[str], reason: str) -> None:
    for person in work.scalars(people_acting(role=Role.SUPERVISOR)):
        work.message(
            to=person.email,
            template="pool_enlarged",
            lang=person.lang,
            tender=tender.code,
            title=tender.title,
            fields=", ".join(fields),
            reason=reason,
        )
