"""Auctions of the demonstration city: land, state property and purchases, sold and bought live.

Everything is done by the platform's own actions: rules printed with the notice, registration, plates drawn by chance,
offers into the journal, the result confirmed. What still runs when the visitor comes goes on by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from bidding.actions import auctions, auctions_end, auctions_offer, auctions_price
from bidding.models_auction import Auction, AuctionStage
from bidding.rules.auction import Format, default_terms
from bidding.rules.auction.events import OfferMade, WillContinue
from bidding.rules.auction.terms import Direction, LimitMode, Step, Terms
from bidding.rules.low_offers import ReviewState
from kernel.errors import Refusal
from kernel.money import Money
from simulation import deal as deals
from simulation.deal import Deal
from simulation.world import Player, World
from trading import actions as trading
from trading.actions.drafting import Draft, FileDraft, LotDraft
from trading.drafts import LIVE_TERMS
from trading.models import Tender

Story = Iterator[datetime]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Sale:
    """One auction from draft to result, or to where the visitor finds it.

    Attributes:
        lead: from the notice to the start.
        bidders: places in the city's list of bidders; the demonstration's own bidder is 0.
        steps: offers as ``(share of the free period, place among bidders, steps beyond what is needed)``.
        unit: what amounts are rounded to.
        explanation: what a bidder says who is asked about an abnormally low price; empty: nothing.
    """

    title: str
    summary: str
    quantity: str
    regime: str
    category: str
    procedure: str
    format: Format
    start: Money
    lead: timedelta
    bidders: Sequence[int]
    steps: Sequence[tuple[float, int, int]]
    unit: Money
    printed: Mapping[str, Any] = field(default_factory=dict)
    bond_percent: int = 0
    district: str = "临江区"
    lot: str = "标的一"
    explanation: str = "设备由自有产线生产，材料按年度协议价采购，成本明细附后。"


@dataclass(frozen=True)
class Gathered:
    """A sale that is about to begin: everybody who will bid has his plate."""

    deal: Deal
    auction_id: UUID
    terms: Terms
    players: list[Player]
    begins: datetime


def gather(world: World, sale: Sale, made: list[Deal]) -> Generator[datetime, None, Gathered]:
    """From the draft to the instant at which the sale begins."""
    begins = (world.now + sale.lead).replace(second=0, microsecond=0)
    deal = _draft(world, sale, begins)
    made.append(deal)
    deals.publish(world, deal)
    auction_id, terms = _auction(world, deal)
    players = [world.bidders[place] for place in sale.bidders]
    gap = (begins - world.now) / (len(players) + 2)
    for player in players:
        yield world.now + gap
        _register(world, auction_id, player, sale)
    yield begins
    return Gathered(deal, auction_id, terms, players, begins)


def tell_sale(world: World, sale: Sale, made: list[Deal]) -> Story:
    """A sale or a live purchase, told by ``walk``."""

    def act(gathered: Gathered, player: Player, beyond: int) -> None:
        _offer(world, gathered.auction_id, player, sale, beyond)

    return walk(world, sale, made, sale.steps, act)


def walk(
    world: World,
    sale: Sale,
    made: list[Deal],
    offers: Sequence[tuple[float, int, T]],
    act: Callable[[Gathered, Player, T], None],
    tend: Callable[[Gathered], None] = lambda _: None,
) -> Story:
    """Any sale from draft to contract as a generator: it acts, then yields the instant at which it goes on.

    Args:
        offers: ``(share of the time for offers, place among bidders, what to offer)``, handed to ``act`` in turn.
        tend: what people do every ten minutes after that time, until it is over.
    """
    gathered = yield from gather(world, sale, made)
    begins, terms, free = gathered.begins, gathered.terms, timedelta(seconds=gathered.terms.free_seconds)
    for share, place, what in offers:
        yield begins + free * share
        act(gathered, gathered.players[place], what)
    if terms.listing is not None:
        yield begins + free - timedelta(seconds=terms.listing.inquiry_seconds) / 2
        for player in gathered.players:
            _willing(world, gathered.auction_id, player)
    while _stage_of(world, gathered.auction_id) in (AuctionStage.PRINTED, AuctionStage.LIVE):
        yield max(world.now, begins + free) + timedelta(minutes=10)
        tend(gathered)
    yield from explain_prices(world, gathered, sale.explanation)
    yield world.now + timedelta(hours=20)
    yield from conclude(world, gathered)


def explain_prices(world: World, gathered: Gathered, explanation: str) -> Story:
    """Whoever is asked about a low price explains it in time, or lets the time pass when he has nothing to say."""
    waiting = _reviewed(world, gathered, ReviewState.ASKED)
    if not waiting:
        return
    yield world.now + timedelta(minutes=6)
    for player in gathered.players if explanation else ():
        if _plate(world, gathered.auction_id, player) in waiting:
            with world.begin(player) as work:
                auctions_price.explain_price(work, gathered.auction_id, explanation)


def _reviewed(world: World, gathered: Gathered, state: ReviewState) -> list[str]:
    """The plates whose low price is in this state of its review."""
    with world.read() as session:
        auction = session.get_one(Auction, gathered.auction_id)
        return [
            one.plate
            for one in auctions_price.reviews_of(session, auction.id)
            if auctions_price.state_of_review(one, auction, world.now) is state
        ]


def judge_prices(world: World, gathered: Gathered) -> None:
    """The buyer files what his review group decided about every explanation."""
    for plate in _reviewed(world, gathered, ReviewState.EXPLAINED):
        with world.begin(gathered.deal.buyer) as work:
            auctions_price.judge_price(
                work, gathered.auction_id, plate, REVIEW_GROUP, "成本构成完整，证明材料与报价相符。"
            )


def conclude(world: World, gathered: Gathered) -> Story:
    """The seller confirms what was sold, after a low price was judged, and both sign."""
    if _stage_of(world, gathered.auction_id) is AuctionStage.SOLD:
        judge_prices(world, gathered)
        with world.begin(gathered.deal.buyer) as work:
            auctions_end.confirm_result(work, gathered.auction_id)
        yield world.now + timedelta(days=3)
        deals.contract(world, gathered.deal)


def _draft(world: World, sale: Sale, begins: datetime) -> Deal:
    now = world.now
    up = sale.procedure != "reverse_auction"
    with world.begin(world.buyers[1]) as work:
        project = trading.register_project(
            work,
            name=sale.title,
            category=sale.category,
            region=sale.district,
            funds="财政资金 100%" if not up else "出让收入",
            approval_no=f"阳公资〔{now.year}〕{world.dice.randint(10, 999)} 号",
            budget=sale.start,
        )
        tender = trading.draft_tender(
            work,
            project.id,
            Draft(
                title=sale.title,
                summary=sale.summary,
                regime=sale.regime,
                category=sale.category,
                region=sale.district,
                terms=dict(LIVE_TERMS),
                qualification="中华人民共和国境内的法人均可参加，法律另有规定的除外；未被列入失信名单。",
                contact={"name": world.buyers[1].name, "phone": "021-55500001"},
                place=f"阳光市{sale.district}",
                bond=Money(sale.start.minor * sale.bond_percent // 100),
                validity_days=90,
                documents_from_at=now,
                documents_until_at=begins - timedelta(hours=1),
                bids_close_at=begins,
                procedure=sale.procedure,
            ),
        )
        lot = trading.add_lot(
            work, tender.id, LotDraft(title=sale.lot, quantity=sale.quantity, ceiling=sale.start)
        )
        trading.add_document(
            work,
            tender.id,
            FileDraft(
                kind="tender_document",
                name="竞价文件.pdf",
                media="application/pdf",
                data=f"{sale.title}\n{sale.summary}\n{tender.code}\n".encode(),
            ),
        )
        terms = default_terms(sale.format, starts_at=begins, start=sale.start, **sale.printed)
        auctions.set_terms(work, lot.id, terms.to_plain())
    return Deal(tender.id, tender.code, world.buyers[1])


def _auction(world: World, deal: Deal) -> tuple[UUID, Terms]:
    with world.read() as session:
        lot = session.get_one(Tender, deal.tender_id).lots[0]
        found = auctions.auction_of(session, lot.id)
        assert found is not None, "a published sale has its auction"
        return found.id, Terms.from_plain(found.terms)


def _register(world: World, auction_id: UUID, player: Player, sale: Sale) -> None:
    with world.begin(player) as work:
        seat = auctions.register(work, auction_id, {"eligible": True, "text": "符合公告载明的条件。"})
        account, due = seat.bond_account, seat.bond_due
    if due.minor:
        with world.begin(world.operators[0]) as work:
            auctions.confirm_bond(work, account, due)


def _plate(world: World, auction_id: UUID, player: Player) -> str:
    with world.read() as session:
        seat = auctions.seat_of(session, auction_id, player.org_id)
        assert seat is not None
        return seat.plate


def next_price(terms: Terms, best: Money | None, own: Money | None, *, beyond: int, unit: Money) -> Money:
    """The least lawful next offer, and so many steps beyond it, rounded to ``unit`` away from what it must beat."""
    up = terms.direction is Direction.UP
    basis = best if up else own
    if basis is None:
        assert terms.start is not None
        basis = terms.start
        least = basis.minor
    else:
        step = terms.step.minor(basis.minor) if terms.step else 1
        least = basis.minor + step if up else basis.minor - step
    step = terms.step.minor(basis.minor) if terms.step else 1
    wanted = least + beyond * step if up else least - beyond * step
    size = unit.minor
    rounded = -(-wanted // size) * size if up else wanted // size * size
    return Money(max(size, rounded))


def _offer(world: World, auction_id: UUID, player: Player, sale: Sale, beyond: int) -> None:
    from bidding.hall_core import rooms

    plate = _plate(world, auction_id, player)
    with world.platform.database.reader.connect() as connection:
        room, _ = rooms.load(connection, auction_id)
    offers = room.state.offers
    own = next((one.amount for one in reversed(offers) if one.plate == plate), None)
    best = room.state.best
    price = next_price(
        room.state.terms,
        None if best is None else best.amount,
        own,
        beyond=beyond,
        unit=sale.unit,
    )
    event = OfferMade(plate, price, key=f"demo-{plate}-{len(offers):06d}", confirmed=True)
    try:
        auctions_offer.place(world.platform, world.actor(player), auction_id, event)
    except Refusal as no:
        if no.code not in ("auction_leading", "auction_ended", "auction_not_running"):
            raise


def _willing(world: World, auction_id: UUID, player: Player) -> None:
    plate = _plate(world, auction_id, player)
    try:
        auctions_offer.place(world.platform, world.actor(player), auction_id, WillContinue(plate))
    except Refusal as no:
        if not no.code.startswith("auction_"):
            raise


def _stage_of(world: World, auction_id: UUID) -> AuctionStage:
    with world.read() as session:
        return session.get_one(Auction, auction_id).stage


def yuan(text: str) -> Money:
    return Money.from_yuan(text)


REVIEW_GROUP = (("周文博", True), ("许静", True), ("高洋", False))
"""The buyer's review group of the demonstration, with its votes."""

