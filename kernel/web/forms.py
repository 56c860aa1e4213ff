"""What comes in, parsed once into a frozen form: pydantic models for HTML forms and for JSON alike.

HTML forms are read leniently (``strict=False``), JSON strictly. Every broken field is told in both languages.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar, get_args, get_origin

import pydantic
from flask import request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from kernel.clock import SHANGHAI
from kernel.errors import NotValid
from kernel.facts import rfc3339
from kernel.money import Money

Model = TypeVar("Model", bound=BaseModel)


class Form(BaseModel):
    """A command: frozen, and nothing beyond its fields is accepted."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", str_strip_whitespace=True, arbitrary_types_allowed=True
    )


def _money(value: object) -> Money:
    if isinstance(value, Money):
        return value
    if not isinstance(value, str) or not value.strip():
        raise PydanticCustomError("money", "an amount in yuan as a decimal string")
    text = value.replace(",", "").replace("，", "").replace(" ", "").removesuffix("元")  # as people type it
    try:
        return Money.from_yuan(Decimal(text))
    except (ValueError, ArithmeticError):
        raise PydanticCustomError("money", "an amount in yuan as a decimal string") from None


YuanField = Annotated[
    Money,
    BeforeValidator(_money),
    PlainSerializer(lambda value: f"{value.yuan:.2f}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d{1,15}(\.\d{1,2})?$", "examples": ["5386000.00"]}),
]
"""An amount in yuan: typed as ``5,386,000.00``, in JSON the string ``"5386000.00"``."""


def _instant(value: object) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise PydanticCustomError("instant", "a date and time") from None
    if not isinstance(value, datetime):
        raise PydanticCustomError("instant", "a date and time")
    if (
        value.tzinfo is None
    ):  # <input type="datetime-local"> knows no zone; the platform's people live in Shanghai
        value = value.replace(tzinfo=SHANGHAI)
    from datetime import UTC

    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("instant", "a date and time") from None


Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    PlainSerializer(rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment: from a form as Shanghai wall time, in JSON as RFC 3339 with its offset; always UTC afterwards."""


class _ToTick:
    """Marks a box that has to be ticked: left out, it is told so in words of its own."""


Tick = Annotated[str, Field(max_length=8), _ToTick()]
"""A box that has to be ticked before a form does anything."""


def parse_form(model: type[Model], form: MultiDict[str, str] | None = None) -> Model:
    """Read the posted HTML form.

    A field of a list type takes all values of its name; an empty value counts as left out, so that its
    default holds. ``csrf_token`` is not a field.

    Raises:
        NotValid: ``form_invalid``; ``field`` is the first broken one, ``details["problems"]`` maps each
            broken field to its sentence.
    """
    values = request.form if form is None else form
    given: dict[str, Any] = {}
    for name in values:
        if name == "csrf_token":
            continue
        field = model.model_fields.get(name)
        if field is not None and _is_list(field.annotation):
            given[name] = [text for text in values.getlist(name) if text.strip()]
        elif values[name].strip():
            given[name] = values[name]
    boxes = {
        name
        for name, field in model.model_fields.items()
        if any(isinstance(one, _ToTick) for one in field.metadata)
    }
    return _validated(lambda: model.model_validate(given, strict=False), boxes)


def parse_json(model: type[Model]) -> Model:
    """Read the JSON body strictly.

    Raises:
        UnsupportedMediaType: another content type (415). BadRequest: no JSON (400).
        NotValid: ``form_invalid``, as ``parse_form`` (422).
    """
    if not request.is_json:
        raise UnsupportedMediaType
    data = request.get_data()
    try:
        return _validated(lambda: model.model_validate_json(data, strict=True))
    except _NotJson:
        raise BadRequest from None


class _NotJson(Exception):
    pass


def _validated(make: Callable[[], Model], boxes: Collection[str] = ()) -> Model:
    try:
        return make()
    except pydantic.ValidationError as no:
        errors = no.errors(include_url=False, include_input=False)
        if any(error["type"] == "json_invalid" for error in errors):
            raise _NotJson from None
        for error in errors:
            if error["type"] == "missing" and error["loc"] and error["loc"][0] in boxes:
                error["type"] = "unticked"
        raise invalid(errors) from None


def invalid(errors: list[Any]) -> NotValid:
    """The refusal for pydantic's errors: field paths as JSON pointers without the first slash."""
    from kernel.web.problems import field_text

    problems: dict[str, str] = {}
    rules: dict[str, str] = {}
    for error in errors:
        where = "/".join(str(part) for part in error["loc"]) or ""
        problems.setdefault(where, field_text(error["type"], dict(error.get("ctx") or {})))
        rules.setdefault(where, error["type"])
    first = next(iter(problems))
    return NotValid("form_invalid", field=first, count=len(problems), problems=problems, rules=rules)


def _is_list(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin in (list, tuple, set, frozenset):
        return True
    return any(_is_list(part) for part in get_args(annotation)) if origin is not None else False


def typed(form: Mapping[str, Any], name: str) -> str:
    """What was typed into a field, for showing the form again."""
    return str(form.get(name, ""))
