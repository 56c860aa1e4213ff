"""A city with three witnesses and one tender, walked by the simulation's real actions to a named point."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from kernel.identity.passwords import hash_password
from kernel.ledger import trust
from kernel.ledger.witnesses import cosigners_of
from kernel.money import Money
from sealbid.note import KeyType, SignerKey, VerifierKey
from sealbid.witness import StateFile, Witness
from simulation import deal as moves
from simulation.deal import Deal, Offer
from simulation.world import World, found_city
from tests.support.house import PASSWORD, House

NAMES = ("supervisor", "notary", "association")
PRICES = ("60000000", "61000000", "62500000", "63000000")
POINTS = ("drafted", "published", "bids_in", "closed", "opened", "reported", "candidates", "awarded")


def _signer(name: str) -> SignerKey:
    return SignerKey(f"{name}.example/w", KeyType.COSIGNATURE, name.encode().ljust(32, b"."))


@dataclass
class City:
    """A house with its world and the tenders made in it."""

    house: House
    world: World
    witnesses: dict[str, Witness]

    def tender(self, point: str, *, lots: int = 1, bidders: int = 4, title: str = "阳光大道改造工程") -> Deal:
        """A construction tender walked to a point of ``POINTS``."""
        world = self.world
        deal = moves.draft_deal(
            world,
            world.buyers[0],
            title=title,
            summary="道路、排水和照明。",
            regime="TM",
            category="works",
            method="comprehensive",
            ceilings=[Money.from_yuan("66000000")] * lots,
        )
        for step in POINTS[1 : POINTS.index(point) + 1]:
            getattr(self, f"_{step}")(deal, bidders)
            world.sequence()
        return deal

    def _published(self, deal: Deal, bidders: int) -> None:
        moves.publish(self.world, deal)

    def _bids_in(self, deal: Deal, bidders: int) -> None:
        for bidder, price in zip(self.world.bidders[:bidders], PRICES, strict=False):
            moves.bid(self.world, deal, bidder, Offer(lot=1, price=Money.from_yuan(price)))
            self.world.sequence()

    def _closed(self, deal: Deal, bidders: int) -> None:
        assert deal.policy is not None
        self.world.pass_time(deal.policy.deadline)
        self.world.pass_time(deal.policy.deadline + timedelta(seconds=2))

    def _opened(self, deal: Deal, bidders: int) -> None:
        assert moves.release(self.world, deal, [1, 3, 5])

    def _reported(self, deal: Deal, bidders: int) -> None:
        self.world.wait(hours=2)
        moves.seat_panel(self.world, deal)
        moves.vote(self.world, deal)
        moves.score(self.world, deal)
        moves.sign_reports(self.world, deal)

    def _candidates(self, deal: Deal, bidders: int) -> None:
        moves.publish_candidates(self.world, deal)

    def _awarded(self, deal: Deal, bidders: int) -> None:
        self.world.pass_time(moves.standstill_end(self.world, deal))
        self.world.sequence()
        moves.confirm(self.world, deal)


def build(folder: Path, **settings: object) -> City:
    lines = tuple((name, str(_signer(name).verifier), "-") for name in NAMES)
    house = House(folder, witnesses=lines, witness_quorum=2, **settings)
    log = VerifierKey.parse(trust.log_vkey(house.settings))
    witnesses = {
        name: Witness(
            [_signer(name)],
            [log],
            StateFile(folder / f"{name}.json"),
            lambda: int(house.clock.now().timestamp()),
        )
        for name in NAMES
    }
    world = World(
        house.platform,
        house.clock,
        random.Random(7),
        cosigners=cosigners_of(house.settings, witnesses),
        password_hash=hash_password(house.settings, PASSWORD),
    )
    found_city(world)
    world.sequence()
    return City(house, world, witnesses)


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    """A fresh city."""
    built = build(tmp_path)
    yield built
    built.house.close()


@pytest.fixture(scope="module")
def awarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[City, Deal]]:
    """A city whose only tender is awarded; tests of this module only read it."""
    built = build(tmp_path_factory.mktemp("awarded"))
    yield built, built.tender("awarded")
    built.house.close()
