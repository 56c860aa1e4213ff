"""Replay: a finished auction second by second, from its published journal, verified in the browser.

Source: rules §4.3 A-14; docs/formats/auction-journal.md.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import Response, jsonify, render_template, url_for
from sqlalchemy.orm import Session

from bidding import auction_drawing as drawing
from bidding import auction_words as words
from bidding.hall_core import rooms
from bidding.hall_core.draft import event_of
from bidding.models_auction import AuctionAnchor
from bidding.rules.auction import engine, sight
from bidding.rules.auction.state import State
from bidding.views.auction import require_over
from bidding.views.base import log_url, tender_url, views
from kernel.i18n import current_lang
from kernel.i18n import gettext as _
from kernel.ledger.models import LogRecord
from kernel.web import actor, platform, public, read


@views.get("/auctions/<uuid:auction_id>/replay")
@public
def auction_replay(auction_id: UUID) -> str:
    """The page; its script fetches the journal, checks it, and plays what it says."""
    with read() as session:
        seen = drawing.look(session, auction_id, actor(), platform().outside.clock.now())
        require_over(seen)
        script = drawing.room_script(seen, current_lang()) | {
            "role": "observer",
            "plate": None,
            "own": None,
            "urls": {
                "journal": url_for("auctions_api.journal", auction_id=auction_id),
                "anchors": url_for("auctions_api.anchors", auction_id=auction_id),
                "frames": url_for("bidding.auction_frames", auction_id=auction_id),
                "log": url_for("supervision.log_page") if log_url(0) else "",
            },
            "journal_sha256": seen.auction.journal_sha256,
            "replay": replay_words(),
        }
        return render_template(
            "bidding/auction_replay.html",
            seen=seen,
            script=script,
            words=words,
            rules=words.rule_rows(seen.terms),
            best_label=words.best_label(seen.terms),
            leave_url=url_for("bidding.auction_result", auction_id=auction_id),
            tender_url=tender_url,
        )


@views.get("/auctions/<uuid:auction_id>/frames")
@public
def auction_frames(auction_id: UUID) -> Response:
    """What everybody may see after each event: the engine's own view of the journal, event by event.

    ``frames[n]`` belongs to event *n* + 1: its instant and the news it led to. Moments that time alone brought lie
    before the event that followed them, at their own instants, with ``event`` null.
    """
    with read() as session:
        seen = drawing.look(session, auction_id, actor(), platform().outside.clock.now())
        require_over(seen)
        return jsonify(frames_of(session, auction_id) | {"records": records_of(session, auction_id)})


def records_of(session: Session, auction_id: UUID) -> dict[str, str]:
    """Log index → the record that anchors the journal's chain; the browser hashes it against the log's entry."""
    rows = session.execute(
        sa.select(LogRecord.idx, LogRecord.jcs)
        .join(AuctionAnchor, AuctionAnchor.record_id == LogRecord.id)
        .where(AuctionAnchor.auction_id == auction_id, LogRecord.idx.is_not(None))
    )
    return {str(row.idx): bytes(row.jcs).decode() for row in rows}


def frames_of(session: Session, auction_id: UUID) -> dict[str, Any]:
    """The journal played through the engine, as changes of what a supervisor sees after the end.

    The plates and prices of a finished auction are public where the notice prints it; else the result alone is.
    """
    room, lines = rooms.load(session.connection(), auction_id)
    viewer = sight.Supervisor() if room.state.terms.visible.after_end.value == "all" else sight.Public()
    state = engine.begin(room.state.terms)
    begun = _view(state, viewer)
    before = begun
    frames: list[dict[str, Any]] = []
    for line in lines:
        while (moment := _moment(state, line.at)) is not None:
            state = engine.apply(state, engine_tick(), moment)
            before = _frame(frames, before, _view(state, viewer), moment, None)
        state = engine.apply(state, event_of(line.text, room.state.terms), line.at)
        before = _frame(frames, before, _view(state, viewer), line.at, line.seq)
    return {"begin": begun, "frames": frames}


def engine_tick() -> Any:
    """The event of time alone."""
    from bidding.rules.auction.events import Tick

    return Tick()


def _moment(state: State, until: datetime) -> datetime | None:
    """The next moment that time alone brings before an instant, if any."""
    moment = engine.due(state)
    return moment if moment is not None and moment < until else None


def _view(state: State, viewer: sight.Viewer) -> dict[str, Any]:
    """What is drawn of a state: everything the finished journal tells, at that time."""
    plain = sight.snapshot(state, viewer)
    shown = state.terms.visible.after_end.value == "all"
    taken = [one for one in state.offers if one.kind.value != "sealed"] if shown else []
    plain["list"] = [
        {
            "amount": f"{one.amount.yuan:.2f}",
            "at": plain_at(one.recv_at),
            "plate": one.plate,
            "kind": one.kind.value,
        }
        for one in taken
    ]
    plain["special"] = sight.special_of(state) if shown else None
    best = state.best if shown else None
    if best is not None and best.kind.value != "sealed":
        plain["best"] = {
            "amount": f"{best.amount.yuan:.2f}",
            "at": plain_at(best.recv_at),
            "plate": best.plate,
            "kind": best.kind.value,
        }
    return plain


def plain_at(instant: datetime) -> str:
    """An instant as the journal writes it."""
    from bidding.rules.auction.values import instant_text

    return instant_text(instant)


def _frame(
    frames: list[dict[str, Any]],
    before: dict[str, Any],
    after: dict[str, Any],
    at: datetime,
    seq: int | None,
) -> dict[str, Any]:
    told = {name: value for name, value in after.items() if name != "list" and before.get(name) != value}
    if len(after["list"]) > len(before["list"]):
        told["list"] = after["list"][len(before["list"]) :]
    frames.append({"at": plain_at(at), "event": seq, "news": told})
    return after


def replay_words() -> dict[str, str]:
    """Texts of the replay's script."""
    return {
        "checking": _("The journal is being checked"),
        "good": _("The journal is whole: {n} events, chained from the printed terms to the log"),
        "good_more": _("{anchors} log entries hold this chain; checked in this browser in {ms} ms."),
        "unlogged": _("The chain is whole; the log entries could not be fetched"),
        "bad": _("This journal is not the one that was logged"),
        "bad_more": _("Event {n} does not fit the chain. Please report this; nothing is played."),
        "bad_file": _("The file is not the one whose fingerprint was logged"),
        "bad_anchor": _("Log entry {index} holds another chain"),
        "bad_frame": _("The drawing differs from event {n} of the journal"),
        "insecure": _("This browser cannot check fingerprints here; the replay is not verified"),
        "play": _("Play"),
        "pause": _("Pause"),
        "result": _("Result"),
        "decided": _("Decided by"),
        "event": _("Event {n} of {all}"),
        "speed": _("{n} times as fast"),
    }


__all__ = ["auction_frames", "auction_replay", "frames_of"]
