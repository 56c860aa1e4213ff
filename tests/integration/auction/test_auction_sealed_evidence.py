"""What was sealed in an auction verifies from the evidence, and its custodians learn their duty."""

from __future__ import annotations

from pathlib import Path

import pytest

from bidding.actions import auctions_end
from bidding.rules.auction import Format
from bidding.rules.auction.terms import LimitMode
from kernel.ledger import sequencer, trust
from sealbid.verify import verify_evidence
from supervision.evidence import export_evidence
from tests.integration.auction.sale import Hall
from tests.integration.auction.sealing import SealedSale
from tests.support.house import House


@pytest.fixture
def rising(house: House) -> SealedSale:
    """An ascending auction with limits and a reserve sealed to the custodians."""
    sale = SealedSale(
        house,
        procedure="auction",
        regime="EQ",
        format=Format.ASCENDING,
        printed={"limits": LimitMode.SEALED, "reserve": True, "bidders_min": 1},
        start="100000",
    )
    sale.publish()
    return sale


def test_a_stranger_verifies_sealed_limits_from_the_evidence(
    rising: SealedSale, house: House, tmp_path: Path
) -> None:
    ann, bob = rising.bidders(2)
    rising.seal_reserve("110000.00")
    rising.seal_limit(ann, "150000.00")
    hall = Hall(rising).start().follow()
    hall.offer(bob.plate, 120000)
    rising.over(hall)
    rising.release_part("lot-1")
    with house.begin(rising.actor(rising.buyer)) as work:
        auctions_end.confirm_result(work, hall.id)
    sequencer.sequence(house.platform)
    path = tmp_path / "evidence.zip"
    path.write_bytes(export_evidence(house.platform, rising.tender_id))
    lines: list[str] = []

    code = verify_evidence(path, trust.trust_text(house.settings), lines.append)

    assert [line for line in lines if line.startswith("FAIL")] == []
    assert code == 0
    assert any("2 slips opened again, 0 void" in line for line in lines)


def test_an_agent_answers_for_an_auction_as_for_bids(
    rising: SealedSale, house: House, tmp_path: Path
) -> None:
    """The duties of every custodian name the closed part, and what his own software needs is there."""
    ann, bob = rising.bidders(2)
    rising.seal_limit(ann, "150000.00")
    hall = Hall(rising).start().follow()
    hall.offer(bob.plate, 100000)
    assert rising.as_custodian(1).get("/api/v1/custodians/me/duties").json["releases"] == []
    rising.over(hall)

    duties = rising.as_custodian(1).get("/api/v1/custodians/me/duties").json["releases"]

    assert [(one["part"], one["close"]) for one in duties] == [("lot-1", rising.closing("lot-1").close_index)]
    page = rising.as_custodian(1).get(f"/custody/{rising.code}").text
    assert "lot-1" in page
    assert 'id="release-form"' in page
    rising.release_part("lot-1")
    assert rising.as_custodian(4).get("/api/v1/custodians/me/duties").json["releases"] == []
