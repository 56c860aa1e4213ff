"""Everything the notice prints about an auction: the terms, which nobody can change once they are published.

All durations are whole seconds, money is ``Money`` (decimal strings in the plain form), percentages are
``Decimal`` (``Decimal("0.5")`` is half a percent). Format reference: docs/formats/auction-terms.md.

Source: rules §4.1–§4.8.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Self

from bidding.rules.auction.values import Plain, Value, from_plain, to_plain
from kernel.money import Money


class Format(StrEnum):
    """The thirteen ways to hold an auction. Source: rules §4.1; F13: peers §1.1."""

    OPEN_REVERSE = "open_reverse"  # F1 公开反向竞价
    BLIND_REVERSE = "blind_reverse"  # F2 背靠背反拍
    SEALED_ROUNDS = "sealed_rounds"  # F3 多轮密封
    LISTING = "listing"  # F4 挂牌 + 限时竞价
    ASCENDING = "ascending"  # F5 网上拍卖
    CAPPED = "capped"  # F6 限价竞配
    MULTI_OFFER = "multi_offer"  # F7 多次报价
    ONE_OFFER = "one_offer"  # F8 一次报价
    WEIGHTED = "weighted"  # F9 权重报价
    DUTCH = "dutch"  # F10 荷兰式
    JAPANESE = "japanese"  # F11 日式
    SMALL = "small"  # F12 限额以下网上竞价
    TURN_BASED = "turn_based"  # F13 分轮次轮流报价


class Direction(StrEnum):
    """Whether a better price is higher or lower."""

    UP = "up"
    DOWN = "down"


class Basis(StrEnum):
    """What an offer must beat by a step: the best offer, or the bidder's own last one."""

    BEST = "best"
    OWN = "own"


class ExtensionMode(StrEnum):
    """How a late offer moves the end. Source: rules §4.4."""

    FROM_BID = "from_bid"
    FROM_END = "from_end"
    LAST_BID_COUNTDOWN = "last_bid_countdown"


class Trigger(StrEnum):
    """Which offers move the end."""

    ANY = "any"
    BEST = "best"


class RankShown(StrEnum):
    """What a bidder learns about his own place."""

    NONE = "none"
    BEST_OR_NOT = "best_or_not"
    TOP_THREE = "top_three"
    EXACT = "exact"


class PricesShown(StrEnum):
    """What bidders see of each other's offers: nothing, prices without plates, or prices with plates."""

    NONE = "none"
    MASKED = "masked"
    PLATES = "plates"


class AfterEnd(StrEnum):
    """What everybody sees once it has ended: the result alone, or every offer by plate."""

    RESULT = "result"
    ALL = "all"


class PriorityMode(StrEnum):
    """How a holder of a priority right (优先购买权) uses it. Source: rules §4.6."""

    IN_SESSION = "in_session"
    POST_SESSION = "post_session"


class LimitMode(StrEnum):
    """Whether standing limits (代理出价) are taken, and who holds them. Source: rules §4.7."""

    NONE = "none"
    HELD = "held"  # by the platform, logged, executed at once
    SEALED = "sealed"  # encrypted to the custodian, opened and executed at the end


class Sealing(StrEnum):
    """How the offers of F3, F8 and F9 stay closed: encrypted by the bidder, or held unseen by the platform."""

    HELD = "held"
    SEALED = "sealed"


class TieRule(StrEnum):
    """Equal best sealed offers: the first received wins, or a second sealed round among equals and then a draw."""

    FIRST = "first"
    ROUND_THEN_DRAW = "round_then_draw"


class SecondBy(StrEnum):
    """What decides once the capped price is reached (F6)."""

    INDICATOR = "indicator"
    LOTTERY = "lottery"


class Norm(StrEnum):
    """How an item of F9 becomes 0–100 points: by ratio to the best, linearly between bounds, or as given."""

    RATIO = "ratio"
    LINEAR = "linear"
    POINTS = "points"


class TurnCriterion(StrEnum):
    """What F13 ranks by: the price, the price over a quality coefficient, or a weighted price."""

    PRICE = "price"
    QUALITY = "quality"
    MIXED = "mixed"


