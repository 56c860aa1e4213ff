"""Hard traces between bidders of one lot: devices, addresses, money, people, ownership, conduct.

Values are keyed hashes or masked texts; empty means "not known" and never equals anything. Each function says what it
saw and leaves the decision to people.

Source: rules §5.2 (D-01…D-10, B-01, B-02, P-01, P-02, E-01, E-02, H-05, H-06).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import combinations, pairwise
from typing import Any

from supervision.rules.signals.combine import Indicator, Kind, Light

SHARED_BY_MANY = 5
"""An address used by so many organisations in a year is a network many share (an agency, a campus, a carrier)."""
CLOSE = timedelta(minutes=30)
BURST = timedelta(minutes=10)
AT_ONCE = timedelta(minutes=2)
SECTIONS_FOR_ORANGE = 3
DROP_SHARE = 60
DROP_LEAST = 5
PATH_MOST = 3
CONTROL_PERCENT = 50


@dataclass(frozen=True)
class Guarantee:
    """A bond or guarantee: payer's account and where its money came from, who bought it, when, and its number."""

    account: str = ""
    funding: str = ""
    contact: str = ""
    issued_at: datetime | None = None
    issuer: str = ""
    number: int | None = None


@dataclass(frozen=True)
class Trail:
    """What a bidder left behind in one lot. Texts are keyed hashes unless said otherwise.

    Attributes:
        hardware: ``machine``, ``mac``, ``disk``, ``board``, ``cpu`` → hash.
        marks: ``lock`` (cost software), ``certificate``, ``file`` (creation identifiers, several) → hashes.
        address, network: of the submission; ``other_addresses``: of downloads, questions and key deliveries.
        documents: whole files as the sealing client saw them, those of the tender itself left out.
        contacts: ``phone``, ``email``, ``agent`` → hashes; ``staff``: key staff.
    """

    firm: str
    submitted_at: datetime | None = None
    hardware: Mapping[str, str] = field(default_factory=dict)
    marks: Mapping[str, frozenset[str]] = field(default_factory=dict)
    browser: str = ""
    address: str = ""
    network: str = ""
    other_addresses: frozenset[str] = frozenset()
    documents: frozenset[str] = frozenset()
    contacts: Mapping[str, frozenset[str]] = field(default_factory=dict)
    staff: frozenset[str] = frozenset()
    guarantees: tuple[Guarantee, ...] = ()


@dataclass(frozen=True)
class Tie:
    """A relation of the company registry between two firms or persons.

    ``kind``: ``legal`` (legal representative), ``holds`` (``percent`` of shares), ``controls``, ``director``,
    ``namesake`` (legal representatives of one name), ``address``.
    """

    one: str
    other: str
    kind: str
    percent: int = 0


