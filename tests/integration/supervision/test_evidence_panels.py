"""A panel that used up its pool: a stranger draws every order of experts again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evaluation.actions import panels, pools
from kernel.ledger import trust
from kernel.rights import Role
from sealbid.verify import verify_evidence
from simulation import deal as moves
from supervision.evidence import export_evidence


def test_a_second_draw_of_experts_is_recomputed_from_the_package(city: Any, tmp_path: Path) -> None:
    world = city.world
    first = world.experts[0]
    for number in range(5):
        person = world.colleague(
            first.org_id, first.org_name, first.uscc, [Role.EXPERT], email=f"reserve{number}@example.org"
        )
        world.experts.append(person)
        with world.begin() as work:
            panels.enrol_expert(
                work,
                person.person_id,
                specialties=["hydraulics"],
                region="310000",
                title="高级工程师",
                years=12,
            )
    deal = city.tender("opened")
    world.wait(minutes=31)
    for _ in range(8):
        world.wait(hours=2, minutes=1)
        with world.read() as session:
            panel = panels.panel_of(session, deal.tender_id)
        assert panel is not None
        if pools.is_used_up(panel):
            break
    with world.begin(deal.buyer) as work:
        pools.enlarge_pool(work, deal.tender_id, ["hydraulics"], "给排水与道路工程相关")
    moves.seat_panel(world, deal)
    moves.vote(world, deal)
    moves.score(world, deal)
    moves.sign_reports(world, deal)
    world.sequence()
    path, lines = tmp_path / "evidence.zip", list[str]()
    path.write_bytes(export_evidence(city.house.platform, deal.tender_id))

    assert verify_evidence(path, trust.trust_text(city.house.settings), lines.append) == 0, lines
    told = [line.split(": ")[1] for line in lines if line.startswith("ok   draw of experts")]
    assert told[1:] == ["experts-2 of 5, order recomputed"]
    assert told[0].endswith("order recomputed")
