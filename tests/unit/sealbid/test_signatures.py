"""A signature covers one document of one type by one key."""

import hashlib
import json
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from sealbid import jcs
from sealbid.errors import SealError
from sealbid.signatures import (
    Algorithm,
    RelyingParty,
    SignatureObject,
    Trust,
    certified_key,
    challenge,
    ed25519_spki,
    kid_of,
    message,
    sign,
    spki,
    verify,
)

NOW = datetime(2027, 1, 1, tzinfo=UTC)
BODY = {"bid": "00", "price": "1.00"}
KEYS = {
    Algorithm.ED25519: ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)),
    Algorithm.ES256: ec.derive_private_key(7, ec.SECP256R1()),
    Algorithm.RSA_PSS_256: rsa.generate_private_key(65537, 2048),
}
SITE = RelyingParty("trade.example", frozenset({"https://trade.example"}))


def refusal_of(act, *args, **kwargs):
    with pytest.raises(SealError) as refusal:
        act(*args, **kwargs)
    return refusal.value.code


@pytest.fixture(params=KEYS)
def key(request):
    return KEYS[request.param]


def test_the_message_is_label_type_and_canonical_body():
    assert message("bid-commit", {"a": 1}) == b'sealbid/1 sign\0bid-commit\0{"a":1}'
    assert refusal_of(message, "bid\0commit", {}) == "label_zero"


def test_a_signature_holds_and_survives_json(key):
    signature = sign("award", BODY, key)
    again = SignatureObject.from_json(jcs.decode(jcs.encode(signature.to_json())))

    verify(again, "award", BODY, spki(key))

    assert again == signature
    assert KEYS[signature.alg] is key
    assert signature.kid == kid_of(spki(key))


def test_a_signature_fits_nothing_else(key):
    signature = sign("award", BODY, key)
    other = ed25519.Ed25519PrivateKey.from_private_bytes(b"o" * 32)
    flipped = replace(signature, sig=signature.sig[:-1] + bytes([signature.sig[-1] ^ 1]))

    assert refusal_of(verify, signature, "award", BODY | {"price": "2.00"}, spki(key)) == "bad_signature"
    assert refusal_of(verify, signature, "report", BODY, spki(key)) == "bad_signature"
    assert refusal_of(verify, flipped, "award", BODY, spki(key)) == "bad_signature"
    assert refusal_of(verify, replace(signature, sig=b""), "award", BODY, spki(key)) == "bad_signature"
    assert refusal_of(verify, signature, "award", BODY, spki(other)) == "signature_key"


@pytest.mark.parametrize("alg", [Algorithm.SM2, Algorithm.ES256, Algorithm.RSA_PSS_256])
def test_an_algorithm_that_does_not_fit_the_key_is_refused(alg):
    key = KEYS[Algorithm.ED25519]
    signature = replace(sign("award", BODY, key), alg=alg)

    assert refusal_of(verify, signature, "award", BODY, spki(key)) == "signature_algorithm"


def test_weak_or_foreign_keys_are_not_admitted():
    weak = rsa.generate_private_key(65537, 1024)
    foreign = ec.derive_private_key(7, ec.SECP384R1())

    for key in (weak, foreign):
        assert refusal_of(sign, "award", BODY, key) == "public_key"
    assert refusal_of(ed25519_spki, bytes(31)) == "public_key"
    raw = KEYS[Algorithm.ED25519].public_key().public_bytes_raw()
    assert ed25519_spki(raw) == spki(KEYS[Algorithm.ED25519])


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "none"},
        {"kid": "00"},
        {"kid": "G" * 16},
        {"sig": "AA"},
        {"sig": 1},
        {"chain": []},
        {"chain": "AA=="},
        {"chain": ["AA=="] * 7},
        {"extra": 1},
        {"alg": "webauthn"},
    ],
    ids=str,
)
def test_a_signature_object_out_of_form_is_refused(change):
    found = sign("award", BODY, KEYS[Algorithm.ED25519]).to_json()

    assert refusal_of(SignatureObject.from_json, found | change) == "signature_format"
    assert refusal_of(SignatureObject.from_json, [found]) == "signature_format"


# Passkeys


def assertion(key, *, kind="score-sheet", body=BODY, flags=0x05, rp="trade.example", **client):
    """What an authenticator and a browser would answer."""
    spelled = urlsafe_b64encode(challenge(kind, body)).rstrip(b"=").decode()
    said = {"type": "webauthn.get", "challenge": spelled, "origin": "https://trade.example"} | client
    data = json.dumps(said).encode()
    authenticator = hashlib.sha256(rp.encode()).digest() + bytes([flags]) + bytes(4)
    signed = authenticator + hashlib.sha256(data).digest()
    if isinstance(key, ed25519.Ed25519PrivateKey):
        sig = key.sign(signed)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        sig = key.sign(signed, ec.ECDSA(hashes.SHA256()))
    else:
        sig = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return SignatureObject(
        Algorithm.WEBAUTHN, kid_of(spki(key)), sig, authenticator_data=authenticator, client_data_json=data
    )


