"""The house in which history is replayed: a platform on a virtual clock with three witnesses, and its players.

Everything but clock, entropy and durability is what a city runs. Nothing is synced to disk, because a replay that dies
is simply run again; the log, its witnesses and every signature are real.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from app import rooms
from bidding.actions import custody
from kernel.clock import VirtualClock
from kernel.database import Database
from kernel.ledger import trust
from kernel.ledger.witnesses import cosigners_of
from kernel.outside import LocalBlobs, MailDrop, Outside, SeededEntropy
from kernel.platform import Platform
from kernel.rights import Role
from kernel.settings import Settings
from sealbid import note
from sealbid.witness import StateFile, Witness
from simulation.world import Player, World

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
ORIGIN = "replay.sunroad.example/log"
WITNESSES = ("supervisor", "notary", "association")
QUORUM = 2
KEEPERS = {
    "operator": ("重演交易中心", "The replay's exchange"),
    "supervisor": ("重演监督机构", "The replay's supervisor"),
    "notary": ("重演公证处", "The replay's notary"),
    "association": ("重演行业协会", "The replay's association"),
}


class QuickState(StateFile):
    """A witness's memory without the sync to disk; everything else as it is."""

    def __init__(self) -> None:
        super().__init__(Path("/nonexistent"))
        self._state: dict[str, object] = {"v": 1, "logs": []}

    @contextmanager
    def locked(self) -> Iterator[dict[str, object]]:
        with self._guard:
            yield self._state

    def write(self, state: object) -> None:
        assert isinstance(state, dict)
        self._state = state


@contextmanager
def a_house(
    folder: Path, seed: int | str, *, number: int = 0, database_url: str = "", durable: bool = False
) -> Iterator[World]:
    """A fresh platform in ``folder`` with its standing custodians and one buyer.

    Args:
        seed: ids, keys, salts and nonces follow from it; key encapsulation draws from the machine, as in a city.
        number: which house of several; each has a log of its own, and all have the same witnesses.
        database_url: SQLite in the folder unless given.
        durable: sync every commit, as a city does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entropy = SeededEntropy(f"replay {seed}" + (f" house {number + 1}" if number else ""))
    witness_entropy = SeededEntropy(f"replay {seed} witnesses")
    origin = ORIGIN if not number else ORIGIN.replace("replay.", f"replay-{number + 1}.", 1)
    clock = VirtualClock(START)
    log_seed, platform_seed = entropy(32), entropy(32)
    keys = {
        name: note.SignerKey(f"{name}.replay.sunroad.example", note.KeyType.COSIGNATURE, witness_entropy(32))
        for name in WITNESSES
    }
    settings = Settings(
        database_url=database_url or f"sqlite:///{folder / 'house.db'}",
        data_folder=folder,
        secret_key="replay only, nobody signs in to this house",
        log_seed=log_seed,
        platform_seed=platform_seed,
        log_origin=origin,
        witnesses=tuple((name, str(key.verifier), "-") for name, key in keys.items()),
        witness_quorum=QUORUM,
        durable=durable,
        make_pdfs=False,
    )
    log_vkey = note.SignerKey(origin, note.KeyType.ED25519, log_seed).verifier
    witnesses = {
        name: Witness((key,), (log_vkey,), QuickState(), lambda: int(clock.now().timestamp()))
        for name, key in keys.items()
    }
    outside = Outside(clock, entropy, MailDrop(), LocalBlobs(folder / "blobs", durable=durable))
    database = Database(settings.database_url, durable=durable)
    platform = Platform(settings, database, outside, rooms())
    platform.create_schema()
    world = World(
        platform, clock, random.Random(f"replay {seed}"), cosigners=dict(cosigners_of(settings, witnesses))
    )
    try:
        _settle(world)
        yield world
    finally:
        database.dispose()


def _settle(world: World) -> None:
    world.buyers.append(world.player("重演招标人", [Role.BUYER, Role.CUSTODIAN], authority="11"))
    for role, (name, _) in KEEPERS.items():
        keeper = world.player(
            name, [Role.CUSTODIAN], authority="12", kinds=[Role.OPERATOR] if role == "operator" else []
        )
        world.keepers[role] = keeper
        with world.begin() as work:
            custody.set_standing_custodian(work, keeper.org_id, role)
    world.sequence()


def trust_of(world: World) -> str:
    """The trust file with which a stranger verifies this house's evidence."""
    return trust.trust_text(world.platform.settings)


def keepers(world: World, count: int) -> list[tuple[int, Player]]:
    """Seat number and player of the first custodians: the tenderer, then the standing ones in their order."""
    seats = [world.buyers[0], *(world.keepers[role] for role in custody.ROLES[1:])]
    return list(enumerate(seats, start=1))[:count]
