"""Keys of people: registering, signing, revoking; passkeys end to end with a software authenticator."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from flask.testing import FlaskClient
from webauthn.helpers import encode_cbor

from kernel.errors import NotAllowed, NotSignedIn, NotValid
from kernel.identity import actions, signing
from kernel.identity.models import PersonKey
from kernel.rights import ANONYMOUS, Role
from sealbid import signatures
from tests.support.house import House

BODY = {"lot": "A-1", "score": "87.50"}


def url64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


class Authenticator:
    """A passkey in software: what a phone does, as the standard describes it (W3C WebAuthn §6)."""

    def __init__(self, origin: str, rp_id: str = "localhost") -> None:
        self.origin, self.rp_id = origin, rp_id
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = hashlib.sha256(b"credential").digest()
        self.count = 0

    def _data(self, flags: int) -> bytes:
        self.count += 1
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str) -> bytes:
        told = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(told).encode()

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        point = self.key.public_key().public_numbers()
        cose = encode_cbor(
            {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        )
        size = len(self.credential_id).to_bytes(2, "big")
        data = self._data(0x45) + bytes(16) + size + self.credential_id + cose
        attestation = encode_cbor({"fmt": "none", "attStmt": {}, "authData": data})
        response = {
            "attestationObject": url64(attestation),
            "clientDataJSON": url64(self._client("webauthn.create", options["challenge"])),
            "transports": ["internal", "nonsense"],
        }
        return self._credential(response)

    def get(self, challenge: str) -> dict[str, Any]:
        data, client = self._data(0x05), self._client("webauthn.get", challenge)
        signed = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "authenticatorData": url64(data),
            "clientDataJSON": url64(client),
            "signature": url64(signed),
            "userHandle": None,
        }
        return self._credential(response)

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        name = url64(self.credential_id)
        return {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
        }


def register(client: FlaskClient, device: Authenticator) -> str:
    options = client.post("/account/keys/options").get_json()
    answer = client.post("/account/keys?name=Phone", json=device.create(options))
    assert answer.status_code == 200, answer.text
    kid: str = answer.get_json()["kid"]
    return kid


def test_a_living_key_signs_and_what_it_signed_is_what_counts(house: House) -> None:
    person, other = house.person(Role.EXPERT), house.person(Role.EXPERT)
    signature = house.sign(person, "score-sheet", BODY)
    with house.read() as session:
        accept = lambda who, body: signing.require_signature(  # noqa: E731
            session, house.settings, who, signature, "score-sheet", body
        )
        assert accept(person.id, BODY) == signature
        for who, body, code in (
            (person.id, BODY | {"score": "99.00"}, "signature_wrong"),
            (other.id, BODY, "signature_unknown_key"),
            (None, BODY, "signature_missing"),
        ):
            with pytest.raises(NotValid) as no:
                accept(who, body)
            assert no.value.code == code


def test_a_revoked_key_signs_no_more_but_its_old_signatures_can_be_checked(house: House) -> None:
    person = house.person(Role.EXPERT)
    signature = house.sign(person, "score-sheet", BODY)
    with house.begin(house.actor(person)) as work:
        key = work.one(sa.select(PersonKey))
        actions.revoke_key(work, key.id)
    with house.read() as session:
        with pytest.raises(NotValid):
            signing.require_signature(session, house.settings, person.id, signature, "score-sheet", BODY)
        spki = signing.spki_of(session, signature["kid"])
    assert spki is not None
    signatures.verify(signatures.SignatureObject.from_json(signature), "score-sheet", BODY, spki)


def test_nobody_registers_a_key_for_somebody_else(house: House) -> None:
    person, thief = house.person(Role.EXPERT), house.person(Role.BIDDER)
    spki = signatures.spki(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(NotAllowed), house.begin(house.actor(thief)) as work:
        actions.register_key(work, person.id, spki=spki, name="stolen")
    with pytest.raises(NotSignedIn), house.begin(ANONYMOUS) as work:
        actions.register_key(work, person.id, spki=spki, name="stolen")


def test_a_passkey_is_registered_signs_in_and_signs_a_document(house: House) -> None:
    person = house.person(Role.EXPERT)
    client, device = house.client(person), Authenticator(house.settings.base_url)
    kid = register(client, device)

    visitor = house.client()
    options = visitor.post("/sign-in/passkey/options").get_json()
    answer = device.get(options["challenge"])
    assert visitor.post("/sign-in/passkey?next=/account/keys", json=answer).get_json() == {
        "next": "/account/keys"
    }
    assert "Phone" in visitor.get("/account/keys").text
    assert house.client().post("/sign-in/passkey", json=answer).status_code == 422, "an answer works once"

    with house.read() as session:
        wanted = signing.sign_request(session, house.settings, person.id, "score-sheet", BODY)
        assert [key["kid"] for key in wanted["keys"]] == [kid]
        made = device.get(url64(b64decode(wanted["challenge"])))["response"]
        again = {name: b64encode(_from64(made[name])).decode() for name in made if made[name]}
        signature = {
            "alg": "webauthn",
            "kid": kid,
            "sig": again["signature"],
            "authenticator_data": again["authenticatorData"],
            "client_data_json": again["clientDataJSON"],
        }
        assert (
            signing.require_signature(session, house.settings, person.id, signature, "score-sheet", BODY)
            == signature
        )
        with pytest.raises(NotValid):
            signing.require_signature(
                session, house.settings, person.id, signature, "score-sheet", BODY | {"score": "1.00"}
            )


def _from64(text: str) -> bytes:
    from webauthn.helpers import base64url_to_bytes

    return base64url_to_bytes(text)


def test_a_passkey_asked_by_another_site_opens_nothing(house: House) -> None:
    client, device = house.client(house.person(Role.EXPERT)), Authenticator(house.settings.base_url)
    register(client, device)
    device.origin = "https://evil.example"
    visitor = house.client()
    challenge = visitor.post("/sign-in/passkey/options").get_json()["challenge"]
    answer = visitor.post(
        "/sign-in/passkey", json=device.get(challenge), headers={"Accept": "application/json"}
    )
    assert (answer.status_code, answer.get_json()["code"]) == (422, "passkey_wrong")


def test_an_unknown_passkey_and_an_invented_challenge_are_refused(house: House) -> None:
    device, visitor = Authenticator(house.settings.base_url), house.client()
    challenge = visitor.post("/sign-in/passkey/options").get_json()["challenge"]
    quiet = {"Accept": "application/json"}
    assert visitor.post("/sign-in/passkey", json=device.get(challenge), headers=quiet).status_code == 401
    invented = visitor.post("/sign-in/passkey", json=device.get(url64(bytes(32))), headers=quiet)
    assert (invented.status_code, invented.get_json()["code"]) == (422, "challenge_unknown")
    broken = visitor.post("/sign-in/passkey", json={"response": {"clientDataJSON": "@@"}}, headers=quiet)
    assert broken.status_code == 422


def test_a_browser_key_is_registered_and_signs(house: House) -> None:
    person, key = house.person(Role.BIDDER), ec.generate_private_key(ec.SECP256R1())
    client = house.client(person)
    spki = b64encode(signatures.spki(key)).decode()
    kid = client.post("/account/keys/browser", json={"name": "desk", "spki": spki}).get_json()["kid"]
    signature = signatures.sign("score-sheet", BODY, key).to_json()
    assert signature["kid"] == kid
    with house.read() as session:
        signing.require_signature(session, house.settings, person.id, signature, "score-sheet", BODY)
    again = client.post("/account/keys/browser", json={"name": "desk", "spki": spki})
    assert again.status_code == 422
    page = client.get("/account/keys").text
    key_id = re.search(r"/account/keys/([0-9a-f-]{36})/revoke", page)
    assert key_id is not None
    assert client.post(f"/account/keys/{key_id[1]}/revoke").status_code == 303
    assert kid not in client.get("/account/keys").text


def test_the_public_log_never_names_the_person(house: House) -> None:
    person = house.person(Role.EXPERT, name="独一无二")
    actor = house.actor(person)
    assert re.fullmatch(r"person:[0-9a-f]{16}", actor.kid)
    house.key(person)
    with house.read() as session:
        from kernel.ledger.models import LogRecord

        stored = b"".join(row.jcs for row in session.query(LogRecord))
    assert "独一无二".encode() not in stored
    assert person.email.encode() not in stored
