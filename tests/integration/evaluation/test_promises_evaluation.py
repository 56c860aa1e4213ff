"""Every promise of the evaluation room holds over a whole deal, and each is broken on purpose once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from evaluation import promises
from evaluation.models import Award, EvaluationReport, Panel, Panelist, ScoreSheet
from kernel.identity.models import Person
from kernel.promises import Promise
from tests.integration.evaluation.conftest import Scene
from trading.models import Notice

Make = Callable[..., Scene]
Sabotage = Callable[[Session], Any]


def broken(scene: Scene, one: Promise, sabotage: Sabotage | None = None) -> list[Any]:
    """Breaches of a promise, after a sabotage that is thrown away afterwards."""
    session = scene.house.platform.database.session(write=True)
    try:
        if sabotage is not None:
            sabotage(session)
            session.flush()
        return list(one.check(session, scene.house.clock.now()))
    finally:
        session.rollback()
        session.close()


@pytest.mark.parametrize("stage", ["invited", "scoring", "published", "awarded"])
def test_an_honest_deal_breaks_no_promise(scene: Make, stage: str) -> None:
    one = scene(stage=stage)
    assert {p.name: broken(one, p) for p in promises.PROMISES} == {p.name: [] for p in promises.PROMISES}


def _swap_order(session: Session) -> None:
    panel = session.query(Panel).one()
    assert panel.order is not None
    panel.order = [*panel.order[1:], panel.order[0]]


def _seat_a_friend(session: Session) -> None:
    panel = session.query(Panel).one()
    assert panel.order is not None
    expert = next(m for m in panel.members if m.seat == "expert")
    expert.person_id = UUID(panel.order[-1])


def _forge_result(session: Session) -> None:
    report = session.query(EvaluationReport).one()
    results = report.body["results"]["results"]
    changed = [{**results[0], "total": "99.99"}, *results[1:]]
    report.body = {**report.body, "results": {**report.body["results"], "results": changed}}


def _other_price(session: Session) -> None:
    award = session.query(Award).one()
    award.price = award.price + award.price


def _no_report(session: Session) -> None:
    report = session.query(EvaluationReport).one()
    report.superseded_at = report.made_at


def _lift_a_score(session: Session) -> None:
    sheet = session.query(ScoreSheet).filter(ScoreSheet.locked_at.is_not(None)).first()
    assert sheet is not None
    sheet.scores = {**sheet.scores, "team": {**sheet.scores["team"], "score": "10.00"}}


def _a_member_leaves(session: Session) -> None:
    member = session.query(Panelist).filter(Panelist.state == "committed").first()
    assert member is not None
    member.state = "left"


def _name_an_expert(session: Session) -> None:
    member = session.query(Panelist).filter(Panelist.seat == "expert").first()
    assert member is not None
    notice = session.query(Notice).filter(Notice.kind == "candidates").one()
    notice.body = {**notice.body, "note": session.get_one(Person, member.person_id).name}


def _shorten(session: Session) -> None:
    notice = session.query(Notice).filter(Notice.kind == "candidates").one()
    assert notice.until_at is not None
    notice.until_at -= timedelta(minutes=1)


def _award_early(session: Session) -> None:
    award = session.query(Award).one()
    award.decided_at = session.query(Notice).filter(Notice.kind == "candidates").one().published_at


@pytest.mark.parametrize(
    ("one", "stage", "sabotage"),
    [
        (promises.panels_follow_the_draw, "scoring", _swap_order),
        (promises.panels_follow_the_draw, "scoring", _seat_a_friend),
        (promises.panels_follow_the_draw, "scoring", _a_member_leaves),
        (promises.awards_follow_their_reports, "awarded", _forge_result),
        (promises.awards_follow_their_reports, "awarded", _other_price),
        (promises.awards_follow_their_reports, "awarded", _no_report),
        (promises.locked_scores_stay, "signing", _lift_a_score),
        (promises.nobody_scores_who_left, "signing", _a_member_leaves),
        (promises.names_stay_secret, "published", _name_an_expert),
        (promises.publicity_is_long_enough, "published", _shorten),
        (promises.publicity_is_long_enough, "awarded", _award_early),
    ],
    ids=lambda value: getattr(value, "name", None) or getattr(value, "__name__", str(value)),
)
def test_each_promise_notices_its_sabotage(scene: Make, one: Promise, stage: str, sabotage: Sabotage) -> None:
    here = scene(stage=stage)
    assert broken(here, one) == []
    assert broken(here, one, sabotage)
