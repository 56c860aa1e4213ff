"""Every promise is broken on purpose, with raw SQL behind the platform's back. A check that never failed is
no check.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from kernel.database import Database
from kernel.money import Money
from kernel.promises import Promise
from simulation import bonds as lodging
from simulation import deal as moves
from simulation import retold
from simulation.world import World, found_city
from tests.integration.auction.test_auction_low_price import BROKEN_REVIEWS
from tests.integration.auction.test_auction_promises import BROKEN_AUCTIONS
from tests.integration.auction.test_auction_secrecy import BROKEN_SLIPS
from tests.support.house import House

EARLY, LATE = "2000-01-01T00:00:00.000000+00:00", "2090-01-01T00:00:00.000000+00:00"


def sql(*statements: str) -> Callable[[Connection], None]:
    """Run these, one after another; each must change something."""

    def deed(raw: Connection) -> None:
        for statement in statements:
            done = raw.execute(sa.text(statement))
            assert done.rowcount != 0, f"changed nothing: {statement}"

    return deed


def json_edit(
    table: str, column: str, edit: Callable[[dict], object], where: str = "1"
) -> Callable[[Connection], None]:  # type: ignore[type-arg]
    """Change one JSON value in the first matching row."""

    def deed(raw: Connection) -> None:
        key, text = raw.execute(sa.text(f"SELECT rowid, {column} FROM {table} WHERE {where} LIMIT 1")).one()
        value = json.loads(text)
        edit(value)
        raw.execute(
            sa.text(f"UPDATE {table} SET {column} = :value WHERE rowid = :key"),
            {"value": json.dumps(value), "key": key},
        )

    return deed


def after(
    first: Callable[[Connection], None], *others: Callable[[Connection], None]
) -> Callable[[Connection], None]:
    def deed(raw: Connection) -> None:
        for one in (first, *others):
            one(raw)

    return deed


def expert_in_a_fact(raw: Connection) -> None:
    """A public fact tells who sits on the panel."""
    person = raw.execute(sa.text("SELECT person_id FROM panelist WHERE seat = 'expert'")).scalars().first()
    text = f"{person[:8]}-{person[8:12]}-{person[12:16]}-{person[16:20]}-{person[20:]}"
    json_edit("fact", "body", lambda body: body.update(person=text), "name = 'evaluation.panel.formed'")(raw)


UNFROZEN = "DROP TRIGGER guard_fact_update"
"""Whoever holds the database may drop its guards; the promises must notice what he does next."""

A_LEAD = (
    "INSERT INTO lead (id, code, tender_id, lot_id, state, light, risk, queue, shares, firms, opened_at, changed_at, "
    "outcome, reason) SELECT id, 'CX-2000-0001', tender_id, id, '{state}', '{light}', 0, 0, '{{}}', '[]', "
    "'2000-01-01T00:00:00.000000+00:00', '2000-01-01T00:00:00.000000+00:00', '', '' FROM lot LIMIT 1"
)

SABOTAGE: dict[str, Callable[[Connection], None]] = {
    "closed_leads_have_reasons": sql(A_LEAD.format(state="closed", light="none")),
    "lead_colours_follow_from_evidence": sql(A_LEAD.format(state="open", light="red")),
    "bids_open_on_time": sql(f"UPDATE opened_part SET opened_at = '{EARLY}'"),
    "sealed_stays_sealed": sql(f"UPDATE share_release SET released_at = '{EARLY}'"),
    "acknowledged_bids_are_in_the_close": json_edit("opening", "close_body", lambda body: body["bids"].pop()),
    "nothing_accepted_late": sql(f"UPDATE bid SET completed_at = '{LATE}' WHERE state = 'complete'"),
    "too_few_are_never_opened": json_edit(
        "opening", "close_body", lambda body: body.update(bids=body["bids"][:2])
    ),
    "periods_were_lawful": json_edit(
        "notice", "body", lambda body: body.update(bids_close_at=body["documents_from_at"]), "kind = 'notice'"
    ),
    "notices_never_change": json_edit(
        "notice", "body", lambda body: body.update(place="别处"), "kind = 'notice'"
    ),
    "suspended_tenders_stand_still": sql(
        UNFROZEN,
        "UPDATE fact SET name = 'trading.tender.suspended' WHERE rowid = (SELECT max(rowid) FROM fact "
        "WHERE name = 'trading.notice.published' AND rowid < (SELECT max(rowid) FROM fact "
        "WHERE name = 'trading.lot.moved'))",
    ),
    "stages_are_explained": sql("UPDATE lot SET stage = 'awarded' WHERE stage = 'contracted'"),
    "contracts_are_their_awards": json_edit(
        "contract", "body", lambda body: body.update(price="1.00"), "state = 'signed'"
    ),
    "panels_follow_the_draw": json_edit(
        "panel", "draw_order", lambda order: order.reverse(), "draw_order <> 'null'"
    ),
    "awards_follow_their_reports": sql("UPDATE award SET rank = 2"),
    "locked_scores_stay": json_edit(
        "score_sheet", "scores", lambda scores: scores["plan"].update(score="25.00", note="改过")
    ),
    "nobody_scores_who_left": sql("UPDATE panelist SET state = 'left' WHERE number = 1"),
    "names_stay_secret": after(sql(UNFROZEN), expert_in_a_fact),
    "publicity_is_long_enough": sql("UPDATE notice SET until_at = published_at WHERE kind = 'candidates'"),
    "hall_words_are_logged": sql(
        "INSERT INTO hall_message (id, tender_id, org_id, person_id, voice, text, said_at, record_id) "
        f"SELECT id, id, buyer_id, buyer_id, 'host', '!', '{EARLY}', id FROM tender LIMIT 1"
    ),
    "bonds_go_back": sql("DELETE FROM bond_order WHERE bond_id IS NOT NULL"),
    "bonds_name_nobody": after(
        sql(UNFROZEN),
        json_edit(
            "fact", "body", lambda body: body.update(org="91310000"), "name = 'bidding.bid_bond.ordered'"
        ),
    ),
    "bids_are_explained": sql("UPDATE bid SET state = 'withdrawn' WHERE state = 'complete'"),
    "openings_are_explained": sql("UPDATE opening SET state = 'releasing'"),
    "deadlines_are_explained": sql(f"UPDATE tender SET bids_close_at = '{LATE}'"),
    "leaves_are_explained": sql(
        "DROP TRIGGER guard_log_record_delete", "DELETE FROM log_record WHERE idx = 5"
    ),
}


BESIDE = sorted({promise.name for promise, _ in (*BROKEN_AUCTIONS, *BROKEN_REVIEWS, *BROKEN_SLIPS)})
"""Promises about auctions are broken where auctions are made: tests/integration/auction."""


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house with one awarded tender, every promise kept."""
    house = House(tmp_path_factory.mktemp("sabotage"), make_pdfs=False)
    world = found_city(World(house.platform, house.clock, random.Random(7)))
    deal = moves.draft_deal(
        world, world.buyers[0], title="向阳区道路改造工程", summary="路面与排水。", regime="TM",
        category="works", method="comprehensive", ceilings=[Money.from_yuan("9000000")],
    )  # fmt: skip
    moves.publish(world, deal)
    for index, bidder in enumerate(world.bidders[:4]):
        price = Money.from_yuan(str(8_200_000 + 90_000 * index))
        if index:
            lodging.lodge(world, deal, bidder)
        moves.bid(world, deal, bidder, moves.Offer(lot=1, price=price))
    world.wait(days=22)
    assert moves.release(world, deal, [1, 2, 3])
    world.wait(minutes=11)
    moves.seat_panel(world, deal)
    moves.vote(world, deal)
    moves.score(world, deal)
    moves.sign_reports(world, deal)
    moves.publish_candidates(world, deal)
    world.pass_time(moves.standstill_end(world, deal))
    moves.confirm(world, deal)
    moves.contract(world, deal)
    world.sequence()
    with house.platform.database.writer.connect() as connection:
        connection.rollback()
        connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    yield house
    house.close()


