"""A bidder's deed from outside the live channel: through the hall of this process, or straight into the journal.

Source: rules §4.3 A-02, A-03, A-08, A-09.
"""

from __future__ import annotations

import queue
from datetime import datetime
from uuid import UUID

from bidding.actions.auctions import seat_of
from bidding.actions.auctions_write import write
from bidding.hall_core import journal, rooms
from bidding.hall_core.core import Answer
from bidding.hall_core.draft import Draft, next_moment
from bidding.hall_core.receipts import LogHead, Signer, note_body, offer_body
from bidding.hall_core.registry import hall_of
from bidding.models_auction import AuctionSeat
from bidding.rights import AUCTION_OFFER
from bidding.rules.auction.engine import receipt_of
from bidding.rules.auction.events import Event
from bidding.rules.auction.state import State
from kernel.errors import NotAllowed, NotNow, Refusal
from kernel.ledger import sequencer
from kernel.platform import Platform
from kernel.rights import Actor
from kernel.work import Work

WAIT_SECONDS = 10.0


def own_seat(work: Work, auction_id: UUID) -> AuctionSeat:
    """The actor's admitted registration.

    Raises:
        NotAllowed: ``auction_no_seat``: not registered, or his deposit has not arrived.
    """
    seat = seat_of(work.session, auction_id, work.actor.org_id)
    if seat is None or (seat.bond_due.minor and seat.bond_at is None):
        raise NotAllowed("auction_no_seat", source="rules §4.3 A-02")
    work.require(AUCTION_OFFER, seat)
    return seat


def place(platform: Platform, actor: Actor, auction_id: UUID, event: Event) -> str:
    """Bring a bidder's deed into the journal and return its receipt, canonical JSON; empty when nothing changed.

    The event's plate must be the actor's own; ``own_seat`` says which that is.

    Raises:
        NotAllowed: ``auction_no_seat``. NotNow: ``no_answer_yet`` when the hall does not answer in time; the same key
            again gets the answer. Refusal: the engine's.
    """
    hall = hall_of(platform)
    if hall is None or not hall.owns(auction_id):
        with platform.begin(actor) as work:
            return _place_here(work, auction_id, event)
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    hall.submit(auction_id, event, None, answers.put)
    try:
        answer = answers.get(timeout=WAIT_SECONDS)
    except queue.Empty:
        raise NotNow("no_answer_yet", source="rules §4.7") from None
    if isinstance(answer, Refusal):
        raise answer
    return str(answer.get("receipt", ""))


def _place_here(work: Work, auction_id: UUID, event: Event) -> str:
    seat = own_seat(work, auction_id)
    key: str | None = getattr(event, "key", None)
    assert getattr(event, "plate", "") == seat.plate, "a bidder speaks for his own plate"
    found: list[str] = []
    signer = Signer(work.platform.platform_key)
    head = sequencer.head(work.session)
    log = LogHead(head.size, head.root.hex())
    room_now, _ = rooms.load(work.session.connection(), auction_id)

    def receipt(state: State, digest: bytes) -> str:
        taken = receipt_of(state, key) if key is not None else None
        if taken is None:
            return signer.receipt(note_body(auction_id, room_now.lot, event, state, digest, log))
        body = offer_body(room_now.name, room_now.lot, taken, state, digest, log, counted=room_now.counted)
        return signer.receipt(body)

    def deed(draft: Draft, now: datetime) -> None:
        moment = next_moment(draft.state)
        if moment is not None and moment <= now:
            draft.advance(now)
        if key is not None and draft.state.keys.get(key) is not None:
            first = journal.receipt_by_key(work.session.connection(), auction_id, seat.plate, key)
            if first is None:
                raise NotNow("auction_key_foreign", source="rules §4.3 A-08")
            found.append(first)
            return
        line = draft.apply(event, draft.at_least(now), plate=seat.plate, key=key, receipt=receipt)
        if line is not None and line.receipt is not None:
            found.append(line.receipt)

    write(work, auction_id, deed)
    return found[0] if found else ""
