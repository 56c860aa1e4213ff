"""A contract is the award's, a performance bond has its bound, and an award lapses only on a listed ground."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kernel import rulebook
from kernel.errors import NotNow, NotValid
from kernel.money import Money
from trading.rules import contracts as rules
from trading.rules.contracts import Ground, Settled

NOW = datetime(2026, 12, 10, 2, tzinfo=UTC)
TM = rulebook.in_force("TM", "CN", NOW)
LA = rulebook.in_force("LA", "CN", NOW)
AWARD = Settled("91310000MA1FL0000X", "ab" * 16, Money.from_yuan("19865000"), "cd" * 32)


def test_the_awards_own_terms_pass() -> None:
    rules.require_as_awarded(AWARD, replace(AWARD))


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("supplier", "91310000MA1FL00018"),
        ("bid", "ba" * 16),
        ("price", Money.from_yuan("19865000.01")),
        ("report", "dc" * 32),
    ],
)
def test_whatever_departs_is_named(field: str, other: object) -> None:
    with pytest.raises(NotValid) as no:
        rules.require_as_awarded(AWARD, replace(AWARD, **{field: other}))  # type: ignore[arg-type]
    assert (no.value.code, no.value.field) == ("contract_departs", field)
    assert "第四十六条" in (no.value.source or "")


@pytest.mark.parametrize(("fen", "lawful"), [(0, True), (1_986_500_00, True), (1_986_500_01, False)])
def test_a_performance_bond_is_a_tenth_at_most(fen: int, lawful: bool) -> None:
    if lawful:
        rules.require_lawful_performance_bond(TM, Money(fen), AWARD.price)
        return
    with pytest.raises(NotValid) as no:
        rules.require_lawful_performance_bond(TM, Money(fen), AWARD.price)
    assert no.value.code == "performance_bond_share"
    assert no.value.details["most"] == "1986500.00"


def test_where_no_law_bounds_the_bond_none_is_invented() -> None:
    assert rules.performance_bond_max(LA, AWARD.price) is None
    rules.require_lawful_performance_bond(LA, AWARD.price, AWARD.price)


DUE = NOW + timedelta(days=1)


@pytest.mark.parametrize(
    ("ground", "now", "buyer", "supplier", "code"),
    [
        (Ground.REFUSED, NOW, False, False, ""),
        (Ground.REFUSED, NOW, True, True, "contract_signed_by_supplier"),
        (Ground.SILENT, DUE, True, False, ""),
        (Ground.SILENT, DUE - timedelta(seconds=1), True, False, "contract_term_running"),
        (Ground.SILENT, DUE, False, False, "contract_not_offered"),
        (Ground.SILENT, DUE, True, True, "contract_signed_by_supplier"),
    ],
)
def test_grounds_for_a_lapse(ground: Ground, now: datetime, buyer: bool, supplier: bool, code: str) -> None:
    def ask() -> None:
        rules.require_ground_to_lapse(
            ground, now=now, due_at=DUE, buyer_signed=buyer, supplier_signed=supplier
        )

    if not code:
        ask()
        return
    with pytest.raises(NotNow) as no:
        ask()
    assert no.value.code == code


def test_a_bond_of_nothing_is_not_forfeit() -> None:
    assert rules.bond_is_forfeit(Money(1), Ground.REFUSED)
    assert not rules.bond_is_forfeit(Money(0), Ground.SILENT)
