"""The one exception of the protocol: an expected no, with a stable code."""

from __future__ import annotations


class SealError(Exception):
    """A refusal of the protocol.

    Args:
        code: stable, lower-case identifier; translations and tests hang on it.
        detail: one plain English sentence for a person, without secrets.
        facts: small values a caller may show, for example ``x=3`` for a custodian's number.
    """

    def __init__(self, code: str, detail: str = "", **facts: object) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.facts = facts
