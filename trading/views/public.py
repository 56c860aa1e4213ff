"""What anybody may see: home, notices, tenders, documents."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import Response, redirect, render_template, request, url_for

from kernel import calendar as calendars
from kernel import documents
from kernel.calendar import end_of_day, local_date, start_of_day
from kernel.errors import NotFound, Refusal
from kernel.i18n import gettext
from kernel.ledger import sequencer, trust
from kernel.ledger.models import LogCheckpoint, WitnessSignature
from kernel.money import Money
from kernel.rights import Role
from kernel.web import actor, begin, parse_form, platform, public, read
from kernel.web.files import disposition
from kernel.web.panels import panels_at
from sealbid import note
from sealbid.policy import fingerprint
from trading import procedures, queries, words
from trading.actions import take_document
from trading.actions.notices import plan_of
from trading.forms import NoticeQuery
from trading.models import Document, Tender
from trading.process import LotState, objections_until, steps
from trading.terms import parse_terms
from trading.views.doors import Page, public_tender, runs, views

CHECKPOINT_YELLOW = timedelta(minutes=3)
CHECKPOINT_RED = timedelta(minutes=10)


@views.get("/")
@public
def home() -> Page:
    now = platform().outside.clock.now()
    today = local_date(now)
    business = request.args.get("business", "")
    business = business if business in words.BUSINESS else ""
    with read() as session:
        counts = queries.business_counts(session)
        openings = queries.openings_between(session, start_of_day(today), end_of_day(today), now)
        upcoming = (
            [] if openings else queries.openings_between(session, now, now + timedelta(days=60), now, size=3)
        )
        return render_template(
            "trading/home.html",
            now=now,
            business=business,
            counts={
                key: count for key, count in counts.items() if count or key in ("construction", "procurement")
            },
            notices=queries.newest_notices(session, size=7, business=business),
            figures=queries.figures(session, now),
            openings=openings,
            openings_count=queries.count_openings(session, start_of_day(today), end_of_day(today)),
            upcoming=upcoming,
            awards=queries.recent_awards(session),
            log=_log_strip(session, now),
            panels=panels_at("home", session, None, actor()),
            top=panels_at("home-top", session, None, actor()),
        )


def _log_strip(session: Any, now: datetime) -> dict[str, Any]:
    """The newest checkpoint with a quorum, as the verify strip shows it; its light follows the design guide §6 (01).

    A checkpoint waits some seconds for its witnesses: without a quorum it is shown only while there is no other.
    """
    settings = platform().settings
    witnesses = trust.witness_names(settings)
    size = trust.newest_witnessed_size(session, settings)
    checkpoint = session.get(LogCheckpoint, size or sequencer.head(session).size)
    vkey = trust.log_vkey(settings)
    strip: dict[str, Any] = {"size": 0, "light": "n", "key": "+".join(vkey.split("+")[:2]), "vkey": vkey}
    if checkpoint is None:
        return strip
    present = set(
        session.scalars(sa.select(WitnessSignature.name).where(WitnessSignature.size == checkpoint.size))
    )
    age = now - checkpoint.at
    late = age > CHECKPOINT_RED or (bool(witnesses) and not trust.satisfied(settings, present))
    return strip | {
        "size": checkpoint.size,
        "root": note.checkpoint_fields(note.Note.parse(checkpoint.note).text)[2].hex(),
        "at": checkpoint.at,
        "age": age,
        "light": "r" if late else "y" if age > CHECKPOINT_YELLOW else "g",
        "witnesses": [(name, name in present) for name in witnesses],
    }


@views.get("/figures")
@public
def figures() -> Page:
    return render_template("trading/figures.html")


def _asked() -> tuple[queries.Filter, dict[str, Any], dict[str, str]]:
    """The filter of this request, what was typed, and what of it could not be read."""
    typed: dict[str, Any] = {
        name: text for name, text in request.args.items() if name in NoticeQuery.model_fields and text.strip()
    }
    try:
        form = parse_form(NoticeQuery, request.args)
    except Refusal as no:
        problems = dict(no.details.get("problems") or {})  # type: ignore[call-overload]
        sound = {name: text for name, text in typed.items() if name not in problems}
        from werkzeug.datastructures import MultiDict

        form = parse_form(NoticeQuery, MultiDict(sound))
        return form.to_filter(), typed, problems
    return form.to_filter(), typed, {}


@views.get("/notices")
@public
def notices() -> Page:
    asked, typed, errors = _asked()
    with read() as session:
        page = queries.notices(session, asked)
        count, more = queries.count_notices(session, asked)
    kept: dict[str, Any] = {name: text for name, text in typed.items() if name not in ("after", "before")}
    return render_template(
        "trading/notices.html",
        now=platform().outside.clock.now(),
        asked=asked,
        form=typed,
        errors=errors,
        page=page,
        count=count,
        more=more,
        next_url=url_for("trading.notices", **kept, after=page.next) if page.next else None,
        prev_url=url_for("trading.notices", **kept, before=page.prev) if page.prev else None,
        feed_url=url_for("trading.feed", **kept),
    )


@views.get("/search")
@public
def search() -> Page:
    return redirect(url_for("trading.notices", q=request.args.get("q", "")), code=302)


@views.get("/notices.atom")
@public
def feed() -> Page:
    """The newest notices of a filter as Atom. Source: RFC 4287."""
    asked, typed, _ = _asked()
    with read() as session:
        page = queries.notices(session, asked, size=50)
    base = platform().settings.base_url
    text = render_template(
        "trading/notices.atom",
        lines=page.items,
        base=base,
        self_url=base + url_for("trading.feed", **typed),
        updated=page.items[0].published_at if page.items else platform().outside.clock.now(),
    )
    response = Response(text, mimetype="application/atom+xml")
    response.add_etag()
    return response.make_conditional(request)


@views.get("/notices/<uuid:notice_id>")
@public
def notice(notice_id: UUID) -> Page:
    with read() as session:
        found = queries.notice(session, notice_id)
    if found is None:
        raise NotFound("not_found", thing="notice", id=str(notice_id))
    printed = found.body.get("terms")
    terms = parse_terms(printed) if isinstance(printed, dict) else None
    return render_template("trading/notice.html", notice=found, line=found.line, terms=terms)


@views.get("/tenders/<code>")
@public
def tender(code: str) -> Page:
    now = platform().outside.clock.now()
    who = actor()
    with read() as session:
        row = public_tender(session, code)
        page = queries.tender_page(session, row, now)
        return render_template(
            "trading/tender.html",
            now=now,
            page=page,
            tender=row,
            **tender_values(page, row, now),
            mine=runs(who, row),
            bidder=who.has(Role.BIDDER),
            head=sequencer.head(session),
            tabs=panels_at("tender", session, row, who),
            rail=panels_at("tender-rail", session, row, who),
            acts=panels_at("tender-action", session, row, who),
            told=panels_at("tender-notice", session, row, who),
        )


def tender_values(page: queries.TenderPage, row: Tender, now: datetime) -> dict[str, Any]:
    """What the page of a tender, and the review of its draft, compute beyond what is stored."""
    calendar = calendars.official()
    procedure = procedures.procedure(row.procedure, page.law.regime)
    plan = plan_of(row, row.published_at or now)
    lots = [LotState(lot.stage, lot.standstill_until_at, lot.awarded_at) for lot in page.lots]
    process = steps(page.law, plan, lots, now=now, calendar=calendar, procedure=procedure)
    ceiling = sum((lot.ceiling for lot in page.lots), Money(0))
    until = objections_until(page.law, row.bids_close_at, row.documents_until_at, calendar)
    bond_share = Decimal(row.bond.minor * 100) / Decimal(ceiling.minor) if ceiling.minor else Decimal(0)
    bond_max = page.law.get("bid_bond_share_max")
    open_now = page.standing == "tendering" and now < row.bids_close_at
    return {
        "process": process,
        "live": procedure.live,
        "rising": procedure.offering is procedures.Offering.ASCENDING,
        "lawful": [step for step in process if step.actual is not None],
        "terms": parse_terms(row.terms),
        "ceiling": ceiling,
        "bond_share": bond_share.quantize(Decimal("0.01")),
        "bond_max": bond_max,
        "objections_until": until,
        "open_now": open_now,
        "fingerprint": fingerprint(bytes.fromhex(row.policy_digest)) if row.policy_digest else None,
        "answer_limit": page.law.get("inquiry_answer_days_max"),
        "business": words.business_of(row.regime),
    }


@views.get("/tenders/<code>/documents/<uuid:document_id>")
@public
def document(code: str, document_id: UUID) -> Page:
    """A file of a tender; no gate before it once the notice is out.

    Source: 招标投标法实施条例 第三十二条; 招标投标法 第二十二条 (the taking is noted, and shown to nobody).
    """
    with read() as session:
        row = public_tender(session, code)
        found = session.get(Document, document_id)
        hidden = found is None or found.tender_id != row.id or not (found.public or runs(actor(), row))
        if found is None or hidden:
            raise NotFound("not_found", thing="document", id=str(document_id))
        published = row.published_at is not None
    data = documents.load(platform().outside.blobs, found.sha256)
    if published:
        with begin() as work:
            take_document(work, document_id, actor())
    response = Response(data, mimetype="application/octet-stream")
    response.headers["Content-Disposition"] = disposition(found.name)
    response.headers["Content-Type"] = found.media if _harmless(found.media) else "application/octet-stream"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["Repr-Digest"] = f"sha-256=:{_b64(found.sha256)}:"
    response.set_etag(found.sha256)
    return response.make_conditional(request)


def _harmless(media: str) -> bool:
    return media in ("application/pdf", "application/zip", "application/xml", "text/csv", "text/plain")


def _b64(digest: str) -> str:
    import base64

    return base64.b64encode(bytes.fromhex(digest)).decode()


@views.get("/tenders/<code>/calendar.ics")
@public
def ics(code: str) -> Page:
    """The dates of a tender for people's own calendars. Source: RFC 5545."""
    with read() as session:
        row = public_tender(session, code)
        live = procedures.PROCEDURES[row.procedure].live
        entries = [
            ("documents", gettext("Documents available until"), row.documents_until_at),
            (
                "close",
                gettext("The auction begins" if live else "Bids close and are opened"),
                row.bids_close_at,
            ),
        ]
        stamp = row.published_at or row.created_at
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Sunroad//EN"]
    for key, word, at in entries:
        lines += [
            "BEGIN:VEVENT",
            f"UID:{row.code}-{key}@{platform().settings.log_origin.split('/')[0]}",
            f"DTSTAMP:{_stamp(stamp)}",
            f"DTSTART:{_stamp(at)}",
            f"SUMMARY:{_ics_text(f'{word} · {row.title}')}",
            f"URL:{platform().settings.base_url}/tenders/{row.code}",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    text = "\r\n".join(part for line in lines for part in _folded(line)) + "\r\n"
    response = Response(text, mimetype="text/calendar")
    response.headers.set("Content-Disposition", "attachment", filename=f"{row.code}.ics")
    return response


def _stamp(at: datetime) -> str:
    return at.strftime("%Y%m%dT%H%M%SZ")


def _ics_text(text: str) -> str:
    for mark in ("\\", ";", ","):
        text = text.replace(mark, "\\" + mark)
    return " ".join(text.splitlines())


def _folded(line: str) -> list[str]:
    """Lines of at most 75 octets; the following ones begin with a blank."""
    parts: list[str] = []
    now = ""
    for char in line:
        if len((now + char).encode()) > (75 if not parts else 74):
            parts.append(now)
            now = ""
        now += char
    parts.append(now)
    return [part if at == 0 else " " + part for at, part in enumerate(parts)]
