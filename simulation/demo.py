"""The demonstration city: months of trading by actors on a virtual clock that ends at the present moment.

Everything is made by real actions with real sealing, real custodians and a real log; what the visitor finds lives on.
"""

from __future__ import annotations

import heapq
import itertools
import json
import random
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TextIO

import sqlalchemy as sa

from app import create_app
from kernel.batch import seldom_collected
from kernel.clock import VirtualClock
from kernel.database import Database
from kernel.identity import actions as identity
from kernel.identity.passwords import hash_password
from kernel.ledger.witnesses import cosigners_of
from kernel.money import Money
from kernel.outbox.models import Message
from kernel.outside import LocalBlobs, MailDrop, MirroredBlobs, Outside, system_entropy
from kernel.settings import Settings
from sealbid import note
from sealbid.custodian import CustodianState
from sealbid.witness import StateFile, Witness, WitnessServer
from simulation import bonds, cartel, hall_talk, names, sales, sealed_sales
from simulation import deal as deals
from simulation.deal import Deal, Offer
from simulation.world import Player, World, found_city
from trading import actions as trading
from trading.models import Tender

PASSWORD = "sunroad-demo-2026"
ORIGIN = "demo.sunroad.example/log"
WITNESSES = (
    "supervision.demo.sunroad.example/w1",
    "notary.demo.sunroad.example/w2",
    "association.demo.sunroad.example/w3",
)
DAYS = 150
COST = 1 << 10  # scrypt for demonstration custodians: their passphrase is public anyway
PASSPHRASE = "demonstration custodian"

WITHOUT_BOND = (18, 2)
"""Deal and place of a bid whose bidder forgot the bond: the hall that is held now shows it."""

Story = Iterator[datetime]
"""A deal told as a generator: it acts, then yields the instant at which it goes on."""


@dataclass(frozen=True)
class Demo:
    """Where a demonstration lives and how it is reached."""

    folder: Path
    settings: Settings
    witness_seeds: tuple[bytes, ...]
    ports: tuple[int, ...]

    @property
    def ready(self) -> Path:
        return self.folder / "ready.json"


def open_demo(folder: Path, port: int) -> Demo:
    """The demonstration in a folder; its keys are made at random on the first start and kept."""
    folder.mkdir(parents=True, exist_ok=True)
    keys_file = folder / "keys.json"
    if not keys_file.exists():
        made = {name: secrets.token_hex(32) for name in ("secret", "log", "platform", "w1", "w2", "w3")}
        keys_file.write_text(json.dumps(made), "utf-8")
        keys_file.chmod(0o600)
    keys = json.loads(keys_file.read_text("utf-8"))
    seeds = tuple(bytes.fromhex(keys[name]) for name in ("w1", "w2", "w3"))
    ports = tuple(port + offset for offset in (1, 2, 3))
    witnesses = tuple(
        (name, str(note.SignerKey(name, note.KeyType.COSIGNATURE, seed).verifier), f"http://127.0.0.1:{at}")
        for name, seed, at in zip(WITNESSES, seeds, ports, strict=True)
    )
    settings = Settings(
        database_url=f"sqlite:///{folder / 'sunroad.db'}",
        data_folder=folder,
        secret_key=keys["secret"],
        log_seed=bytes.fromhex(keys["log"]),
        platform_seed=bytes.fromhex(keys["platform"]),
        log_origin=ORIGIN,
        base_url=f"http://127.0.0.1:{port}",
        blobs_url=str(folder / "blobs"),
        blobs_mirror_url=str(folder / "blobs-mirror"),
        witnesses=witnesses,
        witness_quorum=2,
        demo=True,
        password_memory_kib=19456,
    )
    return Demo(folder, settings, seeds, ports)


def witness_state(demo: Demo, number: int) -> StateFile:
    """Where a demonstration witness remembers what it signed."""
    return StateFile(demo.folder / f"witness{number + 1}.json")


def fill(demo: Demo, now: datetime, out: TextIO) -> None:
    """Found the city and trade until ``now``. Interrupted, it starts over the next time."""
    with seldom_collected():
        _fill(demo, now, out)


