"""Organisations on English pages have their English names; records, contracts and machines keep the registered ones."""

from __future__ import annotations

from collections.abc import Callable

from simulation import names
from tests.integration.evaluation.conftest import Scene
from tests.integration.evaluation.test_contracts import contract_of, page, sign, terms, winner_of
from tests.integration.evaluation.test_pages import LANGS, look
from tests.integration.kernel.test_warm_rows import statements

Make = Callable[..., Scene]


def made(one: Scene) -> tuple[str, str]:
    """Buyer and winner of a contract that both have signed, by their registered names."""
    buyer, winner = one.deal.buyer, winner_of(one)
    one.client(buyer).post(page(one), data=terms(one))
    sign(one, buyer)
    sign(one, winner)
    return buyer.org_name, winner.org_name


def test_the_public_reads_english_names_in_english_and_registered_ones_in_chinese(scene: Make) -> None:
    one = scene(stage="awarded")
    buyer, winner = made(one)
    public = one.client()

    for path, named in (
        (f"/tenders/{one.code}", (buyer, winner)),
        ("/notices", (buyer,)),
        ("/", (buyer,)),
        (f"/tenders/{one.code}/opening", (winner,)),
    ):
        english, chinese = look(public, path, "en"), look(public, path, "zh-CN")
        for name in named:
            assert names.english(name) != name
            assert names.english(name) in english, path
            assert names.english(name) not in chinese, path
            assert name in chinese, path
    assert buyer not in look(public, "/notices", "en")


def test_candidates_and_the_report_name_bidders_in_english_while_their_records_do_not(scene: Make) -> None:
    one = scene(stage="published")
    body = one.report().body
    bidders = {bid["bidder"] for bid in body["bids"]}
    public = one.client()

    for path, named in (
        (f"/tenders/{one.code}", {bid["bidder"] for bid in body["candidates"]}),
        (f"/evaluation/{one.code}/report", bidders),
    ):
        english, chinese = look(public, path, "en"), look(public, path, "zh-CN")
        for name in named:
            assert names.english(name) in english, path
            assert name not in english, path
            assert name in chinese, path
    assert not any(names.english(name) == name for name in bidders)
    results = public.get(f"/api/v1/tenders/{one.code}/results", headers={"Accept-Language": "en"}).json
    assert {bid["bidder"] for bid in results["lots"][0]["candidates"]} <= bidders


def test_the_buyer_chooses_among_english_names_and_confirms_the_registered_one(scene: Make) -> None:
    one = scene(stage="published")
    candidates = [bid["bidder"] for bid in one.report().body["candidates"]]
    buyer, desk = one.client(one.deal.buyer), f"/desk/tenders/{one.code}/evaluation"

    english, chinese = look(buyer, desk, "en"), look(buyer, desk, "zh-CN")
    for name in candidates:
        assert names.english(name) in english
        assert name not in english
        assert name in chinese
        assert names.english(name) not in chinese
    award = look(buyer, f"{desk}/lots/1/award", "en")
    assert f"Award this lot to {names.english(candidates[0])} ({candidates[0]})?" in award
    assert f"Award this lot to {candidates[0]}" not in award


def test_english_names_of_records_are_looked_up_once_and_only_for_english_pages(scene: Make) -> None:
    one = scene(stage="published", lots=2)
    public = one.client()

    for path in (f"/tenders/{one.code}", f"/evaluation/{one.code}/report"):
        counts = {}
        for lang in LANGS:
            look(public, path, lang)
            with statements(one.house) as said:
                look(public, path, lang)
            counts[lang] = len(said)

        assert counts["en"] == counts["zh-CN"] + 1, path


def test_a_contract_names_its_parties_as_registered_beside_the_english_name(scene: Make) -> None:
    one = scene(stage="awarded")
    buyer, winner = made(one)

    for client, path in (
        (one.client(), f"/tenders/{one.code}/lots/1/contract"),
        (one.client(winner_of(one)), page(one)),
    ):
        text = look(client, path, "en")
        for name in (buyer, winner):
            assert f"{names.english(name)} ({name})" in text, path
    body = contract_of(one).body
    assert body["parties"]["buyer"]["name"] == buyer
    assert body["parties"]["supplier"]["name"] == winner
    outcome = one.lot().outcome
    assert outcome is not None
    assert (outcome["supplier_name"], outcome["supplier_name_en"]) == (winner, names.english(winner))


def test_desks_show_the_english_name_and_the_api_the_registered_one(scene: Make) -> None:
    one = scene(stage="awarded")
    buyer, winner = made(one)

    desk = look(one.client(one.deal.buyer), "/desk/contracts", "en")
    account = look(one.client(winner_of(one)), "/account", "en")
    api = one.client().get(f"/api/v1/tenders/{one.code}", headers={"Accept-Language": "en"}).json

    assert names.english(winner) in desk
    assert names.english(buyer) in desk
    assert winner not in desk
    assert names.english(winner) in account
    assert api["buyer"] == buyer
