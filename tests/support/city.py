"""A small city behind a real address: a platform on virtual time, its people, custodians and witnesses.

The server runs in a thread of the test, so that a test moves the clock between two clicks.
"""

from __future__ import annotations

import io
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from app import create_app
from evaluation.actions import panels
from kernel import timekeeper
from kernel.clock import VirtualClock
from kernel.database import Database
from kernel.identity import actions as identity
from kernel.identity.passwords import hash_password
from kernel.ledger.trust import trust_text
from kernel.ledger.witnesses import cosigners_of
from kernel.outside import LocalBlobs, MailDrop, Outside, SeededEntropy
from kernel.settings import Settings
from sealbid import note, tlog
from sealbid.witness import StateFile, Witness
from simulation.demo import Agenda, Plan, tell
from simulation.keepers import Keeper
from simulation.world import Player, World, found_city
from tests.support.kept import keep_addresses, keep_templates

PASSWORD = "correct horse 7 battery"
ORIGIN = "city.sunroad.example/log"
WITNESSES = ("first.sunroad.example/w", "second.sunroad.example/w")
NOON = datetime(2026, 9, 24, 2, 30, tzinfo=UTC)
"""When the visitor comes to the city of many stages: a working day without holidays near it."""


class Quiet(WSGIRequestHandler):
    """Says nothing about requests that went well."""

    def log_request(self, *_: object) -> None:
        pass


class City:
    """A platform with people, served on a free port of this machine.

    Args:
        folder: where database and files live.
        start: where the virtual clock begins.
    """

    def __init__(self, folder: Path, start: datetime, **people: int) -> None:
        self.folder = folder
        self.server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=Quiet)
        self.server.daemon_threads = True
        self.url = f"http://localhost:{self.server.server_port}"
        self.clock = VirtualClock(start)
        seeds = {name: bytes([7 + at]) * 32 for at, name in enumerate(WITNESSES)}
        keys = {name: note.SignerKey(name, note.KeyType.COSIGNATURE, seed) for name, seed in seeds.items()}
        self.settings = Settings(
            database_url=f"sqlite:///{folder / 'city.db'}",
            data_folder=folder,
            secret_key="only for tests, thirty-two letters and more",
            log_seed=b"\x03" * 32,
            platform_seed=b"\x04" * 32,
            log_origin=ORIGIN,
            base_url=self.url,
            witnesses=tuple((name, str(key.verifier), "http://localhost:9") for name, key in keys.items()),
            witness_quorum=2,
            demo=True,
            durable=False,
            rate_limits=False,
            password_memory_kib=64,
        )
        outside = Outside(
            self.clock, SeededEntropy(11), MailDrop(), LocalBlobs(folder / "blobs", durable=False)
        )
        database = Database(self.settings.database_url, durable=False)
        keep_addresses()
        self.app = create_app(self.settings, outside, database, testing=True)
        keep_templates(self.app)
        self.platform = self.app.extensions["sunroad"]
        self.platform.create_schema()
        self.world = World(
            self.platform,
            self.clock,
            random.Random(2026),
            password_hash=hash_password(self.settings, PASSWORD),
        )
        log_key = note.SignerKey(ORIGIN, note.KeyType.ED25519, self.settings.log_seed).verifier
        self.world.cosigners = cosigners_of(
            self.settings, {name: self._witness(name, key, log_key) for name, key in keys.items()}
        )
        found_city(self.world, **people)
        self.world.sequence()
        self.keepers: list[Keeper] = []
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def _witness(self, name: str, key: note.SignerKey, log_key: note.VerifierKey) -> Witness:
        state = StateFile(self.folder / f"{name.partition('.')[0]}.json")
        return Witness((key,), (log_key,), state, lambda: int(self.clock.now().timestamp()))

    def _answer(self, environ: Any, start_response: Any) -> Any:
        return self.app(environ, start_response)

    def serve(self) -> City:
        self._thread.start()
        return self

    def close(self) -> None:
        if self._thread.is_alive():
            self.server.shutdown()
            self._thread.join(10)
        self.server.server_close()
        self.platform.database.dispose()

    def employ_keepers(self) -> None:
        """Give every custodian organisation an agent with its own token, key and folder, working over HTTP."""
        trust = tlog.Policy.parse(trust_text(self.settings))
        for player in (*self.world.buyers, *self.world.keepers.values()):
            folder = self.folder / "custodians" / player.uscc
            folder.mkdir(parents=True)
            (folder / "identity.key").write_bytes(player.key.private_bytes_raw())
            with self.world.begin(player) as work:
                _, token = identity.issue_token(
                    work, player.person_id, player.org_id, name="agent", scopes=("custody",), days=90
                )
            self.keepers.append(Keeper(self.url, folder, token, trust, self.clock))

    def step(self) -> None:
        """One round of everybody who works beside the web: timekeeper, sequencer, witnesses, custodians."""
        timekeeper.keep_time(self.platform)
        self.world.sequence()
        for keeper in self.keepers:
            keeper.work()
        self.world.sequence()

    def pass_time(self, until: datetime) -> None:
        """Let the virtual clock go to an instant; everybody's moments on the way are kept."""
        self.world.pass_time(until)
        self.step()

    def wait(self, **delta: float) -> None:
        self.pass_time(self.clock.now() + timedelta(**delta))