def test_a_passkey_signs_a_document(key):
    signature = SignatureObject.from_json(assertion(key).to_json())

    verify(signature, "score-sheet", BODY, spki(key), relying_party=SITE)

    altered = BODY | {"price": "2.00"}
    assert refusal_of(verify, signature, "score-sheet", altered, spki(key), relying_party=SITE) == (
        "bad_signature"
    )
    assert refusal_of(verify, signature, "score-sheet", BODY, spki(key)) == "signature_origin"


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"flags": 0x04}, "signature_origin"),
        ({"flags": 0x01}, "signature_origin"),
        ({"rp": "evil.example"}, "signature_origin"),
        ({"origin": "https://evil.example"}, "signature_origin"),
        ({"crossOrigin": True}, "signature_origin"),
        ({"type": "webauthn.create"}, "signature_format"),
        ({"challenge": "AAAA"}, "bad_signature"),
        ({"kind": "award"}, "bad_signature"),
    ],
    ids=str,
)
def test_a_passkey_used_elsewhere_or_otherwise_is_refused(terms, code):
    key = KEYS[Algorithm.ES256]

    signature = assertion(key, **terms)

    assert refusal_of(verify, signature, "score-sheet", BODY, spki(key), relying_party=SITE) == code


def test_a_passkeys_altered_bytes_are_refused():
    key = KEYS[Algorithm.ES256]
    good = assertion(key)

    for broken, code in [
        (replace(good, client_data_json=good.client_data_json + b" "), "bad_signature"),
        (replace(good, client_data_json=b"{"), "signature_format"),
        (replace(good, authenticator_data=good.authenticator_data[:-1] + b"\1"), "bad_signature"),
        (replace(good, authenticator_data=b""), "signature_origin"),
        (replace(good, sig=b""), "bad_signature"),
    ]:
        assert refusal_of(verify, broken, "score-sheet", BODY, spki(key), relying_party=SITE) == code


# Certificates


def certificate(subject, key, issuer, issuer_key, *, ca=False, path_length=None, days=365):
    def name(text):
        return x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, text)])

    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(1000)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
        .sign(issuer_key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )


ROOT_KEY, MIDDLE_KEY, LEAF_KEY = (ec.derive_private_key(number, ec.SECP256R1()) for number in (11, 12, 13))


def chain_of(**middle):
    root = certificate("root", ROOT_KEY, "root", ROOT_KEY, ca=True)
    between = certificate("middle", MIDDLE_KEY, "root", ROOT_KEY, **({"ca": True} | middle))
    leaf = certificate("91310000X", LEAF_KEY, "middle", MIDDLE_KEY)
    return (leaf, between), (root,)


def test_a_chain_to_a_pinned_root_ties_a_signature_to_its_organization():
    chain, roots = chain_of()
    signature = sign("bid-manifest", BODY, LEAF_KEY, chain=chain)
    trust = Trust(NOW, roots=roots)

    trust.require_signed(signature, "bid-manifest", BODY, by="91310000X")

    assert certified_key(chain, roots, NOW).public_key == spki(LEAF_KEY)
    assert refusal_of(trust.require_signed, signature, "bid-manifest", BODY, by="91310000Y") == (
        "signer_unknown"
    )
    assert refusal_of(trust.require_signed, signature, "award", BODY, by="91310000X") == "bad_signature"


@pytest.mark.parametrize(
    "break_it",
    [
        lambda chain, roots: ((), roots),
        lambda chain, roots: (chain, ()),
        lambda chain, roots: ((b"junk",), roots),
        lambda chain, roots: (chain[:1], roots),
        lambda chain, roots: (chain[::-1], roots),
        lambda chain, roots: (chain_of(ca=False)[0], roots),
        lambda chain, roots: (chain_of(days=-0.5)[0], roots),
        lambda chain, roots: (
            (certificate("91310000X", LEAF_KEY, "middle", LEAF_KEY), chain[1]),
            roots,
        ),
        lambda chain, roots: (chain, (certificate("root", LEAF_KEY, "root", LEAF_KEY, ca=True),)),
        lambda chain, roots: (
            chain,
            (certificate("root", ROOT_KEY, "root", ROOT_KEY, ca=True, path_length=0),),
        ),
    ],
    ids=[
        "no chain",
        "no root",
        "junk",
        "gap",
        "backwards",
        "issuer is no authority",
        "expired issuer",
        "forged leaf",
        "another root of the same name",
        "path too long for the root",
    ],
)
def test_a_broken_chain_is_refused(break_it):
    chain, roots = break_it(*chain_of())

    assert refusal_of(certified_key, chain, roots, NOW) == "certificate_chain"


def test_a_chain_has_its_time():
    chain, roots = chain_of()

    assert refusal_of(certified_key, chain, roots, NOW - timedelta(days=2)) == "certificate_chain"
    assert refusal_of(certified_key, chain, roots, NOW + timedelta(days=400)) == "certificate_chain"


def test_a_pinned_key_needs_no_certificate():
    key = KEYS[Algorithm.ED25519]
    signature = sign("custodian-key", BODY, key)
    trust = Trust(NOW, pinned={"notary-1": (spki(LEAF_KEY), spki(key))})

    trust.require_signed(signature, "custodian-key", BODY, by="notary-1")

    assert (
        refusal_of(trust.require_signed, signature, "custodian-key", BODY, by="notary-2") == "signer_unknown"
    )
