"""The benchmark of the live rooms counts right: what was offered is answered and delivered, on ours and the reference.

Speed is not asserted here; see benchmarks/auction_fanout.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import auction_fanout
from benchmarks.auction_fanout import NoCompiler, compiled, load, serving


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    try:
        yield compiled(tmp_path_factory.mktemp("tools"))
    except NoCompiler as why:
        pytest.skip(str(why))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["reference", "lean-sqlite", "stock-threading"])
def test_everything_that_was_offered_arrives_everywhere(tools: dict[str, Path], kind: str) -> None:
    with serving(kind, tools, None, rooms=2, each=10) as server:
        run = load(server, tools, rooms=2, each=10, mode="open", rate=10, seconds=1)
    said = run.said
    assert said["offers"] >= 10
    # Where two offers of one room are on their way, the later and better one may arrive first and overtake the other.
    assert said["acks"] + said["refused"] == said["offers"]
    assert said["acks"] >= said["offers"] * 0.7
    assert (said["cuts"], said["missing"]) == (0, 0)
    assert said["delivered"] + said["covered"] == said["acks"] * 10


def test_without_a_compiler_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auction_fanout.shutil, "which", lambda _name: None)
    (said,) = auction_fanout.run(quick=True)
    assert said.held is None
    assert "gcc is not installed" in said.measured
