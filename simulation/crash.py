"""Killing the platform for real: two processes do submission, close and opening; ``kill -9`` strikes at
random.

``python -m simulation.crash --rounds 200``. One process is the web (commits, blocks, completions,
withdrawals, shares), one does the jobs (sequencer, witnesses, timekeeper). Both work on one SQLite file
with ``synchronous=FULL``; each prints an acknowledgement into a pipe as soon as it has one. After every
round nobody is alive, and what the database, the store, the log and the witnesses hold is compared with
what was acknowledged. The next round asks everything again, as clients do that never got their answer.

A killed process loses its memory, not the machine's: what a power cut does to a disk is not shown here.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import multiprocessing
import os
import random
import secrets
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import sqlalchemy as sa
import structlog

from app import create_app
from bidding.actions import closing, custody, delivery, releasing, submission, unsealing
from bidding.models import Bid, OpenedPart
from bidding.rules.states import BidState, OpeningState
from kernel import timekeeper
from kernel.clock import VirtualClock
from kernel.database import Database
from kernel.errors import Refusal
from kernel.ledger import sequencer, trust
from kernel.ledger.audit import audit_log
from kernel.ledger.models import FactRow
from kernel.ledger.witnesses import local_cosigner
from kernel.money import Money
from kernel.outside import LocalBlobs, MailDrop, Outside
from kernel.platform import Platform
from kernel.settings import Settings
from sealbid import container, records, signatures
from sealbid.envelope import unwrap_share
from sealbid.note import KeyType, SignerKey, VerifierKey
from sealbid.octets import b64
from sealbid.witness import StateFile, Witness
from simulation import deal as moves
from simulation.world import Player, World, found_city
from trading.models import Tender

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
WITNESSES = ("supervisor", "notary", "association")
BIDS = 5
ACKS = 56
"""About how many acknowledgements one deal takes, so that a strike falls anywhere in it."""
PATIENCE_SECONDS = 60.0
DONE = b'"done"'


class SharedClock(VirtualClock):
    """A virtual clock that several processes read and any may move forward."""

    def __init__(self, start: datetime) -> None:
        self._micros = multiprocessing.Value("q", int(start.timestamp() * 1_000_000))

    def now(self) -> datetime:
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self._micros.value)

    def move(self, to: datetime) -> None:
        with self._micros.get_lock():
            self._micros.value = max(self._micros.value, int(to.timestamp() * 1_000_000))


@dataclass
class Case:
    """One tender and everything its people prepared beforehand, so that they can ask the same thing again."""

    deal: moves.Deal
    offers: list[tuple[Player, moves.SealedOffer]]
    withdrawn: str
    salts: dict[tuple[int, str], bytes]
    acks: set[tuple[str, ...]] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)


@dataclass
class Tally:
    """What a run saw."""

    rounds: int = 0
    deals: int = 0
    killed: dict[str, int] = field(default_factory=dict)
    acks: int = 0
    bids: int = 0
    leaves: int = 0
    findings: list[str] = field(default_factory=list)


class Stage:
    """The city under fire: a platform on durable files, rebuilt in every process from the same settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = SharedClock(START)
        self.keys = {
            name: SignerKey(f"{name}.example/w", KeyType.COSIGNATURE, secrets.token_bytes(32))
            for name in WITNESSES
        }
        self.settings = Settings(
            database_url=f"sqlite:///{folder / 'crash.db'}",
            data_folder=folder,
            secret_key="only for crash tests, thirty-two letters and more",
            log_seed=secrets.token_bytes(32),
            platform_seed=secrets.token_bytes(32),
            base_url="http://localhost",
            witnesses=tuple((name, str(key.verifier), "-") for name, key in self.keys.items()),
            make_pdfs=False,
            rate_limits=False,
        )
        outside = Outside(self.clock, secrets.token_bytes, MailDrop(), LocalBlobs(folder / "blobs"))
        app = create_app(self.settings, outside, Database(self.settings.database_url), testing=True)
        self.platform: Platform = app.extensions["sunroad"]
        self.platform.create_schema()
        self.world = World(self.platform, self.clock, random.Random(7))
        found_city(self.world)
        self.reconnect()

    def reconnect(self) -> None:
        """Fresh connections, for a new process or after one."""
        self.platform.database.dispose()
        self.platform.database = Database(self.settings.database_url)

    def witness(self, name: str) -> Witness:
        log = VerifierKey.parse(trust.log_vkey(self.settings))
        state = StateFile(self.folder / f"{name}.json")
        return Witness([self.keys[name]], [log], state, lambda: int(self.clock.now().timestamp()))

    def case(self) -> Case:
        """A published tender with sealed bids that nobody has handed in yet."""
        world = self.world
        deal = moves.draft_deal(
            world, world.buyers[0], title="向阳区道路改造工程", summary="路面与排水。", regime="TM",
            category="works", method="evaluated_lowest", ceilings=[Money.from_yuan("9000000")],
        )  # fmt: skip
        moves.publish(world, deal)
        world.sequence()
        offers = []
        for player in world.dice.sample(world.bidders, BIDS):
            price = Money.from_yuan(str(8_000_000 + world.dice.randint(0, 900_000)))
            papers = [("技术方案.pdf", "application/pdf", secrets.token_bytes(150_000))]
            offers.append(
                (player, moves.seal_offer(world, deal, player, moves.Offer(lot=1, price=price, files=papers)))
            )
        assert deal.policy is not None
        salts = {
            (x, part): secrets.token_bytes(32)
            for x in range(1, deal.policy.t + 1)
            for part in deal.policy.parts
        }
        return Case(deal, offers, offers[0][1].code, salts)


