"""Nobody's silence stops a panel: a used-up pool, an empty seat of the buyer, a report nobody signs.

Source: 招标投标法 第三十七条; 实施条例 第四十六条, 第四十八条, 第五十三条; spec sealing §9.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from evaluation import promises
from evaluation.actions import panels, pools, reports
from evaluation.models import Panel
from kernel.errors import NotNow, NotValid
from kernel.ledger.models import FactRow
from kernel.outbox.models import Message
from kernel.rights import Role
from simulation.world import World
from supervision.actions import orders
from tests.integration.evaluation.conftest import Scene

Make = Callable[..., Scene]
EXTRA = (["hydraulics"], ["hydraulics"], ["hydraulics", "landscape"], ["landscape"])


def with_reserve(world: World) -> None:
    """Experts of other fields, on the roster before any notice."""
    first = world.experts[0]
    for number, fields in enumerate(EXTRA):
        expert = world.colleague(
            first.org_id, first.org_name, first.uscc, [Role.EXPERT], email=f"reserve{number}@example.org"
        )
        world.experts.append(expert)
        with world.begin() as work:
            panels.enrol_expert(
                work, expert.person_id, specialties=fields, region="310000", title="高级工程师", years=12
            )


def used_up(scene: Make) -> Scene:
    one = scene(stage="invited", hook=with_reserve)
    for _ in range(3):
        one.world.wait(hours=2, minutes=1)
    return one


def facts(one: Scene, name: str) -> list[dict[str, Any]]:
    with one.read() as session:
        rows = session.scalars(sa.select(FactRow).where(FactRow.name == name).order_by(FactRow.seq))
        return [row.body for row in rows]


def mails(one: Scene, template: str) -> int:
    with one.read() as session:
        query = sa.select(sa.func.count()).select_from(Message).where(Message.template == template)
        return session.scalar(query) or 0


def breaches(one: Scene) -> list[str]:
    with one.read() as session:
        return [str(one) for one in promises.panels_follow_the_draw.check(session, one.world.now)]


def accept_all(one: Scene) -> None:
    for member in one.panel().members:
        if member.state == "invited":
            with one.world.begin(one.player(member.person_id)) as work:
                panels.answer_seat(work, member.id, accept=True)


def test_a_used_up_pool_goes_on_from_the_reserve_that_was_frozen_with_the_notice(scene: Make) -> None:
    fresh = scene(stage="invited", hook=with_reserve)
    one = used_up(scene)
    path, buyer = f"/desk/tenders/{one.code}/evaluation", one.client(one.deal.buyer)
    order = list(one.panel().order or ())
    early = fresh.client(fresh.deal.buyer).post(
        f"/desk/tenders/{fresh.code}/evaluation/pool", data={"fields": "hydraulics", "reason": "相近"}
    )

    assert early.status_code == 409
    page = buyer.get(f"{path}?lang=en").text
    assert "The pool of experts is used up" in page
    assert "hydraulics" in page
    for bad in ({"fields": "hydraulics"}, {"reason": "相近"}, {"fields": "civil", "reason": "相近"}):
        assert buyer.post(f"{path}/pool", data=bad).status_code == 422
    stranger = one.client(one.world.buyers[1]).post(
        f"{path}/pool", data={"fields": "hydraulics", "reason": "相近"}
    )
    assert stranger.status_code in (403, 404)
    assert one.panel().order == order
    done = buyer.post(f"{path}/pool", data={"fields": "hydraulics", "reason": "给排水与道路工程相关"})
    assert done.status_code == 303

    panel = one.panel()
    frozen, enlarged = facts(one, "evaluation.pool.frozen")[0], facts(one, "evaluation.pool.enlarged")[0]
    drawn = facts(one, "evaluation.experts.drawn")
    assert (frozen["reserve_count"], frozen["reserve"]) == (4, panel.reserve_root)
    assert (enlarged["draw"], enlarged["fields"], len(enlarged["candidates"])) == (
        "experts-2",
        ["hydraulics"],
        3,
    )
    assert [one["draw"] for one in drawn] == ["experts", "experts-2"]
    assert panel.order[: len(order)] == order
    assert len(panel.order) == len(order) + 3
    invited = {str(m.person_id) for m in panel.members if m.state == "invited"}
    assert invited == set(panel.order[len(order) :])
    assert mails(one, "pool_enlarged") == len(one.world.supervisors)
    assert breaches(one) == []
    page = buyer.get(f"{path}?lang=en").text
    assert "experts-2" in page
    assert panel.enlargements[0]["seed"][:12] in page
    watched = one.client(one.world.supervisors[0]).get(f"/evaluation/{one.code}/names?lang=en").text
    assert "给排水与道路工程相关" in watched

    with one.world.begin(one.deal.buyer) as work:
        pools.enlarge_pool(work, one.deal.tender_id, ["landscape"], "绿化")
    one.world.wait(hours=2, minutes=1)
    with pytest.raises(NotNow) as no, one.world.begin(one.deal.buyer) as work:
        pools.enlarge_pool(work, one.deal.tender_id, ["landscape"], "绿化")
    assert no.value.code == "reserve_empty"
    assert "The reserve is used up too" in buyer.get(f"{path}?lang=en").text
    assert breaches(one) == []


def test_who_joins_the_roster_after_the_notice_is_not_drawn(scene: Make) -> None:
    one = scene(stage="invited")
    for _ in range(3):
        one.world.wait(hours=2, minutes=1)
    with_reserve(one.world)

    with pytest.raises(NotNow) as no, one.world.begin(one.deal.buyer) as work:
        pools.enlarge_pool(work, one.deal.tender_id, ["hydraulics"], "相近")

    assert no.value.code == "reserve_empty"


@pytest.mark.parametrize("what", ["order", "fields", "reserve"])
def test_a_panel_that_leaves_its_second_draw_is_noticed(scene: Make, what: str) -> None:
    one = used_up(scene)
    with one.world.begin(one.deal.buyer) as work:
        pools.enlarge_pool(work, one.deal.tender_id, ["hydraulics"], "相近")
    assert breaches(one) == []

    with one.house.platform.database.session(write=True) as session, session.begin():
        panel = session.scalars(sa.select(Panel)).unique().one()
        assert panel.order is not None
        if what == "order":
            panel.order = [*panel.order[:-2], panel.order[-1], panel.order[-2]]
        elif what == "fields":
            panel.enlargements = [{**panel.enlargements[0], "fields": ["landscape"]}]
        else:
            panel.reserve = [{**panel.reserve[0], "fields": ["landscape"]}, *panel.reserve[1:]]

    assert breaches(one) != []


def test_seats_that_the_buyer_leaves_empty_pass_to_the_next_experts_of_the_draw(scene: Make) -> None:
    one = scene(stage="invited")
    accept_all(one)
    page = one.client(one.deal.buyer).get(f"/desk/tenders/{one.code}/evaluation?lang=en").text
    assert "pass to the next experts of the draw" in page

    one.world.wait(hours=23, minutes=20)
    assert one.panel().buyer_seats == 1
    one.world.wait(hours=1)

    panel = one.panel()
    assert (panel.state, panel.buyer_seats) == ("inviting", 0)
    assert facts(one, "evaluation.buyer_seats.passed_on")[0]["seats"] == 1
    with pytest.raises(NotValid) as no, one.world.begin(one.deal.buyer) as work:
        panels.name_representative(work, one.deal.tender_id, one.deal.buyer.person_id)
    assert no.value.code == "buyer_seats_full"
    accept_all(one)
    panel = one.panel()
    assert panel.state == "reviewing"
    assert {m.seat for m in panel.members if m.state == "committed"} == {"expert"}
    assert breaches(one) == []


def test_a_representative_named_in_time_keeps_his_own_time_to_answer(scene: Make) -> None:
    one = scene(stage="invited")
    accept_all(one)
    one.world.wait(hours=23)
    with one.world.begin(one.deal.buyer) as work:
        panels.name_representative(work, one.deal.tender_id, one.deal.buyer.person_id)

    one.world.wait(hours=1, minutes=30)
    assert one.panel().buyer_seats == 1
    accept_all(one)

    assert (one.panel().state, one.panel().buyer_seats) == ("reviewing", 1)


def vote(one: Scene, count: int) -> None:
    passed = {f"passed-{item}": "yes" for item in ("signed", "qualified", "responsive", "bid_bond")} | {
        "reason-bid_bond": "已另行核实"
    }
    for _, player in one.members()[:count]:
        for blind in ("T-01", "T-02", "T-03", "T-04"):
            answer = one.client(player).post(f"/evaluation/{one.code}/bids/{blind}/review", data=passed)
            assert answer.status_code == 303


def test_members_who_leave_their_work_undone_make_room_for_the_next_of_the_draw(scene: Make) -> None:
    one = scene(stage="reviewing")
    vote(one, 3)
    idle = [member for member, _ in one.members()[3:]]

    page = one.client(one.deal.buyer).get(f"/desk/tenders/{one.code}/evaluation?lang=en").text
    assert "Work awaited until" in page
    one.world.wait(hours=71)
    assert one.panel().state == "reviewing"
    one.world.wait(hours=2)

    panel = one.panel()
    assert panel.state == "inviting"
    gone = {m.id: m.left_for for m in panel.members if m.state == "left"}
    assert gone == {member.id: "did nothing in time" for member in idle}
    assert {one["ground"] for one in facts(one, "evaluation.member.left")} == {"absent"}
    accept_all(one)
    one.world.wait(hours=24, minutes=5)  # one of them sat for the buyer, who names nobody else
    accept_all(one)
    assert one.panel().state == "reviewing"
    with one.read() as session:
        found = [list(p.check(session, one.world.now)) for p in promises.PROMISES]
    assert found == [[] for _ in found]


def test_whoever_worked_in_time_keeps_the_panel_together(scene: Make) -> None:
    one = scene(stage="reviewing")
    one.world.wait(hours=70)
    vote(one, 1)

    one.world.wait(hours=50)
    assert one.panel().state == "reviewing"
    assert len(facts(one, "evaluation.panel.time_moved")) == 1
    vote(one, 5)

    assert one.panel().state == "scoring"
    assert not facts(one, "evaluation.member.left")


def test_a_tender_that_stands_still_costs_nobody_his_seat(scene: Make) -> None:
    one = scene(stage="reviewing")
    with one.world.begin(one.world.supervisors[0]) as work:
        orders.order_suspension(work, one.deal.tender_id, "收到投诉，先行核查")

    one.world.wait(hours=100)

    assert one.panel().state == "reviewing"
    assert facts(one, "evaluation.panel.time_moved")
    assert not facts(one, "evaluation.member.left")


def sign(one: Scene, count: int) -> None:
    report = one.report()
    for member, player in one.members()[:count]:
        sig = json.dumps(one.sign(player, "report", reports.signing_body(report, member, "")))
        one.client(player).post(
            f"/evaluation/{one.code}/report/1/sign", data={"signature": sig, "dissent": ""}
        )


def test_after_the_second_window_silence_is_agreement_if_anybody_signed(scene: Make) -> None:
    one = scene(stage="signing")
    sign(one, 1)

    one.world.wait(hours=24, minutes=5)
    first = one.report().delivered_at
    reminded = mails(one, "sign_report")
    one.world.wait(hours=24, minutes=5)

    report = one.report()
    assert (first, reminded) == (None, 4)
    assert report.delivered_at is not None
    assert sum(bool(s.get("deemed")) for s in report.signatures.values()) == 4
    ended = facts(one, "evaluation.report.signing_ended")
    assert [(one["round"], one["deemed"]) for one in ended] == [(1, False), (2, True)]
    page = one.client(one.deal.buyer).get(f"/evaluation/{one.code}/report?lang=en").text
    assert page.count("counts as agreeing") == 4


def test_a_report_that_nobody_signs_is_redone_by_the_next_of_the_draw(scene: Make) -> None:
    one = scene(stage="signing")
    before = {m.person_id for m, _ in one.members()}

    for _ in range(2):
        one.world.wait(hours=24, minutes=5)

    panel = one.panel()
    assert panel.state == "inviting"
    assert one.report() is None
    left = facts(one, "evaluation.member.left")
    assert [one["ground"] for one in left[-5:]] == ["absent"] * 5
    accept_all(one)
    one.world.wait(
        hours=24, minutes=5
    )  # the buyer's representative does not come back, and nobody else is named
    accept_all(one)
    assert one.panel().state == "reviewing"
    assert not before & {m.person_id for m in one.panel().members if m.state == "committed"}
    with one.read() as session:
        found = [list(p.check(session, one.world.now)) for p in promises.PROMISES]
    assert found == [[] for _ in found]
