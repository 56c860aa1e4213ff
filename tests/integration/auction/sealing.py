"""An auction with something sealed in it: bidders' own machines, the seller's, and the custodians' releases."""

from __future__ import annotations

import json
from typing import Any

from bidding.actions import auctions_life
from bidding.hall_core import rooms
from bidding.models_auction import AuctionSeat
from bidding.models_sealed import AuctionClosing
from bidding.queries_sealed import sealing
from bidding.rules.auction.state import State
from kernel.jobs import do_chores
from kernel.ledger import sequencer
from sealbid import slip as slips
from sealbid.octets import b64
from sealbid.slip import SealedSlip
from tests.integration.auction.sale import Hall, Sale


class SealedSale(Sale):
    """A sale whose limits, offers or reserve are sealed."""

    def slip(
        self,
        seat: AuctionSeat | None,
        what: str,
        amount: str,
        *,
        items: dict[str, str] | None = None,
        **other: Any,
    ) -> SealedSlip:
        """Seal on the machine of a bidder, or (without seat) of the seller."""
        actor = self.actor_of(seat) if seat is not None else self.actor(self.buyer)
        with self.house.read() as session:
            told = sealing(session, actor, self.auction().id)
        named = {
            "part": told[f"{what}_part"],
            "lot": told["lot"],
            "auction": str(told["auction"]),
            "plate": told["plate"],
            **other,
        }
        return slips.seal_slip(
            policy=self.policy,
            what=what,
            amount=amount,
            entropy=self.house.outside.entropy,
            items=items,
            **named,
        )

    def hand_in(self, seat: AuctionSeat, slip: SealedSlip, what: str | None = None) -> Any:
        """Through the door; the answer as the client sees it."""
        client = self.house.client(self.person_of(seat))
        message = {"what": what or slip.slip.what, **slip.commit, "container": b64(slip.container)}
        return client.post(f"/api/v1/auctions/{self.auction().id}/slips", json=message)

    def seal_limit(self, seat: AuctionSeat, amount: str) -> SealedSlip:
        slip = self.slip(seat, slips.LIMIT, amount)
        answer = self.hand_in(seat, slip)
        assert answer.status_code == 200, answer.json
        return slip

    def seal_offer(self, seat: AuctionSeat, amount: str, **more: Any) -> SealedSlip:
        slip = self.slip(seat, slips.OFFER, amount, **more)
        answer = self.hand_in(seat, slip)
        assert answer.status_code == 200, answer.json
        return slip

    def seal_reserve(self, amount: str) -> SealedSlip:
        slip = self.slip(None, slips.RESERVE, amount)
        answer = self.reserve(slip)
        assert answer.status_code == 200, answer.json
        return slip

    def reserve(self, slip: SealedSlip) -> Any:
        client = self.house.client(self.buyer)
        message = {**slip.commit, "container": b64(slip.container)}
        return client.post(f"/api/v1/auctions/{self.auction().id}/reserve", json=message)

    def person_of(self, seat: AuctionSeat) -> Any:
        from kernel.identity.models import Person

        with self.house.read() as session:
            return session.get_one(Person, seat.person_id)

    def closing(self, part: str) -> AuctionClosing:
        with self.house.read() as session:
            found = session.query(AuctionClosing).filter_by(auction_id=self.auction().id, part=part).one()
            assert isinstance(found, AuctionClosing)
            return found

    def release_part(self, part: str, *xs: int, lie: bool = False) -> None:
        """Custodians look, judge and release one part through the doors."""
        sequencer.sequence(self.house.platform)
        for x in xs or (1, 2, 3):
            client = self.as_custodian(x)
            promise, content = self.release_messages(x, part, lie=lie)
            leaf = client.post(self.url("releases"), json=promise)
            assert leaf.status_code == 200, leaf.json
            answer = client.post(self.url("releases"), json={"release": leaf.json["leaf"], **content})
            assert answer.status_code == 200, answer.json

    def chores(self) -> None:
        do_chores(self.house.platform, {})

    def state(self) -> State:
        with self.house.read() as session:
            return rooms.load(session.connection(), self.auction().id)[0].state

    def journal(self) -> dict[str, Any]:
        answer = self.house.client().get(f"/api/v1/auctions/{self.auction().id}/journal")
        assert answer.status_code == 200, answer.json
        found = json.loads(answer.data)
        assert isinstance(found, dict)
        return found

    def over(self, hall: Hall) -> None:
        """The hall lets the end pass, and the rows follow."""
        hall.end()
        with self.house.begin() as work:
            auctions_life.follow(work, hall.id)
        hall.core.stop()
