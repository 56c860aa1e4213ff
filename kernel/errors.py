"""Refusals: the expected ways of saying no, and cautions, the ways of saying "think again".

A rule raises a ``Refusal`` with a stable code, the article it rests on and what a person needs to
repair the matter. One handler turns it into problem details (RFC 9457) for HTTP and into a negative
acknowledgement for sockets. Every other exception is a bug and is never caught to carry on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar


class Refusal(Exception):
    """An expected no.

    Args:
        code: stable snake_case name such as ``bids_still_open``; both languages have a text for it.
        source: the article or specification section the refusal rests on, when there is one.
        field: the form field to point at, when one field is to blame.
        details: plain values that the text of the refusal mentions and a person needs to go on.
    """

    status: ClassVar[int] = 400

    def __init__(
        self, code: str, *, source: str | None = None, field: str | None = None, **details: object
    ) -> None:
        super().__init__(code)
        self.code = code
        self.source = source
        self.field = field
        self.details: Mapping[str, object] = MappingProxyType(details)

    def __str__(self) -> str:
        told = ", ".join(f"{name}={value!r}" for name, value in self.details.items())
        return f"{self.code}({told})" if told else self.code


class NotSignedIn(Refusal):
    """Nobody is signed in, or the session has ended."""

    status = 401


class NotAllowed(Refusal):
    """The person is known and may not do this."""

    status = 403


class NotFound(Refusal):
    """There is no such thing, or the person may not know that there is."""

    status = 404


class NotNow(Refusal):
    """Right deed, wrong moment: the stage or the clock does not permit it (yet, or any more)."""

    status = 409


class Stale(Refusal):
    """The thing has changed since the person last looked at it."""

    status = 412


class TooLarge(Refusal):
    """More bytes than this place accepts."""

    status = 413


class NotValid(Refusal):
    """What was handed in breaks a rule; the details say which and how to repair it."""

    status = 422


class TooMany(Refusal):
    """Too many attempts in too short a time."""

    status = 429


@dataclass(frozen=True, slots=True)
class Caution:
    """A warning row: shown to the person and recorded with the deed, but no refusal.

    Attributes:
        code: stable snake_case name, translated like the code of a refusal.
        source: the article or specification section behind the warning.
        details: plain values that its text mentions.
    """

    code: str
    source: str | None = None
    details: Mapping[str, object] = field(default_factory=dict)
