"""Settings of the red flags as people write them: ``R003.threshold=10``, or the name of a published case.

Source: detection §6.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from supervision.rules.signals.redflags import INDICATORS, Settings

WHOLE = {
    "R003.threshold": "r003_days",
    "R025.percentile": "r025_percentile",
    "R035.threshold": "r035_least",
    "R038.minimum_submitted_bids": "r038_bids",
    "R038.minimum_contracting_processes": "r038_processes",
    "R048.digits": "r048_digits",
    "R048.threshold": "r048_fence",
    "R048.minimum_contracting_processes": "r048_processes",
}
DECIMAL = {
    "R024.threshold": "r024_fence",
    "R025.threshold": "r025_fence",
    "R038.threshold": "r038_fence",
    "R058.threshold": "r058_fence",
}
LISTS = {
    "R003.procurement_methods": "r003_methods",
    "R018.procurement_methods": "r018_methods",
    "no_price_comparison_procurement_methods": "no_price_comparison",
    "price_comparison_procurement_methods": "price_comparison",
    "exclusions.procurement_method_details": "excluded",
}
BY_DETAILS = "R003.procurement_method_details"
CASE = re.compile(r"(R\d{3})((?:-[^-]+)*)")


class UnknownSetting(ValueError):
    """A setting nobody knows, or a value that does not fit; the text says which."""


def with_settings(words: Iterable[str], start: Settings | None = None) -> Settings:
    """Settings from ``name=value`` words, for example ``R003.threshold=10`` or ``R018.procurement_methods=open``.

    Raises:
        UnknownSetting: the name is not known or the value does not fit.
    """
    settings = start or Settings()
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise UnknownSetting(f"{word}: a setting is written name=value")
        settings = replace(settings, **_one(settings, name.strip(), value.strip()))
    return settings


def _one(settings: Settings, name: str, value: str) -> dict[str, Any]:
    try:
        if name in WHOLE:
            return {WHOLE[name]: _whole(value)}
        if name in DECIMAL:
            return {DECIMAL[name]: float(value)}
        if name.startswith(BY_DETAILS + "."):
            return _days(settings, [name.removeprefix(BY_DETAILS + "."), value])
        if name == BY_DETAILS:
            return _days(settings, value.split("-"))
    except ValueError as problem:
        raise UnknownSetting(f"{name}: {value!r} is not a number that fits") from problem
    if name in LISTS:
        return {LISTS[name]: frozenset(one for one in re.split(r"[|+]", value) if one)}
    if name == "currency":
        return {"currency": value}
    raise UnknownSetting(f"{name}: no such setting")


def _whole(value: str) -> int:
    number = int(value)
    if number < 0:
        raise ValueError(value)
    return number


def _days(settings: Settings, words: list[str]) -> dict[str, Any]:
    if len(words) % 2:
        raise ValueError(words)
    pairs = zip(words[::2], words[1::2], strict=True)
    return {
        "r003_by_details": {**settings.r003_by_details, **{details: _whole(days) for details, days in pairs}}
    }


def settings_of_case(file: str) -> Settings | None:
    """The settings a published test case carries in its name; None when the name is no case's name.

    ``R003-threshold-10.jsonl`` runs R003 alone with its threshold at 10, ``R038-tenderer`` runs R038, ``+``
    stands for ``|``; in every case ``NPC`` compares no prices and ``EXC`` is left out.
    """
    found = CASE.fullmatch(PurePath(file).stem)
    if found is None or found[1] not in INDICATORS:
        return None
    indicator, words = found[1], found[2].split("-")[1:]
    settings = Settings(
        only=(indicator,), no_price_comparison=frozenset({"NPC"}), excluded=frozenset({"EXC"})
    )
    if len(words) < 2:
        return settings
    name, value = words[0], "-".join(words[1:])
    try:
        return with_settings([f"{indicator}.{name}={value}"], settings)
    except UnknownSetting:
        return None
