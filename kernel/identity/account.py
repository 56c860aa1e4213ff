"""Pages of one's own account: overview, sessions, password, second factor, keys, tokens."""

from __future__ import annotations

import io
from uuid import UUID

import segno
import sqlalchemy as sa
from flask import Response, flash, jsonify, redirect, render_template, request, url_for
from markupsafe import Markup

from kernel.errors import NotSignedIn, NotValid, Refusal
from kernel.i18n import gettext as _
from kernel.identity import actions, credentials, forms, sessions, signing
from kernel.identity.models import ApiToken, Credential, Organization, Person, RecoveryCode, SignInSession
from kernel.identity.views import Page, credential_posted, new_password, views
from kernel.web import (
    begin,
    form_refused,
    me,
    parse_form,
    parse_json,
    platform,
    read,
    require_step_up,
    signed_in,
    stepped_up,
)
from kernel.web.audience import limited
from sealbid.errors import SealError
from sealbid.octets import unb64


def my_id() -> UUID:
    found = me().person_id
    assert found is not None
    return found


@views.get("/account")
@signed_in
def account() -> Page:
    with read() as session:
        person = session.get_one(Person, my_id())
        held = sessions.roles_of(session, my_id())
        orgs = {
            org.id: org
            for org in session.scalars(
                sa.select(Organization).where(Organization.id.in_([one.org_id for one in held]))
            )
        }
        rows = [(orgs[one.org_id], one.role) for one in held]
        credential = session.get_one(Credential, my_id())
        keys = signing.keys_of(session, my_id())
        return render_template(
            "identity/account.html",
            person=person,
            memberships=rows,
            second_factor=credential.totp_on,
            keys=keys,
        )


@views.post("/account/organization")
@signed_in
def switch() -> Page:
    form = parse_form(forms.Switch)
    who = me()
    assert who.session_id is not None
    with begin() as work:
        sessions.switch_organization(work, who.session_id, my_id(), form.org_id)
    return redirect(url_for("identity.account"), code=303)


@views.get("/account/password")
@signed_in
def password() -> Page:
    return render_template("identity/password.html", errors={})


@views.post("/account/password")
@signed_in
@limited("5 per minute")
def password_now() -> Page:
    with read() as session:
        email = session.get_one(Person, my_id()).email
    try:
        form = parse_form(forms.ChangePassword)
        digest = new_password(form.password, form.password_again, email)
        credentials.check_password(platform(), email, form.current)
    except NotSignedIn:
        return form_refused("identity/password.html", NotValid("password_wrong", field="current"))
    except Refusal as no:
        return form_refused("identity/password.html", no)
    with begin() as work:
        credentials.set_password(work, my_id(), digest)
        sessions.close_other_sessions(work, my_id(), but=me().session_id)
    flash(_("Your password is changed. All other devices were signed out."), "success")
    return redirect(url_for("identity.account"), code=303)


@views.get("/account/sessions")
@signed_in
def devices() -> Page:
    now = platform().outside.clock.now()
    with read() as session:
        rows = session.scalars(
            sa.select(SignInSession)
            .where(
                SignInSession.person_id == my_id(),
                SignInSession.revoked_at.is_(None),
                SignInSession.expires_at > now,
            )
            .order_by(SignInSession.seen_at.desc())
        ).all()
        return render_template("identity/sessions.html", sessions=rows, current=me().session_id)


@views.post("/account/sessions/<uuid:session_id>/end")
@signed_in
def end_session(session_id: UUID) -> Page:
    with begin() as work:
        sessions.close_session(work, session_id, person_id=my_id())
    return redirect(url_for("identity.devices"), code=303)


@views.post("/account/sessions/end-others")
@signed_in
def end_others() -> Page:
    with begin() as work:
        sessions.close_other_sessions(work, my_id(), but=me().session_id)
    return redirect(url_for("identity.devices"), code=303)


@views.get("/account/second-factor")
@signed_in
def second_factor() -> Page:
    return render_template("identity/second_factor.html", errors={}, **_factor())


def _factor() -> dict[str, object]:
    with read() as session:
        on = session.get_one(Credential, my_id()).totp_on
        left = session.scalar(
            sa.select(sa.func.count())
            .select_from(RecoveryCode)
            .where(RecoveryCode.person_id == my_id(), RecoveryCode.used_at.is_(None))
        )
        email = session.get_one(Person, my_id()).email
    secret = credentials.pending_secret(platform(), my_id())
    picture = qr(credentials.provisioning_uri(secret, email)) if secret else None
    return {"on": on, "left": left, "secret": secret, "picture": picture}


