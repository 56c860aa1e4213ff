"""From the delivered report to everybody's own result, and back when an objection is upheld."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from evaluation.actions import awards
from kernel.errors import NotNow
from simulation import deal as moves
from simulation.world import World
from tests.integration.evaluation.conftest import Scene, _award, walk
from trading import actions as trading

Make = Callable[..., Scene]


def desk(scene: Scene, path: str = "") -> str:
    return f"/desk/tenders/{scene.code}/evaluation{path}"


def test_the_buyer_names_a_colleague_and_nobody_else(scene: Make) -> None:
    one = scene(stage="invited")
    buyer = one.client(one.deal.buyer)
    stranger = one.world.buyers[1]
    no = buyer.post(desk(one, "/representatives"), data={"person": str(stranger.person_id)})
    assert no.status_code == 422
    assert buyer.post(desk(one, "/representatives"), data={"person": "x"}).status_code == 422
    yes = {"person": str(one.deal.buyer.person_id)}
    assert buyer.post(desk(one, "/representatives"), data=yes).status_code == 303
    assert buyer.post(desk(one, "/representatives"), data=yes).status_code == 422
    assert one.client(stranger).get(desk(one)).status_code == 404
    assert one.client(one.world.bidders[0]).get(desk(one)).status_code == 403


def test_candidates_need_a_delivered_report_and_a_confirmation(scene: Make) -> None:
    early = scene(stage="signing")
    sure = {"certain": "yes"}
    assert (
        early.client(early.deal.buyer).post(desk(early, "/lots/1/candidates"), data=sure).status_code == 409
    )
    one = scene(stage="reported")
    buyer = one.client(one.deal.buyer)
    assert buyer.post(desk(one, "/lots/1/candidates"), data={}).status_code == 422
    assert buyer.post(desk(one, "/lots/9/candidates"), data=sure).status_code == 404
    assert one.client().get(f"/evaluation/{one.code}/report").status_code == 404
    assert buyer.post(desk(one, "/lots/1/candidates"), data=sure).status_code == 303
    assert buyer.post(desk(one, "/lots/1/candidates"), data=sure).status_code == 409
    public = one.client().get(f"/evaluation/{one.code}/report?lang=en")
    assert public.status_code == 200
    assert "Expert 0" not in public.text, "single members' scores are not for the public"


def test_the_award_waits_for_the_publicity_and_for_the_first_candidate(scene: Make) -> None:
    one = scene(stage="published")
    buyer = one.client(one.deal.buyer)
    candidates = one.report().body["candidates"]
    first, second = candidates[0]["bid"], candidates[1]["bid"]
    path = desk(one, "/lots/1/award")
    running = buyer.post(path, data={"bid": first, "certain": "yes"})
    assert running.status_code == 409
    until = one.lot().standstill_until_at
    assert until is not None
    one.world.pass_time(until - timedelta(seconds=1))
    buyer = one.client(one.deal.buyer)  # the session of that first day is over
    assert buyer.post(path, data={"bid": first, "certain": "yes"}).status_code == 409
    one.world.pass_time(until)
    assert buyer.post(path, data={"bid": second, "certain": "yes"}).status_code == 422
    bare = {"bid": second, "certain": "yes", f"reason-{first}": "gave_up"}
    assert buyer.post(path, data=bare).status_code == 422
    odd = bare | {f"reason-{first}": "dislike", f"evidence-{first}": "函件"}
    assert buyer.post(path, data=odd).status_code == 422
    unsure = {"bid": first}
    assert buyer.post(path, data=unsure).status_code == 422
    assert one.lot().stage == "standstill"
    reasoned = bare | {f"evidence-{first}": "放弃中标声明 2026-12-20"}
    assert buyer.post(path, data=reasoned).status_code == 303
    outcome = one.lot().outcome
    assert outcome is not None
    assert (outcome["bid"], outcome["rank"]) == (second, 2)
    assert "gave_up" in outcome["reason"]


def test_a_bidder_sees_his_own_result_and_nobody_elses(scene: Make) -> None:
    one = scene(stage="awarded")
    winner_code = one.lot().outcome["bid"]  # type: ignore[index]
    winner = one.deal.bids[winner_code]
    loser_code, loser = next((c, w) for c, w in one.deal.bids.items() if c != winner_code)
    page = one.client(loser).get(f"/desk/results/{loser_code}").text
    results = {r["bid"]: r for r in one.report().body["results"]["results"]}
    assert results[loser_code]["total"] in page
    for code, result in results.items():
        if code != loser_code and result["total"] != results[loser_code]["total"]:
            assert result["total"] not in page
    assert winner.org_name not in page
    assert one.client(loser).get(f"/desk/results/{winner_code}").status_code == 404
    letter = one.client(winner).get(f"/desk/results/{winner_code}/award-letter.pdf")
    assert letter.data.startswith(b"%PDF")
    assert one.client(loser).get(f"/desk/results/{winner_code}/award-letter.pdf").status_code == 404
    assert one.client(loser).get(f"/desk/results/{loser_code}/award-letter.pdf").status_code == 404


def test_before_the_decision_there_is_no_own_result(scene: Make) -> None:
    one = scene(stage="published")
    code, who = next(iter(one.deal.bids.items()))
    assert one.client(who).get(f"/desk/results/{code}").status_code == 404


def test_a_supervisor_reads_names_for_a_stated_purpose_and_the_look_is_a_fact(scene: Make) -> None:
    one = scene(stage="scoring")
    supervisor = one.client(one.world.supervisors[0])
    names = [player.name for _, player in one.members()]
    assert not any(
        name in supervisor.get(f"/evaluation/{one.code}/names").text for name in names if len(name) > 2
    )
    before = one.house.facts(one.deal.tender_id).count("evaluation.names.read")
    assert supervisor.post(f"/evaluation/{one.code}/names", data={"purpose": " "}).status_code == 422
    shown = supervisor.post(f"/evaluation/{one.code}/names", data={"purpose": "核查回避"})
    assert all(name in shown.text for name in names)
    assert one.house.facts(one.deal.tender_id).count("evaluation.names.read") == before + 1
    assert (
        one.client(one.deal.buyer).post(f"/evaluation/{one.code}/names", data={"purpose": "x"}).status_code
        == 403
    )


def test_an_upheld_objection_sends_the_lot_back_and_the_old_report_decides_nothing(scene: Make) -> None:
    one = scene(stage="published")
    old = one.report()
    bidder = one.world.bidders[1]
    with one.world.begin(bidder) as work:
        objection = trading.file_objection(
            work, one.deal.tender_id, matter="result", text="评分有误", lot_id=one.lot().id
        )
    buyer = one.client(one.deal.buyer)
    path = desk(one, "/lots/1/award")
    until = one.lot().standstill_until_at
    assert until is not None
    with one.world.begin(one.deal.buyer) as work:
        trading.answer_objection(work, objection.id, "成立，重新评审。", upheld=True)
    assert one.panel().state == "reviewing"
    assert one.lot().stage == "evaluation"
    assert buyer.post(desk(one, "/lots/1/candidates"), data={"certain": "yes"}).status_code == 409
    assert (
        buyer.post(path, data={"bid": old.body["candidates"][0]["bid"], "certain": "yes"}).status_code == 409
    )
    assert one.client().get(f"/evaluation/{one.code}/report").status_code == 404
    moves.vote(one.world, one.deal)
    moves.score(one.world, one.deal)
    moves.sign_reports(one.world, one.deal)
    assert one.report().version == 2
    moves.publish_candidates(one.world, one.deal)
    _award(one.world, one.deal)
    assert one.lot().outcome["report"] == one.report().digest  # type: ignore[index]
    assert "第 2 版" in one.client().get(f"/evaluation/{one.code}/report?lang=zh-CN").text


def test_of_two_lots_one_goes_back_and_the_other_keeps_its_report(scene: Make) -> None:
    one = scene(stage="published", lots=2)
    first = one.report(1)
    with one.world.begin(one.world.bidders[1]) as work:
        objection = trading.file_objection(
            work, one.deal.tender_id, matter="result", text="第二标段评分有误", lot_id=one.lot(2).id
        )
    with one.world.begin(one.deal.buyer) as work:
        trading.answer_objection(work, objection.id, "成立。", upheld=True)
    assert [lot.stage for lot in one.tender().lots] == ["standstill", "evaluation"]
    moves.vote(one.world, one.deal)
    moves.score(one.world, one.deal)
    moves.sign_reports(one.world, one.deal)
    assert one.report(1).id == first.id
    assert one.report(2).version == 2
    page = one.client(one.deal.buyer).get(f"/evaluation/{one.code}/report?lot=2")
    assert page.status_code == 200
    assert "lot=1" in page.text


def test_a_price_above_the_ceiling_and_related_bidders_are_rejected_by_arithmetic(scene: Make) -> None:
    prices = ((0, "66000000.01"), (1, "61000000"), (2, "62000000"), (3, "63000000"))
    one = scene(stage="reported", offers=prices)
    bids = {b["bidder"]: b for b in one.report().body["bids"]}
    over = bids[one.world.bidders[0].org_name]
    assert not over["valid"]
    assert [g["ground"] for g in over["grounds"]] == ["RJ-05"]
    page = one.client(one.deal.buyer).get(f"/evaluation/{one.code}/report?lang=en").text
    assert "RJ-05" in page


def _relate(world: World) -> None:
    from kernel.identity.models import Organization

    with world.platform.database.session(write=True) as session, session.begin():
        session.get_one(Organization, world.bidders[1].org_id).controlled_by = world.bidders[0].org_id


def test_related_bidders_of_one_lot_are_both_out(scene: Make) -> None:
    five = tuple((index, f"6{index}000000") for index in range(5))
    one = scene(stage="reported", hook=_relate, offers=five)
    bids = {b["bidder"]: b for b in one.report().body["bids"]}
    for index in (0, 1):
        assert [g["ground"] for g in bids[one.world.bidders[index].org_name]["grounds"]] == ["RJ-12"]
    assert bids[one.world.bidders[2].org_name]["valid"]


OVER = ((0, "66000001"), (1, "66000002"), (2, "62000000"), (3, "63000000"))


def test_with_two_left_the_panel_votes_whether_competition_lacks(scene: Make) -> None:
    for answer, stage, state in (("yes", "failed", "finished"), ("no", "evaluation", "scoring")):
        one = scene(stage="scoring", offers=OVER)
        for _, player in one.members():
            client = one.client(player)
            assert "competition" in client.get(f"/evaluation/{one.code}?lang=en").text
            assert (
                client.post(f"/evaluation/{one.code}/lots/1/competition", data={"answer": "?"}).status_code
                == 422
            )
            vote = client.post(f"/evaluation/{one.code}/lots/1/competition", data={"answer": answer})
            assert vote.status_code == 303
        assert (one.lot().stage, one.panel().state) == (stage, state)


def test_procurement_fails_with_two_left_and_says_so_in_public(scene: Make) -> None:
    offers = ((0, "2000001"), (1, "2000002"), (2, "1800000"), (3, "1850000"))
    one = scene(method="gp_scoring", stage="scoring", offers=offers)
    assert one.lot().stage == "failed"
    assert (
        one.client().get(f"/api/v1/tenders/{one.code}/results").json["lots"][0]["failed_for"]
        == "competition_lacking"
    )


LOW = ((0, "900000"), (1, "1850000"), (2, "1900000"), (3, "1950000"))


def test_a_low_price_is_explained_in_time_and_judged_by_vote(scene: Make) -> None:
    one = scene(method="gp_lowest", stage="scoring", offers=LOW)
    low = one.world.bidders[0]
    code = next(c for c, who in one.deal.bids.items() if who is low)
    bidder = one.client(low)
    path = f"/desk/results/{code}/explanation"
    assert "900000.00" in bidder.get(path).text
    assert one.client(one.world.bidders[1]).get(path).status_code == 404
    member = one.client(one.members()[0][1])
    blind = next(b["code"] for b in [_blind(one, code)])
    early = member.post(f"/evaluation/{one.code}/bids/{blind}/explanation", data={"answer": "no"})
    assert early.status_code == 409
    assert bidder.post(path, data={"text": "  "}).status_code == 422
    assert bidder.post(path, data={"text": "自有产能，附成本表"}).status_code == 303
    for _, player in one.members():
        client = one.client(player)
        assert "自有产能" in client.get(f"/evaluation/{one.code}?bid={blind}").text
        vote = client.post(f"/evaluation/{one.code}/bids/{blind}/explanation", data={"answer": "yes"})
        assert vote.status_code == 303
    assert one.panel().state == "reporting"
    assert one.report().body["candidates"][0]["bid"] == code

    walk(one, "awarded", since="signing")
    shown = one.client(one.deal.buyer).get(f"/desk/tenders/{one.code}/lots/1/contract").text
    assert "履约重点关注" in shown
    assert "履约重点关注" in one.client(one.world.supervisors[0]).get(f"/supervision/tenders/{one.code}").text


def test_a_price_that_nobody_had_to_explain_is_not_watched(scene: Make) -> None:
    one = scene(method="gp_lowest", stage="awarded")
    assert one.lot().outcome["watched"] is False
    assert (
        "履约重点关注" not in one.client(one.deal.buyer).get(f"/desk/tenders/{one.code}/lots/1/contract").text
    )


def _blind(scene: Scene, code: str) -> dict[str, str]:
    from bidding.actions.submission import bid_by_code
    from evaluation.actions.scoring import code_of

    with scene.read() as session:
        return {"code": code_of(session, bid_by_code(session, code).id)}


def test_without_an_explanation_in_time_the_bid_is_out(scene: Make) -> None:
    one = scene(method="gp_lowest", stage="scoring", offers=LOW)
    low = one.world.bidders[0]
    code = next(c for c, who in one.deal.bids.items() if who is low)
    from evaluation.models import AbnormalReview

    with one.read() as session:
        due = session.query(AbnormalReview).one().due_at
    one.world.pass_time(due)
    late = one.client(low).post(f"/desk/results/{code}/explanation", data={"text": "迟到的说明"})
    assert late.status_code == 409
    blind = _blind(one, code)["code"]
    player = one.members()[0][1]
    assert (
        one.client(player)
        .post(f"/evaluation/{one.code}/bids/{blind}/explanation", data={"answer": "no"})
        .status_code
        == 303
    )
    assert one.report().body["candidates"][0]["bid"] != code


def test_unequal_objective_points_open_the_sheets_again(scene: Make) -> None:
    terms = moves.terms_for("comprehensive")["factors"]
    terms[2] = terms[2] | {"kind": "objective"}
    one = scene(stage="scoring", terms={"factors": terms})
    moves.score(one.world, one.deal)  # the dice give unequal points
    assert one.panel().state == "scoring"
    assert "evaluation.sheet.unlocked" in one.house.facts(one.deal.tender_id)


def test_an_award_is_refused_while_an_objection_is_open(scene: Make) -> None:
    one = scene(stage="published")
    with one.world.begin(one.world.bidders[1]) as work:
        trading.file_objection(work, one.deal.tender_id, matter="result", text="有误", lot_id=one.lot().id)
    until = one.lot().standstill_until_at
    assert until is not None
    one.world.pass_time(until + timedelta(days=1))
    best = one.report().body["candidates"][0]["bid"]
    with pytest.raises(NotNow), one.world.begin(one.deal.buyer) as work:
        awards.confirm_award(work, one.lot().id, bid=best)
    page = one.client(one.deal.buyer).get(desk(one) + "?lang=en").text
    assert "objection waits" in page


def test_who_comes_from_a_result_finds_its_matter_and_lot_chosen(scene: Make) -> None:
    one = scene(stage="published")
    bidder = one.client(one.world.bidders[1])
    page = bidder.get(f"/tenders/{one.code}?lang=en").text
    way = re.search(r'href="(/tenders/[^"]+/object\?[^"]+)"', page)
    assert way is not None
    form = bidder.get(html.unescape(way[1])).text
    assert re.search(r'<input[^>]*value="result"[^>]*checked', form)
    assert re.search(rf'<option[^>]*value="{one.lot().id}"[^>]*selected', form)
    plain = bidder.get(f"/tenders/{one.code}/object").text
    assert " checked" not in plain


def test_a_box_that_was_not_ticked_is_told_as_a_box(scene: Make) -> None:
    one = scene(stage="published")
    buyer, path = one.client(one.deal.buyer), f"/desk/tenders/{one.code}/evaluation/lots/1/award"
    best = one.report().body["candidates"][0]["bid"]
    for lang, words in (("zh-CN", "请勾选此项后继续。"), ("en", "Tick this box to go on.")):
        refused = buyer.post(f"{path}?lang={lang}", data={"bid": best})
        assert refused.status_code == 422
        assert words in refused.text
