"""Draws of experts in a package: from lists frozen before the closing, in the order of the bidders' own numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sealbid import draw, signatures
from sealbid.verify import verify_evidence
from tests.support.evidence import TENDER, TenderWorld, signer_of

Json = dict[str, Any]
Spoil = Callable[[str, Json], None]


def honest(step: str, body: Json) -> None:
    """Says what happened."""


def panel_tender(spoil: Spoil = honest, *, freeze_late: bool = False, later: int = 0) -> TenderWorld:
    """Three bids, a pool of six, a reserve of four of which two and then one are opened. ``spoil`` changes a step."""
    world = TenderWorld()
    sign = signer_of(world.platform)

    def log(kind: str, step: str, body: Json, private: Json | None = None) -> None:
        spoil(step, body if private is None else private)
        world.log.add(kind, body, "platform", sign=sign, private=private)

    frozen = {
        "fact": "evaluation.pool.frozen", "panel": "P", "pool": "0" * 64, "count": 6, "reserve": "1" * 64,
        "reserve_count": 4,
    }  # fmt: skip
    world.publish()
    if not freeze_late:
        log("draw-commit", "freeze", frozen)
    for bidder in "ABC":
        world.submit(world.seal(bidder, "9600000.00"))
    close = world.close()
    if freeze_late:
        log("draw-commit", "freeze", frozen)
    for x in (1, 3, 5):
        world.release(close, x)
    nonces = []
    for bid in sorted(world.bids, key=lambda b: b.id):
        body = world.opening_of(bid)
        nonces.append(signatures.unb64(body["nonce"]))
        world.log.add("bid-open", body, "platform", sign=sign)
    size = close + 1 + later
    root = world.log.tree.root(size)
    for name, candidates in (
        ("experts", [str(n) for n in range(6)]),
        ("experts-2", ["1", "3"]),
        ("experts-3", ["0"]),
    ):
        if name != "experts":
            opened = {
                "fact": "evaluation.pool.enlarged", "panel": "P", "draw": name, "fields": ["f"],
                "candidates": list(candidates), "missing": 1, "reason": "r",
            }  # fmt: skip
            log("draw-commit", f"open {name}", opened)
        drawn = draw.Draw("experts", TENDER, name, root, tuple(nonces))
        order = draw.select(drawn.stream(), candidates, len(candidates))
        said = {
            "fact": "evaluation.experts.drawn", "panel": "P", "draw": name, "seed": drawn.seed().hex(),
            "count": len(candidates), "size": size, "root": root.hex(),
        }  # fmt: skip
        spoil(f"draw {name}", said)
        log("draw-result", f"order {name}", said, {"order": order})
    return world


def verdict(world: TenderWorld, folder: Path) -> tuple[int, list[str]]:
    lines: list[str] = []
    return verify_evidence(world.write(folder / "e.zip"), world.log.trust, lines.append), lines


def test_every_draw_of_experts_is_drawn_again(tmp_path: Path) -> None:
    code, lines = verdict(panel_tender(), tmp_path)

    assert code == 0, [line for line in lines if line.startswith("FAIL")]
    told = [line for line in lines if "draw of experts" in line]
    assert [line.split(": ")[1] for line in told] == [
        "experts of 6, order recomputed",
        "experts-2 of 2, order recomputed",
        "experts-3 of 1, order recomputed",
    ]


def change(step: str, **values: Any) -> Spoil:
    return lambda at, body: body.update(values) if at == step else None


LIES: dict[str, tuple[Callable[[], TenderWorld], str]] = {
    "the pool was frozen after the closing": (lambda: panel_tender(freeze_late=True), "draw_frozen"),
    "another seed": (lambda: panel_tender(change("draw experts-2", seed="0" * 64)), "draw_seed"),
    "fewer were drawn than stood in the pool": (lambda: panel_tender(change("draw experts", count=5)), "draw_seed"),
    "another order": (lambda: panel_tender(change("order experts", order=list("012345"))), "draw_result"),
    "a later tree's root": (lambda: panel_tender(later=2), "draw_root"),
    "a root of its own": (lambda: panel_tender(change("draw experts", size=1)), "split_view"),
    "an expert who is not in the reserve": (
        lambda: panel_tender(change("open experts-2", candidates=["1", "9"])), "draw_frozen"),
    "an expert who was drawn before": (
        lambda: panel_tender(change("open experts-3", candidates=["3"])), "draw_frozen"),
    "the same expert twice": (
        lambda: panel_tender(change("open experts-2", candidates=["1", "1"])), "draw_frozen"),
    "a draw under a number of its own": (
        lambda: panel_tender(change("draw experts-2", draw="experts-9")), "record_count"),
    "a pool of another panel": (lambda: panel_tender(change("freeze", panel="Q")), "record_count"),
}  # fmt: skip


@pytest.mark.parametrize("case", LIES)
def test_a_draw_of_experts_that_was_bent_is_found(case: str, tmp_path: Path) -> None:
    make, code = LIES[case]

    found, lines = verdict(make(), tmp_path)

    assert found == 1
    assert any(code in line for line in lines if line.startswith("FAIL")), lines
