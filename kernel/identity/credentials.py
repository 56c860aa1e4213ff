"""Proving who one is: passwords with a lock against guessing, time codes, recovery codes, lost passwords."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from uuid import UUID

import pyotp
import sqlalchemy as sa
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from itsdangerous import BadSignature, URLSafeSerializer

from kernel.errors import NotNow, NotSignedIn, NotValid, TooMany
from kernel.facts import rfc3339
from kernel.identity import passwords
from kernel.identity.facts import PersonChanged
from kernel.identity.models import Credential, Person, RecoveryCode
from kernel.platform import Platform
from kernel.rights import SYSTEM
from kernel.settings import Settings
from kernel.work import Work

FAILURES_MAX = 5
LOCK_MINUTES = 15
CODE_SECONDS = 30
CODE_DRIFT = 1
RECOVERY_CODES = 10
RESET_MINUTES = 60


def check_password(platform: Platform, email: str, password: str) -> UUID:
    """The person behind an address and a password. Hashing happens outside any transaction.

    Raises:
        NotSignedIn: ``sign_in_failed``, the same for an unknown address and a wrong password.
        TooMany: ``account_locked`` after five failures, for a quarter of an hour, whatever is typed.
    """
    with platform.read() as session:
        found = session.execute(
            sa.select(Credential, Person.state)
            .join(Person, Person.id == Credential.person_id)
            .where(Person.email == email.strip().lower())
        ).one_or_none()
    credential = found[0] if found else None
    if credential is not None:
        _require_unlocked(platform, credential.locked_until)
    if not passwords.matches(platform.settings, credential.password_hash if credential else "", password):
        if credential is not None:
            _count(platform, credential.person_id, failed=True)
        raise NotSignedIn("sign_in_failed")
    assert found is not None
    assert credential is not None
    if found[1] != "active":
        raise NotSignedIn(f"account_{found[1]}")
    _count(platform, credential.person_id, failed=False)
    if passwords.needs_rehash(platform.settings, credential.password_hash):
        digest = passwords.hasher(platform.settings).hash(password)
        with platform.begin(SYSTEM) as work:
            work.lock(Credential, credential.person_id).password_hash = digest
    return credential.person_id


def _require_unlocked(platform: Platform, until: datetime | None) -> None:
    if until is not None and until > platform.outside.clock.now():
        raise TooMany("account_locked", until=until)


def _count(platform: Platform, person_id: UUID, *, failed: bool) -> None:
    with platform.begin(SYSTEM) as work:
        row = work.lock(Credential, person_id)
        row.failures = row.failures + 1 if failed else 0
        if row.failures >= FAILURES_MAX:
            row.failures, row.locked_until = 0, work.now + timedelta(minutes=LOCK_MINUTES)


def set_password(work: Work, person_id: UUID, digest: str) -> None:
    """Replace the password by a digest made with ``passwords.hash_password``."""
    row = work.lock(Credential, person_id)
    row.password_hash, row.password_at, row.failures, row.locked_until = digest, work.now, 0, None
    work.record(PersonChanged(subject=person_id, change="password"))


def has_second_factor(platform: Platform, person_id: UUID) -> bool:
    with platform.read() as session:
        return bool(session.scalar(sa.select(Credential.totp_on).where(Credential.person_id == person_id)))


def _box(settings: Settings) -> AESGCM:
    key = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"sunroad totp secret")
    return AESGCM(key.derive(settings.secret_key.encode()))


def start_totp(work: Work, person_id: UUID) -> str:
    """A new secret in base32, which counts only once ``confirm_totp`` has seen a code of it.

    Raises NotNow ``totp_on`` when codes are in use already.
    """
    row = work.lock(Credential, person_id)
    if row.totp_on:
        raise NotNow("totp_on")
    secret = base64.b32encode(work.entropy(20)).decode()
    nonce = work.entropy(12)
    row.totp_secret = nonce + _box(work.platform.settings).encrypt(nonce, secret.encode(), person_id.bytes)
    row.totp_step = 0
    return secret


def _secret(settings: Settings, row: Credential) -> str:
    if row.totp_secret is None:
        raise NotNow("totp_off")
    nonce, sealed = row.totp_secret[:12], row.totp_secret[12:]
    return _box(settings).decrypt(nonce, sealed, row.person_id.bytes).decode()


def pending_secret(platform: Platform, person_id: UUID) -> str | None:
    """The secret that was started and not yet confirmed, for showing its picture again."""
    with platform.read() as session:
        row = session.get(Credential, person_id)
        if row is None or row.totp_on or row.totp_secret is None:
            return None
        return _secret(platform.settings, row)


def provisioning_uri(secret: str, email: str) -> str:
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Sunroad")


def _step_of(secret: str, code: str, now: datetime, used: int) -> int | None:
    """The time step a code belongs to, if it is near now and later than the last one used."""
    current = int(now.timestamp()) // CODE_SECONDS
    given = "".join(code.split())
    for step in range(current - CODE_DRIFT, current + CODE_DRIFT + 1):
        expected = pyotp.TOTP(secret).generate_otp(step)
        if step > used and hmac.compare_digest(expected.encode(), given.encode()):
            return step
    return None


def confirm_totp(work: Work, person_id: UUID, code: str) -> list[str]:
    """Switch codes on; returns ten recovery codes, shown once.

    Raises:
        NotValid: ``code_wrong``. NotNow: ``totp_on``, or ``totp_off`` when none was started.
    """
    row = work.lock(Credential, person_id)
    if row.totp_on:
        raise NotNow("totp_on")
    step = _step_of(_secret(work.platform.settings, row), code, work.now, row.totp_step)
    if step is None:
        raise NotValid("code_wrong", field="code")
    row.totp_on, row.totp_step = True, step
    work.session.execute(sa.delete(RecoveryCode).where(RecoveryCode.person_id == person_id))
    codes = []
    for _ in range(RECOVERY_CODES):
        text = base64.b32encode(work.entropy(10)).decode()
        code_shown = "-".join(text[at : at + 4] for at in range(0, 16, 4))
        codes.append(code_shown)
        work.add(
            RecoveryCode(
                id=work.new_id(), person_id=person_id, digest=_digest(person_id, code_shown), used_at=None
            )
        )
    work.record(PersonChanged(subject=person_id, change="second_factor_on"))
    return codes


def stop_totp(work: Work, person_id: UUID) -> None:
    """Switch codes off. Raises NotNow ``totp_off``."""
    row = work.lock(Credential, person_id)
    if not row.totp_on:
        raise NotNow("totp_off")
    row.totp_on, row.totp_secret = False, None
    work.session.execute(sa.delete(RecoveryCode).where(RecoveryCode.person_id == person_id))
    work.record(PersonChanged(subject=person_id, change="second_factor_off"))


def _digest(person_id: UUID, code: str) -> bytes:
    plain = "".join(letter for letter in code.upper() if letter.isalnum())
    return hashlib.sha256(person_id.bytes + plain.encode()).digest()


def check_code(platform: Platform, person_id: UUID, code: str) -> str:
    """Take a time code or a recovery code, each only once; returns ``totp`` or ``recovery``.

    Raises:
        NotValid: ``code_wrong``. TooMany: ``account_locked``. NotNow: ``totp_off``.
    """
    with platform.begin(SYSTEM) as work:
        row = work.lock(Credential, person_id)
        _require_unlocked(platform, row.locked_until)
        if not row.totp_on:
            raise NotNow("totp_off")
        step = _step_of(_secret(platform.settings, row), code, work.now, row.totp_step)
        if step is not None:
            row.totp_step, row.failures = step, 0
            return "totp"
        spare = work.one(
            sa.select(RecoveryCode).where(
                RecoveryCode.person_id == person_id,
                RecoveryCode.digest == _digest(person_id, code),
                RecoveryCode.used_at.is_(None),
            )
        )
        if spare is not None:
            spare.used_at, row.failures = work.now, 0
            work.record(PersonChanged(subject=person_id, change="recovery_code_used"))
            return "recovery"
    _count(platform, person_id, failed=True)
    raise NotValid("code_wrong", field="code")


def _letters(settings: Settings) -> URLSafeSerializer:
    return URLSafeSerializer(settings.secret_key, salt="sunroad password reset")


def _mark(row: Credential) -> str:
    """Names the present password without telling anything about it."""
    return hashlib.sha256(b"reset " + row.password_hash.encode()).hexdigest()[:16]


def ask_reset(platform: Platform, email: str) -> None:
    """Mail a link for a new password, if the address is known. What is answered is the same either way."""
    with platform.begin(SYSTEM) as work:
        person = work.one(sa.select(Person).where(Person.email == email.strip().lower()))
        if person is None or person.state == "suspended":
            return
        row = work.lock(Credential, person.id)
        until = rfc3339(work.now + timedelta(minutes=RESET_MINUTES))
        token = _letters(platform.settings).dumps([str(person.id), _mark(row), until])
        work.message(
            to=person.email,
            template="password_reset",
            lang=person.lang,
            name=person.name,
            link=f"{platform.settings.base_url}/reset/{token}",
            minutes=RESET_MINUTES,
        )


def read_reset(platform: Platform, token: str) -> tuple[UUID, str]:
    """Person and address behind a reset link. Raises NotValid ``reset_link`` when used, old or forged."""
    try:
        person_id, mark, until = _letters(platform.settings).loads(token)
    except (BadSignature, ValueError):
        raise NotValid("reset_link") from None
    with platform.read() as session:
        person = session.get(Person, UUID(person_id))
        row = session.get(Credential, UUID(person_id))
    # The link names the password it replaces, so it works once.
    if person is None or row is None or _mark(row) != mark:
        raise NotValid("reset_link")
    if rfc3339(platform.outside.clock.now()) >= until:
        raise NotValid("reset_link")
    return person.id, person.email
