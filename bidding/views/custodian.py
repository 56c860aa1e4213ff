"""The custodian's desk: seats, keys to state, shares to release."""

from __future__ import annotations

from bidding import queries
from bidding.actions.closing import opening_of
from bidding.actions.releasing import promised
from bidding.views.base import page, signing_kit, tender_of, views
from kernel.errors import NotFound
from kernel.facts import rfc3339
from kernel.rights import Role
from kernel.web import me, platform, read, signed_in


@views.get("/custody")
@signed_in(Role.CUSTODIAN)
def custody() -> str:
    who = me()
    if who.org_id is None:
        raise NotFound("not_found", thing="seat", id="")
    with read() as session:
        rows = queries.my_seats(session, who.org_id, platform().outside.clock.now())
        return page("bidding/custody.html", rows=rows)


@views.get("/custody/<code>")
@signed_in(Role.CUSTODIAN)
def seat(code: str) -> str:
    """One seat: state the key, or release, in this browser; nothing secret is sent."""
    now = platform().outside.clock.now()
    with read() as session:
        tender = tender_of(session, code, me())
        mine = queries.my_seat(session, tender.id, me())
        row = next(one for one in queries.seats_view(session, tender, now) if one.seat.x == mine.x)
        opening = opening_of(session, tender.id)
        kit = {
            "tender": tender.code,
            "x": mine.x,
            "role": mine.role,
            "org": row.org.uscc,
            "not_after": mine.not_after.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "opens_at": rfc3339(tender.bids_close_at),
            "parts": queries.parts_shown(session, tender),
            "base": f"/api/v1/tenders/{tender.code}",
            "released": sorted(
                one.part for one in promised(session, tender.id, mine.x) if one.content is not None
            ),
            **signing_kit(session),
        }
        return page(
            "bidding/seat.html",
            row=row,
            tender=tender,
            opening=opening,
            rows=queries.seats_view(session, tender, now),
            policy=queries.policy_view(session, tender),
            kit=kit,
            base_url=platform().settings.base_url,
        )
