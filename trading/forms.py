"""What people type into this room's pages, parsed once into frozen forms."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator
from werkzeug.datastructures import MultiDict

from kernel.errors import NotValid
from kernel.money import Money
from kernel.web import Form, Instant, YuanField
from trading import words
from trading.queries import Filter

Line = Annotated[str, Field(min_length=1, max_length=200)]
Prose = Annotated[str, Field(min_length=1, max_length=4000)]


class NoticeQuery(Form):
    """The list of notices as its address asks for it."""

    q: Annotated[str, Field(max_length=80)] = ""
    business: Literal["", "construction", "procurement", "land", "mining", "assets", "other"] = ""
    regime: Annotated[str, Field(max_length=8)] = ""
    category: Literal["", "works", "goods", "services", "land", "property"] = ""
    region: Annotated[str, Field(max_length=40)] = ""
    kind: Annotated[str, Field(max_length=24)] = ""
    stage: Literal[
        "",
        "tendering",
        "opening",
        "evaluation",
        "standstill",
        "awarded",
        "contracted",
        "failed",
        "terminated",
    ] = ""
    since: date | None = None
    until: date | None = None
    least: YuanField | None = None
    most: YuanField | None = None
    after: str = ""
    before: str = ""
    lang: str = ""

    def to_filter(self) -> Filter:
        return Filter(**{name: getattr(self, name) for name in Filter.__dataclass_fields__})


Category = Literal["works", "goods", "services", "land", "property"]
Law = Literal["TM", "TV", "TR", "WR", "GP", "SM", "NP", "LA", "MI", "EQ", "AD", "FO"]


class NewProject(Form):
    """A project with its approval and money; an agency names the buyer by the unified code."""

    name: Line
    category: Category
    region: Annotated[str, Field(min_length=1, max_length=40)]
    funds: Line
    approval_no: Annotated[str, Field(min_length=1, max_length=80)]
    budget: YuanField
    buyer_uscc: Annotated[str, Field(max_length=24)] = ""


class NewTender(Form):
    """What must be known before anything else can be proposed."""

    title: Line
    regime: Law
    procedure: Literal["open", "comparison", "reverse_auction", "listing", "auction"] = "open"
    category: Category


class Basics(Form):
    """The first step of a tender."""

    title: Line
    regime: Law
    category: Category
    region: Annotated[str, Field(min_length=1, max_length=40)]
    place: Line
    summary: Prose
    qualification: Prose
    contact_name: Annotated[str, Field(min_length=1, max_length=80)]
    contact_phone: Annotated[str, Field(min_length=3, max_length=40)]
    contact_email: Annotated[str, Field(max_length=120, pattern=r"^([^@\s]+@[^@\s]+\.[^@\s]+)?$")] = ""
    contact_address: Annotated[str, Field(max_length=200)] = ""

    def contact(self) -> dict[str, str]:
        told = {
            "name": self.contact_name,
            "phone": self.contact_phone,
            "email": self.contact_email,
            "address": self.contact_address,
        }
        return {name: text for name, text in told.items() if text}


class LotForm(Form):
    """One lot."""

    title: Line
    quantity: Annotated[str, Field(min_length=1, max_length=2000)]
    ceiling: YuanField


class Dates(Form):
    """The timetable, the validity of bids and the bond."""

    documents_from_at: Instant
    documents_until_at: Instant
    bids_close_at: Instant
    validity_days: Annotated[int, Field(ge=1, le=3650)]
    bond: YuanField


class FileForm(Form):
    """What is said about an uploaded file."""

    kind: Literal[
        "tender_document", "bill_of_quantities", "drawing", "contract_draft", "clarification", "other"
    ]
    replaces: Annotated[str, Field(max_length=40)] = ""


class Publish(Form):
    """The confirmation before a notice cannot be taken back."""

    confirmed: Literal["yes"]


class Question(Form):
    text: Prose


class Objection(Form):
    matter: Literal["documents", "result"]
    lot: Annotated[str, Field(max_length=40)] = ""
    text: Prose


class Answer(Form):
    """An answer to a question; with it, perhaps, a later deadline."""

    answer: Prose
    affects_bids: Literal["yes", "no"]
    bids_close_at: Instant | None = None


class Amend(Form):
    """A correction without a question."""

    text: Prose
    affects_bids: Literal["yes", "no"]
    bids_close_at: Instant | None = None


class ObjectionAnswer(Form):
    answer: Prose
    upheld: Literal["yes", "no"]


class Termination(Form):
    reason: Prose
    confirmed: Literal["yes"]


class ContractForm(Form):
    """What the buyer writes into a contract; party and price must be the award's."""

    supplier: Annotated[str, Field(min_length=1, max_length=24)]
    price: YuanField
    performance_bond: YuanField = Money(0)


class ContractSignature(Form):
    """A signature object as JSON text, over the text whose digest the page showed."""

    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    signature: Annotated[str, Field(min_length=2, max_length=20_000)]


class ContractFiling(Form):
    filing_no: Annotated[str, Field(min_length=1, max_length=80)]


class Lapse(Form):
    """Why an award ends without a contract, or a lot without an award; it cannot be taken back."""

    reason: Prose
    confirmed: Literal["yes"]