# What the two processes do ------------------------------------------------------------------------


def web(stage: Stage, case: Case, ack: Callable[..., None]) -> None:
    """Submit everything, wait for the close, release, and go on until the opening is confirmed."""
    for player, sealed in case.offers:
        try:
            _submit(stage, case, player, sealed, ack)
        except Refusal as no:
            if no.code not in ("bids_closed", "bid_not_open"):
                raise
    _withdraw(stage, case, ack)
    with stage.platform.read() as session:
        closes = session.get_one(Tender, case.deal.tender_id).bids_close_at
    stage.clock.move(closes)
    _until(lambda: _opening(stage, case) is not None)
    ack("closed")
    _release(stage, case, ack)
    _until(lambda: _state(stage, case) is not OpeningState.RELEASING)
    ack("opened")
    stage.clock.move(stage.clock.now() + timedelta(minutes=11))
    _until(lambda: _state(stage, case) is OpeningState.CONFIRMED)
    ack("done")


def _submit(
    stage: Stage, case: Case, player: Player, sealed: moves.SealedOffer, ack: Callable[..., None]
) -> None:
    world, actor = stage.world, stage.world.actor(player)
    with world.begin(player) as work:
        submission.commit_bid(work, case.deal.tender_id, sealed.body, sealed.sig, sealed.hashes)
    ack("commit", sealed.code)
    for part, data in sealed.parts.items():
        for number, block in enumerate(container.blocks_of(io.BytesIO(data))):
            delivery.put_blocks(stage.platform, actor, sealed.code, part, number, [block])
            ack("block", sealed.code, part, str(number))
    with world.begin(player) as work:
        submission.complete_bid(work, sealed.code)
    ack("complete", sealed.code)


def _withdraw(stage: Stage, case: Case, ack: Callable[..., None]) -> None:
    player, sealed = case.offers[0]

    def leaf() -> int:
        with stage.platform.read() as session:
            return submission.leaf_of(session, submission.bid_by_code(session, sealed.code))

    _until(lambda: leaf() >= 0)
    body = {"bid": sealed.code, "commit_leaf": leaf()}
    sig = signatures.sign("bid-withdraw", body, sealed.bk).to_json()
    with stage.world.begin(player) as work:
        submission.withdraw_bid(work, sealed.code, body, sig)
    ack("withdraw", sealed.code)


