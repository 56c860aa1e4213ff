"""A stranger checks contracts: signed by both parties, with the winner, at his price; and awards that lapsed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kernel.ledger import trust
from kernel.money import Money
from sealbid.verify import verify_evidence
from simulation import deal as moves
from supervision.evidence import export_evidence
from trading import actions as trading
from trading.actions import contracts
from trading.actions.contracts import ContractDraft
from trading.models import Lot, Tender


def lines_of(city: Any, deal: Any, folder: Path) -> list[str]:
    city.world.sequence()
    path = folder / "evidence.zip"
    path.write_bytes(export_evidence(city.house.platform, deal.tender_id))
    lines: list[str] = []
    verify_evidence(path, trust.trust_text(city.house.settings), lines.append)
    return lines


def failed(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("FAIL")]


def lot_of(city: Any, deal: Any) -> Lot:
    with city.world.read() as session:
        return session.get_one(Tender, deal.tender_id).lots[0]


@pytest.fixture
def deal(city: Any) -> Any:
    return city.tender("awarded")


def test_a_signed_contract_is_verified_by_a_stranger(city: Any, deal: Any, tmp_path: Path) -> None:
    moves.contract(city.world, deal)

    lines = lines_of(city, deal, tmp_path)

    assert failed(lines) == []
    assert any("signed by both parties" in line for line in lines)


def test_a_contract_at_another_price_is_noticed(
    city: Any, deal: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even with both signatures: the platform let it pass, the bid and the award say otherwise."""
    monkeypatch.setattr(contracts.rules, "require_as_awarded", lambda *_: None)
    lot, price = lot_of(city, deal), Money.from_yuan("1.00")
    assert lot.outcome is not None
    with city.world.begin(deal.buyer) as work:
        row = work.lock(Lot, lot.id)
        row.outcome = {**row.outcome, "price": "1.00"}
        winner = deal.bids[lot.outcome["bid"]]
        drafted = trading.draft_contract(work, lot.id, ContractDraft(supplier=winner.uscc, price=price))
        key, body = drafted.id, drafted.body
    for player in (deal.buyer, winner):
        with city.world.begin(player) as work:
            trading.sign_contract(work, key, player.sign("contract", body))

    [line] = failed(lines_of(city, deal, tmp_path))

    assert "the winning bid is at" in line or "award.json" in line


def test_a_promise_left_out_of_the_contract_is_noticed(city: Any, deal: Any, tmp_path: Path) -> None:
    with city.world.begin(deal.buyer) as work:
        row = work.lock(Lot, lot_of(city, deal).id)
        assert row.outcome is not None
        row.outcome = {**row.outcome, "promised": {}}
        work.record(_touch(deal))
    moves.contract(city.world, deal)

    [line] = failed(lines_of(city, deal, tmp_path))

    assert "promises something else than the bid" in line


def _touch(deal: Any) -> Any:
    from trading.facts import DraftChanged

    return DraftChanged(subject=deal.tender_id, tender=deal.code, fields=("outcome",))


def test_a_signature_of_another_organization_is_noticed(
    city: Any, deal: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = city.world.bidders[-1]
    real = contracts.require_signature

    def lenient(session: Any, settings: Any, person: Any, sig: Any, kind: str, body: Any) -> Any:
        return sig if person != deal.buyer.person_id else real(session, settings, person, sig, kind, body)

    monkeypatch.setattr(contracts, "require_signature", lenient)
    lot = lot_of(city, deal)
    assert lot.outcome is not None
    winner = deal.bids[lot.outcome["bid"]]
    with city.world.begin(deal.buyer) as work:
        price = Money.from_yuan(lot.outcome["price"])
        drafted = trading.draft_contract(work, lot.id, ContractDraft(supplier=winner.uscc, price=price))
        key, body = drafted.id, drafted.body
    for player, signer in ((deal.buyer, deal.buyer), (winner, stranger)):
        with city.world.begin(player) as work:
            trading.sign_contract(work, key, signer.sign("contract", body))

    [line] = failed(lines_of(city, deal, tmp_path))

    assert "ties this signature" in line


@pytest.mark.parametrize("how", ["lapsed", "next", "failed"])
def test_a_lapsed_award_leaves_a_package_that_verifies(
    city: Any, deal: Any, tmp_path: Path, how: str
) -> None:
    from evaluation.actions import awards, reports

    lot = lot_of(city, deal)
    assert lot.outcome is not None
    winner = deal.bids[lot.outcome["bid"]]
    with city.world.begin(winner) as work:
        trading.refuse_award(work, lot.id, "无法履约")
    if how == "next":
        with city.world.begin(deal.buyer) as work:
            report = reports.report_of(work.session, lot.id)
            assert report is not None
            awards.confirm_award(work, lot.id, bid=report.body["candidates"][1]["bid"])
        moves.contract(city.world, deal)
    elif how == "failed":
        with city.world.begin(deal.buyer) as work:
            trading.give_up_lot(work, lot.id, "重新招标")

    lines = lines_of(city, deal, tmp_path)

    assert failed(lines) == []
    assert any("signed by both parties" in line for line in lines) is (how == "next")


def test_the_codes_of_the_bids_are_those_of_a_secret_committed_before_them(
    city: Any, deal: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = lines_of(city, deal, tmp_path)
    assert failed(lines) == []
    assert any("codes of the bids: 4 codes, committed at leaf" in line for line in lines)

    from evaluation.actions import reports

    monkeypatch.setattr(reports, "blind_secret", lambda _salt: b"x" * 32)
    other = city.tender("awarded", title="月光大道改造工程")

    [line] = failed(lines_of(city, other, tmp_path))

    assert "commits to this secret" in line
