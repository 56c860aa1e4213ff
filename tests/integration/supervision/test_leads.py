"""Leads: a planted cartel is found, honest bids stay quiet, people are masked, every look leaves a line."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pypdf
import pytest
import sqlalchemy as sa

from kernel.errors import NotAllowed, NotFound, NotNow, NotValid
from kernel.money import Money
from sealbid import jcs, signatures
from simulation import cartel
from simulation import deal as moves
from simulation.deal import Deal
from simulation.world import Player, World
from supervision.actions import leads, leads_export, leads_handling, leads_traces
from supervision.leads_models import Lead, LeadAnswer, LeadState
from supervision.leads_promises import PROMISES
from trading.models import Tender

CEILING = Money.from_yuan("66000000")


def rigged(city: Any, *, bonds: bool = True, ring: bool = True) -> Deal:
    """An opened tender in which the city's last four bidders agreed, or nobody did."""
    world = city.world
    deal = moves.draft_deal(
        world,
        world.buyers[0],
        title="石门县农村公路提升工程",
        summary="路面与排水。",
        regime="TM",
        category="works",
        method="comprehensive",
        ceilings=[CEILING],
        document=cartel.FORM.encode(),
    )
    moves.publish(world, deal)
    world.wait(days=2)
    rivals = cartel.rivals_of(world, world.bidders[:3]) if ring else world.bidders[:4]
    for rival in rivals:
        cartel.place_bid(world, deal, rival, 1, CEILING, turn=0)
    with world.read() as session:
        closes = session.get_one(Tender, deal.tender_id).bids_close_at
    world.pass_time(closes)
    assert moves.release(world, deal, [1, 2, 4])
    if bonds:
        bring_bonds(world, deal, rivals)
    world.sequence()
    return deal


def bring_bonds(world: World, deal: Deal, rivals: Sequence[Player]) -> int:
    """The bank's list of bond payers reaches the supervisor, who imports it; two of the ring share an account."""
    ring = cartel.ring_of(world)
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["tender", "lot", "uscc", "account", "issuer", "number"])
    for place, rival in enumerate(rivals):
        own = 6222020200010000 + 7 * int.from_bytes(rival.uscc.encode()[-3:], "big") % 9000
        account = 6222020200017731 if rival in ring[:2] else own
        table.writerow([deal.code, 1, rival.uscc, account, "阳光银行", 88001 + 13 * place])
    with world.begin(world.supervisors[0]) as work:
        return leads_traces.import_traces(
            work, "bond", f"bonds-{deal.code}.csv", out.getvalue().encode()
        ).taken


def the_lead(city: Any) -> Lead:
    with city.house.read() as session:
        found = session.scalars(sa.select(Lead)).unique().all()
        assert len(found) == 1
        return found[0]


def supervisor(city: Any) -> Any:
    who = city.world.supervisors[0]
    return city.house.client(who.person_id, who.org_id)


def bidder(city: Any, player: Any) -> Any:
    return city.house.client(player.person_id, player.org_id)


def test_a_planted_cartel_heads_the_queue_with_evidence_fixed_in_the_log(city: Any) -> None:
    rigged(city)
    platform = city.house.platform

    run = leads.build_leads(platform)

    lead = the_lead(city)
    codes = {one.code for one in lead.indicators}
    ring = {str(one.org_id) for one in cartel.ring_of(city.world)}
    assert (run.lots, run.leads) == (1, 1)
    assert lead.light == "red"
    assert {"B-01", "M-01", "Q-03"} <= codes
    assert set(lead.firms) <= ring
    assert sum(lead.shares.values()) == lead.risk
    assert city.house.facts(lead.id).count("supervision.lead.evidence_fixed") == len(lead.indicators)


def test_the_nightly_run_twice_changes_nothing(city: Any) -> None:
    rigged(city)
    platform = city.house.platform
    leads.build_leads(platform)
    head = city.house.facts(the_lead(city).id)

    again = leads.build_leads(platform)

    assert (again.lots, again.changed) == (0, 0)
    assert city.house.facts(the_lead(city).id) == head


def test_the_chore_runs_at_the_start_and_then_only_at_night(city: Any) -> None:
    chore, platform, clock = leads.NightRun(), city.house.platform, city.house.clock
    rigged(city)

    assert chore(platform) is not None
    assert chore(platform) is None
    clock.move(clock.now().replace(hour=19, minute=0) + timedelta(days=1))  # three in the morning in China
    assert chore(platform) is not None
    clock.move(clock.now() + timedelta(minutes=20))
    assert chore(platform) is None
    clock.move(clock.now() + timedelta(hours=14))
    assert chore(platform) is None


