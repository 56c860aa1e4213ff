"""What comes in through the doors of leads, parsed once."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from kernel.web import Form

Words = Annotated[str, Field(max_length=4000)]


class AskForm(Form):
    """A question to one firm."""

    org: UUID
    question: Words = ""


class AnswerForm(Form):
    """A firm's answer."""

    answer: Annotated[str, Field(max_length=20_000)] = ""


class CloseForm(Form):
    """How a lead ends, and why."""

    outcome: Annotated[str, Field(max_length=16)] = ""
    reason: Words = ""


class PurposeForm(Form):
    """Why somebody looks at personal values or takes a dossier out."""

    purpose: Annotated[str, Field(max_length=200)] = ""
