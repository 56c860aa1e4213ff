"""The supervisor's desk: cockpit, one tender, promises, access log; and the public evidence package.

Picture 08; rules.md §6.1, §6.2.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import sqlalchemy as sa
from flask import Response, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Answer

from kernel.errors import NotFound, NotNow
from kernel.i18n import gettext
from kernel.ledger import sequencer
from kernel.ledger.witnesses import standings
from kernel.rights import Role
from kernel.web import actor, begin, platform, public, read, signed_in
from supervision import actions, desk_queries, log_queries, watch, words
from supervision.doors import views
from supervision.evidence import export_evidence
from trading.models import Tender

STAGES = ("tendering", "opening", "evaluation", "standstill", "awarded")
CATEGORIES = ("works", "goods", "services")
WORDS = {
    "rule_word": words.rule_word,
    "stage_word": words.stage_word,
    "clock_word": words.clock_word,
    "event_word": words.event_word,
    "colour_word": words.colour_word,
    "kind_word": words.kind_word,
    "room_word": words.room_word,
}


@views.get("/supervision")
@signed_in(Role.SUPERVISOR)
def cockpit() -> str:
    """Lights of every tender under watch, the queue, what is happening, districts."""
    house = platform()
    now = house.outside.clock.now()
    with read() as session:
        every = watch.cases(session, now)
        head = sequencer.head(session)
        witnesses = standings(session, house.settings, size=head.size, since=now - timedelta(days=30))
        page = {
            "feed": desk_queries.feed(session),
            "promises": desk_queries.promises(house, session),
            "unexplained": log_queries.unexplained(session, now),
        }
    regions = sorted({case.tender.region for case in every})
    region = request.args.get("region", "")
    shown = [case for case in every if not region or case.tender.region == region]
    return render_template(
        "supervision/cockpit.html",
        cases=shown,
        queue=watch.queue(shown, now),
        totals=Counter(case.colour.value for case in shown),
        stages=[(stage, _colours(case for case in shown if case.stage == stage)) for stage in STAGES],
        regions=regions,
        region=region,
        districts=[
            (name, _colours(case for case in every if case.tender.region == name)) for name in regions
        ],
        triggered=Counter(light.rule for case in shown for light in case.lights).most_common(6),
        head=head,
        witnesses=witnesses,
        now=now,
        **page,
        **WORDS,
    )


def _colours(found: object) -> Counter[str]:
    return Counter(case.colour.value for case in found)  # type: ignore[attr-defined]


@views.get("/supervision/tenders/<code>")
@signed_in(Role.SUPERVISOR)
def watched_tender(code: str) -> str:
    """One tender: lights, clocks, what is on record, orders."""
    return _tender_page(code)


def _tender_page(code: str, *, counts: actions.Counts | None = None) -> str:
    house = platform()
    now = house.outside.clock.now()
    with read() as session:
        found = watch.cases(session, now, codes=[code], ended=True)
        if not found:
            raise NotFound("not_found", thing="tender", id=code)
        state = log_queries.tender_states(session, [code])[code]
        return render_template(
            "supervision/tender.html",
            case=found[0],
            counts=counts,
            on_record=log_queries.of_tender(session, code, now),
            reads=desk_queries.access_log(session, code=code),
            exportable=state.opened_at is not None or state.finished,
            lost_keys=desk_queries.lost_keys(session, found[0].tender.id) if state.opened_at else [],
            now=now,
            **WORDS,
        )


@views.post("/supervision/tenders/<code>/counts")
@signed_in(Role.SUPERVISOR)
def tender_counts(code: str) -> str:
    """Show how many bids came in; leaves a line with the purpose."""
    with begin() as work:
        counts = actions.read_counts(work, _tender(work.session, code).id, request.form.get("purpose", ""))
    return _tender_page(code, counts=counts)


@views.post("/supervision/tenders/<code>/suspension")
@signed_in(Role.SUPERVISOR)
def suspend(code: str) -> Answer:
    """Order a tender to stand still."""
    with begin() as work:
        actions.order_suspension(work, _tender(work.session, code).id, request.form.get("reason", ""))
    flash(gettext("The tender stands still from now on; the order is in the log."), "success")
    return redirect(url_for("supervision.watched_tender", code=code), code=303)


@views.post("/supervision/tenders/<code>/resumption")
@signed_in(Role.SUPERVISOR)
def resume(code: str) -> Answer:
    """Let a tender go on."""
    with begin() as work:
        actions.order_resumption(work, _tender(work.session, code).id, request.form.get("reason", ""))
    flash(
        gettext("The tender goes on; a deadline that was still ahead moved by the time it stood still."),
        "success",
    )
    return redirect(url_for("supervision.watched_tender", code=code), code=303)


@views.get("/supervision/promises")
@signed_in(Role.SUPERVISOR)
def promises_page() -> str:
    """Every promise of every room with the result of its last check."""
    house = platform()
    with read() as session:
        return render_template(
            "supervision/promises.html", promises=desk_queries.promises(house, session), **WORDS
        )


@views.post("/supervision/promises")
@signed_in(Role.SUPERVISOR)
def check_promises() -> Answer:
    """Ask every promise now."""
    results = actions.run_promises(platform(), actor())
    broken = sum(not one.kept for one in results)
    if broken:
        flash(gettext("%(count)s promises are broken.", count=broken), "error")
    else:
        flash(gettext("All %(count)s promises are kept.", count=len(results)), "success")
    return redirect(url_for("supervision.promises_page"), code=303)


@views.get("/supervision/reads")
@signed_in(Role.SUPERVISOR)
def reads_page() -> str:
    """Who looked at confidential data or gave orders."""
    with read() as session:
        return render_template("supervision/reads.html", reads=desk_queries.access_log(session), **WORDS)


def _tender(session: Session, code: str) -> Tender:
    tender = session.scalars(sa.select(Tender).where(Tender.code == code)).unique().one_or_none()
    if tender is None or tender.published_at is None:
        raise NotFound("not_found", thing="tender", id=code)
    return tender


@views.get("/tenders/<code>/evidence.zip")
@public
def evidence_package(code: str) -> Response:
    """The evidence package: for everybody when the tender is finished, for supervisors from the opening on.

    Raises:
        NotFound; NotNow: ``evidence_too_early``, ``evidence_unwitnessed``.
    """
    with read() as session:
        tender = _tender(session, code)
        finished = log_queries.finished(session, code)
    if not finished and not actor().has(Role.SUPERVISOR):
        raise NotNow("evidence_too_early", source="sealing §8", bids_close_at=tender.bids_close_at)
    package = export_evidence(platform(), tender.id)
    response = Response(package, content_type="application/zip")
    response.headers["Content-Disposition"] = f'attachment; filename="{code}-evidence.zip"'
    return response