def test_honest_bids_full_of_the_same_form_stay_quiet(city: Any) -> None:
    rigged(city, bonds=False, ring=False)

    run = leads.build_leads(city.house.platform)

    assert (run.lots, run.leads) == (1, 0)


def test_a_trace_that_comes_later_is_read_the_next_night(city: Any) -> None:
    deal = rigged(city, bonds=False, ring=False)
    leads.build_leads(city.house.platform)
    rows = "\n".join(f"{deal.code},1,{one.uscc},6222020200017731" for one in city.world.bidders[:2])
    city.world.wait(days=1)
    with city.world.begin(city.world.supervisors[0]) as work:
        leads_traces.import_traces(work, "bond", "b.csv", f"tender,lot,uscc,account\n{rows}\n".encode())

    run = leads.build_leads(city.house.platform)

    assert (run.lots, run.leads) == (1, 1)
    assert [one.code for one in the_lead(city).indicators] == ["B-01"]
    assert the_lead(city).risk == 7500


def test_queue_and_case_show_the_lead_and_every_look_is_a_fact(city: Any) -> None:
    rigged(city)
    leads.build_leads(city.house.platform)
    city.world.sequence()
    client, lead = supervisor(city), the_lead(city)

    queue = client.get("/supervision/leads").text
    case = client.get(f"/supervision/leads/{lead.code}").text
    english = client.get(f"/supervision/leads/{lead.code}?lang=en").text

    assert lead.code in queue
    assert "评分只用来排定核查先后，不是违法认定" in case
    assert "no finding of guilt" in english
    assert "6222020200017731" not in case
    assert "7731" in case
    assert "style=" not in case.split("<main", 1)[1]
    assert city.house.facts(lead.id).count("supervision.lead.read") == 2
    assert "查阅了线索" in case


def test_only_supervisors_see_leads(city: Any) -> None:
    rigged(city)
    leads.build_leads(city.house.platform)
    code, other = the_lead(city).code, bidder(city, city.world.bidders[-1])

    for address in ("/supervision/leads", f"/supervision/leads/{code}", "/supervision/traces"):
        assert other.get(address).status_code == 403
        assert city.house.client().get(address).status_code in (302, 303, 401)
    assert other.post(f"/supervision/leads/{code}/closing", data={"outcome": "unfounded"}).status_code == 403
    assert supervisor(city).get("/supervision/leads/CX-2000-0001").status_code == 404
    with pytest.raises(NotAllowed), city.world.begin(city.world.bidders[0]) as work:
        leads_handling.note_read(work, code)


def test_a_firm_sees_only_its_question_and_answers_once(city: Any) -> None:
    rigged(city)
    leads.build_leads(city.house.platform)
    lead, member = the_lead(city), cartel.ring_of(city.world)[0]
    stranger = city.world.bidders[0]
    client = supervisor(city)
    asked = client.post(
        f"/supervision/leads/{lead.code}/question",
        data={"org": str(member.org_id), "question": "请说明保证金付款账户的情况。"},
    )
    assert asked.status_code == 303

    page = bidder(city, member).get("/leads").text
    assert "请说明保证金付款账户的情况。" in page
    assert lead.code not in page
    assert cartel.ring_of(city.world)[1].org_name not in page
    assert "请说明" not in bidder(city, stranger).get("/leads").text

    with city.house.read() as session:
        row = session.scalars(sa.select(LeadAnswer)).one()
    address = f"/leads/{row.id}/answer"
    assert bidder(city, stranger).post(address, data={"answer": "代答"}).status_code == 403
    assert bidder(city, member).post(address, data={"answer": " "}).status_code == 422
    assert (
        bidder(city, member).post(address, data={"answer": "该账户为担保公司归集账户。"}).status_code == 303
    )
    assert bidder(city, member).post(address, data={"answer": "再答"}).status_code == 409
    assert "该账户为担保公司归集账户。" in client.get(f"/supervision/leads/{lead.code}").text


