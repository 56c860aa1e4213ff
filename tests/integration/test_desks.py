"""The first page after signing in: nobody finds it empty, whatever his role, and each is led to his work."""

from __future__ import annotations

import pytest

from kernel.identity import actions
from kernel.identity.uscc import a_uscc
from kernel.rights import Role
from tests.support.house import House

LEADS_TO = {
    Role.BUYER: "/desk/projects/new",
    Role.AGENT: "/desk/projects/new",
    Role.BIDDER: "/notices",
    Role.EXPERT: "/desk/panels",
    Role.SUPERVISOR: "/supervision",
    Role.CUSTODIAN: "/custody",
    Role.OPERATOR: "/admin/organizations",
}


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
@pytest.mark.parametrize("role", LEADS_TO)
def test_a_desk_holds_a_card_that_leads_to_the_work(house: House, role: Role, lang: str) -> None:
    answer = house.client(house.person(role)).get(f"/desk?lang={lang}", follow_redirects=True)

    assert answer.status_code == 200
    main = answer.get_data(as_text=True).partition("<main")[2].partition("</main>")[0]
    assert "sr-card" in main
    assert f'href="{LEADS_TO[role]}' in main


def test_whoever_registered_waits_on_the_operators_desk(house: House) -> None:
    operator = house.client(house.person(Role.OPERATOR))
    assert "没有待核的单位" in operator.get("/desk").get_data(as_text=True)
    with house.begin() as work:
        actions.apply_for_account(
            work,
            uscc=a_uscc(77),
            org_name="新来的建设公司",
            org_name_en="",
            legal_person="某人",
            address="某路 1 号",
            person_name="某人",
            email="new@example.org",
            phone="1",
            password_hash="",
            lang="zh-CN",
        )

    desk = operator.get("/desk").get_data(as_text=True)

    assert "新来的建设公司" in desk.partition("<main")[2]
    assert "没有待核的单位" not in desk
