"""An installation as ``docs/operations.md`` describes it: its own unit file, its nginx, its processes, its witnesses.

What is tested is the page itself: the files are cut out of it, and only ports and paths are put in.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support import services

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
HOST = "localhost"
PASSWORD = "a password of many words for monday"
TOKEN = "the token of those on watch"
USCC = "12310000000000009W"


def block(language: str) -> str:
    """The first code block of a language in ``docs/operations.md``."""
    found = re.search(rf"```{language}\n(.*?)```", (ROOT / "docs/operations.md").read_text("utf-8"), re.S)
    assert found is not None, f"operations.md has no {language} block"
    return found[1]


def nginx() -> str:
    """Path of nginx.

    Raises ``services.Missing`` when it is not installed.
    """
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise services.Missing("nginx is not installed (make test installs it)")
    return found


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for ``HOST`` that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, secret = folder / "tls.pem", folder / "tls.key"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return chain, secret


class Installation:
    """A city's platform on its first morning.

    Args:
        folder: where it lives. database: URL of an empty PostgreSQL database. redis, smtp: URLs.
        spare: URL of another empty database, for a copy. store: settings of the object store where files lie.
    """

    def __init__(
        self, folder: Path, database: str, redis: str, smtp: str, *, spare: str, store: dict[str, str]
    ) -> None:
        self.folder, self.spare = folder, spare
        self.port, *self._webs, self._hall = (services.free_port() for _ in range(4))
        self.url = f"https://{HOST}:{self.port}"
        self.chain, self._key = certificate(folder)
        self._witnesses = [services.free_port() for _ in range(3)]
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._logs = ExitStack()
        secrets = dict(line.split("=", 1) for line in self.run("sunroad", "keys", env={}).splitlines())
        lines = [
            f"w{number}.example.org/w {self._witness_key(number)} http://127.0.0.1:{port}"
            for number, port in enumerate(self._witnesses)
        ]
        self.env = {
            **secrets,
            "SUNROAD_BASE_URL": self.url,
            "SUNROAD_DATA": str(folder / "data"),
            "SUNROAD_DATABASE_URL": database,
            "SUNROAD_LOG_ORIGIN": f"{HOST}/log",
            "SUNROAD_WITNESSES": "\n".join(lines),
            "SUNROAD_BLOBS_MIRROR_URL": str(folder / "mirror"),
            "SUNROAD_REDIS_URL": redis,
            "SUNROAD_SMTP_URL": smtp,
            "SUNROAD_PROXIES": "1",
            "SUNROAD_METRICS_TOKEN": TOKEN,
            "SUNROAD_HALL_BIND": f"127.0.0.1:{self._hall}",
            **store,
        }

    # Commands -------------------------------------------------------------------------------------

    def run(self, *words: str, env: dict[str, str] | None = None, ok: int = 0) -> str:
        """One command of the installation; what it prints."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        done = subprocess.run(
            [str(BIN / words[0]), *words[1:]],
            env={**kept, **(self.env if env is None else env)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == ok, (words, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout

    def _witness_key(self, number: int) -> str:
        words = (
            "keygen",
            "witness",
            "--name",
            f"w{number}.example.org/w",
            "--out",
            str(self._witness(number)),
        )
        return str(json.loads(self.run("sealbid", *words, "--json", env={}))["vkey"])

    def _witness(self, number: int) -> Path:
        return self.folder / f"w{number}.key"

    def copy_database(self) -> None:
        """What the nightly copy does, and its restoring into the spare database."""
        tools, copy = services.postgres_binaries(), str(self.folder / "sunroad.dump")
        for words in (
            ["pg_dump", "-Fc", "-f", copy, self.env["SUNROAD_DATABASE_URL"]],
            ["pg_restore", "--exit-on-error", "-d", self.spare, copy],
        ):
            subprocess.run([str(tools / words[0]), *words[1:]], check=True, capture_output=True)

    # Processes ------------------------------------------------------------------------------------

    def start(self, name: str, words: list[str], env: dict[str, str] | None = None) -> None:
        """One process; its output goes to a file of its name."""
        kept = {one: os.environ[one] for one in ("PATH", "HOME", "LANG") if one in os.environ}
        log = self._logs.enter_context((self.folder / f"{name}.log").open("wb"))
        self.processes[name] = subprocess.Popen(
            words, env={**kept, **(env or {})}, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
        )

    def start_platform(self) -> None:
        """Two webs, as of two machines with a folder each, and the four jobs, with the words of the unit file."""
        web = re.search(r"^ExecStart=(.*)$", block("ini"), re.M)
        assert web is not None
        for number, port in enumerate(self._webs):
            words = web[1].replace("/opt/sunroad/.venv/bin", str(BIN)).replace("8080", str(port))
            own = {"SUNROAD_DATA": str(self.folder / f"data-{number}")}
            self.start(f"web-{number}", shlex.split(words), self.env | own)
        for job in ("timekeeper", "courier", "sequencer", "hall"):
            self.start(job, [str(BIN / "sunroad"), "job", job], self.env)

    def start_witnesses(self, log_key: str) -> None:
        """The three witnesses, who know the key of the log."""
        for number, port in enumerate(self._witnesses):
            state = str(self.folder / f"w{number}.state")
            words = ["witness", "--key", str(self._witness(number)), "--log", log_key, "--state", state]
            self.start(f"w{number}", [str(BIN / "sealbid"), *words, "--listen", f"127.0.0.1:{port}"])

    def start_nginx(self) -> None:
        """The proxy, with the words of the page."""
        site = block("nginx")
        for word, here in (
            ("listen 443 ssl http2;", f"listen 127.0.0.1:{self.port} ssl http2;"),
            ("trade.example.org", HOST),
            ("/etc/sunroad/tls.pem", str(self.chain)),
            ("/etc/sunroad/tls.key", str(self._key)),
            ("http://127.0.0.1:8080", "http://sunroad_web"),
            ("127.0.0.1:8090", f"127.0.0.1:{self._hall}"),
        ):
            assert word in site, f"the nginx of operations.md does not say {word!r}"
            site = site.replace(word, here)
        webs = "".join(f"server 127.0.0.1:{port};" for port in self._webs)
        temporary = "".join(
            f"{kind}_temp_path {self.folder}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config = self.folder / "nginx.conf"
        user = "user root;\n" if os.geteuid() == 0 else ""  # its workers write into our folder
        config.write_text(
            f"{user}daemon off;\npid {self.folder}/nginx.pid;\nerror_log {self.folder}/nginx.err;\n"
            f"events {{}}\nhttp {{\naccess_log off;\n{temporary}"
            f"upstream sunroad_web {{ {webs} }}\n{site}}}\n"
        )
        self.start("nginx", [nginx(), "-p", str(self.folder), "-c", str(config)])

    def stop(self) -> dict[str, int]:
        """End everything as a service manager does; exit codes by name."""
        for process in reversed(self.processes.values()):
            process.terminate()
        codes = {}
        for name, process in self.processes.items():
            try:
                codes[name] = process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                codes[name] = process.wait()
        self._logs.close()
        return codes

    def said(self, name: str) -> str:
        """What a process wrote so far."""
        return (self.folder / f"{name}.log").read_text("utf-8", "replace")

    def until(self, holds: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
        """Wait until something is true; says what the processes wrote when it never is."""
        end, seen = time.monotonic() + seconds, None
        while time.monotonic() < end:
            dead = [name for name, one in self.processes.items() if one.poll() is not None]
            assert not dead, (dead, [self.said(name)[-2000:] for name in dead])
            try:
                if seen := holds():
                    return seen
            except OSError as trouble:
                seen = trouble
            time.sleep(0.2)
        raise AssertionError(f"{what}: {seen!r}; {self.said('web-0')[-1500:]}")