def _shared(values: Iterable[tuple[str, str]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Values held by at least two firms: value → firms, sorted."""
    holders: dict[str, set[str]] = {}
    for firm, value in values:
        if value:
            holders.setdefault(value, set()).add(firm)
    for value, firms in sorted(holders.items()):
        if len(firms) >= 2:
            yield value, tuple(sorted(firms))


def device_traces(trails: Sequence[Trail]) -> list[Indicator]:
    """D-01 one machine, D-02 parts of one, D-03 one cost-software lock, D-04 one certificate, D-05 one file, D-08 one browser.

    A network card alone is yellow, because adapters can be virtual; disk or board are orange; the whole machine is red.
    A whole file in two bids is orange: it may be a maker's data sheet.
    """
    found = [
        Indicator("D-01", Light.RED, Kind.DEVICE, firms, {"part": "machine", "hash": value})
        for value, firms in _shared((t.firm, t.hardware.get("machine", "")) for t in trails)
    ]
    same_machine = [set(one.firms) for one in found]
    for part, light in (("disk", Light.ORANGE), ("board", Light.ORANGE), ("mac", Light.YELLOW)):
        for value, firms in _shared((t.firm, t.hardware.get(part, "")) for t in trails):
            if not any(set(firms) <= whole for whole in same_machine):
                found.append(Indicator("D-02", light, Kind.DEVICE, firms, {"part": part, "hash": value}))
    for code, mark in (("D-03", "lock"), ("D-04", "certificate"), ("D-05", "file")):
        for value, firms in _marked(trails, mark):
            found.append(Indicator(code, Light.RED, Kind.DEVICE, firms, {"part": mark, "hash": value}))
    for value, firms in _shared((t.firm, value) for t in trails for value in sorted(t.documents)):
        found.append(Indicator("D-05", Light.ORANGE, Kind.DEVICE, firms, {"part": "document", "hash": value}))
    for value, firms in _shared((t.firm, t.browser) for t in trails):
        found.append(Indicator("D-08", Light.ORANGE, Kind.DEVICE, firms, {"part": "browser", "hash": value}))
    return found


def _marked(trails: Sequence[Trail], mark: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    return _shared((t.firm, value) for t in trails for value in sorted(t.marks.get(mark, ())))


def address_traces(trails: Sequence[Trail], crowd: Mapping[str, int]) -> list[Indicator]:
    """D-06 one address of submission, D-07 of downloads or keys, D-09 a burst from one network.

    Args:
        crowd: address → how many organisations used it within a year; addresses many share say nothing.
    """
    found = []
    known = [t for t in trails if crowd.get(t.address, 0) < SHARED_BY_MANY]
    for value, firms in _shared((t.firm, t.address) for t in known):
        times = sorted(
            t.submitted_at for t in known if t.firm in firms and t.submitted_at and t.address == value
        )
        gap = min((b - a for a, b in pairwise(times)), default=None)
        near = gap is not None and gap <= CLOSE
        facts = {"hash": value, "seconds_apart": None if gap is None else int(gap.total_seconds())}
        found.append(Indicator("D-06", Light.ORANGE if near else Light.YELLOW, Kind.DEVICE, firms, facts))
    others = (
        (t.firm, a) for t in trails for a in sorted(t.other_addresses) if crowd.get(a, 0) < SHARED_BY_MANY
    )
    for value, firms in _shared(others):
        found.append(Indicator("D-07", Light.YELLOW, Kind.DEVICE, firms, {"hash": value}))
    return found + _bursts(known, crowd)


def _bursts(trails: Sequence[Trail], crowd: Mapping[str, int]) -> list[Indicator]:
    networks: dict[str, list[Trail]] = {}
    for one in trails:
        if one.network and one.submitted_at and crowd.get(one.network, 0) < SHARED_BY_MANY:
            networks.setdefault(one.network, []).append(one)
    found = []
    for value, members in sorted(networks.items()):
        for one, other in combinations(sorted(members, key=lambda t: t.firm), 2):
            assert one.submitted_at is not None
            assert other.submitted_at is not None
            apart = abs(one.submitted_at - other.submitted_at)
            if one.firm != other.firm and apart <= BURST and one.address != other.address:
                facts = {"hash": value, "seconds_apart": int(apart.total_seconds())}
                found.append(Indicator("D-09", Light.YELLOW, Kind.DEVICE, (one.firm, other.firm), facts))
    return found


def at_once(trails: Sequence[Trail], related: Iterable[tuple[str, str]]) -> list[Indicator]:
    """D-09 for related bidders: submitted within two minutes of each other."""
    times = {t.firm: t.submitted_at for t in trails if t.submitted_at is not None}
    found = []
    for one, other in sorted({(min(pair), max(pair)) for pair in related}):
        if one in times and other in times and one != other:
            apart = abs(times[one] - times[other])
            if apart < AT_ONCE:
                facts = {"seconds_apart": int(apart.total_seconds()), "related": True}
                found.append(Indicator("D-09", Light.YELLOW, Kind.DEVICE, (one, other), facts))
    return found


def elsewhere(trails: Sequence[Trail], before: Mapping[str, Mapping[str, frozenset[str]]]) -> list[Indicator]:
    """D-10: a machine, lock, certificate or file that another bidder used in another lot within three years.

    Args:
        before: hash → other firm → lots in which that firm used it.
    """
    found: dict[tuple[str, str], set[str]] = {}
    here: dict[tuple[str, str], list[str]] = {}
    for one in trails:
        own = [v for k, v in one.hardware.items() if k != "mac"] + [
            v for vs in one.marks.values() for v in vs
        ]
        for value in (one.browser, *own):
            for other, lots in before.get(value, {}).items() if value else ():
                if other != one.firm and lots:
                    pair = (min(one.firm, other), max(one.firm, other))
                    found.setdefault(pair, set()).update(lots)
                    here.setdefault(pair, []).append(value)
    return [
        Indicator(
            "D-10",
            Light.ORANGE if len(lots) >= SECTIONS_FOR_ORANGE else Light.YELLOW,
            Kind.DEVICE,
            pair,
            {"hashes": sorted(set(here[pair])), "lots": sorted(lots)},
        )
        for pair, lots in sorted(found.items())
    ]


def money_traces(trails: Sequence[Trail]) -> list[Indicator]:
    """B-01 one account paid or funded the bonds of two, B-02 guarantees bought together.

    Source: 实施条例 第四十条(六).
    """
    found = []
    accounts = [
        (t.firm, value) for t in trails for g in t.guarantees for value in sorted({g.account, g.funding})
    ]
    for value, firms in _shared(accounts):
        direct = {t.firm for t in trails for g in t.guarantees if g.account == value}
        facts = {"hash": value, "paid_by_it": sorted(direct), "hops": 0 if len(direct) >= 2 else 1}
        found.append(Indicator("B-01", Light.RED, Kind.MONEY, firms, facts))
    for one, other in combinations(sorted(trails, key=lambda t: t.firm), 2):
        signs = sorted({s for a in one.guarantees for b in other.guarantees for s in _together(a, b)})
        if len(signs) >= 2 and one.firm != other.firm:
            found.append(
                Indicator("B-02", Light.YELLOW, Kind.MONEY, (one.firm, other.firm), {"signs": signs})
            )
    return found


def _together(one: Guarantee, other: Guarantee) -> Iterator[str]:
    """Signs that two guarantees were bought together; one alone (a busy branch, one agent) is not enough."""
    if one.contact and one.contact == other.contact:
        yield "same buyer contact"
    if one.issued_at and other.issued_at and abs(one.issued_at - other.issued_at) < timedelta(minutes=1):
        yield "same minute"
    same_issuer = bool(one.issuer) and one.issuer == other.issuer
    if (
        same_issuer
        and one.number is not None
        and other.number is not None
        and abs(one.number - other.number) == 1
    ):
        yield "consecutive numbers"


def people_traces(trails: Sequence[Trail]) -> list[Indicator]:
    """P-01 one contact, phone, e-mail or agent; P-02 one person among the key staff.

    Source: 实施条例 第四十条(二)、(三).
    """
    found = []
    for kind in ("phone", "email", "agent"):
        for value, firms in _shared((t.firm, v) for t in trails for v in sorted(t.contacts.get(kind, ()))):
            found.append(Indicator("P-01", Light.RED, Kind.PEOPLE, firms, {"contact": kind, "hash": value}))
    for value, firms in _shared((t.firm, v) for t in trails for v in sorted(t.staff)):
        found.append(Indicator("P-02", Light.RED, Kind.PEOPLE, firms, {"hash": value}))
    return found


def equity_traces(firms: Iterable[str], ties: Sequence[Tie]) -> list[Indicator]:
    """E-01 one legal representative or control of half and more; E-02 joined within three steps of the registry.

    Two shareholdings or directors in a row are orange, one shared address or a longer way yellow.

    Source: 实施条例 第三十四条; rules §5.2.
    """
    bidders = sorted(set(firms))
    control = _reach(
        bidders, ties, lambda t: t.kind == "controls" or (t.kind == "holds" and t.percent >= CONTROL_PERCENT)
    )
    legal: dict[str, set[str]] = {}
    for tie in ties:
        if tie.kind == "legal":
            legal.setdefault(tie.one, set()).add(tie.other)
    ways = _ways(bidders, [t for t in ties if t.kind != "legal"])
    found = []
    for one, other in combinations(bidders, 2):
        reasons = []
        if persons := legal.get(one, set()) & legal.get(other, set()):
            reasons.append("same legal representative")
        if other in control[one] or one in control[other]:
            reasons.append("control of half or more")
        if reasons:
            facts: dict[str, Any] = {"reasons": reasons, "persons": sorted(persons)}
            found.append(Indicator("E-01", Light.RED, Kind.EQUITY, (one, other), facts))
        elif (way := ways.get((one, other))) is not None:
            strong = len(way) <= 2 and all(kind in ("holds", "director") for _, kind in way)
            facts = {"steps": len(way), "way": [f"{kind} {node}" for node, kind in way]}
            light = Light.ORANGE if strong else Light.YELLOW
            found.append(Indicator("E-02", light, Kind.EQUITY, (one, other), facts))
    return found


def _reach(firms: Sequence[str], ties: Sequence[Tie], wanted: Callable[[Tie], bool]) -> dict[str, set[str]]:
    """Everything each firm controls, directly or through others."""
    below: dict[str, set[str]] = {}
    for tie in ties:
        if wanted(tie):
            below.setdefault(tie.one, set()).add(tie.other)
    reached = {}
    for firm in firms:
        seen, waiting = set[str](), [firm]
        while waiting:
            for child in below.get(waiting.pop(), ()):
                if child not in seen:
                    seen.add(child)
                    waiting.append(child)
        reached[firm] = seen - {firm}
    return reached


def _ways(firms: Sequence[str], ties: Sequence[Tie]) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """The shortest way between each two firms, at most three steps: nodes reached and by which kind."""
    around: dict[str, list[tuple[str, str]]] = {}
    for tie in sorted(ties, key=lambda t: (t.one, t.other, t.kind)):
        around.setdefault(tie.one, []).append((tie.other, tie.kind))
        around.setdefault(tie.other, []).append((tie.one, tie.kind))
    found = {}
    for start in firms:
        ways: dict[str, list[tuple[str, str]]] = {start: []}
        edge = [start]
        for _ in range(PATH_MOST):
            fresh = []
            for node in edge:
                for other, kind in around.get(node, ()):
                    if other not in ways:
                        ways[other] = [*ways[node], (other, kind)]
                        fresh.append(other)
            edge = fresh
        for other in firms:
            if other > start and other in ways:
                found[start, other] = ways[other]
    return found


def missing_bidders(
    takers: Iterable[str], bidders: Iterable[str], related: Iterable[tuple[str, str]]
) -> list[Indicator]:
    """H-05: most who took the documents did not bid, and somebody related to a bidder is among them.

    Source: rules §5.2 H-05 (≥ 60 % drop, related parties among them); 招标投标法 第三十九条(三).
    """
    took, bid = set(takers), set(bidders)
    gone = took - bid
    if len(took) < DROP_LEAST or 100 * len(gone) < DROP_SHARE * len(took):
        return []
    pairs = sorted(
        {(min(a, b), max(a, b)) for a, b in related if (a in gone and b in bid) or (b in gone and a in bid)}
    )
    return [
        Indicator("H-05", Light.YELLOW, Kind.HISTORY, pair, {"took": len(took), "gone": len(gone)})
        for pair in pairs
    ]


def gave_up(
    candidates: Sequence[tuple[str, int]],
    left: Mapping[str, str],
    winner: str,
    related: Iterable[tuple[str, str]],
) -> list[Indicator]:
    """H-06: a candidate gave up without a reason and the next one is related to it or dearer.

    Args:
        candidates: firm and price in fen, by rank.
        left: firm → the reason it gave, empty when none.

    Source: rules §5.2 H-06.
    """
    prices = dict(candidates)
    tied = {frozenset(pair) for pair in related}
    found = []
    for firm, reason in sorted(left.items()):
        if reason.strip() or firm == winner or firm not in prices or winner not in prices:
            continue
        dearer, kin = prices[winner] > prices[firm], frozenset((firm, winner)) in tied
        if dearer or kin:
            facts = {"fen_more": prices[winner] - prices[firm], "related": kin}
            pair = (min(firm, winner), max(firm, winner))
            found.append(Indicator("H-06", Light.ORANGE, Kind.HISTORY, pair, facts))
    return found
