"""What is sealed tells nothing before its moment: not to any view, not to the log, not to the disk; and its promises."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bidding import promises_sealed
from bidding import queries_auction as queries
from bidding.hall_core import journal
from bidding.models import Release
from bidding.models_auction import Auction, AuctionStage
from bidding.models_sealed import AuctionClosing, ClosedSlip
from bidding.queries_sealed import sealing
from bidding.rules.auction import Format
from bidding.rules.auction.terms import LimitMode
from kernel.ledger import sequencer
from kernel.promises import Promise
from kernel.rights import ANONYMOUS
from tests.integration.auction.sale import Hall
from tests.integration.auction.sealing import SealedSale
from tests.integration.test_plaintext_hunt import Hunter, files
from tests.support.house import House

PLANTED = "137524.68"


def rising(house: House, **printed: Any) -> SealedSale:
    sale = SealedSale(
        house,
        procedure="auction",
        regime="EQ",
        format=Format.ASCENDING,
        printed={"limits": LimitMode.SEALED, "reserve": True, "bidders_min": 1, **printed},
        start="100000",
    )
    sale.publish()
    return sale


# ---- two runs that differ only in what is sealed ----------------------------------------------------------------


def told(folder: Path, limit: str, reserve: str) -> tuple[bytes, int, bytes]:
    """Everything every party may see before the end, byte for byte, and how far the log goes."""
    house = House(folder)
    try:
        sale = rising(house)
        ann, bob = sale.bidders(2)
        sale.seal_reserve(reserve)
        sale.seal_limit(ann, limit)
        hall = Hall(sale).start().follow()
        hall.offer(bob.plate, 100000)
        sale.seal_limit(bob, limit)
        sequencer.sequence(house.platform)
        seen: list[str] = []
        actors = [sale.actor_of(ann), sale.actor_of(bob), sale.actor(sale.buyer), ANONYMOUS]
        with house.read() as session:
            for actor in actors:
                told = sealing(session, actor, hall.id)
                told["sealed"] = {name: len(root) for name, root in told["sealed"].items()}
                views = [
                    queries.snapshot(session, actor, hall.id),
                    queries.own(session, actor, hall.id),
                    told,
                ]
                seen.append(json.dumps(views, sort_keys=True, default=str))
            size = sequencer.head(session).size
            kinds = [line.kind for line in journal.lines_of(session.connection(), hall.id)]
            sizes = session.execute(
                sa.text("SELECT length(container) FROM auction_slip ORDER BY handed_at")
            ).all()
        hall.core.stop()
        alike = json.dumps(seen).replace(str(hall.id), "-").replace(sale.policy.digest.hex(), "-")
        return alike.encode(), size, json.dumps([kinds, [list(row) for row in sizes]]).encode()
    finally:
        house.close()


def test_runs_that_differ_in_sealed_values_alone_look_alike_to_everybody(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()

    one = told(tmp_path / "one", "150000.00", "120000.00")
    two = told(tmp_path / "two", "9000000.00", "100000.01")

    assert one == two


@pytest.mark.parametrize("sealers", [0, 1, 3])
def test_the_log_grows_alike_however_many_sealed_something(house: House, sealers: int) -> None:
    sale = rising(house, reserve=False)
    seats = sale.bidders(3)
    hall = Hall(sale).start().follow()
    hall.offer(seats[0].plate, 100000)
    for seat in seats[:sealers]:
        sale.seal_limit(seat, "150000.00")
    sequencer.sequence(house.platform)
    with house.read() as session:
        before = sequencer.head(session).size
    sale.over(hall)
    sequencer.sequence(house.platform)
    with house.read() as session:
        grown = sequencer.head(session).size - before

    # Three slips or three records of none, the closing, an anchor; where nothing is waited for, the end follows.
    assert grown == (5 if sealers else grown)
    if not sealers:
        assert sale.auction().stage is AuctionStage.SOLD


# ---- the plaintext hunt -----------------------------------------------------------------------------------------


def rows(house: House) -> Iterator[tuple[str, bytes]]:
    with house.read() as session:
        for table in sa.inspect(session.connection()).get_table_names():
            for row in session.execute(sa.text(f'SELECT * FROM "{table}"')):
                cells = [bytes(one) if isinstance(one, bytes) else str(one).encode() for one in row]
                yield table, b"\n".join(cells)


def test_no_planted_limit_lies_anywhere_before_the_end(
    house: House, capfd: pytest.CaptureFixture[str]
) -> None:
    sale = rising(house)
    ann, bob = sale.bidders(2)
    reserve, limit = sale.seal_reserve("118642.35"), sale.seal_limit(ann, PLANTED)
    hall = Hall(sale).start().follow()
    hall.offer(bob.plate, 100000)
    sale.over(hall)
    planted = {
        "the limit": PLANTED.encode(),
        "the limit in fen": PLANTED.replace(".", "").encode(),
        "the reserve": b"118642.35",
        "the limit's secret": limit.secret,
        "the reserve's secret": reserve.secret,
        "the limit's key": limit.seed,
    }
    hunter = Hunter(planted)
    folder = Path(house.settings.data_folder)
    out, err = capfd.readouterr()
    logs = [("logs", (out + err).encode())]

    assert hunter.look([*rows(house), *files(folder), *logs]) == []

    sale.release_part("lot-1")
    found = hunter.look(rows(house))
    assert any(one.startswith("the limit in auction_event") for one in found)  # the hunter is awake
    assert any("the reserve in auction_event" in one for one in found)


# ---- the promises -----------------------------------------------------------------------------------------------


def early_release(session: Any) -> None:
    session.execute(sa.update(Release).values(promised_at=sa.select(Auction.starts_at).scalar_subquery()))


def closed_early(session: Any) -> None:
    closing = session.scalars(sa.select(AuctionClosing)).one()
    body = dict(closing.close_body)
    lines = journal.lines_of(session.connection(), closing.auction_id)
    body.update(upto=body["upto"] - 2, chain=lines[body["upto"] - 3].chain.hex())
    closing.close_body = body


def another_chain(session: Any) -> None:
    closing = session.scalars(sa.select(AuctionClosing)).one()
    closing.close_body = closing.close_body | {"chain": "0" * 64}


def another_secret(session: Any) -> None:
    session.execute(sa.update(ClosedSlip).values(secret=b"\1" * 32))


def called_void(session: Any) -> None:
    session.execute(sa.update(ClosedSlip).values(why="slip_other"))


def slip_gone(session: Any) -> None:
    session.execute(sa.delete(ClosedSlip))


BROKEN_SLIPS = (
    (promises_sealed.slips_stay_sealed, early_release),
    (promises_sealed.slips_stay_sealed, closed_early),
    (promises_sealed.slips_stay_sealed, another_chain),
    (promises_sealed.slips_say_what_the_journal_says, another_secret),
    (promises_sealed.slips_say_what_the_journal_says, called_void),
    (promises_sealed.slips_say_what_the_journal_says, slip_gone),
)


def broken(house: House, promise: Promise) -> list[Any]:
    with house.read() as session:
        return list(promise.check(session, house.clock.now()))


def test_each_promise_about_slips_notices_its_breach(house: House) -> None:
    sale = rising(house)
    ann, bob = sale.bidders(2)
    sale.seal_limit(ann, "150000.00")
    hall = Hall(sale).start().follow()
    hall.offer(bob.plate, 100000)
    sale.over(hall)
    sale.release_part("lot-1")
    assert [broken(house, one) for one in promises_sealed.PROMISES] == [[], []]
    for promise, sabotage in BROKEN_SLIPS:
        with house.platform.database.session(write=True) as session:
            sabotage(session)
            session.flush()
            assert list(promise.check(session, house.clock.now())) != [], sabotage.__name__
            session.rollback()


def test_a_slip_once_kept_cannot_be_changed(house: House) -> None:
    sale = rising(house)
    (ann,) = sale.bidders(1)
    sale.seal_limit(ann, "150000.00")

    with (
        pytest.raises(sa.exc.IntegrityError, match="append-only"),
        house.platform.database.session(write=True) as session,
        session.begin(),
    ):
        session.execute(sa.text("UPDATE auction_slip SET plate = '999'"))
