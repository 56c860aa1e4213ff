"""Promises: sentences about the data that must always hold, checked after every step and every night."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Breach:
    """A broken promise: what it concerns and what was seen."""

    subject: object
    seen: str = ""


Check = Callable[[Session, datetime], Iterable[Breach]]


@dataclass(frozen=True)
class Promise:
    """A sentence, the article it stands on, and the query that finds breaches."""

    sentence: str
    source: str
    check: Check

    @property
    def name(self) -> str:
        return self.check.__name__


def promise(sentence: str, *, source: str) -> Callable[[Check], Promise]:
    """Turn a query for breaches into a promise. A sabotage test must break each one on purpose."""

    def made(check: Check) -> Promise:
        return Promise(sentence, source, check)

    return made
