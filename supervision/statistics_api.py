"""The machine door of the trading data: the tables of the page as JSON."""

from __future__ import annotations

from kernel.facts import rfc3339
from kernel.web import read
from kernel.web.openapi import Shown, endpoint
from supervision.leads_api import api
from supervision.statistics_asking import FiguresQuery, strict
from supervision.statistics_tables import tables


class FigureTable(Shown):
    """One table. ``rows`` holds a text for each of ``columns``, empty where there is no figure: yuan with two decimals,
    rates in percent, times in seconds.
    """

    name: str
    columns: list[str]
    rows: list[list[str]]


class FiguresShown(Shown):
    """The trading data of a filter: deals settled from ``first_day`` to ``last_day``, both counted, Shanghai time."""

    year: int
    business: str
    region: str
    first_day: str
    last_day: str
    compared_first_day: str
    compared_last_day: str
    computed_at: str
    tables: list[FigureTable]


@api.get("/statistics")
@endpoint(
    "Trading data of a year: the tables behind the statistics page",
    answers={200: FiguresShown},
    query=FiguresQuery,
    tag="open data",
)
def figures(query: FiguresQuery) -> FiguresShown:
    with read() as session:
        found = strict(session, query)
    return FiguresShown(
        year=found.asked.year,
        business=found.asked.business,
        region=found.asked.region,
        first_day=found.span.first.isoformat(),
        last_day=found.span.last.isoformat(),
        compared_first_day=found.before.first.isoformat(),
        compared_last_day=found.before.last.isoformat(),
        computed_at=rfc3339(found.at),
        tables=[
            FigureTable(name=one.name, columns=[column.code for column in one.columns], rows=one.written)
            for one in tables(found).values()
        ],
    )
