"""Sealing without trusting a page: the offline sealer, a tender's kit for it, and the door for what it sealed."""

from __future__ import annotations

import json

from flask import Response, url_for

from bidding import queries
from bidding.actions.holding import require_before_close
from bidding.actions.sealers import release_of
from bidding.sealer import sealer_digest, sealer_file
from bidding.views.base import page, tender_of, views
from bidding.views.bidder import open_lots, sealing_kit, to_replace
from kernel.identity.models import Organization
from kernel.ledger import book
from kernel.rights import Role
from kernel.web import me, platform, public, read, signed_in
from kernel.web.files import disposition


@views.get("/sealer")
@public
def sealer() -> str:
    """What the offline sealer is, its digest and its place in the log."""
    digest = sealer_digest()
    with read() as session:
        release = release_of(session, digest)
        index = book.place_of(session, release.record_id) if release is not None else None
        return page(
            "bidding/sealer.html", digest=digest, size=len(sealer_file()), release=release, index=index
        )


@views.get("/sealer.html")
@public
def sealer_download() -> Response:
    """The file itself, always as a download: opened from here it would be a page of ours again."""
    response = Response(sealer_file(), mimetype="text/html")
    response.headers["Content-Disposition"] = disposition(f"sunroad-sealer-{sealer_digest()[:8]}.html")
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@views.get("/tenders/<code>/bid/kit.sbkit")
@signed_in(Role.BIDDER)
def kit(code: str) -> Response:
    """Everything public that the offline sealer checks before it seals for this tender, and the own bids it replaces."""
    now = platform().outside.clock.now()
    with read() as session:
        tender = tender_of(session, code)
        require_before_close(tender, now)
        lots = open_lots(tender)
        org = session.get_one(Organization, me().org_id)
        found = sealing_kit(session, tender, org, lots)
        names = {
            one.uscc: one.name
            for one in session.query(Organization).where(
                Organization.uscc.in_([str(known["org"]) for known in found["known"]["organizations"]])
            )
        }
        content = {
            "v": 1,
            "title": tender.title,
            "base_url": platform().settings.base_url,
            "names": names,
            "replaces": to_replace(queries.bids_here(session, tender.id, org.id), lots),
            **found,
        }
    response = Response(json.dumps(content, ensure_ascii=False, indent=1), mimetype="application/json")
    response.headers["Content-Disposition"] = disposition(f"{code}.sbkit")
    response.headers["Cache-Control"] = "no-store"
    return response


@views.get("/tenders/<code>/deliver")
@signed_in(Role.BIDDER)
def deliver(code: str) -> str:
    """Upload what was sealed elsewhere: this page handles sealed bytes only."""
    now = platform().outside.clock.now()
    with read() as session:
        tender = tender_of(session, code)
        require_before_close(tender, now)
        return page(
            "bidding/deliver.html",
            tender=tender,
            policy=queries.policy_view(session, tender),
            kit={
                "tender": tender.code,
                "base": f"/api/v1/tenders/{tender.code}",
                "receipt": url_for("bidding.receipt", bid="0" * 32).removesuffix("0" * 32),
            },
        )
