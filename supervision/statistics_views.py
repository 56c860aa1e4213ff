"""Trading data for everybody: filters in the address, six figures, charts with their tables, files.

Picture 12.
"""

from __future__ import annotations

from typing import Any

from flask import Response, render_template, request, url_for

from kernel.errors import NotFound
from kernel.i18n import money, month_text
from kernel.money import Money
from kernel.web import public, read
from kernel.web.files import disposition
from supervision import statistics_drawing, statistics_shown, statistics_tables, statistics_words
from supervision.doors import views
from supervision.statistics_asking import figures_of, known_choices, strict, tolerant
from supervision.statistics_queries import Statistics
from trading.words import BUSINESS

DISTRICTS_SHOWN = 12


@views.get("/statistics")
@public
def statistics_page() -> Response:
    """The trading data of a year."""
    with read() as session:
        known = known_choices(session)
        form, asked, errors = tolerant(known)
        found = figures_of(session, asked)
    kept: dict[str, Any] = {"year": asked.year, "business": asked.business, "region": asked.region}
    kept = {name: value for name, value in kept.items() if value}
    page = render_template(
        "supervision/statistics.html",
        asked=asked,
        errors=errors,
        known=known,
        business=BUSINESS,
        of=found,
        as_tables=form.view == "tables",
        six=statistics_shown.six(found),
        draw=statistics_drawing.pictures(found),
        tables=statistics_tables.tables(found),
        districts_shown=DISTRICTS_SHOWN,
        charts_url=url_for("supervision.statistics_page", **kept),
        tables_url=url_for("supervision.statistics_page", **kept, view="tables"),
        file_url=url_for("supervision.statistics_file", **kept),
        part_url=lambda name: url_for("supervision.statistics_part", name=name, **kept),
        about=statistics_words,
        in_unit=statistics_shown.district_amount,
        amount_text=lambda fen: money(Money(fen)),
        month_text=month_text,
    )
    return Response(page)


@views.get("/statistics.csv")
@public
def statistics_file() -> Response:
    """All figures of the page in one file."""
    with read() as session:
        found = strict(session)
    return _file(statistics_tables.whole_file(found), found, "statistics")


@views.get("/statistics/<name>.csv")
@public
def statistics_part(name: str) -> Response:
    """The table of one chart."""
    if name not in statistics_tables.TABLES:
        raise NotFound("not_found", thing="table", id=name)
    with read() as session:
        found = strict(session)
    return _file(statistics_tables.one_file(statistics_tables.TABLES[name](found)), found, name)


def _file(text: str, of: Statistics, name: str) -> Response:
    response = Response(text, content_type="text/csv; charset=utf-8")
    told = "-".join(part for part in (name, str(of.asked.year), of.asked.business, of.asked.region) if part)
    response.headers["Content-Disposition"] = disposition(f"{told}.csv")
    response.add_etag()
    made = response.make_conditional(request)
    assert isinstance(made, Response)
    return made
