"""The demonstration's bidders in live auctions: each through the machine doors, with his own token, like any bidder.

They see only what those doors show a bidder, and offer now and then until their own limit. The visitor's bidder is
left to the visitor.
"""

from __future__ import annotations

import json
import random
import threading
import urllib.error
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import structlog

from kernel.settings import Settings
from sealbid.client import Client
from sealbid.errors import SealError

log = structlog.get_logger("sunroad.traders")

SECONDS = 6.0
CHANCE = 0.22
"""How likely a bidder who does not lead offers in one round."""
LOWEST, HIGHEST = Decimal("0.86"), Decimal("1.18")
"""How far from the starting price a demonstration bidder goes, as shares of it."""


def run_traders(settings: Settings, stop: threading.Event) -> None:
    """Let every demonstration bidder look for live auctions until told to stop."""
    told = json.loads((settings.data_folder / "traders.json").read_text("utf-8"))
    dice = random.Random()
    traders = [Trader(settings.base_url, name, token, dice) for name, token in told.items()]
    while not stop.wait(SECONDS):
        live = _live(settings.base_url)
        for trader in traders:
            if stop.is_set():
                return
            try:
                trader.work(live)
            except (OSError, urllib.error.URLError, SealError) as trouble:
                log.info("trader", who=trader.name, trouble=str(trouble))


def _live(url: str) -> list[dict[str, Any]]:
    """The auctions that run now, as everybody may ask."""
    try:
        found: list[dict[str, Any]] = json.loads(Client(url).get("/api/v1/auctions"))["auctions"]
    except (OSError, SealError) as trouble:
        log.info("traders_wait", trouble=str(trouble))
        return []
    return [one for one in found if one["stage"] == "live"]


class Trader:
    """One bidder who watches the auctions he registered for."""

    def __init__(self, url: str, name: str, token: str, dice: random.Random) -> None:
        self.name = name
        self.client = Client(url, token)
        self.dice = dice
        self._mine: dict[str, bool] = {}

    def work(self, live: list[dict[str, Any]]) -> None:
        """Offer in a live auction or two, where it is somebody else who leads."""
        for auction in live:
            if self._takes_part(auction["id"]) and self.dice.random() < CHANCE:
                self._offer(auction)

    def _takes_part(self, auction: str) -> bool:
        if auction not in self._mine:
            try:
                self.client.get(f"/api/v1/auctions/{auction}/registration")
                self._mine[auction] = True
            except SealError as no:
                if no.facts.get("status") not in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
                    raise
                self._mine[auction] = False
        return self._mine[auction]

    def _offer(self, auction: dict[str, Any]) -> None:
        path = f"/api/v1/auctions/{auction['id']}"
        seen = json.loads(self.client.get(f"{path}/state"))
        state, own = seen["state"], seen["own"]
        if state["stage"] == "inquiry" and own.get("willing") is None:
            self._do(path, {"do": "will_continue", "key": self._key()})
            return
        if own.get("rank") in (1, True) or not own.get("next"):
            return
        wanted, start = Decimal(own["next"]), Decimal(auction["terms"]["start"])
        if not start * LOWEST <= wanted <= start * HIGHEST:
            return
        self._do(path, {"do": "offer", "amount": own["next"], "key": self._key(), "confirmed": True})

    def _do(self, path: str, deed: dict[str, Any]) -> None:
        try:
            self.client.post(f"{path}/offers", deed)
            log.info("offered", who=self.name, deed=deed["do"])
        except SealError as no:
            log.info("not_offered", who=self.name, why=no.code)

    def _key(self) -> str:
        return f"demo-{datetime.now(UTC):%H%M%S%f}-{self.dice.randrange(10**6):06d}"
