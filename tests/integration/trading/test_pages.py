"""Pages of the tender room: who gets what, in both languages, and nothing typed is lost."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from kernel.ledger import sequencer
from kernel.rights import Role
from tests.integration.trading.city import City
from trading import actions
from trading.models import Document, DocumentTaking, Notice, Objection, Question, Tender

LANGS = ("zh-CN", "en")
GUIDES = ("bid", "tender", "verify", "glossary", "accessibility", "privacy", "help", "source")
STEPS = ("basics", "lots", "terms", "dates", "documents", "sealing", "review")
XSS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{7*7}}",
    "javascript:alert(1)",
    "</textarea><b>",
)


@pytest.fixture(scope="module")
def published(standing_city: City) -> Tender:
    return standing_city.tender()


@pytest.fixture(scope="module")
def drafted(standing_city: City) -> Tender:
    return standing_city.draft("尚未公布的工程")


@pytest.mark.parametrize("lang", LANGS)
def test_public_pages_answer_everybody_in_both_languages(
    standing_city: City, published: Tender, lang: str
) -> None:
    browser = standing_city.house.client()
    with standing_city.house.read() as session:
        notice_id = session.scalar(sa.select(Notice.id).where(Notice.tender_id == published.id))
    pages = ["/", "/?business=procurement", "/notices", "/figures", "/guide", "/law", "/law?regime=GP"]
    pages += [f"/guide/{name}" for name in GUIDES]
    pages += [f"/tenders/{published.code}", f"/notices/{notice_id}"]

    for page in pages:
        answer = browser.get(
            page, query_string={"lang": lang} if "?" not in page else None, headers={"Accept-Language": lang}
        )

        assert answer.status_code == 200, page
        assert f'<html lang="{lang}"' in answer.text, page
        assert " style=" not in answer.text, page
        assert not re.search(r"<script(?![^>]*(src=|application/json))", answer.text), page
        assert answer.text.count("<h1") == 1, page


@pytest.mark.parametrize("lang", LANGS)
def test_no_page_shows_a_message_without_its_translation(
    standing_city: City, published: Tender, lang: str
) -> None:
    text = standing_city.house.client().get(f"/tenders/{published.code}?lang={lang}").text

    assert ("进程与法定期限" in text) is (lang == "zh-CN")
    assert ("Process and statutory periods" in text) is (lang == "en")
    assert "body." not in text


def test_every_span_of_the_law_page_has_its_unit_and_no_source_is_a_file(standing_city: City) -> None:
    page = standing_city.house.client().get("/law", query_string={"lang": "en"}).text

    assert "rules.md" not in page
    assert "Platform rules §3.2" in page
    assert "Tendering Law, article" in page
    assert "招标投标法 第" not in page
    assert re.search(r'id="O-T2".*?30 minutes', page, re.S)
    assert re.search(r'id="PN-16".*?24 hours', page, re.S)
    assert re.search(r'id="PN-10".*?8 years', page, re.S)


@pytest.mark.parametrize(
    "page", ["/tenders/SR2026-GC-99999", "/guide/nothing", "/law?edition=no", "/notices/not-a-uuid"]
)
def test_what_does_not_exist_is_not_found(standing_city: City, page: str) -> None:
    assert standing_city.house.client().get(page).status_code == 404


def test_before_its_publication_a_tender_does_not_exist_for_strangers(
    standing_city: City, drafted: Tender
) -> None:
    house = standing_city.house
    page = f"/tenders/{drafted.code}"

    for person in (None, standing_city.bidder, standing_city.other_buyer):
        assert house.client(person).get(page).status_code == 404
        assert house.client(person).get(f"/api/v1{page}").status_code == 404
    assert house.client(standing_city.buyer).get(page).status_code == 200


@pytest.mark.parametrize("lang", LANGS)
def test_every_step_of_the_wizard_opens_for_its_buyer_alone(
    standing_city: City, drafted: Tender, lang: str
) -> None:
    house = standing_city.house
    for step in STEPS:
        page = f"/desk/tenders/{drafted.code}/{step}?lang={lang}"

        assert house.client(standing_city.buyer).get(page).status_code == 200, step
        assert house.client(standing_city.other_buyer).get(page).status_code == 404, step
        assert house.client(standing_city.bidder).get(page).status_code == 403, step
        assert house.client().get(page).status_code == 302, step


def test_desks_and_forms_open_for_their_roles(standing_city: City, published: Tender) -> None:
    house, code = standing_city.house, published.code
    buyer, bidder = house.client(standing_city.buyer), house.client(standing_city.bidder)
    for page in (
        "/desk",
        "/desk/projects/new",
        f"/desk/tenders/{code}/questions",
        f"/desk/tenders/{code}/objections",
    ):
        assert buyer.get(page).status_code == 200, page
    for page in ("/desk", f"/tenders/{code}/ask", f"/tenders/{code}/object"):
        assert bidder.get(page).status_code == 200, page
    assert bidder.get(f"/desk/tenders/{code}/questions").status_code == 403
    assert buyer.get(f"/tenders/{code}/ask").status_code == 403
    assert house.client(standing_city.other_buyer).get(f"/desk/tenders/{code}/questions").status_code == 404


def test_a_document_is_fetched_without_signing_in_and_the_taking_is_noted(city: City) -> None:
    tender, house = city.tender(), city.house
    with house.read() as session:
        document = session.scalars(sa.select(Document).where(Document.tender_id == tender.id)).one()

    answer = house.client().get(f"/tenders/{tender.code}/documents/{document.id}")

    assert answer.data == b"%PDF" + tender.title.encode()
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    with house.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(DocumentTaking)) == 1


def test_a_document_of_another_tender_is_not_served_under_this_one(city: City) -> None:
    first, second = city.tender("甲工程"), city.tender("乙工程")
    with city.house.read() as session:
        document = session.scalars(sa.select(Document).where(Document.tender_id == second.id)).one()

    assert city.house.client().get(f"/tenders/{first.code}/documents/{document.id}").status_code == 404


def test_from_a_project_to_a_published_notice_through_the_pages(city: City) -> None:
    house, browser = city.house, city.house.client(city.buyer)
    answer = browser.post(
        "/desk/projects/new",
        data={
            "name": "东湖污水处理厂",
            "category": "works",
            "region": "望岭县",
            "funds": "财政",
            "approval_no": "发改〔2026〕9号",
            "budget": "88,000,000.00",
        },
    )
    assert answer.status_code == 303
    answer = browser.post(
        answer.location, data={"title": "东湖提标改造", "regime": "TM", "category": "works"}
    )
    assert answer.status_code == 303
    code = answer.location.split("/")[-2]
    assert code.startswith("SR2026-GC-")
    with house.read() as session:
        tender = session.scalars(sa.select(Tender).where(Tender.code == code)).unique().one()
    city._state_keys(tender.id, code)
    desk = f"/desk/tenders/{code}"

    assert browser.post(f"{desk}/publish", data={"confirmed": "yes"}).status_code == 422
    basics = {
        "title": "东湖提标改造",
        "regime": "TM",
        "category": "works",
        "region": "望岭县",
        "place": "东湖",
    }
    basics |= {
        "summary": "提标改造",
        "qualification": "一级",
        "contact_name": "王工",
        "contact_phone": "0990-1",
    }
    assert browser.post(f"{desk}/basics", data=basics).location == f"{desk}/lots"
    lot = {"title": "一标段", "quantity": "1 项", "ceiling": "80000000"}
    assert browser.post(f"{desk}/lots", data=lot).status_code == 303
    upload = {"kind": "tender_document", "file": (__import__("io").BytesIO(b"%PDF-1"), "../招标文件.pdf")}
    assert browser.post(f"{desk}/documents", data=upload).status_code == 303
    assert "disabled" not in browser.get(f"{desk}/review").text.split("data-sr-confirm")[-1]
    assert browser.post(f"{desk}/publish", data={}).status_code == 422
    answer = browser.post(f"{desk}/publish", data={"confirmed": "yes"})

    assert answer.location == f"/tenders/{code}"
    page = house.client().get(f"/tenders/{code}").text
    assert "招标文件.pdf" in page
    assert "../" not in page.split("招标文件.pdf")[0][-80:]
    assert browser.get(f"{desk}/dates").status_code == 302


def test_unlawful_dates_are_marked_and_one_press_repairs_them(city: City) -> None:
    tender, browser = city.draft(), city.house.client(city.buyer)
    page = f"/desk/tenders/{tender.code}/dates"
    short = {
        "documents_from_at": "2026-11-25T09:00",
        "documents_until_at": "2026-11-26T17:00",
        "bids_close_at": "2026-12-01T09:30",
        "validity_days": "90",
        "bond": "500000",
    }

    repaired = browser.post(page, data=short | {"go": "repair"})

    assert repaired.status_code == 200
    assert 'value="2026-11-30T17:00"' in repaired.text
    assert 'value="2026-12-15T09:30"' in repaired.text
    with city.house.read() as session:
        assert session.get_one(Tender, tender.id).bids_close_at == tender.bids_close_at
    assert browser.post(page, data=short).status_code == 303
    assert "sr-light-r" in browser.get(page).text


def test_what_was_typed_survives_a_refusal(city: City) -> None:
    tender, browser = city.draft(), city.house.client(city.buyer)
    desk = f"/desk/tenders/{tender.code}"

    lot = browser.post(
        f"{desk}/lots", data={"title": "我打的标题", "quantity": "很多内容", "ceiling": "不是钱"}
    )
    terms = browser.post(
        f"{desk}/terms",
        data={
            "method": "comprehensive",
            "price_weight": "50",
            "k": "0.95",
            "specialty": "civil",
            "factor-0-name": "我的因素",
            "factor-0-max": "40",
            "review-0-name": "签章",
            "review-0-clause": "3.1",
        },
    )
    project = browser.post("/desk/projects/new", data={"name": "没有金额的项目", "category": "works"})

    assert (lot.status_code, terms.status_code, project.status_code) == (422, 422, 422)
    assert "我打的标题" in lot.text
    assert "很多内容" in lot.text
    assert "我的因素" in terms.text
    assert 'value="50"' in terms.text
    assert "没有金额的项目" in project.text
    assert all("sr-error-summary" in page.text for page in (lot, terms, project))


def test_somebody_elses_newer_draft_is_not_written_over(city: City) -> None:
    tender, browser = city.draft(), city.house.client(city.buyer)
    lot = {"title": "一", "quantity": "1", "ceiling": "5", "version": str(tender.version - 1)}

    answer = browser.post(f"/desk/tenders/{tender.code}/lots", data=lot)

    assert answer.status_code == 412


def test_lots_of_a_draft_can_be_changed_and_removed_without_gaps(city: City) -> None:
    tender, browser = city.draft(), city.house.client(city.buyer)
    desk = f"/desk/tenders/{tender.code}/lots"
    with city.house.read() as session:
        first, second = session.get_one(Tender, tender.id).lots

    browser.post(f"{desk}/{second.id}", data={"title": "改过的", "quantity": "2", "ceiling": "7.00"})
    browser.post(f"{desk}/{first.id}/remove")

    with city.house.read() as session:
        lots = session.get_one(Tender, tender.id).lots
        assert [(lot.number, lot.title) for lot in lots] == [(1, "改过的")]
    other = city.draft("另一个")
    assert browser.post(f"/desk/tenders/{other.code}/lots/{second.id}/remove").status_code == 404


def test_a_question_is_answered_for_everybody_and_nobody_sees_who_asked(city: City) -> None:
    tender, house = city.tender(), city.house
    bidder, buyer = house.client(city.bidder), house.client(city.buyer)
    name = house.actor(city.bidder).org_name

    assert bidder.post(f"/tenders/{tender.code}/ask", data={"text": "运距怎么算？"}).status_code == 303
    assert "问题已提交" in bidder.get("/desk").text
    with house.read() as session:
        question = session.scalars(sa.select(Question)).one()
    assert "运距怎么算？" not in house.client().get(f"/tenders/{tender.code}").text
    desk = buyer.get(f"/desk/tenders/{tender.code}/questions").text
    answer = buyer.post(
        f"/desk/tenders/{tender.code}/questions/{question.id}",
        data={"answer": "按6.5公里", "affects_bids": "no"},
    )

    assert answer.status_code == 303
    page = house.client().get(f"/tenders/{tender.code}").text
    assert "按6.5公里" in page
    assert name not in page
    assert name not in desk


def test_a_late_answer_that_affects_bids_proposes_the_lawful_deadline(city: City) -> None:
    tender, house = city.tender(), city.house
    buyer = house.client(city.buyer)
    house.client(city.bidder).post(f"/tenders/{tender.code}/ask", data={"text": "能改吗？"})
    house.clock.move(tender.bids_close_at - timedelta(days=3))
    buyer = house.client(city.buyer)
    with house.read() as session:
        question = session.scalars(sa.select(Question)).one()
    url = f"/desk/tenders/{tender.code}/questions/{question.id}"

    refused = buyer.post(url, data={"answer": "改为六米", "affects_bids": "yes"})

    assert refused.status_code == 422
    assert "改为六米" in refused.text
    proposed = re.search(r'id="field-bids_close_at"[^>]*value="([^"]+)"', refused.text)
    assert proposed is not None
    moved = buyer.post(url, data={"answer": "改为六米", "affects_bids": "yes", "bids_close_at": proposed[1]})
    assert moved.status_code == 303
    with house.read() as session:
        assert session.get_one(Tender, tender.id).bids_close_at > tender.bids_close_at


def test_an_objection_suspends_is_answered_and_lets_the_tender_go_on(city: City) -> None:
    tender, house = city.tender(), city.house
    bidder, buyer = house.client(city.bidder), house.client(city.buyer)

    empty = bidder.post(f"/tenders/{tender.code}/object", data={"matter": "documents", "text": " "})
    filed = bidder.post(f"/tenders/{tender.code}/object", data={"matter": "documents", "text": "条款有倾向"})

    assert (empty.status_code, filed.status_code) == (422, 303)
    assert "暂停" in house.client().get(f"/tenders/{tender.code}?lang=zh-CN").text
    with house.read() as session:
        objection = session.scalars(sa.select(Objection)).one()
    url = f"/desk/tenders/{tender.code}/objections/{objection.id}"
    assert house.client(city.other_buyer).post(url, data={"answer": "不", "upheld": "no"}).status_code == 404
    assert buyer.post(url, data={"answer": "维持原文", "upheld": "no"}).status_code == 303
    with house.read() as session:
        assert session.get_one(Tender, tender.id).suspended_at is None
    assert "条款有倾向" in bidder.get("/desk").text


def test_ending_a_tender_asks_for_a_reason_and_a_confirmation(city: City) -> None:
    tender, buyer = city.tender(), city.house.client(city.buyer)
    url = f"/desk/tenders/{tender.code}/end"

    refused = buyer.post(url, data={"reason": "项目取消"})
    ended = buyer.post(url, data={"reason": "项目取消", "confirmed": "yes"})

    assert (refused.status_code, ended.status_code) == (422, 303)
    assert "项目取消" in refused.text
    assert "终止公告" in city.house.client().get(f"/tenders/{tender.code}?lang=zh-CN").text
    assert buyer.post(url, data={"reason": "再来", "confirmed": "yes"}).status_code == 409


@pytest.mark.parametrize("attack", XSS)
def test_free_text_is_shown_as_text(city: City, attack: str) -> None:
    tender = city.tender(
        "安全" + attack, summary=attack, qualification=attack, contact={"name": attack, "phone": attack}
    )
    house = city.house
    with house.begin(house.actor(city.bidder)) as work:
        question = actions.ask_question(work, tender.id, attack)
    with house.begin(house.actor(city.buyer)) as work:
        actions.answer_question(work, question.id, attack, affects_bids=False)
    sequencer.sequence(house.platform)
    with house.read() as session:
        notice_id = session.scalar(sa.select(Notice.id).where(Notice.tender_id == tender.id))
    pages = ("/", f"/notices?q={attack}", f"/tenders/{tender.code}", f"/notices/{notice_id}", "/notices.atom")

    for page in pages:
        text = house.client().get(page).text
        if "<" in attack:
            assert attack not in text, page
        assert "<img src=x" not in text, page
        assert ">49<" not in text, page
        assert 'href="javascript:' not in text, page


def test_queries_do_not_grow_with_rows(city: City) -> None:
    house = city.house
    city.tender("第一个工程")
    counts: dict[str, list[int]] = {}
    seen: list[str] = []

    def count(_c: object, _k: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    sa.event.listen(house.platform.database.reader, "before_cursor_execute", count)
    for round_ in range(2):
        for page, person in (
            ("/", None),
            ("/notices", None),
            ("/desk", city.buyer),
            ("/api/v1/tenders", None),
        ):
            browser = house.client(person)
            browser.get(page)
            seen.clear()
            assert browser.get(page).status_code == 200
            counts.setdefault(page, []).append(len(seen))
        if round_ == 0:
            for number in range(4):
                city.tender(f"更多工程{number}")

    assert all(before == after for before, after in counts.values()), counts


def test_an_agency_names_the_buyer_it_acts_for(city: City) -> None:
    house = city.house
    agency = house.person(Role.AGENT)
    browser = house.client(agency)
    form = {
        "name": "代理项目",
        "category": "goods",
        "region": "x",
        "funds": "x",
        "approval_no": "x",
        "budget": "1000000",
    }

    unnamed = browser.post("/desk/projects/new", data=form)
    with house.read() as session:
        from kernel.identity.models import Organization

        uscc = session.get_one(Organization, house.actor(city.buyer).org_id).uscc
    named = browser.post("/desk/projects/new", data=form | {"buyer_uscc": uscc})

    assert (unnamed.status_code, named.status_code) == (422, 303)
