"""The body of a bid's commitment, parsed once. Source: spec sealing §6."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kernel.errors import NotValid
from sealbid.errors import SealError
from sealbid.octets import unb64


class Commitment:
    """A parsed commitment body; every field checked once."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.body = dict(body)
        self.tender: str = body["tender"]
        self.lot: str = body["lot"]
        self.bid: str = body["bid"]
        self.policy: str = body["policy"]
        self.bk: bytes = unb64(body["bk"], 32)
        self.parts: list[dict[str, Any]] = body["parts"]
        self.replaces: str = body["replaces"]

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Commitment:
        keys = {"v", "tender", "lot", "bid", "policy", "bk", "parts", "replaces"}
        if set(body) != keys or body["v"] != 1:
            raise NotValid("bid_body", source="sealing §6", field="body", wanted=sorted(keys))
        texts = all(isinstance(body[k], str) for k in ("tender", "lot", "bid", "policy", "bk", "replaces"))
        if not texts or not _is_hex(body["bid"], 32) or not _is_hex(body["policy"], 64):
            raise NotValid("bid_body", source="sealing §6", field="bid")
        if body["replaces"] and not _is_hex(body["replaces"], 32):
            raise NotValid("bid_body", source="sealing §6", field="replaces")
        parts = body["parts"]
        if not isinstance(parts, list) or not all(_is_part(part) for part in parts):
            raise NotValid("bid_body", source="sealing §6", field="parts")
        try:
            return cls(body)
        except SealError as problem:
            raise NotValid("bid_body", source="sealing §6", field="bk") from problem


def _is_part(part: object) -> bool:
    return (
        isinstance(part, dict)
        and set(part) == {"part", "root", "size", "blocks"}
        and isinstance(part["part"], str)
        and _is_hex(part["root"], 64)
        and type(part["size"]) is int
        and type(part["blocks"]) is int
        and part["size"] > 0
        and part["blocks"] >= 2
    )


def _is_hex(text: object, length: int) -> bool:
    return isinstance(text, str) and len(text) == length and not set(text) - set("0123456789abcdef")
