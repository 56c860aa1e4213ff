"""The offline sealer: one HTML file that holds everything a bidder needs to seal, and no way to send anything.

Whoever seals in a page of the platform trusts that page. This file is downloaded once, compared with the digest that
the notice's policy prints, and opened without a network. It is put together from the very modules of the sealing page,
byte for byte the same on every machine, so its digest can be logged and recomputed from the source.

Source: spec sealing §11 (1), (2).
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

STATIC = Path(__file__).resolve().parent.parent / "static"
PAGE = STATIC / "sealer"
ENTRY = PAGE / "sealer.js"

_FROM = re.compile(
    r'^(?P<verb>import|export) (?P<what>\* as \w+|\{[^}]*\}) from "(?P<path>[^"]+)";\n?', re.MULTILINE
)
_OWN = re.compile(r"^export (?=(?:async )?function\b|class\b|const\b)", re.MULTILINE)
_NAME = re.compile(r"^export (?:(?:async )?function\*? |class |const )(\w+)", re.MULTILINE)
_LEFT = re.compile(r"^\s*(?:import|export)\b.*", re.MULTILINE)


class UnknownSyntax(Exception):
    """A module imports or exports in a way the file cannot be put together from."""


def _pairs(listing: str) -> list[tuple[str, str]]:
    """``{ a, b as c }`` as ``[("a", "a"), ("b", "c")]``."""
    found = []
    for item in listing.strip("{} \n").replace("\n", " ").split(","):
        if name := item.strip():
            outer, _, inner = name.partition(" as ")
            found.append((outer.strip(), (inner or outer).strip()))
    return found


def _body(path: Path, names: dict[Path, str], *, entry: bool) -> str:
    """One module as a function's body that returns what the module exports."""
    text = path.read_text(encoding="utf-8")
    shown = {name: name for name in _NAME.findall(text)}

    def linked(match: re.Match[str]) -> str:
        other = names[(path.parent / match["path"]).resolve()]
        what = match["what"]
        if what.startswith("*"):
            name = what.removeprefix("* as ")
            if match["verb"] == "import":
                return f"const {name} = {other};\n"
            shown[name] = other
            return ""
        if match["verb"] == "import":
            inner = ", ".join(
                outer if outer == inner else f"{outer}: {inner}" for outer, inner in _pairs(what)
            )
            return f"const {{ {inner} }} = {other};\n"
        shown.update({inner: f"{other}.{outer}" for outer, inner in _pairs(what)})
        return ""

    text = _OWN.sub("", _FROM.sub(linked, text))
    if left := _LEFT.search(text):
        raise UnknownSyntax(f"{path.name}: {left.group().strip()}")
    if entry:
        return text
    listing = ", ".join(name if name == value else f"{name}: {value}" for name, value in shown.items())
    return f"{text}return {{ {listing} }};\n"


def _order(path: Path, seen: dict[Path, None]) -> None:
    """Modules in the order in which they need each other, each once."""
    for match in _FROM.finditer(path.read_text(encoding="utf-8")):
        other = (path.parent / match["path"]).resolve()
        if other not in seen:
            _order(other, seen)
    seen[path] = None


def joined(entry: Path) -> str:
    """A module and everything it imports as one script without imports.

    Raises:
        UnknownSyntax: something beside plain named imports and exports; the message names module and line.
    """
    order: dict[Path, None] = {}
    _order(entry.resolve(), order)
    names = {path: f"$m{at}" for at, path in enumerate(order)}
    pieces = [
        f"// {path.relative_to(STATIC)}\nconst {names[path]} = (() => {{\n{_body(path, names, entry=False)}}})();\n"
        for path in order
        if path != entry.resolve()
    ]
    return "".join(pieces) + f"// {entry.name}\n{_body(entry.resolve(), names, entry=True)}"


def _digest_source(text: str) -> str:
    """How a content policy names an inline text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def sealer_file() -> bytes:
    """The file: its content policy allows its own script and style and forbids every request."""
    script, style = joined(ENTRY), (PAGE / "sealer.css").read_text(encoding="utf-8")
    if "</script" in script or "</style" in style:
        raise UnknownSyntax("the text would end its own element")
    policy = (
        f"default-src 'none'; script-src {_digest_source(script)}; style-src {_digest_source(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
    page = (PAGE / "sealer.html").read_text(encoding="utf-8")
    for mark, text in (("POLICY", policy), ("STYLE", style), ("SCRIPT", script)):
        before, found, after = page.partition(f"%{mark}%")
        assert found, f"the page has no place for {mark}"
        page = before + text + after
    return page.encode()


@cache
def sealer_digest() -> str:
    """SHA-256 of the file, in hex: what ``sha256sum`` prints."""
    return hashlib.sha256(sealer_file()).hexdigest()
