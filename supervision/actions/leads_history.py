"""The city's opened tenders as arrays for the statistics, and their findings as indicators of lots.

Statistics never colour a lead. A lot gets a lead from them only where a stated rule fires under its stated null; a pair
or ring of firms is attached to the newest lot in which it met.

Source: detection §5; rules §5.2 (Q-01 … Q-08, H-01 … H-04).
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.models import Bid, OpenedPart
from evaluation.models import Award
from supervision.rules.signals.combine import TEN_THOUSAND, Indicator, Kind, Light
from supervision.rules.signals.tails import poisson_tail
from trading.models import Lot, Tender

if TYPE_CHECKING:
    from supervision.analysis.shapes import Analysis, PairLead

SPAN = timedelta(days=3 * 366)
ALPHA = 0.01
RUN_LEAST, STEADY = 4, 0.02
JOINT_LEAST = 10
PAIR_NULL = "bidders permuted inside category, region and year, all pairs of the city considered"
GROUP_NULL = "independent bidders inside category, region and year, all threes of the city considered"
LEADS_MOST = 50
"""So many pairs and rings a night may raise leads of their own; the rest waits behind them."""
PATTERN_LIGHT = {"Q-01": Light.ORANGE, "Q-02": Light.ORANGE, "Q-07": Light.ORANGE, "Q-08": Light.ORANGE}


@dataclass
class Statistics:
    """What the statistics say of each lot.

    Attributes:
        indicators: rules that fired under their stated null, by lot.
        chance: indicator (code and firms, and the lot for patterns of its prices) → how often a city of honest bidders
            shows something as strong anywhere: its p-value times the number of places looked at, at most 1.
        score: rank of the label-free score, 0 … 1.
    """

    indicators: dict[UUID, list[Indicator]] = field(default_factory=dict)
    chance: dict[tuple[UUID | None, str], float] = field(default_factory=dict)
    score: dict[UUID, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def add(self, lot_id: UUID, one: Indicator, chance: float = 1.0) -> None:
        """An indicator of a lot, with the chance of as much anywhere in an honest city."""
        here = self.indicators.setdefault(lot_id, [])
        if all(other.key != one.key for other in here):
            here.append(one)
        key = (lot_id if one.kind is Kind.PRICE else None, one.key)
        self.chance[key] = min(self.chance.get(key, 1.0), chance)

    @property
    def queue(self) -> dict[UUID, int]:
        """Each lot's place in the queue of the statistics, in ten-thousandths; the head has ten thousand.

        What fired comes first, the least likely under honesty ahead; behind it, and among equals, the label-free score.
        A ring that hundreds of lots speak for so stands before a pattern in the prices of a single lot, of which a year of
        honest lots brings a few.
        """
        least = {
            lot: min((self._chance(lot, one) for one in found), default=1.0)
            for lot, found in self.indicators.items()
        }
        order = sorted(
            self.score, key=lambda lot: (least.get(lot, 1.0), lot not in least, -self.score[lot], str(lot))
        )
        return {
            lot: round(TEN_THOUSAND * (len(order) - place) / len(order)) for place, lot in enumerate(order)
        }

    def _chance(self, lot: UUID, one: Indicator) -> float:
        return self.chance.get((lot if one.kind is Kind.PRICE else None, one.key), 1.0)


def statistics_of(session: Session, *, now: datetime, seed: int) -> Statistics:
    """Analyse three years of opened lots; empty when fewer than three lots had bids."""
    rows = session.execute(
        sa.select(
            OpenedPart.lot_id,
            Bid.org_id,
            OpenedPart.price,
            OpenedPart.opened_at,
            Lot.ceiling,
            Tender.category,
            Tender.region,
            Award.bid_id,
            Bid.id,
        )
        .join(Bid, Bid.id == OpenedPart.bid_id)
        .join(Lot, Lot.id == OpenedPart.lot_id)
        .join(Tender, Tender.id == Lot.tender_id)
        .outerjoin(Award, Award.lot_id == Lot.id)
        .where(OpenedPart.part == "price", OpenedPart.ok, OpenedPart.opened_at >= now - SPAN)
        .order_by(OpenedPart.opened_at, OpenedPart.lot_id, Bid.org_id)
    ).all()
    lots = list(dict.fromkeys(row[0] for row in rows))
    if len(lots) < 3:
        return Statistics(notes=("fewer than three opened lots",))
    return _analysed(rows, lots, now, seed)


def _analysed(rows: Sequence[Any], lots: list[UUID], now: datetime, seed: int) -> Statistics:
    import numpy as np

    from supervision.analysis.nightly import analyse
    from supervision.analysis.shapes import History

    place = {lot: number for number, lot in enumerate(lots)}
    first = {row[0]: row for row in reversed(rows)}
    firms = sorted({str(row[1]) for row in rows})
    index = {firm: number for number, firm in enumerate(firms)}
    history = History(
        keys=[str(lot) for lot in lots],
        category=[f"{first[lot][5]}" for lot in lots],
        opened_on=np.array([first[lot][3].date().isoformat() for lot in lots], dtype="datetime64[D]"),
        ceiling=np.array([first[lot][4].minor / 100 if first[lot][4].minor else np.nan for lot in lots]),
        firms=firms,
        tender=np.array([place[row[0]] for row in rows], dtype=np.int64),
        firm=np.array([index[str(row[1])] for row in rows], dtype=np.int64),
        bid=np.array([row[2].minor / 100 for row in rows], dtype=np.float64),
        won=np.array([row[7] is not None and row[7] == row[8] for row in rows], dtype=bool),
    )
    found = analyse(history, now=now, seed=seed, region=[first[lot][6] for lot in lots])
    bidders: dict[UUID, dict[str, int]] = {}
    for row in rows:
        bidders.setdefault(row[0], {})[str(row[1])] = row[2].minor
    return findings(found, bidders)


def findings(found: Analysis, bidders: dict[UUID, dict[str, int]]) -> Statistics:
    """The findings of an analysis as indicators of lots, and each lot's place in the queue.

    Args:
        bidders: lot → firm → price in fen.
    """
    made = Statistics(notes=tuple(found.notes))
    looks = len(found.tenders) * len(PATTERN_LIGHT)
    for one in found.tenders:
        lot = UUID(one.key)
        made.score[lot] = one.score
        for part in one.patterns:
            if part.name in PATTERN_LIGHT and part.p is not None and part.p <= ALPHA:
                firms = steady_firms(bidders[lot], part.name)
                facts = {"value": f"{part.value:.4f}", "bids": one.n}
                made.add(
                    lot,
                    Indicator(
                        part.name, PATTERN_LIGHT[part.name], Kind.PRICE, firms, facts, _p(part.p), part.null
                    ),
                    min(1.0, part.p * looks),
                )
    for group in found.groups[:LEADS_MOST]:
        if not group.tenders:
            continue
        facts = {
            "joint": group.joint,
            "expected": f"{group.expected:.2f}",
            "winners": list(group.winners[-24:]),
            "lots": list(group.tenders[-40:]),
        }
        firms = tuple(sorted(group.firms))
        made.add(
            UUID(group.tenders[-1]),
            Indicator("H-01", Light.YELLOW, Kind.HISTORY, firms, facts, _p(group.p), GROUP_NULL),
            group.p,
        )
    for pair, codes, p, chance in _telling_pairs(found):
        firms = tuple(sorted((pair.a, pair.b)))
        facts = {
            "joint": pair.joint,
            "jaccard": f"{pair.jaccard:.3f}",
            "lift": f"{pair.lift:.2f}",
            "expected": f"{pair.expected:.1f}",
            "wins": [f"{pair.wins_a}", f"{pair.wins_b}"],
            "lots": list(pair.tenders[-40:]),
        }
        for code in codes:
            light = Light.ORANGE if code == "H-02" else Light.YELLOW
            made.add(
                UUID(pair.tenders[-1]),
                Indicator(code, light, Kind.HISTORY, firms, facts, _p(p), PAIR_NULL),
                chance,
            )
    for ring in found.rings:
        if ring.p <= ALPHA and ring.tenders:
            facts = {
                "joint": ring.joint,
                "entropy": f"{ring.entropy:.3f}",
                "winners": list(ring.winners[-24:]),
                "lots": list(ring.tenders[-40:]),
            }
            firms = tuple(sorted(ring.firms))
            null = "the order of winners permuted"
            made.add(
                UUID(ring.tenders[-1]),
                Indicator("H-03", Light.ORANGE, Kind.HISTORY, firms, facts, _p(ring.p), null),
                min(1.0, ring.p * len(found.rings)),
            )
    return made


def _telling_pairs(found: Analysis) -> Iterator[tuple[PairLead, tuple[str, ...], float, float]]:
    """Pairs worth a lead: the rule of the table fires, or they met too often for chance among all pairs of the city.

    The second is more sensitive where ring members also bid alone: the excess over the permuted mean, as a Poisson
    tail, times the number of pairs there could be (Bonferroni), is at most 1 %.
    """
    possible = max(1, found.possible)
    raised = 0
    for pair in found.pairs:
        if raised >= LEADS_MOST or not pair.tenders:
            return
        p = min(1.0, possible * poisson_tail(pair.expected, pair.joint))
        often = p <= ALPHA and pair.joint >= JOINT_LEAST
        codes = pair.indicators if pair.p <= ALPHA else ()
        if codes or often:
            raised += 1
            yield (
                pair,
                tuple(dict.fromkeys((*codes, "H-01"))) if often else tuple(codes),
                p if often else pair.p,
                p,
            )


def steady_firms(prices: Mapping[str, int], code: str) -> tuple[str, ...]:
    """The firms of the longest run of at least four neighbouring prices with equal steps (Q-01) or ratios (Q-02).

    For the other patterns, and where no run is found, everybody: the pattern is one of the whole lot.

    Args:
        prices: firm → price in fen.

    Source: rules §5.2 Q-01, Q-02 (any at least four consecutive after sorting; variation at most 0.02).
    """
    order = sorted(prices, key=lambda firm: (prices[firm], firm))
    if code in ("Q-01", "Q-02"):
        for size in range(len(order), RUN_LEAST - 1, -1):
            for start in range(len(order) - size + 1):
                run = order[start : start + size]
                steps = [
                    prices[b] - prices[a] if code == "Q-01" else prices[b] / prices[a] - 1
                    for a, b in pairwise(run)
                ]
                middle = statistics.mean(steps)
                if middle > 0 and statistics.stdev(steps) / middle <= STEADY:
                    return tuple(sorted(run))
    return tuple(sorted(prices))


def _p(value: float) -> str:
    return f"{value:.2e}" if value < 0.001 else f"{value:.4f}"
