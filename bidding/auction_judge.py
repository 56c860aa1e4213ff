"""``sunroad auction judge FILE``: replay turn-based auction cases through the engine and compare every verdict.

A case says its kind (``default``, ``meat``: weighted quality, ``mixed``: weighted price), the tender and the offers;
where it also holds the expected ``turn_order_per_round``, ``final_worst_to_best`` or ``intended_winner``, they are
compared.

Source: peers §1.1; docs/formats/auction-terms.md §6.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bidding.auction_cases import ROUNDS, Case, Said, Unreadable, read_cases
from bidding.rules.auction import engine
from bidding.rules.auction import events as ev
from bidding.rules.auction.state import State
from bidding.rules.auction.terms import (
    Direction,
    Format,
    PricesShown,
    Step,
    Terms,
    TurnCriterion,
    Turns,
    Visible,
)
from bidding.rules.auction.turns import Turn, measure
from kernel.errors import Refusal

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
TOO_FINE = "rejected: More than two decimals"


def _terms(case: Case) -> Terms:
    second = int(STAGE.total_seconds())
    turns = Turns(
        criterion=case.criterion,
        order=TurnCriterion.PRICE if case.criterion is TurnCriterion.MIXED else case.criterion,
        rounds=ROUNDS,
        first_pause_seconds=second,
        pause_seconds=second,
        turn_seconds=second,
        doubles=True,
        qualities=tuple(one.quality for one in case.bids),
    )
    return Terms(
        format=Format.TURN_BASED,
        direction=Direction.DOWN,
        start=max(one.price for one in case.bids),
        step=Step(amount=case.step),
        visible=Visible(best=True, prices=PricesShown.PLATES, count=True),
        turns=turns,
    )


def _told(state: State, event: ev.TurnBid, at: datetime) -> tuple[State, str]:
    try:
        state = engine.apply(state, event, at)
    except Refusal as refusal:
        if refusal.code == "auction_amount" and event.amount > 0:
            return state, TOO_FINE
        return state, SAID.get(refusal.code, f"rejected: {refusal.code}")
    return state, "cancelled" if event.amount == -1 else "accepted"


def judge(case: Case) -> dict[str, Any]:
    """What the engine makes of a case, and where that differs from what the case expects."""
    dated = sorted((bid.at, -n) for n, bid in enumerate(case.bids))
    state = engine.begin(_terms(case), (bid.plate for bid in case.bids))
    for at, n in dated:
        bid = case.bids[-n]
        state = engine.apply(state, ev.OfferMade(bid.plate, bid.price), at)
    start = dated[-1][0] + STAGE
    state = engine.apply(state, ev.Begin(), start)
    by_stage: dict[int, list[Said]] = {n: [] for n in range(ROUNDS * (len(case.bids) + 1) + 1)}
    for one in case.said:
        by_stage[one.stage].append(one)
    verdicts, turns, when = [], [], {}
    orders: list[list[str]] = []
    for stage, offers in by_stage.items():
        state = engine.apply(state, ev.Tick(), start + stage * STAGE)
        if isinstance(state.special, Turn) and len(orders) < state.round:
            orders.append(list(state.special.order))
        for n, offer in enumerate(offers):
            at = start + stage * STAGE + timedelta(microseconds=n)
            turns.append(
                state.special.plate if isinstance(state.special, Turn) and state.special.at >= 0 else None
            )
            state, verdict = _told(state, ev.TurnBid(offer.plate, offer.amount), at)
            when[at] = offer.at
            verdicts.append(verdict)
    told = {"verdicts": verdicts, "turns": turns, "turn_order_per_round": orders}
    return _compared(case, state, told, when)


def _compared(
    case: Case, state: State, told: dict[str, Any], when: Mapping[datetime, object]
) -> dict[str, Any]:
    """The line of a case: what the engine found, and every difference from what the case expects."""
    result = engine.result(state)
    ranking = []
    for plate, price in reversed(result.ranking):
        last = state.seats[plate].last
        assert last is not None
        counts = measure(state.terms, plate, price.yuan, case.criterion)
        line = {"bidder": plate, "amount": str(price.yuan), "counts_as": str(counts)}
        ranking.append({**line, "date": when.get(last.recv_at) or last.recv_at.isoformat()})
    differences: list[dict[str, Any]] = []

    def check(name: str, ours: object, theirs: object) -> None:
        if theirs is not None and ours != theirs:
            differences.append({"field": name, "ours": ours, "expected": theirs})

    for n, (offer, verdict, turn) in enumerate(
        zip(case.said, told["verdicts"], told.pop("turns"), strict=True)
    ):
        check(f"events.{n}.verdict", verdict, offer.verdict)
        check(f"events.{n}.turn_of", turn, offer.turn_of)
    check("turn_order_per_round", told["turn_order_per_round"], case.orders)
    if case.final is not None:
        if case.criterion is not TurnCriterion.MIXED:
            check("ranking", [one["bidder"] for one in ranking], [plate for plate, _ in case.final])
        check("prices", {plate: price.yuan for plate, price in result.ranking}, dict(case.final))
    check("winner", result.winner, case.winner)
    head = {"id": case.name, "kind": case.kind, "left_out": list(case.left_out), **told}
    agrees = (not differences) if case.expects else None
    return {
        **head,
        "ranking_worst_to_best": ranking,
        "winner": result.winner,
        "agrees": agrees,
        "differences": differences,
    }


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
        data = sys.stdin.buffer.read() if args.file == "-" else Path(args.file).read_bytes()
        lines = [judge(case) for case in read_cases(data)]
    except (OSError, Unreadable) as error:
        sys.stderr.write(f"{args.file}: {error}\n")
        return 2
    for index, line in enumerate(lines):
        sys.stdout.write(json.dumps({"index": index, **line}, ensure_ascii=False, default=str) + "\n")
    return 1 if any(line["agrees"] is False for line in lines) else 0
