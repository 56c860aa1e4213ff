"""A write that arrives twice is done once; the second arrival gets the first answer.

Source: draft-ietf-httpapi-idempotency-key-header-07.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa
from flask import Response, request
from sqlalchemy.exc import IntegrityError

from kernel.errors import NotNow, NotValid
from kernel.identity.models import IdempotencyKey
from kernel.web.current import actor, platform

HOURS = 24
_KEY = re.compile(r"[!-~]{8,128}")
_IN_PROGRESS = 0


def once(deed: Callable[[], Response]) -> Response:
    """Run a write under the request's ``Idempotency-Key``, or just run it when there is none.

    The key is claimed before the deed and holds its answer for a day. A deed that refuses or fails gives the
    key back: nothing happened. If the process dies between the deed and its answer, the key stays claimed,
    because whether it happened must then be looked up and not guessed.

    Raises:
        NotValid: ``idempotency_key_format``, or ``idempotency_key_reused`` with another request.
        NotNow: ``idempotency_in_progress``.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return deed()
    if not _KEY.fullmatch(key):
        raise NotValid("idempotency_key_format", field="Idempotency-Key")
    who = actor()
    name = "\n".join((str(who.person_id), str(who.org_id), request.method, request.path, key))
    digest = hashlib.sha256(name.encode()).digest()
    asked = hashlib.sha256(request.query_string + b"\n" + request.get_data()).digest()
    earlier = _claim(digest, asked)
    if earlier is not None:
        return earlier
    try:
        response = deed()
    except BaseException:
        _release(digest)
        raise
    if response.status_code >= 400:
        _release(digest)
    else:
        _keep(digest, response)
    return response


def _claim(digest: bytes, asked: bytes) -> Response | None:
    house = platform()
    now = house.outside.clock.now()
    try:
        with house.database.session(write=True) as session, session.begin():
            session.execute(sa.delete(IdempotencyKey).where(IdempotencyKey.expires_at <= now))
            session.add(
                IdempotencyKey(
                    digest=digest,
                    request_digest=asked,
                    status=_IN_PROGRESS,
                    headers={},
                    body=b"",
                    expires_at=now + timedelta(hours=HOURS),
                )
            )
    except IntegrityError:
        pass
    else:
        return None
    with house.read() as session:
        row = session.get(IdempotencyKey, digest)
        if row is None or row.status == _IN_PROGRESS:
            raise NotNow("idempotency_in_progress")
        if row.request_digest != asked:
            raise NotValid("idempotency_key_reused", field="Idempotency-Key")
        response = Response(row.body, row.status, headers=dict(row.headers))
        response.headers["Idempotency-Replayed"] = "true"
        return response


def _keep(digest: bytes, response: Response) -> None:
    kept = {name: value for name, value in response.headers if name in ("Content-Type", "Location", "Link")}
    with platform().database.session(write=True) as session, session.begin():
        session.execute(
            sa.update(IdempotencyKey)
            .where(IdempotencyKey.digest == digest)
            .values(status=response.status_code, headers=kept, body=response.get_data())
        )


def _release(digest: bytes) -> None:
    with platform().database.session(write=True) as session, session.begin():
        session.execute(sa.delete(IdempotencyKey).where(IdempotencyKey.digest == digest))
