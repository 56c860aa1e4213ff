"""Sales of the demonstration city in which nobody, the operator included, sees an offer before all are opened.

Bidders and the seller seal on machines of their own; three of five custodians release when the sale has closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from bidding.actions import auctions_sealed, custody
from bidding.queries import parts_due
from bidding.queries_sealed import sealing
from bidding.rules.auction import Format
from kernel.jobs import do_chores
from sealbid import slip as slips
from simulation import deal as deals
from simulation.deal import Deal
from simulation.sales import Gathered, Sale, Story, walk, yuan
from simulation.world import Player, World
from trading.models import Tender

RELEASING = (1, 2, 3)
"""The seats whose custodians are at hand."""


@dataclass(frozen=True, kw_only=True)
class SealedSale(Sale):
    """A sale by one sealed offer of each.

    Attributes:
        offers: ``(share of the time for offers, place among bidders, amount)``, one of each bidder.
    """

    offers: Sequence[tuple[float, int, str]]


def tell_sealed_sale(world: World, sale: SealedSale, made: list[Deal]) -> Story:
    """A sealed sale, told by ``walk``: each offers once, and the custodians release when its time is over."""

    def act(gathered: Gathered, player: Player, amount: str) -> None:
        _seal(world, gathered.deal, gathered.auction_id, player, slips.OFFER, amount)

    def tend(gathered: Gathered) -> None:
        _release(world, gathered.deal)
        do_chores(world.platform, {})

    return walk(world, sale, made, sale.offers, act, tend)


def _seal(world: World, deal: Deal, auction_id: UUID, player: Player, what: str, amount: str) -> None:
    assert deal.policy is not None, "a published sale has its policy"
    with world.read() as session:
        told = sealing(session, world.actor(player), auction_id)
    sealed = slips.seal_slip(
        policy=deal.policy,
        part=told[f"{what}_part"],
        what=what,
        lot=told["lot"],
        auction=str(auction_id),
        plate=told["plate"],
        amount=amount,
        entropy=world.entropy,
    )
    body, sig = sealed.commit["body"], sealed.commit["sig"]
    auctions_sealed.hand_in(
        world.platform, world.actor(player), auction_id, what, body, sig, sealed.container
    )


def _release(world: World, deal: Deal) -> None:
    """The custodians look at what has closed and release their shares of it."""
    world.sequence()
    with world.read() as session:
        due = parts_due(session, session.get_one(Tender, deal.tender_id))
        rows = {seat.x: seat for seat in custody.seats_of(session, deal.tender_id)}
        closed = {part: auctions_sealed.closing_at(session, deal.tender_id, part) for part, _, _ in due}
        waiting = {
            part: [slip for slip, held in auctions_sealed.slips_of(session, one.id) if held.ok is None]
            for part, one in closed.items()
            if one is not None
        }
    for part, close, _ in due:
        locked = [(one.code, auctions_sealed.header_of(one), one.policy) for one in waiting[part]]
        for x in RELEASING:
            deals.release_part(world, deal, rows[x], part, close, locked)


EQUIPMENT = SealedSale(
    title="市自来水公司旧水泵与电机一批转让（一次密封报价）",
    summary="离心水泵 26 台、电机 31 台，按现状整体转让，自提。报价在本机密封，截止后由保管人共同开启。",
    quantity="1 批",
    regime="AD",
    category="property",
    procedure="auction",
    format=Format.ONE_OFFER,
    start=yuan("320000"),
    lead=timedelta(days=16),
    bidders=(0, 4, 8, 10),
    steps=(),
    offers=((0.2, 1, "331000.00"), (0.45, 2, "352600.00"), (0.6, 0, "347000.00")),
    unit=yuan("100"),
    bond_percent=10,
    district="南塘区",
)
LIVE_EQUIPMENT = SealedSale(
    title="市博物馆文创商铺五年租赁权（一次密封报价）",
    summary="一层商铺 186 平方米，五年租赁权，业态限文创零售与简餐。报价在本机密封，截止后由保管人共同开启。",
    quantity="186 平方米",
    regime="AD",
    category="property",
    procedure="auction",
    format=Format.ONE_OFFER,
    start=yuan("540000"),
    lead=timedelta(days=16),
    bidders=(0, 3, 6),
    steps=(),
    offers=((0.02, 1, "561000.00"),),
    unit=yuan("100"),
    bond_percent=10,
    district="临江区",
)


def sealed_told(world: World, now: datetime, made: list[Deal]) -> list[tuple[datetime, Story]]:
    """The sealed sales of a demonstration that ends at ``now``: one opened, one that takes offers."""
    ago = ((EQUIPMENT, timedelta(days=12, hours=4)), (LIVE_EQUIPMENT, timedelta(minutes=50)))
    return [(now - gone - sale.lead, tell_sealed_sale(world, sale, made)) for sale, gone in ago]
