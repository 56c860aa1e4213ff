"""Unified social credit codes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import NotValid
from kernel.identity.uscc import ALPHABET, a_uscc, check_character, require_uscc

# The example of the standard, and codes that two large companies print on their sites.
REAL = ["91350100M000100Y43", "91110000802100433B", "914403001922038216"]


@pytest.mark.parametrize("code", REAL)
def test_published_codes_check(code: str) -> None:
    assert require_uscc(code) == code


def test_blanks_and_small_letters_are_forgiven() -> None:
    assert require_uscc(" 9135 0100 m000 100y 43 ") == "91350100M000100Y43"


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        ("91350100M000100Y44", "uscc_check"),
        ("91350100M000100Y4", "uscc_format"),
        ("91350100M000100Y433", "uscc_format"),
        ("91350100I000100Y43", "uscc_format"),
        ("", "uscc_format"),
    ],
)
def test_a_wrong_code_is_refused_and_named(code: str, refusal: str) -> None:
    with pytest.raises(NotValid) as no:
        require_uscc(code)
    assert (no.value.code, no.value.field) == (refusal, "uscc")


@given(st.integers(0, 10**9), st.integers(0, 17), st.sampled_from(ALPHABET))
def test_one_changed_character_never_goes_unseen(number: int, place: int, letter: str) -> None:
    code = a_uscc(number)
    assert require_uscc(code) == code
    changed = code[:place] + letter + code[place + 1 :]
    if changed != code:
        with pytest.raises(NotValid):
            require_uscc(changed)


def test_the_check_character_of_the_standards_example() -> None:
    assert check_character("91350100M000100Y4") == "3"
