"""The choices of an auction's printed terms: value and word.

Source: rules §4.1–§4.7.
"""

from bidding.rules.auction.terms import (
    AfterEnd,
    Basis,
    ExtensionMode,
    Format,
    LimitMode,
    Norm,
    PricesShown,
    PriorityMode,
    RankShown,
    Sealing,
    SecondBy,
    TieRule,
    Trigger,
    TurnCriterion,
)
from kernel.i18n import marked

TRIGGERS = (
    (Trigger.BEST.value, marked("Only a better best price")),
    (Trigger.ANY.value, marked("Every offer")),
)
MODES = (
    ("none", marked("The end is fixed")),
    (ExtensionMode.FROM_BID.value, marked("Counted from the offer")),
    (ExtensionMode.FROM_END.value, marked("Added to the end")),
    (ExtensionMode.LAST_BID_COUNTDOWN.value, marked("Each offer restarts the countdown")),
)
RANKS = (
    (RankShown.NONE.value, marked("Nothing")),
    (RankShown.BEST_OR_NOT.value, marked("Best or not")),
    (RankShown.TOP_THREE.value, marked("Rank within the first three")),
    (RankShown.EXACT.value, marked("Exact rank")),
)
PRICES = (
    (PricesShown.NONE.value, marked("Nothing")),
    (PricesShown.MASKED.value, marked("Prices without plates")),
    (PricesShown.PLATES.value, marked("Prices with plates")),
)
AFTER = (
    (AfterEnd.ALL.value, marked("Every offer by plate")),
    (AfterEnd.RESULT.value, marked("The result alone")),
)
LIMITS = (
    (LimitMode.NONE.value, marked("Not taken")),
    (LimitMode.HELD.value, marked("Held by the platform, executed at once")),
    (LimitMode.SEALED.value, marked("Sealed to the custodians, executed at the end")),
)
SEALINGS = (
    (Sealing.SEALED.value, marked("Sealed by the bidder to the custodians")),
    (Sealing.HELD.value, marked("Held by the platform, shown to nobody")),
)
BASES = (
    (Basis.BEST.value, marked("The best offer")),
    (Basis.OWN.value, marked("One's own last offer")),
)
SMALL = (
    (Format.BLIND_REVERSE.value, marked("Blind reverse auction")),
    (Format.OPEN_REVERSE.value, marked("Open reverse auction")),
)
TIES = (
    (TieRule.FIRST.value, marked("The first received wins")),
    (TieRule.ROUND_THEN_DRAW.value, marked("A second round, then a draw")),
)
SECONDS = (
    (SecondBy.INDICATOR.value, marked("A second quantity")),
    (SecondBy.LOTTERY.value, marked("A verifiable draw")),
)
PRIORITY = (
    (PriorityMode.IN_SESSION.value, marked("In the session, at the same price")),
    (PriorityMode.POST_SESSION.value, marked("Asked after the end")),
)
CRITERIA = (
    (TurnCriterion.PRICE.value, marked("Price")),
    (TurnCriterion.QUALITY.value, marked("Price over quality")),
    (TurnCriterion.MIXED.value, marked("Weighted price")),
)

NORMS = (
    (Norm.RATIO.value, marked("In proportion to the best")),
    (Norm.LINEAR.value, marked("Linear between two bounds")),
    (Norm.POINTS.value, marked("Points by the panel")),
)
