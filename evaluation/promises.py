"""What must always hold between the opening and the award. Every promise has a sabotage test."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.actions.closing import opening_of
from bidding.models import Bid
from evaluation.actions.panels import pool_root
from evaluation.actions.pools import EXPERTS, draw_again, reserve_root
from evaluation.actions.scoring import sheet_as_signed
from evaluation.facts import SheetLocked
from evaluation.models import Award, EvaluationReport, Panel, Panelist, ReviewVote, ScoreSheet
from kernel import calendar as calendars
from kernel.calendar import local_date
from kernel.facts import plain
from kernel.identity.models import Person, PersonKey
from kernel.ledger.models import FactRow
from kernel.promises import Breach, promise
from sealbid import jcs, recompute, signatures
from sealbid.errors import SealError
from trading.actions.notices import law_of
from trading.facts import AwardLetterIssued
from trading.models import Lot, Notice, Tender
from trading.rules.lifecycle import Stage

DECIDED = (Stage.AWARDED, Stage.CONTRACTED)


@promise(
    "Panels are lawful and random: every expert is the next untied one of the logged draw.",
    source="招标投标法 第三十七条; 实施条例 第四十六条",
)
def panels_follow_the_draw(session: Session, now: datetime) -> Iterable[Breach]:
    for panel in session.scalars(sa.select(Panel).where(Panel.order.is_not(None))).unique():
        order = _drawn_again(session, panel)
        if order != panel.order:
            yield Breach(panel.id, "the order is not the one of the bidders' numbers")
            continue
        seated = [str(m.person_id) for m in panel.members if m.seat == "expert"]
        passed = set(
            session.scalars(
                sa.select(FactRow.body["place"].as_integer()).where(
                    FactRow.subject == panel.tender_id, FactRow.name == "evaluation.expert.passed_over"
                )
            )
        )
        asked = [person for place, person in enumerate(order[: panel.next_index]) if place not in passed]
        if seated != asked:
            yield Breach(panel.id, "somebody sits out of turn")
        if panel.formed_at is not None and panel.state != "inviting":
            sitting = [m for m in panel.members if m.state == "committed"]
            experts = sum(m.seat == "expert" for m in sitting)
            if len(sitting) != panel.seats or len(sitting) % 2 == 0 or 3 * experts < 2 * len(sitting):
                yield Breach(panel.id, f"{experts} experts of {len(sitting)} members")


def _drawn_again(session: Session, panel: Panel) -> list[str]:
    """The whole order of a panel: that of its pool, then of each part of the reserve that was opened."""
    if opening_of(session, panel.tender_id) is None:
        return []
    tender = session.get_one(Tender, panel.tender_id)
    _, picked = draw_again(session, tender, EXPERTS, [str(number) for number in range(len(panel.pool))])
    order = [panel.pool[int(index)] for index in picked]
    if (panel.pool_root, panel.reserve_root) != _frozen(session, panel):
        return []
    for number, one in enumerate(panel.enlargements, start=2):
        fitting = [
            str(place)
            for place, entry in enumerate(panel.reserve)
            if set(one["fields"]) & set(entry["fields"]) and entry["person"] not in order
        ]
        _, picked = draw_again(session, tender, f"{EXPERTS}-{number}", fitting)
        order += [panel.reserve[int(place)]["person"] for place in picked]
    return order


def _frozen(session: Session, panel: Panel) -> tuple[str, str]:
    """The roots that were logged with the notice, if they are those of the kept lists."""
    body = (
        session.scalars(
            sa.select(FactRow.body).where(FactRow.record_id == panel.pool_record_id)
        ).one_or_none()
        or {}
    )
    kept = (pool_root(panel.pool, panel.pool_salt), reserve_root(panel.reserve, panel.pool_salt))
    logged = (str(body.get("pool")), str(body.get("reserve", "")))
    return logged if logged == kept else ("", "")


@promise(
    "Every award follows its report, and the report follows from its published inputs.",
    source="实施条例 第五十五条; spec rules §2",
)
def awards_follow_their_reports(session: Session, now: datetime) -> Iterable[Breach]:
    for report in session.scalars(sa.select(EvaluationReport)):
        if hashlib.sha256(jcs.encode(report.body)).hexdigest() != report.digest:
            yield Breach(report.id, "the report is not the one that was signed")
        elif _again(report.body["inputs"]) != report.body["results"]:
            yield Breach(report.id, "the inputs give other results")
    rows = session.execute(
        sa.select(Award, Lot, Bid.code).join(Lot, Lot.id == Award.lot_id).join(Bid, Bid.id == Award.bid_id)
    ).unique()
    for award, lot, code in rows:
        if lot.stage in DECIDED:
            yield from _award_breaches(session, award, lot, code)


def _again(inputs: Any) -> Any:
    try:
        return recompute.recompute(inputs)
    except SealError as no:
        return no.code


def _award_breaches(session: Session, award: Award, lot: Lot, code: str) -> Iterator[Breach]:
    report = session.scalars(
        sa.select(EvaluationReport).where(
            EvaluationReport.lot_id == lot.id, EvaluationReport.superseded_at.is_(None)
        )
    ).one_or_none()
    if report is None or report.delivered_at is None or report.delivered_at > award.decided_at:
        yield Breach(award.id, "no delivered report")
        return
    candidate = next((c for c in report.body["candidates"] if c["bid"] == code), None)
    if candidate is None:
        yield Breach(award.id, "the winner is no candidate")
        return
    if candidate["rank"] != award.rank or candidate["price"] != f"{award.price.yuan:.2f}":
        yield Breach(award.id, "rank or price differ from the report")
    if award.rank > 1 and not award.reason:
        yield Breach(award.id, "a better candidate was passed over without a reason")
    outcome = lot.outcome or {}
    if (outcome.get("bid"), outcome.get("report")) != (code, report.digest):
        yield Breach(award.id, "the lot's outcome is another")


@promise(
    "No score changes after its sheet was locked and signed.",
    source="政府采购货物和服务招标投标管理办法 第六十四条",
)
def locked_scores_stay(session: Session, now: datetime) -> Iterable[Breach]:
    keys = {row.kid: row.spki for row in session.execute(sa.select(PersonKey.kid, PersonKey.spki))}
    locked = (
        sa.select(ScoreSheet, Tender.code, Lot.number, Bid.code, Panelist.number, FactRow.private)
        .join(Tender, Tender.id == ScoreSheet.tender_id)
        .join(Lot, Lot.id == ScoreSheet.lot_id)
        .join(Bid, Bid.id == ScoreSheet.bid_id)
        .join(Panelist, Panelist.id == ScoreSheet.panelist_id)
        .outerjoin(FactRow, FactRow.record_id == ScoreSheet.record_id)
        .where(ScoreSheet.locked_at.is_not(None))
    )
    for sheet, tender, lot, bid, member, logged in session.execute(locked):
        body = sheet_as_signed(tender=tender, lot=lot, bid=bid, member=member, scores=sheet.scores)
        if not _signed(keys, sheet, body):
            yield Breach(sheet.id, "the signature is not over these scores")
        if logged != _as_logged(sheet, body):
            yield Breach(sheet.id, "the log has other scores")


def _as_logged(sheet: ScoreSheet, body: dict[str, Any]) -> Any:
    """The confidential half of the record that a lock of these scores makes."""
    fact = SheetLocked(
        subject=sheet.tender_id,
        tender=body["tender"],
        panel=sheet.panelist_id,
        number=body["member"],
        bid=body["bid"],
        sheet=body,
    )
    return plain(fact.confidential())


def _signed(keys: Mapping[str, bytes], sheet: ScoreSheet, body: dict[str, Any]) -> bool:
    """Plain signatures are checked to the end; of a passkey's, that it is over this very body."""
    try:
        parsed = signatures.SignatureObject.from_json(sheet.sig)
        spki = keys[parsed.kid]
        if parsed.alg is signatures.Algorithm.WEBAUTHN:
            import base64
            import json

            assert isinstance(sheet.sig, dict)
            client = json.loads(base64.b64decode(sheet.sig["client_data_json"]))
            asked = base64.urlsafe_b64encode(signatures.challenge("score-sheet", body)).rstrip(b"=").decode()
            return bool(client.get("challenge") == asked)
        signatures.verify(parsed, "score-sheet", body, spki)
    except (SealError, KeyError, ValueError):
        return False
    return True