def promises(house: House) -> list[Promise]:
    return [*(one for room in house.platform.rooms for one in room.promises), *retold.PROMISES]


def test_every_promise_has_its_sabotage(lived: House) -> None:
    names = [one.name for one in promises(lived)]

    assert sorted(names) == sorted(set(names)), "two promises of one name"
    assert sorted([*SABOTAGE, *BESIDE]) == sorted(names)


def test_an_ordinary_deal_keeps_every_promise(lived: House) -> None:
    with lived.read() as session:
        broken = {one.name: list(one.check(session, lived.clock.now())) for one in promises(lived)}

    assert {name: found for name, found in broken.items() if found} == {}


@pytest.mark.parametrize("name", sorted(SABOTAGE))
def test_a_broken_promise_is_noticed(name: str, lived: House, tmp_path: Path) -> None:
    promise = next(one for one in promises(lived) if one.name == name)
    shutil.copy(lived.folder / "house.db", tmp_path / "house.db")
    database = Database(
        replace(lived.settings, database_url=f"sqlite:///{tmp_path / 'house.db'}").database_url
    )
    with database.writer.begin() as raw:
        SABOTAGE[name](raw)

    with database.session(write=False) as session:
        found = list(promise.check(session, lived.clock.now()))

    database.dispose()
    assert found, f"nobody noticed: {promise.sentence}"
