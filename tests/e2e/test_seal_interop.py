"""The browser and Python seal for each other: same bytes, same root, same refusals."""

import hashlib
import io
import threading
from base64 import b64decode, b64encode
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from shutil import which

import pytest
from playwright.sync_api import sync_playwright

from sealbid import bundle, container, jcs, signoff
from sealbid.errors import SealError
from sealbid.octets import unb64
from sealbid.policy import fingerprint
from sealbid.shamir import interpolate
from sealbid.signatures import SignatureObject, Trust, ed25519_spki, sign, spki, verify
from sealbid.suites import SUITES, suite_named
from tests.sealing_kit import (
    BID,
    OPENING,
    ORGS,
    ROOT,
    a_container,
    a_policy,
    custodian_seed,
    entropy,
    identity,
    own_vectors,
    shared_vectors,
)

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
COMPANY = identity(50)
USCC = "91310000MA1FL0000X"
TECH = {"施工方案.pdf": b"%PDF plan " * 150_000, "空.txt": b"", "c.bin": bytes(range(256))}
STRICT = "default-src 'none'; script-src 'self'; base-uri 'none'; require-trusted-types-for 'script'"

# Glue between bytes here and Uint8Arrays there; the page's policy allows no other script than the modules.
GLUE = """async () => {
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const seal = await import('/js/seal/index.js');
  window.kit = { seal, bytes,
    text: async (blob) => seal.b64(new Uint8Array(await blob.arrayBuffer())),
    refusal: async (act) => {
      try { await act(); return null; } catch (problem) { return [problem.code, problem.facts]; }
    },
  };
}"""


class Static(SimpleHTTPRequestHandler):
    """Serves static/ and one empty page under the strict content policy of the real site."""

    def do_GET(self):
        if self.path != "/":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>seal</title>")
        return None

    def end_headers(self):
        self.send_header("Content-Security-Policy", STRICT)
        super().end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def site():
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Static, directory=ROOT / "static"))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def page(site):
    path = which("chromium")
    if path is None:
        pytest.skip("no chromium on the path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = browser.new_page()
        problems = []
        page.on("pageerror", lambda problem: problems.append(str(problem)))
        page.goto(site)
        page.evaluate(GLUE)
        yield page
        browser.close()
        assert problems == []


def text(data):
    return b64encode(data).decode()


def pinned():
    return {org: [text(spki(identity(x)))] for x, org in enumerate(ORGS, start=1)}


def run(page, body, **given):
    """Run the body of an async function in the page; ``g`` holds what is given, ``kit`` the modules."""
    script = f"async (g) => {{ const {{ seal, bytes, text, refusal }} = window.kit; {body} }}"
    return page.evaluate(script, given)


CHECK_POLICY = """
  const known = (g) => ({ tenderer: 'buyer-1', operator: 'centre-1', controlledBy: g.controlled ?? {},
    pinned: Object.fromEntries(Object.entries(g.pinned).map(([org, keys]) => [org, keys.map(bytes)])) });
  const check = () => seal.requireSoundPolicy(bytes(g.policy), known(g));
"""

SEAL = (
    CHECK_POLICY
    + """
  const { policy, digest } = await check();
  const key = await crypto.subtle.importKey('pkcs8', bytes(g.company), 'Ed25519', false, ['sign']);
  const files = g.files.map(([name, data]) => new File([bytes(data)], name, { type: 'application/pdf' }));
  const progress = [];
  const opening = { price: '12345678.00', currency: 'CNY', period_days: 120 };
  const bid = await seal.sealParts({ policy, policyDigest: digest, lot: '1',
    bidder: { name: '日出建设', uscc: g.uscc }, parts: { price: { opening }, tech: { files } },
    signer: seal.ed25519Signer(key, bytes(g.company_public)), ownLock: g.own_lock,
    onProgress: ({ part, done }) => progress.push([part, done]) });
  const listed = async (p) => ({ part: p.part, raw: await text(p.blob), root: seal.hex(p.root), size: p.size,
    hashes: p.blockHashes.map(seal.hex), secret: seal.hex(p.secret), lock: seal.hex(p.lock) });
  return { commit: seal.b64(seal.jcs.encode(bid.commit)), progress, fingerprint: seal.fingerprint(digest),
    parts: await Promise.all(bid.parts.map(listed)) };
"""
)


def sealed_in_browser(page, policy, own_lock=False):
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return run(
        page,
        SEAL,
        policy=text(policy.encode()),
        pinned=pinned(),
        company=text(COMPANY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())),
        company_public=text(COMPANY.public_key().public_bytes_raw()),
        uscc=USCC,
        files=[[name, text(data)] for name, data in TECH.items()],
        own_lock=own_lock,
    )


