"""A tender with a live auction, walked to any point by the platform's own actions."""

from __future__ import annotations

import json
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from bidding import queries_auction as queries
from bidding.actions import auctions, auctions_life
from bidding.hall_core.core import HallCore
from bidding.models_auction import Auction, AuctionHead, AuctionSeat
from bidding.rules.auction import Format, Stage, Terms, default_terms
from kernel import timekeeper
from kernel.errors import Refusal
from kernel.identity.models import Person
from kernel.jobs import do_chores
from kernel.money import Money
from kernel.rights import Actor, Role
from tests.integration.bidding.deal import Deal
from trading import actions as trading
from trading.actions.drafting import Draft, FileDraft, LotDraft
from trading.models import Lot

LIVE_TERMS: dict[str, Any] = {
    "method": "live",
    "price": {"formula": "none"},
    "parts": ["price"],
    "min_bids": 1,
}


@dataclass
class Sale(Deal):
    """A published tender whose lots are auctioned; reverse, back to back, unless told otherwise."""

    procedure: str = "reverse_auction"
    regime: str = "GP"
    format: Format = Format.BLIND_REVERSE
    printed: dict[str, Any] = field(default_factory=dict)
    bond: str = "0"
    holders: list[Person] = field(default_factory=list)
    start: str = "1000000"
    wait: timedelta = timedelta(days=28)
    project: UUID | None = None

    def _draft(self) -> None:
        house, now = self.house, self.house.clock.now()
        self.closes_at = (now + self.wait).replace(second=0, microsecond=0)
        with house.begin(self.actor(self.buyer)) as work:
            project = self.project or (
                trading.register_project(
                    work,
                    name="电脑采购",
                    category="goods",
                    region="310000",
                    funds="财政",
                    approval_no="采〔2026〕1号",
                    budget=Money.from_yuan("9000000"),
                ).id
            )
            tender = trading.draft_tender(
                work,
                project,
                Draft(
                    title="台式电脑采购",
                    summary="电脑",
                    regime=self.regime,
                    category="goods",
                    region="310000",
                    terms=LIVE_TERMS,
                    qualification="营业执照",
                    contact={"name": "王", "phone": "1"},
                    place="阳光市",
                    bond=Money.from_yuan(self.bond),
                    validity_days=90,
                    documents_from_at=now,
                    documents_until_at=now + timedelta(days=22),
                    bids_close_at=self.closes_at,
                    procedure=self.procedure,
                ),
            )
            for number in range(1, self.lots + 1):
                trading.add_lot(
                    work,
                    tender.id,
                    LotDraft(title=f"第 {number} 包", quantity="100", ceiling=Money.from_yuan("1000000")),
                )
            trading.add_document(
                work,
                tender.id,
                FileDraft(kind="tender_document", name="采购文件.pdf", media="application/pdf", data=b"x"),
            )
            self.tender_id, self.code = tender.id, tender.code
        self.set_terms()

    def terms(self) -> Terms:
        return default_terms(
            self.format, starts_at=self.closes_at, start=Money.from_yuan(self.start), **self.printed
        )

    def next(self, **changes: Any) -> Sale:
        """Another sale of the same buyer in the same house; a house has its standing custodians once."""
        other = copy(self)
        for name, value in changes.items():
            setattr(other, name, value)
        other._draft()
        return other

    def set_terms(self) -> None:
        with self.house.begin(self.actor(self.buyer)) as work:
            tender = work.lock(auctions.Tender, self.tender_id)
            ranks = {}
            for rank, person in enumerate(self.holders, 1):
                org = work.session.get_one(auctions.Organization, self.actor(person).org_id)
                ranks[org.uscc] = rank
            for lot in list(tender.lots):
                auctions.set_terms(work, lot.id, self.terms().to_plain(), holders=ranks)

    def lot_id(self, number: int = 1) -> UUID:
        with self.house.read() as session:
            tender = session.get_one(auctions.Tender, self.tender_id)
            return next(lot.id for lot in tender.lots if lot.number == number)

    def lot(self, number: int = 1) -> Lot:
        with self.house.read() as session:
            return session.get_one(Lot, self.lot_id(number))

    def auction(self, number: int = 1) -> Auction:
        with self.house.read() as session:
            found = auctions.auction_of(session, self.lot_id(number))
            assert found is not None
            return found

    def head(self, number: int = 1) -> AuctionHead:
        with self.house.read() as session:
            return session.get_one(AuctionHead, self.auction(number).id)

    def register(self, person: Person | None = None, number: int = 1) -> AuctionSeat:
        """Register a bidder; his deposit, where one is asked, arrives at once."""
        bidder = person or self.house.person(Role.BIDDER)
        auction_id = self.auction(number).id
        with self.house.begin(self.actor(bidder)) as work:
            seat = auctions.register(work, auction_id, {"eligible": True})
        if seat.bond_due.minor:
            with self.house.begin() as work:
                auctions.confirm_bond(work, seat.bond_account, seat.bond_due)
        return seat

    def actor_of(self, seat: AuctionSeat) -> Actor:
        return self.house.actor(seat.person_id)

    def bidders(self, count: int = 3, number: int = 1) -> list[AuctionSeat]:
        return [self.register(number=number) for _ in range(count)]

    def tick(self, to: datetime | None = None) -> None:
        """Let the clock go to an instant, and the timekeeper do his round."""
        if to is not None:
            self.house.clock.move(to)
        timekeeper.keep_time(self.house.platform)
        do_chores(self.house.platform, {})


def with_terms(sale: Sale, **printed: Any) -> Sale:
    return replace(sale, printed={**sale.printed, **printed})


class Hall:
    """A core turned by hand, and everything it answered."""

    def __init__(self, sale: Sale, name: str = "hall-a", **options: Any) -> None:
        self.sale, self.house = sale, sale.house
        self.core = HallCore(sale.house.platform, name=name, **options)
        self.id = sale.auction().id
        self.core.take(self.id)
        self.answers: list[Any] = []

    def offer(self, plate: str, yuan: int, key: str = "", **more: Any) -> Any:
        """Offer, let the core turn once, and hand back the answer: a receipt or a refusal."""
        self.send(plate, yuan, key, **more)
        self.core.turn()
        return self.answers[-1]

    def send(self, plate: str, yuan: int, key: str = "", **more: Any) -> None:
        amount = Money.from_yuan(yuan)
        self.core.offer(
            self.id, plate, amount, key or f"key-{len(self.answers)}-{plate}-{yuan}", ack=self._keep, **more
        )

    def _keep(self, answer: Any) -> None:
        self.answers.append(answer if isinstance(answer, Refusal) else json.loads(answer["receipt"]))

    @property
    def stage(self) -> Stage:
        state = self.core.state(self.id)
        assert state is not None
        return state.stage

    def start(self) -> Hall:
        self.house.clock.move(self.sale.closes_at)
        self.house.clock.tick(timedelta(seconds=1))
        self.core.turn()
        return self

    def follow(self) -> Hall:
        """What the hall's helper thread does after a change of stage."""
        with self.house.begin() as work:
            auctions_life.follow(work, self.id)
        return self

    def end(self) -> Hall:
        state = self.core.state(self.id)
        assert state is not None
        assert state.ends_at is not None
        self.house.clock.move(state.ends_at + timedelta(seconds=1))
        self.core.turn()
        return self


def plates(sale: Sale) -> list[str]:
    with sale.house.read() as session:
        return [seat.plate for seat in queries.seats_by_plate(session, sale.auction().id)]
