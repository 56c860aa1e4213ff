"""``sunroad simulate --ring``: a year of small works in a city with two rings, and what the nightly run says of them.

The *marked* ring leaves what the demonstration's cartel leaves: one author, scaled bills, one bond account, even steps.
The *silent* ring leaves nothing: every member writes and prices its own bid on its own, at its own hour, and pays from
its own account. It only takes turns and covers its winner by uneven margins. Everybody else fills in the same long form
of the tender, bids honestly, and mostly in its own district. Every bid is sealed, opened and awarded by the platform's
real actions, and the nightly run is the platform's own; it is never told who agreed.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from evaluation.actions import awards, price_only
from evaluation.actions.reports import report_of
from kernel.batch import seldom_collected
from kernel.ledger.audit import audit_log
from kernel.money import Money
from simulation import cartel, names
from simulation import deal as deals
from simulation.deal import Deal, Offer
from simulation.run import START, found_year
from simulation.world import Player
from simulation.year import Year
from supervision.actions.leads import build_leads
from supervision.leads_models import Lead, LeadIndicator, LeadState
from supervision.leads_queries import lead_queue
from trading.models import Lot, Tender

Story = Iterator[datetime]
BID_DAYS, EVERY_DAYS, EVERY_LOTS = 9, 2, 3
SILENT_SHARE, MARKED_SHARE = 0.09, 0.02
AT_HOME = 3
"""How much more readily a firm bids in its own district: honest firms of one district meet often, too."""
CLEAR = frozenset({"", "none"})
BY_HISTORY = ("H-01", "H-02", "H-03")
TERMS = {
    "method": "lowest_price",
    "parts": ["price", "tech"],
    "min_bids": 1,
    "price": {"formula": "none"},
    "ties": ["buyer"],
}


@dataclass(frozen=True)
class Plan:
    """A season: how long, how many firms there are in how many districts, and how many lots come how often.

    ``silent`` and ``marked``: the share of lots each ring agrees on. A season with both at 0 is an honest one.
    """

    seed: int = 7
    days: int = 365
    firms: int = 40
    districts: int = len(names.DISTRICTS)
    every_days: int = EVERY_DAYS
    every_lots: int = EVERY_LOTS
    silent: float = SILENT_SHARE
    marked: float = MARKED_SHARE


@dataclass(frozen=True)
class Night:
    """What stood in the queue after one night's run.

    Attributes:
        day: of the season, the first is 1. opened: lots opened so far; silent: those of them the silent ring agreed on.
        leads: open leads. place: of the first lead about the silent ring alone, 0 when there is none; among_clear: the same
            among the leads that no hard evidence colours. codes: what that lead rests on.
        strange: firms outside both rings that a lead without colour names by history.
        hard: lots with a coloured lead in which no marked ring bid.
    """

    day: int
    opened: int
    silent: int
    leads: int
    place: int
    among_clear: int
    codes: tuple[str, ...]
    strange: tuple[str, ...]
    hard: tuple[str, ...]
    cpu_seconds: float


@dataclass
class Told:
    """A season that is over."""

    plan: Plan
    nights: list[Night] = field(default_factory=list)
    lots: dict[str, int] = field(default_factory=dict)
    breaches: list[str] = field(default_factory=list)

    @property
    def found(self) -> Night | None:
        """The first night with a lead about the silent ring that rests on its history."""
        return next((one for one in self.nights if one.place), None)

    @property
    def first(self) -> Night | None:
        """The first night on which that lead headed the leads without colour."""
        return next((one for one in self.nights if one.among_clear == 1), None)


class Season:
    """The city, its agenda, and who agreed on what."""

    def __init__(self, year: Year, plan: Plan) -> None:
        self.year, self.plan, self.world = year, plan, year.world
        self.dice = random.Random(f"season {plan.seed}")
        ring = cartel.SIZE
        self.marked = self.world.bidders[-ring:]
        self.silent = self.world.bidders[-2 * ring : -ring]
        self.told = Told(plan)
        self.kinds: dict[str, str] = {}
        self.turn = 0
        self.tell: Callable[[Night], None] = lambda night: None
        self._order = itertools.count()
        self._due: list[tuple[datetime, int, Story]] = []

    def add(self, at: datetime, story: Story) -> None:
        heapq.heappush(self._due, (at, next(self._order), story))

    def live(self, until: datetime, progress: Callable[[float], None] | None = None) -> None:
        """Tell the stories side by side, always the one that is due next."""
        while self._due and self._due[0][0] <= until:
            at, _, story = heapq.heappop(self._due)
            self.world.pass_time(max(at, self.world.now))
            moment = next(story, None)
            if moment is not None:
                self.add(moment, story)
            if progress is not None:
                progress(min(1.0, (self.world.now - START) / (until - START)))
        self.world.pass_time(until)
        self.world.sequence()

    def markets(self) -> Story:
        """Every so many mornings some small works are put out, as long as they can still be opened."""
        for number in range(max(0, self.plan.days - BID_DAYS - 1) // self.plan.every_days + 1):
            yield START + timedelta(days=number * self.plan.every_days)
            for _ in range(self.plan.every_lots):
                self.add(self.world.now, self._tender())

    def nights(self) -> Story:
        """The nightly run, when something was opened since the last one."""
        opened = 0
        for number in itertools.count():
            yield START + timedelta(days=number, hours=18)  # two in the morning in China
            now = sum(self.told.lots.values())
            if now > opened:
                opened = now
                self.world.sequence()
                started = time.process_time()
                build_leads(self.world.platform)
                self.told.nights.append(self._night(number + 1, time.process_time() - started))
                self.tell(self.told.nights[-1])

    def _tender(self) -> Story:
        world, dice = self.world, self.dice
        chance = dice.random()
        silent, marked = self.plan.silent, self.plan.marked
        kind = "silent" if chance < silent else "marked" if chance < silent + marked else "honest"
        district = dice.choice(names.DISTRICTS[: self.plan.districts])
        ceiling = Money.from_yuan(str(dice.randint(40, 390) * 10_000))
        deal = deals.draft_deal(
            world,
            dice.choice(world.buyers),
            title=f"零星维修工程（{len(self.kinds) + 1:04}）",
            summary="小型工程，比价采购。",
            regime="SM",
            category="works",
            method="lowest_price",
            terms=TERMS,
            ceilings=[ceiling],
            district=district,
            days=BID_DAYS,
            document=cartel.FORM.encode(),
            procedure="comparison",
        )
        self.kinds[deal.code] = kind
        deals.publish(world, deal)
        with world.read() as session:
            closes = session.get_one(Tender, deal.tender_id).bids_close_at
        offers = self._offers(kind, deal, ceiling, district)
        dice.shuffle(offers)
        for moment in self._hours(len(offers), closes):
            yield moment
            firm, offer = offers.pop()
            if kind == "marked":
                cartel.pay_bond(world, deal, firm)
            deals.bid(world, deal, firm, offer)
        yield closes + timedelta(minutes=1)
        yield from self._settle(deal, kind)

    def _hours(self, count: int, closes: datetime) -> list[datetime]:
        """When the bids come: spread over the days, never two within an hour of each other."""
        span = int((closes - self.world.now) / timedelta(hours=1)) - 30
        hours = sorted(self.dice.sample(range(24, 24 + span), count))
        return [self.world.now + timedelta(hours=h, minutes=self.dice.randint(0, 50)) for h in hours]

    def _drawn(self, among: Sequence[Player], count: int, district: str) -> list[Player]:
        """Who comes: every firm bids anywhere, at home ``AT_HOME`` times as readily."""
        home = names.DISTRICTS.index(district)
        place = {firm.uscc: n % self.plan.districts for n, firm in enumerate(self.world.bidders)}
        keys = {
            firm.uscc: self.dice.random() ** (1 / (AT_HOME if place[firm.uscc] == home else 1))
            for firm in among
        }
        return sorted(among, key=lambda firm: -keys[firm.uscc])[:count]

    def _offers(self, kind: str, deal: Deal, ceiling: Money, district: str) -> list[tuple[Player, Offer]]:
        dice, world = self.dice, self.world
        if kind == "honest":
            firms = self._drawn(world.bidders, dice.randint(3, 7), district)
            return [(firm, self._honest(deal, firm, ceiling)) for firm in firms]
        ring = self.silent if kind == "silent" else self.marked
        outside = [firm for firm in world.bidders if firm not in self.silent and firm not in self.marked]
        others = self._drawn(outside, dice.choice((0, 1, 2)), district)
        self.turn += kind == "silent"
        made = [(firm, self._honest(deal, firm, ceiling)) for firm in others]
        if kind == "marked":
            return made + [
                (firm, cartel.offer(world, deal, firm, 1, ceiling, len(self.kinds))) for firm in ring
            ]
        low = dice.uniform(0.955, 0.985)
        for place, firm in enumerate(ring):
            wins = place == self.turn % len(ring)
            share = low if wins else dice.uniform(low * 1.004, min(low * 1.03, 0.9995))
            made.append((firm, self._bid(deal, firm, ceiling, share)))
        return made

    def _honest(self, deal: Deal, firm: Player, ceiling: Money) -> Offer:
        return self._bid(deal, firm, ceiling, self.dice.uniform(0.86, 0.99))

    def _bid(self, deal: Deal, firm: Player, ceiling: Money, share: float) -> Offer:
        """A bid in the tender's form, written and priced by the firm alone."""
        own = random.Random(f"{deal.code} {firm.uscc} alone")
        word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
        text = cartel.word_file(f"{cartel.FORM}\n{cartel.prose(own)}", f"{firm.name}-{firm.uscc[-6:]}")
        files = [
            ("技术投标文件.docx", word, text),
            ("已标价工程量清单.csv", "text/csv", cartel.bill(own, 1.0, scaled=False, own=own)),
        ]
        price = Money(int(ceiling.minor * share) // 100 * 100)
        return Offer(lot=1, price=price, items={"period_months": "6", "claims": []}, files=files)

    def _settle(self, deal: Deal, kind: str) -> Story:
        """Opening, candidates and award, each by the buyer who may."""
        world = self.world
        if not deals.release(world, deal, [1, 2, 4]):
            self.told.breaches.append(f"{deal.code} was not opened")
            return
        self.told.lots[kind] = self.told.lots.get(kind, 0) + 1
        yield world.now + timedelta(minutes=30)
        with world.read() as session:
            lot_id = session.get_one(Tender, deal.tender_id).lots[0].id
        with world.begin(deal.buyer) as work:
            if price_only.conclude_by_price(work, lot_id) is None:
                return
            awards.publish_candidates(work, lot_id)
        yield deals.standstill_end(world, deal) + timedelta(minutes=1)
        with world.begin(deal.buyer) as work:
            report = report_of(work.session, lot_id)
            assert report is not None
            awards.confirm_award(work, lot_id, bid=report.body["candidates"][0]["bid"])

    def _night(self, day: int, cpu_seconds: float) -> Night:
        """Read the queue as the supervisor's page does, and compare it with who agreed."""
        with self.world.read() as session:
            queue = lead_queue(session, size=10_000)
            firms = {
                code: set(named)
                for code, named in session.execute(
                    sa.select(Lead.code, Lead.firms).where(Lead.state != LeadState.CLOSED)
                )
            }
            coloured = session.execute(
                sa.select(Tender.code)
                .join(Lot, Lot.tender_id == Tender.id)
                .join(Lead, Lead.lot_id == Lot.id)
                .where(Lead.light.not_in(CLEAR))
            )
            hard = tuple(sorted(code for (code,) in coloured if self.kinds[code] != "marked"))
            history = session.scalars(
                sa.select(LeadIndicator.firms)
                .join(Lead, Lead.id == LeadIndicator.lead_id)
                .where(LeadIndicator.code.in_(BY_HISTORY), LeadIndicator.gone_at.is_(None))
                .where(Lead.state != LeadState.CLOSED, Lead.light.in_(CLEAR))
            )
            named = {firm for firms_of_one in history for firm in firms_of_one}
        silent = {str(one.org_id) for one in self.silent}
        rings = silent | {str(one.org_id) for one in self.marked}
        rows = [row for row in queue if row.code in firms]
        clear = [row for row in rows if row.light in CLEAR]

        def place(among: Sequence[Any]) -> int:
            ours = (n for n, row in enumerate(among, 1) if _by_history(row) and firms[row.code] <= silent)
            return next(ours, 0)

        at = place(rows)
        strange = named - rings
        return Night(
            day,
            sum(self.told.lots.values()),
            self.told.lots.get("silent", 0),
            len(rows),
            at,
            place(clear),
            rows[at - 1].codes if at else (),
            tuple(sorted(strange)),
            hard,
            cpu_seconds,
        )


def _by_history(row: Any) -> bool:
    return any(code in BY_HISTORY for code in row.codes)


def a_season(
    plan: Plan,
    folder: Path,
    progress: Callable[[float], None] | None = None,
    tell: Callable[[Night], None] | None = None,
) -> Told:
    """Live through a season on a fresh platform in ``folder``, then check every promise and the log once.

    Args:
        progress: hears the fraction lived. tell: hears every night.
    """
    with seldom_collected():
        year = found_year(plan.seed, folder, bidders=plan.firms, experts=0)
        year.stop_at_first = False
        with year.faults.none():
            season = Season(year, plan)
            season.tell = tell or season.tell
            season.add(year.now, season.markets())
            season.add(year.now, season.nights())
            season.live(START + timedelta(days=plan.days), progress)
            for promise in year.promises:
                year.keep(promise)
            findings = audit_log(year.world.platform).findings
        season.told.breaches += [str(one) for one in year.breaches] + list(findings)
        year.world.platform.database.dispose()
    return season.told


def lines(told: Told) -> list[str]:
    """The figure as a table row and a sentence or two, for the page and the terminal."""
    plan, nights, found, first = told.plan, told.nights, told.found, told.first
    last = nights[-1] if nights else None
    ran = max((one.day for one in nights), default=0)
    return [
        "| seed | days | lots | silent / marked ring | silent ring found | heads the leads without colour "
        "| rests on | honest firms named | honest lots coloured |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        f"| {plan.seed} | {plan.days} | {sum(told.lots.values()):,} "
        f"| {told.lots.get('silent', 0)} / {told.lots.get('marked', 0)} "
        f"| {f'day {found.day}, lot {found.silent} of the ring' if found else f'not found in {ran} days'} "
        f"| {f'day {first.day}' if first else 'never'} "
        f"| {' '.join(found.codes) if found else '–'} "
        f"| {len(last.strange) if last else 0} | {len(last.hard) if last else 0} |",
    ]


def run(args: argparse.Namespace, progress: Callable[[float], None] | None) -> int:
    """Tell what was found; 1 when a promise was broken."""
    started = time.process_time()
    before = 0

    def tell(one: Night) -> None:
        nonlocal before
        if one.day >= before + 14 or (one.place and not before):
            before = one.day
            print(
                f"day {one.day}: {one.opened} lots opened, {one.silent} of the silent ring; {one.leads} leads, "
                f"the ring's at {one.place} ({one.among_clear} without colour) by {' '.join(one.codes) or '–'}; "
                f"{one.cpu_seconds:.1f} s",
                flush=True,
            )

    with tempfile.TemporaryDirectory(prefix="sunroad-season-") as name:
        told = a_season(Plan(seed=args.seed, days=args.days), Path(name), progress, tell)
    print("\n".join(lines(told)))
    nightly = [one.cpu_seconds for one in told.nights] or [0.0]
    print(
        f"processor time {time.process_time() - started:.0f} s, of it {sum(nightly):.0f} s in {len(nightly)} nights, "
        f"{max(nightly):.1f} s in the longest"
    )
    for breach in told.breaches:
        print(f"BROKEN: {breach}")
    return int(bool(told.breaches))