def test_a_question_shows_on_the_desk_until_it_is_answered(city: Any) -> None:
    rigged(city)
    leads.build_leads(city.house.platform)
    lead, world, member = the_lead(city), city.world, cartel.ring_of(city.world)[0]
    assert "监督部门请您单位说明情况" not in bidder(city, member).get("/desk").text
    with world.begin(world.supervisors[0]) as work:
        row = leads_handling.ask_firm(work, lead.code, member.org_id, "请说明。")
    assert "监督部门请您单位说明情况" in bidder(city, member).get("/desk").text
    with world.begin(member) as work:
        leads_handling.answer_question(work, row.id, "系担保公司归集账户。")
    assert "监督部门请您单位说明情况" not in bidder(city, member).get("/desk").text


def test_a_tender_tells_bidders_what_a_submission_records(city: Any) -> None:
    deal = city.tender("published")

    assert "递交投标时记录什么" in bidder(city, city.world.bidders[0]).get(f"/tenders/{deal.code}").text
    assert "递交投标时记录什么" not in city.house.client().get(f"/tenders/{deal.code}").text


def test_questions_go_to_firms_of_the_lead_once(city: Any) -> None:
    rigged(city)
    leads.build_leads(city.house.platform)
    lead, world = the_lead(city), city.world
    firm = UUID(lead.firms[0])
    with world.begin(world.supervisors[0]) as work:
        leads_handling.ask_firm(work, lead.code, firm, "请说明。")
    for org, text, refusal, code in (
        (firm, "再问", NotNow, "lead_asked"),
        (world.bidders[0].org_id, "请说明。", NotValid, "lead_firm"),
        (firm, " ", NotValid, "reason_missing"),
    ):
        with pytest.raises(refusal) as no, world.begin(world.supervisors[0]) as work:
            leads_handling.ask_firm(work, lead.code, org, text)
        assert no.value.code == code
    assert the_lead(city).state is LeadState.ASKED


def test_a_lead_is_closed_with_a_written_reason_and_stays_closed(city: Any) -> None:
    rigged(city)
    leads.build_leads(city.house.platform)
    client, code = supervisor(city), the_lead(city).code
    address = f"/supervision/leads/{code}/closing"

    assert client.post(address, data={"outcome": "unfounded", "reason": "短"}).status_code == 422
    assert client.post(address, data={"outcome": "guilty", "reason": "理由写得足够长了吧"}).status_code == 422
    assert the_lead(city).state is LeadState.OPEN
    assert (
        client.post(
            address, data={"outcome": "transferred", "reason": "材料充分，移送行政监督部门。"}
        ).status_code
        == 303
    )
    assert (
        client.post(
            address, data={"outcome": "unfounded", "reason": "材料充分，移送行政监督部门。"}
        ).status_code
        == 409
    )

    lead = the_lead(city)
    assert (lead.state, lead.outcome) == (LeadState.CLOSED, "transferred")
    leads.build_leads(city.house.platform)
    assert the_lead(city).state is LeadState.CLOSED


def test_personal_values_are_shown_once_with_a_purpose_on_record(city: Any) -> None:
    rigged(city)
    leads.build_leads(city.house.platform)
    client, lead = supervisor(city), the_lead(city)
    address = f"/supervision/leads/{lead.code}/unmasking"

    assert client.post(address, data={"purpose": ""}).status_code == 422
    page = client.post(address, data={"purpose": "核对银行回单"}).text

    assert "6222020200017731" in page
    assert "核对银行回单" in page
    assert "6222020200017731" not in client.get(f"/supervision/leads/{lead.code}").text


def test_the_dossier_is_signed_and_its_evidence_matches_the_log(city: Any) -> None:
    rigged(city)
    platform = city.house.platform
    leads.build_leads(platform)
    city.world.sequence()
    client, lead = supervisor(city), the_lead(city)
    address = f"/supervision/leads/{lead.code}/dossier.zip"

    assert client.post(address, data={"purpose": " "}).status_code == 422
    answer = client.post(address, data={"purpose": "移送"})

    files = {}
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest, signed = json.loads(files["manifest.json"]), json.loads(files["manifest.sig.json"])
    assert files["dossier.pdf"].startswith(b"%PDF")
    told = "".join(one.extract_text() for one in pypdf.PdfReader(io.BytesIO(files["dossier.pdf"])).pages)
    assert "北京时间" in told
    assert not re.search(r"\d{4}-\d\d-\d\dT", told), "people read Beijing time, not UTC"
    assert all(hashlib.sha256(files[one["name"]]).hexdigest() == one["sha256"] for one in manifest["files"])
    assert {one["name"] for one in manifest["files"]} == files.keys() - {"manifest.json", "manifest.sig.json"}
    key = signatures.spki(platform.platform_key)
    signatures.verify(signatures.SignatureObject.from_json(signed), "lead-dossier", manifest, key)
    body = json.loads(files["dossier.json"])
    digests = {
        hashlib.sha256(data).hexdigest() for name, data in files.items() if name.startswith("evidence/")
    }
    assert digests == {one["sha256"] for one in body["evidence"]}
    assert all(isinstance(one["log_index"], int) for one in body["evidence"])
    assert jcs.encode(body) == files["dossier.json"]
    assert city.house.facts(lead.id).count("supervision.lead.exported") == 1