def test_the_browser_has_what_sealing_needs(page):
    assert run(page, "return seal.hasPostQuantum()")


def test_home_made_hashes_agree_with_the_standard_library(page):
    messages = [
        bytes([i % 251 for i in range(size)]) for size in (0, 1, 55, 56, 63, 64, 65, 134, 135, 136, 137, 300)
    ]

    found = run(
        page,
        """
        const { sha3_256, shake256 } = await import('/js/seal/keccak.js');
        const { Sha256 } = await import('/js/seal/sha256.js');
        return g.messages.map(bytes).map((m) => [sha3_256(m), shake256(m, 300),
          new Sha256().update(m.subarray(0, 40)).update(m.subarray(40)).digest()].map(seal.hex));
        """,
        messages=[text(m) for m in messages],
    )

    assert found == [
        [hashlib.sha3_256(m).hexdigest(), hashlib.shake_256(m).hexdigest(300), hashlib.sha256(m).hexdigest()]
        for m in messages
    ]


def test_large_files_are_hashed_in_pieces_with_the_same_result(page):
    found = run(
        page,
        """
        const { sha256OfBlob } = await import('/js/seal/sha256.js');
        const blob = new Blob([new Uint8Array(3_000_001).fill(7)]);
        return [await sha256OfBlob(blob), await sha256OfBlob(blob, 0)].map(seal.hex);
        """,
    )

    assert found == [hashlib.sha256(b"\7" * 3_000_001).hexdigest()] * 2


def test_shares_agree_with_the_reference(page):
    vector = own_vectors("shamir-gf256.json")

    shares = run(
        page,
        """
        const { split, interpolate } = await import('/js/seal/shamir.js');
        const coefficients = g.vector.coefficients_c1_c2.map((c) => seal.unhex(c));
        const entropy = () => coefficients.shift();
        const shares = split(seal.unhex(g.vector.secret), { t: 3, n: 5, entropy });
        const some = new Map([2, 4, 5].map((x) => [x, shares.get(x)]));
        return { secret: seal.hex(interpolate(some)), first: seal.hex(interpolate(some, 1)),
          shares: Object.fromEntries([...shares].map(([x, share]) => [x, seal.hex(share)])) };
        """,
        vector=vector,
    )

    assert shares == {"secret": vector["secret"], "first": vector["shares"]["1"], "shares": vector["shares"]}


@pytest.mark.parametrize("name", ["empty", "short", "two-chunks"])
def test_reference_containers_open_in_the_browser(page, name):
    vector = {case["name"]: case for case in own_vectors("container-open.json")}[name]

    found = run(
        page,
        """
        const blob = new Blob([bytes(g.raw)]);
        const header = await seal.readHeader(blob);
        const shares = new Map();
        for (const [i, seed] of g.seeds.entries()) {
          shares.set(i + 1, await seal.unwrapShare(header, i + 1, seal.unhex(seed), seal.unhex(g.policy)));
        }
        const secret = await seal.recoverSecret(header, shares);
        const { plain, root } = await seal.openWithSecret(blob, secret, { root: seal.unhex(g.root) });
        return { shares: Object.fromEntries([...shares].map(([x, share]) => [x, seal.hex(share)])),
          secret: seal.hex(secret), root: seal.hex(root), plain: await text(plain) };
        """,
        raw=text(shared_vectors("own", vector["file"]).read_bytes()),
        seeds=vector["custodian_seeds"],
        policy=vector["policy"],
        root=vector["root"],
    )

    plain = b64decode(found.pop("plain"))
    assert hashlib.sha256(plain).hexdigest() == vector["plaintext_sha256"]
    assert found == {"shares": vector["shares"], "secret": vector["S"], "root": vector["root"]}


