"""Guide pages: how to bid, how to verify, the law behind the periods, the words, accessibility."""

from __future__ import annotations

import tomllib
from fractions import Fraction
from functools import cache
from pathlib import Path

from flask import redirect, render_template, request, url_for

from kernel import rulebook
from kernel.errors import NotFound
from kernel.i18n import gettext, money
from kernel.money import Money
from kernel.web import platform, public
from trading import words
from trading.views.doors import Page, days_text, views

GUIDES = ("bid", "tender", "verify", "glossary", "accessibility", "privacy", "help", "source")


@views.get("/guide")
@public
def guides() -> Page:
    return render_template("trading/guide/index.html")


@views.get("/guide/<name>")
@public
def guide(name: str) -> Page:
    if name not in GUIDES:
        raise NotFound("not_found", thing="guide", id=name)
    return render_template(f"trading/guide/{name}.html", glossary=glossary())


@views.get("/accessibility")
@public
def accessibility() -> Page:
    return redirect(url_for("trading.guide", name="accessibility"), code=302)


@views.get("/privacy")
@public
def privacy() -> Page:
    return redirect(url_for("trading.guide", name="privacy"), code=302)


@views.get("/help")
@public
def help_page() -> Page:
    return redirect(url_for("trading.guide", name="help"), code=302)


@views.get("/source")
@public
def source() -> Page:
    return redirect(url_for("trading.guide", name="source"), code=302)


@views.get("/law")
@public
def law() -> Page:
    """Every limit of one regime with its article; ``?edition=`` shows the book a tender froze."""
    regime = request.args.get("regime", "TM")
    name = request.args.get("edition", "")
    house = platform()
    try:
        book = (
            rulebook.edition(name)
            if name
            else rulebook.in_force(regime, house.settings.jurisdiction, house.outside.clock.now())
        )
    except rulebook.RulebookError:
        raise NotFound("not_found", thing="edition", id=name or regime) from None
    return render_template(
        "trading/guide/law.html",
        book=book,
        limits=sorted(book, key=lambda limit: limit.id),
        law_tabs=[
            (gettext(words.REGIMES[code]), url_for("trading.law", regime=code), code == book.regime.value)
            for code in words.WIZARD_REGIMES
        ],
        limit_word=limit_word,
        limit_text=limit_text,
    )


def limit_word(name: str) -> str:
    """What a row limits, in words: a message of its own, else its name with blanks."""
    key = f"limit.{name}"
    found = gettext(key)
    return name.replace("_", " ") if found == key else found


def limit_text(limit: rulebook.Limit) -> str:
    """A row's value with its comparison, as people read it."""
    value = limit.value
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    sign = {">=": "≥ ", "<=": "≤ ", "=": "", "is": ""}.get(limit.op.value, f"{limit.op.value} ")
    if isinstance(value, Money):
        return sign + money(value)
    if isinstance(value, Fraction):
        return f"{sign}{float_free(value)}%"
    if limit.unit.value in words.UNITS and isinstance(value, int):
        return sign + days_text(value, limit.unit.value)
    if limit.unit.value in words.SPANS and isinstance(value, int):
        one, several = words.SPANS[limit.unit.value]
        return sign + (gettext(one) if value == 1 else gettext(several, count=value))
    return f"{sign}{value}"


def float_free(ratio: Fraction) -> str:
    """A ratio in percent without a float: ``2/3`` → ``66.67``."""
    hundredths = round(ratio * 10_000)
    whole, rest = divmod(hundredths, 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".")


@cache
def glossary() -> list[tuple[str, str]]:
    """Chinese and English words of the trade, from the file beside this one."""
    found = tomllib.loads((Path(__file__).parent / "glossary.toml").read_text("utf-8"))
    return [(zh, en) for zh, en in found["words"].items()]
