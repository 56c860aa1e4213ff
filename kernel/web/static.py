"""Static files under addresses that name their content, kept by browsers for a year."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import Flask, Response, request
from markupsafe import Markup

STATIC = Path(__file__).resolve().parents[2] / "static"
ICONS = STATIC / "vendor" / "icons"


@cache
def _stamp(path: str, changed: int) -> str:
    return hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:12]


def static_url(path: str) -> str:
    """``/static/css/x.css?v=…`` with a part of the file's digest; a missing file is a bug."""
    return f"/static/{path}?v={_stamp(path, (STATIC / path).stat().st_mtime_ns)}"


@cache
def icon(name: str) -> Markup:
    """A vendored icon as inline SVG, hidden from screen readers: the word beside it speaks."""
    return Markup((ICONS / f"{name}.svg").read_text())  # noqa: S704 - our own files


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(static_url=static_url, icon=icon)

    @app.after_request
    def keep(response: Response) -> Response:
        if request.endpoint == "static" and response.status_code == 200:
            response.headers["Cache-Control"] = (
                "public, max-age=31536000, immutable" if "v" in request.args else "public, max-age=300"
            )
        return response
