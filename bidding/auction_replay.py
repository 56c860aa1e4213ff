"""``sunroad auction replay``: a stranger's recount of a live auction from its published journal.

The chain is recomputed over every salted event, the engine replays them, and the result is compared with the one the
journal states. Nothing but the file is needed; that the log holds the same chain is what ``sealbid verify`` shows.

Source: rules §4.3 A-14; docs/formats/auction-journal.md §4.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from bidding.actions.auctions_end import result_plain
from bidding.hall_core import journal, rooms
from bidding.hall_core.draft import begun, event_of
from bidding.rules.auction import engine
from bidding.rules.auction.state import State
from bidding.rules.auction.terms import Holder, Terms
from kernel.errors import Refusal
from sealbid import verify_slips
from sealbid.errors import SealError
from sealbid.octets import unb64

AGREES, DIFFERS, UNREADABLE = 0, 1, 2


class Broken(ValueError):
    """The journal does not hold together; says where."""


def recount(found: Mapping[str, Any]) -> dict[str, Any]:
    """Replay a published journal.

    Args:
        found: the file of docs/formats/auction-journal.md §4, parsed.

    Returns:
        ``{"auction", "events", "chain", "slips", "result", "agrees"}``; ``chain``, ``slips`` and ``result`` are
        recomputed.

    Raises:
        Broken: the chain differs, an event does not follow from those before it, or a slip says something else.
            KeyError, ValueError, TypeError or NotValid: the file is not of this format.
    """
    auction = UUID(found["auction"])
    terms = Terms.from_plain(found["terms"])
    if terms.priority is not None:
        holders = tuple(Holder(one["plate"], int(one["rank"])) for one in found["holders"])
        terms = replace(terms, priority=replace(terms.priority, holders=holders))
    chain = journal.root_of(
        auction, rooms.header_of(auction, found["tender"], int(found["lot"]), dict(found["terms"]))
    )
    state = begun(terms)
    for place, line in enumerate(found["events"], 1):
        chain = journal.chained(chain, journal.digest_of(line["text"], unb64(line["salt"], 16)))
        state = _after(state, line["text"], terms, place)
    if chain.hex() != found["chain"]:
        raise Broken(f"the chain over {len(found['events'])} events is {chain.hex()}, not the one stated")
    try:
        slips = verify_slips.require_slips(dict(found))
    except SealError as no:
        raise Broken(f"{no.code}: {no.detail}") from no
    result = result_plain(engine.result(state)) if state.outcome is not None else {}
    return {
        "auction": str(auction),
        "events": len(found["events"]),
        "chain": chain.hex(),
        "slips": slips,
        "result": result,
        "agrees": result == found["result"],
    }


def _after(state: State, text: str, terms: Terms, place: int) -> State:
    try:
        return engine.apply(state, event_of(text, terms), datetime.fromisoformat(json.loads(text)["at"]))
    except Refusal as no:
        raise Broken(f"event {place} would have been refused: {no.code}") from no


def run(file: str) -> int:
    """Print one JSON line; 0 the result follows from the events, 1 it does not, 2 the file cannot be read."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
        told = recount(json.loads(text))
    except Broken as no:
        sys.stderr.write(f"{file}: {no}\n")
        return DIFFERS
    except (OSError, KeyError, TypeError, ValueError, Refusal) as no:
        sys.stderr.write(f"{file}: not the journal of an auction: {no!r}\n")
        return UNREADABLE
    sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
    return AGREES if told["agrees"] else DIFFERS
