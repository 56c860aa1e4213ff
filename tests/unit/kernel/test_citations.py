"""Legal bases on English pages: law, article and item in English; nothing of the platform's own stays Chinese."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from kernel.citations import article_number, in_english
from kernel.i18n import cited, speaking
from kernel.rulebook.editions import rows

ROOT = Path(__file__).resolve().parents[3]
HAN = re.compile(r"[一-鿿，。、；（）]")


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("招标投标法 第二十四条", "Tendering Law, article 24"),
        ("招标投标法实施条例 第五十一条第六项", "Implementing Regulations, article 51, item 6"),
        ("实施条例 第二十二条、第五十四条", "Implementing Regulations, article 22, article 54"),
        ("实施条例 第二十二条, 第五十四条", "Implementing Regulations, article 22, article 54"),
        ("实施条例 第五十一条(四)", "Implementing Regulations, article 51, item 4"),
        ("财库〔2026〕2号; rules §2.5", "Ministry of Finance, Caiku [2026] No. 2; rules §2.5"),
        ("民法典 第二百零三条", "Civil Code, article 203"),
        ("GB/T 43711-2024 附录D", "GB/T 43711-2024 annex D"),
        ("sealing §8.3", "sealing §8.3"),
        ("某地办法 第一条", "某地办法, article 1"),
    ],
)
def test_a_citation_is_spelled_in_english(text: str, english: str) -> None:
    assert in_english(text) == english


@pytest.mark.parametrize(
    ("numeral", "value"), [("十", 10), ("十六", 16), ("二十", 20), ("一百零三", 103), ("七", 7)]
)
def test_numerals(numeral: str, value: int) -> None:
    assert article_number(numeral) == value


def test_the_language_of_the_page_decides() -> None:
    with speaking("zh-CN"):
        assert cited("招标投标法 第二十四条") == "招标投标法 第二十四条"
    with speaking("en"):
        assert cited("招标投标法 第二十四条") == "Tendering Law, article 24"


def _sources() -> set[str]:
    found = set()
    for package in ("kernel", "trading", "bidding", "evaluation", "supervision"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call):
                    found |= {
                        one.value.value
                        for one in node.keywords
                        if one.arg == "source" and isinstance(one.value, ast.Constant) and one.value.value
                    }
    return found


def test_every_basis_of_rulebook_and_code_has_english_words() -> None:
    bases = _sources() | {one for limit in rows() for one in limit.basis}
    assert len(bases) > 100
    calendar = {one for one in bases if "未收录" in one}  # a remark on the calendar, no law
    assert [one for one in sorted(bases - calendar) if HAN.search(in_english(one))] == []