class TermsForm(Form):
    """The terms of evaluation as their page lays them out: single fields; rows are read by ``terms_of``."""

    method: Literal["comprehensive", "evaluated_lowest", "gp_scoring", "gp_lowest"]
    price_weight: Annotated[str, Field(max_length=8)] = "0"
    k: Annotated[str, Field(max_length=200)] = ""
    full: Annotated[str, Field(max_length=8)] = "100"
    e1: Annotated[str, Field(max_length=8)] = "2"
    e2: Annotated[str, Field(max_length=8)] = "1"
    aggregate: Literal["mean", "trimmed"] = "mean"
    min_bids: Annotated[int, Field(ge=1, le=20)] = 3
    seats: Annotated[int, Field(ge=1, le=15)] = 5
    buyer_seats: Annotated[int, Field(ge=0, le=5)] = 1
    specialty: Annotated[str, Field(min_length=1, max_length=40)]
    period_days_max: Annotated[int, Field(ge=1, le=36500)] = 365
    evaluation_days: Annotated[int, Field(ge=1, le=60)] = 3

    @field_validator("k")
    @classmethod
    def _list(cls, text: str) -> str:
        if text and not re.fullmatch(r"[0-9.,，、\s]+", text):
            raise ValueError("numbers between commas")
        return text


class PriceTermsForm(Form):
    """The terms where the price alone decides."""

    min_bids: Annotated[int, Field(ge=1, le=20)] = 3
    ties: Literal["draw", "buyer"] = "draw"
    floor: YuanField | None = None
    period_days_max: Annotated[int, Field(ge=1, le=36500)] = 365

    def terms(self, old: Mapping[str, Any]) -> dict[str, Any]:
        """These terms over those that stand; what the page does not ask for stays."""
        floor = f"{self.floor.yuan:.2f}" if self.floor is not None and self.floor.minor else ""
        return {
            **old,
            "min_bids": self.min_bids,
            "ties": [self.ties],
            "floor": floor,
            "period_days_max": self.period_days_max,
        }


FACTOR_FIELDS = ("name", "name_en", "max", "kind", "guide")
REVIEW_FIELDS = ("name", "name_en", "clause", "ground")


def rows_of(form: Mapping[str, Any], group: str, fields: Sequence[str]) -> list[dict[str, str]]:
    """Rows typed as ``factor-0-name``, ``factor-0-max`` …; rows without a name are left out."""
    numbers = sorted(
        {int(found[1]) for name in form if (found := re.fullmatch(rf"{group}-(\d{{1,3}})-\w+", name))}
    )
    rows = []
    for number in numbers:
        row = {one: str(form.get(f"{group}-{number}-{one}", "")).strip() for one in fields}
        row["id"] = str(form.get(f"{group}-{number}-id", "")).strip()
        if row["name"]:
            rows.append(row)
    return rows


def single_fields(form: MultiDict[str, str]) -> MultiDict[str, str]:
    """The fields of ``TermsForm`` out of everything its page posts."""
    known = TermsForm.model_fields
    return MultiDict([(name, form[name]) for name in form if name in known])


def terms_of(
    form: TermsForm,
    factors: Sequence[Mapping[str, str]],
    review: Sequence[Mapping[str, str]],
    old: Mapping[str, Any],
) -> dict[str, Any]:
    """The terms a page describes, as ``trading.terms.parse_terms`` reads them.

    What the page does not ask for (parts, ties, trim table, adjustments) stays, or takes its default.

    Raises:
        NotValid: ``terms_row`` for a factor or review item that lacks something; ``field`` names its input.
    """
    formula = {"comprehensive": "deviation", "gp_scoring": "ratio"}.get(form.method, "none")
    price: dict[str, Any] = {"formula": formula, "weight": form.price_weight if formula != "none" else "0"}
    if formula == "deviation":
        before = old.get("price", {})
        price |= {
            "benchmark": "BM-2",
            "k": [part for part in re.split(r"[,，、\s]+", form.k) if part],
            "trim": before.get("trim") or [[0, 0, 0], [4, 0, 1], [7, 1, 1]],
            "full": form.full,
            "e1": form.e1,
            "e2": form.e2,
        }
        if not price["k"]:
            raise NotValid("terms_row", field="k")
    found: dict[str, Any] = {
        "method": form.method,
        "price": price,
        "factors": [_factor(at, row) for at, row in enumerate(factors)] if formula != "none" else [],
        "aggregate": form.aggregate,
        "review": [_review(at, row) for at, row in enumerate(review)],
        "min_bids": form.min_bids,
        "panel": {"seats": form.seats, "buyer_seats": form.buyer_seats, "specialty": form.specialty},
        "period_days_max": form.period_days_max,
        "evaluation_days": form.evaluation_days,
    }
    for name in ("parts", "ties", "deductions", "adjustments"):
        if name in old:
            found[name] = old[name]
    return found


def _factor(at: int, row: Mapping[str, str]) -> dict[str, Any]:
    if not re.fullmatch(r"\d{1,3}(\.\d{1,2})?", row["max"]):
        raise NotValid("terms_row", field=f"factor-{at}-max", name=row["name"])
    return {
        "id": row["id"] or f"f{at + 1}",
        "name": row["name"],
        "name_en": row["name_en"],
        "max": row["max"],
        "kind": row["kind"] if row["kind"] in ("subjective", "objective") else "subjective",
        "guide": row["guide"],
    }


def _review(at: int, row: Mapping[str, str]) -> dict[str, Any]:
    if not row["clause"]:
        raise NotValid("terms_row", field=f"review-{at}-clause", name=row["name"])
    return {
        "id": row["id"] or f"r{at + 1}",
        "name": row["name"],
        "name_en": row["name_en"],
        "clause": row["clause"],
        "ground": row["ground"] or "RJ-01",
    }


assert set(words.WIZARD_REGIMES) == set(get_args(Law))
