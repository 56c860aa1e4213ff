"""How raw evidence is shown: facts as lines, personal names masked, firms and what ties them as a graph."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bidding.rules.accounts import masked
from kernel.i18n import gettext
from supervision import leads_drawing as drawing
from supervision.leads_models import LeadAnswer, LeadIndicator
from supervision.leads_words import fact_word, said_word
from supervision.rules.signals.combine import ORDER


@dataclass(frozen=True)
class Firm:
    """A bidder of the lot; ``inside``: one of the lead's firms. ``asked``: the question and answer, if any."""

    id: str
    name: str
    short: str
    uscc: str
    price: Decimal | None
    inside: bool
    asked: LeadAnswer | None


_TAILS = re.compile(r"(股份有限公司|有限责任公司|有限公司|集团|公司|(,? Co\.)?,? Ltd\.?)$")


def short_name(name: str) -> str:
    """The part of a firm's name people use, without the legal form: four characters of Chinese; of a long name in Latin
    letters its first word and the next one's initial.
    """
    bare = _TAILS.sub("", name)
    if re.match(r"[\u4e00-\u9fff]", bare):
        return bare[:4]
    first, *more = bare.split() or [""]
    return bare if len(bare) <= 14 else f"{first[:12]} {more[0][0]}." if more else bare[:14]


def fact_lines(
    found: Mapping[str, Any], names: Mapping[str, str], *, clear: bool = False
) -> Iterable[tuple[str, str]]:
    """The raw facts of an indicator as lines of a key and a text; names of persons masked unless ``clear``."""
    for key, value in sorted(found.items()):
        match value:
            case dict():
                texts = [
                    f"{names.get(k) or fact_word(k)}: {_person(str(v), clear) if k == 'author' else v}"
                    for k, v in value.items()
                ]
            case list():
                texts = [_item(one, names) for one in value[:12]]
            case _:
                texts = [_item(value, names)]
        if key in ("hash", "hashes", "persons"):
            texts = [one[:12] + "…" for one in texts if one]
        if text := gettext("; ").join(texts):
            yield key, text


def _item(value: object, names: Mapping[str, str]) -> str:
    if isinstance(value, dict):
        return gettext(", ").join(f"{names.get(str(v), str(v))}" for v in value.values() if v)
    return names.get(str(value)) or said_word(str(value))


def _person(text: str, clear: bool) -> str:
    """An author that looks like a person's name shows its first character only."""
    if clear:
        return text
    return gettext(", ").join(
        masked(one) if re.fullmatch(r"[\u4e00-\u9fff]{2,4}(-\d+)?", one) else one for one in text.split("、")
    )


THINGS = {"device": "device", "money": "money", "people": "people", "equity": "people", "metadata": "people"}


def relations(
    live: Iterable[LeadIndicator],
    firms: Iterable[Firm],
    names: Mapping[str, str],
    masks: Mapping[str, str],
    clear: bool,
) -> drawing.Graph:
    """The graph of a lead: firms, what ties them (accounts, devices, authors, persons), and direct ties of texts and bills."""
    things: dict[str, drawing.Node] = {}
    edges: dict[tuple[str, str], drawing.Edge] = {}
    order = [light.value for light in ORDER]
    bidders = {one.id for one in firms}
    for row in live:
        members = [firm for firm in row.firms if firm in bidders]
        if len(members) < 2 or row.kind in ("price", "history"):
            continue
        hash_ = str(row.facts.get("hash", ""))
        author = str(dict(row.facts.get("same") or {}).get("author", ""))
        if hash_ or author:
            key = f"{row.kind}:{hash_ or author}"
            label = masks.get(hash_) or (_person(author, clear) if author else f"{row.code} {hash_[:4]}")
            things.setdefault(key, drawing.Node(key, THINGS.get(row.kind, "people"), label))
            for firm in members:
                edges.setdefault((firm, key), drawing.Edge(firm, key, row.light, row.code))
            continue
        for place, one in enumerate(members):
            for other in members[place + 1 :]:
                before = edges.get((one, other))
                codes = sorted({*(before.words.split() if before else ()), row.code})
                light = max(before.light if before else "none", row.light, key=order.index)
                edges[one, other] = drawing.Edge(one, other, light, " ".join(codes))
    tied = {key for edge in edges for key in edge}
    inside = [(one.id, one.short) for one in firms if one.id in tied or one.inside]
    outside = [(one.id, one.short) for one in firms if one.id not in tied and not one.inside]
    return drawing.lay_out(inside, outside, list(things.values()), list(edges.values()))
