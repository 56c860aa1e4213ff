"""Headers of every answer, request ids and the request log."""

from __future__ import annotations

import re
import secrets
import time

import structlog
from flask import Flask, Response, g, request
from structlog.tracebacks import ExceptionDictTransformer

log = structlog.get_logger("sunroad.request")

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "manifest-src 'self'; require-trusted-types-for 'script'"
)
RELAXED_POLICY = CONTENT_POLICY.replace("; require-trusted-types-for 'script'", "")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


def log_as_json() -> None:
    """Write the log as one JSON object a line on standard output; for running installations."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Without the values of variables: they may hold passwords, keys or bids.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        cache_logger_on_first_use=False,
    )


def without_trusted_types() -> None:
    """For pages with a vendored script that writes HTML itself (charts, the API page); the rest is strict."""
    g.content_policy = RELAXED_POLICY


def _connecting(policy: str, live_url: str) -> str:
    """The policy of pages that may also open sockets at the hall's own address."""
    if not live_url:
        return policy
    return policy.replace("connect-src 'self'", f"connect-src 'self' {live_url.replace('http', 'ws', 1)}")


def init_app(app: Flask, *, https: bool, live_url: str = "") -> None:
    @app.before_request
    def number() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        g.began = time.monotonic()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def harden(response: Response) -> Response:
        headers = response.headers
        policy = _connecting(g.get("content_policy", CONTENT_POLICY), live_url)
        headers.setdefault("Content-Security-Policy", policy)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        if https:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
        headers["X-Request-ID"] = g.get("request_id", "")
        # What depends on who is signed in must not be kept by anybody between us and them.
        if request.endpoint != "static":
            headers.setdefault("Vary", "Cookie, Accept-Language, Authorization")
            headers.setdefault(
                "Cache-Control", "no-store" if "signed_in" in g and g.signed_in else "no-cache"
            )
        log.info(
            "request",
            method=request.method,
            # The rule, not the address: queries and links in mails may carry what is nobody else's business.
            path=request.url_rule.rule if request.url_rule else "",
            endpoint=request.endpoint,
            status=response.status_code,
            ms=round((time.monotonic() - g.began) * 1000, 1) if "began" in g else None,
        )
        return response