@pytest.mark.parametrize("suite", sorted(SUITES))
def test_custodian_keys_and_envelopes_cross_over(page, suite):
    seed, keys = custodian_seed(1), suite_named(suite)

    found = run(
        page,
        """
        const suite = seal.suiteNamed(g.suite);
        const publicKey = await suite.publicKey(bytes(g.seed));
        return { publicKey: seal.b64(publicKey),
          envelope: seal.b64(await suite.wrap(publicKey, bytes(g.info), bytes(g.share))),
          share: seal.b64(await suite.unwrap(bytes(g.seed), bytes(g.info), bytes(g.envelope))),
          elsewhere: await refusal(() => suite.unwrap(bytes(g.seed), bytes(g.share), bytes(g.envelope))),
          noKey: await refusal(() => suite.wrap(publicKey.slice(1), bytes(g.info), bytes(g.share))) };
        """,
        suite=suite,
        seed=text(seed),
        info=text(b"info"),
        share=text(b"s" * 32),
        envelope=text(keys.wrap(keys.public_key(seed), b"info", b"s" * 32)),
    )

    assert b64decode(found["publicKey"]) == keys.public_key(seed)
    assert keys.unwrap(seed, b"info", b64decode(found["envelope"])) == b"s" * 32
    assert b64decode(found["share"]) == b"s" * 32
    assert (found["elsewhere"][0], found["noKey"][0]) == ("envelope_unreadable", "public_key")


@pytest.mark.parametrize(("suite", "own_lock"), [("intl-1", False), ("intl-1", True), ("intl-0", False)])
def test_what_the_browser_seals_python_opens(page, suite, own_lock):
    policy = a_policy(suite=suite, lock="optional")

    made = sealed_in_browser(page, policy, own_lock)

    assert made["fingerprint"] == fingerprint(policy.digest)
    commit = jcs.decode(b64decode(made["commit"]))
    verify(
        SignatureObject.from_json(commit["sig"]),
        "bid-commit",
        commit["body"],
        ed25519_spki(unb64(commit["body"]["bk"])),
    )
    trust = Trust(OPENING, pinned={USCC: (spki(COMPANY),)})
    for part, listed in zip(made["parts"], commit["body"]["parts"], strict=True):
        raw, plain = b64decode(part["raw"]), io.BytesIO()
        header = container.parse_header(raw)
        container.require_header(
            header, policy=policy, part=part["part"], bid=bytes.fromhex(commit["body"]["bid"])
        )
        shares = {x: container.unwrap_share(header, x, custodian_seed(x), policy.digest) for x in (1, 3, 5)}
        opened = container.open_container(
            io.BytesIO(raw), plain, shares, lock=bytes.fromhex(part["lock"]), policy=policy, size=part["size"]
        )
        assert interpolate(shares).hex() == part["secret"]
        assert [h.hex() for h in opened.block_hashes] == part["hashes"]
        assert opened.root.hex() == part["root"]
        assert listed == {
            "part": part["part"],
            "root": opened.root.hex(),
            "size": len(raw),
            "blocks": len(opened.block_hashes),
        }
        found, bundled = unpack(plain)
        bundle.require_own_manifest(bundled, header, trust=trust)
        assert bundled.manifest.bk == unb64(commit["body"]["bk"])
        if part["part"] == "tech":
            assert found == TECH
        else:
            assert bundled.manifest.opening["price"] == "12345678.00"
    done = [bytes_done for part, bytes_done in made["progress"] if part == "tech"]
    assert done == sorted(done)
    assert done[-1] == sum(map(len, TECH.values()))


def unpack(plain):
    found = {}
    plain.seek(0)
    bundled = bundle.read(plain, lambda _, entry: found.setdefault(entry.name, io.BytesIO()), size_max=10**8)
    return {name: stream.getvalue() for name, stream in found.items()}, bundled


