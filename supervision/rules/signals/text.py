"""Texts of bids compared after everything the tender itself gave has been taken away.

Source: rules §5.2 (T-01, T-02, T-03, T-05, M-03), EX-17; detection §5.
"""

from __future__ import annotations

import re
import statistics
import unicodedata
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from supervision.rules.signals.combine import Indicator, Kind, Light, decimal_text

GRAM = 5
LEAST_GRAMS = 300
"""Fewer own five-grams than this and similarity says nothing: two short letters are always alike."""
NEAR = Fraction(80, 100)
ROBUST = 3.5
APART = Fraction(10, 100)
"""An outlier must lie this far above the median as well: where all are alike, a hair's breadth is many deviations."""
PAIRS_LEAST = 6
RARE_LEAST = 3
REFERENCE_LEAST = 20
PASSAGE_LEAST = 40
TEXT_MOST = 2_000_000
_KEPT = re.compile(r"[^0-9a-z㐀-鿿豈-﫿]+")
_TOKENS = re.compile(r"[㐀-鿿豈-﫿]+|[0-9a-z][0-9a-z.+/-]*[0-9a-z]")
_RUN = re.compile(r"[㐀-鿿豈-﫿]{2,}|[0-9a-z]{2,}")


def normal(text: str) -> str:
    """Letters and Han characters only, narrowed and folded; at most two million characters."""
    return _KEPT.sub("", unicodedata.normalize("NFKC", text[:TEXT_MOST]).casefold())


def grams(text: str) -> frozenset[int]:
    """The set of five-grams of a text, as 32-bit sums; the text need not be normal."""
    plain = normal(text).encode("utf-32-le")
    step, size = 4, 4 * GRAM
    return frozenset(zlib.crc32(plain[i : i + size]) for i in range(0, len(plain) - size + 1, step))


def jaccard(one: frozenset[int], other: frozenset[int]) -> Fraction:
    """Common share of two sets: 0 when both are empty."""
    common = len(one & other)
    union = len(one) + len(other) - common
    return Fraction(common, union) if union else Fraction(0)


@dataclass(frozen=True)
class Similar:
    """How alike two bids are once the tender's own text is gone: share of common five-grams, and those themselves."""

    one: str
    other: str
    share: Fraction
    common: frozenset[int]


def similarities(texts: Mapping[str, str], given: Iterable[str]) -> list[Similar]:
    """Every pair's similarity, five-grams of the tender documents and standards taken away first.

    Args:
        texts: firm → the text of its bid.
        given: texts everybody was given: tender documents, templates, standards, laws.

    A bid whose own text is too short is left out. Source: rules §5.2 T-01.
    """
    if len(texts) < 2:
        return []
    known = frozenset().union(*map(grams, given)) if given else frozenset()
    own = {firm: found - known for firm, text in sorted(texts.items()) if len(found := grams(text)) > 0}
    own = {firm: found for firm, found in own.items() if len(found) >= LEAST_GRAMS}
    made = []
    for one, other in combinations(sorted(own), 2):
        common = own[one] & own[other]
        union = len(own[one]) + len(own[other]) - len(common)
        made.append(Similar(one, other, Fraction(len(common), union), common))
    return made


def longest_passage(text: str, common: frozenset[int], *, most: int = 240) -> str:
    """The longest stretch of a text made of common five-grams, at least forty characters, cut to ``most``."""
    plain = normal(text)
    best, start = (0, 0), None
    for place in range(len(plain) - GRAM + 2):
        here = (
            place <= len(plain) - GRAM
            and zlib.crc32(plain[place : place + GRAM].encode("utf-32-le")) in common
        )
        if here and start is None:
            start = place
        elif not here and start is not None:
            if place - start + GRAM - 1 > best[1] - best[0]:
                best = (start, place + GRAM - 1)
            start = None
    length = best[1] - best[0]
    return plain[best[0] : best[0] + min(length, most)] if length >= PASSAGE_LEAST else ""


def robust_scores(values: Sequence[float | Fraction]) -> list[float] | None:
    """``0.6745·(v − median)/MAD`` of each value; None when there are too few or they do not spread.

    Source: EX-17 (pair similarities .21 … .91: median .225, MAD .020, z(.91) = 23.1).
    """
    numbers = [Fraction(value) for value in values]
    if len(numbers) < PAIRS_LEAST:
        return None
    middle = statistics.median(numbers)
    spread = statistics.median(abs(value - middle) for value in numbers)
    if spread == 0:
        return None
    return [float(Fraction(6745, 10_000) * (value - middle) / spread) for value in numbers]


def text_traces(texts: Mapping[str, str], given: Iterable[str]) -> list[Indicator]:
    """T-01 texts at least 80 % alike; T-02 a pair far outside this lot's own spread.

    The second guards against sameness that everybody shares (writing programs, common templates), and for the same
    reason the first stays silent when most pairs of the lot are as alike as that.

    Source: rules §5.2 T-01, T-02.
    """
    pairs = similarities(texts, given)
    scores = robust_scores([pair.share for pair in pairs])
    middle = statistics.median([pair.share for pair in pairs]) if pairs else Fraction(0)
    everybody = len(pairs) >= 3 and sum(pair.share >= NEAR for pair in pairs) * 2 > len(pairs)
    found = []
    for number, pair in enumerate(pairs):
        outside = scores is not None and scores[number] > ROBUST and pair.share - middle >= APART
        if not outside and pair.share < NEAR:
            continue
        passage = longest_passage(texts[pair.one], pair.common) if pair.share >= Fraction(1, 5) else ""
        facts = {"share": decimal_text(pair.share), "common": len(pair.common), "passage": passage}
        firms = (pair.one, pair.other)
        if pair.share >= NEAR:
            light = Light.YELLOW if everybody else Light.ORANGE
            found.append(Indicator("T-01", light, Kind.TEXT, firms, facts))
        if scores is not None and outside:
            more = facts | {"z": decimal_text(scores[number], 1), "pairs": len(pairs)}
            null = "the other pairs of this lot"
            found.append(Indicator("T-02", Light.ORANGE, Kind.TEXT, firms, more, null=null))
    return found


