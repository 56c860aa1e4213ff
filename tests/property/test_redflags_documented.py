"""The eleven red flags against a second, slow reading of their public definitions, on releases of every odd shape.

The second reading is written from the documentation's sentences (detection §6 and Cardinal's pages of methodology), not
from our code: sets and lists of plain values, exact fractions for quantiles, no shared helper.
"""

from __future__ import annotations

import json
import math
import random
from collections import defaultdict
from datetime import datetime
from fractions import Fraction
from typing import Any

import pytest

from supervision.rules.signals.redflags import INDICATORS, RedFlags, Settings
from supervision.rules.signals.redflags_reading import BadLine, releases_of
from tests.support.releases import ODD, WHO, Shapes

# The second reading ------------------------------------------------------------------------------


def at(thing: Any, *path: str) -> Any:
    for key in path:
        thing = thing.get(key) if isinstance(thing, dict) else None
    return thing


def dicts(thing: Any) -> list[dict[str, Any]]:
    return [one for one in thing if isinstance(one, dict)] if isinstance(thing, list) else []


def text(thing: Any) -> str | None:
    return thing if isinstance(thing, str) else None


def names(thing: Any) -> list[str]:
    return [one["id"] for one in dicts(thing) if isinstance(one.get("id"), str)]


def alone(thing: Any) -> str | None:
    return text(at(thing[0], "id")) if isinstance(thing, list) and len(thing) == 1 else None


def price(bid: Any) -> tuple[float, str] | None:
    amount, currency = at(bid, "value", "amount"), text(at(bid, "value", "currency"))
    if type(amount) not in (int, float) or currency is None or not math.isfinite(amount):
        return None
    return float(amount), currency


def moment(value: Any) -> datetime | None:
    """RFC 3339: a date, T, a time and an offset are all needed."""
    if not isinstance(value, str) or len(value) < 20 or value[10] not in "Tt ":
        return None
    try:
        found = datetime.fromisoformat(value.upper())
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def type8(values: list[float], share: Fraction) -> float:
    """Hyndman and Fan's eighth definition."""
    ordered, n = sorted(values), len(values)
    if not n:
        return math.nan
    place = (n + Fraction(1, 3)) * share + Fraction(1, 3)
    j = math.floor(place)
    if j < 1:
        return ordered[0]
    if j >= n:
        return ordered[-1]
    return float(Fraction(ordered[j - 1]) + (place - j) * (Fraction(ordered[j]) - Fraction(ordered[j - 1])))


def fence(values: list[float], side: int) -> float:
    first, third = type8(values, Fraction(1, 4)), type8(values, Fraction(3, 4))
    return first - 1.5 * (third - first) if side < 0 else third + 1.5 * (third - first)


