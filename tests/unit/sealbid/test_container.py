"""The attack script: every way of tampering with a container has its own refusal."""

import io
from dataclasses import replace
from functools import cache
from itertools import combinations

import pytest

from sealbid import envelope as envelopes
from sealbid import jcs
from sealbid.container import (
    CHUNK_BYTES,
    check_share,
    open_container,
    open_with_secret,
    parse_header,
    prepare,
    read_header,
    recover_secret,
    require_header,
    seal_payload,
    unwrap_share,
)
from sealbid.errors import SealError
from sealbid.octets import b64, u32
from sealbid.shamir import split
from sealbid.suites import suite_named
from tests.sealing_kit import BID, a_container, a_policy, custodian_seed, entropy

PLAIN = bytes(range(256)) * (CHUNK_BYTES * 5 // 2 // 256)  # two and a half chunks
SEALED_CHUNK = CHUNK_BYTES + 16


@cache
def house():
    raw, sealed = a_container(PLAIN)
    return a_policy(), raw, sealed


def shares_of(raw, policy, xs=(1, 2, 3, 4, 5)):
    header = parse_header(raw)
    return {x: unwrap_share(header, x, custodian_seed(x), policy.digest) for x in xs}


def refusal_of(act, *args, **kwargs):
    with pytest.raises(SealError) as refusal:
        act(*args, **kwargs)
    return refusal.value


def opening_refused(raw, **logged):
    """Open with the bidder's secret into a quarantine that already holds something."""
    _, _, sealed = house()
    out = io.BytesIO()
    out.write(b"before")
    refusal = refusal_of(open_with_secret, io.BytesIO(raw), out, sealed.secret, **logged)
    assert out.getvalue() == b"before", "a refused opening must leave nothing behind"
    return refusal.code, refusal.facts.get("index")


def with_header(raw, change):
    """The container with one header field edited and re-encoded canonically."""
    header = parse_header(raw)
    fields = jcs.decode(header.raw[12:])
    change(fields)
    text = jcs.encode(fields)
    return b"SEALBID1" + u32(len(text)) + text + raw[len(header.raw) :]


def test_an_untouched_container_opens_with_shares_and_with_the_secret():
    policy, raw, sealed = house()
    by_shares, by_secret = io.BytesIO(), io.BytesIO()

    opened = open_container(
        io.BytesIO(raw), by_shares, shares_of(raw, policy, (2, 4, 5)), policy=policy, root=sealed.root
    )
    open_with_secret(io.BytesIO(raw), by_secret, sealed.secret, root=sealed.root, size=sealed.size)

    assert by_shares.getvalue() == by_secret.getvalue() == PLAIN
    assert (opened.root, opened.block_hashes) == (sealed.root, sealed.block_hashes)
    assert len(raw) == sealed.size


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES])
def test_sizes_around_the_chunk_come_back(size):
    plain = (b"sunroad" * (size // 7 + 1))[:size]
    raw, sealed = a_container(plain)
    out = io.BytesIO()

    opened = open_with_secret(io.BytesIO(raw), out, sealed.secret, root=sealed.root, size=len(raw))

    assert out.getvalue() == plain
    assert opened.plain_size == size


def test_truncation_by_a_byte_is_refused():
    _, raw, sealed = house()

    assert opening_refused(raw[:-1]) == ("chunk_altered", 2)
    assert opening_refused(raw[:-1], size=sealed.size)[0] == "container_truncated"


def test_truncation_at_a_chunk_border_is_refused():
    _, raw, sealed = house()
    border = len(sealed.header.raw) + SEALED_CHUNK

    assert opening_refused(raw[: border + SEALED_CHUNK]) == ("container_truncated", 1)
    assert opening_refused(raw[:border]) == ("container_truncated", 0)
    assert opening_refused(raw[: len(sealed.header.raw)]) == ("container_truncated", 0)
    assert opening_refused(raw[: border + 5]) == ("container_truncated", 1)


def test_an_appended_byte_is_refused():
    _, raw, sealed = house()

    assert opening_refused(raw + b"\0") == ("chunk_altered", 2)
    assert opening_refused(raw + b"\0", size=sealed.size)[0] == "container_extended"


def test_bytes_after_a_whole_final_chunk_are_refused():
    raw, sealed = a_container(b"x" * CHUNK_BYTES)

    for appended in (b"\0", bytes(16), bytes(SEALED_CHUNK)):
        refusal = refusal_of(open_with_secret, io.BytesIO(raw + appended), io.BytesIO(), sealed.secret)
        assert refusal.code == "container_extended"


def test_an_empty_chunk_after_a_whole_one_is_refused_even_from_the_bidder():
    # Whoever knows the key could spell one plaintext in two ways; only one of them is a container.
    envelope = prepare(policy=a_policy(), part="price", bid=BID, entropy=entropy())
    key, suite = envelopes.payload_key(envelope.header, envelope.secret, b""), suite_named("intl-1")
    whole, empty = bytearray(SEALED_CHUNK), bytearray(16)
    suite.aead_seal(key, bytes(12), bytes(CHUNK_BYTES), whole)
    suite.aead_seal(key, bytes(10) + b"\1\1", b"", empty)
    raw = envelope.header.raw + whole + empty

    refusal = refusal_of(open_with_secret, io.BytesIO(raw), io.BytesIO(), envelope.secret)

    assert (refusal.code, refusal.facts) == ("container_truncated", {"index": 1})


def test_swapped_chunks_are_refused():
    _, raw, sealed = house()
    start = len(sealed.header.raw)
    first, second = raw[start : start + SEALED_CHUNK], raw[start + SEALED_CHUNK : start + 2 * SEALED_CHUNK]

    swapped = raw[:start] + second + first + raw[start + 2 * SEALED_CHUNK :]

    assert opening_refused(swapped) == ("chunk_misplaced", 0)


@pytest.mark.parametrize(
    ("place", "expected"),
    [(0, "header_or_first_chunk_altered"), (1, "chunk_altered"), (2, "chunk_altered")],
)
def test_a_flipped_bit_names_its_chunk(place, expected):
    _, raw, sealed = house()
    altered = bytearray(raw)
    altered[len(sealed.header.raw) + place * SEALED_CHUNK + 7] ^= 0x10

    assert opening_refused(bytes(altered)) == (expected, place)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("policy", "00" * 32, "wrong_policy"),
        ("tender", "T-2", "wrong_tender"),
        ("part", "tech", "wrong_part"),
        ("bid", "ff" * 16, "wrong_bid"),
    ],
)
def test_an_edited_header_fits_neither_its_payload_nor_its_log_entry(field, value, code):
    policy, raw, sealed = house()
    edited = with_header(raw, lambda fields: fields.update({field: value}))

    against_policy = refusal_of(require_header, parse_header(edited), policy=policy, part="price", bid=BID)
    # Even whoever asks neither policy nor log learns that something is wrong.
    blind = opening_refused(edited)[0]

    assert against_policy.code == code
    assert blind == ("secret_mismatch" if field == "bid" else "header_or_first_chunk_altered")
    if field in ("policy", "bid"):
        digest = bytes.fromhex(value) if field == "policy" else policy.digest
        assert refusal_of(unwrap_share, parse_header(edited), 1, custodian_seed(1), digest).code == (
            "envelope_unreadable"
        )
    require_header(sealed.header, policy=policy, part="price", bid=BID)