def qr(text: str) -> Markup:
    """A QR code as inline SVG."""
    out = io.BytesIO()
    segno.make(text, error="m").save(
        out, kind="svg", xmldecl=False, svgns=True, scale=5, border=2, dark="#0f1b2d", light="#ffffff"
    )
    return Markup(out.getvalue().decode())  # noqa: S704 - drawn by us from a text that stays data


@views.post("/account/second-factor/start")
@signed_in
def start_factor() -> Page:
    require_step_up()
    with begin() as work:
        credentials.start_totp(work, my_id())
    return redirect(url_for("identity.second_factor"), code=303)


@views.post("/account/second-factor/confirm")
@signed_in
@limited("10 per minute")
def confirm_factor() -> Page:
    try:
        form = parse_form(forms.Code)
        with begin() as work:
            codes = credentials.confirm_totp(work, my_id(), form.code)
    except Refusal as no:
        return form_refused("identity/second_factor.html", no, **_factor())
    return render_template("identity/recovery_codes.html", codes=codes)


@views.post("/account/second-factor/off")
@signed_in
def stop_factor() -> Page:
    require_step_up()
    with begin() as work:
        credentials.stop_totp(work, my_id())
    return redirect(url_for("identity.second_factor"), code=303)


@views.get("/account/keys")
@signed_in
def keys() -> Page:
    with read() as session:
        return render_template("identity/keys.html", keys=signing.keys_of(session, my_id()))


@views.post("/account/keys/options")
@signed_in
def key_options() -> Response:
    from kernel.identity import passkeys

    require_step_up()
    with begin() as work:
        return jsonify(passkeys.registration_options(work, my_id()))


@views.post("/account/keys")
@signed_in
def add_passkey() -> Response:
    from kernel.identity import passkeys

    require_step_up()
    name = request.args.get("name", "").strip() or _("Passkey")
    with begin() as work:
        key = passkeys.register_passkey(work, my_id(), credential_posted(), name=name)
    return jsonify(kid=key.kid)


@views.post("/account/keys/browser")
@signed_in
def add_browser_key() -> Response:
    """A key pair made by this browser's own cryptography; its private half cannot be taken out of it."""
    require_step_up()
    form = parse_json(forms.BrowserKey)
    try:
        spki = unb64(form.spki)
    except SealError as no:
        raise NotValid("key_unusable", field="spki", why=no.code) from no
    with begin() as work:
        key = actions.register_key(work, my_id(), spki=spki, name=form.name)
    return jsonify(kid=key.kid)


@views.post("/account/keys/<uuid:key_id>/revoke")
@signed_in
def revoke_key(key_id: UUID) -> Page:
    require_step_up()
    with begin() as work:
        actions.revoke_key(work, key_id)
    return redirect(url_for("identity.keys"), code=303)


@views.get("/account/tokens")
@signed_in
def tokens() -> Page:
    return render_template("identity/tokens.html", form={"days": 90}, errors={}, **_tokens())


def _tokens(secret: str | None = None) -> dict[str, object]:
    now = platform().outside.clock.now()
    with read() as session:
        rows = session.scalars(
            sa.select(ApiToken)
            .where(ApiToken.person_id == my_id(), ApiToken.revoked_at.is_(None), ApiToken.expires_at > now)
            .order_by(ApiToken.created_at.desc())
        ).all()
    return {"tokens": rows, "scopes": actions.SCOPES, "secret": secret, "confirmed": stepped_up()}


@views.post("/account/tokens")
@signed_in
def make_token() -> Page:
    require_step_up()
    org_id = me().org_id
    try:
        form = parse_form(forms.NewToken)
        if org_id is None:
            raise NotValid("membership_missing")
        with begin() as work:
            _token, secret = actions.issue_token(
                work, my_id(), org_id, name=form.name, scopes=form.scopes, days=form.days
            )
    except Refusal as no:
        return form_refused("identity/tokens.html", no, **_tokens())
    return render_template("identity/tokens.html", form={"days": 90}, errors={}, **_tokens(secret))


@views.post("/account/tokens/<uuid:token_id>/revoke")
@signed_in
def revoke_token(token_id: UUID) -> Page:
    with begin() as work:
        actions.revoke_token(work, token_id)
    return redirect(url_for("identity.tokens"), code=303)
