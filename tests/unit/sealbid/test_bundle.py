"""What a bidder put in comes out, signed and counted; anything else does not."""

import hashlib
import io
from dataclasses import replace

import pytest

from sealbid import jcs
from sealbid.bundle import (
    BidPart,
    FileEntry,
    Manifest,
    describe,
    padded_size,
    read,
    require_own_manifest,
    seal_part,
    write,
)
from sealbid.container import open_with_secret, reader_of
from sealbid.errors import SealError
from sealbid.octets import u32
from sealbid.signatures import Trust, sign, spki
from tests.sealing_kit import BID, OPENING, a_policy, entropy, identity

COMPANY = identity(50)
USCC = "91310000MA1FL0000X"
FILES = {"施工方案.pdf": b"plan" * 1000, "空.txt": b"", "../../etc/passwd": b"\0" * 2_000_000}
TRUST = Trust(OPENING, pinned={USCC: (spki(COMPANY),)})


def signer(body):
    return sign("bid-manifest", body, COMPANY)


def a_part(**changes):
    files = [
        (describe(name, "application/pdf", io.BytesIO(data)), lambda data=data: io.BytesIO(data))
        for name, data in FILES.items()
    ]
    terms = {
        "part": "tech",
        "lot": "1",
        "bk": bytes(32),
        "nonce": b"n" * 32,
        "bidder_name": "日出建设",
        "bidder_uscc": USCC,
        "opening": {"price": "12345678.00", "currency": "CNY", "period_days": 120},
        "files": files,
    }
    return BidPart(**(terms | changes))


def sealed_bundle(part=None):
    out, plain = io.BytesIO(), io.BytesIO()
    sealed = seal_part(part or a_part(), out, policy=a_policy(), bid=BID, entropy=entropy(), signer=signer)
    open_with_secret(io.BytesIO(out.getvalue()), plain, sealed.secret, root=sealed.root)
    return sealed, plain.getvalue()


def unpack(raw, size_max=10**7):
    found = {}

    def sink(index, entry):
        assert entry.name not in found
        assert index == len(found)
        return found.setdefault(entry.name, io.BytesIO())

    bundle = read(io.BytesIO(raw), sink, size_max=size_max)
    return bundle, {name: stream.getvalue() for name, stream in found.items()}


def refusal_of(act, *args, **kwargs):
    with pytest.raises(SealError) as refusal:
        act(*args, **kwargs)
    return refusal.value.code


def plain_bundle(**changes):
    """A bundle without an envelope, built by hand so that it can be wrong."""
    manifest = Manifest("T-1", "1", BID, "tech", *(bytes(32),) * 4, "日出", USCC, {}, ())
    manifest = replace(manifest, **changes)
    return b"".join(write(manifest, signer(manifest.to_json()), ()))


def test_a_part_comes_back_as_it_was():
    sealed, raw = sealed_bundle()

    bundle, files = unpack(raw)

    assert files == FILES
    assert bundle.manifest.opening["price"] == "12345678.00"
    assert (bundle.digest, bundle.size) == (hashlib.sha256(raw).digest(), len(raw))
    assert bundle.size == padded_size(bundle.size)
    require_own_manifest(bundle, sealed.header, trust=TRUST)


def test_a_signed_manifest_is_worthless_in_another_envelope():
    sealed, raw = sealed_bundle()
    bundle, _ = unpack(raw)
    other = seal_part(
        a_part(), io.BytesIO(), policy=a_policy(), bid=BID, entropy=entropy("other"), signer=signer
    )

    assert refusal_of(require_own_manifest, bundle, other.header, trust=TRUST) == "manifest_other_envelope"
    for field, value in [("bid", b"x" * 16), ("policy", bytes(32)), ("tender", "T-2"), ("part", "price")]:
        moved = replace(bundle, manifest=replace(bundle.manifest, **{field: value}))
        with pytest.raises(SealError) as refusal:
            require_own_manifest(moved, sealed.header, trust=TRUST)
        assert (refusal.value.code, refusal.value.facts) == ("manifest_other_envelope", {"field": field})


def test_a_manifest_altered_after_signing_is_refused():
    sealed, raw = sealed_bundle()
    bundle, _ = unpack(raw)
    cheaper = replace(bundle, manifest=replace(bundle.manifest, opening={"price": "1.00"}))

    assert refusal_of(require_own_manifest, cheaper, sealed.header, trust=TRUST) == "bad_signature"
    assert refusal_of(require_own_manifest, bundle, sealed.header, trust=Trust(OPENING)) == "signer_unknown"


def test_a_file_that_changes_while_it_is_sealed_is_noticed():
    entry = describe("a", "text/plain", io.BytesIO(b"before"))

    for now in (b"after!", b"befor", b"before!"):
        part = a_part(files=[(entry, lambda now=now: io.BytesIO(now))])
        assert refusal_of(sealed_bundle, part) == "file_changed"