@dataclass(frozen=True)
class Step(Value):
    """The least improvement: an amount, or a percentage of what is to be beaten, rounded up to ``unit``.

    ``most`` is the number of steps from which an offer needs a second confirmation; None switches that off.

    Source: rules §4.3 A-05.
    """

    amount: Money | None = None
    percent: Decimal | None = None
    unit: Money = field(default_factory=lambda: Money(1))
    most: int | None = 50

    def but(self, **changes: object) -> Self:
        """The same step with some fields replaced; what was worked out of them is worked out again."""
        return replace(self, **changes)  # type: ignore[arg-type]

    @cached_property
    def _ratio(self) -> tuple[int, int]:
        assert self.percent is not None
        over, under = self.percent.as_integer_ratio()
        return over, under * 100 * self.unit.minor

    def minor(self, reference: int) -> int:
        """The step in minor units below or above ``reference`` minor units; at least one unit."""
        if self.amount is not None:
            return self.amount.minor
        over, under = self._ratio
        return max(1, -(-abs(reference) * over // under)) * self.unit.minor


@dataclass(frozen=True)
class Extension(Value):
    """How late offers move the end, and how far at most. Source: rules §4.4, EX-14."""

    mode: ExtensionMode
    window_seconds: int
    extend_seconds: int
    trigger: Trigger = Trigger.BEST
    count_max: int | None = None
    total_minutes_max: int | None = None


@dataclass(frozen=True)
class Visible(Value):
    """The printed options of the visibility matrix. Source: rules §4.2."""

    best: bool = False
    rank: RankShown = RankShown.NONE
    prices: PricesShown = PricesShown.NONE
    count: bool = False
    public_live: bool = False
    after_end: AfterEnd = AfterEnd.ALL


@dataclass(frozen=True)
class Holder(Value):
    """A holder of a priority right by his plate; rank 1 goes before rank 2, equal rank: the earlier match."""

    plate: str
    rank: int = 1


@dataclass(frozen=True)
class Priority(Value):
    """Priority rights: who holds them and how they are used; ``uses`` None is unlimited. Source: rules §4.6."""

    mode: PriorityMode
    holders: tuple[Holder, ...] = ()
    uses: int | None = None
    ask_minutes: int = 5


@dataclass(frozen=True)
class Rounds(Value):
    """F3: how many sealed rounds, how long each, how long the pause between; is the best shown after each?"""

    count: int
    seconds: int
    pause_seconds: int = 0
    best_after_each: bool = False


@dataclass(frozen=True)
class Listing(Value):
    """F4, F6, F7: the inquiry before the end of the listing and the limited-time round after it.

    ``inquiry_seconds`` before the end the will to continue is asked (0: never). Who enters the limited-time
    round: everybody admitted (``everyone_enters``), only those who have offered (``offerers_only``), else those
    who answered "will continue". ``minimum_of_offerers``: the least number of bidders counts those who offered,
    not those admitted. ``countdown_seconds``: each valid offer restarts it.

    Source: rules §4.5 steps 3–5 and variant flags.
    """

    inquiry_seconds: int = 3600
    countdown_seconds: int = 240
    offerers_only: bool = False
    everyone_enters: bool = False
    minimum_of_offerers: bool = True


@dataclass(frozen=True)
class Cap(Value):
    """F6: the price that cannot be passed, and what decides among those who go on. Source: rules §4.5 F6.

    The indicator is a quantity with ``start``, ``step`` and ``maximum`` in ``indicator_unit``;
    ``first_has_priority`` prints that who reached the cap first wins when nobody offers a quantity.
    """

    price: Money
    second: SecondBy = SecondBy.INDICATOR
    inquiry_seconds: int = 600
    wait_seconds: int = 300
    indicator: str = ""
    indicator_unit: str = ""
    start: Decimal = Decimal(0)
    step: Decimal = Decimal(1)
    maximum: Decimal | None = None
    first_has_priority: bool = False


@dataclass(frozen=True)
class Clock(Value):
    """F10 and F11: the price moves by ``move`` every ``tick_seconds`` until ``stop``.

    F11: a bidder who does not stay within a tick drops out.
    """

    move: Money
    tick_seconds: int
    stop: Money


@dataclass(frozen=True)
class Item(Value):
    """An item of F9: its weight in percent, how it becomes points, and the bounds of a linear one."""

    name: str
    weight: Decimal
    norm: Norm
    higher_is_better: bool = False
    worst: Decimal | None = None
    best: Decimal | None = None


@dataclass(frozen=True)
class Quality(Value):
    """F13: what a bidder's price is divided by and what is then added, as ``a/b`` fractions; 1 and 0 for nothing.

    ``opening``: with ``doubles``, the weighted opening price as it was published.
    """

    plate: str
    denominator: str = "1"
    addition: str = "0"
    opening: str | None = None


@dataclass(frozen=True)
class Turns(Value):
    """F13: rounds of turns, the worst price first. Source: peers §1.1.

    ``order`` is what the turns go by; ``criterion`` is what the result goes by. ``doubles`` prints that prices and
    coefficients are published as binary64 numbers and that an offer is measured against the published ones, as
    the systems do that hold these auctions; without it everything is exact.
    """

    criterion: TurnCriterion = TurnCriterion.PRICE
    order: TurnCriterion = TurnCriterion.PRICE
    rounds: int = 3
    first_pause_seconds: int = 300
    pause_seconds: int = 120
    turn_seconds: int = 120
    doubles: bool = False
    qualities: tuple[Quality, ...] = ()


@dataclass(frozen=True)
class Outage(Value):
    """After a fault: how long before resuming it is announced, and the least time then left (rules §4.7)."""

    resume_notice_minutes: int = 30
    remaining_seconds_min: int = 300


@dataclass(frozen=True, kw_only=True)
class Terms(Value):
    """The printed terms of one auction.

    Attributes:
        starts_at: the printed start; None when the host begins by hand.
        start: starting price; descending: also the ceiling unless ``ceiling`` is lower.
        free_seconds: length of the free period (listing, round of offers) before any extension.
        tail_seconds_max: hidden end: a random tail up to this long follows the printed end (0: none).
        bidders_min: bidders with a valid offer needed for a result (A-13).
        ties, tie_seconds: F8: what decides between equal best offers, and how long their second round lasts.
        reserve: a sealed reserve price exists; its value is opened at the end.
        base: F12 only: held like F1 or like F2.
        lottery_band_percent: F12 only: a draw among offers within this distance of the best.
    """

    format: Format
    direction: Direction
    currency: str = "CNY"
    starts_at: datetime | None = None
    start: Money | None = None
    ceiling: Money | None = None
    step: Step | None = None
    basis: Basis = Basis.BEST
    free_seconds: int = 3600
    extension: Extension | None = None
    tail_seconds_max: int = 0
    bidders_min: int = 1
    equal_prices: bool = False
    self_outbid: bool = False
    visible: Visible = field(default_factory=Visible)
    reserve: bool = False
    priority: Priority | None = None
    limits: LimitMode = LimitMode.NONE
    sealing: Sealing = Sealing.HELD
    ties: TieRule = TieRule.FIRST
    tie_seconds: int = 600
    rounds: Rounds | None = None
    listing: Listing | None = None
    cap: Cap | None = None
    clock: Clock | None = None
    items: tuple[Item, ...] = ()
    turns: Turns | None = None
    base: Format | None = None
    lottery_band_percent: Decimal | None = None
    outage: Outage = field(default_factory=Outage)

    def __post_init__(self) -> None:
        from bidding.rules.auction.soundness import require_sound

        require_sound(self)

    def but(self, **changes: object) -> Self:
        """The same terms with some fields replaced, checked again. Raises NotValid like the constructor."""
        return replace(self, **changes)  # type: ignore[arg-type]

    @classmethod
    def from_plain(cls, plain: object) -> Terms:
        """Terms from their JSON form.

        Raises:
            NotValid: ``auction_value_invalid`` (a field does not read) or ``auction_terms_invalid`` (the fields
                contradict a rule); ``details`` name field and rule.
        """
        made = from_plain(cls, plain)
        assert isinstance(made, Terms)
        return made

    def to_plain(self) -> Plain:
        """The JSON form; ``Terms.from_plain`` gives back an equal value."""
        plain = to_plain(self)
        assert isinstance(plain, dict)
        return plain

    @cached_property
    def sign(self) -> int:
        """+1 when a lower price is better, -1 when a higher one is: better offers have smaller ``sign × price``."""
        return 1 if self.direction is Direction.DOWN else -1

    @cached_property
    def acts_as(self) -> Format:
        """The format whose rules it follows: F12 is held like its base."""
        return self.base if self.format is Format.SMALL and self.base else self.format

    @cached_property
    def blind(self) -> bool:
        """Whether bidders may not see each other's prices while it runs."""
        return self.acts_as in BLIND

    @cached_property
    def sealed(self) -> bool:
        """Whether offers stay closed until they are opened together (F3, F8, F9)."""
        return self.acts_as in SEALED

    @cached_property
    def first_minor(self) -> int | None:
        """The first offer's bound in minor units: at least this (ascending) or at most (descending). A-04."""
        bounds = [one.minor for one in (self.start, self.ceiling) if one is not None]
        if not bounds:
            return None
        return min(bounds) if self.direction is Direction.DOWN else bounds[0]


SEALED = frozenset({Format.SEALED_ROUNDS, Format.ONE_OFFER, Format.WEIGHTED})
BLIND = SEALED | {Format.BLIND_REVERSE}
LISTED = frozenset({Format.LISTING, Format.CAPPED, Format.MULTI_OFFER})
