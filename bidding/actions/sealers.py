"""The offline sealer's release: its digest stands in the public log before any policy names it.

Source: spec sealing §4 (``sealer``), §7.1 (``sealer-release``), §11 (2).
"""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bidding.facts import SealerReleased
from bidding.sealer import sealer_digest, sealer_file
from kernel.ledger.models import FactRow
from kernel.platform import Platform
from kernel.rights import SYSTEM
from kernel.work import Work


def subject_of(digest: str) -> UUID:
    """The subject under which a file's release is recorded: the first half of its digest."""
    return UUID(bytes=bytes.fromhex(digest)[:16])


def release_of(session: Session, digest: str) -> FactRow | None:
    """The fact of a file's release, or nothing."""
    return session.scalars(
        sa.select(FactRow).where(FactRow.subject == subject_of(digest), FactRow.name == SealerReleased.name)
    ).one_or_none()


def released_sealers(work: Work) -> tuple[str, ...]:
    """Digests for a policy made now, in hex: the file that is served, once its release is recorded."""
    digest = sealer_digest()
    return (digest,) if release_of(work.session, digest) is not None else ()


class _OtherWasFirst(Exception):
    """Another timekeeper recorded the release between our look and our record."""


def release_sealer(platform: Platform) -> bool:
    """Record the release of the file that is served now; says whether it was new. Doing it again changes nothing.

    Two timekeepers may do it at once: the first fact of the subject is the release, and the later one is taken back.
    """
    digest = sealer_digest()
    with platform.read() as session:
        if release_of(session, digest) is not None:
            return False
    fact = SealerReleased(
        subject=subject_of(digest), body={"file": "sealer.html", "sha256": digest, "size": len(sealer_file())}
    )
    try:
        with platform.begin(SYSTEM) as work:
            if release_of(work.session, digest) is not None or work.record(fact).seq != 1:
                raise _OtherWasFirst
    except (_OtherWasFirst, sa.exc.IntegrityError):
        return False
    return True
