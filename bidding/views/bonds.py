"""Bonds on pages: a bidder's own, the operator's desk for all deposits, and the buyer's once the bids are open."""

from __future__ import annotations

import io
from typing import Any
from uuid import UUID

from flask import flash, redirect, render_template, request, send_file, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from bidding import bond_words as words
from bidding import forms, statement
from bidding import queries_bonds as queries
from bidding.actions import bonds, bonds_book, bonds_end
from bidding.rules.bonds import bind_until, needs_own_account
from bidding.views.base import log_url, tender_of, tender_url, views
from kernel import documents
from kernel.errors import NotFound, NotNow, NotValid, Refusal, TooLarge
from kernel.i18n import gettext as _
from kernel.rights import Role
from kernel.web import begin, form_refused, me, parse_form, platform, read, signed_in
from trading.actions.notices import law_of
from trading.models import Tender
from trading.rights import runs_tender

Page = str | tuple[str, int] | AnyResponse
RUNNERS = (Role.BUYER, Role.AGENT)


def _shown(template: str, refused: Refusal | None, **values: Any) -> Page:
    values |= {"words": words, "log_url": log_url, "tender_url": tender_url}
    if refused is not None:
        return form_refused(template, refused, **values)
    return render_template(template, errors={}, form={}, problem=None, **values)


def _ppm() -> int:
    return platform().settings.bond_interest_ppm


@views.app_template_filter("bond_form")
def bond_form(form: str) -> str:
    """In which form a bond was given, in words."""
    return words.form_word(form)


@views.app_template_filter("bond_standing")
def bond_standing(standing: str) -> str:
    """What a bond is worth, in words."""
    return words.standing_word(standing)


# ---- the bidder -------------------------------------------------------------------------------------------------


@views.get("/tenders/<code>/bond")
@signed_in(Role.BIDDER)
def bond(code: str) -> Page:
    """What to lodge, by when, where to, and how it stands."""
    return _bond_page(code)


def _bond_page(code: str, refused: Refusal | None = None) -> Page:
    now = platform().outside.clock.now()
    with read() as session:
        tender = tender_of(session, code)
        org_id = me().org_id
        if org_id is None:
            raise NotFound("not_found", thing="bond", id=code)
        lots = queries.my_lots(session, tender, org_id, now, _ppm())
        return _shown(
            "bidding/bond.html",
            refused,
            tender=tender,
            lots=lots,
            open_lots=[one for one in lots if one.open],
            own_account=needs_own_account(law_of(tender, now)),
            binds_until=bind_until(tender.bids_close_at, tender.validity_days),
            bytes_max=bonds.GUARANTEE_BYTES_MAX,
        )


def _lot_id(tender: Tender, number: int) -> UUID:
    found = next((lot.id for lot in tender.lots if lot.number == number), None)
    if found is None:
        raise NotFound("not_found", thing="lot", id=f"{tender.code}/{number}")
    return found


@views.post("/tenders/<code>/bond/account")
@signed_in(Role.BIDDER)
def bond_account(code: str) -> Page:
    """Get an account of one's own to pay to."""
    try:
        form = parse_form(forms.AskAccount)
        with begin() as work:
            tender = tender_of(work.session, code)
            bonds.ask_account(work, _lot_id(tender, form.lot), form.payer_account)
    except (NotValid, NotNow) as no:
        return _bond_page(code, no)
    flash(_("The account is yours alone. Pay the exact amount before the deadline."), "success")
    return redirect(url_for("bidding.bond", code=code), code=303)


@views.post("/tenders/<code>/bond/guarantee")
@signed_in(Role.BIDDER)
def bond_guarantee(code: str) -> Page:
    """File a guarantee with its file."""
    try:
        form = parse_form(forms.FileGuarantee)
        sent = request.files.get("file")
        given = bonds.Guarantee(
            issuer=form.issuer,
            number=form.number,
            amount=form.amount,
            valid_until=form.valid_until,
            file_name=(sent.filename or "") if sent is not None else "",
            data=sent.stream.read(bonds.GUARANTEE_BYTES_MAX + 1) if sent is not None else b"",
        )
        with begin() as work:
            tender = tender_of(work.session, code)
            bonds.file_guarantee(work, _lot_id(tender, form.guaranteed_lot), given)
    except (NotValid, NotNow, TooLarge) as no:
        return _bond_page(code, no)
    flash(_("The guarantee is filed."), "success")
    return redirect(url_for("bidding.bond", code=code), code=303)


@views.get("/bonds/guarantees/<uuid:bond_id>/file")
@signed_in
def guarantee_file(bond_id: UUID) -> AnyResponse:
    """The file of a guarantee, as an attachment."""
    with read() as session:
        found = queries.guarantee_file(session, bond_id, me())
        data = documents.load(platform().outside.blobs, found.file_sha256)
        media = bonds.MEDIA[found.file_name.rpartition(".")[2].lower()]
    return send_file(io.BytesIO(data), mimetype=media, as_attachment=True, download_name=found.file_name)


