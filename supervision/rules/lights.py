"""Signal lights: what the law and the recorded facts say about a tender. Values in, lights out.

Yellow: a deadline is near, or something is minor or unclear. Red: a rule is broken. Otherwise green.

Source: rules.md §6.2 (SX-01…SX-11, LC-01, LC-03, LC-04, LC-07).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kernel.calendar import Calendar, Verdict
from kernel.rulebook import Rulebook
from trading.rules.dues import Due, due, standstill
from trading.rules.lifecycle import MOVES, Move, Stage
from trading.rules.timetable import check_span


class Colour(StrEnum):
    """What a light says: in order, nearly late, or late."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


@dataclass(frozen=True)
class Clarified:
    """A clarification that may affect bids: when it was published, and the deadline it left."""

    at: datetime
    bids_close_at: datetime
    entry: int | None = None


@dataclass(frozen=True)
class Objected:
    """An objection; ``key`` names it, ``matter`` is documents, opening or result."""

    key: str
    matter: str
    filed_at: datetime
    answered_at: datetime | None
    in_time: bool
    entry: int | None = None


@dataclass(frozen=True)
class Moved:
    """A lot's move as it was recorded, in the order of the facts."""

    lot: int
    move: str
    stage: str
    at: datetime
    entry: int | None = None


@dataclass(frozen=True)
class Read:
    """Somebody looked at something confidential. ``allowed_at``: from when on anybody might; None not yet.

    ``purpose`` is stated when the look went through the door that records it.
    """

    what: str
    at: datetime
    allowed_at: datetime | None
    purpose: str = ""
    entry: int | None = None


@dataclass(frozen=True)
class LotWatch:
    """The instants of a lot's life; ``delivered`` bids in time and ``opened`` ones.

    ``lapsed_at``: when its last award lapsed. ``published_at``, ``filed_at``: of its contract.
    """

    number: int
    stage: Stage
    delivered: int = 0
    opened: int = 0
    reported_at: datetime | None = None
    candidates_at: datetime | None = None
    publicity_until_at: datetime | None = None
    awarded_at: datetime | None = None
    lapsed_at: datetime | None = None
    contracted_at: datetime | None = None
    published_at: datetime | None = None
    filed_at: datetime | None = None
    report_entry: int | None = None
    candidates_entry: int | None = None
    award_entry: int | None = None


@dataclass(frozen=True)
class Owed:
    """A bid bond that is to go back; ``key`` numbers it within the tender and names nobody.

    ``row``, ``since``: the row of its term and the instant it runs from; ``due_at``: its end, where no row names one.
    """

    key: str
    row: str
    since: datetime
    due_at: datetime
    done_at: datetime | None
    entry: int | None = None


@dataclass(frozen=True)
class Watched:
    """Everything about a tender that a light may depend on. No bidder and no bid content is in it."""

    law: Rulebook
    calendar: Calendar
    documents_row: str
    tendering_row: str
    documents_from_at: datetime
    documents_until_at: datetime
    bids_close_at: datetime
    notice_entry: int | None
    close_entry: int | None
    clarifications: tuple[Clarified, ...]
    objections: tuple[Objected, ...]
    moves: tuple[Moved, ...]
    reads: tuple[Read, ...]
    lots: tuple[LotWatch, ...]
    owed: tuple[Owed, ...] = ()


@dataclass(frozen=True)
class Light:
    """One light that is on.

    Attributes:
        rule: id of the rule, ``SX-04``. key: what it is about within the tender.
        source: the article. due_at: the end of the term, where there is one.
        since: when it came on. entries: log indexes of the facts it stands on.
    """

    rule: str
    key: str
    colour: Colour
    source: str
    since: datetime
    due_at: datetime | None = None
    entries: tuple[int, ...] = ()


Rule = Callable[[Watched, datetime], Iterator[Light]]


def lights(watched: Watched, now: datetime) -> list[Light]:
    """Every light of a tender at ``now``: red before yellow, then what ends first."""
    found = [light for rule in RULES for light in rule(watched, now)]
    far = datetime.max.replace(tzinfo=now.tzinfo)
    return sorted(found, key=lambda one: (one.colour is not Colour.RED, one.due_at or far, one.rule, one.key))


def colour_of(found: Sequence[Light]) -> Colour:
    """The light of a whole: its worst one."""
    if any(one.colour is Colour.RED for one in found):
        return Colour.RED
    return Colour.YELLOW if found else Colour.GREEN


def _entries(*given: int | None) -> tuple[int, ...]:
    return tuple(one for one in given if one is not None)


def document_days(w: Watched, now: datetime) -> Iterator[Light]:
    """SX-01: documents are issued for too few days. Source: 招标投标法实施条例 第十六条 (T-101)."""
    yield from _span("SX-01", w, w.documents_row, w.documents_from_at, w.documents_until_at, w.notice_entry)


def tendering_days(w: Watched, now: datetime) -> Iterator[Light]:
    """SX-02: too little time between documents and deadline; the lawful day at an earlier hour is yellow.

    Source: 招标投标法 第二十四条 (T-102); 政府采购法 第三十五条.
    """
    yield from _span("SX-02", w, w.tendering_row, w.documents_from_at, w.bids_close_at, w.notice_entry)


