"""Machine doors of live auctions: terms, registration, offers, what may be seen, and the journal afterwards.

Source: rules §4.2, §4.3; docs/formats/auction-journal.md. Live news come over the channel ``auction:<id>``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from flask import Blueprint, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from bidding import queries_auction as queries
from bidding.actions import auctions, auctions_default, auctions_end, auctions_life, auctions_offer
from bidding.auction_deeds import DEEDS
from bidding.models_auction import AuctionStage
from bidding.queries_auction import AuctionPage, MySeat
from kernel.errors import NotAllowed, NotFound, NotValid
from kernel.money import Money
from kernel.web import actor, begin, me, platform, read
from kernel.web.openapi import Answer, Shown, endpoint
from trading.models import Lot, Tender
from trading.queries import tender_by_code

api_auctions = Blueprint("auctions_api", __name__, url_prefix="/api/v1")

OWN = ("bid", "read")
JSON = "application/json"


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TermsBody(_Body):
    """The printed terms of a draft lot's auction (docs/formats/auction-terms.md)."""

    terms: dict[str, Any]
    register_until_at: datetime | None = None
    holders: Annotated[dict[str, Annotated[int, Field(ge=1, le=99)]], Field(max_length=50)] = {}


class Registration(_Body):
    """A bidder's word that he meets the printed conditions."""

    eligible: bool
    text: Annotated[str, Field(max_length=2000)] = ""


class Deed(_Body):
    """What a bidder does in the hall. ``key`` makes it safe to send again."""

    do: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,16}$")] = "offer"
    amount: Annotated[str, Field(max_length=24)] | None = None
    quantity: Annotated[str, Field(max_length=24)] | None = None
    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{8,64}$")] | None = None
    confirmed: bool = False
    items: Annotated[dict[str, Annotated[str, Field(max_length=24)]], Field(max_length=20)] = {}
    """F9: the values of the other weighted items by name."""


class Payment(_Body):
    """A deposit that arrived on its account."""

    account: Annotated[str, Field(pattern=r"^\d{16}$")]
    amount: Annotated[str, Field(max_length=24)]


