"""A handful of auctions of history, walked together through the platform's real actions.

Auctions of one cohort share their dates. Consecutive moves of one actor at one instant share a transaction, as they
may on the platform; every bid is sealed, committed, delivered, closed, released, opened, ranked and awarded by the
same code that serves a city.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bidding.actions import closing, custody, delivery, holding, releasing, submission
from bidding.models import Seat
from evaluation.actions import awards, price_only
from evaluation.actions.reports import report_of
from kernel import timekeeper
from kernel.ledger import sequencer
from kernel.ledger.models import LogRecord
from kernel.money import Money
from kernel.rights import Role
from kernel.work import Work
from sealbid import container, records
from sealbid.envelope import unwrap_share
from sealbid.octets import b64
from sealbid.policy import Policy, sign_custodian_key
from sealbid.suites import suite_named
from simulation.deal import Deal, Offer, SealedOffer, seal_offer
from simulation.history import PastAuction, PastBid
from simulation.replay_house import keepers
from simulation.world import Player, World
from trading import actions as trading
from trading.actions.drafting import Draft, FileDraft, LotDraft
from trading.models import Lot, Tender

MIN_BIDS = 1
NO_RESERVE = Decimal(10) ** 13
DAYS_OPEN = timedelta(days=9)
CEILING_NOTE = "the file gives no reserve: a ceiling that no price reaches"


@dataclass
class Replayed:
    """What came of one auction on the platform.

    Attributes:
        winner: the bidder's name, or empty when no bid was valid. price: his price.
        ranking: (rank, bidder, price) of the valid bids. rejected: bidder → the printed or stated grounds.
        log: the name of the log that holds it.
        leaves: places of all its records in the log. close_leaf, close_root: the close and the tree right behind it.
    """

    auction: PastAuction
    tender_id: UUID
    tender: str
    winner: str = ""
    price: Decimal | None = None
    ranking: list[tuple[int, str, Decimal]] = field(default_factory=list)
    rejected: dict[str, str] = field(default_factory=dict)
    log: str = ""
    leaves: list[int] = field(default_factory=list)
    close_leaf: int = -1
    close_root: str = ""
    size: int = 0
    root: str = ""


@dataclass
class _Run:
    auction: PastAuction
    deal: Deal
    lot_id: UUID
    sealed: list[tuple[Player, PastBid, SealedOffer]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)


class Cohort:
    """Auctions that are published, closed, opened and awarded on the same virtual days.

    Args:
        firms: bidder's name → player; firms that are new are registered here.
        ties: ``buyer`` or ``draw``: the printed rule for equal lowest prices.
    """

    def __init__(
        self, world: World, firms: dict[str, Player], auctions: Sequence[PastAuction], ties: str
    ) -> None:
        self.world = world
        self.firms = firms
        self.ties = ties
        self.buyer = world.buyers[0]
        self.auctions = auctions
        self.runs: list[_Run] = []

    def walk(self) -> list[Replayed]:
        """From project to award; the records of all are sequenced and cosigned at the end."""
        self._register_firms()
        self._draft()
        self._state_keys()
        self._publish()
        self._submit()
        self._close()
        self._release()
        self._confirm_openings()
        self._conclude()
        self._award()
        head = self.world.sequence()
        found = [self._outcome(run, head) for run in self.runs]
        self._forget()
        return found

    def _register_firms(self) -> None:
        for auction in self.auctions:
            for bid in auction.bids:
                if bid.bidder not in self.firms:
                    self.firms[bid.bidder] = self.world.player(bid.bidder[:200], [Role.BIDDER])

    def _draft(self) -> None:
        with self.world.begin(self.buyer) as work:
            for auction in self.auctions:
                ceiling = Money.from_yuan(str(auction.reserve or NO_RESERVE))
                held = f"{auction.held_on:%Y-%m-%d}" if auction.held_on else "?"
                title = f"历史竞价 {auction.name[:120]}"
                project = trading.register_project(
                    work,
                    name=title,
                    category="works",
                    region="重演",
                    funds="history",
                    approval_no=f"replay {held}",
                    budget=Money.from_yuan(str(auction.estimate)) if auction.estimate else ceiling,
                )
                tender = trading.draft_tender(work, project.id, self._draft_of(auction, title, held))
                lot = trading.add_lot(work, tender.id, LotDraft(title="1", quantity="1", ceiling=ceiling))
                data = f"{title}\n{held}\n{'' if auction.reserve else CEILING_NOTE}\n".encode()
                trading.add_document(
                    work,
                    tender.id,
                    FileDraft(kind="tender_document", name="terms.txt", media="text/plain", data=data),
                )
                self.runs.append(_Run(auction, Deal(tender.id, tender.code, self.buyer), lot.id))

    def _draft_of(self, auction: PastAuction, title: str, held: str) -> Draft:
        now = self.world.now
        return Draft(
            title=title,
            summary=f"A historical sealed-bid auction of {held}, replayed.",
            regime="SM",
            category="works",
            region="重演",
            procedure="comparison",
            terms={
                "method": "lowest_price",
                "parts": ["price"],
                "min_bids": MIN_BIDS,
                "price": {"formula": "none"},
                "ties": [self.ties],
                "floor": f"{auction.minimum:.2f}" if auction.minimum is not None else "",
            },
            qualification="as history had it",
            contact={"name": self.buyer.name, "phone": "1", "email": self.buyer.email},
            place="replay",
            bond=Money(0),
            validity_days=90,
            documents_from_at=now,
            documents_until_at=now + timedelta(days=7),
            bids_close_at=(now + DAYS_OPEN).replace(second=0, microsecond=0),
        )

    def _state_keys(self) -> None:
        suite = suite_named(self.world.platform.settings.suite)
        with self.world.read() as session:
            seats = custody.seats_of_all(session, self._tenders())
        for x, keeper in keepers(self.world, 5):
            with self.world.begin(keeper) as work:
                work.warm(Tender, self._tenders())
                work.warm(Seat, [seats[tender_id][x - 1].id for tender_id in self._tenders()])
                for run in self.runs:
                    seat = seats[run.deal.tender_id][x - 1]
                    seed = self.world.seeds[run.deal.code, x] = self.world.entropy(32)
                    statement = sign_custodian_key(
                        keeper.key,
                        tender=run.deal.code,
                        x=x,
                        role=seat.role,
                        org=keeper.uscc,
                        pk=suite.public_key(seed),
                        not_after=seat.not_after,
                    )
                    custody.state_key(work, seat.id, statement.to_json())

    def _publish(self) -> None:
        with self.world.begin(self.buyer) as work:
            work.warm(Tender, self._tenders())
            for run in self.runs:
                trading.publish_notice(work, run.deal.tender_id)
        with self.world.read() as session:
            policies = custody.newest_policies(session, self._tenders())
            for run in self.runs:
                run.deal.policy = Policy.decode(policies[run.deal.tender_id].jcs)

    def _submit(self) -> None:
        """Hash first: every commitment gets its place in the log before the bytes arrive."""
        self.world.clock.tick(timedelta(hours=1))
        mine: dict[str, list[tuple[_Run, SealedOffer]]] = defaultdict(list)
        for run in self.runs:
            for bid in run.auction.bids:
                firm = self.firms[bid.bidder]
                offer = Offer(lot=1, price=Money.from_yuan(str(bid.price)))
                sealed = seal_offer(self.world, run.deal, firm, offer)
                run.sealed.append((firm, bid, sealed))
                run.names[sealed.code] = bid.bidder
                mine[bid.bidder].append((run, sealed))
        for name, offers in mine.items():
            with self.world.begin(self.firms[name]) as work:
                holding.warm_tenders(work, (run.deal.tender_id for run, _ in offers))
                for run, sealed in offers:
                    submission.commit_bid(work, run.deal.tender_id, sealed.body, sealed.sig, sealed.hashes)
        self.world.sequence()
        self.world.clock.tick(timedelta(hours=1))
        for name, offers in mine.items():
            actor = self.world.actor(self.firms[name])
            parcels = [
                delivery.Parcel(sealed.code, part, 0, list(container.blocks_of(io.BytesIO(data))))
                for _, sealed in offers
                for part, data in sealed.parts.items()
            ]
            delivery.put_parcels(self.world.platform, actor, parcels)
            with self.world.begin(self.firms[name]) as work:
                holding.warm_tenderings(work, (run.deal.tender_id for run, _ in offers))
                submission.warm_bids(work, (sealed.code for _, sealed in offers))
                for _, sealed in offers:
                    submission.complete_bid(work, sealed.code)
        self.world.sequence()

    def _close(self) -> None:
        with self.world.read() as session:
            wanted = [run.deal.tender_id for run in self.runs]
            moment = session.scalar(sa.select(sa.func.max(Tender.bids_close_at)).where(Tender.id.in_(wanted)))
        assert moment is not None
        self._until(moment)

    def _until(self, moment: Any) -> None:
        """Move the clock to a moment and let the timekeeper do what waits for it."""
        self.world.clock.move(max(moment, self.world.now))
        while timekeeper.keep_time(self.world.platform):
            pass
        self.world.sequence()

    def _release(self) -> None:
        """Three of the five custodians release: everybody's digests first, then the shares."""
        blobs = self.world.platform.outside.blobs
        work_to_do: list[tuple[_Run, int, list[tuple[str, Any, bytes]]]] = []
        with self.world.read() as session:
            closing.OPENINGS.warm(session, self._tenders())
            to_open = closing.bids_to_open_of(session, self._tenders())
            for run in self.runs:
                opening = closing.opening_of(session, run.deal.tender_id)
                assert opening is not None, "the timekeeper closed every tender of the cohort"
                bids = [
                    (bid.code, releasing.header_of(blobs, bid, "price"), bytes.fromhex(bid.policy))
                    for bid in to_open[run.deal.tender_id]
                ]
                work_to_do.append((run, opening.close_index, bids))
        promised: dict[tuple[str, int], tuple[dict[str, Any], bytes]] = {}
        for x, keeper in keepers(self.world, 3):
            with self.world.begin(keeper) as work:
                releasing.warm_releases(work, self._tenders())
                for run, close, bids in work_to_do:
                    seed = self.world.seeds[run.deal.code, x]
                    shares = [
                        {"bid": code, "share": b64(unwrap_share(header, x, seed, digest))}
                        for code, header, digest in bids
                    ]
                    content, salt = {"shares": shares}, self.world.entropy(32)
                    body = {
                        "tender": run.deal.code,
                        "part": "price",
                        "close": close,
                        "x": x,
                        "bad": [],
                        "d": records.private_digest(content, salt),
                    }
                    releasing.promise_release(
                        work, run.deal.tender_id, body, keeper.sign("share-release", body)
                    )
                    promised[run.deal.code, x] = content, salt
        for x, keeper in keepers(self.world, 3):
            with self.world.begin(keeper) as work:
                releasing.warm_releases(work, self._tenders())
                for run, _, _ in work_to_do:
                    content, salt = promised[run.deal.code, x]
                    releasing.disclose_release(work, run.deal.tender_id, "price", x, content, salt)

    def _confirm_openings(self) -> None:
        with self.world.read() as session:
            ends = closing.OPENINGS.warm(session, self._tenders())
        moments = [one.objections_until_at for one in ends if one.objections_until_at]
        assert len(moments) == len(self.runs), "three releases open everything"
        self._until(max(moments))

    def _conclude(self) -> None:
        """The buyer judges the prices, with history's grounds, and publishes the candidates."""
        with self.world.begin(self.buyer) as work:
            self._warm_lots(work)
            closing.OPENINGS.warm(work.session, self._tenders())
            for run in self.runs:
                rejected = {sealed.code: bid.rejected for _, bid, sealed in run.sealed if bid.rejected}
                report = price_only.conclude_by_price(work, run.lot_id, rejected=rejected)
                if report is not None:
                    awards.publish_candidates(work, run.lot_id)

    def _award(self) -> None:
        with self.world.read() as session:
            wanted = [run.lot_id for run in self.runs]
            ends = session.scalar(sa.select(sa.func.max(Lot.standstill_until_at)).where(Lot.id.in_(wanted)))
        if ends is None:
            return
        self._until(ends)
        with self.world.begin(self.buyer) as work:
            self._warm_lots(work)
            for run in self.runs:
                report = report_of(work.session, run.lot_id)
                if report is not None:
                    chosen = self._choice(run, [one["bid"] for one in report.body["candidates"]])
                    awards.confirm_award(work, run.lot_id, bid=chosen)

    def _choice(self, run: _Run, candidates: list[str]) -> str:
        """Among equal prices the buyer decides as history's lottery did, where the file tells; else the first bid."""
        order = [sealed.code for _, _, sealed in run.sealed if sealed.code in candidates]
        historic = [code for code in order if run.names[code] in (run.auction.winners or ())]
        return (historic or order)[0]

    def _tenders(self) -> list[UUID]:
        return [run.deal.tender_id for run in self.runs]

    def _warm_lots(self, work: Work) -> None:
        work.warm(Lot, (run.lot_id for run in self.runs))
        work.warm(Tender, self._tenders())

    def _outcome(self, run: _Run, head: sequencer.Head) -> Replayed:
        log = self.world.platform.settings.log_origin
        found = Replayed(
            run.auction, run.deal.tender_id, run.deal.code, log=log, size=head.size, root=head.root.hex()
        )
        with self.world.read() as session:
            opening = closing.opening_of(session, run.deal.tender_id)
            assert opening is not None
            found.close_leaf, found.close_root = opening.close_index, opening.close_root.hex()
            places = sa.select(LogRecord.idx).where(LogRecord.tender == run.deal.code).order_by(LogRecord.idx)
            found.leaves = [place for place in session.scalars(places) if place is not None]
            lot = session.get_one(Lot, run.lot_id)
            if lot.outcome is not None:
                found.winner = run.names[lot.outcome["bid"]]
                found.price = Decimal(lot.outcome["price"])
            report = report_of(session, run.lot_id)
            if report is not None:
                found.ranking = [
                    (one["rank"], run.names[one["bid"]], Decimal(one["price"]))
                    for one in report.body["results"]["results"]
                ]
                found.rejected = {
                    run.names[bid["bid"]]: "; ".join(ground["item"] for ground in bid["grounds"])
                    for bid in report.body["bids"]
                    if not bid["valid"]
                }
        return found

    def _forget(self) -> None:
        """Secrets and keys of finished auctions; memory stays flat over the file."""
        for run in self.runs:
            for _, _, sealed in run.sealed:
                self.world.secrets.pop((sealed.code, "price"), None)
            for x in range(1, 6):
                self.world.seeds.pop((run.deal.code, x), None)
