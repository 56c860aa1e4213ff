"""HPKE with MLKEM768-X25519 (0x647a) against the draft's vectors, through our key layout."""

import json

import pytest
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives import hpke

from sealbid.suites import International1, suite_named
from tests.sealing_kit import shared_vectors

KDFS = {1: hpke.KDF.HKDF_SHA256, 17: hpke.KDF.SHAKE256}


def cases():
    found = json.loads(shared_vectors("hpke-pq", "test-vectors.json").read_text())
    return [case for case in found if case["kem_id"] == 0x647A]


def test_both_published_cases_are_present():
    assert sorted(case["kdf_id"] for case in cases()) == [1, 17]


@pytest.mark.parametrize("kdf", [1, 17])
def test_the_first_message_of_each_case_opens(kdf):
    case = next(case for case in cases() if case["kdf_id"] == kdf)
    seed, first = bytes.fromhex(case["skRm"]), case["encryptions"][0]
    suite = hpke.Suite(hpke.KEM.MLKEM768_X25519, KDFS[kdf], hpke.AEAD.CHACHA20_POLY1305)
    key = hpke.MLKEM768X25519PrivateKey(*International1._halves(seed))

    plain = openssl.hpke._decrypt_with_aad(
        suite,
        bytes.fromhex(case["enc"] + first["ct"]),
        key,
        bytes.fromhex(case["info"]),
        bytes.fromhex(first["aad"]),
    )

    assert plain.hex() == first["pt"]


@pytest.mark.parametrize("kdf", [1, 17])
def test_a_seed_gives_the_published_public_key(kdf):
    case = next(case for case in cases() if case["kdf_id"] == kdf)

    assert suite_named("intl-1").public_key(bytes.fromhex(case["skRm"])).hex() == case["pkRm"]
