"""No view depends on what is sealed, before the end."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bidding.rules.auction import Format, default_terms, engine, events, sight
from bidding.rules.auction.terms import LimitMode, Sealing
from kernel.money import Money

_HEX = re.compile(r"[0-9a-f]{64}")
amounts = st.integers(100_000_00, 900_000_00).map(Money)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=50)
@given(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=6), st.sampled_from(["limit", "offer"]))
def test_no_view_depends_on_what_a_digest_hides(pairs: list[tuple[Money, Money]], what: str) -> None:
    """The engine before the end: the same story with other digests is the same story to everybody."""
    sealed_format = Format.ASCENDING if what == "limit" else Format.ONE_OFFER
    extra: dict[str, Any] = {"limits": LimitMode.SEALED} if what == "limit" else {"sealing": Sealing.SEALED}
    start = datetime(2026, 11, 28, 2, tzinfo=UTC)
    terms = default_terms(sealed_format, starts_at=start, start=Money.from_yuan("100000"), **extra)
    plates = [f"{100 + at}" for at in range(len(pairs))]

    def story(pick: int) -> list[Any]:
        state = engine.begin(terms, plates)
        for at, (plate, pair) in enumerate(zip(plates, pairs, strict=True)):
            digest = f"{pair[pick].minor:064x}"
            event = (
                events.LimitSealed(plate, digest)
                if what == "limit"
                else events.SealedMade(plate, digest, key=f"key-{plate}")
            )
            state = engine.apply(state, event, start + timedelta(seconds=at + 1))
        viewers: list[sight.Viewer] = [sight.Bidder(plate) for plate in plates]
        viewers += [sight.Host(), sight.Supervisor(), sight.Public()]
        return [sight.snapshot(state, viewer) for viewer in viewers] + [
            _HEX.sub("-", json.dumps(sight.private(None, state, plate), sort_keys=True, default=str))
            for plate in plates
        ]  # a bidder's own list names the root of his own container

    assert json.dumps(story(0), sort_keys=True, default=str) == json.dumps(
        story(1), sort_keys=True, default=str
    )