def _release(stage: Stage, case: Case, ack: Callable[..., None]) -> None:
    world, deal = stage.world, case.deal
    opening = _opening(stage, case)
    assert opening is not None
    with world.read() as session:
        bids = closing.bids_to_open(session, deal.tender_id)
        seats = {seat.x: seat for seat in custody.seats_of(session, deal.tender_id)}
    blobs = world.platform.outside.blobs
    for (x, part), salt in case.salts.items():
        keeper = moves.keeper_of(world, deal, seats[x])
        shares = [
            {
                "bid": one.code,
                "share": b64(
                    unwrap_share(
                        releasing.header_of(blobs, one, part),
                        x,
                        world.seeds[deal.code, x],
                        bytes.fromhex(one.policy),
                    )
                ),
            }
            for one in bids
        ]
        content = {"shares": shares}
        body = {
            "tender": deal.code, "part": part, "close": opening.close_index, "x": x, "bad": [],
            "d": records.private_digest(content, salt),
        }  # fmt: skip
        try:
            with world.begin(keeper) as work:
                releasing.promise_release(work, deal.tender_id, body, keeper.sign("share-release", body))
            ack("promise", str(x), part)
            with world.begin(keeper) as work:
                releasing.disclose_release(work, deal.tender_id, part, x, content, salt)
            ack("disclose", str(x), part)
        except Refusal as no:
            if no.code != "release_over":
                raise
    unsealing.open_bids(
        stage.platform, deal.tender_id
    )  # a crash after the last release must not leave it waiting


def jobs(stage: Stage, case: Case, ack: Callable[..., None]) -> None:
    """Sequencer, witnesses and timekeeper, as the real jobs do it, without end."""
    witnesses = {name: local_cosigner(stage.witness(name)) for name in WITNESSES}
    parent = os.getppid()
    while os.getppid() == parent:  # never outlive the run
        if sequencer.pending(stage.platform):
            head = sequencer.sequence(stage.platform)
            ack("sequenced", str(head.size))
        sequencer.cosign(stage.platform, witnesses)
        timekeeper.keep_time(stage.platform)
        time.sleep(0.005)


def _opening(stage: Stage, case: Case) -> Any:
    with stage.platform.read() as session:
        return closing.opening_of(session, case.deal.tender_id)


def _state(stage: Stage, case: Case) -> OpeningState | None:
    opening = _opening(stage, case)
    return None if opening is None else opening.state


def _until(ready: Callable[[], bool]) -> None:
    parent = os.getppid()
    while not ready():
        if os.getppid() != parent:
            raise SystemExit("the run is over")
        time.sleep(0.005)


# The parent ---------------------------------------------------------------------------------------


def _spawn(
    role: Callable[[Stage, Case, Callable[..., None]], None], stage: Stage, case: Case
) -> tuple[int, int]:
    """Fork a process with a pipe for its acknowledgements.

    No connection may cross the fork: closing SQLite's file in the child would touch locks and log of the parent's.
    """
    stage.reconnect()
    read_end, write_end = os.pipe()
    pid = os.fork()
    if not pid:
        _be(role, stage, case, read_end, write_end)
    os.close(write_end)
    return pid, read_end


def _be(
    role: Callable[[Stage, Case, Callable[..., None]], None], stage: Stage, case: Case, other: int, pipe: int
) -> NoReturn:
    code = 1
    try:
        os.close(other)
        stage.reconnect()
        role(stage, case, _acknowledger(pipe))
        code = 0
    except BaseException as trouble:
        where = " < ".join(
            f"{frame.name}:{frame.lineno}"
            for frame in reversed(traceback.extract_tb(trouble.__traceback__)[-6:])
        )
        os.write(pipe, json.dumps(["trouble", f"{role.__name__}: {trouble!r} at {where}"]).encode() + b"\n")
    finally:
        os._exit(code)


