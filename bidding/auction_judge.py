"""``sunroad auction judge FILE``: replay turn-based auction cases through the engine and compare every verdict.

A case is a JSON object with ``kind`` (``default``, ``meat``: weighted quality, ``mixed``: weighted price),
``tender`` (``bids``, ``minimalStep``, ``features``) and ``events``; where it also holds the expected
``turn_order_per_round``, ``final_worst_to_best`` or ``intended_winner``, they are compared. A file is a JSON array of
cases, one case, or one case a line.

Source: peers §1.1; docs/formats/auction-terms.md §6.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Any

from bidding.rules.auction import engine
from bidding.rules.auction import events as ev
from bidding.rules.auction.state import State
from bidding.rules.auction.terms import (
    Direction,
    Format,
    PricesShown,
    Quality,
    Step,
    Terms,
    TurnCriterion,
    Turns,
    Visible,
)
from bidding.rules.auction.turns import Turn, double, measure
from kernel.errors import Refusal
from kernel.money import Money

KINDS = {"default": TurnCriterion.PRICE, "meat": TurnCriterion.QUALITY, "mixed": TurnCriterion.MIXED}
ROUNDS = 3
STAGE = timedelta(minutes=2)
"""Length of a stage on the engine's clock; a case says in which stage an offer came, and its order there."""
SAID = {
    "auction_not_your_turn": "rejected: Not valid bidder",
    "auction_plate_unknown": "rejected: Not valid bidder",
    "auction_amount": "rejected: Too low value",
    "auction_step": "rejected: Too high value",
    "auction_wrong_stage": "rejected: Stage not for bidding",
    "auction_over": "rejected: Stage not for bidding",
}


class Unreadable(Exception):
    """A case that cannot be read; the message names case and field."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case, read."""

    name: str
    kind: TurnCriterion
    plain: Mapping[str, Any]


def read_cases(text: str) -> list[Case]:
    """The cases of a file. Raises Unreadable."""
    try:
        plain = json.loads(text, parse_float=Decimal)
    except json.JSONDecodeError as whole:
        plain = []
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                try:
                    plain.append(json.loads(line, parse_float=Decimal))
                except json.JSONDecodeError as error:
                    where = whole if number == 1 else error
                    raise Unreadable(
                        f"line {where.lineno if number == 1 else number}: {where.msg}"
                    ) from error
    cases = plain if isinstance(plain, list) else [plain]
    if not cases:
        raise Unreadable("no case in it")
    return [_case(n, one) for n, one in enumerate(cases)]


def _case(number: int, plain: object) -> Case:
    if not isinstance(plain, dict):
        raise Unreadable(f"case {number}: an object is needed")
    tender = plain.get("tender")
    said = tender.get("id") if isinstance(tender, dict) else None
    name = str(plain.get("id") or said or number)
    if plain.get("kind") not in KINDS:
        raise Unreadable(f"case {number} ({name}), field kind: one of {', '.join(KINDS)}")
    return Case(f"{number} ({name})", KINDS[plain["kind"]], plain)


def _field(case: Case, plain: object, path: str) -> Any:
    """The value at a dotted path below ``plain``."""
    for step in path.split("."):
        if not isinstance(plain, Mapping) or step not in plain:
            raise Unreadable(f"case {case.name}, field {path}: must be given")
        plain = plain[step]
    return plain


def _number(case: Case, plain: object, path: str) -> Decimal:
    value = _field(case, plain, path)
    try:
        number = Decimal(value) if isinstance(value, (Decimal, int, str)) and value is not True else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        raise Unreadable(f"case {case.name}, field {path}: a number is needed")
    return number


def _instant(case: Case, plain: object, path: str) -> datetime:
    try:
        at = datetime.fromisoformat(_field(case, plain, path))
    except (TypeError, ValueError):
        raise Unreadable(f"case {case.name}, field {path}: an instant is needed") from None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _money(case: Case, amount: Decimal, path: str) -> Money:
    try:
        return Money.from_yuan(amount)
    except ValueError:
        raise Unreadable(f"case {case.name}, field {path}: at most two decimals") from None


def _enum(case: Case, feature: object) -> list[object]:
    values = _field(case, feature, "enum")
    if not isinstance(values, list) or not values:
        raise Unreadable(f"case {case.name}, field tender.features.enum: a list is needed")
    return values


