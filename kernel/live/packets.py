"""Engine.IO 4 and Socket.IO 5 packets inside text frames: only what the websocket transport needs, no attachments.

Source: engine.io-protocol 4, socket.io-protocol 5.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from kernel.facts import plain

PING, PONG, NOOP, EIO_CLOSE = b"2", b"3", b"6", b"1"
CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR = "0", "1", "2", "3", "4"


class Unreadable(ValueError):
    """Text that is no packet of ours."""


class Packet(NamedTuple):
    """A Socket.IO packet: its type's digit, the namespace, the number to acknowledge (or None), the data."""

    kind: str
    namespace: str
    number: int | None
    data: Any


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=plain).encode
"""Made once: ``json.dumps`` with these settings makes an encoder for every message."""


def parsed(text: str) -> Packet:
    """Read what follows the ``4`` of an Engine.IO message.

    Raises:
        Unreadable: a type we do not take (attachments among them), or broken JSON.
    """
    kind, at, namespace = text[:1], 1, "/"
    if kind not in ("0", "1", "2", "3"):
        raise Unreadable(kind)
    if text[1:2] == "/":
        comma = text.find(",", 1)
        if comma < 0:
            namespace, at = text[1:], len(text)
        else:
            namespace, at = text[1:comma], comma + 1
    start = at
    while text[at : at + 1].isascii() and text[at : at + 1].isdigit():
        at += 1
        if at - start > 9:
            raise Unreadable("number")
    number = int(text[start:at]) if at > start else None
    rest = text[at:]
    try:
        data = json.loads(rest) if rest else None
    except (ValueError, RecursionError) as why:
        raise Unreadable("json") from why
    return Packet(kind, namespace.partition("?")[0], number, data)


def _head(kind: str, namespace: str) -> str:
    return f"4{kind}" if namespace == "/" else f"4{kind}{namespace},"


def event(namespace: str, name: str, *data: Any) -> bytes:
    """An event to the browser."""
    return (_head(EVENT, namespace) + _json([name, *data])).encode()


def written(namespace: str, name: str, data: str) -> bytes:
    """An event whose data is JSON already."""
    return f'{_head(EVENT, namespace)}["{name}",{data}]'.encode()


def around(namespace: str, name: str, before: str, after: str) -> tuple[str, str]:
    """The beginning and the continuation of events that differ in a few parts; the writer closes data and list."""
    return f'{_head(EVENT, namespace)}["{name}",{before}', after


def text_of(value: Any) -> str:
    """The JSON of a value as packets carry it; instants, ids and amounts as ``kernel.facts.plain`` writes them."""
    return _json(value)


def small_text_of(value: Mapping[str, Any]) -> str:
    """As ``text_of``; one name with one number, which most private news are, is written by hand."""
    if len(value) == 1:
        [(name, inner)] = value.items()
        if type(inner) is int and name.isidentifier() and name.isascii():
            return f'{{"{name}":{inner}}}'
    return _json(value)


def ack(namespace: str, number: int, *data: Any) -> bytes:
    """The answer to an event that carried a number."""
    return f"{_head(ACK, namespace)}{number}{_json(list(data))}".encode()


def connected(namespace: str, sid: str) -> bytes:
    """A namespace is open."""
    return (_head(CONNECT, namespace) + _json({"sid": sid})).encode()


def connect_refused(namespace: str, why: str) -> bytes:
    """A namespace stays closed."""
    return (_head(CONNECT_ERROR, namespace) + _json({"message": why})).encode()


def disconnected(namespace: str) -> bytes:
    return _head(DISCONNECT, namespace).encode()


def opened(sid: str, *, ping_seconds: float, pong_seconds: float, bytes_max: int) -> bytes:
    """The first packet of every connection."""
    said = {
        "sid": sid,
        "upgrades": [],
        "pingInterval": int(ping_seconds * 1000),
        "pingTimeout": int(pong_seconds * 1000),
        "maxPayload": bytes_max,
    }
    return ("0" + _json(said)).encode()