def _acknowledger(pipe: int) -> Callable[..., None]:
    def ack(*words: str) -> None:
        os.write(pipe, json.dumps(words).encode() + b"\n")

    return ack


def _kill(pid: int) -> None:
    """Kill one of our own and wait until it is gone."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def play(stage: Stage, case: Case, dice: random.Random, tally: Tally) -> bool:
    """One round: start both, strike after a random number of acknowledgements and a random moment more.

    True when the deal was finished.
    """
    children = {"web": _spawn(web, stage, case), "jobs": _spawn(jobs, stage, case)}
    victim = dice.choice(("web", "jobs", "both"))
    strike_after, moment = dice.randint(0, ACKS), dice.uniform(0, 0.03)
    heard = dict.fromkeys(children, b"")
    strike, last = 0.0, time.monotonic() + PATIENCE_SECONDS
    alive = dict(children)
    while alive and DONE not in heard["web"]:
        now = time.monotonic()
        pipes = {pipe: name for name, (_, pipe) in children.items()}
        ready, _, _ = select.select(list(pipes), [], [], 0.002)
        for pipe in ready:
            heard[pipes[pipe]] += os.read(pipe, 1 << 16)
        if not strike and heard["web"].count(b"\n") >= strike_after:
            strike = now + moment
        if strike and now >= strike and victim:
            for name in ("web", "jobs") if victim == "both" else (victim,):
                _kill(alive.pop(name)[0])
            tally.killed[victim] = tally.killed.get(victim, 0) + 1
            victim, last = "", now + dice.uniform(0, 0.3)  # the other lives a little longer
        if now >= last:
            break
    for name in list(alive):
        _kill(alive.pop(name)[0])
    for name, (_, pipe) in children.items():
        while piece := os.read(pipe, 1 << 16):
            heard[name] += piece
        os.close(pipe)
        for line in heard[name].split(b"\n")[:-1]:
            words = tuple(json.loads(line))
            if words[0] == "trouble":
                tally.findings.append(words[1])
            else:
                case.acks.add(words)
                tally.acks += 1
    return ("done",) in case.acks


def check(stage: Stage, case: Case) -> list[str]:
    """What is stored against what was acknowledged; empty when nothing is lost, doubled or inconsistent."""
    found: list[str] = []
    with stage.platform.read() as session:
        bids = {
            bid.code: bid
            for bid in session.scalars(sa.select(Bid).where(Bid.tender_id == case.deal.tender_id))
        }
        told = {
            (str(subject), name): count
            for subject, name, count in session.execute(
                sa.select(FactRow.subject, FactRow.name, sa.func.count())
                .where(FactRow.name.like("bidding.bid.%"))
                .group_by(FactRow.subject, FactRow.name)
            )
        }
        found += _lost(case, bids)
        for bid in bids.values():
            for deed in ("committed", "completed", "withdrawn"):
                if told.get((str(bid.id), f"bidding.bid.{deed}"), 0) > 1:
                    found.append(f"{bid.code} was {deed} twice")
        found += _blocks_lost(stage, case)
        opening = closing.opening_of(session, case.deal.tender_id)
        if opening is not None:
            listed = [one["bid"] for one in opening.close_body["bids"]]
            wanted = sorted(code for code, bid in bids.items() if bid.completed_at and not bid.withdrawn_at)
            if sorted(listed) != wanted:
                found.append(f"the close lists {listed}, complete are {wanted}")
            parts = session.execute(
                sa.select(OpenedPart.bid_id, OpenedPart.part, OpenedPart.ok).where(
                    OpenedPart.tender_id == case.deal.tender_id
                )
            ).all()
            if opening.state is not OpeningState.RELEASING and len(parts) != 2 * len(listed):
                found.append(f"{len(parts)} opened parts of {len(listed)} bids")
            found += [f"part {part} of {bid_id} did not open" for bid_id, part, ok in parts if not ok]
        elif ("closed",) in case.acks:
            found.append("the acknowledged close is gone")
        found += _witnesses(stage, session)
    return found + audit_log(stage.platform).findings


def _lost(case: Case, bids: dict[str, Bid]) -> list[str]:
    found = []
    for ack in sorted(case.acks):
        bid = bids.get(ack[1]) if len(ack) > 1 else None
        if ack[0] == "commit" and bid is None:
            found.append(f"acknowledged commit {ack[1]} is lost")
        if ack[0] == "complete" and (bid is None or bid.completed_at is None):
            found.append(f"acknowledged bid {ack[1]} is lost")
        if ack[0] == "complete" and bid is not None and bid.state is not BidState.COMPLETE:
            taken_back = bid.code == case.withdrawn and bid.state is BidState.WITHDRAWN
            if not taken_back:
                found.append(f"acknowledged bid {ack[1]} is {bid.state}")
        if ack[0] == "withdraw" and (bid is None or bid.state is not BidState.WITHDRAWN):
            found.append(f"acknowledged withdrawal of {ack[1]} is lost")
    return found


def _blocks_lost(stage: Stage, case: Case) -> list[str]:
    given = {sealed.code: sealed for _, sealed in case.offers}
    found = []
    for ack in sorted(case.acks):
        if ack[0] == "block":
            _, code, part, number = ack
            blocks = list(container.blocks_of(io.BytesIO(given[code].parts[part])))
            stored = stage.platform.outside.blobs.get(delivery.block_key(code, part, int(number)))
            if stored != blocks[int(number)]:
                found.append(f"acknowledged block {number} of {part} {code} is lost")
    return found


def _witnesses(stage: Stage, session: Any) -> list[str]:
    head, found = sequencer.head(session), []
    for name in WITNESSES:
        known = stage.witness(name).known(stage.settings.log_origin)
        if known.size > head.size:
            found.append(f"witness {name} has signed {known.size}, the log has {head.size}")
        elif known.size and sequencer.tree(session).root(known.size) != known.root:
            found.append(f"witness {name} remembers another tree of size {known.size}")
    return found


def torture(
    rounds: int, seed: int, folder: Path, *, progress: Callable[[int], None] = lambda _: None
) -> Tally:
    """Kill, restart and check so many times."""
    stage, dice, tally = Stage(folder), random.Random(seed), Tally()
    case = stage.case()
    while tally.rounds < rounds and not tally.findings:
        stage.platform.database.dispose()
        finished = play(stage, case, dice, tally)
        tally.rounds += 1
        stage.reconnect()
        tally.findings += check(stage, case)
        if finished:
            tally.deals, tally.bids = tally.deals + 1, tally.bids + len(case.offers)
            case = stage.case()
        progress(tally.rounds)
    with stage.platform.read() as session:
        tally.leaves = sequencer.head(session).size
    stage.platform.database.dispose()
    return tally


def main(argv: list[str] | None = None) -> int:
    """Run the rounds and print the tally as JSON; exit code 1 when anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m simulation.crash", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args(argv)
    structlog.configure(processors=[_drop])
    began = time.monotonic()

    def progress(done: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done}/{args.rounds}", end="", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="sunroad-crash-") as place:
        tally = torture(args.rounds, args.seed, Path(place), progress=progress)
    told = dataclasses.asdict(tally) | {"seed": args.seed, "seconds": round(time.monotonic() - began, 1)}
    print(json.dumps(told, ensure_ascii=False))
    return 1 if tally.findings else 0


def _drop(_logger: Any, _method: str, _event: Any) -> Any:
    raise structlog.DropEvent


if __name__ == "__main__":
    sys.exit(main())