def city_of_every_stage(folder: Path) -> City:
    """Tenders at every stage, made by real actions up to ``NOON``."""
    city = City(folder, NOON - timedelta(days=37), buyers=1, bidders=8, experts=10)
    agenda = Agenda(city.world, NOON, io.StringIO())

    def add(before: timedelta, number: int, method: str, regime: str, **more: Any) -> None:
        category = "works" if regime == "TM" else "goods"
        plan = Plan(number=number, method=method, regime=regime, category=category, **more)
        agenda.add(NOON - before, tell(agenda, plan))

    day = timedelta(days=1)
    add(36 * day, 1, "comprehensive", "TM", bids=5, question=True)
    add(35 * day, 2, "gp_scoring", "GP", bids=4, until="award")
    add(26 * day, 3, "comprehensive", "TM", bids=2)
    add(25 * day, 4, "comprehensive", "TM", bids=5, until="standstill")
    add(26 * day, 5, "evaluated_lowest", "TM", bids=4, objection=True)
    add(23 * day, 6, "gp_scoring", "GP", bids=4, until="scoring", days=22 * day + timedelta(hours=6))
    add(23 * day, 7, "comprehensive", "TM", bids=4, until="inviting", days=22 * day + timedelta(hours=20))
    add(23 * day, 8, "gp_lowest", "GP", bids=4, until="opening", days=23 * day - timedelta(minutes=4))
    add(12 * day, 9, "gp_scoring", "GP", bids=3, until="tendering", question=True)
    add(timedelta(hours=5), 10, "comprehensive", "TM", until="draft", lots=2, days=25 * day)
    agenda.run()
    city.deals = agenda.deals  # type: ignore[attr-defined]
    return city


def panelist_at_work(city: City, stages: tuple[str, ...] = ("scoring", "reviewing")) -> Player:
    """An expert who sits in a panel that is at work."""
    for deal in city.deals:  # type: ignore[attr-defined]
        with city.world.read() as session:
            panel = panels.panel_of(session, deal.tender_id)
            if panel is None or panel.state not in stages:
                continue
            sitting = {member.person_id for member in panels.committed(panel)}
        found = next((one for one in city.world.experts if one.person_id in sitting), None)
        if found:
            return found
    raise AssertionError("nobody sits in a panel")


@contextmanager
def served(city: City) -> Iterator[City]:
    """A city that answers while the block runs."""
    city.serve()
    try:
        yield city
    finally:
        city.close()