def late_clarifications(w: Watched, now: datetime) -> Iterator[Light]:
    """SX-03: a clarification too near to its deadline. Source: 招标投标法 第二十三条 (T-104)."""
    for number, one in enumerate(w.clarifications, start=1):
        yield from _span(
            "SX-03",
            w,
            "clarification_days_min",
            one.at,
            one.bids_close_at,
            one.entry,
            key=f"clarification-{number}",
        )


def _span(
    rule: str, w: Watched, row: str, start: datetime, end: datetime, entry: int | None, *, key: str = ""
) -> Iterator[Light]:
    limit = w.law.get(row)
    if limit is None:
        return
    result = check_span(limit, "", start, end, calendar=w.calendar)
    if result.verdict is Verdict.OK:
        return
    colour = Colour.YELLOW if result.verdict is Verdict.WARN else Colour.RED
    yield Light(rule, key or "tender", colour, limit.source, start, end, _entries(entry))


def objection_answers(w: Watched, now: datetime) -> Iterator[Light]:
    """SX-04 (tendering law) and SX-05 (procurement): an objection waits for its answer, or got it too late.

    Source: 招标投标法实施条例 第二十二条, 第五十四条 (T-108); 政府采购法 第五十三条 (T-231).
    """
    rule = "SX-05" if w.law.regime == "GP" else "SX-04"
    for one in w.objections:
        term = due(w.law, "objection_answer_days_max", one.filed_at, calendar=w.calendar)
        yield from _term(rule, one.key, term, one.answered_at, now, one.entry)


def candidates_published(w: Watched, now: datetime) -> Iterator[Light]:
    """SX-06: candidates, or in procurement the buyer's decision, do not follow the report in time.

    Source: 招标投标法实施条例 第五十四条 (T-110); 政府采购法实施条例 第四十三条 (T-222).
    """
    for lot in w.lots:
        if lot.reported_at is None:
            continue
        for row in ("candidate_publication_days_max", "buyer_decision_days_max"):
            done = lot.candidates_at if row.startswith("candidate") else lot.awarded_at
            since = lot.reported_at if row.startswith("candidate") else _later(lot.reported_at, lot.lapsed_at)
            term = due(w.law, row, since, calendar=w.calendar)
            yield from _term("SX-06", f"lot-{lot.number}", term, done, now, lot.report_entry)


def publicity_days(w: Watched, now: datetime) -> Iterator[Light]:
    """SX-07: candidates are published for too few days, or the award came before they were over.

    Source: 招标投标法实施条例 第五十四条 (T-111).
    """
    for lot in w.lots:
        if lot.candidates_at is None:
            continue
        term = standstill(w.law, lot.candidates_at, calendar=w.calendar)
        if term is None:
            continue
        ends = [at for at in (lot.publicity_until_at, lot.awarded_at) if at is not None]
        if any(at < term.due_at for at in ends):
            yield Light(
                "SX-07",
                f"lot-{lot.number}",
                Colour.RED,
                term.source,
                lot.candidates_at,
                term.due_at,
                _entries(lot.candidates_entry, lot.award_entry),
            )


def award_letters(w: Watched, now: datetime) -> Iterator[Light]:
    """SX-08: the award letter does not follow in time. Source: T-124; 政府采购法实施条例 第四十三条."""
    for lot in w.lots:
        start = lot.publicity_until_at
        if start is None or lot.stage not in (Stage.STANDSTILL, Stage.AWARDED, Stage.CONTRACTED):
            continue
        if lot.candidates_at is None or now < start:
            continue
        term = due(w.law, "award_letter_days_max", _later(start, lot.lapsed_at), calendar=w.calendar)
        yield from _term("SX-08", f"lot-{lot.number}", term, lot.awarded_at, now, lot.candidates_entry)


def contracts(w: Watched, now: datetime) -> Iterator[Light]:
    """SX-09: the contract is late. Source: 招标投标法 第四十六条 (T-114); 政府采购法 第四十六条 (T-225)."""
    for lot in w.lots:
        if lot.awarded_at is None:
            continue
        term = due(w.law, "contract_days_max", lot.awarded_at, calendar=w.calendar)
        yield from _term("SX-09", f"lot-{lot.number}", term, lot.contracted_at, now, lot.award_entry)


def contract_copies(w: Watched, now: datetime) -> Iterator[Light]:
    """SX-10: a signed contract is not published or not filed in time.

    Source: 政府采购法实施条例 第五十条 (T-226); 政府采购法 第四十七条 (T-227).
    """
    for lot in w.lots:
        if lot.stage is not Stage.CONTRACTED or lot.contracted_at is None:
            continue
        for row, what, done in (
            ("contract_publication_days_max", "publication", lot.published_at),
            ("contract_filing_days_max", "filing", lot.filed_at),
        ):
            term = due(w.law, row, lot.contracted_at, calendar=w.calendar)
            yield from _term("SX-10", f"lot-{lot.number}-{what}", term, done, now, lot.award_entry)