class Reason(_Body):
    """Why; everybody reads it."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]


class Resuming(_Body):
    """When it goes on; the earliest printed moment when left out."""

    resumes_at: datetime | None = None


class Confirming(_Body):
    """Plate → ground on which a better offer of a reverse auction is not taken."""

    rejected: Annotated[dict[str, Annotated[str, Field(max_length=500)]], Field(max_length=50)] = {}


class AuctionShown(Shown):
    """An auction as everybody may see it; ``terms`` are the printed ones."""

    id: UUID
    tender: str
    lot: int
    title: str
    stage: AuctionStage
    terms: dict[str, Any]
    terms_digest: str
    starts_at: datetime
    register_until_at: datetime
    ended_at: datetime | None
    bond: str
    result: dict[str, Any] | None
    journal_sha256: str


class SeatOfMine(Shown):
    """An own registration. Deposits go to ``bond_account``, which names nobody."""

    plate: str
    admitted: bool
    registered_at: datetime
    bond_account: str
    bond_due: str
    bond_at: datetime | None
    priority_rank: int | None
    order: str
    order_due_at: datetime | None


class Seen(Shown):
    """What this caller may see now, and what is his own."""

    state: dict[str, Any]
    own: dict[str, Any]


class Anchored(Shown):
    """A log record that holds the chain up to an event."""

    number: int
    upto: int
    chain: str
    at: datetime
    index: int | None


class Anchors(Shown):
    anchors: list[Anchored]


class Auctions(Shown):
    auctions: list[AuctionShown]


class Done(Shown):
    ok: bool = True


def _shown(page: AuctionPage) -> AuctionShown:
    return AuctionShown(
        id=page.id,
        tender=page.tender,
        lot=page.lot,
        title=page.lot_title,
        stage=page.stage,
        terms=page.terms.to_plain(),
        terms_digest=page.terms_digest,
        starts_at=page.starts_at,
        register_until_at=page.register_until_at,
        ended_at=page.ended_at,
        bond=f"{page.bond.yuan:.2f}",
        result=dict(page.result) if page.result is not None else None,
        journal_sha256=page.journal_sha256,
    )


def _mine(seat: MySeat) -> SeatOfMine:
    return SeatOfMine(
        plate=seat.plate,
        admitted=seat.admitted,
        registered_at=seat.registered_at,
        bond_account=seat.bond_account,
        bond_due=f"{seat.bond_due.yuan:.2f}",
        bond_at=seat.bond_at,
        priority_rank=seat.priority_rank,
        order=seat.order,
        order_due_at=seat.order_due_at,
    )


def _draft_lot(session: Session, code: str, number: int) -> Lot:
    tender: Tender | None = tender_by_code(session, code)
    lot = next((one for one in tender.lots if one.number == number), None) if tender is not None else None
    if lot is None:
        raise NotFound("not_found", thing="lot", id=f"{code}/{number}")
    return lot


@api_auctions.get("/auctions")
@endpoint("Auctions that run or are still to come", answers={200: Auctions}, tag="auctions")
def auctions_list() -> Auctions:
    with read() as session:
        return Auctions(auctions=[_shown(page) for page in queries.open_auctions(session)])


@api_auctions.get("/auctions/<uuid:auction_id>")
@endpoint("An auction with its printed terms", answers={200: AuctionShown}, tag="auctions")
def auction(auction_id: UUID) -> AuctionShown:
    with read() as session:
        return _shown(queries.auction_page(session, auction_id))


@api_auctions.get("/tenders/<code>/lots/<int:number>/auction")
@endpoint("The auction of a lot", answers={200: AuctionShown}, tag="auctions")
def auction_of_lot(code: str, number: int) -> AuctionShown:
    with read() as session:
        return _shown(queries.auction_of_lot(session, code, number))


@api_auctions.put("/tenders/<code>/lots/<int:number>/auction/terms")
@endpoint(
    "Enter the terms of a draft lot's auction",
    answers={200: Done},
    scopes=("admin",),
    body=TermsBody,
    problems=(404, 409),
    tag="auctions",
)
def put_terms(code: str, number: int, body: TermsBody) -> Done:
    with begin() as work:
        lot = _draft_lot(work.session, code, number)
        auctions.set_terms(
            work, lot.id, body.terms, register_until_at=body.register_until_at, holders=body.holders
        )
    return Done()


@api_auctions.post("/auctions/<uuid:auction_id>/registration")
@endpoint(
    "Register for an auction; chance gives the plate",
    answers={201: SeatOfMine},
    scopes=("bid",),
    body=Registration,
    problems=(409,),
    tag="auctions",
)
def register(auction_id: UUID, body: Registration) -> Answer:
    with begin() as work:
        auctions.register(work, auction_id, {"eligible": body.eligible, "text": body.text})
    return Answer(_my_seat(auction_id), status=201)


@api_auctions.get("/auctions/<uuid:auction_id>/registration")
@endpoint("The own registration", answers={200: SeatOfMine}, scopes=OWN, tag="auctions")
def registration(auction_id: UUID) -> SeatOfMine:
    return _my_seat(auction_id)


def _my_seat(auction_id: UUID) -> SeatOfMine:
    with read() as session:
        queries.auction_page(session, auction_id)
        seat = queries.my_seat(session, auction_id, me().org_id)
    if seat is None:
        raise NotAllowed("auction_no_seat", source="rules §4.3 A-02")
    return _mine(seat)


@api_auctions.post("/auctions/<uuid:auction_id>/offers")
@endpoint(
    "Offer, or do what else the hall takes; the answer is the signed receipt",
    answers={200: JSON},
    scopes=("bid",),
    body=Deed,
    problems=(409,),
    tag="auctions",
)
def offer(auction_id: UUID, body: Deed) -> Response:
    """The same ``key`` again gets the first receipt again. ``do``: offer, limit, match, accept, stay, drop, …"""
    make = DEEDS.get(body.do)
    if make is None:
        raise NotValid("auction_deed", field="do", choices=sorted(DEEDS))
    with read() as session:
        queries.auction_page(session, auction_id)
        seat = queries.my_seat(session, auction_id, me().org_id)
    if seat is None or not seat.admitted:
        raise NotAllowed("auction_no_seat", source="rules §4.3 A-02")
    event = make(seat.plate, body.model_dump(exclude={"do"}))
    receipt = auctions_offer.place(platform(), me(), auction_id, event)
    return Response(receipt or "{}", 200, mimetype=JSON)


@api_auctions.get("/auctions/<uuid:auction_id>/state")
@endpoint("What the caller may see now", answers={200: Seen}, tag="auctions")
def state(auction_id: UUID) -> Seen:
    with read() as session:
        queries.auction_page(session, auction_id)
        return Seen(
            state=queries.snapshot(session, actor(), auction_id),
            own=queries.own(session, actor(), auction_id),
        )


@api_auctions.get("/auctions/<uuid:auction_id>/journal")
@endpoint(
    "The journal of a finished auction, as anybody may replay it",
    answers={200: JSON},
    problems=(409,),
    tag="auctions",
)
def journal(auction_id: UUID) -> Response:
    with read() as session:
        return Response(queries.journal_of(session, auction_id), 200, mimetype=JSON)


@api_auctions.get("/auctions/<uuid:auction_id>/anchors")
@endpoint("Where the log holds the journal's chain", answers={200: Anchors}, problems=(409,), tag="auctions")
def anchors(auction_id: UUID) -> Anchors:
    with read() as session:
        found = queries.anchors_of(session, auction_id)
    return Anchors(
        anchors=[
            Anchored(number=one.number, upto=one.upto, chain=one.chain, at=one.at, index=one.index)
            for one in found
        ]
    )


@api_auctions.post("/auctions/deposits")
@endpoint(
    "Book a deposit on its account",
    answers={200: Done},
    scopes=("admin",),
    body=Payment,
    problems=(404, 409),
    tag="auctions",
)
def deposit(body: Payment) -> Done:
    try:
        amount = Money.from_yuan(body.amount)
    except ValueError as problem:
        raise NotValid("auction_amount", source="rules §1.5", field="amount") from problem
    with begin() as work:
        auctions.confirm_bond(work, body.account, amount)
    return Done()


@api_auctions.post("/auctions/<uuid:auction_id>/stop")
@endpoint(
    "Stop the clock at once, for a published reason",
    answers={200: Done},
    scopes=("admin",),
    body=Reason,
    problems=(409,),
    tag="auctions",
)
def stop(auction_id: UUID, body: Reason) -> Done:
    with begin() as work:
        auctions_life.stop_auction(work, auction_id, body.reason)
    return Done()


@api_auctions.post("/auctions/<uuid:auction_id>/resume")
@endpoint(
    "Announce when it goes on",
    answers={200: Done},
    scopes=("admin",),
    body=Resuming,
    problems=(409,),
    tag="auctions",
)
def resume(auction_id: UUID, body: Resuming) -> Done:
    with begin() as work:
        auctions_life.resume_auction(work, auction_id, body.resumes_at)
    return Done()


class Resale(_Body):
    """The later auction of the same project that replaced the broken one."""

    resale: UUID


class OwedShown(Shown):
    """What a defaulting winner owes, in yuan."""

    difference: str
    covered: str
    owed: str


@api_auctions.post("/auctions/<uuid:auction_id>/default")
@endpoint(
    "Declare that the confirmed winner does not stand by his word",
    answers={200: Done},
    scopes=("admin",),
    body=Reason,
    problems=(409,),
    tag="auctions",
)
def default(auction_id: UUID, body: Reason) -> Done:
    with begin() as work:
        auctions_default.declare_default(work, auction_id, body.reason)
    return Done()


@api_auctions.post("/auctions/<uuid:auction_id>/difference")
@endpoint(
    "State what a defaulting winner owes after the re-sale",
    answers={200: OwedShown},
    scopes=("admin",),
    body=Resale,
    problems=(404, 409),
    tag="auctions",
)
def difference(auction_id: UUID, body: Resale) -> OwedShown:
    with begin() as work:
        owed = auctions_default.settle_difference(work, auction_id, body.resale)
    return OwedShown(
        difference=f"{owed.difference.yuan:.2f}",
        covered=f"{owed.covered.yuan:.2f}",
        owed=f"{owed.open.yuan:.2f}",
    )


@api_auctions.post("/auctions/<uuid:auction_id>/confirmation")
@endpoint(
    "Confirm the result: the lot is settled with its winner",
    answers={200: Done},
    scopes=("admin",),
    body=Confirming,
    problems=(409,),
    tag="auctions",
)
def confirm(auction_id: UUID, body: Confirming) -> Done:
    with begin() as work:
        auctions_end.confirm_result(work, auction_id, rejected=body.rejected)
    return Done()