def test_another_suite_threshold_or_lock_than_the_policys_is_refused():
    policy, _, sealed = house()
    short = replace(policy, custodians=policy.custodians[:4])

    for changed, code in [
        (replace(sealed.header, suite="intl-0"), "suite_not_allowed"),
        (replace(sealed.header, t=2), "wrong_threshold"),
        (replace(sealed.header, lock_commitment=bytes(32)), "lock_not_allowed"),
    ]:
        assert refusal_of(require_header, changed, policy=policy).code == code
    assert refusal_of(require_header, sealed.header, policy=short).code == "wrong_policy"


def test_an_inconsistent_dealing_gets_the_same_verdict_from_every_subset(monkeypatch):
    policy = a_policy()

    def dealt_badly(secret, *, t, n, entropy):
        shares = split(secret, t=t, n=n, entropy=entropy)
        return {**shares, 4: bytes(32)}

    monkeypatch.setattr(envelopes, "split", dealt_badly)
    raw, _ = a_container(b"bid", policy=policy)
    monkeypatch.undo()
    shares = shares_of(raw, policy)  # each custodian finds his own share as committed

    verdicts = {
        refusal_of(recover_secret, parse_header(raw), {x: shares[x] for x in chosen}).code
        for chosen in combinations(shares, 3)
    }

    assert verdicts == {"dealt_inconsistently"}