# ---- the operator -----------------------------------------------------------------------------------------------


@views.get("/bonds")
@signed_in(Role.OPERATOR)
def bonds_desk() -> Page:
    """What arrives, which guarantees to ask about, and what is to go back: of sealed tenders and of auctions."""
    return _desk_page()


def _desk_page(refused: Refusal | None = None, read_now: statement.Read | None = None) -> Page:
    now = platform().outside.clock.now()
    with read() as session:
        return _shown(
            "bidding/bonds_desk.html",
            refused,
            now=now,
            orders=queries.bond_orders(session, now, _ppm()),
            done=queries.bond_orders(session, now, _ppm(), done=True, size=20),
            guarantees=queries.guarantees(session),
            payments=queries.payments_booked(session),
            ppm=_ppm(),
            statement=statement,
            read_now=read_now,
        )


@views.post("/bonds/statement")
@signed_in(Role.OPERATOR)
def bond_statement() -> Page:
    """Book the lines of a bank's statement; those that are left out are named on the page that answers."""
    sent = request.files.get("file")
    data = sent.stream.read(statement.BYTES_MAX + 1) if sent is not None else b""
    try:
        if sent is None or not sent.filename:
            raise NotValid("file_not_chosen", field="file")
        return _desk_page(None, statement.book(data, begin))
    except (NotValid, TooLarge) as no:
        return _desk_page(no)


@views.post("/bonds/payments")
@signed_in(Role.OPERATOR)
def bond_payment() -> Page:
    """Book a payment from the bank's statement."""
    try:
        form = parse_form(forms.PaymentArrived)
        with begin() as work:
            own = bonds_book.book_payment(work, bonds_book.Arrival(**dict(form)))
    except NotFound:
        problems = {"account": _("No deposit account has this number.")}
        return _desk_page(NotValid("form_invalid", field="account", count=1, problems=problems, rules={}))
    except (NotValid, NotNow) as no:
        return _desk_page(no)
    if own:
        flash(_("Booked. Payer and account are the bidder's own."), "success")
    else:
        flash(
            _("Booked. The payer or his account is not the one the bidder named; the panel will decide."),
            "info",
        )
    return redirect(url_for("bidding.bonds_desk"), code=303)


@views.post("/bonds/guarantees/<uuid:bond_id>")
@signed_in(Role.OPERATOR)
def bond_check(bond_id: UUID) -> Page:
    """Note what the issuer of a guarantee said."""
    try:
        form = parse_form(forms.Checking)
        with begin() as work:
            bonds_book.check_guarantee(work, bond_id, genuine=form.genuine, note=form.note)
    except NotValid as no:
        return _desk_page(no)
    flash(_("Noted."), "success")
    return redirect(url_for("bidding.bonds_desk"), code=303)


@views.post("/bonds/orders/<uuid:order_id>/done")
@signed_in(Role.OPERATOR)
def bond_done(order_id: UUID) -> Page:
    """Book that an order was carried out; the bidder gets a letter."""
    with begin() as work:
        bonds_end.done_bond(work, order_id)
    flash(_("Booked as carried out."), "success")
    return redirect(url_for("bidding.bonds_desk"), code=303)


# ---- the buyer --------------------------------------------------------------------------------------------------


@views.get("/desk/tenders/<code>/bonds")
@signed_in(*RUNNERS)
def bonds_held(code: str) -> Page:
    """Every bond of a tender whose bids are open, and the way to keep one."""
    with read() as session:
        return _held_page(session, code)


def _held_page(session: Session, code: str, refused: Refusal | None = None) -> Page:
    now = platform().outside.clock.now()
    tender = tender_of(session, code)
    if not runs_tender(me(), tender):
        raise NotFound("not_found", thing="tender", id=code)
    return _shown(
        "bidding/bonds_held.html",
        refused,
        tender=tender,
        held=queries.held_here(session, tender, now, _ppm()),
    )


@views.post("/desk/tenders/<code>/bonds/<uuid:bond_id>/keep")
@signed_in(*RUNNERS)
def bond_keep(code: str, bond_id: UUID) -> Page:
    """Keep a bond on a listed ground."""
    try:
        form = parse_form(forms.Keeping)
        with begin() as work:
            bonds_end.keep_bond(work, bond_id, form.kept, form.reason)
    except (NotValid, NotNow) as no:
        with read() as session:
            return _held_page(session, code, no)
    flash(_("The bond is kept; the ground is recorded and the bidder is told."), "success")
    return redirect(url_for("bidding.bonds_held", code=code), code=303)