@pytest.mark.parametrize("own_lock", [False, True])
def test_what_python_seals_the_browser_opens(page, own_lock):
    policy, out = a_policy(lock="optional"), io.BytesIO()
    files = [
        (bundle.describe(name, "application/pdf", io.BytesIO(data)), lambda data=data: io.BytesIO(data))
        for name, data in TECH.items()
    ]
    content = bundle.BidPart("tech", "1", bytes(32), b"n" * 32, "日出建设", USCC, {"price": "1.00"}, files)
    sealed = bundle.seal_part(
        content,
        out,
        policy=policy,
        bid=BID,
        entropy=entropy(),
        signer=lambda body: sign("bid-manifest", body, COMPANY),
        own_lock=own_lock,
    )

    found = run(
        page,
        """
        const blob = new Blob([bytes(g.raw)]);
        const header = await seal.readHeader(blob);
        const shares = new Map();
        for (const [x, seed] of Object.entries(g.seeds)) {
          shares.set(Number(x), await seal.unwrapShare(header, Number(x), bytes(seed), bytes(g.policy)));
        }
        const secret = await seal.recoverSecret(header, shares);
        const { plain, root } = await seal.openWithSecret(blob, secret, { lock: bytes(g.lock) });
        const { manifest, signature, files } = await seal.readBundle(plain);
        await seal.verify(signature, 'bid-manifest', manifest, bytes(g.company));
        manifest.opening.price = '2.00';
        return { root: seal.hex(root), names: manifest.files.map((file) => file.name),
          files: await Promise.all(files.map(text)),
          hb: manifest.hb === seal.hex(await seal.headerHash(header)),
          altered: await refusal(() => seal.verify(signature, 'bid-manifest', manifest, bytes(g.company))),
          unlocked: await refusal(() => seal.openWithSecret(blob, secret)) };
        """,
        raw=text(out.getvalue()),
        seeds={str(x): text(custodian_seed(x)) for x in (2, 3, 4)},
        policy=text(policy.digest),
        lock=text(sealed.lock),
        company=text(spki(COMPANY)),
    )

    assert found["root"] == sealed.root.hex()
    assert dict(zip(found["names"], map(b64decode, found["files"]), strict=True)) == TECH
    assert found["hb"] is True
    assert found["altered"][0] == "bad_signature"
    assert found["unlocked"] == (["lock_missing", {}] if own_lock else None)


def test_the_browser_refuses_what_python_refuses(page):
    raw, sealed = a_container(b"x" * (container.CHUNK_BYTES + 5))
    start = len(sealed.header.raw)
    shares = {
        str(x): text(container.unwrap_share(sealed.header, x, custodian_seed(x), a_policy().digest))
        for x in (1, 2, 3)
    }

    def flipped(place):
        altered = bytearray(raw)
        altered[place] ^= 1
        return bytes(altered)

    edits = {
        "whole": raw,
        "first chunk": flipped(start + 9),
        "second chunk": flipped(len(raw) - 1),
        "byte less": raw[:-1],
        "byte more": raw + b"\0",
        "chunk less": raw[: start + container.CHUNK_BYTES + 16],
        "header only": raw[:start],
        "magic": flipped(0),
        "length": raw[:8] + b"\xff" + raw[9:],
        "tender": raw.replace(b'"tender":"T-1"', b'"tender":"T-2"', 1),
        "spelling": raw.replace(b'"t":3', b'"t":03', 1),
        "threshold": raw.replace(b'"t":3', b'"t":6', 1),
        "version": raw.replace(b'"v":1', b'"v":2', 1),
        "suite": raw.replace(b'"suite":"intl-1"', b'"suite":"intl-9"', 1),
    }
    found = run(
        page,
        """
        const out = {};
        for (const [name, data] of Object.entries(g.edits)) {
          out[name] = await refusal(() => seal.openWithSecret(new Blob([bytes(data)]), seal.unhex(g.secret)));
        }
        const header = await seal.readHeader(new Blob([bytes(g.edits.whole)]));
        const shares = new Map(Object.entries(g.shares).map(([x, share]) => [Number(x), bytes(share)]));
        const recover = (change) => refusal(() => seal.recoverSecret(header, change(new Map(shares))));
        out.good = await recover((all) => all);
        out.lie = await recover((all) => all.set(2, new Uint8Array(32)));
        out.few = await recover((all) => { all.delete(2); return all; });
        const [whole, zeros] = [new Blob([bytes(g.edits.whole)]), new Uint8Array(32)];
        out.root = await refusal(() => seal.openWithSecret(whole, seal.unhex(g.secret), { root: zeros }));
        out.secret = await refusal(() => seal.openWithSecret(whole, zeros));
        return Object.fromEntries(Object.entries(out).map(([name, no]) => [name, no && no[0]]));
        """,
        edits={name: text(data) for name, data in edits.items()},
        secret=sealed.secret.hex(),
        shares=shares,
    )

    assert found == {
        "whole": None,
        "first chunk": "header_or_first_chunk_altered",
        "second chunk": "chunk_altered",
        "byte less": "chunk_altered",
        "byte more": "chunk_altered",
        "chunk less": "container_truncated",
        "header only": "container_truncated",
        "magic": "header_magic",
        "length": "header_length",
        "tender": "header_or_first_chunk_altered",
        "spelling": "json_syntax",
        "threshold": "header_threshold",
        "version": "header_format",
        "suite": "suite_unknown",
        "good": None,
        "lie": "share_void",
        "few": "too_few_shares",
        "root": "root_mismatch",
        "secret": "secret_mismatch",
    }
    for name, data in edits.items():
        if name != "whole":
            with pytest.raises(SealError):
                container.open_with_secret(io.BytesIO(data), io.BytesIO(), sealed.secret)