def test_imports_name_wrong_lines_in_both_languages_and_refuse_the_same_file(city: Any) -> None:
    deal = rigged(city, bonds=False, ring=False)
    world = city.world
    good, other = world.bidders[0].uscc, world.bidders[1].uscc
    text = (
        "tender,lot,uscc,account\n"
        f"{deal.code},1,{good},6222020200017731\n"
        f"{deal.code},9,{good},6222020200017731\n"
        f"{deal.code},1,91000000000000000X,6222020200017731\n"
        f"{deal.code},1,{other},00000000\n"
        f"{deal.code},1,{other}\n"
        f",1,{other},6222020200017732\n"
    )
    client = supervisor(city)

    def send(lang: str, content: str, kind: str = "bond") -> Any:
        data = {"kind": kind, "file": (io.BytesIO(content.encode()), "bonds.csv")}
        return client.post(f"/supervision/traces?lang={lang}", data=data)

    chinese, english = send("zh-CN", text).text, send("en", text + "\n").text

    assert "没有代码为 91000000000000000X 的主体。" in chinese
    assert "No organisation has the code 91000000000000000X." in english
    assert send("en", text).status_code == 422
    assert send("en", text + "\n\n", "gossip").status_code == 422
    assert send("en", "").status_code == 422
    with world.begin(world.supervisors[0]) as work:
        done = leads_traces.import_traces(work, "bond", "x.csv", (text + "\n\n\n").encode())
    assert done.taken == 1
    assert [(one.line, one.code) for one in done.wrong] == [
        (3, "lot_unknown"),
        (4, "firm_unknown"),
        (5, "value_wrong"),
        (6, "width"),
        (7, "value_missing"),
    ]
    with pytest.raises(NotAllowed), world.begin(world.bidders[0]) as work:
        leads_traces.import_traces(work, "bond", "x.csv", b"a")


def test_machines_import_through_the_api(city: Any) -> None:
    deal = rigged(city, bonds=False, ring=False)
    rows = f"tender,lot,uscc,account\n{deal.code},1,{city.world.bidders[0].uscc},6222020200017731\nx,1,y,1\n"

    answer = supervisor(city).post("/api/v1/traces/bond", data=rows.encode(), content_type="text/csv")

    assert answer.status_code == 201
    assert answer.json["taken"] == 1
    assert answer.json["wrong"][0]["line"] == 3
    assert answer.json["wrong"][0]["zh"] != answer.json["wrong"][0]["en"]
    assert (
        bidder(city, city.world.bidders[0])
        .post("/api/v1/traces/bond", data=rows.encode(), content_type="text/csv")
        .status_code
        == 403
    )


def test_promises_of_leads_hold_and_notice_sabotage(city: Any) -> None:
    rigged(city)
    leads.build_leads(city.house.platform)
    now = city.house.clock.now()

    def broken() -> set[str]:
        with city.house.read() as session:
            return {one.name for one in PROMISES if list(one.check(session, now))}

    assert broken() == set()
    with city.house.platform.database.session(write=True) as session, session.begin():
        session.execute(sa.update(Lead).values(state="closed", reason=""))
    assert broken() == {"closed_leads_have_reasons"}
    with city.house.platform.database.session(write=True) as session, session.begin():
        session.execute(sa.update(Lead).values(state="open", light="yellow"))
    assert broken() == {"lead_colours_follow_from_evidence"}


def test_the_lead_is_found_by_its_code_only(city: Any) -> None:
    with pytest.raises(NotFound), city.world.begin(city.world.supervisors[0]) as work:
        leads_handling.lead_by_code(work, "CX-2000-0001")
    with city.house.read() as session:
        assert leads.lots_to_read(session) == []
    assert leads_export.SENTENCE.startswith("评分只用来排定核查先后")
    assert timedelta(days=leads_handling.ANSWER_DAYS) == timedelta(days=5)
