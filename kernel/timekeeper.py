"""Finds rows whose next moment has come and runs their action. Holds no rules; may run twice without harm."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
import structlog

from kernel.errors import Refusal
from kernel.platform import Platform
from kernel.rights import SYSTEM

log = structlog.get_logger("sunroad.timekeeper")


def next_moment(platform: Platform) -> datetime | None:
    """The nearest stored moment of all rows, for a virtual clock to jump to."""
    moments: list[datetime] = []
    with platform.read() as session:
        for model in platform.deadlines:
            moment = session.scalar(sa.select(sa.func.min(model.next_moment_at)))
            if moment is not None:
                moments.append(moment)
    return min(moments, default=None)


def keep_time(platform: Platform, *, limit: int = 200) -> int:
    """Run every action whose moment has come; returns how many rows moved.

    Each row gets a transaction of its own. A refusal means somebody was faster or the moment moved: harmless.
    Trouble with one row holds up no other; the first trouble is raised when all rows had their turn.
    """
    now = platform.outside.clock.now()
    done = 0
    troubles: list[Exception] = []
    for model, deadlines in platform.deadlines.items():
        with platform.read() as session:
            keys = [
                key
                for (key,) in session.execute(
                    sa.select(model.id)
                    .where(model.next_moment_at.is_not(None), model.next_moment_at <= now)
                    .order_by(model.next_moment_at)
                    .limit(limit)
                )
            ]
        for key in keys:
            for deadline in deadlines:
                try:
                    done += _run(platform, deadline.action, key)
                except Exception as trouble:
                    log.exception("moment_failed", row=str(key))
                    troubles.append(trouble)
    if troubles:
        raise troubles[0]
    return done


def _run(platform: Platform, action: Any, key: Any) -> int:
    try:
        with platform.begin(SYSTEM) as work:
            action(work, key)
    except Refusal as no:
        log.info("moment_refused", action=action.__name__, row=str(key), code=no.code)
        return 0
    return 1