@promise("Nobody who left a panel has a vote or a score in its result.", source="实施条例 第四十八条")
def nobody_scores_who_left(session: Session, now: datetime) -> Iterable[Breach]:
    for table, what in ((ScoreSheet, "a sheet"), (ReviewVote, "a vote")):
        left = (
            sa.select(Panelist.id)
            .join(table, table.panelist_id == Panelist.id)
            .where(Panelist.state != "committed")
            .distinct()
        )
        yield from (Breach(key, f"{what} of a member who does not sit") for key in session.scalars(left))
    for report in session.scalars(
        sa.select(EvaluationReport).where(EvaluationReport.superseded_at.is_(None))
    ):
        listed = {str(m["number"]) for m in report.body["panel"]}
        scored = {
            one["member"] for f in report.body["inputs"].get("factors", []) for one in f["scores"]
        } | set(report.signatures)
        if not scored <= listed:
            yield Breach(report.id, f"members {sorted(scored - listed)} are not of the panel")


@promise(
    "No page, notice or public fact names an expert before the award is decided.",
    source="招标投标法 第三十七条",
)
def names_stay_secret(session: Session, now: datetime) -> Iterable[Breach]:
    people: dict[UUID, list[tuple[str, str]]] = {}
    for tender_id, person_id, name in session.execute(
        sa.select(Panelist.tender_id, Panelist.person_id, Person.name)
        .join(Person, Person.id == Panelist.person_id)
        .where(Panelist.seat == "expert")
    ):
        people.setdefault(tender_id, []).append((str(person_id), name))
    codes: dict[str, UUID] = {}
    for code, tender_id in session.execute(sa.select(Tender.code, Tender.id).where(Tender.id.in_(people))):
        codes[code] = tender_id
    for fact_id, code, body in session.execute(
        sa.select(FactRow.id, FactRow.tender, FactRow.body).where(FactRow.name.startswith("evaluation."))
    ):
        if code in codes and not _texts(body).isdisjoint(key for key, _ in people[codes[code]]):
            yield Breach(fact_id, "a public fact names a member")
    yield from _named_in_notices(session, now, people)