def _quality(case: Case, bid: Mapping[str, Any], features: object) -> Quality:
    """The coefficient of a bid: k = 1 + Σ chosen / (1 − Σ greatest), or the divisor and addition it states."""
    plate = str(_field(case, bid, "id"))
    if case.kind is TurnCriterion.MIXED:
        given = {"denominator": 1, "addition": 0, **(_field(case, bid, "weightedValue") or {})}
        divisor, addition = _number(case, given, "denominator"), _number(case, given, "addition")
        if divisor <= 0:
            raise Unreadable(f"case {case.name}, field weightedValue.denominator: more than 0")
        opening = str(_number(case, given, "amount")) if "amount" in given else None
        return Quality(plate, str(divisor), str(addition), opening)
    if case.kind is not TurnCriterion.QUALITY:
        return Quality(plate)
    if not isinstance(features, list):
        raise Unreadable(f"case {case.name}, field tender.features: a list is needed")
    most = Fraction(0)
    for feature in features:
        # The greatest weights are added up as doubles are: each sum is rounded to the nearest double.
        most = Fraction(float(most + max(double(_number(case, e, "value")) for e in _enum(case, feature))))
    chosen = sum((double(_number(case, p, "value")) for p in bid.get("parameters") or ()), Fraction(0))
    if most >= 1:
        raise Unreadable(f"case {case.name}, field tender.features: weights must add up to less than 1")
    return Quality(plate, str(1 + chosen / (1 - most)))


def _terms(case: Case, bids: list[Mapping[str, Any]]) -> Terms:
    tender = _field(case, case.plain, "tender")
    step = _money(case, _number(case, tender, "minimalStep.amount"), "tender.minimalStep.amount")
    highest = max(_money(case, _number(case, bid, "value.amount"), "bids.value.amount") for bid in bids)
    second = int(STAGE.total_seconds())
    turns = Turns(
        criterion=case.kind,
        order=TurnCriterion.PRICE if case.kind is TurnCriterion.MIXED else case.kind,
        rounds=ROUNDS,
        first_pause_seconds=second,
        pause_seconds=second,
        turn_seconds=second,
        doubles=True,
        qualities=tuple(_quality(case, bid, tender.get("features")) for bid in bids),
    )
    return Terms(
        format=Format.TURN_BASED,
        direction=Direction.DOWN,
        start=highest,
        step=Step(amount=step),
        visible=Visible(best=True, prices=PricesShown.PLATES, count=True),
        turns=turns,
    )


def _told(state: State, event: ev.Event, at: datetime) -> tuple[State, str]:
    try:
        state = engine.apply(state, event, at)
    except Refusal as refusal:
        return state, SAID.get(refusal.code, f"rejected: {refusal.code}")
    cancelled = isinstance(event, ev.TurnBid) and event.amount == -1
    return state, "cancelled" if cancelled else "accepted"


def judge(case: Case) -> dict[str, Any]:
    """What the engine makes of a case, and where that differs from what the case expects. Raises Unreadable."""
    try:
        return _judged(case)
    except Refusal as refusal:
        raise Unreadable(f"case {case.name}, field tender: {refusal}") from refusal


def _judged(case: Case) -> dict[str, Any]:
    bids = list(_field(case, case.plain, "tender.bids"))
    if not bids:
        raise Unreadable(f"case {case.name}, field tender.bids: at least one is needed")
    dated = sorted(((_instant(case, bid, "date"), -n) for n, bid in enumerate(bids)))
    state = engine.begin(_terms(case, bids), (str(_field(case, bid, "id")) for bid in bids))
    for at, n in dated:
        bid = bids[-n]
        price = _money(case, _number(case, bid, "value.amount"), "bids.value.amount")
        state = engine.apply(state, ev.OfferMade(str(bid["id"]), price), at)
    start = dated[-1][0] + STAGE
    state = engine.apply(state, ev.Begin(), start)
    verdicts, turns, when = [], [], {}
    orders: list[list[str]] = []
    steps = _steps(case, len(bids))
    for stage, events in steps:
        state = engine.apply(state, ev.Tick(), start + stage * STAGE)
        if isinstance(state.special, Turn) and len(orders) < state.round:
            orders.append(list(state.special.order))
        for n, event in enumerate(events):
            at = start + stage * STAGE + timedelta(microseconds=n)
            turn = state.special.plate if isinstance(state.special, Turn) and state.special.at >= 0 else None
            made = ev.TurnBid(str(event.get("from_bidder")), _number(case, event, "amount"))
            state, verdict = _told(state, made, at)
            when[at] = event.get("at")
            verdicts.append(verdict)
            turns.append(turn)
    return _compared(
        case, state, {"verdicts": verdicts, "turns": turns, "turn_order_per_round": orders}, when
    )


