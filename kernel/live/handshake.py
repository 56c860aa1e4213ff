"""The HTTP request that opens a socket: read by hand, because nothing else is served here.

Source: RFC 6455 §4; the origin check is the one against cross-site websocket hijacking.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

HEAD_BYTES_MAX = 16 << 10
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    426: "Upgrade Required",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}


class Refused(Exception):
    """The request is answered with this status and the connection closed."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


@dataclass(frozen=True)
class Request:
    """The head of a request; header names are lower case, of repeated headers the last counts."""

    method: str
    path: str
    query: str
    headers: dict[str, str]

    def cookie(self, name: str) -> str:
        try:
            jar: SimpleCookie = SimpleCookie(self.headers.get("cookie", ""))
        except CookieError:
            return ""
        return jar[name].value if name in jar else ""


def read_head(data: bytes) -> tuple[Request, bytes] | None:
    """The request at the start of these bytes and what follows it; None when it is not whole yet.

    Raises:
        Refused: 400 or 431.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        if len(data) > HEAD_BYTES_MAX:
            raise Refused(431, "headers_too_large")
        return None
    if end > HEAD_BYTES_MAX:
        raise Refused(431, "headers_too_large")
    lines = data[:end].decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise Refused(400, "bad_request")
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise Refused(400, "bad_request")
        headers[name.lower()] = value.strip()
    path, _, query = words[1].partition("?")
    return Request(words[0], path, query, headers), data[end + 4 :]


def require_upgrade(request: Request, origins: frozenset[str]) -> str:
    """The ``Sec-WebSocket-Accept`` of a request we take.

    Args:
        origins: from which pages browsers may come. A bearer token is no ambient authority and needs none.

    Raises:
        Refused: 403 for a foreign or missing origin; 400 or 426 when it is no websocket of Engine.IO 4.
    """
    headers = request.headers
    asked = parse_qs(request.query)
    if request.method != "GET":
        raise Refused(405, "method_not_allowed")
    if asked.get("transport") != ["websocket"] or asked.get("EIO") != ["4"] or "sid" in asked:
        raise Refused(400, "websocket_only")
    bearer = headers.get("authorization", "").lower().startswith("bearer ")
    if headers.get("origin", "") not in origins and not (bearer and "origin" not in headers):
        raise Refused(403, "origin_not_allowed")
    upgrade = "websocket" in headers.get("upgrade", "").lower()
    if not upgrade or "upgrade" not in headers.get("connection", "").lower():
        raise Refused(426, "websocket_only")
    key = headers.get("sec-websocket-key", "")
    try:
        known = len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        known = False
    if not known or headers.get("sec-websocket-version") != "13":
        raise Refused(400, "bad_request")
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()


def switching(accept: str) -> bytes:
    """The answer that opens the socket."""
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ).encode()


def answer(status: int, body: str, *, retry_after: int = 0) -> bytes:
    """A short answer in JSON, after which the connection closes."""
    later = f"Retry-After: {retry_after}\r\n" if retry_after else ""
    data = body.encode()
    return (
        f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: application/json\r\n{later}"
        f"Content-Length: {len(data)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    ).encode() + data
