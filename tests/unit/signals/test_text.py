"""Texts: copies are found, what the tender gave is not, and a lot where everybody is alike stays quiet."""

from __future__ import annotations

import random

import pytest

from supervision.rules.signals.text import (
    Entity,
    blind_leaks,
    grams,
    jaccard,
    longest_passage,
    normal,
    others_inside,
    rare_phrases,
    robust_scores,
    shared_errors,
    similarities,
    text_traces,
    words,
)

HAN = [chr(0x4E00 + n) for n in range(1200)]


def prose(seed: int, size: int = 1500) -> str:
    dice = random.Random(seed)
    return "".join(dice.choice(HAN) + ("，" if dice.random() < 0.1 else "") for _ in range(size))


def test_a_copy_is_found_after_the_tenders_own_text_is_gone() -> None:
    given, copied = prose(1, 3000), prose(2)
    texts = {"A": given + copied, "B": given + copied + prose(4, 100), "C": given + prose(3)}

    found = text_traces(texts, [given])

    assert [(one.code, one.firms) for one in found] == [("T-01", ("A", "B"))]
    assert found[0].facts["share"] > "0.9"
    assert len(found[0].facts["passage"]) >= 40


def test_bids_that_only_fill_in_the_given_form_are_quiet() -> None:
    form = prose(1, 4000)
    texts = {name: form + prose(ord(name), 900) for name in "ABCDE"}

    assert text_traces(texts, [form]) == []
    assert [one.code for one in text_traces(texts, [])] == []
    assert all(pair.share > 0.5 for pair in similarities(texts, []))


def test_short_texts_are_not_judged() -> None:
    assert similarities({"A": prose(1, 200), "B": prose(1, 200)}, []) == []
    assert similarities({"A": "", "B": ""}, []) == []


def test_where_everybody_is_alike_nobody_stands_out() -> None:
    same = prose(5)
    texts = {name: same + prose(ord(name), 30) for name in "ABCD"}

    found = text_traces(texts, [])

    assert {one.code for one in found} == {"T-01"}
    assert {one.light.value for one in found} == {"yellow"}


def test_the_worked_example_of_an_outlier_holds() -> None:
    shares = [0.21, 0.24, 0.19, 0.22, 0.26, 0.23, 0.20, 0.25, 0.22, 0.91]

    scores = robust_scores(shares)

    assert scores is not None
    assert scores[-1] == pytest.approx(23.1, abs=0.05)
    assert sorted(scores)[-2] == pytest.approx(1.18, abs=0.01)
    assert robust_scores(shares[:5]) is None
    assert robust_scores([0.2] * 7) is None


def test_a_pair_outside_the_lots_own_spread_is_noted() -> None:
    half, shared = prose(9), prose(77, 900)
    texts = {"A": half + prose(1, 1200) + shared[:150], "B": half + prose(2, 1200) + shared[:250]}
    texts |= {name: prose(ord(name), 2600) + shared[: 200 + 60 * place] for place, name in enumerate("CDEF")}

    found = text_traces(texts, [])

    assert [(one.code, one.firms) for one in found] == [("T-02", ("A", "B"))]
    assert float(found[0].facts["z"]) > 3.5


def test_a_hairs_breadth_above_very_even_pairs_is_no_outlier() -> None:
    form = prose(50, 3000)
    texts = {name: form[place:] + prose(ord(name), 900) for place, name in enumerate("CDEF")}
    texts |= {name: form + prose(ord(name), 860) + prose(99, 60) for name in "AB"}

    scores = robust_scores([pair.share for pair in similarities(texts, [])])

    assert scores is not None
    assert max(scores) > 3.5
    assert text_traces(texts, []) == []


def test_width_case_and_punctuation_do_not_hide_a_copy() -> None:
    assert normal("ＡＢＣ，第１标段！ abc") == "abc第1标段abc"
    assert jaccard(grams("第 1 标段工程质量保证"), grams("第１标段，工程质量保证")) == 1
    assert jaccard(grams(""), grams("")) == 0
    assert longest_passage("甲" * 10, grams("乙" * 10)) == ""


def reference(count: int = 20) -> list[frozenset[int]]:
    return [words("本工程采用混凝土浇筑施工质量管理措施" + prose(500 + n, 60)) for n in range(count)]


def test_three_shared_slips_are_red_two_are_not() -> None:
    slips = "采用混泥士浇筑，按照图纸会神记要，参照滨江大到项目。"
    texts = {"A": slips + prose(1, 200), "B": slips + prose(2, 200), "C": prose(3, 200)}

    found = shared_errors(texts, [], reference())

    assert [(one.code, one.light.value, one.firms) for one in found] == [("T-03", "red", ("A", "B"))]
    assert shared_errors(texts, [slips], reference()) == []
    assert shared_errors(texts, [], reference(19)) == []
    assert shared_errors(texts | {"C": slips}, [], reference()) == []
    few = {"A": "混泥士浇筑" + prose(1, 200), "B": "混泥士浇筑" + prose(2, 200)}
    assert shared_errors(few, [], reference()) == []


def test_rare_stretches_are_shown_with_their_neighbours() -> None:
    assert rare_phrases("质量混泥士浇筑 XK-9981", words("混泥士 XK-9981")) == ["量混泥士浇", "xk-9981"]


def test_another_bidders_name_inside_a_bid_is_red() -> None:
    entities = [
        Entity("A", ("阳光市第一建设有限公司",), ("13800138000",)),
        Entity("B", ("临江路桥工程有限公司",)),
    ]
    texts = {
        "A": "投标人：阳光市第一建设有限公司",
        "B": "我公司阳光市第一建设 有限公司承诺，电话138-0013-8000",
    }

    found = others_inside(texts, entities, [])

    assert [(one.code, one.light.value, one.firms) for one in found] == [("M-03", "red", ("A", "B"))]
    assert {seen["kind"] for seen in found[0].facts["seen"]} == {"name", "number"}
    assert all(not seen["around"] for seen in found[0].facts["seen"] if seen["kind"] == "number")
    assert others_inside(texts | {"B": "我公司承诺"}, entities, []) == []
    named = ["原施工单位：阳光市第一建设有限公司，电话 13800138000"]
    assert others_inside(texts, entities, named) == []
    assert others_inside({"B": "张三参加"}, [Entity("A", ("张三",))], []) == []


def test_a_name_in_a_blind_part_is_noted() -> None:
    who = Entity("A", ("阳光市第一建设有限公司",))

    assert blind_leaks("阳光市第一建设有限公司的方案", "A", who)[0].facts == {"where": ["text"]}
    assert blind_leaks("方案", "A", who, ["阳光市第一建设有限公司"])[0].facts == {"where": ["properties"]}
    assert blind_leaks("方案", "A", who, ["author"]) == []