def _fill(demo: Demo, now: datetime, out: TextIO) -> None:
    from kernel import migrate  # a city that stands already does not load what builds its tables

    for stale in demo.folder.glob("sunroad.db*"):
        stale.unlink()
    for stale in demo.folder.glob("witness*.json"):
        stale.unlink()
    migrate.upgrade(demo.settings.database_url)
    start = (now - timedelta(days=DAYS)).replace(hour=1, minute=0, second=0, microsecond=0)
    clock = VirtualClock(start)
    blobs = MirroredBlobs(
        (
            LocalBlobs(demo.folder / "blobs", durable=False),
            LocalBlobs(demo.folder / "blobs-mirror", durable=False),
        )
    )
    outside = Outside(clock, system_entropy, MailDrop(), blobs)
    app = create_app(demo.settings, outside, Database(demo.settings.database_url, durable=False))
    world = World(
        app.extensions["sunroad"],
        clock,
        random.Random(2026),
        password_hash=hash_password(demo.settings, PASSWORD),
    )
    log_key = note.SignerKey(ORIGIN, note.KeyType.ED25519, demo.settings.log_seed).verifier
    local = {
        name: Witness(
            (note.SignerKey(name, note.KeyType.COSIGNATURE, seed),),
            (log_key,),
            witness_state(demo, number),
            lambda: int(clock.now().timestamp()),
        )
        for number, (name, seed) in enumerate(zip(WITNESSES, demo.witness_seeds, strict=True))
    }
    world.cosigners = cosigners_of(demo.settings, local)
    found_city(world, buyers=3, bidders=14, experts=12)
    world.sequence()
    live = _live(Agenda(world, now, out))
    for newcomer in NEWCOMERS:
        world.applicant(newcomer)
    world.sequence()
    _keep_custodians(demo, world, live)
    _equip_traders(demo, world)
    _drop_outbox(world)
    world.platform.database.dispose()
    demo.ready.write_text(json.dumps(_accounts(world)), "utf-8")


class Agenda:
    """Runs many stories side by side on one clock, always the one that is due next."""

    def __init__(self, world: World, now: datetime, out: TextIO) -> None:
        self.world, self.end, self.out = world, now, out
        self._due: list[tuple[datetime, int, Story]] = []
        self._order = itertools.count()
        self.deals: list[Deal] = []

    def add(self, at: datetime, story: Story) -> None:
        heapq.heappush(self._due, (at, next(self._order), story))

    def run(self) -> None:
        """Go on until nothing is due before the end; then let the clock stand at the end."""
        done = 0
        while self._due and self._due[0][0] <= self.end:
            at, _, story = heapq.heappop(self._due)
            self.world.pass_time(max(at, self.world.now))
            moment = next(story, None)
            done += 1
            self.world.sequence(witnessed=done % 4 == 0)
            if self.out.isatty():
                self.out.write(f"\r  {self.world.now:%Y-%m-%d}  {done} steps ")
                self.out.flush()
            if moment is not None:
                self.add(moment, story)
        self.world.pass_time(self.end)
        self.world.sequence()
        if self.out.isatty():
            self.out.write("\r" + " " * 40 + "\r")


NEWCOMERS = (names.bidder(60), names.bidder(61))
"""Bidders whose papers the operator still has to check."""

