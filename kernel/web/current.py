"""The request's platform, actor and transaction: the three words every view uses."""

from __future__ import annotations

from contextlib import AbstractContextManager

from flask import current_app, g, request, session
from sqlalchemy.orm import Session

from kernel.errors import NotAllowed, NotSignedIn
from kernel.identity import sessions
from kernel.identity.sessions import SignedIn
from kernel.platform import Platform
from kernel.rights import ANONYMOUS, Actor
from kernel.work import Work

SESSION_KEY = "sid"


def platform() -> Platform:
    """The house this application runs."""
    found = current_app.extensions["sunroad"]
    assert isinstance(found, Platform)
    return found


def presence() -> SignedIn | None:
    """Session or bearer token of this request, looked up once."""
    if "signed_in" not in g:
        g.signed_in = _look_up()
        if g.signed_in is not None:
            g.person_lang = g.signed_in.lang
    found: SignedIn | None = g.signed_in
    return found


def _look_up() -> SignedIn | None:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        # A bearer token never mixes with a cookie: a wrong one is refused, not overlooked.
        found = sessions.from_token(platform(), secret.strip())
        if found is None:
            raise NotSignedIn("token_unknown")
        return found
    token = session.get(SESSION_KEY)
    return sessions.from_session(platform(), token) if isinstance(token, str) else None


def actor() -> Actor:
    """Who acts in this request; ``ANONYMOUS`` when nobody is signed in."""
    found = presence()
    return ANONYMOUS if found is None else found.actor


def me() -> Actor:
    """The signed-in person. Raises NotSignedIn when nobody is."""
    found = actor()
    if found.is_anonymous:
        raise NotSignedIn("not_signed_in")
    return found


def begin() -> AbstractContextManager[Work]:
    """Open the transaction of this request, as its actor."""
    return platform().begin(actor())


def read() -> AbstractContextManager[Session]:
    """Open a read-only session."""
    return platform().read()


def require_step_up(minutes: int = sessions.STEP_UP_MINUTES) -> None:
    """Refuse a binding act unless the person proved presence in the last minutes.

    Raises:
        NotAllowed: ``step_up_needed``; the page for it is ``identity.step_up``. Tokens never pass.
    """
    if presence() is None:
        raise NotSignedIn("not_signed_in")
    if not stepped_up(minutes):
        raise NotAllowed("step_up_needed", source="sealing §10", minutes=minutes)


def stepped_up(minutes: int = sessions.STEP_UP_MINUTES) -> bool:
    """Whether the person proved presence in the last minutes: a page asks before it lets anybody type."""
    found = presence()
    if found is None or found.stepped_up_at is None:
        return False
    return (platform().outside.clock.now() - found.stepped_up_at).total_seconds() <= minutes * 60
