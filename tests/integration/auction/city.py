"""Halls of their own processes with running auctions, and pages that follow them as a browser does."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import websocket

import app as composition
from benchmarks.fanout_sale import PRINTED, Made, make
from bidding.hall_core import journal
from bidding.models_auction import AuctionEvent, AuctionHead
from bidding.rules.auction.terms import Outage
from kernel.live import leases
from kernel.platform import Platform
from tests.support import services
from tests.support.live import Browser

ROOT = Path(__file__).resolve().parents[3]
LOST = (OSError, websocket.WebSocketException)
AGAIN = ("no_answer_yet", "moved", "hall_elsewhere", "hall_busy", "not_joined")
SOON: dict[str, Any] = {
    **PRINTED,
    "outage": Outage(resume_notice_minutes=0, remaining_seconds_min=600),
}
"""Rules under which an auction goes on at once after an outage."""


class City:
    """A database with running ascending auctions of four bidders each."""

    def __init__(self, folder: Path, url: str, rooms: int = 1) -> None:
        self.folder = folder
        self.made: Made = make(folder, url, rooms=rooms, each=5, bidders=4, printed=SOON)
        (folder / "settings").write_bytes(pickle.dumps(self.made.settings))
        self.names = [line.split()[0] for line in self.made.rooms]
        built = composition.create_app(self.made.settings)
        self.platform: Platform = built.extensions["sunroad"]

    def close(self) -> None:
        self.platform.database.dispose()

    @contextmanager
    def hall(self, redis: str = "") -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
        """A hall process; gives its port."""
        port = services.free_port()
        words = [str(self.folder), str(port), *([redis] if redis else [])]
        with (self.folder / f"hall-{port}.log").open("wb") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.auction.live_hall", *words],
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        try:
            yield port, child
        finally:
            child.kill()
            child.wait()

    def stored(self, name: str) -> dict[str, str]:
        """Key → receipt of everything the journal holds under a key."""
        with self.platform.read() as session:
            rows = session.execute(
                sa.select(AuctionEvent.key, AuctionEvent.receipt)
                .where(AuctionEvent.auction_id == id_of(name), AuctionEvent.key.is_not(None))
                .order_by(AuctionEvent.seq)
            ).all()
        assert len({row.key for row in rows}) == len(rows), "a key stands once"
        return {row.key: row.receipt for row in rows}

    def prices(self, name: str) -> list[str]:
        """The amounts of all offers, in order, as the journal has them."""
        with self.platform.read() as session:
            lines = journal.lines_of(session.connection(), id_of(name))
        events = [json.loads(line.text)["event"] for line in lines]
        return [event["amount"] for event in events if event["kind"] == "offer"]

    def owner(self, name: str) -> tuple[str, int, datetime | None]:
        with self.platform.read() as session:
            head = session.get_one(AuctionHead, id_of(name))
            return head.owner, head.fence, head.alive_at

    def port(self, name: str) -> int:
        """Where the hall that runs an auction now listens."""
        with self.platform.read() as session:
            holder = leases.holder_of(session, name, self.platform.outside.clock.now())
        assert holder is not None
        return int(holder.partition("#")[0].rpartition(":")[2])


def id_of(name: str) -> UUID:
    return UUID(name.partition(":")[2])


class Page:
    """A browser's page of an auction: it follows numbers, fills gaps, and comes back elsewhere when it is cut.

    Attributes:
        prices: the list of offers as this page shows it. seen: the number it is at.
        said: news that are no offers: stages, troubles.
    """

    def __init__(self, ports: list[int], cookie: str, name: str) -> None:
        self.ports, self.cookie, self.name = ports, cookie, name
        self.seen: int | None = None
        self.prices: list[str] = []
        self.said: list[dict[str, Any]] = []
        self.gaps = self.behind = self.cuts = 0
        self.come()

    def come(self, seconds: float = 180) -> None:
        """Open a socket at the first port that takes us, and join."""
        until = time.monotonic() + seconds
        while True:
            for port in self.ports:
                try:
                    self.browser = Browser(port, self.cookie)
                    self.read = 0
                    self.join()
                except LOST:
                    continue
                else:
                    return
            assert time.monotonic() < until, "no hall lets us in"
            time.sleep(0.05)

    def join(self) -> None:
        while True:
            more = {} if self.seen is None else {"seen": self.seen}
            answer = self.browser.join(self.name, **more)
            if answer["ok"]:
                break
            assert answer["problem"]["code"] in AGAIN, answer
            time.sleep(0.05)
        if "state" in answer:
            self.seen = answer["state"]["version"]
            self.prices = [one["amount"] for one in answer["state"]["list"]]
        for one in answer.get("news", ()):
            self._news(one["version"], one["news"])

    def _news(self, version: int, news: dict[str, Any]) -> None:
        assert self.seen is not None
        if version <= self.seen:
            return
        if version > self.seen + 1:
            self.gaps += 1
            self.join()
            return
        self.seen = version
        self.prices += [one["amount"] for one in news.get("list", ())]
        if news.keys() - {"best", "next", "offers", "list"}:
            self.said.append(news)

    def follow(self) -> None:
        """Take in what was heard so far."""
        while self.read < len(self.browser.heard):
            event, data = self.browser.heard[self.read]
            self.read += 1
            if event == "news":
                self._news(data["version"], data["news"])
            elif event == "behind" and data["version"] > (self.seen or 0):
                self.behind += 1
                self.join()

    def listen(self, seconds: float) -> None:
        """Read for a while; come back when we are cut."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                self.browser.ws.settimeout(left)
                self.browser.take()
                self.follow()
            except websocket.WebSocketTimeoutException:
                return
            except LOST:
                self.cuts += 1
                self.come()

    def until(self, done: Any, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, (self.seen, self.prices[-3:], self.said[-3:])
            self.listen(0.2)

    def bid(self, amount: int, key: str, seconds: float = 90) -> str:
        """Offer until it is answered, always under the same key; returns the receipt."""
        until = time.monotonic() + seconds
        while True:
            try:
                answer = self.browser.do(self.name, "offer", amount=f"{amount}.00", key=key)
                self.follow()
            except (*LOST, AssertionError):
                self.cuts += 1
                self.come()
                continue
            if answer["ok"]:
                return str(answer["receipt"])
            assert answer["problem"]["code"] in AGAIN, answer
            assert time.monotonic() < until, answer
            time.sleep(0.05)

    def close(self) -> None:
        with suppress(*LOST):
            self.browser.ws.shutdown()


class Bidding:
    """Bidders of one auction who outbid each other in turn until told to stop, in a thread of their own."""

    def __init__(self, pages: list[Page], first: int = 1000) -> None:
        self.pages, self.first = pages, first
        self.receipts: dict[str, str] = {}
        self.times: list[float] = []
        self.trouble: BaseException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        at = 0
        try:
            while not self._stop.is_set():
                key = f"race-key-{at:05d}"
                self.receipts[key] = self.pages[at % len(self.pages)].bid(self.first + at, key)
                self.times.append(time.monotonic())
                at += 1
        except BaseException as trouble:  # said in the test's own thread
            self.trouble = trouble

    def wait(self, offers: int, seconds: float = 120) -> None:
        """Until so many more were acknowledged."""
        wanted, until = len(self.receipts) + offers, time.monotonic() + seconds
        while len(self.receipts) < wanted:
            assert self.trouble is None, self.trouble
            assert time.monotonic() < until, f"{len(self.receipts)} of {wanted}"
            time.sleep(0.02)

    def end(self) -> None:
        self._stop.set()
        self._thread.join(120)
        assert not self._thread.is_alive()
        if self.trouble is not None:
            raise self.trouble
