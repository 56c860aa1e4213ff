"""From the award letter to the signed contract, and what happens when the winner does not sign."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from evaluation.actions import awards
from kernel.errors import NotNow, NotValid
from kernel.ledger.models import FactRow
from kernel.money import Money
from sealbid import jcs
from simulation import deal as moves
from simulation.world import Player
from tests.integration.evaluation.conftest import Scene
from trading import actions as trading
from trading.actions.contracts import ContractDraft
from trading.models import Contract, Notice, Objection

Make = Callable[..., Scene]


def winner_of(scene: Scene) -> Player:
    return scene.deal.bids[scene.lot().outcome["bid"]]  # type: ignore[index]


def page(scene: Scene, path: str = "") -> str:
    return f"/desk/tenders/{scene.code}/lots/1/contract{path}"


def terms(scene: Scene, **more: str) -> dict[str, str]:
    outcome = scene.lot().outcome
    assert outcome is not None
    return {"supplier": winner_of(scene).uscc, "price": outcome["price"], "performance_bond": "0", **more}


def contract_of(scene: Scene) -> Contract:
    with scene.read() as session:
        found = trading.living_contract(session, scene.lot().id)
        assert found is not None
        return found


def signed_form(scene: Scene, player: Player) -> dict[str, str]:
    contract = contract_of(scene)
    return {
        "digest": contract.digest,
        "signature": json.dumps(scene.sign(player, "contract", contract.body)),
    }


def sign(scene: Scene, player: Player) -> Any:
    return scene.client(player).post(page(scene, "/sign"), data=signed_form(scene, player))


def facts(scene: Scene, name: str) -> list[dict[str, Any]]:
    with scene.read() as session:
        return list(session.scalars(sa.select(FactRow.body).where(FactRow.name == name)))


def notices(scene: Scene, kind: str) -> list[Notice]:
    with scene.read() as session:
        query = sa.select(Notice).where(Notice.tender_id == scene.deal.tender_id, Notice.kind == kind)
        return list(session.scalars(query).unique())


def test_both_parties_sign_and_the_contract_is_public(scene: Make) -> None:
    one = scene(stage="awarded")
    buyer, winner = one.deal.buyer, winner_of(one)
    assert one.client(winner).get(page(one)).status_code == 200
    assert one.client().get(f"/tenders/{one.code}/lots/1/contract").status_code == 404

    assert one.client(buyer).post(page(one), data=terms(one)).status_code == 303
    assert any(mail for mail in _mails(one) if mail == "contract"), "the winner hears of it"
    assert sign(one, buyer).status_code == 303
    assert one.lot().stage == "awarded"
    assert sign(one, winner).status_code == 303

    lot, contract = one.lot(), contract_of(one)
    assert (lot.stage, contract.state) == ("contracted", "signed")
    assert contract.price == Money.from_yuan(lot.outcome["price"])  # type: ignore[index]
    assert contract.body["promised"] == {"period_days": 120}
    [notice] = notices(one, "contract")
    assert notice.body["amount"] == contract.body["price"]
    assert notice.amount == contract.price
    public = one.client().get(f"/tenders/{one.code}/lots/1/contract?lang=en")
    assert winner.org_name in public.text
    assert one.client().get(f"/tenders/{one.code}/lots/1/contract.pdf").data.startswith(b"%PDF")
    text = one.client().get(f"/tenders/{one.code}/lots/1/contract.json").data
    [made] = facts(one, "trading.contract.made")
    assert made["documents"][0]["sha256"] == hashlib.sha256(text).hexdigest()
    assert hashlib.sha256(jcs.encode(json.loads(text)["contract"])).hexdigest() == contract.digest
    ocds = one.client().get(f"/api/v1/tenders/{one.code}/ocds").json
    [shown] = ocds["releases"][0]["contracts"]
    assert (shown["id"], shown["awardID"]) == (contract.number, ocds["releases"][0]["awards"][0]["id"])
    assert "contract" in ocds["releases"][0]["tag"]


def _mails(scene: Scene) -> list[str]:
    from kernel.outbox.models import Message

    with scene.read() as session:
        return list(session.scalars(sa.select(Message.template)))


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("price", "1.00", "contract_departs"),
        ("supplier", "91310000MA1FL0000X", "contract_departs"),
        ("performance_bond", "60000000", "performance_bond_share"),
        ("price", "zehn", "form_invalid"),
    ],
)
def test_a_contract_that_departs_is_refused(scene: Make, field: str, value: str, code: str) -> None:
    one = scene(stage="awarded")
    no = one.client(one.deal.buyer).post(page(one) + "?lang=en", data=terms(one, **{field: value}))
    assert no.status_code == 422
    assert f'id="error-{field}"' in no.text or f"field-{field}" in no.text
    with one.read() as session:
        assert trading.living_contract(session, one.lot().id) is None
    if code != "form_invalid":
        draft = ContractDraft(
            supplier=value if field == "supplier" else terms(one)["supplier"],
            price=Money.from_yuan(value if field == "price" else terms(one)["price"]),
            performance_bond=Money.from_yuan(value if field == "performance_bond" else "0"),
        )
        with pytest.raises(NotValid) as refused, one.world.begin(one.deal.buyer) as work:
            trading.draft_contract(work, one.lot().id, draft)
        assert (refused.value.code, refused.value.field) == (code, field)


def test_only_the_parties_have_the_page_and_only_they_sign(scene: Make) -> None:
    one = scene(stage="awarded")
    buyer, winner = one.deal.buyer, winner_of(one)
    loser = next(player for player in one.deal.bids.values() if player is not winner)
    one.client(buyer).post(page(one), data=terms(one))
    for stranger, code in ((loser, 404), (one.world.buyers[1], 404), (one.world.supervisors[0], 403)):
        assert one.client(stranger).get(page(one)).status_code == code
        assert sign(one, stranger).status_code == code
    assert one.client(winner).post(page(one), data=terms(one)).status_code == 403
    foreign = one.client(buyer).post(
        page(one, "/sign"),
        data=signed_form(one, buyer)
        | {"signature": json.dumps(one.sign(winner, "contract", contract_of(one).body))},
    )
    assert foreign.status_code == 422
    other = contract_of(one).body | {"price": "1.00"}
    forged = signed_form(one, buyer) | {"signature": json.dumps(one.sign(buyer, "contract", other))}
    assert one.client(buyer).post(page(one, "/sign"), data=forged).status_code == 422
    stale = signed_form(one, buyer) | {"digest": "0" * 64}
    assert one.client(buyer).post(page(one, "/sign"), data=stale).status_code == 422
    assert contract_of(one).signatures == {}
    assert sign(one, buyer).status_code == 303
    assert sign(one, buyer).status_code == 303, "signing again changes nothing"
    assert set(contract_of(one).signatures) == {"buyer"}


def test_nobody_signs_while_an_objection_waits(scene: Make) -> None:
    one = scene(method="gp_scoring", stage="awarded")
    buyer, winner = one.deal.buyer, winner_of(one)
    loser = next(player for player in one.deal.bids.values() if player is not winner)
    one.client(buyer).post(page(one), data=terms(one))
    with one.world.begin(loser) as work:
        filed: Objection = trading.file_objection(
            work, one.deal.tender_id, matter="result", text="成交人不满足资格条件。", lot_id=one.lot().id
        )
    assert sign(one, buyer).status_code == 409
    with one.world.begin(buyer) as work:
        trading.answer_objection(work, filed.id, "已核实，满足。", upheld=False)
    assert sign(one, buyer).status_code == 303


def test_a_new_draft_supersedes_an_unsigned_one_but_not_the_suppliers_signature(scene: Make) -> None:
    one = scene(stage="awarded")
    buyer, winner = one.deal.buyer, winner_of(one)
    one.client(buyer).post(page(one), data=terms(one))
    first = contract_of(one)
    assert sign(one, buyer).status_code == 303
    assert one.client(buyer).post(page(one), data=terms(one, performance_bond="100")).status_code == 303
    second = contract_of(one)
    assert second.number != first.number
    assert second.signatures == {}
    with pytest.raises(NotNow) as no, one.world.begin(buyer) as work:
        trading.sign_contract(work, first.id, one.sign(buyer, "contract", first.body))
    assert no.value.code == "contract_superseded"
    assert sign(one, winner).status_code == 303
    assert one.client(buyer).post(page(one), data=terms(one)).status_code == 409


def test_procurement_files_its_copy_once_and_only_when_signed(scene: Make) -> None:
    one = scene(method="gp_scoring", stage="awarded")
    buyer = one.deal.buyer
    one.client(buyer).post(page(one), data=terms(one))
    number = {"filing_no": "备〔2026〕77 号"}
    assert one.client(buyer).post(page(one, "/file"), data=number).status_code == 409
    sign(one, buyer)
    sign(one, winner_of(one))
    assert one.client(buyer).post(page(one, "/file"), data={}).status_code == 422
    assert one.client(buyer).post(page(one, "/file"), data=number).status_code == 303
    assert contract_of(one).filing_no == "备〔2026〕77 号"
    assert one.client(buyer).post(page(one, "/file"), data=number).status_code == 409


def test_a_winner_who_refuses_loses_award_and_bond_and_the_next_one_wins(scene: Make) -> None:
    one = scene(stage="awarded")
    buyer, winner = one.deal.buyer, winner_of(one)
    first = one.lot().outcome["bid"]  # type: ignore[index]
    assert one.client(buyer).post(page(one, "/give-up"), data=_sure("改")).status_code == 409
    refusal = _sure("成本上涨，无法履约")
    assert one.client(winner).post(page(one, "/refuse"), data={"reason": "x"}).status_code == 422
    assert one.client(winner).post(page(one, "/refuse"), data=refusal).status_code == 303
    lot = one.lot()
    assert (lot.stage, lot.outcome, lot.awarded_at) == ("standstill", None, None)
    [kept] = facts(one, "trading.bond.forfeited")
    assert kept["amount"] == f"{one.tender().bond.yuan:.2f}"
    assert kept["ground"] == "refused"
    [notice] = notices(one, "lapse")
    assert "成本上涨" in notice.body["reason"]
    assert one.client(winner).get(page(one)).status_code == 404, "the award is no longer his"

    with pytest.raises(NotNow) as no, one.world.begin(buyer) as work:
        awards.confirm_award(work, lot.id, bid=first)
    assert no.value.code == "award_lapsed"
    offered = one.client(buyer).get(f"/desk/tenders/{one.code}/evaluation/lots/1/award").text
    assert first not in offered
    second = one.report().body["candidates"][1]["bid"]
    with one.world.begin(buyer) as work:
        awards.confirm_award(work, lot.id, bid=second)
    outcome = one.lot().outcome
    assert outcome is not None
    assert (outcome["bid"], outcome["rank"]) == (second, 2)
    assert "gave_up" in outcome["reason"]
    moves.contract(one.world, one.deal)
    assert one.lot().stage == "contracted"


def _sure(reason: str) -> dict[str, str]:
    return {"reason": reason, "confirmed": "yes"}


def test_a_silent_winner_lapses_only_after_the_term_and_the_buyers_own_signature(scene: Make) -> None:
    one = scene(stage="awarded")
    buyer = one.deal.buyer
    one.client(buyer).post(page(one), data=terms(one))
    assert one.client(buyer).post(page(one, "/lapse"), data=_sure("未签")).status_code == 409
    one.world.wait(days=40)
    assert one.client(buyer).post(page(one, "/lapse"), data=_sure("未签")).status_code == 409
    assert sign(one, buyer).status_code == 303
    assert one.client(winner_of(one)).post(page(one, "/lapse"), data=_sure("未签")).status_code == 403
    assert one.client(buyer).post(page(one, "/lapse"), data={"confirmed": "yes"}).status_code == 422
    assert one.client(buyer).post(page(one, "/lapse"), data=_sure("未签")).status_code == 303
    assert one.lot().stage == "standstill"
    assert one.client(buyer).post(page(one, "/give-up"), data=_sure("重新招标")).status_code == 303
    lot = one.lot()
    assert (lot.stage, lot.failed_for) == ("failed", "award_lapsed")
    assert notices(one, "failure")[0].body["reason"] == "重新招标"


def test_the_list_and_the_desk_say_who_owes_what(scene: Make) -> None:
    one = scene(method="gp_scoring", stage="awarded")
    buyer, winner = one.deal.buyer, winner_of(one)

    def todo(player: Player) -> str:
        text = one.client(player).get("/desk/contracts?lang=en").text
        assert one.tender().title in text
        return text

    assert "Draft the contract" in todo(buyer)
    assert "The other party is awaited" in todo(winner)
    one.client(buyer).post(page(one), data=terms(one))
    assert "Sign the contract" in todo(winner)
    assert "Sign the contract" in one.client(winner).get("/desk?lang=en").text
    assert "Sign the contract" in one.client(winner).get(page(one) + "?lang=en").text
    sign(one, winner)
    assert "The other party is awaited" in todo(winner)
    sign(one, buyer)
    assert "Record the filing" in todo(buyer)
    assert "Contract with" in one.client().get(f"/tenders/{one.code}?lang=en").text
