"""What a page of the auction hall needs: who looks, what he may see, the printed rules, and the words of its scripts.

The state comes from the engine's own ``snapshot`` and ``private``, so a page shows what the live channel would.

Source: rules §4.2; design §05.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding import auction_words as words
from bidding import queries_auction as queries
from bidding.hall_core import rooms
from bidding.models_auction import Auction, AuctionStage
from bidding.rules.auction import sight
from bidding.rules.auction.state import OVER, State
from bidding.rules.auction.terms import Direction, Terms
from kernel.errors import NotFound
from kernel.i18n import gettext as _
from kernel.money import Money
from kernel.rights import Actor, Role
from trading.models import Lot, Tender

ENDED = (AuctionStage.SOLD, AuctionStage.FAILED, AuctionStage.CANCELLED)
WAN = 10_000_00
"""Fen in 万元, the unit of large sales."""


@dataclass(frozen=True)
class Look:
    """One look at an auction.

    Attributes:
        role: ``bidder``, ``host``, ``supervisor`` or ``observer``.
        seat: the registration of the looker's organisation, admitted or not.
        plate: his plate when he is admitted.
        live: whether this audience may follow it now.
    """

    auction: Auction
    tender: Tender
    lot: Lot
    terms: Terms
    state: State
    viewer: sight.Viewer
    role: str
    seat: queries.MySeat | None
    plate: str | None
    live: bool

    @property
    def over(self) -> bool:
        """Whether nothing will follow."""
        return self.state.stage in OVER

    @property
    def snapshot(self) -> dict[str, Any]:
        return sight.snapshot(self.state, self.viewer)

    @property
    def own(self) -> dict[str, Any] | None:
        return None if self.plate is None else sight.private(None, self.state, self.plate)


def look(session: Session, auction_id: UUID, actor: Actor, now: datetime) -> Look:
    """An auction as this person may see it.

    Raises:
        NotFound: no such auction, or its notice is not out.
    """
    row = (
        session.execute(
            sa.select(Auction, Tender, Lot)
            .join(Tender, Tender.id == Auction.tender_id)
            .join(Lot, Lot.id == Auction.lot_id)
            .where(Auction.id == auction_id)
        )
        .unique()
        .one_or_none()
    )
    if row is None or row.Tender.published_at is None or row.Tender.published_at > now:
        raise NotFound("not_found", thing="auction", id=str(auction_id))
    auction, tender, lot = row
    state = queries.state_of(session, auction.id)
    viewer = queries.viewer_of(session, actor, auction.id)
    seat = queries.my_seat(session, auction.id, actor.org_id) if actor.has(Role.BIDDER) else None
    plate = viewer.plate if isinstance(viewer, sight.Bidder) else None
    role = {"Host": "host", "Supervisor": "supervisor", "Bidder": "bidder"}.get(
        type(viewer).__name__, "observer"
    )
    live = role != "observer" or state.terms.visible.public_live or state.stage in OVER
    return Look(auction, tender, lot, state.terms, state, viewer, role, seat, plate, live)


@dataclass(frozen=True)
class Line:
    """One auction in a list."""

    auction: Auction
    tender: Tender
    lot: Lot

    @property
    def terms(self) -> Terms:
        return rooms.terms_of(self.auction)


def listed(session: Session, stages: tuple[AuctionStage, ...], now: datetime, limit: int = 50) -> list[Line]:
    """Auctions of published tenders in these stages, the soonest first; those that are over, the latest first."""
    order = Auction.ended_at.desc() if AuctionStage.SOLD in stages else Auction.starts_at
    rows = session.execute(
        sa.select(Auction, Tender, Lot)
        .join(Tender, Tender.id == Auction.tender_id)
        .join(Lot, Lot.id == Auction.lot_id)
        .where(Auction.stage.in_(stages), Tender.published_at <= now)
        .order_by(order)
        .limit(limit)
    ).unique()
    return [Line(*row) for row in rows]


def of_tender(session: Session, tender_id: UUID) -> list[Line]:
    """The auctions of a tender, by lot and round."""
    rows = session.execute(
        sa.select(Auction, Tender, Lot)
        .join(Tender, Tender.id == Auction.tender_id)
        .join(Lot, Lot.id == Auction.lot_id)
        .where(Auction.tender_id == tender_id)
        .order_by(Lot.number, Auction.round)
    ).unique()
    return [Line(*row) for row in rows]


def unit_of(terms: Terms, lang: str) -> tuple[int, str]:
    """In what a room counts money: fen per unit and its word. 万元 for large sales in whole 万元, else yuan.

    The amount that is sent and signed is always in yuan.
    """
    step = terms.step.amount if terms.step is not None else None
    amounts = [one for one in (terms.start, step) if one is not None]
    large = terms.start is not None and terms.start.minor >= 1000 * WAN
    whole = step is not None and all(one.minor % WAN == 0 for one in amounts)
    if lang == "zh-CN" and terms.direction is Direction.UP and large and whole:
        return WAN, "万元"
    return 100, "元" if lang == "zh-CN" else "CNY"


def limits_of(terms: Terms) -> list[dict[str, str]]:
    """The dashed lines of the chart: start, ceiling and cap."""
    found: list[tuple[str, Money]] = []
    if terms.ceiling is not None:
        found.append((_("Ceiling"), terms.ceiling))
    elif terms.start is not None:
        found.append((_("Start price"), terms.start))
    if terms.cap is not None:
        found.append((_("Cap"), terms.cap.price))
    return [{"name": name, "amount": f"{amount.yuan:.2f}"} for name, amount in found]


def holds_priority(seen: Look) -> bool:
    """Whether the looker holds a priority right here."""
    right = seen.terms.priority
    return right is not None and any(one.plate == seen.plate for one in right.holders)


def room_script(seen: Look, lang: str) -> dict[str, Any]:
    """What the room's script starts with; nothing stands in it that this audience may not see."""
    made = script_of(
        f"auction:{seen.auction.id}",
        seen.terms,
        lang,
        role=seen.role,
        plate=seen.plate,
        state=seen.snapshot if seen.live else None,
        own=seen.own,
    )
    return made | {"priority": holds_priority(seen), "live": seen.live}


