"""Doors in and out: signing in, registering, lost passwords, proving presence again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from flask import Blueprint, Response, jsonify, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from kernel.errors import NotSignedIn, NotValid, Refusal
from kernel.facts import rfc3339
from kernel.i18n import current_lang
from kernel.identity import actions, credentials, forms, sessions
from kernel.identity.models import Person
from kernel.identity.passwords import hash_password
from kernel.rights import SYSTEM
from kernel.web import begin, form_refused, me, parse_form, platform, presence, public, signed_in
from kernel.web.audience import limited
from kernel.web.current import SESSION_KEY
from kernel.web.shell import links

views = Blueprint("identity", __name__)
HALF = "half"
HALF_MINUTES = 5
Page = str | tuple[str, int] | AnyResponse


def safe_next(wish: str) -> str:
    """A path of this very site, or the account page: no link leads people away after they signed in."""
    parts = urlsplit(wish)
    plain = (
        wish.startswith("/") and not wish.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    )
    return wish if plain and "\\" not in wish and "\n" not in wish else links()["desk"]


def _let_in(person_id: UUID, method: str) -> None:
    with platform().begin(SYSTEM) as work:
        person = work.lock(Person, person_id)
        token = sessions.open_session(
            work,
            person,
            method=method,
            device=request.user_agent.string,
            address=request.remote_addr or "",
        )
    session.clear()  # a new identity gets a new CSRF token too
    session[SESSION_KEY] = token
    session.permanent = True


@views.get("/sign-in")
@public
def sign_in() -> Page:
    return render_template("identity/sign_in.html", form=request.args, errors={})


@views.post("/sign-in")
@public
@limited("10 per minute")
def sign_in_now() -> Page:
    try:
        form = parse_form(forms.SignIn)
        person_id = credentials.check_password(platform(), form.email, form.password)
    except Refusal as no:
        return form_refused("identity/sign_in.html", no)
    if credentials.has_second_factor(platform(), person_id):
        until = platform().outside.clock.now() + timedelta(minutes=HALF_MINUTES)
        session[HALF] = [str(person_id), rfc3339(until)]
        return redirect(url_for("identity.code", next=form.next), code=303)
    _let_in(person_id, "password")
    return redirect(safe_next(form.next), code=303)


def _half() -> UUID:
    """The person whose password was right and whose code is still wanted."""
    person_id, until = session.get(HALF) or ("", "")
    if not person_id or datetime.fromisoformat(until) <= platform().outside.clock.now():
        session.pop(HALF, None)
        raise NotSignedIn("sign_in_again")
    return UUID(person_id)


@views.get("/sign-in/code")
@public
def code() -> Page:
    _half()
    return render_template("identity/code.html", form=request.args, errors={})


@views.post("/sign-in/code")
@public
@limited("10 per minute")
def code_now() -> Page:
    person_id = _half()
    try:
        form = parse_form(forms.Code)
        method = credentials.check_code(platform(), person_id, form.code)
    except Refusal as no:
        return form_refused("identity/code.html", no)
    _let_in(person_id, method)
    return redirect(safe_next(form.next), code=303)


@views.post("/sign-in/passkey/options")
@public
@limited("30 per minute")
def passkey_options() -> Response:
    from kernel.identity import passkeys

    with platform().begin(SYSTEM) as work:
        return jsonify(passkeys.sign_in_options(work))


@views.post("/sign-in/passkey")
@public
@limited("10 per minute")
def passkey_now() -> Response:
    from kernel.identity import passkeys

    with platform().begin(SYSTEM) as work:
        person_id = passkeys.check_passkey(work, credential_posted()).id
    _let_in(person_id, "passkey")
    return jsonify(next=safe_next(request.args.get("next", "")))


def credential_posted() -> dict[str, Any]:
    posted = request.get_json()
    if not isinstance(posted, dict) or not isinstance(posted.get("response"), dict):
        raise NotValid("passkey_unreadable")
    return posted


@views.post("/sign-out")
@public
def sign_out() -> Page:
    found = presence()
    if found is not None and found.actor.session_id is not None and found.actor.person_id is not None:
        with begin() as work:
            sessions.close_session(work, found.actor.session_id, person_id=found.actor.person_id)
    session.clear()
    return redirect("/", code=303)


@views.get("/register")
@public
def register() -> Page:
    return render_template("identity/register.html", form={}, errors={})


@views.post("/register")
@public
@limited("5 per minute")
def register_now() -> Page:
    try:
        form = parse_form(forms.Register)
        digest = new_password(form.password, form.password_again, form.email)
        with begin() as work:
            actions.apply_for_account(
                work,
                password_hash=digest,
                lang=current_lang(),
                **form.model_dump(exclude={"password", "password_again"}),
            )
    except Refusal as no:
        return form_refused("identity/register.html", no)
    return redirect(url_for("identity.registered"), code=303)


def new_password(password: str, again: str, email: str) -> str:
    """The digest of a password typed twice; ``password_differs``, or what ``hash_password`` refuses."""
    if password != again:
        raise NotValid("password_differs", field="password_again")
    return hash_password(platform().settings, password, email=email)


@views.get("/register/received")
@public
def registered() -> Page:
    return render_template("identity/registered.html")


@views.get("/forgot")
@public
def forgot() -> Page:
    return render_template("identity/forgot.html", form={}, errors={}, sent=False)


@views.post("/forgot")
@public
@limited("5 per minute")
def forgot_now() -> Page:
    try:
        form = parse_form(forms.Forgot)
    except Refusal as no:
        return form_refused("identity/forgot.html", no, sent=False)
    credentials.ask_reset(platform(), form.email)
    return render_template("identity/forgot.html", form={}, errors={}, sent=True)


@views.get("/reset/<token>")
@public
def reset(token: str) -> Page:
    credentials.read_reset(platform(), token)
    return render_template("identity/reset.html", token=token, errors={})


@views.post("/reset/<token>")
@public
@limited("5 per minute")
def reset_now(token: str) -> Page:
    person_id, email = credentials.read_reset(platform(), token)
    try:
        form = parse_form(forms.NewPassword)
        digest = new_password(form.password, form.password_again, email)
    except Refusal as no:
        return form_refused("identity/reset.html", no, token=token)
    with platform().begin(SYSTEM) as work:
        credentials.set_password(work, person_id, digest)
        sessions.close_other_sessions(work, person_id)
    return redirect(url_for("identity.sign_in"), code=303)


@views.get("/step-up")
@signed_in
def step_up() -> Page:
    return render_template("identity/step_up.html", form=request.args, errors={})


@views.post("/step-up")
@signed_in
@limited("10 per minute")
def step_up_now() -> Page:
    who = me()
    assert who.person_id is not None
    assert who.session_id is not None
    try:
        form = parse_form(forms.StepUp)
        with platform().read() as reading:
            person = reading.get(Person, who.person_id)
        assert person is not None
        proved = credentials.check_password(platform(), person.email, form.password)
        assert proved == who.person_id
    except NotSignedIn:
        # Wrong here does not mean "not signed in": the person is, and may try again.
        return form_refused("identity/step_up.html", NotValid("password_wrong", field="password"))
    except Refusal as no:
        return form_refused("identity/step_up.html", no)
    with begin() as work:
        sessions.mark_step_up(work, who.session_id)
    return redirect(safe_next(form.next), code=303)


@views.post("/step-up/passkey/options")
@signed_in
@limited("30 per minute")
def step_up_options() -> Response:
    from kernel.identity import passkeys

    with begin() as work:
        return jsonify(passkeys.sign_in_options(work, me().person_id))


@views.post("/step-up/passkey")
@signed_in
@limited("10 per minute")
def step_up_passkey() -> Response:
    from kernel.identity import passkeys

    who = me()
    assert who.session_id is not None
    with begin() as work:
        passkeys.check_passkey(work, credential_posted(), who.person_id)
        sessions.mark_step_up(work, who.session_id)
    return jsonify(next=safe_next(request.args.get("next", "")))


@views.post("/language")
@public
def language() -> Page:
    form = parse_form(forms.Language)
    found = presence()
    if found is not None and found.actor.person_id is not None:
        with begin() as work:
            actions.set_language(work, found.actor.person_id, form.lang)
    answer = redirect(safe_next(urlsplit(request.referrer or "").path), code=303)
    answer.set_cookie(
        "lang", form.lang, max_age=31536000, samesite="Lax", httponly=True, secure=request.is_secure
    )
    return answer


@views.get("/time")
@public
def server_time() -> Response:
    """The platform's time, for the clocks of pages; deadlines only know this one."""
    answer = jsonify(now=rfc3339(platform().outside.clock.now()))
    answer.headers["Cache-Control"] = "no-store"
    return answer
