"""A small city for the tests of the tender room's doors: buyers, custodians, experts, a bidder, tenders."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from bidding.actions import custody
from evaluation.actions.panels import enrol_expert
from kernel import calendar as calendars
from kernel import rulebook
from kernel.identity.models import Organization
from kernel.ledger import sequencer
from kernel.money import Money
from kernel.rights import Role
from sealbid.policy import sign_custodian_key
from sealbid.suites import suite_named
from tests.support.house import House
from trading import actions
from trading.actions.drafting import Draft, FileDraft, LotDraft
from trading.drafts import first_terms, lawful_dates
from trading.models import Project, Tender


class City:
    """Everything by actions; nothing is inserted by hand."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.buyer = house.person(Role.BUYER, Role.CUSTODIAN)
        self.other_buyer = house.person(Role.BUYER)
        self.bidder = house.person(Role.BIDDER)
        self.custodians = [self.buyer, *(house.person(Role.CUSTODIAN) for _ in range(4))]
        for person, role in zip(self.custodians[1:], custody.ROLES[1:], strict=True):
            with house.begin() as work:
                custody.set_standing_custodian(work, house.actor(person).org_id, role)
        for person in self.custodians:
            house.key(person)
        operator = house.actor(house.person(Role.OPERATOR))
        for _ in range(5):
            expert = house.person(Role.EXPERT)
            with house.begin(operator) as work:
                enrol_expert(
                    work,
                    expert.id,
                    specialties=["civil", "goods", "services"],
                    region="310000",
                    title="高级工程师",
                    years=12,
                )

    def project(self, name: str = "阳光大道", category: str = "works") -> Project:
        with self.house.begin(self.house.actor(self.buyer)) as work:
            return actions.register_project(
                work,
                name=name,
                category=category,
                region="望岭县",
                funds="财政",
                approval_no="发改〔2026〕1号",
                budget=Money.from_yuan("70000000"),
            )

    def draft(
        self, title: str = "阳光大道道路工程", regime: str = "TM", category: str = "works", **more: Any
    ) -> Tender:
        """A complete draft: two lots, one document, keys stated; only its notice is missing."""
        house = self.house
        project = self.project(title, category)
        now = house.clock.now()
        law = rulebook.in_force(regime, "CN", now)
        dates = lawful_dates(law, "open", now, calendars.official()) | {"documents_from_at": now}
        fields: dict[str, Any] = {
            "title": title,
            "summary": "道路与桥梁",
            "regime": regime,
            "category": category,
            "region": "望岭县",
            "terms": first_terms(regime, category),
            "qualification": "市政公用工程施工总承包二级及以上",
            "contact": {"name": "王工", "phone": "0990-1"},
            "place": "望岭县",
            "bond": Money.from_yuan("500000"),
            "validity_days": 90,
        }
        with house.begin(house.actor(self.buyer)) as work:
            tender = actions.draft_tender(work, project.id, Draft(**(fields | dates | more)))
            for number in (1, 2):
                lot = LotDraft(title=f"标段{number}", quantity="1 项", ceiling=Money.from_yuan("33000000"))
                actions.add_lot(work, tender.id, lot)
            file = FileDraft(
                kind="tender_document",
                name="招标文件.pdf",
                media="application/pdf",
                data=b"%PDF" + title.encode(),
            )
            actions.add_document(work, tender.id, file)
        self._state_keys(tender.id, tender.code)
        return tender

    def _state_keys(self, tender_id: UUID, code: str) -> None:
        house = self.house
        with house.read() as session:
            seats = custody.seats_of(session, tender_id)
            codes = {seat.x: session.get_one(Organization, seat.org_id).uscc for seat in seats}
        for seat, person in zip(seats, self.custodians, strict=True):
            public = suite_named("intl-1").public_key(house.outside.entropy(32))
            statement = sign_custodian_key(
                house.key(person),
                tender=code,
                x=seat.x,
                role=seat.role,
                org=codes[seat.x],
                pk=public,
                not_after=seat.not_after,
            )
            with house.begin(house.actor(person)) as work:
                custody.state_key(work, seat.id, statement.to_json())

    def tender(
        self, title: str = "阳光大道道路工程", regime: str = "TM", category: str = "works", **more: Any
    ) -> Tender:
        """A published tender; its records have their places in the log."""
        draft = self.draft(title, regime, category, **more)
        with self.house.begin(self.house.actor(self.buyer)) as work:
            actions.publish_notice(work, draft.id)
        self.house.clock.move(self.house.clock.now() + timedelta(minutes=1))
        sequencer.sequence(self.house.platform)
        return draft
