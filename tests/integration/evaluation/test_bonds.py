"""Bid bonds from the opening to their end: record, review (RJ-08), refunds, forfeit, lights, one account of two.

Source: 招标投标法实施条例 第二十六条, 第五十一条, 第五十七条, 第七十四条; 政府采购法实施条例 第三十三条;
rules.md §2.8, T-116, T-228.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from bidding.models_bond import BidBond, BondOrder
from evaluation.actions import review
from evaluation.actions.bonds import BOND_ITEM
from kernel.errors import NotValid
from kernel.pdf import Sheet
from simulation import bonds as moves
from simulation import deal as deals
from simulation.world import Player
from tests.integration.evaluation.conftest import Scene
from trading import actions as trading
from trading.models import Notice

Make = Callable[..., Scene]
TM, GP = {"method": "comprehensive"}, {"method": "gp_scoring"}


def orders(scene: Scene) -> list[tuple[str, str, str]]:
    """Bidder, kind and reason of every order."""
    names = {one.org_id: one.org_name for one in scene.world.bidders}
    with scene.read() as session:
        rows = session.execute(
            sa.select(BidBond.org_id, BondOrder.kind, BondOrder.reason)
            .join(BondOrder, BondOrder.bond_id == BidBond.id)
            .order_by(BondOrder.ordered_at, BidBond.org_id)
        )
        return [(names[org], kind.value, reason) for org, kind, reason in rows]


def winner_of(scene: Scene) -> Player:
    return scene.deal.bids[scene.lot().outcome["bid"]]  # type: ignore[index]


def bonded(scene: Make, **shape: Any) -> Scene:
    return scene(bonds=True, **shape)


def test_hall_and_record_show_form_amount_and_payer(scene: Make) -> None:
    one = bonded(scene, stage="reviewing", **TM)
    page = one.client().get(f"/tenders/{one.code}/opening").text
    assert page.count("转账") >= 2
    assert "保函" in page
    assert "未到账" in page
    with one.read() as session:
        body = session.scalars(
            sa.select(Notice.body).where(Notice.tender_id == one.deal.tender_id, Notice.kind == "opening")
        ).one()
    told = {bid["bidder"]: bid["bond"] for bid in body["bids"]}
    assert sorted(bond["standing"] for bond in told.values()) == ["none", "sound", "sound", "sound"]
    assert {bond["form"] for bond in told.values()} == {"transfer", "guarantee", ""}
    paid = next(bond for bond in told.values() if bond["form"] == "transfer")
    assert (paid["amount"], paid["due"], paid["own"]) == ("660000.00", "660000.00", True)


def test_the_record_is_printed_with_its_bonds(scene: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from bidding.actions.closing import opening_of
    from bidding.actions.hall import record_of_opening
    from bidding.opening_record import render_record

    one = bonded(scene, stage="reviewing", **TM)
    with one.read() as session:
        opening = opening_of(session, one.deal.tender_id)
        assert opening is not None
        record = record_of_opening(session, opening)
    seen: list[str] = []
    real = Sheet.heading
    monkeypatch.setattr(Sheet, "heading", lambda self, text: (seen.append(text), real(self, text))[1])
    assert render_record(record).startswith(b"%PDF")
    assert "投标保证金" in seen


def missing(scene: Scene) -> str:
    """The code of the bid whose bidder lodged nothing."""
    with scene.read() as session:
        lodged = set(session.scalars(sa.select(BidBond.org_id)))
    return next(code for code, bidder in scene.deal.bids.items() if bidder.org_id not in lodged)


def test_rj_08_a_missing_bond_is_proposed_and_the_panel_decides(scene: Make) -> None:
    one = bonded(scene, stage="reviewing", **TM)
    code = missing(one)
    with one.read() as session:
        from bidding.actions.submission import bid_by_code
        from evaluation.blind import codes_of

        bid = bid_by_code(session, code)
        blind = codes_of(session, one.deal.tender_id)[bid.id]
        sound = next(other for other in one.deal.bids if other != code)
        good = bid_by_code(session, sound)
    member, player = one.members()[0]
    page = one.client(player).get(f"/evaluation/{one.code}?bid={blind}").text
    assert "RJ-08" in page
    assert "未到账" in page

    passes: dict[str, dict[str, Any]] = {
        item: {"passed": True} for item in ("signed", "qualified", "responsive", BOND_ITEM.id)
    }
    with one.world.begin(player) as work:
        review.vote_review(work, member.id, good.id, passes)
    with pytest.raises(NotValid, match="bond_unreasoned"), one.world.begin(player) as work:
        review.vote_review(work, member.id, bid.id, passes)
    kept_words = {**passes, BOND_ITEM.id: {"passed": True, "reason": "投标保证金未到账"}}
    with pytest.raises(NotValid, match="bond_unreasoned"), one.world.begin(player) as work:
        review.vote_review(work, member.id, bid.id, kept_words)
    reasoned = {**passes, BOND_ITEM.id: {"passed": True, "reason": "保函原件已在现场核验"}}
    with one.world.begin(player) as work:
        review.vote_review(work, member.id, bid.id, reasoned)
    with pytest.raises(NotValid, match="review_items"), one.world.begin(player) as work:
        review.vote_review(
            work, member.id, good.id, {key: value for key, value in passes.items() if key != BOND_ITEM.id}
        )


def test_rj_08_the_report_names_ground_and_article(scene: Make) -> None:
    one = bonded(scene, stage="reviewing", **TM)
    code = missing(one)
    deals.vote(one.world, one.deal, reject={code: BOND_ITEM.id})
    with one.read() as session:
        from evaluation.models import Verdict

        verdict = session.scalars(sa.select(Verdict).where(Verdict.valid.is_(False))).one()
    (ground,) = verdict.grounds
    assert ground["ground"] == "RJ-08"
    assert "第二十六条" in ground["source"]


def test_t_228_procurement_returns_losers_bonds_from_the_letter(scene: Make) -> None:
    one = bonded(scene, stage="awarded", **GP)
    winner = winner_of(one).org_name
    found = orders(one)
    assert {reason for _, _, reason in found} == {"not_winner"}
    assert winner not in {name for name, _, _ in found}
    deals.contract(one.world, one.deal)
    assert {name for name, _, reason in orders(one) if reason == "contract"} == {winner} - {
        name for name, _, _ in found
    }


def test_t_116_construction_returns_every_bond_from_the_contract(scene: Make) -> None:
    one = bonded(scene, stage="awarded", **TM)
    assert orders(one) == []
    deals.contract(one.world, one.deal)
    assert [reason for _, _, reason in orders(one)] == ["contract"] * 3
    with one.read() as session:
        rows = set(session.scalars(sa.select(BondOrder.row)))
        due = session.scalars(sa.select(BondOrder.due_at)).first()
    assert rows == {"bond_refund_days_max"}
    assert due is not None
    assert one.world.now < due <= one.world.now + timedelta(days=9)


@pytest.mark.parametrize("number", range(2))
def test_a_winner_who_does_not_sign_loses_what_he_lodged(scene: Make, number: int) -> None:
    one = bonded(scene, stage="awarded", **TM)
    winner = winner_of(one)
    with one.read() as session:
        lodged = session.scalar(sa.select(BidBond.id).where(BidBond.org_id == winner.org_id))
    if number:
        deals.contract(one.world, one.deal)
        assert all(kind == "refund" for _, kind, _ in orders(one))
        return
    with one.world.begin(winner) as work:
        trading.refuse_award(work, one.lot().id, "资金安排变化")
    expected = [(winner.org_name, "keep", "no_contract")] if lodged else []
    assert orders(one) == expected


def unreturned(scene: Scene) -> list[Any]:
    from supervision.watch import cases

    with scene.read() as session:
        found = cases(session, scene.world.now, ended=True)
        return [light for line in found for light in line.lights if light.rule == "SX-11"]


def test_sx_11_a_bond_not_returned_turns_yellow_then_red(scene: Make) -> None:
    from supervision.rules.lights import Colour

    one = bonded(scene, stage="awarded", **TM)
    deals.contract(one.world, one.deal)

    def lights() -> list[Any]:
        return unreturned(one)

    assert lights() == []
    one.world.wait(days=4)
    assert {light.colour for light in lights()} == {Colour.YELLOW}
    one.world.wait(days=6)
    assert {light.colour for light in lights()} == {Colour.RED}
    moves.carry_out(one.world)
    assert {light.colour for light in lights()} == {Colour.RED}, "late stays late"


def test_sx_11_a_bond_returned_in_time_is_no_light(scene: Make) -> None:
    one = bonded(scene, stage="awarded", **TM)
    deals.contract(one.world, one.deal)
    one.world.wait(days=2)
    moves.carry_out(one.world)
    one.world.wait(days=10)
    assert unreturned(one) == []


def test_b_01_one_account_of_two_bidders_is_found_without_an_import(scene: Make) -> None:
    from supervision.actions import leads
    from supervision.leads_models import ImportedTrace, Lead

    one = scene(stage="reviewing", bonds=True, shared=True, **TM)
    leads.build_leads(one.world.platform)
    with one.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(ImportedTrace)) == 0
        lead = session.scalars(sa.select(Lead)).one()
        assert lead.light == "red"
