"""The log for people: search, checkpoint, witnesses, one entry with its path; and the same as JSON.

Picture 10; spec sealing §7.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from flask import Response, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Answer

from kernel.errors import NotFound
from kernel.facts import rfc3339
from kernel.ledger import sequencer, trust
from kernel.ledger.witnesses import standings
from kernel.web import platform, public, read
from sealbid import jcs
from supervision import drawing, log_queries
from supervision.doors import views
from supervision.words import kind_word

PERIOD = timedelta(days=30)
BY = ("index", "hash", "tender", "receipt")


@views.get("/log")
@public
def log_page() -> str | Answer:
    """Search the log, see its checkpoint, its witnesses and its newest entries."""
    house = platform()
    settings, now = house.settings, house.outside.clock.now()
    by = request.args.get("by", "index")
    by = by if by in BY else "index"
    query = request.args.get("q", "").strip()
    group = request.args.get("group", "")
    group = group if group in log_queries.GROUPS else ""
    with read() as session:
        head = sequencer.head(session)
        size = trust.newest_witnessed_size(session, settings)
        found = _search(session, query, by, now) if query else None
        if found is not None and len(found) == 1:
            return redirect(url_for("supervision.log_entry", index=found[0].index), code=303)
        return render_template(
            "supervision/log.html",
            by=by,
            query=query,
            found=found,
            head=head,
            witnessed=size,
            note=sequencer.cosigned_note(session, size or head.size) if head.size else "",
            signed_at=head.at,
            witnesses=standings(session, settings, size=head.size, since=now - PERIOD),
            quorum=min(settings.witness_quorum, len(settings.witnesses)),
            checkpoints=log_queries.checkpoints_since(session, now - PERIOD),
            rows=log_queries.latest(session, now, group=group),
            group=group,
            groups=list(log_queries.GROUPS),
            unexplained=log_queries.unexplained(session, now),
            kind_word=kind_word,
            period_days=PERIOD.days,
        )


def _search(session: Any, query: str, by: str, now: Any) -> list[log_queries.EntryRow]:
    if by == "tender":
        return log_queries.of_tender(session, query.strip().upper(), now) or log_queries.of_tender(
            session, query.strip(), now
        )
    return log_queries.rows_of(session, log_queries.search(session, query), now)


@views.get("/log/<int:index>")
@public
def log_entry(index: int) -> str:
    """One entry: its path to the signed root, drawn and recomputed in the reader's browser."""
    house = platform()
    now = house.outside.clock.now()
    with read() as session:
        entry = log_queries.entry_of(session, house.settings, index, now)
        if entry is None:
            raise NotFound("entry_unknown", index=index, size=sequencer.head(session).size)
    return render_template(
        "supervision/entry.html",
        entry=entry,
        figure=drawing.path_figure(entry),
        check=_check(entry),
        kind_word=kind_word,
        pretty=jcs.decode_object(entry.record.encode()) if entry.record else {},
    )


def _check(entry: log_queries.Entry) -> dict[str, Any]:
    """What the browser needs to recompute everything itself."""
    settings = platform().settings
    return {
        "index": entry.row.index,
        "entry": entry.row.entry,
        "hashes": list(entry.hashes),
        "note": entry.note,
        "record": entry.record,
        "log": trust.log_vkey(settings),
        "witnesses": [{"name": name, "vkey": vkey} for name, vkey, _ in settings.witnesses],
        "quorum": min(settings.witness_quorum, len(settings.witnesses)),
    }


@views.get("/log/<int:index>.tlog-proof")
@public
def log_proof(index: int) -> Response:
    """The C2SP proof file of an entry."""
    with read() as session:
        proof = trust.proof_of(session, platform().settings, index)
        size = sequencer.head(session).size
    if proof is None:
        raise NotFound("entry_unknown", index=index, size=size)
    response = Response(str(proof), content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{index}.tlog-proof"'
    return response


@views.get("/log/records/<int:index>")
@public
def log_record(index: int) -> Response:
    """The record behind an entry as JSON, or only its hash while it may not be shown."""
    house = platform()
    with read() as session:
        entry = log_queries.entry_of(session, house.settings, index, house.outside.clock.now())
        size = sequencer.head(session).size
    if entry is None:
        raise NotFound("entry_unknown", index=index, size=size)
    answer: dict[str, Any] = {"index": index, "entry": entry.row.entry, "disclosed": entry.row.shown}
    if entry.row.shown:
        answer["record"] = jcs.decode_object(entry.record.encode())
    return jsonify(answer)


@views.get("/log/unexplained")
@public
def log_unexplained() -> Response:
    """How many leaves nobody can explain yet, and how many of them are past their term."""
    house = platform()
    with read() as session:
        return jsonify(asdict(log_queries.unexplained(session, house.outside.clock.now())))


@views.get("/log/tenders/<code>")
@public
def log_tender(code: str) -> Response:
    """Every disclosed entry of a tender."""
    house = platform()
    with read() as session:
        rows = log_queries.of_tender(session, code, house.outside.clock.now())
    return jsonify(
        tender=code,
        entries=[
            {"index": row.index, "type": row.kind, "ts": rfc3339(row.at), "entry": row.entry} for row in rows
        ],
    )