METHODS = (
    ("comprehensive", "TM", "works"),
    ("gp_scoring", "GP", "goods"),
    ("evaluated_lowest", "TM", "works"),
    ("gp_lowest", "GP", "goods"),
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What happens to one deal. ``until`` names the last thing that happens before the visitor comes."""

    number: int
    method: str
    regime: str
    category: str
    days: timedelta = timedelta(days=22)
    bids: int = 4
    lots: int = 1
    until: str = "contract"
    question: bool = False
    objection: bool = False
    ring: bool = False


def tell(agenda: Agenda, plan: Plan) -> Story:
    """One deal from draft to contract, or to where its plan stops."""
    world, dice = agenda.world, agenda.world.dice
    district = names.DISTRICTS[plan.number % len(names.DISTRICTS)]
    kinds = names.WORKS if plan.category == "works" else names.GOODS
    title, summary = kinds[plan.number % len(kinds)]
    ceiling = Money.from_yuan(str(dice.randint(180, 4200) * 10000))
    deal = deals.draft_deal(
        world,
        world.buyers[plan.number % len(world.buyers)],
        title=title.format(d=district) + f"（{2026}-{plan.number:02d}）",
        summary=summary,
        regime=plan.regime,
        category=plan.category,
        method=plan.method,
        ceilings=[ceiling] * plan.lots,
        days=22,
        district=district,
        document=_tender_document(title.format(d=district), summary, cartel.FORM if plan.ring else ""),
    )
    agenda.deals.append(deal)
    with world.begin(deal.buyer) as work:
        closes = (world.now + plan.days).replace(second=0, microsecond=0)
        trading.change_draft(work, deal.tender_id, bids_close_at=closes)
    if plan.until == "draft":
        deals.state_keys(world, deal)
        return
    deals.publish(world, deal)
    yield world.now + timedelta(days=2)
    if plan.question:
        yield from _questions(world, deal)
    rivals = dice.sample(world.bidders[1:], plan.bids)
    if plan.until in ("award", "contract") and plan.number % 3 == 1:
        rivals[0] = world.bidders[0]  # the demonstration's own bidder has results to look at
    if plan.ring:
        rivals = cartel.rivals_of(world, rivals)
    gap = max(timedelta(hours=1), (closes - world.now - timedelta(hours=1)) / (len(rivals) * plan.lots + 1))
    for lot in range(1, plan.lots + 1):
        for place, rival in enumerate(rivals):
            if world.now + gap >= min(closes, agenda.end):
                break
            yield world.now + gap
            if plan.ring:
                cartel.pay_bond(world, deal, rival, lot)
                cartel.place_bid(world, deal, rival, lot, ceiling, turn=plan.number)
            else:
                if (plan.number, place) != WITHOUT_BOND:
                    bonds.lodge(world, deal, rival, lot)
                _bid(world, deal, rival, lot, ceiling, place)
    if plan.until == "tendering":
        if plan.question:
            yield from _change_of_mind(agenda, deal)
        return
    if plan.until == "opening":
        hall_talk.come_in(world, deal, rivals)
    yield closes
    world.pass_time(closes)
    if plan.until == "opening":
        yield from hall_talk.held(world, deal, rivals)
        return
    if not deals.release(world, deal, [1, 2, 4]):
        return
    yield world.now + timedelta(minutes=11)
    yield from _evaluate(world, deal, plan)


def _evaluate(world: World, deal: Deal, plan: Plan) -> Story:
    if plan.until == "inviting":
        return
    yield world.now + timedelta(hours=1)
    deals.seat_panel(world, deal, refuse=plan.number % 2)
    if plan.until == "reviewing":
        return
    yield world.now + timedelta(hours=3)
    rejected = {}
    if plan.number % 3 == 0 and len(deal.bids) > 4:
        rejected = {sorted(deal.bids)[0]: "responsive"}
    deals.vote(world, deal, reject=rejected)
    if plan.until == "scoring":
        return
    yield world.now + timedelta(hours=4)
    deals.score(world, deal)
    deals.sign_reports(world, deal)
    yield world.now + timedelta(days=1)
    if plan.regime == "TM":
        deals.publish_candidates(world, deal)
        if plan.objection:
            yield world.now + timedelta(hours=20)
            _object(world, deal)
            return
        if plan.until == "standstill":
            return
        yield deals.standstill_end(world, deal)
    deals.confirm(world, deal)
    if plan.until == "award":
        return
    yield world.now + timedelta(days=4 + plan.number * 5 % 13)
    deals.contract(world, deal)


def _bid(world: World, deal: Deal, rival: Player, lot: int, ceiling: Money, place: int) -> None:
    dice = world.dice
    percent = dice.randint(860, 985)
    price = Money(ceiling.minor * percent // 1000 // 10000 * 10000)
    items = {"period_months": str(13 + place % 3), "claims": ["small"] if place % 2 else []}
    text = f"{rival.org_name} 技术文件\n项目：{deal.code}\n".encode() + dice.randbytes(2000)
    deals.bid(
        world,
        deal,
        rival,
        Offer(lot=lot, price=price, items=items, files=[("技术文件.pdf", "application/pdf", text)]),
    )


def _change_of_mind(agenda: Agenda, deal: Deal) -> Story:
    """A bidder takes his bid back the evening before the visitor comes: his bond waits to be paid back."""
    yield max(agenda.world.now, agenda.end - timedelta(hours=20))
    deals.withdraw(agenda.world, deal, next(iter(deal.bids)))


def _questions(world: World, deal: Deal) -> Story:
    asker = world.bidders[1]
    with world.begin(asker) as work:
        first = trading.ask_question(work, deal.tender_id, "招标文件第 12 页的工期与合同条款不一致，请明确。")
        trading.ask_question(work, deal.tender_id, "是否接受联合体投标？")
    yield world.now + timedelta(days=1)
    with world.begin(deal.buyer) as work:
        trading.answer_question(work, first.id, "以合同条款为准，工期 120 日历天。", affects_bids=False)


def _object(world: World, deal: Deal) -> None:
    with world.read() as session:
        lot_id = session.get_one(Tender, deal.tender_id).lots[0].id
    with world.begin(world.bidders[2]) as work:
        trading.file_objection(
            work,
            deal.tender_id,
            matter="result",
            text="第一候选人的类似业绩不满足招标文件要求，请复核。",
            lot_id=lot_id,
        )


def _bond_desk(agenda: Agenda) -> Story:
    """Every morning the trading centre gives back the bonds that are due soon; the newest orders wait for the visitor."""
    while agenda.world.now < agenda.end:
        bonds.carry_out(agenda.world, due_only=True)
        yield agenda.world.now + timedelta(days=1)


def _live(agenda: Agenda) -> list[Deal]:
    """Finished deals for the charts, then one of every stage around the present moment."""
    start, now = agenda.world.now, agenda.end
    number = itertools.count(1)

    def add(at: datetime, method: int, **more: object) -> None:
        name, regime, category = METHODS[method % len(METHODS)]
        plan = Plan(number=next(number), method=name, regime=regime, category=category, **more)  # type: ignore[arg-type]
        agenda.add(max(at, start), tell(agenda, plan))

    for index in range(11):
        add(
            start + timedelta(days=1 + index * 10, hours=index % 5),
            index,
            bids=3 + index % 4,
            question=index % 5 == 0,
            ring=index == 7,
        )
    add(now - timedelta(days=60), 0, bids=2)
    add(now - timedelta(days=31), 0, bids=6, lots=2)
    # Days are counted back from the present, so each of these stands at its stage when the visitor comes.
    add(now - timedelta(days=25), 0, bids=5, until="standstill")
    add(now - timedelta(days=26), 2, bids=4, objection=True)
    add(now - timedelta(days=23), 1, bids=4, until="scoring", days=timedelta(days=22, hours=6))
    add(now - timedelta(days=23), 0, bids=4, until="inviting", days=timedelta(days=22, hours=20), ring=True)
    soon = now.replace(second=0, microsecond=0)
    add(
        now - timedelta(days=22, hours=2),
        3,
        bids=5,
        until="opening",
        days=timedelta(days=22, hours=2) - timedelta(minutes=4) + (soon - now),
    )
    add(now - timedelta(days=21), 0, bids=4, until="tendering", days=timedelta(days=21, minutes=25))
    add(now - timedelta(days=12), 1, bids=3, until="tendering", question=True)
    add(now - timedelta(days=3), 2, bids=2, until="tendering", days=timedelta(days=24))
    add(now - timedelta(hours=5), 0, until="draft", days=timedelta(days=25))
    agenda.add(start, _bond_desk(agenda))
    told = sales.told(agenda.world, now, agenda.deals) + sealed_sales.sealed_told(
        agenda.world, now, agenda.deals
    )
    for at, story in told:
        agenda.add(max(at, start), story)
    agenda.run()
    return agenda.deals


def _keep_custodians(demo: Demo, world: World, live: Sequence[Deal]) -> None:
    """Hand every custodian organisation's key, token and per-tender seeds to its demonstration agent."""
    tokens = {}
    for player in (*world.buyers, *world.keepers.values()):
        folder = demo.folder / "custodians" / player.uscc
        state = CustodianState(folder, PASSPHRASE, _fixed(b""), cost=COST)
        folder.joinpath("identity.key").write_bytes(player.key.private_bytes_raw())
        with world.begin(player) as work:
            _, token = identity.issue_token(
                work, player.person_id, player.org_id, name="custodian agent", scopes=("custody",), days=90
            )
        tokens[player.uscc] = token
        for deal in live:
            for (code, x), seed in world.seeds.items():
                if code == deal.code and _seat_owner(world, deal, x).uscc == player.uscc:
                    for old in folder.glob(f"{code}*.seed"):
                        old.unlink()
                    CustodianState(folder, PASSPHRASE, _fixed(seed), cost=COST).new_seed(code)
        assert state.folder == folder
    (demo.folder / "custodians" / "tokens.json").write_text(json.dumps(tokens), "utf-8")


def _equip_traders(demo: Demo, world: World) -> None:
    """Give every bidder but the visitor's a token for the machine doors; see ``simulation.traders``."""
    tokens = {}
    for player in world.bidders[1:]:
        with world.begin(player) as work:
            _, token = identity.issue_token(
                work, player.person_id, player.org_id, name="trader", scopes=("bid",), days=90
            )
        tokens[player.org_name] = token
    (demo.folder / "traders.json").write_text(json.dumps(tokens), "utf-8")


def _seat_owner(world: World, deal: Deal, x: int) -> Player:
    if x == 1:
        return deal.buyer
    return list(world.keepers.values())[x - 2]


def _fixed(first: bytes):  # type: ignore[no-untyped-def]
    """Entropy whose first answer is given: a seed that exists already, under fresh salts."""
    given = [first] if first else []

    def entropy(size: int) -> bytes:
        return given.pop() if given and len(given[-1]) == size else system_entropy(size)

    return entropy


def _drop_outbox(world: World) -> None:
    """The months of mail behind us go to nobody, and say so; the demonstration delivers only what comes now."""
    with world.platform.database.session(write=True) as session, session.begin():
        session.execute(sa.update(Message).values(state="dropped", next_try_at=None))


def _accounts(world: World) -> dict[str, list[str]]:
    chosen = {
        "buyer": world.buyers[0],
        "agency": world.agents[0],
        "bidder": world.bidders[0],
        "expert": world.experts[0],
        "supervisor": world.supervisors[0],
        "custodian": world.keepers["notary"],
        "operator": world.operators[0],
    }
    return {role: [player.email, player.name, player.org_name] for role, player in chosen.items()}


def _tender_document(title: str, summary: str, form: str = "") -> bytes:
    from kernel.pdf import Sheet

    sheet = Sheet(f"{title} 招标文件", footer="Sunroad 阳光路 · 演示城市")
    sheet.heading("第一章 招标公告")
    sheet.text(summary)
    sheet.heading("第二章 投标人须知")
    sheet.text(
        "投标文件在投标人自己的电脑上密封；截止时间前可以替换或撤回；截止后由五位保管人中的三位释放钥匙开启。"
    )
    sheet.heading("第三章 评标办法")
    sheet.text("按公告所载评标办法、因素、权重和抽取系数执行；所有输入和结果公开，任何人可以复算。")
    if form:
        sheet.heading("第四章 技术投标文件格式")
        sheet.text(form)
    return sheet.render()


def serve_witness(demo: Demo, number: int, stop: threading.Event) -> None:
    """Run one demonstration witness on its port until told to stop."""
    log_key = note.SignerKey(ORIGIN, note.KeyType.ED25519, demo.settings.log_seed).verifier
    key = note.SignerKey(WITNESSES[number], note.KeyType.COSIGNATURE, demo.witness_seeds[number])
    witness = Witness((key,), (log_key,), witness_state(demo, number), lambda: int(time.time()))
    server = WitnessServer(("127.0.0.1", demo.ports[number]), witness)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stop.wait()
    server.shutdown()