def script_of(
    channel: str,
    terms: Terms,
    lang: str,
    *,
    role: str,
    plate: str | None,
    state: dict[str, Any] | None,
    own: dict[str, Any] | None,
) -> dict[str, Any]:
    """What any room's script starts with: a channel, printed terms, a view, and words."""
    unit, word = unit_of(terms, lang)
    return {
        "channel": channel,
        "role": role,
        "plate": plate,
        "priority": False,
        "live": True,
        "terms": terms.to_plain(),
        "state": state,
        "own": own,
        "unit": unit,
        "unit_word": word,
        "limits": limits_of(terms),
        "stages": words.stages_of(terms),
        "reasons": {name: _(text) for name, text in words.REASONS.items()},
        "words": room_words(terms),
    }


def room_words(terms: Terms) -> dict[str, str]:
    """Texts of the room's scripts; ``{name}`` is filled in there."""
    down = terms.direction is Direction.DOWN
    return {
        "new_best": _("New lowest offer {price}") if down else _("New highest offer {price}"),
        "offer_of": _("Plate {plate} offers {price}"),
        "offer_some": _("An offer of {price}"),
        "result": _("Winning price"),
        "offer_shut": _("The sealed offer of plate {plate} was not opened"),
        "mine": _("Your offer {price} was accepted"),
        "mine_limit": _("Your standing limit offered {price}"),
        "mine_match": _("You matched {price}"),
        "mine_sealed": _("Your sealed offer was received"),
        "moved": _("Extended until {time}"),
        "restarted": _("The clock starts again, until {time}"),
        "moved_count": _("Extension {n}"),
        "ends": _("ends {time}"),
        "begins": _("begins {time}"),
        "resumes": _("goes on {time}"),
        "stopped": _("The clock stands: {reason}"),
        "stopped_more": _("Offers already accepted stand. When it goes on is announced here."),
        "resumes_more": _("Offers already accepted stand. It goes on at {time}."),
        "stage": _("Now: {stage}"),
        "ended_won": _("You won with {price}"),
        "ended_rank": _("Your rank is {rank}"),
        "ended_sold": _("Plate {plate} wins with {price}"),
        "ended_none": _("Ended without a result"),
        "ended_none_for": _("Ended without a result: {reason}"),
        "ended_hidden": _("Ended; the notice does not show the offers of others"),
        "leading": _("You lead"),
        "outbid": _("Outbid"),
        "not_best": _("Not the best"),
        "is_best": _("Best so far"),
        "days_left": _("{d} d {h} h"),
        "no_offer_yet": _("No offer yet"),
        "beyond": _("Not among the first three"),
        "rank": _("Rank {rank}"),
        "rank_of": _("Rank {rank} of {n}"),
        "in_chip": _("Still in"),
        "out_chip": _("Out"),
        "sealed_chip": _("Sealed offer in"),
        "rank_hidden": _("No rank is shown"),
        "count": _("{n} valid offers"),
        "offers_label": _("Valid offers"),
        "bidders_label": _("Bidders admitted"),
        "plate": _("Plate"),
        "hidden": _("Not shown"),
        "none": _("None"),
        "my_offer": _("My offer"),
        "gap": _("From the best"),
        "against": _("Against the start price"),
        "next": _("Accepted from"),
        "round": _("Round"),
        "premium": _("Premium"),
        "series_best": _("The clock's price")
        if terms.clock is not None
        else (_("Lowest of all") if down else _("Highest of all")),
        "series_mine": _("My offers"),
        "pad_best": _("Lower than the lowest offer") if down else _("Higher than the highest offer"),
        "pad_own": _("Lower than my last offer") if down else _("Higher than my last offer"),
        "pad_first": _("First offer: at most {price}") if down else _("First offer: at least {price}"),
        "pad_least": _("At most {price} is accepted now") if down else _("At least {price} is accepted now"),
        "pad_good": _("If accepted: {difference} below the best offer. Offers cannot be withdrawn.")
        if down
        else _("If accepted: {difference} above the best offer. Offers cannot be withdrawn."),
        "pad_good_own": _("{difference} below your last offer. Offers cannot be withdrawn.")
        if down
        else _("{difference} above your last offer. Offers cannot be withdrawn."),
        "pad_good_first": _("Offers cannot be withdrawn."),
        "pad_typed": _("Type an amount, or choose a step."),
        "why_waiting": _("Bidding has not begun."),
        "why_paused": _("The clock stands; offers are taken when it goes on."),
        "why_lost": _("You can offer again once the connection is back. Accepted offers stand."),
        "why_leading": _("The best offer is yours."),
        "why_over": _("Bidding is over."),
        "why_stage": _("No offers are taken in this stage."),
        "why_outside": _("You did not enter the limited-time round."),
        "why_break": _("Break. Round {n} begins at {time}."),
        "why_handed": _("Your offer of this round is handed in. It is opened together with all others."),
        "why_not_equal": _("Only those with the equal best offers take part in this round."),
        "why_opened": _("Your opening price is handed in. The first round follows."),
        "why_not_opened": _("You handed in no opening price before the start, so you have no turn."),
        "why_turn": _("Your turn comes after {n} more."),
        "why_turned": _("Your turn of this round is over."),
        "why_not_willing": _("You did not answer that you go on."),
        "why_bad": _("This price is not accepted now."),
        "below": _("Below the present offer") if down else _("Above the present offer"),
        "below_own": _("Below my last offer") if down else _("Above my last offer"),
        "below_start": _("Below the start price") if down else _("Above the start price"),
        "confirm": _("Confirm {price}"),
        "cancels": _("cancelled in {n} s"),
        "sending": _("Being submitted"),
        "beaten": _("A better price arrived while you were confirming"),
        "beaten_more": _("Nothing was submitted. Choose a price again."),
        "expired": _("The confirmation ran out"),
        "expired_more": _("Nothing was submitted."),
        "far": _("This is {steps} steps at once"),
        "far_more": _("Check every digit and confirm a second time."),
        "accepted": _("Accepted"),
        "accepted_more": _("Received by the server at {time}"),
        "received": _("server received it at {time}"),
        "refused": _("This was not accepted"),
        "unsure": _("No answer yet"),
        "unsure_more": _(
            "The connection was lost while submitting. It is sent again under the same number; it counts once."
        ),
        "limit_set": _("Standing limit {price}"),
        "limit_none": _("No standing limit"),
        "ahead": _("{ms} ms"),
        "slow": _(
            "The connection is slow ({ms} ms). Offers are judged by the server's time; offer in good time."
        ),
        "skewed": _("This device's clock is {s} s off. The room goes by the server's time."),
        "sound_on": _("Sound on"),
        "sound_off": _("Sound off"),
        "say_best": _("New best price {price}"),
        "say_rank": _("Your rank {rank}"),
        "say_moved": _("Extended, ends {time}"),
        "receipt": _("Receipt"),
        "again": _("Press again to confirm"),
        "again_price": _("Press again to confirm {price}"),
        "now": _("now"),
        "clock_price": _("The clock's price"),
    } | _format_words(terms)