def test_an_altered_file_is_refused():
    _, raw = sealed_bundle()
    place = raw.index(b"planplan")
    altered = raw[:place] + b"P" + raw[place + 1 :]

    assert refusal_of(unpack, altered) == "file_digest"


def test_files_may_not_claim_more_than_is_allowed():
    _, raw = sealed_bundle()
    exact = sum(map(len, FILES.values()))

    assert unpack(raw, size_max=exact)[1] == FILES
    assert refusal_of(unpack, raw, size_max=exact - 1) == "bundle_too_large"


def test_the_padding_is_exact_and_zero():
    raw = plain_bundle()
    assert unpack(raw)[0].manifest.tender == "T-1"
    used = raw.rindex(b"}") + 1
    assert used < len(raw), "this example needs some padding"

    assert refusal_of(unpack, raw[:-1]) == "bundle_truncated"
    assert refusal_of(unpack, raw[:used]) == "bundle_truncated"
    assert refusal_of(unpack, raw + b"\0") == "padding_length"
    assert refusal_of(unpack, raw[:-1] + b"\1") == "padding_nonzero"
    assert refusal_of(unpack, raw[:used] + b"\1" + raw[used + 1 :]) == "padding_nonzero"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "bundle_truncated"),
        (b"PK\3\4", "bundle_magic"),
        (b"SBB1", "bundle_truncated"),
        (b"SBB1" + u32(2**22 + 1), "bundle_too_large"),
        (b"SBB1" + u32(2) + b"{}", "manifest_format"),
        (b"SBB1" + u32(3) + b"{ }", "json_not_canonical"),
        (b"SBB1" + u32(9) + b"{}", "bundle_truncated"),
    ],
)
def test_what_is_no_bundle_is_refused(raw, code):
    assert refusal_of(unpack, raw) == code


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": True},
        {"extra": 1},
        {"bid": "00"},
        {"hb": "zz" * 32},
        {"bk": "AA=="},
        {"nonce": 1},
        {"bidder": {"name": "x"}},
        {"bidder": {"name": "x\n", "uscc": "y"}},
        {"opening": []},
        {"opening": {"price": 1}},
        {"opening": {"price": "1e9"}},
        {"opening": {"price": "-1"}},
        {"opening": {"price": "01.00"}},
        {"opening": {"price": "1,000.00"}},
        {"files": {}},
        {"files": [{}]},
        {"files": [{"name": "a", "media": "text", "size": 1, "sha256": "00" * 32}]},
        {"files": [{"name": "a", "media": "text/plain", "size": -1, "sha256": "00" * 32}]},
        {"files": [{"name": "a", "media": "text/plain", "size": True, "sha256": "00" * 32}]},
        {"files": [{"name": "a\u202egpj.exe", "media": "text/plain", "size": 1, "sha256": "00" * 32}]},
        {"files": [{"name": "a", "media": "text/plain", "size": 1, "sha256": "00"}]},
    ],
    ids=str,
)
def test_a_manifest_out_of_form_is_refused(change):
    good = Manifest("T-1", "1", BID, "tech", *(bytes(32),) * 4, "日出", USCC, {}, ()).to_json()

    assert Manifest.from_json(good).to_json() == good
    assert refusal_of(Manifest.from_json, jcs.decode(jcs.encode(good | change))) == "manifest_format"


@pytest.mark.parametrize(
    ("size", "padded"),
    [(0, 0), (1, 1), (2, 2), (9, 10), (1000, 1024), (1025, 1088), (10**6, 1_015_808), (2**20, 2**20)],
)
def test_padme_lengths(size, padded):
    assert padded_size(size) == padded


@pytest.mark.parametrize("name", ["日出　建设", "\U00031350\U0002ebf0.pdf", "\ue000", "a b", "x" * 255])
def test_rare_characters_and_wide_spaces_are_welcome_in_names(name):
    entry = FileEntry(name, "text/plain", 0, bytes(32))

    assert FileEntry.from_json(entry.to_json()) == entry


@pytest.mark.parametrize("name", ["", "a\nb", "a\u202eb", "a\u200bb", "a\u2028b", "x" * 256, 1])
def test_names_that_hide_something_are_refused(name):
    found = FileEntry("a", "text/plain", 0, bytes(32)).to_json() | {"name": name}

    assert refusal_of(FileEntry.from_json, found) == "manifest_format"


def test_a_name_is_text_and_never_a_path():
    entry = FileEntry("../../etc/passwd", "text/plain", 0, bytes(32))

    assert FileEntry.from_json(entry.to_json()) == entry
    assert reader_of([b"a", b"", b"b"]).read() == b"ab"