class Reading:
    """All releases at once, indicator by indicator."""

    def __init__(self, releases: list[Any], settings: Settings) -> None:
        self.settings = settings
        self.used = [
            one
            for one in releases
            if isinstance(one, dict)
            and isinstance(one.get("ocid"), str)
            and at(one, "tender", "status") != "cancelled"
            and at(one, "tender", "procurementMethodDetails") not in list(settings.excluded)
        ]
        self.found: dict[str, dict[str, dict[str, float]]] = {}

    def flag(self, group: str, key: str, code: str, value: float) -> None:
        self.found.setdefault(group, {}).setdefault(key, {})[code] = float(value)

    def comparing(self) -> list[Any]:
        out = list(self.settings.no_price_comparison)
        return [one for one in self.used if at(one, "tender", "procurementMethodDetails") not in out]

    def bids(self, release: Any, *statuses: str) -> list[Any]:
        return [b for b in dicts(at(release, "bids", "details")) if b.get("status") in list(statuses)]

    def submitted(self, release: Any) -> list[Any]:
        return [
            b
            for b in dicts(at(release, "bids", "details"))
            if isinstance(b.get("status"), str) and b["status"] not in ("invited", "withdrawn")
        ]

    def active(self, release: Any) -> list[Any]:
        return [a for a in dicts(release.get("awards")) if a.get("status") == "active"]

    def settled(self, release: Any) -> bool:
        """Awards and bids are told, and no award is pending or invalid."""
        told = isinstance(release.get("awards"), list) and isinstance(at(release, "bids", "details"), list)
        said = [a["status"] for a in dicts(release.get("awards")) if isinstance(a.get("status"), str)]
        return told and all(one in ("active", "cancelled", "unsuccessful") for one in said)

    def winner(self, release: Any) -> str | None:
        awards = self.active(release)
        return alone(awards[0].get("suppliers")) if self.settled(release) and len(awards) == 1 else None

    def R003(self) -> None:
        asked = self.settings
        for one in self.used:
            tender = at(one, "tender")
            start, end = (moment(at(tender, "tenderPeriod", key)) for key in ("startDate", "endDate"))
            if asked.r003_methods and text(at(tender, "procurementMethod")) not in asked.r003_methods:
                continue
            least = asked.r003_by_details.get(
                text(at(tender, "procurementMethodDetails")) or "", asked.r003_days
            )
            if start and end and math.trunc((end - start).total_seconds() / 86400) < least:
                self.flag("OCID", one["ocid"], "R003", 1)

    def R018(self) -> None:
        for one in self.used:
            number = at(one, "tender", "numberOfTenderers")
            if at(one, "tender", "procurementMethod") in ("open", "selective") and type(number) is int and number == 1:  # fmt: skip
                self.flag("OCID", one["ocid"], "R018", 1)

    def differences(self, main: str) -> dict[str, tuple[float, str, str]]:
        found = {}
        for one in self.comparing():
            winner = self.winner(one)
            offers = [
                (p[0], alone(b.get("tenderers")))
                for b in self.bids(one, "valid")
                if (p := price(b)) is not None and p[1] == main and alone(b.get("tenderers")) is not None
            ]
            mine = [amount for amount, who in offers if who == winner]
            theirs = [(amount, who) for amount, who in offers if who != winner]
            if winner is None or not mine or not theirs or min(mine) == 0:
                continue
            second = min(theirs, key=lambda offer: offer[0])
            if second[0] >= min(mine):
                found[one["ocid"]] = ((second[0] - min(mine)) / min(mine), winner, str(second[1]))
        return found

    def main_of_differences(self) -> str:
        for one in self.comparing():
            if self.winner(one) is None:
                continue
            for b in self.bids(one, "valid"):
                if (p := price(b)) is not None and alone(b.get("tenderers")) is not None:
                    return p[1]
        return ""

    def R024(self) -> None:
        found = self.differences(self.main_of_differences())
        ratios = [one[0] for one in found.values()]
        if ratios and type8(ratios, Fraction(1, 4)) > 0 and (low := fence(ratios, -1)) > 0:
            for ocid, (ratio, winner, second) in found.items():
                if ratio <= low:
                    self.flag("OCID", ocid, "R024", ratio)
                    self.flag("Tenderer", winner, "R024", 0)
                    self.flag("Tenderer", second, "R024", 0)

    def R058(self) -> None:
        found = self.differences(self.main_of_differences())
        if found and (high := fence([one[0] for one in found.values()], 1)) > 0:
            for ocid, (ratio, winner, _) in found.items():
                if ratio >= high:
                    self.flag("OCID", ocid, "R058", ratio)
                    self.flag("Tenderer", winner, "R058", 0)

    def R025(self) -> None:
        valid: dict[str, int] = defaultdict(int)
        won: dict[str, int] = defaultdict(int)
        for one in self.used:
            if (winner := self.winner(one)) is not None:
                for who in {alone(b.get("tenderers")) for b in self.bids(one, "valid")} - {None}:
                    valid[str(who)] += 1
                    won[str(who)] += who == winner
        ratios = {who: won[who] / valid[who] for who in valid}
        if not ratios:
            return
        busy = type8([float(n) for n in valid.values()], Fraction(3, 4))
        low, first = fence(list(ratios.values()), -1), type8(list(ratios.values()), Fraction(1, 4))
        for who, ratio in ratios.items():
            if first > 0 and low > 0 and valid[who] >= busy and ratio <= low:
                self.flag("Tenderer", who, "R025", ratio)

    def R028(self) -> None:
        for one in self.comparing():
            groups: dict[Any, set[frozenset[str]]] = defaultdict(set)
            for b in self.submitted(one):
                if (p := price(b)) is not None and names(b.get("tenderers")):
                    groups[p].add(frozenset(names(b.get("tenderers"))))
            for sets in groups.values():
                if len(sets) > 1:
                    self.flag("OCID", one["ocid"], "R028", 1)
                    for who in sorted(frozenset().union(*sets)):
                        self.flag("Tenderer", who, "R028", 1)

    def R030(self) -> None:
        for one in self.used:
            end = text(at(one, "tender", "tenderPeriod", "endDate"))
            winners = {who for a in self.active(one) for who in names(a.get("suppliers"))}
            for b in self.bids(one, "valid"):
                late = end is not None and isinstance(b.get("date"), str) and b["date"] > end
                for who in set(names(b.get("tenderers"))) & winners if late else ():
                    self.flag("OCID", one["ocid"], "R030", 1)
                    self.flag("Tenderer", who, "R030", 1)

    def R035(self) -> None:
        for one in self.used:
            valid = {who for b in self.bids(one, "valid") for who in names(b.get("tenderers"))}
            suppliers = {who for a in self.active(one) for who in names(a.get("suppliers"))}
            out = {who for b in self.bids(one, "disqualified") for who in names(b.get("tenderers"))} - valid
            if self.settled(one) and len(valid) == 1 and valid == suppliers and out:
                self.flag("OCID", one["ocid"], "R035", len(out))
                self.flag("Tenderer", min(valid), "R035", 0)

    def R036(self) -> None:
        main = ""
        for one in self.comparing():
            if not self.active(one):
                continue
            offers = []
            for b in self.submitted(one):
                if (p := price(b)) is not None:
                    main = main or p[1]
                    offers += [(p[0], b["status"])] if p[1] == main else []
            if any(status == "valid" for _, status in offers) and min(offers, key=lambda o: o[0])[1] == "disqualified":  # fmt: skip
                self.flag("OCID", one["ocid"], "R036", 1)

    def R038(self) -> None:
        out: dict[tuple[str, str], int] = defaultdict(int)
        all_: dict[tuple[str, str], int] = defaultdict(int)
        for one in self.used:
            bids = self.submitted(one)
            if not bids:
                continue
            gone = sum(b["status"] == "disqualified" for b in bids)
            places = (("Buyer", ("buyer", "id")), ("ProcuringEntity", ("tender", "procuringEntity", "id")))
            for group, path in places:
                if (key := text(at(one, *path))) is not None:
                    out[group, key] += gone
                    all_[group, key] += len(bids)
            for b in bids:
                for who in names(b.get("tenderers")):
                    out["Tenderer", who] += b["status"] == "disqualified"
                    all_["Tenderer", who] += 1
        for group in ("Buyer", "ProcuringEntity", "Tenderer"):
            ratios = {
                key: out[group, key] / all_[group, key]
                for kind, key in all_
                if kind == group
                and all_[group, key] >= 2  # bids: the published case flags a buyer of one process
            }
            if ratios and (high := fence(list(ratios.values()), 1)) > 0:
                for key, ratio in ratios.items():
                    if ratio >= high:
                        self.flag(group, key, "R038", ratio)

    def R048(self) -> None:
        kinds: dict[str, set[str]] = defaultdict(set)
        processes: dict[str, int] = defaultdict(int)
        for one in self.used:
            here = set()
            for a in self.active(one):
                who = alone(a.get("suppliers"))
                if who is None or not isinstance(a.get("items"), list):
                    continue
                codes = {
                    code[:2]
                    for item in dicts(a["items"])
                    if (code := text(at(item, "classification", "id"))) is not None
                }
                kinds[who] |= codes
                here |= {who} if codes else set()
            for who in here:
                processes[who] += 1
        counts = {who: float(len(kinds[who])) for who in processes if processes[who] >= self.settings.r048_processes}  # fmt: skip
        if counts:
            high = fence(list(counts.values()), 1)
            for who, count in counts.items():
                if count >= high:
                    self.flag("Tenderer", who, "R048", count)

    def all(self) -> dict[str, dict[str, dict[str, float]]]:
        for name in self.settings.only:
            getattr(self, name)()
        return self.found


