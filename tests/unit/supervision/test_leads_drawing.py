"""Pictures of a lead: the same every time, nothing on top of anything else, figures where they belong."""

from __future__ import annotations

import math
from decimal import Decimal

from kernel.i18n import speaking
from supervision.leads_drawing import APART, Edge, Node, heat, lay_out, price_chart
from supervision.leads_shown import fact_lines, short_name


def a_graph() -> object:
    firms = [(key, key) for key in "ABCDE"]
    things = [Node(f"t{n}", "money", f"t{n}") for n in range(4)]
    edges = [Edge(firm, thing.key, "red") for thing in things for firm in ("A", "C")]
    return lay_out(firms, [("X", "X"), ("Y", "Y")], things, [*edges, Edge("A", "B", "yellow")])


def test_a_graph_is_laid_out_the_same_every_time_without_overlaps() -> None:
    graph = a_graph()

    assert graph == a_graph()
    spots = [(node.x, node.y) for node in graph.nodes]  # type: ignore[attr-defined]
    near = min(math.dist(one, other) for n, one in enumerate(spots) for other in spots[:n])
    assert near > APART * 0.6
    assert all(0 < x < graph.width and 0 < y < graph.height for x, y in spots)  # type: ignore[attr-defined]


def test_prices_stand_over_the_ceiling_with_the_leads_firms_joined() -> None:
    rows = [("a", "甲", Decimal("98.50")), ("b", "乙", Decimal("97.30")), ("c", "丙", Decimal("91.00"))]

    chart = price_chart(rows, {"a", "b"})

    assert [dot.label for dot in chart.dots] == ["甲", "乙", "丙"]
    assert [dot.share for dot in chart.dots] == ["98.50", "97.30", "91.00"]
    assert chart.dots[0].y < chart.dots[1].y < chart.dots[2].y
    assert chart.line.count("L") == 1
    assert price_chart([], set()).dots == ()


def test_correlations_form_a_triangle() -> None:
    found = heat({"a b": ["0.998", "412"], "b c": ["-0.20", "400"]}, [("a", "甲"), ("b", "乙"), ("c", "丙")])

    assert found.columns == ("甲", "乙")
    assert [[cell.text for cell in cells] for _, cells in found.rows] == [["0.998"], ["–", "-0.20"]]
    assert [[cell.level for cell in cells] for _, cells in found.rows] == [[4], [0, 0]]
    assert found.items == 412
    assert heat({}, []).rows == ()


def test_names_of_persons_are_masked_and_names_of_firms_shortened() -> None:
    facts = {"same": {"author": "张小三"}, "hash": "a" * 64, "lots": ["f1"]}

    shown = dict(fact_lines(facts, {"f1": "甲公司"}))

    assert shown["same"] == "作者: 张••"
    assert shown["hash"] == "a" * 12 + "…"
    assert shown["lots"] == "甲公司"
    assert dict(fact_lines(facts, {}, clear=True))["same"] == "作者: 张小三"
    with speaking("en"):
        assert dict(fact_lines({"same": {"author": "x"}, "lots": ["f1", "f2"]}, {"f1": "A", "f2": "B"})) == {
            "lots": "A; B",
            "same": "Author: x",
        }
    assert short_name("阳光市清源市政工程有限公司") == "阳光市清"
    assert short_name("Acme Limited Company") == "Acme L."
    assert short_name("Chenhui Construction Ltd.") == "Chenhui C."
    assert short_name("Acme Works Co., Ltd.") == "Acme Works"
    assert short_name("Antidisestablishmentarian") == "Antidisestabli"
    assert short_name("") == ""
