"""Combination: the worked example of the rules, classes that do not add up within themselves, pairs kept apart."""

from __future__ import annotations

from fractions import Fraction

import pytest

from supervision.rules.signals.combine import (
    Indicator,
    Kind,
    Light,
    band_of,
    combine,
    decimal_text,
    judge,
    raised,
)

Y, G, R = Light.YELLOW, Light.ORANGE, Light.RED


def seen(kind: Kind, light: Light, firms: tuple[str, ...] = ("A", "B"), code: str = "X") -> Indicator:
    return Indicator(code, light, kind, firms)


@pytest.mark.parametrize(
    ("lights", "risk", "band", "light"),
    [
        ([Y], "0.20", Light.NONE, Y),
        ([Y, Y], "0.36", Y, Y),
        ([G, Y], "0.56", Y, G),
        ([G, G], "0.6975", G, G),
        ([R, G], "0.8625", R, R),
        ([R], "0.75", G, R),
        ([], "0", Light.NONE, Light.NONE),
    ],
)
def test_the_worked_example_holds(lights: list[Light], risk: str, band: Light, light: Light) -> None:
    found = combine(seen(kind, one) for kind, one in zip(Kind, lights, strict=False))

    assert (found.risk, found.band, found.light) == (Fraction(risk), band, light)


def test_ten_hits_of_one_class_count_once() -> None:
    assert combine([seen(Kind.DEVICE, Y)] * 10).risk == Fraction(1, 5)


def test_bands_have_their_edges() -> None:
    for risk, light in (
        ("0.2999", Light.NONE),
        ("0.30", Y),
        ("0.5999", Y),
        ("0.60", G),
        ("0.85", G),
        ("0.8501", R),
    ):
        assert band_of(Fraction(risk)) is light


def test_shares_sum_to_the_points() -> None:
    found = combine([seen(Kind.DEVICE, R), seen(Kind.MONEY, R), seen(Kind.TEXT, G), seen(Kind.PRICE, Y)])

    assert sum(found.shares.values()) == found.points
    assert found.shares[Kind.DEVICE] == pytest.approx(found.shares[Kind.MONEY], abs=1)
    assert found.shares[Kind.TEXT] > found.shares[Kind.PRICE]


def test_statistics_order_the_queue_and_never_colour_a_lead() -> None:
    prices = [seen(Kind.PRICE, G), seen(Kind.HISTORY, G)]

    found = judge(prices)

    assert found.light is Light.NONE
    assert found.risk.risk == Fraction("0.6975")
    assert judge([*prices, seen(Kind.DEVICE, Y)]).light is Y


def test_evidence_of_different_pairs_does_not_add_up() -> None:
    apart = judge([seen(Kind.MONEY, G, ("A", "B")), seen(Kind.TEXT, G, ("C", "D"))])
    joined = judge([seen(Kind.MONEY, G, ("A", "B", "C")), seen(Kind.TEXT, G, ("A", "B"))])

    assert apart.risk.risk == Fraction("0.45")
    assert joined.risk.risk == Fraction("0.6975")
    assert joined.firms == ("A", "B", "C")
    assert judge([seen(Kind.ITEMS, Y, ("A",))]).light is Y


def test_some_indicators_are_raised_by_others_of_the_same_firms() -> None:
    metadata, copied = seen(Kind.METADATA, G, code="M-01"), seen(Kind.TEXT, G, code="T-01")
    strangers = seen(Kind.TEXT, G, ("A", "C"), code="T-01")

    assert raised([metadata, copied])[0].light is R
    assert raised([metadata, strangers])[0].light is G
    assert raised([seen(Kind.DEVICE, Y, code="D-06"), seen(Kind.DEVICE, R, code="D-01")])[0].light is R


def test_numbers_in_records_are_texts() -> None:
    assert decimal_text(Fraction(1, 3)) == "0.3333"
    assert decimal_text(0.5, 1) == "0.5"
