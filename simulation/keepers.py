"""The demonstration's custodians: each works through his own client, with his own key, state and token.

They answer what the platform asks of them - a key for a new tender, a word on a share, a release after the close -
but only through ``sealbid``'s own judgement, which refuses everything early or unproven.
"""

from __future__ import annotations

import json
import threading
import urllib.error
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kernel.clock import Clock, SystemClock
from kernel.ledger.trust import trust_text
from kernel.outside import system_entropy
from kernel.settings import Settings
from sealbid import signatures, tlog
from sealbid.agent import BidKit, make_key_statement
from sealbid.client import Client
from sealbid.custodian import CustodianAgent, CustodianState
from sealbid.errors import SealError
from simulation.demo import COST, PASSPHRASE

log = structlog.get_logger("sunroad.keepers")

SECONDS = 3.0


def run_keepers(settings: Settings, stop: threading.Event) -> None:
    """Let every demonstration custodian look for duties until told to stop."""
    folder = settings.data_folder / "custodians"
    tokens = json.loads((folder / "tokens.json").read_text("utf-8"))
    trust = tlog.Policy.parse(trust_text(settings))
    keepers = [Keeper(settings.base_url, folder / uscc, token, trust) for uscc, token in tokens.items()]
    while not stop.wait(SECONDS):
        for keeper in keepers:
            if stop.is_set():
                return
            try:
                keeper.work()
            except (OSError, urllib.error.URLError, SealError) as trouble:
                log.info("keeper", org=keeper.folder.name, trouble=str(trouble))


class Keeper:
    """One custodian organisation's agent, set to release by itself."""

    def __init__(
        self, url: str, folder: Path, token: str, trust: tlog.Policy, clock: Clock | None = None
    ) -> None:
        self.folder = folder
        self.clock = clock or SystemClock()
        self.key = Ed25519PrivateKey.from_private_bytes((folder / "identity.key").read_bytes())
        self.client = Client(url, token)
        self.state = CustodianState(folder, PASSPHRASE, system_entropy, cost=COST)
        self.agent = CustodianAgent(self.client, self.state, trust, self._sign)

    def _sign(self, kind: str, body: Any) -> dict[str, Any]:
        return signatures.sign(kind, body, self.key).to_json()

    def work(self) -> None:
        """Do what is due now; what is refused stays due and is tried again."""
        duties = json.loads(self.client.get("/api/v1/custodians/me/duties"))
        for duty in duties["keys"]:
            self._state_key(duty)
        for duty in duties["acks"]:
            self._acknowledge(duty)
        for duty in duties["releases"]:
            self._release(duty)

    def _state_key(self, duty: dict[str, Any]) -> None:
        try:
            seed = self.state.seed(duty["tender"])
        except SealError:
            seed = self.state.new_seed(duty["tender"])
        not_after = datetime.fromisoformat(duty["not_after"]).astimezone(UTC)
        body = make_key_statement(
            duty["tender"], duty["x"], duty["role"], duty["org"], not_after, seed=seed, suite="intl-1"
        )
        message = {"body": body, "sig": self._sign("custodian-key", body)}
        self.client.post(f"/api/v1/tenders/{duty['tender']}/custodian-keys", message)
        log.info("key_stated", tender=duty["tender"], x=duty["x"])

    def _acknowledge(self, duty: dict[str, Any]) -> None:
        path = f"/api/v1/tenders/{duty['tender']}/ack-kit?bid={duty['bid']}&part={duty['part']}"
        kit = BidKit.from_json(json.loads(self.client.get(path)))
        policy = self.agent.fetch_policy(duty["tender"])
        self.agent.acknowledge(policy, duty["x"], duty["part"], kit)

    def _release(self, duty: dict[str, Any]) -> None:
        policy = self.agent.fetch_policy(duty["tender"])
        try:
            self.agent.release(
                policy,
                duty["x"],
                duty["part"],
                now=self.clock.now(),
                parts_allowed=policy.parts,
                approved=True,
            )
        except SealError as no:
            log.info("not_released", tender=duty["tender"], part=duty["part"], why=no.code)
            return
        log.info("released", tender=duty["tender"], part=duty["part"], x=duty["x"])
