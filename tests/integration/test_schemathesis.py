"""The machine doors against their own description: no server error, no undocumented answer, whoever asks.

Source: OpenAPI 3.1; RFC 9457.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import checks
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from kernel.money import Money
from simulation import deal as moves
from simulation.world import World, found_city
from tests.support.house import House

CHECKS = (
    checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
EXAMPLES = 4
SCOPES = ("read", "bid", "custody", "write")
DESCRIPTION = "/api/openapi.json"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, dict[str, str], dict[str, Any]]]:
    """A house with a tender in its hall and one still open, real values for path parameters, and who asks."""
    house = House(tmp_path_factory.mktemp("schemathesis"), make_pdfs=False)
    world = found_city(World(house.platform, house.clock, random.Random(7)), bidders=4)
    codes = []
    for _ in range(2):
        deal = moves.draft_deal(
            world, world.buyers[0], title="向阳区道路改造工程", summary="路面与排水。", regime="TM",
            category="works", method="evaluated_lowest", ceilings=[Money.from_yuan("9000000")],
        )  # fmt: skip
        moves.publish(world, deal)
        codes += [
            moves.bid(world, deal, bidder, moves.Offer(lot=1, price=Money.from_yuan("8500000")))
            for bidder in world.bidders[:3]
        ]
        world.wait(days=21 if not codes[3:] else 0)
    world.sequence()
    world.wait(days=1)
    real = {"code": deal.code, "bid": codes[-3], "part": "price", "span": "0-1", "tender": deal.code}
    askers: dict[str, Any] = {"anonymous": {}}
    for name, player in (
        ("bidder", world.bidders[0]), ("buyer", world.buyers[0]), ("custodian", world.keepers["notary"]),
        ("supervisor", world.supervisors[0]), ("expert", world.experts[0]),
    ):  # fmt: skip
        askers[name] = house.token(player.person_id, *_scopes(house))
    yield house, real, askers
    house.close()


def _scopes(house: House) -> list[str]:
    """Every scope any endpoint asks for."""
    document = house.app.test_client().get(DESCRIPTION).get_json()
    found = {
        scope
        for path in document["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict)
        for asked in operation.get("security", [])
        for scopes in asked.values()
        for scope in scopes
    }
    return sorted(found or {"read"})


def _operations(house: House) -> list[Any]:
    schema = schemathesis.openapi.from_wsgi(DESCRIPTION, house.app)
    return [found.ok() for found in schema.get_all_operations()]


def test_the_description_tells_every_machine_door(told: tuple[House, dict[str, str], dict[str, Any]]) -> None:
    house, _, _ = told
    described = {(one.method.upper(), one.path) for one in _operations(house)}
    import re

    doors = {
        (method, re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule))
        for rule in house.app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert doors <= described | {(method, "/api" + path) for method, path in described}, doors - described
    assert len(described) >= 15


@pytest.mark.parametrize("asker", ["anonymous", "bidder", "buyer", "custodian", "supervisor", "expert"])
def test_nobody_gets_a_server_error_or_an_undocumented_answer(
    asker: str, told: tuple[House, dict[str, str], dict[str, Any]]
) -> None:
    house, real, askers = told
    troubles: list[str] = []
    for operation in _operations(house):

        @settings(
            max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(), substitute=_coin())
        def ask(case: Any, substitute: bool) -> None:
            if substitute:
                case.path_parameters = {
                    name: real.get(name, value) for name, value in (case.path_parameters or {}).items()
                }
            response = case.call(headers=askers[asker])
            case.validate_response(response, checks=list(CHECKS))

        try:
            ask()
        except BaseException as trouble:
            if isinstance(trouble, KeyboardInterrupt):
                raise
            troubles.append(f"{operation.method.upper()} {operation.path}: {_brief(trouble)}")
    assert not troubles, "\n\n".join(troubles)


def _coin() -> Any:
    from hypothesis import strategies as st

    return st.sampled_from([True, True, False])


def _brief(trouble: BaseException) -> str:
    inner = getattr(trouble, "exceptions", None)
    texts = [str(one) for one in inner] if inner else [str(trouble)]
    return " | ".join(text[:700] for text in texts)


def test_the_checks_notice_an_undocumented_answer(told: tuple[House, dict[str, str], dict[str, Any]]) -> None:
    house, _, _ = told
    operation = next(one for one in _operations(house) if one.path.endswith("/time"))
    case = operation.Case()
    response = case.call()
    case.validate_response(response, checks=list(CHECKS))
    response.status_code = 418

    with pytest.raises(FailureGroup) as found:
        case.validate_response(response, checks=list(CHECKS))
    assert [type(one).__name__ for one in found.value.exceptions] == ["UndefinedStatusCode"]
