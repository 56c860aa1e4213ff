"""Machine doors of what is sealed in an auction: slips in, secrets when they are awaited.

Amounts never pass here unencrypted. Source: rules §4.2, §4.6 F8, §4.7; docs/formats/auction-slip.md.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from flask import Blueprint, Response
from pydantic import BaseModel, ConfigDict, Field

from bidding import queries_places as places
from bidding import queries_sealed as queries
from bidding.actions import auctions_sealed, auctions_unseal
from bidding.forms import Empty
from kernel.errors import NotValid
from kernel.web import actor, begin, me, platform, read
from kernel.web.openapi import Shown, endpoint
from sealbid.errors import SealError
from sealbid.octets import unb64

api_sealed = Blueprint("sealed_api", __name__, url_prefix="/api/v1")

JSON = "application/json"


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SlipBody(_Body):
    """A sealed slip: the body its own key signed (``slip-commit``), the signature, and the container in base64."""

    what: Annotated[str, Field(pattern=r"^(limit|offer)$")]
    body: dict[str, Any]
    sig: dict[str, Any]
    container: Annotated[str, Field(max_length=96_000)]


class ReserveBody(_Body):
    """The seller's sealed reserve price."""

    body: dict[str, Any]
    sig: dict[str, Any]
    container: Annotated[str, Field(max_length=96_000)]


class SlipSecret(_Body):
    """The second way in: the 32 bytes that open a slip, in base64."""

    secret: Annotated[str, Field(max_length=64)]


class Sealing(Shown):
    """What a slip has to name now, and what has been sealed by the caller."""

    auction: UUID
    tender: str
    lot: str
    plate: str
    policy: str
    limit_part: str
    offer_part: str
    reserve_part: str
    currency: str
    items: list[str]
    sealed: dict[str, str]


class ReceiptLine(Shown):
    """An own receipt; ``index`` is the leaf of the log that covers it."""

    event: str
    kind: str
    price: str
    recv_at: datetime
    index: int | None


class Receipts(Shown):
    receipts: list[ReceiptLine]


class Kept(Shown):
    """The root under which the log names a reserve price."""

    root: str


class Opened(Shown):
    opened: int


def _bytes(text: str, field: str, size: int | None = None) -> bytes:
    try:
        return unb64(text) if size is None else unb64(text, size)
    except SealError as no:
        raise NotValid("base64", field=field, why=no.code) from no


@api_sealed.get("/auctions/<uuid:auction_id>/sealing")
@endpoint("What a slip has to name, and under which policy", answers={200: Sealing}, tag="auctions")
def sealing(auction_id: UUID) -> Sealing:
    with read() as session:
        return Sealing.model_validate(queries.sealing(session, actor(), auction_id))


@api_sealed.post("/auctions/<uuid:auction_id>/slips")
@endpoint(
    "Hand in a sealed standing limit or offer; the answer is the signed receipt",
    answers={200: JSON},
    scopes=("bid",),
    body=SlipBody,
    problems=(404, 409, 413),
    tag="auctions",
)
def hand_in(auction_id: UUID, body: SlipBody) -> Response:
    """The same slip again gets the same receipt. A later limit replaces an earlier one."""
    container = _bytes(body.container, "container")
    receipt = auctions_sealed.hand_in(platform(), me(), auction_id, body.what, body.body, body.sig, container)
    return Response(receipt or "{}", 200, mimetype=JSON)


@api_sealed.post("/auctions/<uuid:auction_id>/slips/withdrawal")
@endpoint(
    "Take a sealed standing limit back; it is never opened",
    answers={200: JSON},
    scopes=("bid",),
    body=Empty,
    problems=(409,),
    tag="auctions",
)
def take_back(auction_id: UUID, body: Empty) -> Response:
    return Response(auctions_sealed.take_back(platform(), me(), auction_id) or "{}", 200, mimetype=JSON)


@api_sealed.post("/auctions/<uuid:auction_id>/reserve")
@endpoint(
    "Hand in the sealed reserve price before the start",
    answers={200: Kept},
    scopes=("admin",),
    body=ReserveBody,
    problems=(404, 409, 413),
    tag="auctions",
)
def reserve(auction_id: UUID, body: ReserveBody) -> Kept:
    container = _bytes(body.container, "container")
    with begin() as work:
        return Kept(root=auctions_sealed.seal_reserve(work, auction_id, body.body, body.sig, container).root)


@api_sealed.post("/auctions/slips/<code>/secret")
@endpoint(
    "Offer the own secret of a slip while custodians' shares are awaited",
    answers={200: Opened},
    scopes=("bid", "admin"),
    body=SlipSecret,
    problems=(404, 409),
    tag="auctions",
)
def secret(code: str, body: SlipSecret) -> Opened:
    with begin() as work:
        auctions_unseal.offer_secret(work, code, _bytes(body.secret, "secret", 32))
    return Opened(opened=auctions_unseal.open_waiting(platform()))


@api_sealed.get("/auctions/<uuid:auction_id>/receipts")
@endpoint("The own receipts of an auction", answers={200: Receipts}, scopes=("bid", "read"), tag="auctions")
def own_receipts(auction_id: UUID) -> Receipts:
    with read() as session:
        found = places.own_receipts(session, me(), auction_id)
        return Receipts(receipts=[ReceiptLine.model_validate(one, from_attributes=True) for one in found])


@api_sealed.get("/auctions/<uuid:auction_id>/receipts/<event>/place")
@endpoint(
    "Where the log holds an own receipt, as a file anybody can check",
    answers={200: JSON},
    scopes=("bid", "read"),
    tag="auctions",
)
def place_of(auction_id: UUID, event: str) -> Response:
    """Shown whole after the end; before it the leaf that covers the receipt, with its proof."""
    with read() as session:
        data = places.place_of(platform(), session, me(), auction_id, event)
    headers = {"Content-Disposition": f'attachment; filename="{event[:16]}.sbplace"'}
    return Response(data, 200, mimetype=JSON, headers=headers)