def ours(releases: list[Any], settings: Settings) -> dict[str, dict[str, dict[str, float]]]:
    flags = RedFlags(settings)
    for one in releases_of([json.dumps(one) for one in releases]):
        if not isinstance(one, BadLine):
            flags.add(one)
    return flags.finish()


@pytest.mark.parametrize("name", INDICATORS)
@pytest.mark.parametrize("odd", [0.0, 0.01, 0.06])
def test_both_readings_agree(name: str, odd: float) -> None:
    flagged = 0
    for seed in range(25):
        shapes = Shapes(seed, odd)
        releases = [shapes.release(number) for number in range(shapes.dice.choice((3, 12, 40, 160)))]
        settings = Settings(
            only=(name,),
            no_price_comparison=frozenset({"NPC"}),
            excluded=frozenset({"EXC"}),
            r003_by_details={"x": 5, "y": 30},
            r048_processes=5,
        )

        found, wanted = ours(releases, settings), Reading(releases, settings).all()

        assert found == wanted, (name, odd, seed)
        flagged += sum(map(len, found.values()))
    assert flagged or odd or name in ("R024", "R025")  # their fences need sharper markets, see below


@pytest.mark.parametrize("name", ["R024", "R025", "R048", "R058"])
def test_both_readings_agree_where_fences_bite(name: str) -> None:
    flagged = 0
    for seed in range(30):
        dice = random.Random(seed)
        releases = [sharp(dice, number) for number in range(60)]
        settings = Settings(only=(name,), r048_processes=2)

        found, wanted = ours(releases, settings), Reading(releases, settings).all()

        assert found == wanted, (name, seed)
        flagged += sum(map(len, found.values()))
    assert flagged


