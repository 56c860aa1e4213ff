"""Which figures an address asks for, checked, and the figures themselves, kept by the process for a while."""

from __future__ import annotations

from typing import Annotated, Literal

from flask import current_app, request
from pydantic import Field
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from kernel.errors import NotValid, Refusal
from kernel.web import Form, parse_form, platform
from kernel.web.problems import field_text
from supervision.statistics_queries import Asked, Choices, Kept, Statistics, choices, statistics


class FiguresQuery(Form):
    """Which deals are counted. Left out: the newest year, all kinds of business, all regions."""

    year: Annotated[int, Field(ge=1, le=9999)] | None = None
    business: Literal["", "construction", "procurement", "land", "mining", "assets", "other"] = ""
    region: Annotated[str, Field(max_length=40)] = ""


class PageQuery(FiguresQuery):
    """The page's address: also how the figures are shown."""

    view: Literal["", "charts", "tables"] = ""


def _kept() -> Kept:
    """The figures this application keeps in its process."""
    found: Kept = current_app.extensions.setdefault("sunroad.statistics", Kept())
    return found


def known_choices(session: Session) -> Choices:
    """What can be asked for."""
    now = platform().outside.clock.now()
    found: Choices = _kept().get("choices", now, lambda: choices(session, now))
    return found


def figures_of(session: Session, asked: Asked) -> Statistics:
    """The figures of a filter, as kept or computed now."""
    now = platform().outside.clock.now()
    found: Statistics = _kept().get(asked, now, lambda: statistics(session, asked, now))
    return found


def checked(form: FiguresQuery, known: Choices) -> Asked:
    """The filter of a form.

    Raises:
        NotValid: ``form_invalid`` for a year or region without a tender.
    """
    year = known.years[0] if form.year is None else form.year
    problems = {}
    if year not in known.years:
        problems["year"] = "statistics_year"
    if form.region and form.region not in known.regions:
        problems["region"] = "statistics_region"
    if problems:
        raise NotValid(
            "form_invalid",
            field=next(iter(problems)),
            count=len(problems),
            problems={name: field_text(kind, {}) for name, kind in problems.items()},
            rules=problems,
        )
    return Asked(year, form.business, form.region)


def tolerant(known: Choices) -> tuple[PageQuery, Asked, dict[str, str]]:
    """The filter of the page; what cannot be read is told and left out, the rest counts."""
    given = _given()
    errors: dict[str, str] = {}
    while True:
        try:
            form = parse_form(PageQuery, MultiDict(given))
            return form, checked(form, known), errors
        except Refusal as no:
            problems: dict[str, str] = dict(no.details.get("problems") or {})  # type: ignore[call-overload]
            assert problems.keys() & given.keys(), problems
            errors |= problems
            given = {name: text for name, text in given.items() if name not in problems}


def strict(session: Session, form: FiguresQuery | None = None) -> Statistics:
    """The figures a file or a machine asks for; nothing of the filter is left out.

    Raises:
        NotValid: ``form_invalid``.
    """
    asked = checked(form or parse_form(PageQuery, MultiDict(_given())), known_choices(session))
    return figures_of(session, asked)


def _given() -> dict[str, str]:
    """What stands in the address of this page, without what other pages put there."""
    return {
        name: text for name, text in request.args.items() if name in PageQuery.model_fields and text.strip()
    }
