"""Frames by hand: every length, masks, fragments and limits; and the packets and requests inside them.

Source: RFC 6455 §5; engine.io-protocol 4; socket.io-protocol 5.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.live import frames, handshake, packets
from kernel.live.frames import Inbox, Violation, framed, unmasked
from kernel.live.handshake import Refused

MASK = b"\x9a\x01\xfe\x42"
LENGTHS = (0, 1, 2, 124, 125, 126, 127, 128, 65534, 65535, 65536, 65537)


def sent(payload: bytes, kind: int = frames.TEXT, *, final: bool = True, mask: bytes = MASK) -> bytes:
    """A frame as a client sends it."""
    size = len(payload)
    if size < 126:
        head = bytes((size | 0x80,))
    elif size < 1 << 16:
        head = b"\xfe" + size.to_bytes(2, "big")
    else:
        head = b"\xff" + size.to_bytes(8, "big")
    return bytes((kind | (0x80 if final else 0),)) + head + mask + unmasked(payload, mask)


@pytest.mark.parametrize("size", LENGTHS)
def test_messages_of_every_length_arrive_whole(size: int) -> None:
    payload = bytes(i % 251 for i in range(size))
    assert Inbox(1 << 17).feed(sent(payload)) == [(frames.TEXT, payload)]


@pytest.mark.parametrize("size", LENGTHS)
def test_our_frames_say_their_length_as_shortly_as_they_can(size: int) -> None:
    frame = framed(b"x" * size)
    head = 2 if size < 126 else 4 if size < 65536 else 10
    assert (len(frame), frame[0], frame[1] & 0x80) == (head + size, 0x81, 0)
    if head > 2:
        assert int.from_bytes(frame[2:head], "big") == size


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_masking_twice_gives_the_same_bytes(data: bytes, mask: bytes) -> None:
    assert unmasked(unmasked(data, mask), mask) == data
    assert unmasked(data, mask) == bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))


@given(st.lists(st.binary(max_size=200), max_size=8), st.lists(st.integers(1, 40), min_size=1))
def test_it_does_not_matter_how_the_network_cuts(messages: list[bytes], cuts: list[int]) -> None:
    data = b"".join(map(sent, messages))
    inbox, found, at, turn = Inbox(1000), [], 0, 0
    while at < len(data):
        step = cuts[turn % len(cuts)]
        found += inbox.feed(data[at : at + step])
        at, turn = at + step, turn + 1
    assert found == [(frames.TEXT, message) for message in messages]


def test_fragments_become_one_message_and_control_frames_may_stand_between_them() -> None:
    data = (
        sent(b"one ", final=False)
        + sent(b"ping", frames.PING)
        + sent(b"two ", frames.CONTINUATION, final=False)
        + sent(b"three", frames.CONTINUATION)
    )
    assert Inbox(100).feed(data) == [(frames.PING, b"ping"), (frames.TEXT, b"one two three")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x01a", frames.PROTOCOL_ERROR),  # without a mask
        (b"\xc1\x80" + MASK, frames.PROTOCOL_ERROR),  # compressed, which was never agreed
        (b"\x83\x80" + MASK, frames.PROTOCOL_ERROR),  # a kind nobody knows
        (sent(b"x", frames.PING, final=False), frames.PROTOCOL_ERROR),
        (sent(b"x" * 126, frames.PING), frames.PROTOCOL_ERROR),
        (sent(b"x", frames.CONTINUATION), frames.PROTOCOL_ERROR),
        (sent(b"x", final=False) + sent(b"y"), frames.PROTOCOL_ERROR),
        (b"\x81\xfe\x00\x05" + MASK + b"abcde", frames.PROTOCOL_ERROR),
        (b"\x81\xff" + (5).to_bytes(8, "big") + MASK + b"abcde", frames.PROTOCOL_ERROR),
        (sent(b"x" * 101), frames.TOO_BIG),
        (b"\x81\xff" + (1 << 40).to_bytes(8, "big") + MASK, frames.TOO_BIG),  # before any of it has come
        (sent(b"x" * 60, final=False) + sent(b"x" * 60, frames.CONTINUATION), frames.TOO_BIG),
        (
            sent(b"x", final=False) + sent(b"x", frames.CONTINUATION, final=False) * frames.FRAGMENTS_MAX,
            frames.POLICY,
        ),
    ],
)
def test_what_breaks_the_protocol_or_a_limit_ends_with_its_code(data: bytes, code: int) -> None:
    with pytest.raises(Violation) as broken:
        Inbox(100).feed(data)
    assert broken.value.code == code


def test_the_largest_message_that_is_allowed_is_taken() -> None:
    assert Inbox(100).feed(sent(b"x" * 100)) == [(frames.TEXT, b"x" * 100)]
    parts = sent(b"x" * 60, final=False) + sent(b"x" * 40, frames.CONTINUATION)
    assert Inbox(100).feed(parts) == [(frames.TEXT, b"x" * 100)]


def test_a_close_frame_carries_its_code() -> None:
    assert frames.closing(1001, "bye") == b"\x88\x05\x03\xe9bye"
    assert len(frames.closing(1001, "x" * 500)) == 2 + frames.CONTROL_BYTES_MAX


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("0/live,", ("0", "/live", None, None)),
        ("0", ("0", "/", None, None)),
        ("0/live?token=1,{}", ("0", "/live", None, {})),
        ("1/live,", ("1", "/live", None, None)),
        ('2["a",1]', ("2", "/", None, ["a", 1])),
        ('2/live,["a"]', ("2", "/live", None, ["a"])),
        ('2/live,17["a",{"b":2}]', ("2", "/live", 17, ["a", {"b": 2}])),
        ("3/live,17[]", ("3", "/live", 17, [])),
        ("1/live", ("1", "/live", None, None)),
    ],
)
def test_packets_are_read(text: str, packet: tuple[object, ...]) -> None:
    assert tuple(packets.parsed(text)) == packet


@pytest.mark.parametrize(
    "text", ["", "9", '51-["x",{"_placeholder":true}]', "2[", "2" + "1" * 20 + "[]", "2" + "[" * 9000]
)
def test_what_is_no_packet_is_unreadable(text: str) -> None:
    with pytest.raises(packets.Unreadable):
        packets.parsed(text)


def test_our_packets_are_what_the_protocol_says() -> None:
    assert packets.event("/live", "news", {"a": "中"}).decode() == '42/live,["news",{"a":"中"}]'
    assert packets.event("/", "news").decode() == '42["news"]'
    assert packets.ack("/live", 3, {"ok": True}).decode() == '43/live,3[{"ok":true}]'
    assert packets.connected("/live", "s").decode() == '40/live,{"sid":"s"}'
    assert packets.connect_refused("/x", "no").decode() == '44/x,{"message":"no"}'
    hello = packets.opened("s", ping_seconds=25, pong_seconds=20, bytes_max=9).decode()
    assert json.loads(hello[1:]) == {
        "sid": "s", "upgrades": [], "pingInterval": 25000, "pingTimeout": 20000, "maxPayload": 9,
    }  # fmt: skip


HEADERS = {
    "Host": "h",
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    "Origin": "https://trade.example",
}
ORIGINS = frozenset({"https://trade.example"})


def request(line: str = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1", **changed: str | None) -> bytes:
    headers = HEADERS | {name.replace("_", "-"): value for name, value in changed.items()}
    lines = [line, *(f"{name}: {value}" for name, value in headers.items() if value is not None)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def test_a_proper_request_gets_the_answer_of_the_standard() -> None:
    read = handshake.read_head(request() + b"more")
    assert read is not None
    assert read[1] == b"more"
    assert handshake.require_upgrade(read[0], ORIGINS) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_a_request_may_come_in_pieces_but_not_without_end() -> None:
    assert handshake.read_head(request()[:-1]) is None
    with pytest.raises(Refused) as no:
        handshake.read_head(b"GET / HTTP/1.1\r\nX: " + b"x" * handshake.HEAD_BYTES_MAX)
    assert no.value.status == 431


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request(Origin="https://evil.example"), 403),
        (request(Origin=None), 403),
        (request(Origin="null"), 403),
        (request(Upgrade="h2c"), 426),
        (request(Connection="close"), 426),
        (request(**{"Sec-WebSocket-Version": "8"}), 400),
        (request(**{"Sec-WebSocket-Key": "short"}), 400),
        (request("POST /socket.io/?EIO=4&transport=websocket HTTP/1.1"), 405),
        (request("GET /socket.io/?EIO=4&transport=polling HTTP/1.1"), 400),
        (request("GET /socket.io/?EIO=3&transport=websocket HTTP/1.1"), 400),
        (request("GET /socket.io/?EIO=4&transport=websocket&sid=x HTTP/1.1"), 400),
        (request("GET / FTP/1.0"), 400),
        (b"GET / HTTP/1.1\r\n broken\r\n\r\n", 400),
    ],
)
def test_every_other_request_is_refused(data: bytes, status: int) -> None:
    def answered() -> str:
        read = handshake.read_head(data)
        assert read is not None
        return handshake.require_upgrade(read[0], ORIGINS)

    with pytest.raises(Refused) as no:
        answered()
    assert no.value.status == status


def test_a_bearer_token_needs_no_origin_but_may_not_come_from_a_foreign_page() -> None:
    read = handshake.read_head(request(Origin=None, Authorization="Bearer abc"))
    assert read is not None
    assert handshake.require_upgrade(read[0], ORIGINS)
    read = handshake.read_head(request(Origin="https://evil.example", Authorization="Bearer abc"))
    assert read is not None
    with pytest.raises(Refused):
        handshake.require_upgrade(read[0], ORIGINS)


def test_cookies_are_read_by_name() -> None:
    read = handshake.read_head(request(Cookie="lang=en; sunroad=abc.def"))
    assert read is not None
    assert (read[0].cookie("sunroad"), read[0].cookie("other")) == ("abc.def", "")
