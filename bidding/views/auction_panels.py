"""What auctions add to other pages: the tender's page, home, and the buyer's wizard."""

from __future__ import annotations

from typing import Any

from flask import url_for
from sqlalchemy.orm import Session

from bidding import auction_drawing as drawing
from bidding import auction_words as words
from bidding import price_words, queries_price
from bidding import queries_auction as queries
from bidding.actions.auctions import Printed
from bidding.models_auction import AuctionStage
from bidding.rights import runs_tender
from bidding.rules.auction import sight
from kernel.i18n import gettext
from kernel.money import Money
from kernel.rights import Actor, Role
from kernel.web import platform
from kernel.web.panels import Filling, panel
from trading.procedures import PROCEDURES


@panel("tender", "auction", "Rules of the auction", order=35)
def auction_tab(session: Session, tender: Any, _actor: Actor) -> Filling:
    """The printed rules of every lot's auction, and the ways into it."""
    lines = drawing.of_tender(session, tender.id)
    return ("bidding/auction_panel.html", {"lines": lines, "words": words}) if lines else None


@panel("tender-action", "auction", order=10)
def auction_action(session: Session, tender: Any, actor: Actor) -> Filling:
    """Register while registration is open, the hall, the result afterwards."""
    lines = drawing.of_tender(session, tender.id)
    if not lines:
        return None
    registers = actor.has(Role.BIDDER) and actor.org_id not in (tender.buyer_id, tender.agent_id)
    now = platform().outside.clock.now()
    filling = {"lines": lines[:6], "registers": registers, "now": now}
    waiting = (AuctionStage.PRINTED, AuctionStage.LIVE)
    first = next(
        (one for one in lines if one.auction.stage in waiting and now < one.auction.register_until_at), None
    )
    if registers and first is not None:
        filling["url"] = url_for("bidding.auction_register", auction_id=first.auction.id)
        filling["label"] = gettext("Register for the auction")
    return "bidding/auction_action.html", filling


@panel("home", "auctions", order=20)
def live_auctions(session: Session, _subject: Any, _actor: Actor) -> Filling:
    """Auctions of now; without one the card says so and shows the next that come. Source: design §01 (empty)."""
    now = platform().outside.clock.now()
    running = drawing.listed(session, (AuctionStage.LIVE,), now, 4)
    lines = running or drawing.listed(session, (AuctionStage.PRINTED,), now, 2)
    return "bidding/auction_home.html", {
        "running": bool(running),
        "lines": [(one, _price(session, one)) for one in lines],
        "words": words,
    }


def _price(session: Session, line: drawing.Line) -> str:
    """The best price where everybody may see it now."""
    if line.auction.stage is not AuctionStage.LIVE or not line.terms.visible.public_live:
        return ""
    best = sight.snapshot(queries.state_of(session, line.auction.id), sight.Public())["best"]
    return words.yuan(Money.from_yuan(best["amount"])) if best and best["amount"] else ""


@panel("wizard-terms", "auction", order=10)
def auction_terms_panel(session: Session, tender: Any, actor: Actor) -> Filling:
    """For the buyer: which lots have terms of their auction."""
    if tender is None or not PROCEDURES[tender.procedure].live or not runs_tender(actor, tender):
        return None
    rows = [(lot, Printed.from_plain(lot.live).terms if lot.live else None) for lot in tender.lots]
    return "bidding/auction_wizard.html", {"tender": tender, "rows": rows, "words": words}


@panel("desk", "prices", order=15)
def low_prices_due(session: Session, _subject: Any, actor: Actor) -> Filling:
    """For a bidder: a low price he is asked to explain; for a buyer: an explanation to decide about."""
    duties = queries_price.price_duties(session, actor, platform().outside.clock.now())
    return ("bidding/panel_prices.html", {"lines": duties, "prices": price_words}) if duties else None


AUCTION_PANELS = (auction_tab, auction_action, live_auctions, auction_terms_panel, low_prices_due)
