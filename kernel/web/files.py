"""Names of files in headers, in any script."""

from __future__ import annotations

from urllib.parse import quote


def disposition(name: str) -> str:
    """The ``Content-Disposition`` of a file to keep. A header carries no Chinese, so the name is spelled twice.

    Source: RFC 6266; RFC 8187.
    """
    plain = "".join(c if " " <= c <= "~" and c not in '"\\%;' else "_" for c in name)
    if plain == name:
        return f'attachment; filename="{name}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
