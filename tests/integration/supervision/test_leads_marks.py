"""Marks with consent, addresses, and the indicators that the platform's own records feed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from bidding.models import Bid
from evaluation.models import Award, EvaluationReport, Expert, Panelist
from kernel.rights import SYSTEM
from sealbid import marks as sealing_marks
from simulation import deal as moves
from simulation.deal import Deal
from supervision.actions import leads, leads_traces
from supervision.leads_models import ClientTrace, Lead, SubmissionTrace
from tests.integration.supervision.test_leads import CEILING, bidder, rigged, supervisor, the_lead
from trading.models import Document, Tender


def marks(deal: Deal, **device: str) -> dict[str, str]:
    return {kind: leads_traces.salted(deal.code, kind, value) for kind, value in device.items()}


def delivered(city: Any, deal: Deal, rivals: list[Any]) -> list[str]:
    """Bids of rivals, completed inside a request from one public address; returns their codes."""
    codes = []
    for rival in rivals:
        sealed = moves.seal_offer(city.world, deal, rival, moves.Offer(lot=1, price=CEILING))
        with city.house.app.test_request_context(environ_base={"REMOTE_ADDR": "8.8.8.8"}):
            codes.append(moves.submit(city.world, deal, rival, sealed))
    return codes


def test_a_submission_leaves_a_hash_of_its_address(city: Any) -> None:
    """The listener runs inside the request that completes a bid; here the request is made around it."""
    deal = city.tender("published")

    delivered(city, deal, city.world.bidders[:2])

    with city.house.read() as session:
        one, other = session.scalars(sa.select(SubmissionTrace))
    assert one.address == other.address
    assert len(one.address) == 64


def test_marks_come_with_consent_once_a_bid_and_not_after_the_deadline(city: Any) -> None:
    deal = city.tender("published")
    one, other = city.world.bidders[:2]
    first, _ = delivered(city, deal, [one, other])
    address, good = f"/api/v1/bids/{first}/traces", marks(deal, browser="m", machine="n")
    body = {"consent": leads_traces.CONSENT_TEXT, "device": good, "documents": ["ab" * 32]}
    client = bidder(city, one)

    assert client.post(address, json={**body, "consent": "2020-01"}).json["code"] == "traces_consent"
    assert client.post(address, json={**body, "device": {"browser": "short"}}).status_code == 422
    assert client.post(address, json={**body, "device": {"serial": "ab" * 32}}).status_code == 422
    assert bidder(city, other).post(address, json=body).status_code == 404
    assert city.house.client().post(address, json=body).status_code in (401, 403)
    with city.house.read() as session:
        assert session.scalars(sa.select(ClientTrace)).all() == []
    answer = client.post(address, json=body)
    assert answer.json == {
        "bid": first,
        "consent": leads_traces.CONSENT_TEXT,
        "device": ["browser", "machine"],
        "documents": 1,
    }
    assert client.post(address, json={**body, "documents": []}).json["documents"] == 0
    with city.house.read() as session:
        row = session.scalars(sa.select(ClientTrace)).one()
        assert row.device["browser"] not in good.values()
        assert leads_traces.consents(session, one.person_id)
        city_closes = session.get_one(Tender, deal.tender_id).bids_close_at
    city.world.pass_time(city_closes)
    late = bidder(city, one).post(address, json=body)  # sessions end sooner than tenders
    assert (late.status_code, late.json["code"]) == (409, "traces_late")


def test_a_mark_of_one_tender_says_nothing_in_another() -> None:
    one = leads_traces.salted("SR2026-GC-00001", "browser", "ab")

    assert one != leads_traces.salted("SR2026-GC-00002", "browser", "ab")
    assert one != leads_traces.salted("SR2026-GC-00001", "machine", "ab")
    assert one == sealing_marks.mark("SR2026-GC-00001", "browser", "ab")
    assert sealing_marks.CONSENT == leads_traces.CONSENT_TEXT


def test_equal_marks_become_evidence_and_the_tenders_own_file_does_not(city: Any) -> None:
    deal = rigged(city, bonds=False, ring=False)
    with city.house.read() as session:
        bids = session.scalars(sa.select(Bid).where(Bid.tender_id == deal.tender_id)).all()
        given = session.scalars(
            sa.select(Document.sha256).where(Document.tender_id == deal.tender_id)
        ).first()
    settings = city.house.settings

    def hashed(kind: str, value: str) -> str:
        return leads_traces.trace_hash(
            settings, f"client.{kind}", leads_traces.salted(deal.code, kind, value)
        )

    with city.house.platform.database.session(write=True) as session, session.begin():
        for number, bid in enumerate(bids):
            own = "shared" if number < 2 else f"own {number}"
            session.add(
                ClientTrace(
                    bid_id=bid.id,
                    lot_id=bid.lot_id,
                    org_id=bid.org_id,
                    person_id=bid.person_id,
                    text="t",
                    at=city.house.clock.now(),
                    device={"machine": hashed("machine", own), "browser": hashed("browser", own)},
                    documents=[hashed("document", given), hashed("document", own)],
                )
            )

    leads.build_leads(city.house.platform)

    lead = the_lead(city)
    assert {one.code: one.light for one in lead.indicators} == {
        "D-01": "red",
        "D-05": "orange",
        "D-08": "orange",
    }
    assert set(lead.firms) == {str(bid.org_id) for bid in bids[:2]}


def test_withdrawn_consent_deletes_marks_and_old_traces_are_forgotten(city: Any) -> None:
    deal = city.tender("published")
    one, other = city.world.bidders[:2]
    codes = delivered(city, deal, [one, other])
    body = {"consent": leads_traces.CONSENT_TEXT, "device": marks(deal, browser="m"), "documents": []}
    for rival, code in zip((one, other), codes, strict=True):
        assert bidder(city, rival).post(f"/api/v1/bids/{code}/traces", json=body).status_code == 200

    def kept() -> tuple[int, int]:
        with city.house.read() as session:
            return tuple(  # type: ignore[return-value]
                session.scalar(sa.select(sa.func.count()).select_from(table))
                for table in (ClientTrace, SubmissionTrace)
            )

    assert kept() == (2, 2)
    assert bidder(city, one).post("/traces", data={"choice": "refuse"}).status_code == 303
    assert kept() == (1, 2)
    for days, left in ((leads_traces.KEPT.days - 1, (1, 2)), (2, (0, 0))):
        city.house.clock.move(city.house.clock.now() + timedelta(days=days))
        with city.house.platform.begin(SYSTEM) as work:
            leads_traces.forget_traces(work)
        assert kept() == left


def test_the_sealing_page_asks_for_consent_and_the_box_is_empty(city: Any) -> None:
    deal = city.tender("published")
    client = bidder(city, city.world.bidders[0])

    page = client.get(f"/tenders/{deal.code}/bid").text

    assert "我同意随本次投标发送本浏览器标识和投标文件指纹" in page
    box = page[page.index("data-marks") - 60 : page.index("data-marks") + 60]
    assert "checked" not in box
    assert client.post("/traces", data={"choice": "allow"}).status_code == 303
    assert "您已同意" in client.get("/traces").text
    page = client.get(f"/tenders/{deal.code}/bid").text
    assert "checked" in page[page.index("data-marks") - 60 : page.index("data-marks") + 60]
    assert supervisor(city).post("/traces", data={"choice": "allow"}).status_code == 403
    assert city.house.client().get("/traces").status_code == 200


def test_insurance_payments_and_addresses_come_through_the_door(city: Any) -> None:
    deal = rigged(city, bonds=False, ring=False)
    one, other, third = (rival.uscc for rival in city.world.bidders[:3])
    files = {
        "insurance": f"tender,lot,uscc,id_number,insured_by\n{deal.code},1,{one},11010519491231002X,{other}\n",
        "payment": f"tender,lot,uscc,to,amount\n{deal.code},1,{one},{other},50000\n{deal.code},1,{one},{third},-3\n",
        "address": f"tender,lot,uscc,address\n{deal.code},1,{one},8.8.8.8\n{deal.code},1,{other},8.8.8.8\n"
        f"{deal.code},1,{third},10.0.0.1\n",
    }
    city.world.wait(days=1)
    wrong = {}
    with city.world.begin(city.world.supervisors[0]) as work:
        for kind, text in files.items():
            done = leads_traces.import_traces(work, kind, f"{kind}.csv", text.encode())
            wrong[kind] = [(bad.line, bad.code) for bad in done.wrong]
        endless = 'uscc,kind,other\n"' + "1" * 200_000
        broken = leads_traces.import_traces(work, "relation", "relation.csv", endless.encode())

    leads.build_leads(city.house.platform)

    assert [(bad.line, bad.code) for bad in broken.wrong] == [(1, "unreadable")]
    assert wrong == {"insurance": [], "payment": [(3, "value_wrong")], "address": [(4, "nothing_to_compare")]}
    assert {row.code for row in the_lead(city).indicators} == {"P-03", "D-07"}


def test_an_expert_who_works_for_a_bidder_is_a_tie_to_the_buyers_side(city: Any) -> None:
    deal = city.tender("reported")
    with city.house.platform.database.session(write=True) as session, session.begin():
        seat = session.scalars(sa.select(Panelist).where(Panelist.tender_id == deal.tender_id)).first()
        session.execute(
            sa.update(Expert)
            .where(Expert.person_id == seat.person_id)
            .values(employer_id=city.world.bidders[0].org_id)
        )

    leads.build_leads(city.house.platform)

    lead = the_lead(city)
    (row,) = lead.indicators
    assert (row.code, row.light, row.facts["side"]) == ("E-03", "red", "expert")
    assert row.firms == [str(city.world.bidders[0].org_id)]


def test_a_candidate_who_gave_up_before_a_dearer_one_is_seen_after_the_award(city: Any) -> None:
    deal = city.tender("awarded")
    leads.build_leads(city.house.platform)
    with city.house.read() as session:
        assert session.scalars(sa.select(Lead)).all() == []
        report = session.scalars(sa.select(EvaluationReport)).one()
    ranked = [one["bid"] for one in report.body["candidates"]]
    with city.house.platform.database.session(write=True) as session, session.begin():
        second = session.scalars(sa.select(Bid).where(Bid.code == ranked[1])).one()
        session.execute(
            sa.update(Award).values(
                org_id=second.org_id,
                bid_id=second.id,
                reason=f"{ranked[0][:8]}: gave_up letter of 3 March",
                decided_at=city.house.clock.now() + timedelta(minutes=1),
            )
        )
    city.house.clock.move(city.house.clock.now() + timedelta(hours=1))
    prices = {one["bid"]: float(one["price"]) for one in report.body["candidates"]}

    leads.build_leads(city.house.platform)

    with city.house.read() as session:
        found = [row.code for lead in session.scalars(sa.select(Lead)).unique() for row in lead.indicators]
    assert deal.code
    assert ("H-06" in found) == (prices[ranked[1]] > prices[ranked[0]])
