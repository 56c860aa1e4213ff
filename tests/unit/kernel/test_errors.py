"""Refusals carry a code, an article and what a person needs to go on."""

from __future__ import annotations

import pytest

from kernel import errors
from kernel.errors import Caution, NotValid, Refusal


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("NotSignedIn", 401),
        ("NotAllowed", 403),
        ("NotFound", 404),
        ("NotNow", 409),
        ("Stale", 412),
        ("TooLarge", 413),
        ("NotValid", 422),
        ("TooMany", 429),
    ],
)
def test_every_refusal_has_its_status(name: str, status: int) -> None:
    refusal: type[Refusal] = getattr(errors, name)

    assert issubclass(refusal, Refusal)
    assert refusal.status == status


def test_a_refusal_tells_its_code_source_field_and_details() -> None:
    refusal = NotValid("panel_size", source="招标投标法 第三十七条", field="panel", seats=4)

    assert (refusal.code, refusal.source, refusal.field) == ("panel_size", "招标投标法 第三十七条", "panel")
    assert refusal.details == {"seats": 4}
    assert str(refusal) == "panel_size(seats=4)"
    assert str(NotValid("bare")) == "bare"


def test_a_caution_is_a_value() -> None:
    assert Caution("short_last_day", "C-05", {"hours": 479}) == Caution(
        "short_last_day", "C-05", {"hours": 479}
    )
    with pytest.raises(AttributeError):
        Caution("x").code = "y"  # type: ignore[misc]