def words(text: str) -> frozenset[int]:
    """Two-character words of Han runs and whole Latin words and numbers, as 32-bit sums."""
    return frozenset(map(_sum, set(_words(text))))


def _sum(word: str) -> int:
    return zlib.crc32(word.encode())


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text[:TEXT_MOST]).casefold()
    found: list[str] = []
    for token in _TOKENS.findall(plain):
        if token[0] >= "㐀":
            found.extend(token[i : i + 2] for i in range(len(token) - 1))
        else:
            found.append(token)
    return found


def rare_phrases(text: str, shared: frozenset[int]) -> list[str]:
    """The stretches around shared rare words, neighbours joined, in order, each once."""
    plain = unicodedata.normalize("NFKC", text[:TEXT_MOST]).casefold()
    phrases: dict[str, None] = {}
    for token in _TOKENS.findall(plain):
        if token[0] < "㐀":
            if _sum(token) in shared and len(token) >= 4:
                phrases[token] = None
            continue
        start = None
        for place in range(len(token)):
            rare = place < len(token) - 1 and _sum(token[place : place + 2]) in shared
            if rare and start is None:
                start = place
            elif not rare and start is not None:
                phrases[token[max(0, start - 1) : place + 2]] = None
                start = None
    return list(phrases)


def shared_errors(
    texts: Mapping[str, str], given: Iterable[str], reference: Iterable[frozenset[int]]
) -> list[Indicator]:
    """T-03: the same rare slips in exactly two or few bids: wrong words, wrong numbers, names of other projects.

    A word is rare when no reference document, no other bid of the lot and no tender document has it. With fewer than
    twenty reference documents nothing is judged, because everything looks rare.

    Args:
        reference: the words of bids of other lots.

    Source: rules §5.2 T-03 (at least three shared rare words, document frequency about 0).
    """
    corpus = list(reference)
    if len(corpus) < REFERENCE_LEAST:
        return []
    common: frozenset[int] = frozenset().union(*corpus, *map(words, given))
    own = {firm: words(text) - common for firm, text in sorted(texts.items())}
    found = []
    for one, other in combinations(own, 2):
        rest = [found_ for firm, found_ in own.items() if firm not in (one, other)]
        shared = (own[one] & own[other]).difference(*rest)
        if not shared:
            continue
        theirs = set(rare_phrases(texts[other], shared))
        phrases = [p for p in rare_phrases(texts[one], shared) if p in theirs]
        if len(phrases) >= RARE_LEAST:
            facts = {"phrases": phrases[:20], "count": len(phrases), "reference": len(corpus)}
            found.append(Indicator("T-03", Light.RED, Kind.TEXT, (one, other), facts))
    return found


@dataclass(frozen=True)
class Entity:
    """What identifies a firm in a text: full names, credit code, telephones, mail addresses, identity numbers."""

    firm: str
    names: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()


def others_inside(
    texts: Mapping[str, str], entities: Iterable[Entity], given: Iterable[str]
) -> list[Indicator]:
    """M-03: the name, code or number of another bidder inside a bid (bids mixed into each other).

    Names the tender documents mention themselves do not count, nor names shorter than six characters.

    Source: rules §5.2 M-03; 实施条例 第四十条(五).
    """
    public = "\n".join(map(normal, given))
    plain = {firm: normal(text) for firm, text in texts.items()}
    found: dict[tuple[str, str], list[dict[str, str]]] = {}
    for entity in entities:
        marks = [(name, 6) for name in entity.names] + [(number, 7) for number in entity.numbers]
        for mark, least in marks:
            wanted = normal(mark)
            if len(wanted) < least or wanted in public:
                continue
            for firm, text in plain.items():
                place = text.find(wanted) if firm != entity.firm else -1
                if place >= 0:
                    around = text[max(0, place - 20) : place + len(wanted) + 20]
                    kind = "name" if mark in entity.names else "number"
                    seen = {
                        "in": firm,
                        "of": entity.firm,
                        "kind": kind,
                        "around": around if kind == "name" else "",
                    }
                    found.setdefault((min(firm, entity.firm), max(firm, entity.firm)), []).append(seen)
    return [
        Indicator("M-03", Light.RED, Kind.METADATA, pair, {"seen": seen})
        for pair, seen in sorted(found.items())
    ]


def blind_leaks(text: str, firm: str, entity: Entity, authors: Iterable[str] = ()) -> list[Indicator]:
    """T-05: a bidder shows who it is in a part that must be blind, in its text or its document's properties.

    Source: rules §5.2 T-05.
    """
    plain = normal(text)
    marks = [*entity.names, *entity.numbers]
    seen = sorted({"text" for mark in marks if len(normal(mark)) >= 6 and normal(mark) in plain})
    names = [normal(mark) for mark in entity.names]
    seen += sorted({"properties" for author in authors for name in names if name and name in normal(author)})
    return [Indicator("T-05", Light.YELLOW, Kind.TEXT, (firm,), {"where": seen})] if seen else []
