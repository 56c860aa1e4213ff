"""The statistics of the nightly run: a year of opened tenders in, an ordered queue and leads on firms out.

Source: detection §5 (statistical families only order the queue); rules §5.2 Q-01…Q-08, H-01…H-04.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import isnan

import numpy as np
from numpy.random import Generator, default_rng

from supervision.analysis.engine import Look, head, look, markets, moments, years
from supervision.analysis.shapes import (
    Analysis,
    Bools,
    FirmLead,
    GroupLead,
    History,
    Ints,
    PairLead,
    Part,
    RingLead,
    TenderScore,
)
from supervision.rules.signals import groups, network, turns
from supervision.rules.signals.network import Meetings, Pairs, Presence
from supervision.rules.signals.ranks import codes
from supervision.rules.signals.screens import ALL

ALPHA = 0.01
PAIRS_MAX = 2_000
"""Leads handed back; the rest of the pairs met no more than chance has it or rank below these."""
TIE_OF_RING = 0.25
PARTS_NULL = "tenders of its category with the same number of bids are exchangeable"


def analyse(
    history: History,
    *,
    now: datetime,
    seed: int,
    region: Sequence[str] = (),
    permutations: int = 199,
    alpha: float = ALPHA,
) -> Analysis:
    """Score every tender and find pairs, companions, extremes and rings.

    Args:
        now: the instant of the run, written into the result. seed: of the permutations; the same finds the same.
        region: of each tender. Firms meet where they live, so chance is asked inside category, region and year.
        permutations: of bidders inside category and year. alpha: at which patterns and companions fire.
    """
    rng = default_rng(seed)
    strata = _strata(history, region)
    seen = look(history, rng=rng, strata=strata, permutations=permutations)
    notes = _notes(history, seen)
    if seen.presence is None or seen.met is None or seen.pairs is None:
        return Analysis(now, seed, _tenders(history, seen, alpha), (), notes=notes)
    order = _time_order(history)
    leads = pair_leads(history, seen, order)
    return Analysis(
        now,
        seed,
        _tenders(history, seen, alpha),
        leads,
        firm_leads(history.firms, seen.presence, seen.met, seen.pairs, alpha),
        ring_leads(history, seen.presence, seen.pairs, order, rng, alpha),
        group_leads(history, seen.presence, strata, order, alpha),
        possible_pairs(seen.presence),
        notes,
    )


def _strata(history: History, region: Sequence[str]) -> Ints:
    """Category, year and, where it is told, region of each tender as one number."""
    inside = years(markets(history), history.opened_on)
    return codes(inside.tolist(), list(region)) if len(region) else inside


def _notes(history: History, seen: Look) -> tuple[str, ...]:
    found = []
    if seen.score.neighbours_p is not None:
        found.append(f"neighbours in time: p = {seen.score.neighbours_p:.3g}")
    if moments(history.opened_on) is None:
        found.append("some days are unknown: company is counted over all other tenders")
    return tuple(found)


def _time_order(history: History) -> Ints:
    """Position of each tender in time, shape (m,)."""
    days = history.opened_on.astype("datetime64[D]").astype(np.int64)
    place = np.empty(len(days), dtype=np.int64)
    place[np.argsort(days, kind="stable")] = np.arange(len(days))
    return place


def _tenders(history: History, seen: Look, alpha: float) -> tuple[TenderScore, ...]:
    made = []
    for rank, t in enumerate(head(seen.score.total).tolist(), start=1):
        parts = tuple(
            Part(name, _source(seen, name, t), float(value[t]), _p_of(seen, name, t), PARTS_NULL)
            for name, value in seen.score.parts.items()
        )
        fired = tuple(
            Part(rule, float(one.value[t]), 1.0, float(one.p[t]), "independent bids")
            for rule, one in seen.patterns.items()
            if one.met[t] and one.p[t] <= alpha
        )
        p = float(seen.p["p_score"][t])
        made.append(
            TenderScore(
                history.keys[t],
                history.category[t],
                int(seen.screens.n[t]),
                float(seen.score.share[t]),
                rank,
                1.0 if isnan(p) else p,
                {one.value: float(seen.screens.values[row, t]) for row, one in enumerate(ALL)},
                tuple(sorted(parts, key=lambda part: -part.rank * seen.score.weights[part.name])),
                fired,
            )
        )
    return tuple(made)


def _source(seen: Look, name: str, t: int) -> float:
    """The figure behind a part of the score."""
    if name == "dispersion":
        return float(seen.screens.values[0, t])
    if name == "size":
        return float(seen.mean[t])
    if name == "estimate":
        return float(seen.ratio[t])
    if name == "company" and seen.company is not None:
        return float(seen.company["tie"][t])
    return float(seen.score.parts[name][t])


def _p_of(seen: Look, name: str, t: int) -> float | None:
    column = {"dispersion": "p_CV", "estimate": "p_estimate"}.get(name)
    value = float(seen.p[column][t]) if column else float("nan")
    return None if isnan(value) else value


def pair_leads(history: History, seen: Look, order: Ints, *, most: int = PAIRS_MAX) -> tuple[PairLead, ...]:
    """Pairs that met at least twice, most cartel-like first, with their tenders and indicators."""
    assert seen.presence is not None
    assert seen.met is not None
    assert seen.pairs is not None
    of, met, found = seen.presence, seen.met, seen.pairs
    chosen = [i for i in head(found.likeness).tolist() if found.joint[i] >= 2][:most]
    by_pair = np.argsort(found.of_meeting, kind="stable")
    begin = np.searchsorted(found.of_meeting[by_pair], np.arange(len(found.a) + 1))
    total = int(np.count_nonzero(np.bincount(of.tender, minlength=of.n_tenders)))
    often, beside = pair_indicators(found, of, total)
    leads = []
    for rank, i in enumerate(chosen, start=1):
        common = of.tender[met.first[by_pair[begin[i] : begin[i + 1]]]]
        wins = int(found.wins_a[i]), int(found.wins_b[i])
        leads.append(
            PairLead(
                history.firms[int(found.a[i])],
                history.firms[int(found.b[i])],
                int(found.joint[i]),
                float(found.jaccard[i]),
                float(found.lift[i]),
                float(seen.chance.expected[i]) if seen.chance else float("nan"),
                float(seen.chance.p[i]) if seen.chance else float("nan"),
                *wins,
                min(wins) / max(wins) if max(wins) else 0.0,
                float(found.likeness[i]),
                rank,
                tuple(history.keys[t] for t in common[np.argsort(order[common], kind="stable")].tolist()),
                pair_codes(bool(often[i]), bool(beside[i])),
            )
        )
    return tuple(leads)


def pair_indicators(found: Pairs, of: Presence, tenders: int) -> tuple[Bools, Bools]:
    """Of every pair: H-01 as the table has it; H-02 when one of the two never wins beside the other. Each shape (p,)."""
    often = (
        (found.joint >= network.H01_JOINT_MIN)
        & (found.jaccard >= network.H01_JACCARD_MIN)
        & (found.joint * tenders >= network.H01_LIFT_MIN * found.bids_a * found.bids_b)
    )
    wins = np.bincount(of.firm, weights=of.won, minlength=of.n_firms)
    beside = np.zeros(len(found.a), dtype=np.bool_)
    lost = (found.wins_a == 0) | (found.wins_b == 0)
    for i in np.flatnonzero((found.joint >= turns.H02_JOINT_MIN) & lost).tolist():
        sides = (
            (found.a[i], found.bids_a[i], found.wins_a[i]),
            (found.b[i], found.bids_b[i], found.wins_b[i]),
        )
        beside[i] = any(
            _companion(int(wins[f]), int(n), int(w), int(found.joint[i])) <= turns.H02_P_MAX
            for f, n, w in sides
        )
    return often, beside


def pair_codes(often: bool, beside: bool) -> tuple[str, ...]:
    """The codes behind the two answers of ``pair_indicators``."""
    return tuple(code for code, fires in (("H-01", often), ("H-02", beside)) if fires)


def _companion(wins: int, bids: int, wins_beside: int, joint: int) -> float:
    if wins_beside or joint < turns.H02_JOINT_MIN:
        return 1.0
    return turns.never_wins_beside(bids, wins, joint)


def firm_leads(
    firms: Sequence[str], of: Presence, met: Meetings, found: Pairs, alpha: float = ALPHA
) -> tuple[FirmLead, ...]:
    """H-02 companions and H-04 extreme win rates among firms with ten bids or more."""
    size = np.bincount(of.tender, minlength=of.n_tenders)
    chance = 1.0 / size[of.tender]
    wins = np.bincount(of.firm, weights=of.won, minlength=of.n_firms).astype(int)
    by_firm = np.argsort(of.firm, kind="stable")
    begin = np.searchsorted(of.firm[by_firm], np.arange(of.n_firms + 1))
    leads = []
    for f in range(of.n_firms):
        own = chance[by_firm[begin[f] : begin[f + 1]]]
        if len(own) < turns.H02_JOINT_MIN:
            continue
        z = turns.win_z(own, int(wins[f]))
        if abs(z) > turns.H04_Z_MIN:
            p = min(1.0, 2 * min(turns.wins_p(own, int(wins[f]))))
            if p <= alpha:
                leads.append(FirmLead(firms[f], "H-04", len(own), int(wins[f]), float(own.sum()), z, p))
    for i in np.flatnonzero(found.joint >= turns.H02_JOINT_MIN).tolist():
        pair = (
            (found.a[i], found.wins_a[i], found.bids_a[i], found.b[i]),
            (found.b[i], found.wins_b[i], found.bids_b[i], found.a[i]),
        )
        for f, beside, bids, other in pair:
            p = _companion(int(wins[f]), int(bids), int(beside), int(found.joint[i]))
            if p <= min(alpha, turns.H02_P_MAX):
                joint, rate = int(found.joint[i]), wins[f] / bids
                z = -float(joint * rate / max(np.sqrt(joint * rate * (1 - rate)), 1e-9))
                leads.append(
                    FirmLead(firms[int(f)], "H-02", joint, 0, float(joint * rate), z, p, firms[int(other)])
                )
    return tuple(sorted(leads, key=lambda one: (one.p, one.firm, one.beside)))


def ring_leads(
    history: History, of: Presence, found: Pairs, order: Ints, rng: Generator, alpha: float = ALPHA
) -> tuple[RingLead, ...]:
    """H-03: groups that keep meeting, with the order in which they won; all groups, those that take turns first."""
    tie = found.joint / (found.bids_a + found.bids_b - found.joint + network.PRIOR_PAST)
    enough = found.joint >= network.H01_JOINT_MIN
    rings = turns.rings(found.a[enough], found.b[enough], tie[enough], least=TIE_OF_RING)
    leads = []
    for ring in rings:
        inside = np.isin(of.firm, ring.firms)
        present = np.bincount(of.tender[inside], minlength=of.n_tenders)
        mine = np.flatnonzero(inside & of.won & (present[of.tender] >= 2))
        mine = mine[np.argsort(order[of.tender[mine]], kind="stable")]
        winners = of.firm[mine].tolist()
        leads.append(
            RingLead(
                tuple(history.firms[f] for f in ring.firms),
                len(mine),
                turns.winners_entropy(winners),
                turns.turn_taking_p(winners, rng),
                tuple(history.keys[t] for t in of.tender[mine].tolist()),
                tuple(history.firms[f] for f in winners),
            )
        )
    return tuple(sorted(leads, key=lambda one: (one.p > alpha, one.p, -one.joint)))


def possible_pairs(of: Presence) -> int:
    """Pairs of firms that bid at least once, whether they met or not: how many tests a look at all pairs is."""
    firms = int(np.count_nonzero(np.bincount(of.firm, minlength=of.n_firms)))
    return firms * (firms - 1) // 2


def group_leads(
    history: History, of: Presence, stratum: Ints, order: Ints, alpha: float = ALPHA
) -> tuple[GroupLead, ...]:
    """H-01 for three firms or more that meet too often for chance, most telling first."""
    leads = []
    for one in groups.groups(groups.threes(of, stratum), alpha):
        inside = np.isin(of.firm, one.firms)
        present = np.bincount(of.tender[inside], minlength=of.n_tenders)
        common = np.flatnonzero(present >= 3)
        common = common[np.argsort(order[common], kind="stable")]
        won = np.flatnonzero(inside & of.won & (present[of.tender] >= 3))
        winner = dict(zip(of.tender[won].tolist(), of.firm[won].tolist(), strict=True))
        leads.append(
            GroupLead(
                tuple(history.firms[f] for f in one.firms),
                one.joint,
                one.expected,
                one.p,
                tuple(history.keys[t] for t in common.tolist()),
                tuple(history.firms[winner[t]] if t in winner else "" for t in common.tolist()),
            )
        )
    return tuple(leads)
