"""The test house itself stands."""

from kernel.rights import Role
from tests.support.house import House


def test_a_house_answers_and_knows_who_is_signed_in(house: House) -> None:
    person = house.person(Role.BUYER)
    assert house.client().get("/healthz").json == {"ok": True}
    assert house.client(person).get("/readyz").status_code == 200
    assert house.actor(person).has(Role.BUYER)
    assert house.facts(person.id) == ["identity.person.registered", "identity.role.given"]
