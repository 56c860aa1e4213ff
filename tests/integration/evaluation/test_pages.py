"""Every page of the evaluation room, in both languages, at the stage it is for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.evaluation.conftest import Scene

Make = Callable[..., Scene]
LANGS = ("zh-CN", "en")


def look(client: Any, path: str, lang: str = "zh-CN", status: int = 200) -> str:
    answer = client.get(path, query_string={"lang": lang})
    assert answer.status_code == status, (path, answer.status_code, answer.text[:400])
    return str(answer.text)


@pytest.mark.parametrize("lang", LANGS)
def test_every_page_of_a_member_renders(scene: Make, lang: str) -> None:
    invited = scene(stage="invited")
    member = next(m for m in invited.panel().members if m.state == "invited")
    client = invited.client(invited.player(member.person_id))
    assert invited.code in look(client, "/desk/panels", lang)
    look(client, f"/desk/panels/{member.id}", lang)
    for stage in ("reviewing", "scoring"):
        one = scene(stage=stage)
        _, player = one.members()[0]
        client = one.client(player)
        assert "T-01" in look(client, f"/evaluation/{one.code}", lang)
        look(client, f"/evaluation/{one.code}/recuse", lang)
        look(client, "/desk/panels", lang)
    signing = scene(stage="signing")
    client = signing.client(signing.members()[0][1])
    look(client, "/desk/panels", lang)
    look(client, f"/evaluation/{signing.code}", lang)
    page = look(client, f"/evaluation/{signing.code}/report", lang)
    assert "data-sign" in page


@pytest.mark.parametrize("lang", LANGS)
def test_every_page_of_the_buyer_the_bidder_the_supervisor_and_the_public_renders(
    scene: Make, lang: str
) -> None:
    for stage in ("invited", "scoring", "reported", "published", "awarded"):
        one = scene(stage=stage)
        buyer = one.client(one.deal.buyer)
        look(buyer, "/desk/evaluations", lang)
        look(buyer, f"/desk/tenders/{one.code}/evaluation", lang)
        look(one.client(one.world.supervisors[0]), f"/evaluation/{one.code}/names", lang)
        bidder = one.client(one.world.bidders[0])
        look(bidder, "/desk/results", lang)
        public = one.client()
        look(public, f"/tenders/{one.code}", lang)
        look(
            public, f"/evaluation/{one.code}/report", lang, 200 if stage in ("published", "awarded") else 404
        )
        if stage in ("reported", "published", "awarded"):
            look(buyer, f"/evaluation/{one.code}/report", lang)
        if stage == "published":
            look(buyer, f"/desk/tenders/{one.code}/evaluation/lots/1/award", lang)
        if stage == "awarded":
            code = next(code for code, who in one.deal.bids.items() if who is one.world.bidders[0])
            look(bidder, f"/desk/results/{code}", lang)


@pytest.mark.parametrize("method", ["evaluated_lowest", "gp_scoring", "gp_lowest"])
def test_the_other_methods_come_to_their_award(scene: Make, method: str) -> None:
    one = scene(method=method, stage="awarded")
    page = look(one.client(), f"/evaluation/{one.code}/report", "en")
    winner = one.lot().outcome
    assert winner is not None
    assert winner["supplier_name_en"] in page
    assert not re.search(r"\bNone\b|Undefined", page)
    data = one.client().get(f"/api/v1/tenders/{one.code}/results").json
    assert data["lots"][0]["winner"]["bid"] == winner["bid"]
    assert bool(data["lots"][0].get("experts")) is method.startswith("gp_")
