"""Settings from the environment, read once at the door into a frozen value."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

METRICS_TOKEN_MIN = 16
"""Characters."""


class UnsafeSettings(SystemExit):
    """The platform does not start; every missing or unsafe value is named at once."""

    def __init__(self, troubles: list[str]) -> None:
        super().__init__("Sunroad does not start:\n" + "\n".join(f"  - {line}" for line in troubles))
        self.troubles = troubles


@dataclass(frozen=True)
class Settings:
    """What an installation decides.

    Attributes:
        database_url: ``sqlite:///…`` or ``postgresql://…``.
        data_folder: files, keys of the demonstration, the SQLite database.
        blobs_url: a folder, or ``s3://bucket/prefix``; ``blobs_mirror_url`` is the second place.
        secret_key: at least 32 bytes; signs session cookies and CSRF tokens.
        log_seed, platform_seed: 32-byte Ed25519 seeds of the log and of the platform's receipts.
        log_origin: the log's name in checkpoints, for example ``sunroad.example/log``.
        base_url: how browsers and custodians reach the platform; also the passkey origin.
        witnesses: ``name vkey url`` lines; ``trust_policy`` the C2SP tlog-policy text derived from them.
        suite: the cipher suite of new policies; no installation changes it, the simulated year uses ``intl-0``.
        live_url: where pages find the ``hall`` process, ``http(s)://host:port``; empty: on the page's own address.
        hall_bind: ``host:port`` the ``hall`` process listens on; ``serve`` starts one when it is given.
        live_connections_max: sockets one hall process takes; more are asked to come back later.
        live_polling: offer long polling where a network forbids websockets; the web process answers it.
        bond_interest_ppm: yearly rate of demand deposits that bid bonds earn, in millionths: 2000 is 0.2 %.
        metrics_token: who shows it as a bearer token reads ``/metrics``; without one there is no such page.
        proxies: how many reverse proxies in front set ``X-Forwarded-*``; 0 believes none of these headers.
    """

    database_url: str
    data_folder: Path
    secret_key: str
    log_seed: bytes
    platform_seed: bytes
    log_origin: str = "sunroad.example/log"
    base_url: str = "http://127.0.0.1:8080"
    blobs_url: str = ""
    blobs_mirror_url: str = ""
    redis_url: str = ""
    live_url: str = ""
    hall_bind: str = ""
    live_connections_max: int = 20_000
    live_polling: bool = False
    smtp_url: str = ""
    mail_from: str = "noreply@sunroad.example"
    witnesses: tuple[tuple[str, str, str], ...] = ()
    witness_quorum: int = 2
    jurisdiction: str = "CN"
    city_name_zh: str = "阳光市"
    city_name_en: str = "Sunroad City"
    demo: bool = False
    production: bool = False
    clock_offset_s: int = 0
    durable: bool = True
    upload_bytes_max: int = 1 << 30
    session_hours: int = 12
    password_memory_kib: int = 65536
    s3_options: Mapping[str, str] = field(default_factory=dict)
    rate_limits: bool = True
    proxies: int = 0
    metrics_token: str = ""
    make_pdfs: bool = True
    suite: str = "intl-1"
    bond_interest_ppm: int = 2000

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read ``SUNROAD_*`` variables.

        Raises:
            UnsafeSettings: names every missing or unsafe value at once.
        """
        troubles: list[str] = []

        def need(name: str) -> str:
            value = env.get(f"SUNROAD_{name}", "")
            if not value:
                troubles.append(f"SUNROAD_{name} is missing")
            return value

        def seed(name: str) -> bytes:
            text = need(name)
            try:
                value = base64.b64decode(text, validate=True)
            except binascii.Error:
                value = b""
            if text and len(value) != 32:
                troubles.append(f"SUNROAD_{name} must be 32 bytes in base64")
            return value

        def whole(name: str, default: int, least: int = 0) -> int:
            text = env.get(f"SUNROAD_{name}", "")
            if not text:
                return default
            if not text.lstrip("-").isdigit() or int(text) < least:
                troubles.append(f"SUNROAD_{name} must be a whole number of at least {least}, not {text!r}")
                return default
            return int(text)

        data_folder = Path(env.get("SUNROAD_DATA", "var")).absolute()
        secret_key = need("SECRET_KEY")
        if secret_key and len(secret_key) < 32:
            troubles.append("SUNROAD_SECRET_KEY is shorter than 32 characters")
        production = env.get("SUNROAD_ENV", "production") == "production"
        base_url = env.get("SUNROAD_BASE_URL", "http://127.0.0.1:8080").rstrip("/")
        if production and not base_url.startswith("https://"):
            troubles.append(
                "SUNROAD_BASE_URL must begin with https:// (set SUNROAD_ENV=demo to try it without)"
            )
        witnesses = []
        for line in env.get("SUNROAD_WITNESSES", "").splitlines():
            words = line.split()
            if len(words) == 3:
                witnesses.append((words[0], words[1], words[2]))
            elif words:
                troubles.append(f"SUNROAD_WITNESSES: each line is 'name vkey url', not {line!r}")
        if production and not witnesses:
            troubles.append("SUNROAD_WITNESSES is empty: without witnesses no bid counts as received")
        settings = cls(
            database_url=env.get("SUNROAD_DATABASE_URL") or f"sqlite:///{data_folder / 'sunroad.db'}",
            data_folder=data_folder,
            secret_key=secret_key,
            log_seed=seed("LOG_SEED"),
            platform_seed=seed("PLATFORM_SEED"),
            log_origin=env.get("SUNROAD_LOG_ORIGIN", "sunroad.example/log"),
            base_url=base_url,
            blobs_url=env.get("SUNROAD_BLOBS_URL", ""),
            blobs_mirror_url=env.get("SUNROAD_BLOBS_MIRROR_URL", ""),
            redis_url=env.get("SUNROAD_REDIS_URL", ""),
            live_url=env.get("SUNROAD_LIVE_URL", "").rstrip("/"),
            hall_bind=env.get("SUNROAD_HALL_BIND", ""),
            live_connections_max=whole("LIVE_CONNECTIONS_MAX", 20_000, least=1),
            live_polling=env.get("SUNROAD_LIVE_POLLING", "") == "1",
            smtp_url=env.get("SUNROAD_SMTP_URL", ""),
            mail_from=env.get("SUNROAD_MAIL_FROM", "noreply@sunroad.example"),
            witnesses=tuple(witnesses),
            witness_quorum=whole("WITNESS_QUORUM", 2),
            jurisdiction=env.get("SUNROAD_JURISDICTION", "CN"),
            city_name_zh=env.get("SUNROAD_CITY_ZH", "阳光市"),
            city_name_en=env.get("SUNROAD_CITY_EN", "Sunroad City"),
            demo=env.get("SUNROAD_ENV") == "demo",
            production=production,
            clock_offset_s=whole("CLOCK_OFFSET_S", 0, least=-(10**10)),
            upload_bytes_max=whole("UPLOAD_BYTES_MAX", 1 << 30, least=1 << 20),
            session_hours=whole("SESSION_HOURS", 12, least=1),
            proxies=whole("PROXIES", 0),
            metrics_token=env.get("SUNROAD_METRICS_TOKEN", ""),
            bond_interest_ppm=whole("BOND_INTEREST_PPM", 2000),
            s3_options={
                key.removeprefix("SUNROAD_S3_").lower(): value
                for key, value in env.items()
                if key.startswith("SUNROAD_S3_")
            },
        )
        if settings.live_url and urlsplit(settings.live_url).scheme not in ("http", "https"):
            troubles.append("SUNROAD_LIVE_URL must begin with http:// or https://")
        if production and settings.live_url.startswith("http://"):
            troubles.append("SUNROAD_LIVE_URL must begin with https://: the session's cookie travels to it")
        if settings.hall_bind and not settings.hall_bind.rpartition(":")[2].isdigit():
            troubles.append(f"SUNROAD_HALL_BIND must be host:port, not {settings.hall_bind!r}")
        if 0 < len(settings.metrics_token) < METRICS_TOKEN_MIN:
            troubles.append(f"SUNROAD_METRICS_TOKEN is shorter than {METRICS_TOKEN_MIN} characters")
        if production and settings.clock_offset_s:
            troubles.append("SUNROAD_CLOCK_OFFSET_S is for demonstrations only")
        if troubles:
            raise UnsafeSettings(troubles)
        return settings