def sharp(dice: random.Random, number: int) -> dict[str, Any]:
    """A market whose gaps are near a tenth but for a few, whose firms win half of the time but for one."""
    who = dice.sample([*WHO[:5]] * 1, 2)
    if number % 2 == 0:
        who = [who[0], "F"]
    gap = dice.choice((1, 2, 30)) if dice.random() < 0.08 else 10
    bids = [
        {
            "status": "valid",
            "value": {"amount": 100 + place * gap, "currency": "USD"},
            "tenderers": [{"id": one}],
        }
        for place, one in enumerate(who)
    ]
    codes = ["11", "12", "13", "14", "15", "16", "17"] if who[0] == "A" and number % 4 < 2 else ["11"]
    items = [{"classification": {"id": f"{code}000000"}} for code in codes]
    award = {"status": "active", "suppliers": [{"id": who[0]}], "items": items}
    return {"ocid": f"o{number}", "tender": {}, "bids": {"details": bids}, "awards": [award]}


@pytest.mark.parametrize("seed", range(20))
def test_nothing_that_json_can_say_stops_the_run(seed: int) -> None:
    shapes = Shapes(seed, 0.3)
    documents: list[Any] = [shapes.release(number) for number in range(60)]
    packed = [
        {"releases": documents[:10]},
        {"records": [{"ocid": "r", "compiledRelease": one} for one in documents[10:20]]},
        {"records": [{"ocid": "r", "releases": [one]} for one in documents[20:30]]},
        [documents[30:40], None, 3],
        *documents,
        *ODD,
    ]
    flags = RedFlags(Settings())

    for one in releases_of([json.dumps(one) for one in packed]):
        if not isinstance(one, BadLine):
            flags.add(one)

    assert json.loads(json.dumps(flags.finish(), allow_nan=False)) is not None
