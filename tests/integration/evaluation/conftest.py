"""Deals at every stage of an evaluation, made once by the platform's actions and copied for every test."""

from __future__ import annotations

import copy
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from evaluation import queries
from evaluation.models import Panel
from kernel.money import Money
from kernel.outside import SeededEntropy
from sealbid import signatures
from simulation import bonds as lodging
from simulation import deal as moves
from simulation.deal import Deal, Offer
from simulation.world import Player, World, found_city
from tests.support.house import House
from trading.models import Lot, Tender


@dataclass
class Scene:
    """A deal at some stage, with a house of its own."""

    house: House
    world: World
    deal: Deal

    def client(self, player: Player | None = None) -> FlaskClient:
        return self.house.client(None if player is None else player.person_id)

    @property
    def code(self) -> str:
        return self.deal.code

    def read(self) -> Any:
        return self.house.read()

    def tender(self) -> Tender:
        with self.house.read() as session:
            tender = queries.tender_by_code(session, self.code)
            assert list(tender.lots)
            return tender

    def lot(self, number: int = 1) -> Lot:
        return self.tender().lots[number - 1]

    def panel(self) -> Panel:
        from evaluation.actions.panels import panel_of

        with self.house.read() as session:
            panel = panel_of(session, self.deal.tender_id)
            assert panel is not None
            return panel

    def members(self) -> list[tuple[Any, Player]]:
        return moves.sitting(self.world, self.deal)

    def player(self, person_id: UUID) -> Player:
        people = (*self.world.experts, *self.world.buyers, *self.world.agents, *self.world.bidders)
        return next(one for one in people if one.person_id == person_id)

    def report(self, number: int = 1) -> Any:
        with self.house.read() as session:
            return queries.reports_of(session, self.deal.tender_id).get(self.lot(number).id)

    def sign(self, player: Player, kind: str, body: object) -> dict[str, Any]:
        return signatures.sign(kind, body, player.key).to_json()


def build(
    folder: Path,
    *,
    method: str = "comprehensive",
    stage: str = "reviewing",
    lots: int = 1,
    offers: tuple[tuple[int, str], ...] | None = None,
    terms: dict[str, Any] | None = None,
    hook: Callable[[World], None] | None = None,
    bonds: bool = False,
    shared: bool = False,
    **settings: Any,
) -> Scene:
    """A deal walked to a stage. ``offers`` are (bidder index, yuan) per lot."""
    house = House(folder, **settings)
    world = found_city(World(house.platform, house.clock, random.Random(7)), buyers=2, bidders=6, experts=12)
    if hook is not None:
        hook(world)
    procurement = method.startswith("gp_")
    regime, category = ("GP", "goods") if procurement else ("TM", "works")
    printed = moves.terms_for(method, seats=5, buyer_seats=1)
    printed["panel"]["specialty"] = "supplies" if procurement else "civil"
    printed |= terms or {}
    ceiling = Money.from_yuan("2000000" if procurement else "66000000")
    deal = moves.draft_deal(
        world,
        world.buyers[0],
        title="向阳大道工程" if not procurement else "教学设备采购",
        summary="测试",
        regime=regime,
        category=category,
        method=method,
        ceilings=[ceiling] * lots,
        terms=printed,
        days=25,
    )
    moves.publish(world, deal)
    prices = offers or (
        ((0, "1800000"), (1, "1850000"), (2, "1900000"), (3, "1950000"))
        if procurement
        else ((0, "60000000"), (1, "61000000"), (2, "62000000"), (3, "63000000"))
    )
    for number in range(1, lots + 1):
        for index, yuan in prices:
            if bonds:
                _lodge(world, deal, index, number, shared)
            files = [("技术标.pdf", "application/pdf", f"方案 {index}".encode() * 50)]
            moves.bid(
                world, deal, world.bidders[index], Offer(lot=number, price=Money.from_yuan(yuan), files=files)
            )
    world.sequence()
    world.pass_time(world.now + timedelta(days=25, minutes=1))
    world.sequence()
    moves.release(world, deal, [1, 2, 3])
    world.wait(minutes=31)
    return walk(Scene(house, world, deal), stage)


