"""Eleven red flags over procurement records in the Open Contracting Data Standard.

The meaning of each indicator, its guards and its settings follow the public documentation of Cardinal (Open
Contracting Partnership), so that results can be laid beside those of others. Ratios and fences are IEEE doubles
computed in one stated order, because two programs only agree on a case that lies exactly on a fence if they
round alike.

Source: detection §6.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from supervision.rules.signals.redflags_values import (
    Json,
    awards_of,
    bids_of,
    complete_awards,
    fences,
    ids,
    instant,
    object_at,
    only_winner,
    price_of,
    quantile,
    single_id,
    single_tenderer,
    submitted,
    text_at,
    valid_bids,
    whole_days,
)

Results = dict[str, dict[str, dict[str, float]]]

GROUPS = ("OCID", "Buyer", "ProcuringEntity", "Tenderer")
INDICATORS = ("R003", "R018", "R024", "R025", "R028", "R030", "R035", "R036", "R038", "R048", "R058")


@dataclass(frozen=True)
class Settings:
    """What a run is asked to do; every default is the published one.

    Attributes:
        only: the indicators to run.
        currency: the main currency; the first one met when empty.
        no_price_comparison, price_comparison: values of ``tender.procurementMethodDetails`` that are left out of,
            or (when any are named) alone admitted to, indicators that compare prices.
        excluded: values of ``tender.procurementMethodDetails`` that are left out of everything.
        r003_days: whole days a submission period must have; ``r003_by_details`` per procurement method details;
            ``r003_methods`` restricts the indicator to some procurement methods.
        r024_fence, r025_fence, r038_fence, r048_fence, r058_fence: fences that replace the computed ones.
    """

    only: tuple[str, ...] = INDICATORS
    currency: str = ""
    no_price_comparison: frozenset[str] = frozenset()
    price_comparison: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    r003_days: int = 15
    r003_by_details: Mapping[str, int] = field(default_factory=dict)
    r003_methods: frozenset[str] = frozenset()
    r018_methods: frozenset[str] = frozenset({"open", "selective"})
    r024_fence: float | None = None
    r025_percentile: int = 75
    r025_fence: float | None = None
    r035_least: int = 1
    r038_fence: float | None = None
    r038_bids: int = 2
    r038_processes: int = 2
    r048_digits: int = 2
    r048_fence: int | None = None
    r048_processes: int = 20
    r058_fence: float | None = None


@dataclass
class RedFlags:
    """Takes releases one after the other and says at the end what they show."""

    settings: Settings = field(default_factory=Settings)
    currency: str | None = None
    results: Results = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)
    rivals: dict[str, tuple[str, str]] = field(default_factory=dict)
    wins: dict[str, list[int]] = field(default_factory=dict)
    refused: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    kinds: dict[str, tuple[list[int], set[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.currency = self.settings.currency or None

    def add(self, release: Json) -> None:
        """Read one compiled release. One without a text ``ocid``, cancelled or excluded, changes nothing."""
        ocid, tender = release.get("ocid"), object_at(release, "tender")
        if not isinstance(ocid, str) or tender.get("status") == "cancelled":
            return
        if text_at(tender, "procurementMethodDetails") in self.settings.excluded:
            return
        if {"R024", "R058"} & set(
            self.settings.only
        ):  # first: what it looks at first names the main currency
            self._second_lowest(release, tender, ocid)
        for name in dict.fromkeys(self.settings.only):
            if (step := STEPS.get(name)) is not None:
                step(self, release, tender, ocid)

    def finish(self) -> Results:
        """All flags: group → identifier → indicator → value; groups without flags are absent."""
        chosen = set(self.settings.only)
        if "R024" in chosen:
            self._close_prices()
        if "R025" in chosen:
            self._losers()
        if "R038" in chosen:
            least = self.settings.r038_processes
            self._refusals("Buyer", least)
            self._refusals("ProcuringEntity", least)
            self._refusals("Tenderer", self.settings.r038_bids)
        if "R048" in chosen:
            self._mixed_suppliers()
        if "R058" in chosen:
            self._deep_discounts()
        return {group: self.results[group] for group in GROUPS if self.results.get(group)}

    def flag(self, group: str, key: str, indicator: str, value: float) -> None:
        self.results.setdefault(group, {}).setdefault(key, {})[indicator] = float(value)

    def _main(self, currency: str) -> bool:
        if self.currency is None:
            self.currency = currency
        return currency == self.currency

    def _prices_compare(self, tender: Json) -> bool:
        details, allowed = text_at(tender, "procurementMethodDetails"), self.settings.price_comparison
        if allowed:
            return details in allowed
        return details not in self.settings.no_price_comparison

    def _second_lowest(self, release: Json, tender: Json, ocid: str) -> None:
        """How far the second-lowest valid bid lies above the winner's lowest, as a share of the latter.

        Cardinal gives an infinite share of a price of 0, which JSON cannot say; here such a process is left out. A
        winner who asks less than 0 is compared as the formula has it.
        """
        winner = only_winner(release) if self._prices_compare(tender) else None
        if winner is None:
            return
        own: float | None = None
        other: tuple[float, str] | None = None
        for who, amount, currency in valid_bids(release):
            if not self._main(currency):
                continue
            if who == winner:
                own = amount if own is None else min(own, amount)
            elif other is None or amount < other[0]:
                other = (amount, who)
        if own is None or other is None or own == 0 or other[0] < own:
            return
        ratio = (other[0] - own) / own
        if math.isfinite(ratio):
            self.ratios[ocid] = ratio
            self.rivals[ocid] = (winner, other[1])

    def _close_prices(self) -> None:
        """R024: the distance is a low outlier."""
        first, fence, _ = fences(list(self.ratios.values()))
        if self.settings.r024_fence is not None:
            first, fence = 1.0, self.settings.r024_fence
        if first > 0 and fence > 0:
            for ocid, ratio in self.ratios.items():
                if ratio <= fence:
                    self.flag("OCID", ocid, "R024", ratio)
                    for who in self.rivals[ocid]:
                        self.flag("Tenderer", who, "R024", 0.0)

    def _deep_discounts(self) -> None:
        """R058: the distance is a high outlier."""
        _, _, fence = fences(list(self.ratios.values()))
        if self.settings.r058_fence is not None:
            fence = self.settings.r058_fence
        if fence > 0:
            for ocid, ratio in self.ratios.items():
                if ratio >= fence:
                    self.flag("OCID", ocid, "R058", ratio)
                    self.flag("Tenderer", self.rivals[ocid][0], "R058", 0.0)

    def _losers(self) -> None:
        """R025: often there, hardly ever the winner."""
        volumes = [float(all_) for _, all_ in self.wins.values()]
        busy = quantile(volumes, self.settings.r025_percentile / 100)
        first, fence, _ = fences([won / all_ for won, all_ in self.wins.values()])
        if self.settings.r025_fence is not None:
            first, fence = 1.0, self.settings.r025_fence
        if first > 0 and fence > 0:
            for who, (won, all_) in self.wins.items():
                if all_ >= busy and won / all_ <= fence:
                    self.flag("Tenderer", who, "R025", won / all_)

    def _refusals(self, group: str, least: int) -> None:
        """R038: an unusual share of bids is disqualified."""
        counted = self.refused.get(group, {})
        ratios = {key: out / all_ for key, (out, all_) in counted.items() if all_ >= least}
        if not ratios:
            return
        _, _, fence = fences(list(ratios.values()))
        if self.settings.r038_fence is not None:
            fence = self.settings.r038_fence
        if fence > 0:
            for key, ratio in ratios.items():
                if ratio >= fence:
                    self.flag(group, key, "R038", ratio)

    def _mixed_suppliers(self) -> None:
        """R048: a supplier of unusually many kinds of things."""
        counts = {
            who: float(len(codes))
            for who, (seen, codes) in self.kinds.items()
            if seen[0] >= self.settings.r048_processes
        }
        _, _, fence = fences(list(counts.values()))
        if self.settings.r048_fence is not None:
            fence = float(self.settings.r048_fence)
        for who, count in counts.items():
            if count >= fence:
                self.flag("Tenderer", who, "R048", count)


def _short_notice(run: RedFlags, _release: Json, tender: Json, ocid: str) -> None:
    """R003: fewer whole days between start and end of the submission period than the threshold."""
    settings, period = run.settings, object_at(tender, "tenderPeriod")
    if settings.r003_methods and text_at(tender, "procurementMethod") not in settings.r003_methods:
        return
    start, end = instant(period.get("startDate")), instant(period.get("endDate"))
    if start is None or end is None:
        return
    details, least = text_at(tender, "procurementMethodDetails"), settings.r003_days
    if details is not None:
        least = settings.r003_by_details.get(details, least)
    if whole_days(start, end) < least:
        run.flag("OCID", ocid, "R003", 1.0)


def _single_bid(run: RedFlags, _release: Json, tender: Json, ocid: str) -> None:
    """R018: one tenderer in a competitive method."""
    methods, number = run.settings.r018_methods, tender.get("numberOfTenderers")
    if methods and text_at(tender, "procurementMethod") not in methods:
        return
    if isinstance(number, int) and not isinstance(number, bool) and number == 1:
        run.flag("OCID", ocid, "R018", 1.0)


def _count_wins(run: RedFlags, release: Json, _tender: Json, _ocid: str) -> None:
    """R025, first half: a tenderer counts once per process, however many bids it made."""
    winner = only_winner(release)
    if winner is None:
        return
    valid = [bid for bid in bids_of(release) if bid.get("status") == "valid"]
    single = (ids for ids in map(single_tenderer, valid) if ids is not None)
    for who in dict.fromkeys(single):
        counted = run.wins.setdefault(who, [0, 0])
        counted[0] += who == winner
        counted[1] += 1


def _identical_prices(run: RedFlags, release: Json, tender: Json, ocid: str) -> None:
    """R028: different sets of tenderers ask the same price in the same currency."""
    if not run._prices_compare(tender):
        return
    asked: dict[tuple[float, str], frozenset[str]] = {}
    for bid in submitted(release):
        price, who = price_of(bid), frozenset(ids(bid.get("tenderers")))
        if price is None or not who:
            continue
        before = asked.get(price, who)
        if before != who:
            run.flag("OCID", ocid, "R028", 1.0)
            for one in sorted(before | who):
                run.flag("Tenderer", one, "R028", 1.0)
        asked[price] = who


def _late_winner(run: RedFlags, release: Json, tender: Json, ocid: str) -> None:
    """R030: a valid bid dated after the deadline belongs to a supplier of an active award."""
    end = text_at(object_at(tender, "tenderPeriod"), "endDate")
    if end is None:
        return
    suppliers = {who for award in awards_of(release, "active") for who in ids(award.get("suppliers"))}
    for bid in bids_of(release):
        date = text_at(bid, "date")
        if bid.get("status") != "valid" or date is None or date <= end:
            continue
        for who in ids(bid.get("tenderers")):
            if who in suppliers:
                run.flag("OCID", ocid, "R030", 1.0)
                run.flag("Tenderer", who, "R030", 1.0)


def _all_but_winner_out(run: RedFlags, release: Json, _tender: Json, ocid: str) -> None:
    """R035: everybody but the one who won was disqualified."""
    complete = complete_awards(release)
    if complete is None:
        return
    suppliers = {who for award in complete for who in ids(award.get("suppliers"))}
    valid = {who for bid in bids_of(release, "valid") for who in ids(bid.get("tenderers"))}
    out = {who for bid in bids_of(release, "disqualified") for who in ids(bid.get("tenderers"))}
    others = len(out - valid)
    if len(valid) == 1 and valid == suppliers and others >= max(1, run.settings.r035_least):
        run.flag("OCID", ocid, "R035", others)
        run.flag("Tenderer", valid.pop(), "R035", 0.0)


def _lowest_out(run: RedFlags, release: Json, tender: Json, ocid: str) -> None:
    """R036: the lowest submitted bid was disqualified although others were valid."""
    if not run._prices_compare(tender) or not list(awards_of(release, "active")):
        return
    lowest, lowest_out, has_valid = math.inf, False, False
    for bid in submitted(release):
        price = price_of(bid)
        if price is None or not run._main(price[1]):
            continue
        if price[0] < lowest:
            lowest, lowest_out = price[0], bid["status"] == "disqualified"
        has_valid = has_valid or bid["status"] == "valid"
    if has_valid and lowest_out:
        run.flag("OCID", ocid, "R036", 1.0)


def _count_refusals(run: RedFlags, release: Json, tender: Json, _ocid: str) -> None:
    """R038, first half: disqualified and submitted bids per buyer, procuring entity and tenderer."""
    bids = submitted(release)
    if not bids:
        return

    def count(group: str, key: str, out: int, all_: int) -> None:
        counted = run.refused.setdefault(group, {}).setdefault(key, [0, 0])
        counted[0] += out
        counted[1] += all_

    total = 0
    for bid in bids:
        out = int(bid["status"] == "disqualified")
        total += out
        for who in ids(bid.get("tenderers")):
            count("Tenderer", who, out, 1)
    buyer, entity = object_at(release, "buyer"), object_at(tender, "procuringEntity")
    for group, thing in (("Buyer", buyer), ("ProcuringEntity", entity)):
        key = text_at(thing, "id")
        if key is not None:
            count(group, key, total, len(bids))


def _count_kinds(run: RedFlags, release: Json, _tender: Json, _ocid: str) -> None:
    """R048, first half: first digits of the classifications each supplier was awarded, and in how many processes."""
    here: set[str] = set()
    for award in awards_of(release, "active"):
        who = single_id(award.get("suppliers"))
        items = award.get("items")
        if who is None or not isinstance(items, list):
            continue
        for item in items:
            code = text_at(object_at(item, "classification"), "id") if isinstance(item, dict) else None
            if code is None:
                continue
            seen, codes = run.kinds.setdefault(who, ([0], set()))
            seen[0] += who not in here
            here.add(who)
            codes.add(code[: run.settings.r048_digits])


STEPS: Mapping[str, Callable[[RedFlags, Json, Json, str], None]] = {
    "R003": _short_notice,
    "R018": _single_bid,
    "R025": _count_wins,
    "R028": _identical_prices,
    "R030": _late_winner,
    "R035": _all_but_winner_out,
    "R036": _lowest_out,
    "R038": _count_refusals,
    "R048": _count_kinds,
}
"""What each indicator takes from one release; R024 and R058 share the distance to the second-lowest bid."""


def redflags(releases: Iterable[Json], settings: Settings | None = None) -> Results:
    """All flags of some releases: group → identifier → indicator → value.

    Source: detection §6.
    """
    run = RedFlags(settings or Settings())
    for release in releases:
        run.add(release)
    return run.finish()