def _steps(case: Case, bidders: int) -> Iterator[tuple[int, list[Mapping[str, Any]]]]:
    """Every stage with the events that came in it, in the order of the file."""
    last = ROUNDS * (bidders + 1)
    by_stage: dict[int, list[Mapping[str, Any]]] = {n: [] for n in range(last + 1)}
    for event in case.plain.get("events") or ():
        stage = _field(case, event, "stage")
        if not isinstance(stage, int) or stage not in by_stage:
            raise Unreadable(f"case {case.name}, field events.stage: 0 to {last}")
        by_stage[stage].append(event)
    if case.plain.get("events") and [e for n in by_stage for e in by_stage[n]] != list(case.plain["events"]):
        raise Unreadable(f"case {case.name}, field events: stages must not go backwards")
    yield from by_stage.items()


def _compared(
    case: Case, state: State, told: dict[str, Any], when: Mapping[datetime, object]
) -> dict[str, Any]:
    """The line of a case: what the engine found, and every difference from what the case expects."""
    result = engine.result(state)
    ranking = []
    for plate, price in reversed(result.ranking):
        last = state.seats[plate].last
        assert last is not None
        counts = measure(state.terms, plate, price.yuan, case.kind)
        line = {"bidder": plate, "amount": str(price.yuan), "counts_as": str(counts)}
        ranking.append({**line, "date": when.get(last.recv_at) or last.recv_at.isoformat()})
    plain = case.plain
    differences: list[dict[str, Any]] = []

    def check(name: str, ours: object, theirs: object) -> None:
        if ours != theirs:
            differences.append({"field": name, "ours": ours, "expected": theirs})

    for n, (event, verdict, turn) in enumerate(
        zip(plain.get("events") or (), told["verdicts"], told.pop("turns"), strict=True)
    ):
        if "verdict" in event:
            check(f"events.{n}.verdict", verdict, event["verdict"])
        if "turn_of" in event:
            check(f"events.{n}.turn_of", turn, event["turn_of"])
    if "turn_order_per_round" in plain:
        check("turn_order_per_round", told["turn_order_per_round"], plain["turn_order_per_round"])
    if "final_worst_to_best" in plain and case.kind is not TurnCriterion.MIXED:
        check(
            "ranking",
            [one["bidder"] for one in ranking],
            [one["bidder"] for one in plain["final_worst_to_best"]],
        )
    if "final_worst_to_best" in plain:
        prices = {
            _field(case, one, "bidder"): _number(case, one, "amount") for one in plain["final_worst_to_best"]
        }
        check("prices", {o["bidder"]: Decimal(str(o["amount"])) for o in ranking}, prices)
    if "intended_winner" in plain:
        check("winner", result.winner, plain["intended_winner"])
    name = plain.get("id") or plain.get("tender", {}).get("id")
    head = {"id": name, "kind": plain["kind"], **told, "ranking_worst_to_best": ranking}
    expected = any(
        k in plain for k in ("final_worst_to_best", "intended_winner", "turn_order_per_round")
    ) or any("verdict" in event for event in plain.get("events") or ())
    agrees = (not differences) if expected else None
    return {**head, "winner": result.winner, "agrees": agrees, "differences": differences}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of ``sunroad auction``."""
    words = parser.add_subparsers(dest="deed_of_auction", required=True, metavar="DEED")
    one = words.add_parser("judge", help="Replay cases of turn-based auctions and compare every verdict.")
    one.add_argument("file", help="a JSON array of cases, or one case a line; - reads standard input")
    one = words.add_parser("replay", help="Recount a live auction from its published journal.")
    one.add_argument(
        "file", help="the journal as /api/v1/auctions/ID/journal gives it; - reads standard input"
    )


def run(args: argparse.Namespace) -> int:
    """Judge a file: one JSON line a case; 0 all agree, 1 some differ, 2 the file cannot be read."""
    if args.deed_of_auction == "replay":
        from bidding.auction_replay import run as replay

        return replay(args.file)
    try:
        text = sys.stdin.read() if args.file == "-" else Path(args.file).read_text("utf-8")
        lines = [judge(case) for case in read_cases(text)]
    except (OSError, UnicodeDecodeError, Unreadable) as error:
        sys.stderr.write(f"{args.file}: {error}\n")
        return 2
    for index, line in enumerate(lines):
        sys.stdout.write(json.dumps({"index": index, **line}, ensure_ascii=False, default=str) + "\n")
    return 1 if any(line["agrees"] is False for line in lines) else 0