def test_bytes_after_a_whole_final_chunk_are_refused_in_the_browser(page):
    raw, sealed = a_container(b"x" * container.CHUNK_BYTES)

    found = run(
        page,
        """
        const blob = new Blob([bytes(g.raw), new Uint8Array(1)]);
        return refusal(() => seal.openWithSecret(blob, seal.unhex(g.secret)));
        """,
        raw=text(raw),
        secret=sealed.secret.hex(),
    )

    assert found == ["container_extended", {"index": 0}]


def test_canonical_json_is_the_same_on_both_sides(page):
    good = {"b": ['阳光路\u20ac\x0f\n\x7f"\\/', 2**53 - 1, True, {}], "a_1": {"z": [], "a": -1}}
    bad = [
        b'{"a": 1}',
        b'{"a":1,"a":1}',
        b"1.5",
        b"null",
        b'{"A":1}',
        b"9007199254740992",
        b'"\\ud800"',
        b"{",
        b"\xff",
    ]

    found = run(
        page,
        """
        const refusals = [];
        for (const data of g.bad) refusals.push((await refusal(() => seal.jcs.decode(bytes(data)))) !== null);
        return { same: seal.b64(seal.jcs.encode(seal.jcs.decode(bytes(g.good)))), refusals };
        """,
        good=text(jcs.encode(good)),
        bad=[text(data) for data in bad],
    )

    assert b64decode(found["same"]) == jcs.encode(good)
    assert found["refusals"] == [True] * len(bad)
    for data in bad:
        with pytest.raises(SealError):
            jcs.decode(data)


@pytest.mark.parametrize(
    ("policy", "controlled", "code"),
    [
        (a_policy(), {}, None),
        (a_policy(t=2, n=3), {}, "policy_sp1"),
        (a_policy(), {"guild-1": ["holding"], "holding": ["buyer-1"]}, "policy_sp1"),
        (a_policy(t=1), {}, "policy_threshold"),
        (a_policy(tender="T-2"), {}, "policy_key_unsigned"),
        (a_policy(custodians=a_policy().custodians[::-1]), {}, "policy_custodians"),
        (a_policy(lock="always"), {}, "policy_lock"),
        (a_policy(opening=OPENING - timedelta(days=1)), {}, "policy_times"),
    ],
    ids=["sound", "two of three", "controlled", "threshold", "another tender", "order", "lock", "times"],
)
def test_the_browser_judges_policies_like_python(page, policy, controlled, code):
    found = run(
        page,
        CHECK_POLICY + "return refusal(check);",
        policy=text(policy.encode()),
        pinned=pinned(),
        controlled=controlled,
    )

    assert (found and found[0]) == code