def _named_in_notices(
    session: Session, now: datetime, people: Mapping[UUID, Sequence[tuple[str, str]]]
) -> Iterable[Breach]:
    # What was decided when a result went out counts: an upheld challenge may undo the award, not the notice.
    decided = {
        (str(body["lot"]), at)
        for body, at in session.execute(
            sa.select(FactRow.body, FactRow.at).where(FactRow.name == AwardLetterIssued.name)
        )
    }
    notices = session.execute(
        sa.select(
            Notice.id,
            Notice.tender_id,
            Notice.lot_id,
            Notice.kind,
            Notice.published_at,
            Notice.body,
            Panel.formed_at,
        ).join(Panel, Panel.tender_id == Notice.tender_id)
    )
    for notice_id, tender_id, lot_id, kind, published_at, body, formed_at in notices:
        if published_at < (formed_at or now) or (kind == "result" and (str(lot_id), published_at) in decided):
            continue
        texts = _texts({k: v for k, v in body.items() if k != "contact"})
        if any(name in texts or key in texts for key, name in people.get(tender_id, ())):
            yield Breach(notice_id, "a notice names a member")


def _texts(value: Any) -> set[str]:
    """Every text anywhere in a JSON value."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, dict):
        return {text for one in value.values() for text in _texts(one)}
    if isinstance(value, list | tuple):
        return {text for one in value for text in _texts(one)}
    return set()


@promise(
    "No publicity of candidates is shorter than its law, and no award comes before its end.",
    source="实施条例 第五十四条",
)
def publicity_is_long_enough(session: Session, now: datetime) -> Iterable[Breach]:
    newest: dict[UUID, Notice] = {}
    for notice in session.scalars(
        sa.select(Notice).where(Notice.kind == "candidates").order_by(Notice.published_at)
    ).unique():
        law = law_of(notice.tender, notice.published_at)
        limit = law.get("candidate_publicity_days_min") or law["result_notice_period_days"]
        least = calendars.official().closes_at(local_date(notice.published_at), limit.period)
        if notice.until_at is None or notice.until_at < least:
            yield Breach(notice.id, f"ends before {least.isoformat()}")
        assert notice.lot_id is not None
        newest[notice.lot_id] = notice
    for award in session.scalars(sa.select(Award)):
        published = newest.get(award.lot_id)
        if published is not None and published.until_at is not None:
            before = published.published_at <= award.decided_at
            if before and award.decided_at < published.until_at:
                yield Breach(award.id, "decided while the publicity ran")


PROMISES = (
    panels_follow_the_draw,
    awards_follow_their_reports,
    locked_scores_stay,
    nobody_scores_who_left,
    names_stay_secret,
    publicity_is_long_enough,
)
