"""The report of a screened file: one page of HTML with drawn charts, readable on paper, without scripts.

Source: docs/formats/screen-files.md; detection §5 (rank or p-value with its null shown; "lead, not finding").
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from supervision.analysis.shapes import Floats

STYLE = """
body{font:15px/1.5 "Noto Sans SC","Noto Sans",system-ui,sans-serif;color:#1f2328;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;width:100%;font-size:13px}
th,td{border-bottom:1px solid #d0d7de;padding:.25rem .5rem;text-align:right;font-variant-numeric:tabular-nums}
th:first-child,td:first-child,.text{text-align:left!important}.wide{overflow-x:auto}
.lead{border-left:4px solid #9a6700;padding:.5rem 1rem;background:#fff8e5}
svg{display:block;width:100%;height:auto;min-width:32rem;max-width:44rem}svg.small{min-width:0;max-width:24rem}
figcaption{font-size:13px;color:#59636e}figure{margin:1rem 0;overflow-x:auto}
@media print{body{margin:0;max-width:none;font-size:11px}h2{break-after:avoid}figure,tr{break-inside:avoid}
.wide,figure{overflow:visible}svg{min-width:0}}
"""
TEXT = ' class="text"'
LEAD = "Every line is a lead, not a finding. 线索，不是结论。"


def page(title: str, sections: Sequence[tuple[str, str]]) -> str:
    """A whole document; sections are (heading, HTML)."""
    body = "".join(f"<section><h2>{escape(head)}</h2>{text}</section>" for head, text in sections)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f'<p class="lead">{escape(LEAD)}</p>{body}</body></html>\n'
    )


def rows(header: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
    """A table; floats with four significant digits, NaN as a dash."""
    words = [isinstance(cell, str) for cell in lines[0]] if lines else [False] * len(header)
    head = "".join(
        f'<th scope="col"{TEXT if word else ""}>{escape(one)}</th>'
        for one, word in zip(header, words, strict=True)
    )
    body = "".join("<tr>" + "".join(map(_cell, line)) + "</tr>" for line in lines)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(cell: Any) -> str:
    return f"<td{TEXT if isinstance(cell, str) else ''}>{escape(shown(cell))}</td>"


def shown(cell: Any) -> str:
    """A value as people read it."""
    if isinstance(cell, float | np.floating):
        return "–" if np.isnan(cell) else f"{cell:.4g}"
    return str(cell)


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def histogram(values: Floats, *, label: str, bins: int = 30, marked: Floats | None = None) -> str:
    """Counts of values as bars; ``marked`` values are drawn dark in front of all.

    The outermost bars also hold what lies beyond them.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return paragraph(f"{label}: no values")
    low, high = np.quantile(known, [0.005, 0.995])
    edges = np.linspace(low, high if high > low else low + 1, bins + 1)
    counts, _ = np.histogram(np.clip(known, edges[0], edges[-1]), edges)
    dark = np.zeros(bins)
    if marked is not None and len(marked):
        dark, _ = np.histogram(np.clip(marked[np.isfinite(marked)], edges[0], edges[-1]), edges)
    top = max(int(counts.max()), 1)
    bars = []
    for i in range(bins):
        for number, colour in ((counts[i], "#b6c8dd"), (dark[i], "#1f4e79")):
            tall = 150 * float(number) / top
            bars.append(
                f'<rect x="{40 + i * 18}" y="{170 - tall:.1f}" width="16" height="{tall:.1f}" fill="{colour}"/>'
            )
    return _figure(
        label,
        "".join(bars)
        + _axis(edges[0], edges[-1], 40, 40 + bins * 18, 170)
        + f'<text x="36" y="24" text-anchor="end">{top}</text>',
        620,
        200,
    )


def curve(points: Sequence[tuple[float, float]], *, label: str) -> str:
    """A line from (0, 0) to (1, 1) with the diagonal of chance."""
    line = " ".join(f"{40 + 240 * x:.1f},{260 - 240 * y:.1f}" for x, y in points)
    ticks = "".join(
        f'<text x="{40 + 240 * k / 4:.0f}" y="276" text-anchor="middle">{25 * k} %</text>'
        f'<text x="36" y="{264 - 240 * k / 4:.0f}" text-anchor="end">{25 * k} %</text>'
        for k in range(5)
    )
    body = (
        '<line x1="40" y1="260" x2="280" y2="20" stroke="#8c959f" stroke-dasharray="4 4"/>'
        f'<polyline points="{line}" fill="none" stroke="#1f4e79" stroke-width="2"/>'
        '<rect x="40" y="20" width="240" height="240" fill="none" stroke="#8c959f"/>' + ticks
    )
    return _figure(label, body, 300, 284, kind="small")


def strip(bids: Sequence[tuple[str, Floats]], *, label: str) -> str:
    """Bids of tenders as dots, each row divided by its lowest bid."""
    body = []
    widest = max((float(one.max() / one.min()) for _, one in bids), default=1.0)
    span = max(widest - 1.0, 1e-9)
    for i, (name, one) in enumerate(bids):
        y = 24 + i * 20
        body.append(f'<text x="150" y="{y + 4}" text-anchor="end">{escape(name[:22])}</text>')
        body.append(f'<line x1="160" x2="590" y1="{y}" y2="{y}" stroke="#d0d7de"/>')
        body += [
            f'<circle cx="{160 + 430 * (float(b / one.min()) - 1) / span:.1f}" cy="{y}" r="4" fill="#1f4e79" fill-opacity=".7"/>'
            for b in one
        ]
    return _figure(
        label, "".join(body) + _axis(1.0, 1.0 + span, 160, 590, 24 + len(bids) * 20), 620, 60 + len(bids) * 20
    )


def tick(value: float, step: float) -> str:
    """A number beside an axis: with so many digits that neighbours, one ``step`` apart, differ."""
    if not 1e-4 <= step < 1e5:
        return f"{value:.2e}"
    places = max(0, 1 - math.floor(math.log10(step)))
    return f"{value:.{places}f}"


def _axis(low: float, high: float, left: int, right: int, y: int) -> str:
    ticks = []
    for k in range(5):
        x = left + (right - left) * k / 4
        ticks.append(
            f'<text x="{x:.0f}" y="{y + 18}" text-anchor="middle">{tick(low + (high - low) * k / 4, (high - low) / 4)}</text>'
        )
    return f'<line x1="{left}" x2="{right}" y1="{y}" y2="{y}" stroke="#59636e"/>' + "".join(ticks)


def _figure(label: str, body: str, width: int, height: int, *, kind: str = "") -> str:
    shape = f' class="{kind}"' if kind else ""
    return (
        f'<figure><svg{shape} viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}" font-size="12" '
        f'fill="#1f2328">{body}</svg><figcaption>{escape(label)}</figcaption></figure>'
    )


def figures_table(figures: Mapping[str, Any]) -> str:
    """AUC, average precision and balanced accuracy with intervals, one line a score."""
    lines = []
    for name, one in figures.items():
        cells = [
            f"{c['value']:.3f} [{c['low']:.3f}, {c['high']:.3f}]"
            for c in (one["auc"], one["average_precision"], one["balanced_accuracy"])
        ]
        lines.append([name, one["tenders"], one["rigged"], *cells, one["top5"]])
    return rows(["", "tenders", "rigged", "AUC", "average precision", "balanced accuracy", "top 5 %"], lines)