def bonds_returned(w: Watched, now: datetime) -> Iterator[Light]:
    """SX-11: a bid bond does not go back in time.

    Source: 招标投标法实施条例 第三十五条, 第五十七条 (T-116, T-117); 政府采购法实施条例 第三十三条 (T-228).
    """
    for one in w.owed:
        term = due(w.law, one.row, one.since, calendar=w.calendar) if one.row else None
        if term is not None:
            yield from _term("SX-11", one.key, term, one.done_at, now, one.entry)
        elif (one.done_at or now) >= one.due_at:
            source = "rules.md §6.2 (SX-11)"
            yield Light("SX-11", one.key, Colour.RED, source, one.due_at, one.due_at, _entries(one.entry))


def _later(at: datetime, other: datetime | None) -> datetime:
    """A lapsed award starts the terms of the next decision."""
    return at if other is None else max(at, other)


def _term(
    rule: str, key: str, term: Due | None, done_at: datetime | None, now: datetime, entry: int | None
) -> Iterator[Light]:
    """A light for something due, by its early warning and its end; red for ever when done too late."""
    if term is None:
        return
    judged = now if done_at is None else done_at
    colour = term.light(judged)
    if colour is None or (done_at is not None and colour == "yellow"):
        return
    since = term.due_at if colour == "red" or term.yellow_at is None else term.yellow_at
    yield Light(rule, key, Colour(colour), term.source, since, term.due_at, _entries(entry))


def order_of_steps(w: Watched, now: datetime) -> Iterator[Light]:
    """LC-01: a step was skipped or done out of order. Source: rules.md §1.1, §6.2."""
    stages: dict[int, Stage] = {}
    for moved in w.moves:
        before = stages.get(moved.lot, Stage.TENDERING)
        if moved.move == Move.PUBLISH:
            before = Stage.DRAFT
        expected = MOVES.get((before, Move(moved.move)))
        if expected is None or expected != moved.stage:
            key = f"lot-{moved.lot}-{moved.move}"
            yield Light("LC-01", key, Colour.RED, "rules.md §1.1", moved.at, None, _entries(moved.entry))
        stages[moved.lot] = Stage(moved.stage)


def too_few_bids(w: Watched, now: datetime) -> Iterator[Light]:
    """LC-03: bids were opened although fewer came in than the law asks.

    Source: 招标投标法 第二十八条; 招标投标法实施条例 第四十四条.
    """
    limit = w.law.get("bidders_min")
    for lot in w.lots:
        if limit is not None and lot.opened and lot.delivered < limit.count:
            yield Light(
                "LC-03",
                f"lot-{lot.number}",
                Colour.RED,
                limit.source,
                w.bids_close_at,
                None,
                _entries(w.close_entry),
            )


HELD_STILL = frozenset({Move.OPEN_BIDS, Move.PROPOSE_AWARD, Move.CONFIRM_AWARD, Move.CONTRACT})


def work_during_objection(w: Watched, now: datetime) -> Iterator[Light]:
    """LC-04: the tender went on while an objection in time had no answer.

    Source: 招标投标法实施条例 第二十二条, 第五十四条, 第七十七条.
    """
    for one in w.objections:
        if not one.in_time or one.matter == "opening":
            continue
        for moved in w.moves:
            if moved.move in HELD_STILL and _waited(one, moved):
                yield Light(
                    "LC-04",
                    f"{one.key}-lot-{moved.lot}-{moved.move}",
                    Colour.RED,
                    "招标投标法实施条例 第二十二条, 第五十四条, 第七十七条",
                    moved.at,
                    None,
                    _entries(one.entry, moved.entry),
                )


def _waited(one: Objected, moved: Moved) -> bool:
    """Whether an objection lay unanswered at a move; within one instant the log's order decides."""
    if moved.at == one.filed_at and one.entry is not None and moved.entry is not None:
        filed = one.entry < moved.entry
    else:
        filed = one.filed_at <= moved.at
    return filed and (one.answered_at is None or moved.at < one.answered_at)


def early_reads(w: Watched, now: datetime) -> Iterator[Light]:
    """LC-07: bids, the panel's names or the takers of documents were read before anybody might.

    A look with a stated purpose is yellow until it is explained; one without is red.

    Source: 招标投标法 第二十二条, 第三十七条; rules.md §6.1.
    """
    for number, one in enumerate(w.reads, start=1):
        if one.allowed_at is None or one.at < one.allowed_at:
            yield Light(
                "LC-07",
                f"read-{number}",
                Colour.YELLOW if one.purpose else Colour.RED,
                "招标投标法 第二十二条, 第三十七条",
                one.at,
                None,
                _entries(one.entry),
            )


RULES: tuple[Rule, ...] = (
    document_days,
    tendering_days,
    late_clarifications,
    objection_answers,
    candidates_published,
    publicity_days,
    award_letters,
    contracts,
    contract_copies,
    bonds_returned,
    order_of_steps,
    too_few_bids,
    work_during_objection,
    early_reads,
)
