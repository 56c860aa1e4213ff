"""Puts the doors' common parts onto a Flask application."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Flask, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from kernel import i18n
from kernel.errors import NotSignedIn
from kernel.platform import Platform
from kernel.web import audience, headers, problems, shell, static
from kernel.web.current import presence


def limiter_of(app: Flask) -> Limiter:
    found = app.extensions["sunroad-limiter"]
    assert isinstance(found, Limiter)
    return found


def caller() -> str:
    """Whom a rate limit counts: the person who acts, else the address the request came from."""
    try:
        found = presence()
    except NotSignedIn:
        found = None
    if found is None or found.actor.person_id is None:
        return get_remote_address()
    return f"person {found.actor.person_id}"


def prepare(app: Flask, platform: Platform, *, csrf: bool = True) -> None:
    """Everything but the blueprints: configuration, headers, language, problems, CSRF, limits."""
    settings = platform.settings
    https = settings.base_url.startswith("https://")
    app.extensions["sunroad"] = platform
    if settings.proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies, x_host=settings.proxies
        )
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SESSION_COOKIE_NAME="sunroad",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=https,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=settings.session_hours),
        MAX_CONTENT_LENGTH=settings.upload_bytes_max,
        MAX_FORM_MEMORY_SIZE=8 << 20,
        WTF_CSRF_ENABLED=csrf,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_CHECK_DEFAULT=False,
        RATELIMIT_ENABLED=settings.rate_limits,
        RATELIMIT_HEADERS_ENABLED=True,
        RATELIMIT_STORAGE_URI=settings.redis_url or "memory://",
    )
    headers.init_app(app, https=https, live_url=settings.live_url)
    i18n.init_app(app)
    static.init_app(app)
    shell.init_app(app)
    problems.init_app(app)
    protect = CSRFProtect(app)

    @app.before_request
    def no_forgery() -> None:
        # A bearer token is no ambient authority: a foreign page cannot make a browser send it.
        if csrf and not request.headers.get("Authorization", "").lower().startswith("bearer "):
            protect.protect()

    app.extensions["sunroad-limiter"] = Limiter(caller, app=app, default_limits=["600 per minute"])


def finish(app: Flask) -> None:
    """After the last blueprint: strict limits, and the check that every door names its audience."""
    limiter = limiter_of(app)
    doors: dict[str, Any] = app.view_functions
    for endpoint, view in list(doors.items()):
        limit = getattr(view, "limit", None)
        if limit is not None:
            doors[endpoint] = limiter.limit(limit, methods=["POST"])(view)
    doors["static"] = audience.public(limiter.exempt(doors["static"]))
    audience.require_audiences(app)
