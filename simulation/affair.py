"""One deal of the year as its people share it, and the small looks they take at its state."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from bidding.actions import closing, custody
from bidding.models import Bid, Opening
from kernel.ledger import trust
from sealbid.policy import Policy
from simulation.deal import Deal
from simulation.plans import Plan
from simulation.world import Player
from simulation.year import Year
from trading.models import Lot, Tender
from trading.rules.lifecycle import Stage

LIVING = frozenset({Stage.TENDERING, Stage.OPENING, Stage.EVALUATION, Stage.STANDSTILL})


@dataclass
class Affair:
    """A deal under way.

    Attributes:
        acked: bids the platform acknowledged as complete and that nobody took back: code → lot number.
        upheld: whether an objection to the result has been upheld already; once is enough for a story.
        answers: what invited experts will say, by seat, decided when they are first seen.
    """

    deal: Deal
    plan: Plan
    acked: dict[str, int] = field(default_factory=dict)
    secrets: dict[str, Player] = field(default_factory=dict)
    upheld: bool = False
    recused: bool = False
    objected: set[int] = field(default_factory=set)
    answers: dict[Any, str] = field(default_factory=dict)
    rejected: dict[str, str] | None = None

    def tender(self, year: Year) -> Tender:
        with year.world.read() as session:
            return session.get_one(Tender, self.deal.tender_id)

    def opening(self, year: Year) -> Opening | None:
        with year.world.read() as session:
            return closing.opening_of(session, self.deal.tender_id)

    def lots(self, year: Year, *stages: Stage) -> list[Lot]:
        return [lot for lot in self.tender(year).lots if lot.stage in stages]

    def living(self, year: Year) -> bool:
        return bool(self.lots(year, *LIVING))

    def refresh_policy(self, year: Year) -> Policy:
        """What a careful client does before it seals: fetch the policy in force."""
        with year.world.read() as session:
            row = custody.newest_policy(session, self.deal.tender_id)
        assert row is not None
        self.deal.policy = Policy.decode(row.jcs)
        return self.deal.policy

    def bids(self, year: Year, codes: Collection[str]) -> list[Bid]:
        with year.world.read() as session:
            return list(session.scalars(sa.select(Bid).where(Bid.code.in_(codes)).order_by(Bid.code)))

    def close_is_witnessed(self, year: Year) -> bool:
        """A custodian's condition (b): the close stands in a checkpoint that a quorum has signed."""
        with year.world.read() as session:
            opening = closing.opening_of(session, self.deal.tender_id)
            if opening is None:
                return False
            settings = year.world.platform.settings
            return trust.witnessed_size(session, settings, opening.close_index) is not None
