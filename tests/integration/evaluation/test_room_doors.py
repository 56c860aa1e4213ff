"""The doors of the evaluation room: what each does, and whom it turns away."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from evaluation import queries
from evaluation.actions import panels, reports, scoring
from evaluation.models import Panelist, ScoreSheet
from kernel.errors import NotValid
from kernel.ledger.models import FactRow
from simulation import deal as moves
from tests.integration.evaluation.conftest import Scene

Make = Callable[..., Scene]
ALL_PASS = {f"passed-{item}": "yes" for item in ("signed", "qualified", "responsive", "bid_bond")} | {
    "reason-bid_bond": "已另行核实"
}


def tab_id(scene: Scene, blind: str) -> Any:
    member, _ = scene.members()[0]
    with scene.read() as session:
        tender = queries.tender_by_code(session, scene.code)
        return queries.desk_of(session, tender, scene.panel(), member).tab(blind).bid_id


def sheet(plan: str = "20", team: str = "8", credit: str = "4", note: str = "") -> dict[str, str]:
    return {
        "score-plan": plan,
        "score-team": team,
        "score-credit": credit,
        "note-plan": note,
        "page-plan": "3",
    }


def test_an_invitation_needs_both_declarations_and_a_refusal_a_reason(scene: Make) -> None:
    one = scene(stage="invited")
    asked = [m for m in one.panel().members if m.state == "invited"]
    first, second = asked[0], asked[1]
    client = one.client(one.player(first.person_id))

    half = client.post(f"/desk/panels/{first.id}/accept", data={"commitment": "yes"})
    assert half.status_code == 422
    assert 'name="commitment" value="yes" checked' in half.text
    assert (
        client.post(
            f"/desk/panels/{first.id}/accept", data={"commitment": "yes", "avoidance": "yes"}
        ).status_code
        == 303
    )
    assert (
        client.post(
            f"/desk/panels/{first.id}/accept", data={"commitment": "yes", "avoidance": "yes"}
        ).status_code
        == 409
    )

    other = one.client(one.player(second.person_id))
    assert other.get(f"/desk/panels/{first.id}").status_code == 404
    assert other.post(f"/desk/panels/{second.id}/decline", data={"reason": " "}).status_code == 422
    assert other.post(f"/desk/panels/{second.id}/decline", data={"reason": "出差"}).status_code == 303
    states = {m.number: m.state for m in one.panel().members}
    assert states[first.number] == "committed"
    assert states[second.number] == "left"
    assert max(states) == len(asked) + 1, "the next of the draw is asked"


def test_the_timekeeper_replaces_an_expert_who_stays_silent(scene: Make) -> None:
    one = scene(stage="invited")
    before = len(one.panel().members)
    one.world.wait(hours=2, minutes=1)
    panel = one.panel()
    assert [m.state for m in panel.members[:before]] == ["left"] * before
    assert len(panel.members) == 2 * before


def test_the_room_does_not_exist_for_anybody_but_committed_members(scene: Make) -> None:
    one = scene(stage="scoring")
    paths = [f"/evaluation/{one.code}", f"/evaluation/{one.code}/recuse", f"/evaluation/{one.code}/report"]
    sitting = {player.person_id for _, player in one.members()}
    stranger = next(e for e in one.world.experts if e.person_id not in sitting)
    other_buyer = one.world.buyers[1]
    for player in (
        stranger,
        other_buyer,
        one.world.bidders[0],
        one.world.supervisors[0],
        one.world.operators[0],
    ):
        client = one.client(player)
        assert [client.get(path).status_code for path in paths] == [404] * 3, player.org_name
        assert client.post(f"/evaluation/{one.code}/bids/T-01/sheet", data=sheet()).status_code == 404
    assert one.client().get(paths[0]).status_code == 302
    assert one.client(one.members()[0][1]).get(paths[0]).status_code == 200


def test_a_failed_item_needs_reason_and_page_and_what_was_typed_stays(scene: Make) -> None:
    one = scene(stage="reviewing")
    client = one.client(one.members()[0][1])
    path = f"/evaluation/{one.code}/bids/T-01/review"

    missing = client.post(path, data=ALL_PASS | {"passed-qualified": ""})
    assert missing.status_code == 422
    bare = client.post(path, data=ALL_PASS | {"passed-qualified": "no", "reason-qualified": "资质过期"})
    assert bare.status_code == 422
    assert 'value="资质过期"' in bare.text
    whole = ALL_PASS | {"passed-qualified": "no", "reason-qualified": "资质过期", "page-qualified": "12"}
    assert client.post(path, data=whole).status_code == 303
    assert client.post(f"/evaluation/{one.code}/bids/T-99/review", data=whole).status_code == 404


def test_a_majority_rejects_with_grounds_and_the_rest_is_scored(scene: Make) -> None:
    one = scene(stage="reviewing")
    bids = ["T-01", "T-02", "T-03", "T-04"]
    for at, (_, player) in enumerate(one.members()):
        client = one.client(player)
        for blind in bids:
            data = dict(ALL_PASS)
            if blind == "T-02" and at < 3:
                data |= {"passed-responsive": "no", "reason-responsive": "缺少承诺", "page-responsive": "7"}
            assert client.post(f"/evaluation/{one.code}/bids/{blind}/review", data=data).status_code == 303
    assert one.panel().state == "scoring"
    page = one.client(one.members()[0][1]).get(f"/evaluation/{one.code}?bid=T-02&lang=en").text
    assert "RJ-06" in page
    assert "缺少承诺" in page


def test_drafts_are_kept_ranges_hold_and_a_lock_needs_notes_and_a_signature(scene: Make) -> None:
    one = scene(stage="scoring")
    member, player = one.members()[0]
    client = one.client(player)
    path = f"/evaluation/{one.code}/bids/T-01"

    over = client.post(f"{path}/sheet", data=sheet(plan="25.5"))
    assert over.status_code == 422
    assert 'value="25.5"' in over.text
    draft = client.post(
        f"{path}/sheet", data=sheet(plan="10", team=""), headers={"Accept": "application/json"}
    )
    assert draft.status_code == 200
    assert "saved_at" in draft.json
    page = client.get(f"{path}/lock?lang=en").text
    assert "points are missing" in page
    assert "a note is needed" in page
    assert "data-sign" not in page
    client.post(f"{path}/sheet", data=sheet(plan="10"))
    bid_id = tab_id(one, "T-01")
    with one.read() as session:
        kept = scoring.sheet_of(session, member.id, bid_id)
        assert kept is not None
        unfinished = scoring.sheet_body(session, kept)
    refused = client.post(
        f"{path}/lock", data={"signature": json.dumps(one.sign(player, "score-sheet", unfinished))}
    )
    assert refused.status_code == 422

    client.post(f"{path}/sheet", data=sheet(plan="10", note="深度不足") | {"then": "lock"})
    with one.read() as session:
        kept = scoring.sheet_of(session, member.id, bid_id)
        assert kept is not None
        body = scoring.sheet_body(session, kept)
    assert "data-sign" in client.get(f"{path}/lock").text
    other = one.members()[1][1]
    for wrong in (
        "{}",
        "no json",
        json.dumps(one.sign(other, "score-sheet", body)),
        json.dumps(one.sign(player, "score-sheet", unfinished)),
    ):
        assert client.post(f"{path}/lock", data={"signature": wrong}).status_code == 422
    good = json.dumps(one.sign(player, "score-sheet", body))
    assert client.post(f"{path}/lock", data={"signature": good}).status_code == 303
    assert client.post(f"{path}/sheet", data=sheet(plan="24", note="x")).status_code == 409
    with one.read() as session:
        final = scoring.sheet_of(session, member.id, bid_id)
        assert final is not None
        assert final.scores["plan"]["score"] == "10.00"


def test_nobody_sees_another_members_scores_before_all_are_locked(scene: Make) -> None:
    one = scene(stage="scoring")
    first, second = one.members()[0][1], one.members()[1][1]
    one.client(first).post(
        f"/evaluation/{one.code}/bids/T-01/sheet", data=sheet(plan="17.77", note="独家评语")
    )
    assert "17.77" in one.client(first).get(f"/evaluation/{one.code}?bid=T-01").text
    seen = one.client(second).get(f"/evaluation/{one.code}?bid=T-01").text
    assert "17.77" not in seen
    assert "独家评语" not in seen
    assert one.client(one.deal.buyer).get(f"/evaluation/{one.code}/report").status_code == 404


def test_files_of_bids_come_as_attachments_and_every_taking_is_noted(scene: Make) -> None:
    one = scene(stage="reviewing")
    _, player = one.members()[0]
    with one.read() as session:
        tender = queries.tender_by_code(session, one.code)
        tab = queries.desk_of(session, tender, one.panel(), one.members()[0][0]).tab("T-01")
        line = queries.files_of(session, tab)[0]
    path = f"/evaluation/{one.code}/bids/T-01/files/{line.id}"
    before = one.house.facts(one.deal.tender_id).count("evaluation.bid_file.read")

    taken = one.client(player).get(path)
    assert taken.status_code == 200
    assert taken.headers["Content-Disposition"].startswith("attachment")
    assert "T-01-tech-1.pdf" in taken.headers["Content-Disposition"]
    assert taken.headers["X-Content-Type-Options"] == "nosniff"
    assert "方案" in taken.data.decode()
    assert one.house.facts(one.deal.tender_id).count("evaluation.bid_file.read") == before + 1
    assert one.client(one.world.supervisors[0]).get(path).status_code == 404
    assert one.client(one.world.bidders[0]).get(path).status_code == 404
    assert one.client(player).get(f"/evaluation/{one.code}/bids/T-02/files/{line.id}").status_code == 404
    assert one.client(player).get(f"/evaluation/{one.code}/bids/T-01/files/{uuid4()}").status_code == 404


def test_a_recusal_voids_everything_and_the_successor_redoes_it(scene: Make) -> None:
    one = scene(stage="scoring")
    member, player = next((m, p) for m, p in one.members() if m.seat == "expert")
    client = one.client(player)
    client.post(f"/evaluation/{one.code}/bids/T-01/sheet", data=sheet())

    assert client.post(f"/evaluation/{one.code}/recuse", data={"reason": "亲属任职"}).status_code == 422
    leave = {"reason": "亲属任职", "certain": "yes"}
    assert client.post(f"/evaluation/{one.code}/recuse", data=leave).status_code == 303
    assert client.get(f"/evaluation/{one.code}").status_code == 404
    with one.read() as session:
        assert not session.query(ScoreSheet).filter_by(panelist_id=member.id).count()
    assert one.panel().state == "inviting"
    successor = next(m for m in one.panel().members if m.state == "invited")
    seat = one.client(one.player(successor.person_id))
    seat.post(f"/desk/panels/{successor.id}/accept", data={"commitment": "yes", "avoidance": "yes"})
    assert one.panel().state == "reviewing"
    for blind in ("T-01", "T-02", "T-03", "T-04"):
        assert seat.post(f"/evaluation/{one.code}/bids/{blind}/review", data=ALL_PASS).status_code == 303
    assert one.panel().state == "scoring"
    moves.score(one.world, one.deal)
    assert one.panel().state == "reporting"


def test_a_report_is_signed_by_all_with_dissent_and_only_then_delivered(scene: Make) -> None:
    one = scene(stage="signing")
    members = one.members()
    report = one.report()
    for at, (member, player) in enumerate(members):
        client = one.client(player)
        dissent = "对第二名的评分有不同意见" if at == 0 else ""
        if dissent:
            page = client.post(f"/evaluation/{one.code}/report/1/dissent", data={"dissent": dissent})
            assert dissent in page.text
        body = reports.signing_body(report, member, dissent)
        sig = json.dumps(one.sign(player, "report", body))
        stale = client.post(
            f"/evaluation/{one.code}/report/1/sign", data={"signature": sig, "dissent": dissent + "改"}
        )
        assert stale.status_code == 422
        signed = client.post(
            f"/evaluation/{one.code}/report/1/sign", data={"signature": sig, "dissent": dissent}
        )
        assert signed.status_code == 303
        outside = one.client(one.world.supervisors[0]).get(f"/evaluation/{one.code}/report")
        assert outside.status_code == (200 if at == len(members) - 1 else 404)
    page = one.client(one.deal.buyer).get(f"/evaluation/{one.code}/report").text
    assert "对第二名的评分有不同意见" in page
    pdf = one.client(one.deal.buyer).get(f"/evaluation/{one.code}/report/1.pdf")
    assert pdf.data.startswith(b"%PDF")
    assert one.client().get(f"/evaluation/{one.code}/report/1.pdf").status_code == 404


def _sign(one: Scene, count: int) -> None:
    report = one.report()
    for member, player in one.members()[:count]:
        sig = json.dumps(one.sign(player, "report", reports.signing_body(report, member, "")))
        done = one.client(player).post(
            f"/evaluation/{one.code}/report/1/sign", data={"signature": sig, "dissent": ""}
        )
        assert done.status_code == 303


def test_whoever_does_not_sign_in_time_counts_as_agreeing_when_most_have_signed(scene: Make) -> None:
    one = scene(stage="signing")
    _sign(one, 3)
    silent = {str(member.number) for member, _ in one.members()[3:]}

    one.world.wait(hours=23, minutes=58)
    before = one.report().delivered_at
    one.world.wait(minutes=5)

    report = one.report()
    assert before is None
    assert report.delivered_at is not None
    assert {number for number, s in report.signatures.items() if s.get("deemed")} == silent
    page = one.client(one.deal.buyer).get(f"/evaluation/{one.code}/report?lang=en").text
    assert page.count("counts as agreeing") == 2
    pdf = one.client(one.deal.buyer).get(f"/evaluation/{one.code}/report/1.pdf")
    assert pdf.data.startswith(b"%PDF")


def test_a_report_most_members_have_not_signed_is_not_delivered_by_time_alone(scene: Make) -> None:
    one = scene(stage="signing")
    _sign(one, 2)

    one.world.wait(hours=24, minutes=5)

    assert one.report().delivered_at is None
    assert len(one.report().signatures) == 2
    _sign(one, 5)
    assert one.report().delivered_at is not None


def test_a_silent_representative_makes_room_for_another_and_does_not_come_back(scene: Make) -> None:
    one = scene(stage="invited")
    buyer = one.deal.buyer
    with one.world.begin(buyer) as work:
        first = panels.name_representative(work, one.deal.tender_id, buyer.person_id).id

    one.world.wait(hours=2, minutes=1)

    with one.read() as session:
        assert session.get_one(Panelist, first).state == "left"
    with pytest.raises(NotValid) as no, one.world.begin(buyer) as work:
        panels.name_representative(work, one.deal.tender_id, buyer.person_id)
    assert no.value.code == "representative_left"


def test_a_used_up_pool_leaves_a_visible_gap_and_undoes_no_refusal(scene: Make) -> None:
    one = scene(stage="invited")
    for _ in range(5):
        one.world.wait(hours=2, minutes=1)

    panel = one.panel()
    with one.read() as session:
        gap = session.scalars(sa.select(FactRow).where(FactRow.name == "evaluation.pool.used_up")).all()
    assert panel.state == "inviting"
    assert {m.state for m in panel.members} == {"left"}
    assert gap
    assert gap[-1].body["missing"] == panel.seats - panel.buyer_seats
