"""The colours keep the contrast that the design guide promises, by day and by night.

Source: WCAG 2.2, 1.4.3 and 1.4.11.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SHEET = (ROOT / "static/css/tokens.css").read_text(encoding="utf-8")


def tokens(theme: str) -> dict[str, str]:
    """Colour tokens of a theme; dark inherits what it does not change."""
    found: dict[str, str] = {}
    for selector in (r':root,\n\[data-bs-theme="light"\]', r'\n\[data-bs-theme="dark"\]')[
        : 1 if theme == "light" else 2
    ]:
        block = re.search(selector + r" \{(.*?)\n\}", SHEET, re.DOTALL)
        assert block is not None
        found |= dict(re.findall(r"--sr-([\w-]+): (#[0-9A-F]{6});", block[1]))
    return found


def luminance(colour: str) -> float:
    def linear(channel: int) -> float:
        share = channel / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[at : at + 2], 16)) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_measure_knows_black_on_white_and_the_figures_of_the_guide() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#5B6B80", "#FFFFFF") == pytest.approx(5.4, abs=0.05)
    assert contrast("#8DB8E6", "#FFFFFF") < 3


TEXT = ("ink", "ink-2", "ink-3", "b700", "b600", "g", "y", "r")
ON_TINT = [
    *((colour, f"{colour}-tint") for colour in "gyr"),
    *((f"c{n}-ink", f"c{n}-tint") for n in range(1, 8)),
    *((text, ground) for text in ("ink", "ink-2", "b700", "b600") for ground in ("b50",)),
    *((text, f"{colour}-tint") for text in ("ink", "ink-2") for colour in "gyr"),
    ("b700", "b100"),
    ("on-primary", "primary"),
    ("on-primary", "primary-top"),
    *((text, ground) for text in ("on-navy", "on-navy-2") for ground in ("navy", "navy-glow")),
    ("on-primary", "alarm"),
    ("ink", "raised"),
]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["canvas", "surface", "sunken", "rail"])
@pytest.mark.parametrize("text", TEXT)
def test_text_can_be_read_on_every_ground(theme: str, ground: str, text: str) -> None:
    colours = tokens(theme)
    assert contrast(colours[text], colours[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), ON_TINT)
def test_text_can_be_read_on_its_tint(theme: str, text: str, ground: str) -> None:
    colours = tokens(theme)
    assert contrast(colours[text], colours[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("edge", ["field", "b600", "g-fill", "r-fill"])
def test_edges_of_controls_and_lights_can_be_seen(theme: str, edge: str) -> None:
    colours = tokens(theme)
    assert contrast(colours[edge], colours["surface"]) >= 3


def test_dark_changes_every_colour_that_stands_on_a_ground() -> None:
    light, dark = tokens("light"), tokens("dark")
    assert [
        name for name in (*TEXT, "canvas", "surface", "sunken", "line", "field") if light[name] == dark[name]
    ] == []


def test_every_token_that_a_sheet_uses_exists() -> None:
    defined = set(re.findall(r"(--sr-[\w-]+):", SHEET))
    for sheet in (ROOT / "static/css").glob("*.css"):
        used = set(re.findall(r"var\((--sr-[\w-]+)", sheet.read_text(encoding="utf-8")))
        assert used <= defined, sheet.name
