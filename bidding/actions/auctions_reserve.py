"""A sealed reserve price: its digest is logged before the start, its value is shown after the end, by its holder alone.

Nobody but the seller can know it, no custodian and no platform; he cannot change it, and keeping it back only hurts
himself: a reserve that is not shown in time counts as none, and the highest offer buys.

Source: rules §4.2 (reserve: holder only), §4.3 A-12, §4.5 step 6; docs/decisions/0013-auction-core.md.
"""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding import auction_facts as facts
from bidding.actions.auctions_life import follow
from bidding.actions.auctions_write import append, hold
from bidding.hall_core import rooms
from bidding.models_auction import Auction, AuctionStage
from bidding.rights import AUCTION_HOST
from bidding.rules.auction import events
from bidding.rules.auction.state import Stage
from bidding.rules.auction.values import money_text
from kernel.errors import NotNow, NotValid, Refusal
from kernel.ledger.models import FactRow
from kernel.money import Money
from kernel.platform import Platform
from kernel.rights import SYSTEM
from kernel.work import Work
from sealbid.octets import label

SHOW_WITHIN = timedelta(hours=24)
"""How long the seller has to show his reserve after the end."""
_LABEL = label("sunroad/1 auction reserve")
_HEX = re.compile(r"[0-9a-f]{64}")


def reserve_digest(auction_id: UUID, amount: Money, salt: bytes) -> str:
    """The digest a seller logs: over the auction, the amount and 32 random bytes of his own. Hex.

    Raises:
        NotValid: ``reserve_salt`` unless the salt has 32 bytes.
    """
    if len(salt) != 32:
        raise NotValid("reserve_salt", source="rules §4.3 A-12", field="salt")
    text = f"{money_text(amount)} {amount.currency}".encode()
    return hashlib.sha256(_LABEL + auction_id.bytes + salt + text).hexdigest()


def seal_reserve(work: Work, auction_id: UUID, digest: str) -> None:
    """Log the digest of a reserve price before the start. The same again changes nothing.

    Raises:
        NotNow: ``reserve_given`` for another one, ``auction_begun``. NotValid: ``reserve_not_printed``,
            ``reserve_format``.
    """
    tender, auction = hold(work, auction_id)
    work.require(AUCTION_HOST, tender)
    if not rooms.terms_of(auction).reserve:
        raise NotValid("reserve_not_printed", source="rules §4.3 A-12")
    if not _HEX.fullmatch(digest):
        raise NotValid("reserve_format", source="rules §4.3 A-12", field="digest")
    known = sealed_reserve(work.session, auction_id)
    if known == digest:
        return
    if known:
        raise NotNow("reserve_given", source="rules §4.3 A-12")
    if auction.stage is not AuctionStage.PRINTED or work.now >= auction.starts_at:
        raise NotNow("auction_begun", source="rules §4.3 A-12", server_time=work.now)
    work.record(facts.ReserveSealed(subject=auction.id, tender=tender.code, digest=digest))


def sealed_reserve(session: Session, auction_id: UUID) -> str:
    """The logged digest, or empty."""
    row = session.scalars(
        sa.select(FactRow).where(FactRow.subject == auction_id, FactRow.name == facts.ReserveSealed.name)
    ).one_or_none()
    return "" if row is None else str(row.body["digest"])


def show_reserve(work: Work, auction_id: UUID, amount: Money, salt: bytes) -> None:
    """Show the reserve price after the end; with it the result is certain.

    Raises:
        NotNow: ``auction_still_running`` before the end, ``auction_reserve_open`` when it was shown already,
            ``reserve_unsealed``. NotValid: ``reserve_other`` when it is not the one that was logged.
    """
    tender, _ = hold(work, auction_id)
    work.require(AUCTION_HOST, tender)
    digest = sealed_reserve(work.session, auction_id)
    if not digest:
        raise NotNow("reserve_unsealed", source="rules §4.3 A-12")
    if reserve_digest(auction_id, amount, salt) != digest:
        raise NotValid("reserve_other", source="rules §4.3 A-12", field="amount")
    append(work, auction_id, [events.ReserveRevealed(amount)])
    follow(work, auction_id)


def lapse_reserves(platform: Platform) -> int:
    """Chore: a reserve that was never sealed, or not shown in time, counts as none; returns how many lapsed."""
    now = platform.outside.clock.now()
    with platform.read() as session:
        waiting = session.scalars(sa.select(Auction).where(Auction.stage == AuctionStage.SETTLING)).all()
        due = []
        for auction in waiting:
            room, _ = rooms.load(session.connection(), auction.id)
            at, terms = room.state.at, room.state.terms
            late = at is not None and now - at >= SHOW_WITHIN
            unsealed = not sealed_reserve(session, auction.id)
            if terms.reserve and room.state.stage is Stage.SETTLING and room.state.reserve is None:
                due += [(auction.id, terms.start)] if late or unsealed else []
    done = 0
    for auction_id, start in due:
        assert start is not None, "auctions with a reserve have a start price"
        try:
            with platform.begin(SYSTEM) as work:
                append(work, auction_id, [events.ReserveRevealed(start)])
                follow(work, auction_id)
                done += 1
        except Refusal:
            continue  # it was shown in between
    return done