@pytest.mark.parametrize(
    "edit", [{"v": 2}, {"x": 1}, {"t": "3"}, {"opening": 1}, {"custodians": [{}]}], ids=str
)
def test_a_policy_out_of_form_is_refused_in_the_browser(page, edit):
    found = run(
        page,
        CHECK_POLICY + "return refusal(check);",
        policy=text(jcs.encode(a_policy().to_json() | edit)),
        pinned=pinned(),
    )

    assert found[0] == "policy_format"


def test_a_custodian_key_swapped_by_the_server_is_refused_in_the_browser(page):
    swapped = text(a_policy().custodians[0].pk).encode()
    other = text(suite_named("intl-1").public_key(custodian_seed(99))).encode()

    found = run(
        page,
        CHECK_POLICY + "return refusal(check);",
        policy=text(a_policy().encode().replace(swapped, other)),
        pinned=pinned(),
    )

    assert found == ["policy_key_unsigned", {"x": 1, "why": "bad_signature"}]


def test_the_browser_seals_nothing_that_the_opening_would_refuse(page):
    found = run(
        page,
        """
        const entry = await seal.describe(new File(['x'], 'a\\u202egpj.exe\\n', { type: 'Not A Type' }));
        const good = { tender: 'T-1', lot: '1', part: 'tech', bidder: { name: '日出　建设', uscc: 'X' },
          opening: { price: '1.00' }, files: [entry] };
        const judge = (change) => refusal(async () => seal.requireManifest({ ...good, ...change }));
        const judged = [];
        for (const change of [{}, { lot: '' }, { opening: { price: '1e9' } }, { opening: { price: 1 } },
          { bidder: { name: 'a\\nb', uscc: 'X' } }, { files: Array(1001).fill(entry) }]) {
          judged.push((await judge(change))?.[0] ?? null);
        }
        return { judged, entry };
        """,
    )

    assert found["judged"] == [None] + ["manifest_format"] * 5
    assert found["entry"]["name"] == "a_gpj.exe_"
    assert bundle.FileEntry.from_json(found["entry"]).media == "application/octet-stream"


def test_a_browser_without_ml_kem_says_what_to_do(page):
    found = run(
        page,
        """
        const real = crypto.subtle.importKey;
        SubtleCrypto.prototype.importKey = function (format, ...rest) {
          if (String(rest[1]).startsWith('ML-KEM')) throw new DOMException('', 'NotSupportedError');
          return real.call(this, format, ...rest);
        };
        try {
          const suite = seal.suiteNamed('intl-1');
          return await refusal(() => suite.wrap(new Uint8Array(1216), new Uint8Array(1), new Uint8Array(32)));
        } finally {
          SubtleCrypto.prototype.importKey = real;
        }
        """,
    )

    assert found == ["browser_without_ml_kem", {}]
    assert run(page, "return seal.hasPostQuantum()")


def test_the_word_that_a_bid_makes_room_is_the_same_on_both_sides(page):
    commit = {"v": 1, "tender": "T", "lot": "1", "bid": "1" * 32, "replaces": "0" * 32, "bk": "", "parts": []}
    seed = identity(51).private_bytes_raw()

    made = run(
        page,
        """
        const sign = await seal.seedSigner(bytes(g.seed));
        const own = await seal.replacement(g.commit);
        return { own, sig: await sign("bid-replace", own), lost: await seal.replacement(g.commit, "A"),
          gone: seal.withdrawal("0", 3), lostGone: seal.withdrawal("0", 3, "A") };
        """,
        commit=commit,
        seed=text(seed),
    )

    older = {
        "tender": "T",
        "lot": "1",
        "bid": "0" * 32,
        "bk": text(identity(51).public_key().public_bytes_raw()),
    }
    said = {"body": made["own"], "sig": made["sig"]}
    trust = Trust(at=a_policy().deadline)
    assert signoff.require_replacement(said, older=older, newer=commit, trust=trust) == ""
    assert made["lost"] == signoff.replacement(commit, lost_by="A")
    assert made["gone"] == signoff.withdrawal("0", 3)
    assert made["lostGone"] == signoff.withdrawal("0", 3, lost_by="A")