def _format_words(terms: Terms) -> dict[str, str]:
    """What only some formats say: sealed rounds, turns, clocks, the cap, priority rights."""
    down = terms.direction is Direction.DOWN
    return {
        "after_round": _("Shown after the round"),
        "pad_sealed": _("Sealed, once in a round"),
        "pad_second": _("Second sealed round among equals"),
        "pad_opening": _("Opening price, before the start"),
        "pad_once": _("One offer in this round; it cannot be changed."),
        "pad_not_worse": _("At most your own last price, {price}")
        if down
        else _("At least your own last price, {price}"),
        "pad_items": _("Fill in every item; numbers only."),
        "pad_cap": _("This is the cap. The price stands still there and the printed next step follows."),
        "confirm_sealed": _("Seal and hand in {price}"),
        "accepted_sealed": _("Sealed offer received:"),
        "note_offer": _(
            "An offer counts once the server has confirmed it and cannot be withdrawn."
            " Who is behind a plate is shown after the end at the earliest."
        ),
        "note_sealed": _("Nobody sees it before all are opened together. It cannot be changed or withdrawn."),
        "note_turn": _(
            "Nobody else sees it before your turn ends; until then you may change it or take it back."
        ),
        "note_clock": _("It counts once the server has confirmed it and cannot be withdrawn."),
        "note_match": _("It is yours at this price until somebody offers a better one."),
        "round_of": _("Round {n} of {all}"),
        "round_begins": _("Round {n} of {all} begins"),
        "turn_of": _("It is the turn of plate {plate}"),
        "turn_you": _("(you)"),
        "turn_pending": _("Your offer of this turn: {price}"),
        "turn_taken_back": _("Taken back; your old price stands"),
        "accept_at": _("Accept {price}"),
        "stay_at": _("Stay in at {price}"),
        "stay_until": _("Stay at {price} until {time}"),
        "stays": _("You stay in at {price}. The price moves at {time}."),
        "dial_until": _("The price moves at {time}."),
        "ticked": _("The clock's price moved while you were confirming"),
        "out": _("You are out; your last price stands."),
        "leave": _("Leave for good"),
        "leave_about": _("You take no further part. The last price at which you stayed in stands."),
        "left": _("You left"),
        "inside_label": _("Still in"),
        "go_on_said": _("Noted: you will go on"),
        "match_at": _("Take {price}"),
        "waive": _("Waive"),
        "waive_about": _("You do not use your priority right. This is final."),
        "waived": _("You waived your priority right"),
        "right_now": _("You may take the best price. It is yours until somebody offers a better one."),
        "right_later": _("After the end you are asked for {n} minutes whether you take the best price."),
        "right_asked": _("You may take {price} until {time}. Without an answer your right is waived."),
        "right_uses": _("Uses left: {n}."),
        "quantity": _("Quantity"),
        "quantity_of": _("Plate {plate} offers {quantity}"),
        "quantity_some": _("Now {quantity} is offered"),
        "second_best": _("Best quantity"),
        "second_least": _("At least {least} {unit}"),
        "second_between": _("At least {least} {unit}, at most {most} {unit}"),
        "limit_about": _("Standing limit: the core offers for you in printed steps up to this amount."),
        "limit_confirm": _("Set the limit {price}"),
        "next_cap": _("The cap is reached; the price stands still"),
        "next_cap_second": _("Until {time} bidders answer whether they go on. Then {indicator} decides."),
        "next_cap_draw": _("Until {time} bidders answer whether they go on. Then a verifiable draw decides."),
        "next_second": _("The second indicator decides between those who go on."),
        "next_equal": _("Several best offers are equal"),
        "next_equal_more": _(
            "Their bidders hand in a second sealed offer until {time}. Equal again: a draw."
        ),
        "next_asking": _("Holders of a priority right are asked"),
        "next_asking_more": _("Until {time}; the result follows."),
        "next_points": _("The panel's points are entered, then the result appears here."),
        "next_opening": _("What is sealed is opened now. The result appears here."),
        "next_settling": _(
            "The result appears here. Where the terms print a draw, anybody can compute it again."
        ),
        "result_receipts": _("Your signed receipts:"),
    }


__all__ = ["ENDED", "Line", "Look", "listed", "look", "of_tender", "room_script", "unit_of"]
