"""A bank's statement as CSV: every line a payment on a deposit account; a wrong line is named and left out, never guessed.

The first line names the columns of ``COLUMNS``, in any order; the text is UTF-8 or GB 18030. Each line is booked by itself,
so a wrong one takes no other with it, and a statement may be read again: a number of the bank is booked once.

Source: rules.md §1.5 (a sub-account per lot), §5.2 (B-01).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from werkzeug.datastructures import MultiDict

from bidding.actions import bonds_book
from bidding.forms import PaymentArrived
from kernel.encodings import NotATable, table_of
from kernel.errors import NotFound, NotValid, Refusal, TooLarge
from kernel.i18n import gettext, refusal_text
from kernel.web import parse_form
from kernel.work import Work

BYTES_MAX, LINES_MAX = 2 << 20, 2000
COLUMNS = tuple(PaymentArrived.model_fields)


@dataclass(frozen=True)
class WrongLine:
    """A line that was left out, by its number in the file (the heading is 1), and why, in the reader's language."""

    line: int
    why: str


@dataclass
class Read:
    """What became of a statement. ``again``: known before; ``others``: booked, and not from the account that was named."""

    booked: int = 0
    again: int = 0
    others: int = 0
    wrong: list[WrongLine] = field(default_factory=list)


def lines_of(data: bytes) -> list[tuple[int, list[str]]]:
    """The numbered lines of a statement with their cells in the order of ``COLUMNS``; a line of another width as it is.

    Raises:
        NotValid: ``statement_columns`` without a heading that names all columns and no other; ``statement_unreadable``.
        TooLarge: ``statement_too_large``.
    """
    try:
        rows = table_of(data) if len(data) <= BYTES_MAX else []
    except NotATable:
        raise NotValid("statement_unreadable", field="file") from None
    if len(data) > BYTES_MAX or len(rows) > LINES_MAX + 1:
        raise TooLarge("statement_too_large", field="file", bytes_max=BYTES_MAX, lines_max=LINES_MAX)
    heading = rows[0] if rows else []
    if sorted(heading) != sorted(COLUMNS):
        raise NotValid("statement_columns", field="file", columns=list(COLUMNS))
    places = [heading.index(name) for name in COLUMNS]
    return [
        (number, [row[at] for at in places] if len(row) == len(COLUMNS) else row)
        for number, row in enumerate(rows[1:], start=2)
        if any(cell.strip() for cell in row)
    ]


def book(data: bytes, begin: Callable[[], AbstractContextManager[Work]]) -> Read:
    """Book every line in a transaction of its own.

    Raises: as ``lines_of``. What else is refused is said beside its line.
    """
    found = Read()
    for line, cells in lines_of(data):
        try:
            if len(cells) != len(COLUMNS):
                raise NotValid("statement_width", cells=len(cells), wanted=len(COLUMNS))
            form = parse_form(PaymentArrived, MultiDict(zip(COLUMNS, cells, strict=True)))
            with begin() as work:
                own = bonds_book.book_payment(work, bonds_book.Arrival(**dict(form)))
                fresh = bool(work.recorded)
        except Refusal as no:
            found.wrong.append(WrongLine(line, " ".join(_said(no))))
            continue
        found.booked += fresh
        found.again += not fresh
        found.others += fresh and not own
    return found


def _said(no: Refusal) -> Iterator[str]:
    problems = no.details.get("problems")
    if isinstance(problems, dict):
        yield from (f"{name}: {text}" for name, text in problems.items())
    elif isinstance(no, NotFound):
        yield "account: " + gettext("No deposit account has this number.")
    else:
        title, detail = refusal_text(no.code, no.details)
        yield " ".join(filter(None, (f"{no.field}:" if no.field else "", title, detail)))
