"""The life of a lot: one table is the code, the diagram, the simulator's choices and the property tests.

Whether a lot stands still (suspended) is a flag beside its stage: it resumes where it stopped.

Source: rules.md §1.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from kernel.errors import NotNow


class Stage(StrEnum):
    """What people have decided about a lot; what time alone decides is derived elsewhere."""

    DRAFT = "draft"
    TENDERING = "tendering"
    OPENING = "opening"
    EVALUATION = "evaluation"
    STANDSTILL = "standstill"
    AWARDED = "awarded"
    CONTRACTED = "contracted"
    FAILED = "failed"
    TERMINATED = "terminated"


class Move(StrEnum):
    """What can be done to a lot."""

    PUBLISH = "publish"
    OPEN_BIDS = "open_bids"
    EVALUATE = "evaluate"
    PROPOSE_AWARD = "propose_award"
    CONFIRM_AWARD = "confirm_award"
    CONTRACT = "contract"
    LAPSE = "lapse"
    FAIL = "fail"
    TERMINATE = "terminate"


MOVES: Mapping[tuple[Stage, Move], Stage] = MappingProxyType(
    {
        (Stage.DRAFT, Move.PUBLISH): Stage.TENDERING,
        (Stage.DRAFT, Move.TERMINATE): Stage.TERMINATED,
        (Stage.TENDERING, Move.OPEN_BIDS): Stage.OPENING,
        (Stage.TENDERING, Move.FAIL): Stage.FAILED,  # fewer than three bids: 实施条例 第四十四条
        (Stage.TENDERING, Move.TERMINATE): Stage.TERMINATED,  # 实施条例 第三十一条
        (Stage.OPENING, Move.EVALUATE): Stage.EVALUATION,
        (Stage.OPENING, Move.FAIL): Stage.FAILED,  # too few opened, where the documents print that
        (Stage.OPENING, Move.TERMINATE): Stage.TERMINATED,
        (Stage.EVALUATION, Move.PROPOSE_AWARD): Stage.STANDSTILL,
        (
            Stage.EVALUATION,
            Move.FAIL,
        ): Stage.FAILED,  # all rejected: 招标投标法 第四十二条; 政府采购法 第三十六条
        (Stage.EVALUATION, Move.TERMINATE): Stage.TERMINATED,
        (Stage.STANDSTILL, Move.EVALUATE): Stage.EVALUATION,  # an objection was upheld
        (Stage.STANDSTILL, Move.CONFIRM_AWARD): Stage.AWARDED,
        (Stage.STANDSTILL, Move.FAIL): Stage.FAILED,  # an award lapsed: 实施条例 第五十五条 (tender again)
        (Stage.STANDSTILL, Move.TERMINATE): Stage.TERMINATED,
        (Stage.AWARDED, Move.EVALUATE): Stage.EVALUATION,  # a challenge to the result was upheld
        (Stage.AWARDED, Move.CONTRACT): Stage.CONTRACTED,
        (
            Stage.AWARDED,
            Move.LAPSE,
        ): Stage.STANDSTILL,  # the winner does not sign: 实施条例 第五十五条, 第七十四条
    }
)

FINAL = frozenset({Stage.CONTRACTED, Stage.FAILED, Stage.TERMINATED})
"""Stages no move leads out of; a failed lot is tendered again as a new round."""


def after(stage: Stage, move: Move) -> Stage:
    """The stage that ``move`` leads to.

    Raises:
        NotNow: ``wrong_stage``; the details name the stage, the move and the moves that are open.
    """
    try:
        return MOVES[stage, move]
    except KeyError:
        open_moves = tuple(open_to.value for open_to in choices(stage))
        raise NotNow(
            "wrong_stage", source="rules.md §1.1", stage=stage.value, move=move.value, choices=open_moves
        ) from None


def choices(stage: Stage) -> tuple[Move, ...]:
    """The moves open at ``stage``, in the order of ``Move``."""
    return tuple(move for move in Move if (stage, move) in MOVES)


def require_not_suspended(suspended: bool, *, reason: str | None = None) -> None:
    """Refuse to carry on while the lot stands still.

    Raises:
        NotNow: ``suspended``.

    Source: 招标投标法实施条例 第二十二条, 第五十四条, 第六十二条; rules.md LC-04.
    """
    if suspended:
        raise NotNow(
            "suspended", source="招标投标法实施条例 第二十二条, 第五十四条, 第六十二条", reason=reason
        )
