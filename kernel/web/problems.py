"""One place where a no becomes an answer: a page for people, problem details for machines.

Source: RFC 9457.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, g, make_response, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError

from kernel.errors import NotSignedIn, Refusal
from kernel.facts import plain
from kernel.i18n import current_lang, has_text, refusal_text

log = structlog.get_logger("sunroad.web")

HTTP_CODES = {
    400: "bad_request",
    401: "not_signed_in",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    408: "too_slow",
    410: "gone",
    411: "length_missing",
    412: "stale",
    413: "too_large",
    415: "wrong_media_type",
    416: "wrong_range",
    422: "not_valid",
    428: "condition_missing",
    429: "too_many",
    431: "headers_too_large",
    500: "our_mistake",
    503: "not_ready",
}


def wants_json() -> bool:
    """Whether this request is a machine's: below ``/api/``, or asking for JSON before HTML."""
    if request.path.startswith("/api/"):
        return True
    best = request.accept_mimetypes.best_match(["text/html", "application/json", "application/problem+json"])
    return best is not None and best != "text/html" and "text/html" not in request.headers.get("Accept", "")


def problem_of(refusal: Refusal) -> dict[str, Any]:
    """The problem details of a refusal in the current language."""
    title, detail = refusal_text(refusal.code, refusal.details)
    return _problem(refusal.status, refusal.code, title, detail) | {
        "source": refusal.source or "",
        "field": refusal.field or "",
        "details": {name: _tolerant(value) for name, value in refusal.details.items() if value is not None},
    }


def _tolerant(value: object) -> Any:
    try:
        return plain(value)
    except TypeError:
        return str(value)


def _problem(status: int, code: str, title: str, detail: str) -> dict[str, Any]:
    return {
        "type": f"/problems/{code}",
        "status": status,
        "code": code,
        "title": title,
        "detail": detail,
        "request_id": g.get("request_id", ""),
    }


TYPED_LEAST = 12
"""Characters that make a text worth keeping: shorter entries are typed again in a moment."""

SECRETS = ("password", "passphrase", "token", "secret", "code", "account", "next")
"""Parts of the names of fields that are never shown again."""


def _typed(code: str) -> list[str]:
    """The long texts of a form that came too late, for its author to copy: a reload would have lost them.

    Only to a page of this site: another site's form must not put its words onto ours.
    """
    if code not in ("csrf", "not_signed_in") or request.method != "POST":
        return []
    if urlsplit(request.origin or request.referrer or "").netloc != request.host:
        return []
    return [
        text
        for name, text in request.form.items(multi=True)
        if len(text.strip()) >= TYPED_LEAST and not any(part in name for part in SECRETS)
    ]


def answer(problem: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """A problem as this request wants it: JSON or a page."""
    if wants_json():
        told = {name: value for name, value in problem.items() if value not in ("", {}, None)}
        response = Response(
            json.dumps(told, ensure_ascii=False), problem["status"], mimetype="application/problem+json"
        )
    else:
        full = {"source": "", "field": "", "details": {}} | problem
        response = make_response(
            render_template(
                "problems/problem.html",
                problem=full,
                typed=_typed(problem["code"]),
                came_from=urlsplit(request.referrer or "").path or "/",
            ),
            problem["status"],
        )
    response.headers.update(headers or {})
    response.headers["Content-Language"] = current_lang()
    response.headers["Cache-Control"] = "no-store"
    return response


def refused(refusal: Refusal) -> Response:
    """The answer to a refusal; people who are not signed in are shown the way in."""
    log.info("refused", code=refusal.code, status=refusal.status)
    if isinstance(refusal, NotSignedIn):
        if not wants_json() and request.method == "GET":
            return make_response(redirect(url_for("identity.sign_in", next=request.full_path.rstrip("?"))))
        return answer(problem_of(refusal), {"WWW-Authenticate": 'Bearer realm="sunroad"'})
    if refusal.code == "step_up_needed" and not wants_json():
        came = urlsplit(request.referrer or "")
        back = request.full_path.rstrip("?") if request.method == "GET" else came.path or "/"
        return make_response(redirect(url_for("identity.step_up", next=back), code=303))
    return answer(problem_of(refusal))


def http_error(error: HTTPException) -> Response:
    """The answer to werkzeug's own errors, with the same shape; redirects pass unchanged."""
    status = error.code or 500
    if status < 400:
        return make_response(error.get_response())
    code = "csrf" if isinstance(error, CSRFError) else HTTP_CODES.get(status, "bad_request")
    title, detail = refusal_text(code, {})
    kept = {
        name: value
        for name, value in error.get_headers()
        if name in ("Allow", "Retry-After", "WWW-Authenticate", "Content-Range")
    }
    return answer(_problem(status, code, title, detail), kept)


def our_mistake(error: Exception) -> Response:
    """The answer to a bug. The log has the story, the page only its number."""
    log.exception("our_mistake", error=type(error).__name__)
    return http_error(InternalServerError())


def form_refused(template: str, refusal: Refusal, **context: Any) -> tuple[str, int]:
    """Show a form again after a refusal, with everything that was typed and the problem beside its field.

    The template gets ``problem`` (as on a problem page; its ``detail`` goes into a notice when no field is to
    blame), ``errors`` (field → sentence, for ``forms.error_summary`` and the ``error=`` of each field) and
    ``form``, the values as typed.
    """
    problem = problem_of(refusal)
    errors = refusal.details.get("problems") or {}
    if not errors and refusal.field:
        errors = {refusal.field: _sentence(problem["title"], problem["detail"])}
    context.setdefault("form", request.form)
    return render_template(template, problem=problem, errors=errors, **context), refusal.status


def _sentence(title: str, detail: str) -> str:
    """What happened and what to do, for a field's error: the detail alone (现为 110。) does not say what is wrong."""
    if not detail:
        return title
    return f"{title}. {detail}" if current_lang() == "en" else f"{title}。{detail}"


def init_app(app: Flask) -> None:
    app.register_error_handler(Refusal, refused)
    app.register_error_handler(HTTPException, http_error)
    if not app.testing:
        app.register_error_handler(Exception, our_mistake)


def field_text(kind: str, context: dict[str, Any]) -> str:
    """The sentence for a broken field rule, by its error code."""
    msgid = f"field.{kind}"
    return refusal_text_of(msgid if has_text(msgid) else "field.invalid", context)


def refusal_text_of(msgid: str, context: dict[str, Any]) -> str:
    from kernel.i18n import catalogue, spell

    text = catalogue(current_lang()).get(msgid, msgid)
    shown = {name: spell(value) for name, value in context.items()}
    try:
        return text % shown
    except KeyError:
        return text
