"""The composition root: the only module that sees every room, listed in floor order."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask, Response, jsonify

from kernel import live
from kernel.clock import ShiftedClock, SystemClock
from kernel.database import Database
from kernel.identity.room import room as identity
from kernel.outbox.courier import SmtpMailer
from kernel.outside import BlobStore, LocalBlobs, MailDrop, MirroredBlobs, Outside, S3Blobs, system_entropy
from kernel.platform import Platform
from kernel.room import Room
from kernel.settings import Settings
from kernel.web import headers, public, setup
from kernel.web.warm import keep_compiled

FLOORS = ("trading", "bidding", "evaluation", "supervision")


def rooms() -> tuple[Room, ...]:
    """All rooms, lowest floor first."""
    found: list[Room] = [identity]
    for name in FLOORS:
        if find_spec(name) is not None and find_spec(f"{name}.room") is not None:
            found.append(import_module(f"{name}.room").room)
    return tuple(found)


def outside_of(settings: Settings) -> Outside:
    """Clock, entropy, mail and file store as an installation configured them."""
    from datetime import timedelta

    clock = (
        ShiftedClock(timedelta(seconds=settings.clock_offset_s)) if settings.clock_offset_s else SystemClock()
    )
    mail = SmtpMailer(settings.smtp_url, settings.mail_from) if settings.smtp_url else MailDrop()
    places = [settings.blobs_url or str(settings.data_folder / "blobs"), settings.blobs_mirror_url]
    stores = [_blobs(place, settings) for place in places if place]
    return Outside(
        clock, system_entropy, mail, stores[0] if len(stores) == 1 else MirroredBlobs(tuple(stores))
    )


def _blobs(place: str, settings: Settings) -> BlobStore:
    if place.startswith("s3://"):
        return S3Blobs(place, dict(settings.s3_options))
    return LocalBlobs(Path(place.removeprefix("file://")), durable=settings.durable)


def create_app(
    settings: Settings,
    outside: Outside | None = None,
    database: Database | None = None,
    *,
    csrf: bool = True,
    testing: bool = False,
) -> Flask:
    """Build the platform and its doors. ``app.extensions["sunroad"]`` is the platform.

    Args:
        outside, database: handed in by tests and simulations; made from the settings otherwise.
        csrf: off only for test clients that post forms without fetching them first.
    """
    platform = Platform(
        settings,
        database or Database(settings.database_url, durable=settings.durable),
        outside or outside_of(settings),
        rooms(),
    )
    app = Flask("sunroad", root_path=str(Path(__file__).resolve().parent))
    app.testing = testing
    if not testing:
        headers.log_as_json()
    setup.prepare(app, platform, csrf=csrf)
    _health(app, platform)
    if settings.metrics_token:
        from kernel.web import metrics

        metrics.init_app(app, platform)
    for room in platform.rooms:
        for blueprint in room.blueprints:
            app.register_blueprint(blueprint)
    setup.finish(app)
    live.init_app(app, platform)
    if not testing:
        keep_compiled(app, settings.data_folder / "templates")
    return app


def _health(app: Flask, platform: Platform) -> None:
    @app.get("/healthz")
    @public
    def healthz() -> Response:
        """The process answers."""
        return jsonify(ok=True)

    @app.get("/readyz")
    @public
    def readyz() -> tuple[Response, int]:
        """The database answers and the file store can be asked."""
        checks: dict[str, Any] = {}
        try:
            with platform.read() as session:
                session.execute(sa.text("SELECT 1"))
            checks["database"] = True
        except sa.exc.SQLAlchemyError:
            checks["database"] = False
        try:
            platform.outside.blobs.exists("readyz")
            checks["blobs"] = True
        except Exception:  # any trouble of any store means: not ready
            checks["blobs"] = False
        ready = all(checks.values())
        return jsonify(ok=ready, **checks), 200 if ready else 503
