"""What a stranger holds after an auction verifies, and a journal that was touched does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bidding import queries_auction as queries
from bidding.actions import auctions_end
from bidding.actions.auctions_end import result_plain
from bidding.hall_core.draft import begun
from bidding.rules.auction import Terms, engine, events
from kernel.errors import NotNow
from kernel.ledger import sequencer, trust
from sealbid import verify_auction
from sealbid.verify import verify_evidence
from supervision.evidence import export_evidence
from tests.integration.auction.sale import Hall, Sale, plates
from tests.support.house import House


@pytest.fixture
def settled(sale: Sale, house: House) -> Sale:
    """An auction that ran and was confirmed."""
    sale.bidders(3)
    hall = Hall(sale).start().follow()
    for at, plate in enumerate(plates(sale) * 2):
        hall.offer(plate, 950000 - at * 10000)
    hall.end().follow()
    hall.core.stop()
    with house.begin(sale.actor(sale.buyer)) as work:
        auctions_end.confirm_result(work, hall.id)
    sequencer.sequence(house.platform)
    return sale


def test_a_stranger_verifies_an_auction_from_its_evidence(
    settled: Sale, house: House, tmp_path: Path
) -> None:
    path = tmp_path / "evidence.zip"
    path.write_bytes(export_evidence(house.platform, settled.tender_id))
    lines: list[str] = []

    code = verify_evidence(path, trust.trust_text(house.settings), lines.append)

    assert [line for line in lines if line.startswith("FAIL")] == []
    assert code == 0
    assert any("auction ended" in line and "events" in line for line in lines)
    assert any("award is the auction's result" in line for line in lines)


def test_there_is_no_evidence_before_the_end(sale: Sale, house: House) -> None:
    with pytest.raises(NotNow, match="evidence_too_early"):
        export_evidence(house.platform, sale.tender_id)


def _journal(settled: Sale) -> dict[str, Any]:
    with settled.house.read() as session:
        found = json.loads(queries.journal_of(session, settled.auction().id))
    assert isinstance(found, dict)
    return found


def test_the_chain_notices_every_change(settled: Sale) -> None:
    journal = _journal(settled)
    good = verify_auction.chain_of(journal)
    assert good[-1].hex() == journal["chain"]

    for change in (
        lambda one: one["events"][4].update(text=one["events"][4]["text"].replace("0000.00", "0001.00")),
        lambda one: one["events"].pop(3),
        lambda one: one["events"].reverse(),
        lambda one: one["terms"].update(free_seconds=1),
    ):
        other = json.loads(json.dumps(journal))
        change(other)
        assert verify_auction.chain_of(other)[-1] != good[-1]


def test_the_published_journal_replays_to_the_result_and_holds_every_receipt(settled: Sale) -> None:
    journal = _journal(settled)
    terms = Terms.from_plain(journal["terms"])
    state = begun(terms)
    for event in journal["events"]:
        line = json.loads(event["text"])
        from datetime import datetime

        at = datetime.fromisoformat(line["at"])
        state = engine.apply(state, events.event_from_plain(line["event"]), at)
    assert result_plain(engine.result(state)) == journal["result"]
    with settled.house.read() as session:
        from bidding.hall_core import journal as stored

        receipts = [
            json.loads(line.receipt)
            for line in stored.lines_of(session.connection(), settled.auction().id)
            if line.receipt
        ]
    assert {one["event"] for one in receipts} <= set(verify_auction.event_digests(journal))
    assert len(receipts) == 6
