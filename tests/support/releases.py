"""Releases of the Open Contracting Data Standard in every odd shape: missing, null, of another type, twice, in odd zones."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

WHO = ["A", "B", "C", "D", "E", "F"]
ODD: list[Any] = [None, 0, 7, 1.5, "", "x", [], {}, [None], ["A"], {"id": None}, True]
NONE = object()


class Shapes:
    """Random releases: mostly plausible, now and then anything at all."""

    def __init__(self, seed: int, odd: float) -> None:
        self.dice, self.odd = random.Random(seed), odd

    def maybe(self, value: Any) -> Any:
        """The value; sometimes nothing, sometimes something of another type."""
        luck = self.dice.random()
        return NONE if luck < self.odd else self.dice.choice(ODD) if luck < 2 * self.odd else value

    def thing(self, **parts: Any) -> dict[str, Any]:
        return {key: kept for key, value in parts.items() if (kept := self.maybe(value)) is not NONE}

    def party(self, who: str) -> Any:
        return self.thing(id=who, name=f"{who} Ltd", roles=["tenderer", "supplier"], memberOf=[{"id": "G"}])

    def parties(self) -> list[Any]:
        many = self.dice.choice((0, 1, 1, 1, 1, 1, 2, 3))
        found = [self.party(who) for who in self.dice.sample(WHO, many)]
        return [*found, self.dice.choice(ODD)] if self.dice.random() < self.odd else found

    def date(self) -> str:
        day = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=self.dice.randint(0, 60 * 24 * 40))
        zone = self.dice.choice(("Z", "Z", "Z", "+08:00", "-03:30", "+00:00", "", "z"))
        text = day.strftime("%Y-%m-%dT%H:%M:%S") + self.dice.choice(("", "", ".250")) + zone
        return self.dice.choice((text, text, text, text, text[:10], "tomorrow"))

    def value(self) -> Any:
        amount = self.dice.choice((100, 100.0, 110, 120.5, 99.999, 0, -5, 1e308, self.dice.randint(90, 140)))
        return self.thing(amount=amount, currency=self.dice.choice(("USD", "USD", "USD", "USD", "CAD")))

    def bid(self) -> Any:
        status = self.dice.choice(
            ("valid", "valid", "valid", "disqualified", "withdrawn", "invited", "pending")
        )
        return self.thing(
            id="1", status=status, date=self.date(), value=self.value(), tenderers=self.parties()
        )

    def award(self) -> Any:
        status = self.dice.choice(
            ("active", "active", "active", "cancelled", "unsuccessful", "pending", "invalid")
        )
        items = [
            self.thing(
                id=str(n),
                classification=self.thing(
                    id=self.dice.choice(("44120000", "43", "4", "71-x", "")), scheme="CPV"
                ),
            )
            for n in range(self.dice.randint(0, 3))
        ]
        return self.thing(id="1", status=status, suppliers=self.parties(), items=items, value=self.value())

    def release(self, number: int) -> Any:
        tender = self.thing(
            status=self.dice.choice(("complete", "active", "complete", "complete", "cancelled")),
            procurementMethod=self.dice.choice(("open", "open", "selective", "limited", "direct")),
            procurementMethodDetails=self.dice.choice(("x", "y", "z", "z", "NPC", "EXC")),
            numberOfTenderers=self.dice.choice((1, 1, 2, 0, -1, 1.0)),
            procuringEntity=self.thing(id=self.dice.choice(("P", "Q", "R"))),
            tenderPeriod=self.thing(startDate=self.date(), endDate=self.date()),
            lots=[{"id": "1"}],
            items=[{"id": "1"}],
        )
        bids = [self.bid() for _ in range(self.dice.randint(0, 6))]
        awards = [self.award() for _ in range(self.dice.choice((0, 1, 1, 1, 1, 2, 3)))]
        return self.thing(
            ocid=f"ocds-{self.dice.randint(0, 400) if self.dice.random() < 0.1 else number}",
            tender=tender,
            buyer=self.thing(id=self.dice.choice(("B1", "B2", "B3", "B4"))),
            bids=self.thing(details=bids),
            awards=awards,
        )
