"""The checks that run every night and on demand: promises of all rooms, and lights that changed.

Source: house rule 5 (a promise is checked three times); rules.md §6.2 (lights never change silently).
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import NAMESPACE_URL, UUID, uuid5

import sqlalchemy as sa
from sqlalchemy.orm import Session

from kernel.ledger.models import FactRow
from kernel.platform import Platform
from kernel.promises import Breach
from kernel.rights import SYSTEM, Actor
from supervision import facts, watch
from supervision.rights import CHECKS_RUN
from supervision.rules.lights import Colour

PROMISES_STORY: UUID = uuid5(NAMESPACE_URL, "sunroad:promises")
SEEN_MAX = 50


@dataclass(frozen=True)
class PromiseResult:
    """One promise and the breaches found; kept when there are none."""

    room: str
    name: str
    sentence: str
    source: str
    breaches: tuple[Breach, ...]

    @property
    def kept(self) -> bool:
        return not self.breaches


def run_promises(platform: Platform, actor: Actor = SYSTEM) -> list[PromiseResult]:
    """Ask every promise of every room and log what came out. The nightly job calls this as the system.

    Raises:
        NotAllowed: for anybody but the system and supervisors.
    """
    now = platform.outside.clock.now()
    with platform.read() as session:
        results = [
            PromiseResult(room.name, one.name, one.sentence, one.source, tuple(one.check(session, now)))
            for room in platform.rooms
            for one in room.promises
        ]
    with platform.begin(actor) as work:
        work.require(CHECKS_RUN)
        work.record(
            facts.PromisesChecked(
                subject=PROMISES_STORY,
                promises=len(results),
                broken=tuple(one.name for one in results if not one.kept),
                seen=tuple(
                    f"{one.name}: {breach.subject} {breach.seen}".strip()
                    for one in results
                    for breach in one.breaches
                )[:SEEN_MAX],
            )
        )
    return results


def watch_lights(platform: Platform) -> int:
    """Record every light that differs from what was last recorded; how many there were."""
    now = platform.outside.clock.now()
    changed = 0
    with platform.read() as session:
        found = watch.cases(session, now, ended=True)
        before = _recorded(session)
    for case in found:
        current = {(light.rule, light.key): light.colour for light in case.lights}
        known = before.get(case.tender.id, {})
        differing = sorted(key for key in current.keys() | known.keys() if current.get(key) != known.get(key))
        if not differing:
            continue
        with platform.begin(SYSTEM) as work:
            for rule, key in differing:
                work.record(
                    facts.LightChanged(
                        subject=case.tender.id,
                        tender=case.tender.code,
                        rule=rule,
                        subject_key=key,
                        colour=current.get((rule, key), Colour.GREEN),
                        before=known.get((rule, key), Colour.GREEN),
                    )
                )
        changed += len(differing)
    return changed


def _recorded(session: Session) -> dict[UUID, dict[tuple[str, str], Colour]]:
    """The colour each light was last recorded with; green ones are left out."""
    found: dict[UUID, dict[tuple[str, str], Colour]] = {}
    rows = session.execute(
        sa.select(FactRow.subject, FactRow.body)
        .where(FactRow.name == facts.LightChanged.name)
        .order_by(FactRow.subject, FactRow.seq)
    )
    for subject, body in rows:
        lights = found.setdefault(subject, {})
        key = (body["rule"], body["subject_key"])
        if body["colour"] == Colour.GREEN:
            lights.pop(key, None)
        else:
            lights[key] = Colour(body["colour"])
    return found
