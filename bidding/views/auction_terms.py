"""The buyer's form for the printed terms of a lot's auction: the rule beside each field, judged by the engine.

Source: rules §4.1, §4.2 (every option is printed with the notice).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from bidding import auction_forms as forms
from bidding import auction_words as words
from bidding.actions import auctions as actions
from bidding.actions.auctions import Printed
from bidding.auction_choices import NORMS
from bidding.auction_entries import PRIORITY, Entry
from bidding.rights import AUCTION_TERMS, runs_tender
from bidding.rules.auction.terms import Direction, Format, Terms
from bidding.views.base import views
from kernel.clock import SHANGHAI
from kernel.errors import NotFound, NotNow, NotValid, Refusal
from kernel.i18n import gettext as _
from kernel.rights import Role
from kernel.web import actor, begin, form_refused, platform, read, signed_in
from trading.models import Lot, Tender
from trading.procedures import PROCEDURES, Offering
from trading.queries import tender_by_code

Page = str | tuple[str, int] | AnyResponse
BUYERS = (Role.BUYER, Role.AGENT)


def _lot(session: Any, code: str, number: int) -> tuple[Tender, Lot]:
    """The draft and its lot, for those who run it. Raises NotFound."""
    tender = tender_by_code(session, code)
    if tender is None or not runs_tender(actor(), tender) or not PROCEDURES[tender.procedure].live:
        raise NotFound("not_found", thing="tender", id=code)
    lot = next((one for one in tender.lots if one.number == number), None)
    if lot is None:
        raise NotFound("not_found", thing="lot", id=f"{code}/{number}")
    return tender, lot


def _direction(tender: Tender) -> Direction:
    up = PROCEDURES[tender.procedure].offering is Offering.ASCENDING
    return Direction.UP if up else Direction.DOWN


def _base(tender: Tender, lot: Lot, wish: str) -> tuple[Terms, Printed | None]:
    """The terms the form starts from: what is entered, unless another format is wished for."""
    entered = Printed.from_plain(lot.live) if lot.live else None
    kinds = forms.formats_for(_direction(tender))
    if entered is not None and wish in ("", entered.terms.format.value):
        return entered.terms, entered
    kind = Format(wish) if wish in {one.value for one in kinds} else kinds[0]
    begins = tender.bids_close_at + timedelta(minutes=30)
    return forms.defaults(kind, lot.ceiling, begins, _direction(tender)), entered


@views.get("/desk/tenders/<code>/lots/<int:number>/auction")
@signed_in(*BUYERS)
def auction_terms(code: str, number: int) -> Page:
    """The terms of a draft lot's auction, or its printed ones to read."""
    return _page(code, number, request.args.get("format", ""))


def _page(code: str, number: int, wish: str, refused: Refusal | None = None) -> Page:
    with read() as session:
        tender, lot = _lot(session, code, number)
        base, entered = _base(tender, lot, wish)
        plain = base.to_plain()
        sections = forms.sections(base)
        until = entered.register_until_at if entered is not None else None
        values: dict[str, Any] = {
            "tender": tender,
            "lot": lot,
            "terms": base,
            "entered": entered,
            "printed": tender.published_at is not None,
            "sections": sections,
            "values": {
                one.name: forms.shown(plain, one) for _key, _name, fields in sections for one in fields
            },
            "priority_entries": PRIORITY if _takes_priority(base) else (),
            "priority_values": {one.name: _right_shown(plain, one) for one in PRIORITY},
            "items": forms.item_rows(base) if base.format is Format.WEIGHTED else [],
            "norms": NORMS,
            "kinds": forms.formats_for(_direction(tender)),
            "register_until_at": f"{until.astimezone(SHANGHAI):%Y-%m-%dT%H:%M}" if until else "",
            "holders": "\n".join(
                f"{code} {rank}" for code, rank in (entered.holders.items() if entered else ())
            ),
            "words": words,
            "now": platform().outside.clock.now(),
        }
        if refused is None:
            return render_template("bidding/auction_terms.html", errors={}, form={}, problem=None, **values)
        return form_refused("bidding/auction_terms.html", _named(refused), **values)


def _takes_priority(terms: Terms) -> bool:
    """Whether a priority right can be printed: open ascending formats. Source: rules §4.6."""
    return terms.direction is Direction.UP and terms.step is not None and terms.cap is None


def _right_shown(plain: Mapping[str, Any], entry: Entry) -> str:
    usual = {"priority": {"mode": "in_session", "uses": None, "ask_minutes": 5}}
    return forms.shown(plain if plain.get("priority") else usual, entry)


PLACES = {"step": "step-amount", "extension": "extension-mode", "priority": "holders", "items": "items"}
"""Where the form shows what is said about a whole part of the terms."""


def _named(no: Refusal) -> Refusal:
    """The engine's refusal at the field of the form it speaks of."""
    field = (no.field or str(no.details.get("field", ""))).removeprefix("terms.")
    if isinstance(no, NotValid) and no.code != "form_invalid" and field:
        rest = {name: value for name, value in no.details.items() if name != "field"}
        place = PLACES.get(field.split(".", 1)[0], "") if field.startswith("items") else PLACES.get(field, "")
        return NotValid(no.code, source=no.source, field=place or field.replace(".", "-"), **rest)
    return no


@views.post("/desk/tenders/<code>/lots/<int:number>/auction")
@signed_in(*BUYERS)
def auction_terms_save(code: str, number: int) -> Page:
    """Enter the terms; nothing is kept of what the rules do not allow."""
    form: Mapping[str, str] = request.form
    wish = form.get("format", "")
    try:
        with begin() as work:
            tender, lot = _lot(work.session, code, number)
            work.require(AUCTION_TERMS, tender)
            base, _entered = _base(tender, lot, wish)
            plain = forms.read_terms(base, form)
            holders = _holders(form.get("holders", ""))
            if holders:
                plain["priority"] = forms.read_priority(form)
            elif "priority" in plain:
                plain["priority"] = None
            actions.set_terms(
                work,
                lot.id,
                plain,
                register_until_at=_instant(form.get("register_until_at", "")),
                holders=holders,
            )
    except (NotValid, NotNow) as no:
        return _page(code, number, wish, no)
    flash(
        _("The terms are entered. They are printed with the notice and cannot be changed after it."),
        "success",
    )
    return redirect(url_for("bidding.auction_terms", code=code, number=number), code=303)


def _holders(text: str) -> dict[str, int]:
    """Lines of a unified code and a rank."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        parts = line.split()
        if not parts:
            continue
        rank = parts[1] if len(parts) > 1 else "1"
        if len(parts) > 2 or not rank.isdigit():
            raise NotValid("auction_holders", source="rules §4.6", field="holders")
        found[parts[0]] = int(rank)
    return found


def _instant(text: str) -> datetime | None:
    if not text.strip():
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)
    except ValueError:
        problem = _("Please check: %(field)s", field=_("Registration until"))
        problems = {"register_until_at": problem}
        raise NotValid(
            "form_invalid", field="register_until_at", count=1, problems=problems, rules={}
        ) from None
