"""Figures for whoever is on watch: who may read them, and that each says what is the case."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kernel.ledger import book, sequencer
from kernel.outbox import courier
from kernel.settings import Settings, UnsafeSettings
from kernel.work import Work
from tests.integration.auction.sale import Hall, Sale
from tests.integration.kernel.test_ledger_witnesses import NAMES, build
from tests.support.house import House

TOKEN = "a token of the city's own watch"
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, metrics_token=TOKEN)
    yield house
    house.close()


def figures(house: House) -> dict[tuple[str, str], float]:
    """Name and label value → figure, of everything the page shows."""
    answer = house.app.test_client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer.mimetype == "text/plain"
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.get_data(as_text=True))
        for sample in family.samples
    }


def test_without_a_token_of_its_own_an_installation_has_no_such_page(house: House) -> None:
    assert house.app.test_client().get("/metrics").status_code == 404


@pytest.mark.parametrize("given", ["", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer é"])
def test_who_does_not_show_the_token_reads_nothing(watched: House, given: str) -> None:
    answer = watched.app.test_client().get("/metrics", headers={"Authorization": given} if given else {})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert b"sunroad_" not in answer.data


def test_a_short_token_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(UnsafeSettings) as no:
        Settings.from_env({"SUNROAD_METRICS_TOKEN": "short", "SUNROAD_ENV": "demo"})
    assert any("SUNROAD_METRICS_TOKEN" in line for line in no.value.troubles)


def test_requests_are_counted_by_door_and_not_by_address(watched: House) -> None:
    client = watched.app.test_client()
    for path in ("/healthz", "/healthz", "/notices?q=秘密", "/nothing/here"):
        client.get(path)

    found = figures(watched)

    assert found["sunroad_requests_total", "healthz,GET,200"] == 2
    assert found["sunroad_requests_total", "none,GET,404"] == 1
    assert found["sunroad_request_seconds_count", "healthz"] == 2
    assert not any("秘密" in label or "/" in label for _, label in found)


def a_tick(work: Work) -> None:
    book.write(
        work.session, platform=work.platform, now=work.now, kind="tick", tender="", body={},
        confidential={}, by="platform",
    )  # fmt: skip


def test_the_log_and_its_witnesses(tmp_path: Path) -> None:
    house, watchers = build(tmp_path, metrics_token=TOKEN)
    with house.begin() as work:
        a_tick(work)
    assert figures(house)["sunroad_log_pending_entries", ""] == 1
    sequencer.sequence(house.platform)
    house.clock.tick(timedelta(seconds=90))
    from kernel.ledger.witnesses import local_cosigner

    sequencer.cosign(house.platform, {"notary": local_cosigner(watchers["notary"])})

    found = figures(house)
    size = found["sunroad_log_entries", ""]
    assert size == 2
    assert found["sunroad_log_pending_entries", ""] == 0
    assert found["sunroad_log_checkpoint_age_seconds", ""] == 90
    behind = {name: found["sunroad_witness_behind_entries", name] for name in NAMES}
    assert behind == {"supervisor": size, "notary": 0, "association": size}
    house.close()


def test_mail_that_waits(watched: House) -> None:
    with watched.begin() as work:
        work.message(to="a@example.org", template="sign_in_new_device", lang="en")
        a_tick(work)
    watched.clock.tick(timedelta(minutes=5))
    found = figures(watched)
    assert (found["sunroad_mail_messages", "waiting"], found["sunroad_mail_oldest_seconds", ""]) == (1, 300)

    courier.deliver(watched.platform, lambda *_said: ("subject", "text"))

    found = figures(watched)
    assert (found["sunroad_mail_messages", "sent"], found["sunroad_mail_oldest_seconds", ""]) == (1, 0)


def test_a_hall_that_fell_silent_and_a_moment_nobody_kept(tmp_path: Path) -> None:
    house = House(tmp_path, metrics_token=TOKEN)
    sale = Sale(house)
    sale.publish()
    sale.bidders(3)
    hall = Hall(sale).start()
    hall.core.turn()
    found = figures(house)
    assert found["sunroad_auctions_going", hall.stage.value] == 1
    assert found["sunroad_hall_silent_seconds", ""] < 5
    house.clock.tick(timedelta(hours=9))
    found = figures(house)
    assert found["sunroad_hall_silent_seconds", ""] > 3600
    assert max(value for (name, _), value in found.items() if name == "sunroad_moment_overdue_seconds") > 3600
    house.close()


SUM = """
import sys
from pathlib import Path
from tests.support.house import House
house = House(Path(sys.argv[1]), metrics_token=sys.argv[2])
client = house.app.test_client()
client.get("/healthz")
print(client.get("/metrics", headers={"Authorization": f"Bearer {sys.argv[2]}"}).get_data(as_text=True))
"""


def test_workers_of_one_server_are_summed(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    said = ""
    for number in range(2):
        home = tmp_path / str(number)
        home.mkdir()
        said = subprocess.run(
            [sys.executable, "-c", SUM, str(home), TOKEN],
            cwd=ROOT,
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(shared)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    line: Any = next(
        one for one in said.split("\n") if 'endpoint="healthz"' in one and "requests_total" in one
    )
    assert line.endswith(" 2.0")
