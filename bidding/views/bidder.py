"""The bidder's desk: my bids, sealing in the browser, the receipt."""

from __future__ import annotations

import base64
import io
from typing import Any

import segno
from flask import Response
from markupsafe import Markup
from sqlalchemy.orm import Session

from bidding import proofs, queries
from bidding.actions.closing import opening_of
from bidding.actions.holding import require_before_close
from bidding.models import Bid
from bidding.rules.states import BidState, OpeningState
from bidding.views.base import page, signing_kit, tender_of, views
from kernel.errors import NotFound
from kernel.facts import rfc3339
from kernel.identity.models import Organization
from kernel.ledger import trust
from kernel.rights import Role
from kernel.web import me, platform, read, signed_in
from kernel.web.panels import panels_at
from sealbid import jcs
from sealbid.octets import b64
from trading.models import Lot, Tender
from trading.rules.lifecycle import Stage


@views.get("/bids")
@signed_in(Role.BIDDER)
def bids() -> str:
    who = me()
    if who.org_id is None:
        raise NotFound("not_found", thing="bid", id="")
    with read() as session:
        rows = queries.my_bids(session, platform().settings, who.org_id, platform().outside.clock.now())
        return page("bidding/bids.html", rows=rows)


@views.get("/tenders/<code>/bid")
@signed_in(Role.BIDDER)
def prepare(code: str) -> str:
    """The sealing page. It carries public values only; amounts and files stay on the bidder's machine."""
    now = platform().outside.clock.now()
    with read() as session:
        tender = tender_of(session, code)
        require_before_close(tender, now)
        policy = queries.policy_view(session, tender)
        org = session.get_one(Organization, me().org_id)
        earlier = queries.bids_here(session, tender.id, org.id)
        lots = open_lots(tender)
        return page(
            "bidding/prepare.html",
            tender=tender,
            lots=lots,
            policy=policy,
            org=org,
            earlier=earlier,
            base_url=platform().settings.base_url,
            kit=_page_kit(session, tender, org, earlier, lots),
            panels=panels_at("bid", session, tender, me()),
        )


def open_lots(tender: Tender) -> list[Lot]:
    """Lots that take bids now."""
    return [lot for lot in tender.lots if lot.stage is Stage.TENDERING]


def _page_kit(
    session: Session, tender: Tender, org: Organization, earlier: list[Bid], lots: list[Lot]
) -> dict[str, Any]:
    return {
        "base": f"/api/v1/tenders/{tender.code}",
        "replaces": to_replace(earlier, lots),
        **sealing_kit(session, tender, org, lots),
        **signing_kit(session),
    }


def to_replace(earlier: list[Bid], lots: list[Lot]) -> dict[str, str]:
    """Lot number → the bidder's own bid that a newer one has to replace, or nothing."""
    alive = {bid.lot_id: bid.code for bid in earlier if bid.state is BidState.COMPLETE}
    return {str(lot.number): alive.get(lot.id, "") for lot in lots}


def sealing_kit(session: Session, tender: Tender, org: Organization, lots: list[Lot]) -> dict[str, Any]:
    """What a bidder's own software checks and needs before it seals; all of it is public.

    Source: spec sealing §4.
    """
    answer = proofs.policy_answer(platform(), session, tender)
    return {
        "tender": tender.code,
        "rp_id": platform().relying_party.rp_id,
        "closes_at": rfc3339(tender.bids_close_at),
        "bidder": {"name": org.name, "uscc": org.uscc},
        "policy": base64.b64encode(jcs.encode(answer["record"]["body"])).decode(),
        "record": answer["record"],
        "proof": answer["proof"],
        "trust": answer["trust"],
        "known": proofs.keys_answer(session, tender),
        "lots": {str(lot.number): {"title": lot.title, "ceiling": f"{lot.ceiling.yuan:.2f}"} for lot in lots},
        "bytes_max": platform().settings.upload_bytes_max,
    }


@views.get("/bids/<bid>")
@signed_in(Role.BIDDER)
def receipt(bid: str) -> str:
    """A bid's receipt: how far it has come, its proof, and what can still be done."""
    now = platform().outside.clock.now()
    settings = platform().settings
    with read() as session:
        found = queries.own_bid(session, bid, me())
        tender = session.get_one(Tender, found.tender_id)
        lot = session.get_one(Lot, found.lot_id)
        org = session.get_one(Organization, found.org_id)
        opening = opening_of(session, tender.id)
        state = queries.bid_state(session, settings, found)
        record_id = found.withdraw_record_id or found.complete_record_id or found.commit_record_id
        proof = trust.proof_of_record(session, settings, record_id)
        parts = [
            {"part": one.part, "root": one.root, "size": one.size, "blocks": one.blocks}
            for one in found.parts
        ]
        return page(
            "bidding/receipt.html",
            opened=opening is not None and opening.state in (OpeningState.OPENED, OpeningState.CONFIRMED),
            confirmed=opening is not None and opening.state is OpeningState.CONFIRMED,
            bid=found,
            tender=tender,
            lot=lot,
            org=org,
            state=state,
            policy=queries.policy_view(session, tender),
            proof=proof,
            acks=proofs.acks_of(session, found),
            changeable=now < tender.bids_close_at and found.state in (BidState.COMMITTED, BidState.COMPLETE),
            secret_wanted=(
                opening is not None
                and opening.state is OpeningState.RELEASING
                and found.state is BidState.COMPLETE
            ),
            qr=_qr(f"{settings.base_url}/bids/{found.code}#{found.parts[0].root[:16]}"),
            kit={
                "bid": found.code,
                "state": found.state.value,
                "receipt": f"/api/v1/receipts/{found.code}",
                "base": f"/api/v1/bids/{found.code}",
                "parts": parts,
                "trust": trust.trust_text(settings),
                "platform_key": b64(queries.platform_key(platform())),
                "commit_leaf": -1 if state["commit_leaf"] is None else state["commit_leaf"],
                "uscc": org.uscc,
                **signing_kit(session),
            },
        )


@views.get("/bids/<bid>/receipt.sbreceipt")
@signed_in(Role.BIDDER)
def receipt_file(bid: str) -> Response:
    """The ``.sbreceipt`` file: record, proof and checkpoint in one."""
    with read() as session:
        found = queries.own_bid(session, bid, me())
        data = proofs.receipt_of(platform(), session, found)
    headers = {"Content-Disposition": f'attachment; filename="{found.code}.sbreceipt"'}
    return Response(data, mimetype="application/json", headers=headers)


def _qr(text: str) -> Markup:
    out = io.BytesIO()
    segno.make(text, error="m").save(out, kind="svg", xmldecl=False, svgns=True, scale=3, border=2)
    return Markup(out.getvalue().decode())  # noqa: S704 - drawn by us from an address of ours
