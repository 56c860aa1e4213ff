"""The name of an organisation: what it is registered as, with its English name beside it."""

from __future__ import annotations


class PartyName(str):
    """The registered name, as records, contracts and machines take it; ``en`` is the registered English name or empty.

    Pages show it through ``kernel.i18n.party_name`` or ``legal_name``; whoever forgets that shows the registered name.
    """

    __slots__ = ("en",)
    en: str

    def __new__(cls, name: str | None, en: str | None = "") -> PartyName:
        """From the two columns; both are None for an organisation that an outer join did not find."""
        made = super().__new__(cls, name or "")
        made.en = en or ""
        return made

    def __reduce__(self) -> tuple[type[PartyName], tuple[str, str]]:
        return PartyName, (str(self), self.en)

    def __composite_values__(self) -> tuple[str, str]:
        """As the columns hold it."""
        return str(self), self.en


NOBODY = PartyName("")
"""Where no organisation is named."""