SCANNERS = Sale(
    title="市档案馆高速扫描仪采购（网上竞价）",
    summary="高速文档扫描仪 40 台，含两年上门服务。",
    quantity="40 台",
    regime="GP",
    category="goods",
    procedure="reverse_auction",
    format=Format.BLIND_REVERSE,
    start=yuan("860000"),
    lead=timedelta(days=24),
    bidders=(1, 4, 6, 11),
    steps=((0.1, 0, 4), (0.3, 1, 6), (0.5, 3, 5), (0.7, 2, 112)),
    unit=yuan("100"),
    printed={"extension": None},
    district="向阳区",
)
"""A government purchase whose best offer is so low that the law asks for an explanation before it is confirmed."""
LAPTOPS = Sale(
    title="市直机关台式电脑采购（网上竞价）",
    summary="台式电脑 300 台，含三年上门服务。",
    quantity="300 台",
    regime="SM",
    category="goods",
    procedure="reverse_auction",
    format=Format.BLIND_REVERSE,
    start=yuan("1650000"),
    lead=timedelta(days=6),
    bidders=(0, 2, 5, 7),
    steps=((0.1, 1, 3), (0.2, 2, 5), (0.35, 0, 8), (0.5, 3, 6), (0.7, 1, 6), (0.85, 2, 8), (0.97, 0, 5)),
    unit=yuan("100"),
    district="高新区",
)
LAND = Sale(
    title="临江区 2026-G12 号国有建设用地使用权挂牌出让",
    summary="二类居住用地，出让面积 41,280 平方米，容积率不高于 2.2，出让年限 70 年。",
    quantity="41,280 平方米",
    regime="LA",
    category="land",
    procedure="listing",
    format=Format.LISTING,
    start=yuan("286000000"),
    lead=timedelta(days=21),
    bidders=(1, 3, 6, 8),
    steps=((0.3, 0, 0), (0.55, 1, 0), (0.8, 2, 1), (0.95, 0, 0)),
    unit=yuan("10000"),
    printed={"step": Step(amount=yuan("2000000"), most=20)},
    bond_percent=20,
)
VEHICLES = Sale(
    title="市机关事务管理局公务车辆（12 辆）转让",
    summary="轿车九辆、越野车三辆，按现状整体转让。",
    quantity="12 辆",
    regime="AD",
    category="property",
    procedure="auction",
    format=Format.ASCENDING,
    start=yuan("480000"),
    lead=timedelta(days=16),
    bidders=(4, 9, 10),
    steps=((0.2, 0, 0), (0.3, 1, 1), (0.5, 2, 0), (0.75, 0, 1), (0.98, 1, 0)),
    unit=yuan("1000"),
    printed={"step": Step(amount=yuan("5000")), "free_seconds": 7200},
    bond_percent=10,
    district="向阳区",
)
LIVE_PURCHASE = Sale(
    title="社区卫生服务中心监护设备采购（网上竞价）",
    summary="多参数监护仪 60 台，含安装与培训。",
    quantity="60 台",
    regime="SM",
    category="goods",
    procedure="reverse_auction",
    format=Format.BLIND_REVERSE,
    start=yuan("980000"),
    lead=timedelta(days=6),
    bidders=(0, 2, 5, 9),
    steps=((0.02, 1, 4), (0.05, 2, 6), (0.08, 3, 3), (0.12, 1, 5), (0.15, 2, 2)),
    unit=yuan("100"),
    printed={"free_seconds": 4 * 3600, "limits": LimitMode.HELD},
    district="南塘区",
)
LIVE_LAND = Sale(
    title="高新区 2026-G15 号工业用地使用权挂牌出让",
    summary="一类工业用地，出让面积 63,500 平方米，出让年限 50 年，固定资产投资强度不低于每亩 450 万元。",
    quantity="63,500 平方米",
    regime="LA",
    category="land",
    procedure="listing",
    format=Format.LISTING,
    start=yuan("92000000"),
    lead=timedelta(days=21),
    bidders=(0, 4, 7, 11),
    steps=((0.25, 1, 0), (0.5, 2, 1), (0.7, 3, 0)),
    unit=yuan("10000"),
    printed={"step": Step(amount=yuan("500000"), most=20)},
    bond_percent=20,
    district="高新区",
)
COMING = Sale(
    title="北湖区停车场三年经营权转让",
    summary="公共停车场一处 216 个车位，三年经营权。",
    quantity="216 个车位",
    regime="AD",
    category="property",
    procedure="auction",
    format=Format.ASCENDING,
    start=yuan("760000"),
    lead=timedelta(days=18),
    bidders=(3, 8),
    steps=(),
    unit=yuan("1000"),
    printed={"step": Step(amount=yuan("10000"))},
    bond_percent=10,
    district="北湖区",
)


def told(world: World, now: datetime, made: list[Deal]) -> list[tuple[datetime, Story]]:
    """The sales of a demonstration that ends at ``now``, each with the instant at which it begins."""

    def at(sale: Sale, started_ago: timedelta) -> tuple[datetime, Story]:
        return now - started_ago - sale.lead, tell_sale(world, sale, made)

    return [
        at(LAPTOPS, timedelta(days=40, hours=3)),
        at(SCANNERS, timedelta(days=26, hours=3)),
        at(LAND, timedelta(days=52)),
        at(VEHICLES, timedelta(days=19, hours=2)),
        at(LIVE_PURCHASE, timedelta(minutes=40)),
        at(LIVE_LAND, timedelta(days=8)),
        at(COMING, -timedelta(days=9)),
    ]