def test_a_secret_other_than_the_committed_one_voids_the_bid():
    policy, raw, _ = house()
    edited = with_header(raw, lambda fields: fields.update(kc=b64(bytes(32))))

    refusal = refusal_of(recover_secret, parse_header(edited), shares_of(raw, policy))

    assert (refusal.code, refusal.facts["fault"]) == ("key_commitment", "bidder")


def test_a_lying_custodian_is_named_and_the_others_still_open():
    policy, raw, sealed = house()
    shares = shares_of(raw, policy, (1, 2, 3, 5))
    lie = shares | {2: bytes(32)}

    refusal = refusal_of(recover_secret, parse_header(raw), lie)

    assert (refusal.code, refusal.facts) == ("share_void", {"x": 2, "fault": "custodian"})
    assert refusal_of(check_share, parse_header(raw), 2, shares[1]).code == "share_void"
    assert refusal_of(check_share, parse_header(raw), 2, b"").code == "share_void"
    assert refusal_of(check_share, parse_header(raw), 6, shares[1]).code == "custodian_unknown"
    assert recover_secret(parse_header(raw), {x: lie[x] for x in (1, 3, 5)}) == sealed.secret


def test_a_garbage_envelope_is_the_bidders_fault():
    policy, raw, _ = house()
    edited = with_header(raw, lambda fields: fields["sh"][2].update(e=b64(bytes(1168))))

    refusal = refusal_of(unwrap_share, parse_header(edited), 3, custodian_seed(3), policy.digest)

    assert (refusal.code, refusal.facts) == ("envelope_unreadable", {"x": 3, "fault": "bidder"})


def test_an_envelope_with_another_share_than_committed_is_the_bidders_fault():
    policy, raw, _ = house()
    edited = with_header(raw, lambda fields: fields["sh"][2].update(c=b64(bytes(32))))

    refusal = refusal_of(unwrap_share, parse_header(edited), 3, custodian_seed(3), policy.digest)

    assert (refusal.code, refusal.facts) == ("share_dealt_wrong", {"x": 3, "fault": "bidder"})


def test_a_custodian_gives_nothing_for_another_policy():
    _, raw, _ = house()

    assert refusal_of(unwrap_share, parse_header(raw), 1, custodian_seed(1), bytes(32)).code == "wrong_policy"


def test_two_shares_are_not_enough():
    policy, raw, _ = house()

    refusal = refusal_of(recover_secret, parse_header(raw), shares_of(raw, policy, (1, 4)))

    assert (refusal.code, refusal.facts) == ("too_few_shares", {"have": 2, "need": 3})


def test_another_root_or_secret_than_the_logged_one_is_refused():
    _, raw, sealed = house()

    assert opening_refused(raw, root=bytes(32)) == ("root_mismatch", None)
    assert refusal_of(open_with_secret, io.BytesIO(raw), io.BytesIO(), bytes(32)).code == "secret_mismatch"
    assert refusal_of(open_with_secret, io.BytesIO(raw), io.BytesIO(), b"").code == "secret_mismatch"
    again, other = a_container(PLAIN, seed="another")
    assert other.root != sealed.root
    assert opening_refused(again)[0] == "secret_mismatch"


def test_the_bidders_own_lock_is_needed_where_he_set_one():
    policy = a_policy(lock="optional")
    raw, sealed = a_container(b"bid", policy=policy, own_lock=True)
    shares = shares_of(raw, policy, (1, 2, 3))
    out = io.BytesIO()

    open_container(io.BytesIO(raw), out, shares, lock=sealed.lock, policy=policy)

    assert out.getvalue() == b"bid"
    for lock, code in [(b"", "lock_missing"), (bytes(32), "lock_mismatch")]:
        assert refusal_of(open_container, io.BytesIO(raw), io.BytesIO(), shares, lock=lock).code == code
    plain, open_sealed = a_container(b"bid", policy=policy)
    assert refusal_of(
        open_with_secret, io.BytesIO(plain), io.BytesIO(), open_sealed.secret, bytes(32)
    ).code == ("lock_mismatch")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"part": "colour"}, "wrong_part"),
        ({"suite": "intl-0"}, "suite_not_allowed"),
        ({"own_lock": True}, "lock_not_allowed"),
        ({"bid": bytes(15)}, "bid_format"),
        ({"entropy": lambda size: bytes(size - 1)}, "entropy"),
    ],
)
def test_sealing_refuses_what_the_policy_does_not_allow(changes, code):
    terms = {"policy": a_policy(), "part": "price", "bid": BID, "entropy": entropy()}

    assert prepare(**terms).header.part == "price"
    assert refusal_of(prepare, **(terms | changes)).code == code


