"""A stranger recounts an auction from its published journal, and every change to it is noticed."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from bidding import queries_auction as queries
from bidding.auction_replay import AGREES, DIFFERS, UNREADABLE, Broken, recount, run
from tests.integration.auction.sale import Hall, Sale, plates


@pytest.fixture
def published(sale: Sale) -> dict[str, Any]:
    """The journal of a finished auction with three bidders and four offers."""
    sale.bidders(3)
    hall = Hall(sale).start()
    one, two, three = plates(sale)
    for plate, yuan in ((one, 990_000), (two, 980_000), (three, 985_000), (one, 970_000)):
        assert not isinstance(hall.offer(plate, yuan), Exception)
    hall.end().follow()
    hall.core.stop()
    with sale.house.read() as session:
        found: dict[str, Any] = json.loads(queries.journal_of(session, hall.id))
    return found


def test_the_published_journal_gives_its_result_again(
    published: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "journal.json").write_text(json.dumps(published, ensure_ascii=False), "utf-8")

    code = run(str(tmp_path / "journal.json"))

    told = json.loads(capsys.readouterr().out)
    assert code == AGREES
    assert told["agrees"]
    assert told["result"]["price"] == "970000.00"
    assert told["events"] == len(published["events"])


def test_another_winner_than_the_events_give_is_noticed(
    published: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    published["result"]["price"] = "960000.00"
    (tmp_path / "journal.json").write_text(json.dumps(published), "utf-8")

    assert run(str(tmp_path / "journal.json")) == DIFFERS
    assert json.loads(capsys.readouterr().out)["agrees"] is False


def test_every_changed_missing_or_added_event_breaks_the_chain_or_the_rules(
    published: dict[str, Any],
) -> None:
    for place in range(len(published["events"])):
        changed, missing, doubled = (copy.deepcopy(published) for _ in range(3))
        salt = changed["events"][place]["salt"]
        changed["events"][place]["salt"] = ("B" if salt[0] == "A" else "A") + salt[1:]
        del missing["events"][place]
        doubled["events"].insert(place, doubled["events"][place])
        for other in (changed, missing, doubled):
            with pytest.raises(Broken):
                recount(other)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"auction": "x"}'])
def test_what_is_no_journal_is_said_to_be_unreadable(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "journal.json").write_text(text, "utf-8")

    assert run(str(tmp_path / "journal.json")) == UNREADABLE
    assert "not the journal of an auction" in capsys.readouterr().err
