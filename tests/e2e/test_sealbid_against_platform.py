"""``sealbid`` as bidders and custodians run it, over HTTP, against the platform's doors."""

from __future__ import annotations

import hashlib
import json
import os
from argparse import Namespace
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from bidding.rules.states import OpeningState
from kernel.identity.models import Organization
from kernel.rights import Role
from sealbid import cli_bidder, custodian, lockbox, signatures, tlog
from sealbid.cli_base import Tools, save_identity
from sealbid.client import Client
from sealbid.octets import b64
from supervision.actions import leads_traces
from supervision.leads_models import ClientTrace
from tests.e2e.bidding_site import Site
from tests.integration.bidding.deal import Deal
from trading import actions as trading
from trading.models import Tender

PASSPHRASE = "a long passphrase"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    built = Site(tmp_path)
    yield built
    built.close()


def test_the_command_line_seals_submits_and_releases(site: Site, tmp_path: Path) -> None:
    house = site.house
    with site.without_csrf():
        deal = Deal(house).publish()
    bidder = house.person(Role.BIDDER)
    with house.read() as session:
        org = session.get_one(Organization, house.actor(bidder).org_id)
    tools = Tools(os.urandom, house.clock.now, lambda _q: PASSPHRASE, lambda _s: None, lambda _q: True)
    public = Client(site.base)
    for name in ("policy", "keys", "trust"):
        (tmp_path / name).write_bytes(public.get(f"/api/v1/tenders/{deal.code}/{name}"))
    checks = {
        "trust": tmp_path / "trust",
        "keys": tmp_path / "keys",
        "digest": deal.policy.digest.hex(),
        "partial": False,
    }
    policy = {"policy": tmp_path / "policy", **checks}
    save_identity(tmp_path / "identity", house.key(bidder), PASSPHRASE, os.urandom)
    (tmp_path / "opening").write_text(
        json.dumps({"price": "57000000.00", "currency": "CNY", "period_days": 300})
    )
    (tmp_path / "t.pdf").write_bytes(b"%PDF" + b"z" * 1_500_000)
    token = house.token(bidder, "bid")["Authorization"].removeprefix("Bearer ")

    assert cli_bidder.policy_check(Namespace(**policy), tools).code == 0
    sealed = cli_bidder.seal(
        Namespace(
            **policy,
            identity=tmp_path / "identity",
            opening=tmp_path / "opening",
            file=[f"tech:{tmp_path / 't.pdf'}"],
            out=tmp_path / "bid",
            lot="1",
            bidder=org.name,
            uscc=org.uscc,
            lock=False,
            consent_marks=True,
            replaces=None,
            replaces_lost=None,
        ),
        tools,
    )
    bid = sealed.data["bid"]
    cli_bidder.submit(
        Namespace(url=site.base, token=token, commit=tmp_path / "bid" / f"{bid}.commit.json"), tools
    )
    with house.read() as session:
        marks = session.scalars(sa.select(ClientTrace)).one()
    sha256 = hashlib.sha256((tmp_path / "t.pdf").read_bytes()).hexdigest()
    mine = leads_traces.salted(deal.code, "document", sha256)
    assert marks.documents == [leads_traces.trace_hash(house.settings, "client.document", mine)]
    receipt = cli_bidder.receipt(
        Namespace(
            file=None,
            url=site.base,
            token=token,
            bid=bid,
            out=None,
            trust=tmp_path / "trust",
            platform_key=b64(signatures.spki(house.platform.platform_key)),
        ),
        tools,
    )
    assert (receipt.code, receipt.data["state"]) == (0, "witnessed")
    with site.without_csrf():
        deal.bids(2)
        deal.close()
    for x in (2, 3, 4):
        _release(site, deal, x, tmp_path)
    assert deal.opening().state is OpeningState.OPENED


def _release(site: Site, deal: Deal, x: int, folder: Path) -> None:
    """Seat ``x`` with its seed in a locked file, as ``sealbid custodian key`` leaves it."""
    person = deal.custodians[x - 1]
    key = site.house.key(person)
    state = custodian.CustodianState(folder / f"c{x}", PASSPHRASE, os.urandom, cost=16)
    purpose = custodian._purpose(deal.code)
    box = lockbox.lock(deal.seeds[x], PASSPHRASE, purpose, os.urandom, cost=16)
    state._seed_path(deal.code).write_bytes(box)
    token = site.house.token(person, "custody")["Authorization"].removeprefix("Bearer ")
    agent = custodian.CustodianAgent(
        Client(site.base, token),
        state,
        tlog.Policy.parse((folder / "trust").read_text()),
        lambda kind, body: signatures.sign(kind, body, key).to_json(),
    )
    policy = agent.fetch_policy(deal.code)
    for part in policy.parts:
        decision = agent.release(
            policy, x, part, now=site.house.clock.now(), parts_allowed=[part], approved=True
        )
        assert len(decision.shares) == 3


def test_bids_under_the_policy_of_an_earlier_deadline_open_with_the_others(
    site: Site, tmp_path: Path
) -> None:
    house = site.house
    with site.without_csrf():
        deal = Deal(house).publish()
        deal.bids(1)
        first = deal.policy.digest
        with house.begin(deal.actor(deal.buyer)) as work:
            tender = work.session.get_one(Tender, deal.tender_id)
            later = tender.bids_close_at + timedelta(days=3)
            trading.move_deadline(work, tender.id, later, affects_bids=False, text="延长投标截止时间三天")
        deal.closes_at = later
        assert deal.policy.digest != first
        deal.bids(2)
        deal.close()
    (tmp_path / "trust").write_bytes(Client(site.base).get(f"/api/v1/tenders/{deal.code}/trust"))

    for x in (2, 3, 4):
        _release(site, deal, x, tmp_path)

    assert deal.opening().state is OpeningState.OPENED