def test_the_classical_suite_seals_and_opens():
    policy = a_policy(suite="intl-0")
    raw, sealed = a_container(b"bid", policy=policy)
    out = io.BytesIO()

    open_container(io.BytesIO(raw), out, shares_of(raw, policy, (1, 2, 5)), policy=policy, root=sealed.root)

    assert out.getvalue() == b"bid"


def edits():
    def put(**fields):
        return lambda header: header.update(fields)

    def cut(name):
        return lambda header: header.pop(name)

    def in_share(**fields):
        return lambda header: header["sh"][1].update(fields)

    return {
        "version": (put(v=2), "header_format"),
        "version as truth": (put(v=True), "header_format"),
        "chunk size": (put(cs=21), "header_format"),
        "suite": (put(suite="gm-1"), "suite_unknown"),
        "suite type": (put(suite=1), "suite_unknown"),
        "extra field": (put(x=1), "header_fields"),
        "missing field": (cut("kc"), "header_fields"),
        "empty tender": (put(tender=""), "header_text"),
        "tender control": (put(tender="T\n1"), "header_text"),
        "long part": (put(part="p" * 129), "header_text"),
        "policy": (put(policy="AA" * 32), "header_format"),
        "bid": (put(bid="00" * 15), "header_format"),
        "kc": (put(kc="AA=="), "header_format"),
        "lk": (put(lk="AA=="), "header_format"),
        "t of 1": (put(t=1), "header_threshold"),
        "t above n": (put(t=6), "header_threshold"),
        "t text": (put(t="3"), "header_threshold"),
        "no shares": (put(sh=[]), "header_shares"),
        "shares no list": (put(sh={}), "header_shares"),
        "too many shares": (lambda h: h.update(sh=h["sh"] * 4), "header_shares"),
        "share order": (lambda h: h["sh"].reverse(), "header_shares"),
        "share number": (in_share(x=1), "header_shares"),
        "share field": (in_share(y=1), "header_shares"),
        "commitment size": (in_share(c=b64(bytes(31))), "header_shares"),
        "envelope size": (in_share(e=b64(bytes(1167))), "header_shares"),
    }


@pytest.mark.parametrize("name", edits())
def test_a_header_out_of_form_is_refused(name):
    _, raw, _ = house()
    change, code = edits()[name]

    raw = with_header(raw, change)

    assert refusal_of(parse_header, raw).code == code
    assert refusal_of(read_header, io.BytesIO(raw)).code == code


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "header_magic"),
        (b"SEALBID2" + bytes(4), "header_magic"),
        (b"SEALBID1", "header_truncated"),
        (b"SEALBID1" + bytes(4), "header_truncated"),
        (b"SEALBID1" + u32(65537) + b"{}", "header_length"),
        (b"SEALBID1" + u32(10) + b"{}", "header_truncated"),
        (b"SEALBID1" + u32(2) + b"{}", "header_fields"),
        (b"SEALBID1" + u32(2) + b"[]", "json_not_object"),
        (b"SEALBID1" + u32(2) + b"{ ", "json_syntax"),
        (b"SEALBID1" + u32(8) + b'{"a": 1}', "json_not_canonical"),
    ],
)
def test_what_is_no_header_is_refused(raw, code):
    assert refusal_of(parse_header, raw).code == code
    assert refusal_of(read_header, io.BytesIO(raw)).code == code


def test_sources_that_answer_in_small_pieces_give_the_same_container():
    class Dripping(io.RawIOBase):
        def __init__(self, data):
            self._data = io.BytesIO(data)

        def readable(self):
            return True

        def readinto(self, target):
            return self._data.readinto(memoryview(target)[:99_991])

    envelope = prepare(policy=a_policy(), part="price", bid=BID, entropy=entropy())
    whole, dripped = io.BytesIO(), io.BytesIO()

    first = seal_payload(envelope, io.BytesIO(PLAIN), whole)
    second = seal_payload(envelope, Dripping(PLAIN), dripped)

    assert whole.getvalue() == dripped.getvalue()
    assert first == second
    out = io.BytesIO()
    open_with_secret(Dripping(whole.getvalue()), out, envelope.secret)
    assert out.getvalue() == PLAIN


def test_secrets_do_not_show_in_a_print():
    _, _, sealed = house()

    assert sealed.secret.hex() not in repr(sealed)
    assert repr(sealed.secret) not in repr(sealed)
