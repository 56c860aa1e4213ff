"""The printed terms of a tender: everything by which bids will be opened, judged and ranked.

They are validated when drafted and frozen when the notice is published; the engine and a stranger's verifier read the
same values. All numbers are decimal strings. Source: spec rules §2.1 (only printed criteria may be used).
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from kernel.errors import NotValid


def _decimal(text: str) -> str:
    try:
        value = Decimal(text)
    except InvalidOperation as problem:
        raise ValueError("not a decimal number") from problem
    if not value.is_finite():
        raise ValueError("not a finite number")
    return text


Number = Annotated[str, AfterValidator(_decimal)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PriceTerms(_Part):
    """How a price becomes points.

    ``weight`` is the most points a price can earn. Construction: ``full``, ``e1``, ``e2`` of the deviation score,
    benchmark ``BM-2`` with its trim table and the printed list of K. Government procurement: the ratio formula.
    """

    formula: Literal["ratio", "deviation", "none"]
    weight: Number = "0"
    benchmark: str = ""
    k: tuple[Number, ...] = ()
    trim: tuple[tuple[int, int, int], ...] = ()
    freeze_at: Literal["opening", "prelim_review"] = "opening"
    full: Number = "100"
    e1: Number = "2"
    e2: Number = "1"


class Factor(_Part):
    """One thing experts score: at most ``max`` points."""

    id: str = Field(pattern=r"^[a-z0-9_]{1,24}$")
    name: str = Field(min_length=1, max_length=80)
    name_en: str = Field(default="", max_length=120)
    max: Number
    kind: Literal["subjective", "objective"] = "subjective"
    guide: str = Field(default="", max_length=600)


class ReviewItem(_Part):
    """One pass-or-fail item of the preliminary review, with the clause and the ground of rejection."""

    id: str = Field(pattern=r"^[a-z0-9_]{1,24}$")
    name: str = Field(min_length=1, max_length=120)
    name_en: str = Field(default="", max_length=160)
    clause: str = Field(min_length=1, max_length=80)
    ground: str = Field(pattern=r"^RJ-\d\d$")


class PanelTerms(_Part):
    """Seats of the panel; the rest after the buyer's seats goes to drawn experts."""

    seats: int = Field(ge=0, le=15)
    buyer_seats: int = Field(ge=0, le=5)
    specialty: str = Field(max_length=40)


NO_PANEL = PanelTerms(seats=0, buyer_seats=0, specialty="")
"""Where the price alone decides."""


class Adjustment(_Part):
    """A monetised deviation for the evaluated-lowest method: each unit of an opening item beyond its base."""

    item: str = Field(pattern=r"^[a-z0-9_]{1,24}$")
    name: str = Field(min_length=1, max_length=80)
    base: Number
    per_unit: Number


class Terms(_Part):
    """All printed terms.

    ``method``: ``comprehensive`` (综合评估法), ``evaluated_lowest`` (经评审的最低投标价法), ``gp_scoring``
    (综合评分法), ``gp_lowest`` (最低评标价法), ``lowest_price`` (the lowest valid price, without a panel), ``live``
    (an auction decides; its own terms are printed with each lot).
    ``parts`` are the sealed parts of a bid. ``floor`` is the price below which a bid is not valid, for the lowest
    price only; ``ties`` then says who decides between equal prices: ``draw`` or ``buyer``.
    """

    method: Literal["comprehensive", "evaluated_lowest", "gp_scoring", "gp_lowest", "lowest_price", "live"]
    parts: tuple[str, ...] = ("price", "tech")
    min_bids: int = Field(default=3, ge=1)
    price: PriceTerms
    factors: tuple[Factor, ...] = ()
    aggregate: Literal["mean", "trimmed"] = "mean"
    ties: tuple[str, ...] = ("lower_price",)
    deductions: dict[str, Number] = Field(default_factory=dict)
    adjustments: tuple[Adjustment, ...] = ()
    review: tuple[ReviewItem, ...] = ()
    panel: PanelTerms = NO_PANEL
    floor: Literal[""] | Number = ""
    period_days_max: int = Field(default=365, ge=1)
    evaluation_days: int = Field(default=3, ge=1, le=60)

    @property
    def has_panel(self) -> bool:
        """Whether members judge the bids: neither the lowest price nor an auction asks any."""
        return self.method not in ("lowest_price", "live")

    @model_validator(mode="after")
    def _whole(self) -> Terms:
        if self.method in ("comprehensive", "gp_scoring") and not self.factors:
            raise ValueError("a scoring method needs factors")
        ids = [*(factor.id for factor in self.factors), *(item.id for item in self.review)]
        if len(set(ids)) != len(ids):
            raise ValueError("an id stands twice")
        if "price" not in self.parts:
            raise ValueError("a price part is needed")
        if self.method == "live":
            if self.panel.seats or self.review or self.factors or self.floor or self.ties != ("lower_price",):
                raise ValueError(
                    "an auction has no panel, review, factors or floor, and its own rule for ties"
                )
        elif self.method == "lowest_price":
            if self.panel.seats or self.review or self.ties not in (("draw",), ("buyer",)):
                raise ValueError("the lowest price has no panel and no review; ties are one of draw, buyer")
        elif not self.review or not self.panel.seats or not self.panel.specialty or self.floor:
            raise ValueError("at least one review item and a panel are needed, and no floor")
        return self

    @property
    def points(self) -> Decimal:
        """All points that can be earned; the law wants 100."""
        return Decimal(self.price.weight) + sum((Decimal(f.max) for f in self.factors), Decimal(0))


def parse_terms(found: object) -> Terms:
    """Read terms strictly.

    Raises:
        NotValid: ``terms`` naming the first field that cannot be read.
    """
    try:
        return Terms.model_validate(found)
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise NotValid("terms", field=f"terms.{where}", why=first["msg"]) from problem


def plain_terms(terms: Terms) -> dict[str, Any]:
    """Terms as they are stored, hashed and published."""
    return terms.model_dump(mode="json")