def _lodge(world: World, deal: Deal, index: int, lot: int, shared: bool) -> None:
    """The first two pay, the third brings a guarantee, the fourth nothing; ``shared``: two pay from one account."""
    bidder = world.bidders[index]
    if index < 2:
        account = lodging.own_account(world.bidders[0] if shared else bidder)
        lodging.pay(world, deal, bidder, lot, account=account)
    elif index == 2:
        lodging.guarantee(world, deal, bidder, lot)


STAGES = ("invited", "reviewing", "scoring", "signing", "reported", "published", "awarded")


def walk(scene: Scene, stage: str, since: str = "invited") -> Scene:
    """On from one stage to another."""
    world, deal = scene.world, scene.deal
    steps: dict[str, Callable[[], Any]] = {
        "reviewing": lambda: moves.seat_panel(world, deal),
        "scoring": lambda: moves.vote(world, deal),
        "signing": lambda: moves.score(world, deal),
        "reported": lambda: moves.sign_reports(world, deal),
        "published": lambda: moves.publish_candidates(world, deal),
        "awarded": lambda: _award(world, deal),
    }
    for name in STAGES[STAGES.index(since) + 1 : STAGES.index(stage) + 1]:
        steps[name]()
    world.sequence()
    return scene


def _award(world: World, deal: Deal) -> None:
    until = moves.standstill_end(world, deal)
    if until is not None:
        world.pass_time(until)
    moves.confirm(world, deal)


class Studio:
    """Builds scenes once per shape, and hands out copies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.masters: dict[str, Scene] = {}
        self.seed = 100

    def next_seed(self) -> int:
        """A copy must not draw the ids again that its master drew."""
        self.seed += 1
        return self.seed

    def scene(self, folder: Path, *, stage: str = "reviewing", **shape: Any) -> Scene:
        return self.copy(self._master(stage, shape), folder)

    def _master(self, stage: str, shape: dict[str, Any]) -> Scene:
        key = f"{stage} {sorted(shape.items())!r}"
        if key not in self.masters:
            home = self.folder / f"m{self.next_seed()}"
            home.mkdir()
            self.masters[key] = made = self._make(home, stage, shape)
            made.house.close()
        return self.masters[key]

    def _make(self, home: Path, stage: str, shape: dict[str, Any]) -> Scene:
        if stage == "invited":
            return build(home, stage=stage, **shape)
        since = STAGES[STAGES.index(stage) - 1]
        return walk(self.copy(self._master(since, shape), home), stage, since)

    def copy(self, master: Scene, folder: Path) -> Scene:
        house = House(folder)
        house.platform.database.dispose()
        for name in ("house.db", "house.db-wal", "house.db-shm"):
            (folder / name).unlink(missing_ok=True)
            source = master.house.folder / name
            if source.exists():
                shutil.copy(source, folder / name)
        shutil.copytree(master.house.folder / "blobs", folder / "blobs", dirs_exist_ok=True)
        house.clock.move(master.house.clock.now())
        outside = replace(house.outside, entropy=SeededEntropy(self.next_seed()))
        house.outside = house.platform.outside = outside
        world = replace(master.world, platform=house.platform, clock=house.clock, dice=random.Random(5))
        return Scene(house, world, copy.copy(master.deal))


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return Studio(tmp_path_factory.mktemp("evaluation"))


@pytest.fixture
def scene(studio: Studio, tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    """A fresh copy of a deal: ``scene(method=…, stage=…)``."""
    made: list[Scene] = []

    def make(**shape: Any) -> Scene:
        home = tmp_path / f"s{len(made)}"
        home.mkdir()
        made.append(studio.scene(home, **shape))
        return made[-1]

    yield make
    for one in made:
        one.house.close()
