"""What people post in this room, parsed once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import Field

from kernel.errors import NotValid
from kernel.web import Form, Tick
from trading.terms import Terms


class Accept(Form):
    """Both declarations are wanted; an unticked box is a missing field."""

    commitment: Tick
    avoidance: Tick


class Decline(Form):
    reason: str = Field(min_length=1, max_length=1000)


class Recuse(Form):
    reason: str = Field(min_length=1, max_length=1000)
    certain: Tick


class Vote(Form):
    """A yes or a no of one member."""

    answer: str = Field(pattern="^(yes|no)$")


class Signed(Form):
    """A signature object as JSON text, made in the browser."""

    signature: str = Field(min_length=2, max_length=20_000)
    dissent: str = Field(default="", max_length=4000)


class Representative(Form):
    person: UUID


class Enlarging(Form):
    """Which related fields of the reserve are opened, and why."""

    fields: list[str] = Field(default_factory=list, max_length=40)
    reason: str = Field(min_length=1, max_length=1000)


class Certain(Form):
    """A deed that cannot be undone, confirmed."""

    certain: Tick


class AwardForm(Form):
    """Which bid wins, and for each better candidate passed over the listed reason and the evidence."""

    bid: str = Field(pattern="^[0-9a-f]{32}$")
    certain: Tick


class Purpose(Form):
    purpose: str = Field(min_length=1, max_length=1000)


class Explanation(Form):
    text: str = Field(min_length=1, max_length=8000)


def signature_of(text: str) -> Any:
    """The signature object in a form field.

    Raises:
        NotValid: ``signature_wrong`` when the field holds no JSON.
    """
    try:
        return json.loads(text)
    except ValueError as no:
        raise NotValid("signature_wrong", source="sealing §10", field="signature", why="not_json") from no


def review_answers(terms: Terms, form: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Answers on the review items as they were typed: ``passed-<item>``, ``reason-<item>``, ``page-<item>``.

    Raises:
        NotValid: ``review_items`` with ``field`` the first item without an answer.
    """
    answers: dict[str, dict[str, Any]] = {}
    for item in terms.review:
        given = form.get(f"passed-{item.id}", "")
        if given not in ("yes", "no"):
            raise NotValid(
                "review_items",
                source="实施条例 第四十九条",
                field=item.id,
                items=[one.name for one in terms.review],
            )
        answers[item.id] = {
            "passed": given == "yes",
            "reason": form.get(f"reason-{item.id}", "").strip(),
            "page": form.get(f"page-{item.id}", "").strip(),
        }
    return answers


def sheet_scores(terms: Terms, form: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """A score sheet as it was typed: ``score-<factor>``, ``note-<factor>``, ``page-<factor>``."""
    return {
        factor.id: {name: form.get(f"{name}-{factor.id}", "").strip() for name in ("score", "note", "page")}
        for factor in terms.factors
    }


def passed_over(form: Mapping[str, str], better: list[str]) -> dict[str, tuple[str, str]]:
    """For each better candidate with a reason chosen: the reason and the evidence as typed."""
    return {
        bid: (form[f"reason-{bid}"], form.get(f"evidence-{bid}", "").strip())
        for bid in better
        if form.get(f"reason-{bid}", "").strip()
    }
