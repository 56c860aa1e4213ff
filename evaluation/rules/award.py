"""From candidates to the award: rank 1 unless a listed reason, after the standstill, with nothing open.

Source: rules.md §1.1 (→ AWARD_DECIDED), §1.2 (T-111…T-113).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from evaluation.rules.ranking import Place
from kernel.errors import NotValid
from kernel.rulebook import Rulebook
from trading.rules.dues import require_standstill_over
from trading.rules.lifecycle import require_not_suspended
from trading.rules.objections import require_no_open_objection


class PassOver(StrEnum):
    """The listed reasons for which a better candidate may be passed over."""

    GAVE_UP = "gave_up"
    FORCE_MAJEURE = "force_majeure"
    NO_PERFORMANCE_BOND = "no_performance_bond"
    UNLAWFUL = "unlawful"  # found to have acted so that the award would be void


@dataclass(frozen=True, slots=True)
class Passed:
    """A better candidate passed over: why, and the evidence in words."""

    bid: str
    reason: PassOver
    evidence: str


def require_lawful_award(
    law: Rulebook,
    winner: str,
    candidates: Sequence[Place],
    passed_over: Mapping[str, Passed],
    *,
    state_funds: bool,
) -> int:
    """Refuse an award to anybody but the best candidate who has not been passed over for a listed reason.

    Where the law leaves the buyer free (voluntary tendering, or no state money in construction), any
    candidate may win.

    Args:
        law: the tender's book.
        winner: the bid to be awarded.
        candidates: the published candidates.
        passed_over: by bid, every better candidate that is passed over.
        state_funds: state-owned or state-controlled money holds the leading share.

    Returns:
        The winner's rank.

    Raises:
        NotValid: ``not_a_candidate``, ``passed_over_without_evidence``, ``better_candidate`` (the details
            name them). Among joint candidates the buyer may choose.

    Source: 招标投标法实施条例 第五十五条; 政府采购法实施条例 第四十三条; rules.md LC-05.
    """
    ranks = {place.bid: place.rank for place in candidates}
    if winner not in ranks:
        raise NotValid(
            "not_a_candidate", source="招标投标法 第四十条", field="winner", candidates=sorted(ranks)
        )
    article = "招标投标法实施条例 第五十五条; 政府采购法实施条例 第四十三条"
    if bare := sorted(bid for bid, one in passed_over.items() if not one.evidence.strip()):
        raise NotValid("passed_over_without_evidence", source=article, field="evidence", bids=bare)
    row = law.get("first_candidate_must_win_with_state_funds")
    bound = law.regime == "GP" or (row is not None and row.flag and state_funds)
    if bound:
        better = sorted(bid for bid, rank in ranks.items() if rank < ranks[winner] and bid not in passed_over)
        if better:
            raise NotValid("better_candidate", source=article, field="winner", bids=better)
    return ranks[winner]


def require_award_may_follow(
    *, standstill_ends_at: datetime, now: datetime, open_objections: int, suspended: bool, source: str
) -> None:
    """Refuse to confirm an award while the publicity runs, an objection is open, or the lot stands still.

    Raises:
        NotNow: ``suspended``, ``objection_open`` or ``standstill_running``, in that order.

    Source: 招标投标法实施条例 第五十四条 (T-111, T-112); rules.md LC-04.
    """
    require_not_suspended(suspended)
    require_no_open_objection(open_objections)
    require_standstill_over(standstill_ends_at, now, source=source)


def require_everyone_told(bidders: AbstractSet[str], told: AbstractSet[str]) -> None:
    """Refuse an award letter that leaves a loser uninformed: letter and results go out in the same act.

    Raises:
        NotValid: ``losers_not_told``.

    Source: 招标投标法 第四十五条 (T-113).
    """
    if missing := sorted(bidders - told):
        raise NotValid("losers_not_told", source="招标投标法 第四十五条", bidders=missing)
