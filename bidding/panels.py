"""What this room adds to other rooms' pages: the way to bid, the opening, seal and custodians."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import url_for
from sqlalchemy.orm import Session

from bidding import bond_words, queries, queries_bonds
from bidding.actions.bonds import asks_bond
from bidding.actions.closing import opening_of
from bidding.models import Opening
from bidding.rights import runs_tender
from bidding.rules.states import OpeningState
from bidding.views.base import seat_text
from kernel.i18n import gettext
from kernel.rights import Actor, Role
from kernel.web import platform
from kernel.web.panels import Filling, panel
from trading.models import Tender
from trading.procedures import PROCEDURES


def _base(**values: Any) -> dict[str, Any]:
    return {"seat_text": seat_text, "now": platform().outside.clock.now(), **values}


@panel("tender-action", "bid", order=20)
def bid_here(session: Session, tender: Any, actor: Actor) -> Filling:
    """The main action: bid while bids are accepted, the hall afterwards."""
    now = platform().outside.clock.now()
    if tender.published_at is None or PROCEDURES[tender.procedure].live:
        return None
    mine = (
        queries.bids_here(session, tender.id, actor.org_id) if actor.org_id and actor.has(Role.BIDDER) else []
    )
    closed = now >= tender.bids_close_at
    may_bid = queries.may_bid(tender, actor, now)
    main = {"url": url_for("bidding.prepare", code=tender.code)} if may_bid and not closed else {}
    if main:
        main["label"] = gettext("Replace bid") if mine else gettext("Bid here")
    return "bidding/panel_action.html", _base(
        tender=tender, closed=closed, may_bid=may_bid, mine=mine[:1], **main
    )


@panel("tender-action", "bond", order=15)
def bond_here(session: Session, tender: Any, actor: Actor) -> Filling:
    """For a bidder: what to lodge and how it stands. For the buyer, once bids are open: the bonds held."""
    if tender.published_at is None or not asks_bond(tender):
        return None
    now = platform().outside.clock.now()
    if actor.has(Role.BIDDER) and actor.org_id is not None:
        lots = queries_bonds.my_lots(
            session, tender, actor.org_id, now, platform().settings.bond_interest_ppm
        )
        if any(one.open or one.bonds for one in lots):
            return "bidding/panel_bond.html", _base(tender=tender, lots=lots, words=bond_words)
    if runs_tender(actor, tender) and queries_bonds.is_open(session, tender):
        return "bidding/panel_bond.html", _base(tender=tender, lots=(), words=bond_words)
    return None


@panel("desk", "bonds", order=20)
def bonds_due(session: Session, _subject: Any, actor: Actor) -> Filling:
    """For a bidder: bonds begun and not in order, and bonds that are going back. For the operator: what is due."""
    now = platform().outside.clock.now()
    if actor.has(Role.OPERATOR):
        ppm = platform().settings.bond_interest_ppm
        orders = queries_bonds.bond_orders(session, now, ppm, size=5)
        waiting = queries_bonds.guarantees(session, size=5)
        return "bidding/panel_bonds.html", _base(
            orders=orders, waiting=waiting, lines=(), words=bond_words, operator=True
        )
    if not actor.has(Role.BIDDER) or actor.org_id is None:
        return None
    lines = queries_bonds.my_bonds(session, actor.org_id, now)
    if not lines:
        return None
    return "bidding/panel_bonds.html", _base(lines=lines, words=bond_words, operator=False)


@panel("tender", "opening", "Opening", order=40)
def opening_tab(session: Session, tender: Any, actor: Actor) -> Filling:
    """How the opening stands; before the deadline only when and who keeps the keys."""
    policy = queries.policy_view(session, tender)
    if tender.published_at is None or policy is None or PROCEDURES[tender.procedure].live:
        return None
    return "bidding/panel_opening.html", _base(
        tender=tender, policy=policy, opening=opening_of(session, tender.id)
    )


@panel("wizard", "seal", "Seal and custodians", order=20)
def seal_and_custodians(session: Session, tender: Any, actor: Actor) -> Filling:
    """For the buyer: which custodian has stated his key, and the fingerprint for the notice."""
    if tender is None or not runs_tender(actor, tender):
        return None
    now = platform().outside.clock.now()
    return "bidding/panel_seal.html", _base(
        tender=tender,
        rows=queries.seats_view(session, tender, now),
        policy=queries.policy_view(session, tender),
    )


@panel("desk", "custody", order=30)
def custody_due(session: Session, _subject: Any, actor: Actor) -> Filling:
    """For a custodian: what is due, or when something will be."""
    if not actor.has(Role.CUSTODIAN) or actor.org_id is None:
        return None
    now = platform().outside.clock.now()
    seats = queries.my_seats(session, actor.org_id, now)
    due = [one for one in seats if one.due]
    coming = sorted(
        (one for one in seats if not one.due and one.tender.bids_close_at > now),
        key=lambda one: (one.tender.bids_close_at, one.tender.code),
    )
    return "bidding/panel_custody.html", _base(rows=due, coming=coming[:5])


@panel("home", "openings", order=30)
def openings_today(session: Session, _subject: Any, actor: Actor) -> Filling:
    """Openings that are being held now."""
    held = session.execute(
        sa.select(Tender, Opening)
        .join(Opening, Opening.tender_id == Tender.id)
        .where(Opening.state.in_((OpeningState.RELEASING, OpeningState.OPENED)))
        .order_by(Opening.closed_at.desc())
        .limit(5)
    ).unique()
    pairs = [(tender, opening) for tender, opening in held]
    return ("bidding/panel_openings.html", _base(pairs=pairs)) if pairs else None


PANELS = (bid_here, bond_here, bonds_due, opening_tab, seal_and_custodians, custody_due, openings_today)
