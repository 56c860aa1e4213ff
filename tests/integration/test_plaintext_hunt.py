"""The plaintext hunt: sealed bids go in by the real doors; then files, database, logs and the server's
memory are searched.

What is planted: a price, a file's name and content, a bidder's remark, the secrets S, every single share,
the key K. What is searched: everything on disk, all tables (and ``pg_dump``), the log output,
``/proc/<pid>/mem`` of the server process. A control plants the same kind of string where it does not belong
and must be found, by every one of these.

Source: sealing §13 T1.
"""

from __future__ import annotations

import base64
import json
import random
import secrets
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from kernel.money import Money
from sealbid import container
from sealbid.envelope import parse_header, payload_key, unwrap_share
from sealbid.octets import b64
from simulation import deal as moves
from simulation.world import World, found_city
from tests.support import services
from tests.support.house import PASSWORD, House

Bits = npt.NDArray[np.bool_]
SERVER = Path(__file__).resolve().parents[1] / "support" / "hunted.py"
assert PASSWORD


# The hunter -------------------------------------------------------------------------------------


def spellings(secret: bytes) -> set[bytes]:
    """How a secret may lie about: raw, hex, base64 at every alignment; UTF-16 and JSON for texts."""
    found = {secret, secret.hex().encode(), secret.hex().upper().encode()}
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + secret)
        found.add(encoded[4 if shift else 0 : len(encoded) // 4 * 4 - 4])
        found.add(
            encoded[4 if shift else 0 : len(encoded) // 4 * 4 - 4].translate(bytes.maketrans(b"+/", b"-_"))
        )
    try:
        text = secret.decode("utf-8")
    except UnicodeDecodeError:
        return found
    ucs4 = text.encode("utf-32-le")  # what CPython holds for wide strings
    return found | {
        text.encode("utf-16-le"),
        text.encode("utf-16-be"),
        ucs4,
        json.dumps(text)[1:-1].encode(),
        urllib.parse.quote(text).encode(),
    }


@dataclass(frozen=True)
class Hunter:
    """Looks for planted secrets, under every spelling, in one pass over the bytes."""

    planted: Mapping[str, bytes]

    def names(self) -> dict[bytes, str]:
        return {
            spelling: name
            for name, secret in self.planted.items()
            for spelling in spellings(secret)
            if len(spelling) >= 8
        }

    def look(self, pieces: Iterable[tuple[str, bytes]]) -> list[str]:
        """Every hit as ``secret in place``.

        Two tables of 16 bits each tell where a spelling may begin; only those places are compared in full.
        """
        by_prefix: dict[bytes, list[tuple[bytes, str]]] = {}
        first, second = np.zeros(1 << 16, bool), np.zeros(1 << 16, bool)
        for spelling, name in self.names().items():
            by_prefix.setdefault(spelling[:4], []).append((spelling, name))
            first[int.from_bytes(spelling[:2], "little")] = second[
                int.from_bytes(spelling[2:4], "little")
            ] = True
        found: set[str] = set()
        for place, data in pieces:
            for begin in _maybe(data, first, second):
                for spelling, name in by_prefix.get(data[begin : begin + 4], ()):
                    if data.startswith(spelling, begin):
                        found.add(f"{name} in {place}")
        return sorted(found)


def _maybe(data: bytes, first: Bits, second: Bits) -> list[int]:
    """Offsets whose next four bytes pass both tables."""
    octets = np.frombuffer(data, np.uint8)
    if len(octets) < 8:
        return []
    pairs = octets[:-1].astype(np.uint16) | (octets[1:].astype(np.uint16) << 8)
    begins = np.flatnonzero(first[pairs[:-2]])
    return [int(one) for one in begins[second[pairs[begins + 2]]]]


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder, names included: a name can tell as much as a content."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), str(path).encode() + b"\n" + path.read_bytes()


def memory(pid: int) -> Iterator[tuple[str, bytes]]:
    """All readable, private memory of a process: heap, stacks, arenas, mapped buffers."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as mem:
        for line in maps.splitlines():
            span, rights, *rest = line.split()
            path = rest[-1] if len(rest) > 3 else ""
            if "w" not in rights and path.startswith("/"):
                continue  # a library or a program, as it is on disk
            if "r" not in rights or (rest and rest[-1] in ("[vvar]", "[vsyscall]", "[vdso]")):
                continue
            start, end = (int(word, 16) for word in span.split("-"))
            if end - start > 1 << 30:
                continue
            try:
                mem.seek(start)
                yield f"memory {span}", mem.read(end - start)
            except OSError:
                continue


# The scene --------------------------------------------------------------------------------------


class Client:
    """A bidder's machine: it alone knows the plaintext."""

    def __init__(self, port: int, headers: Mapping[str, str]) -> None:
        self.base, self.headers = f"http://127.0.0.1:{port}/api/v1", dict(headers)

    def send(self, method: str, path: str, body: object) -> bytes:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        headers = {**self.headers, "Content-Type": kind, "Idempotency-Key": secrets.token_hex(16)}
        request = urllib.request.Request(self.base + path, data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bytes(answer.read())

    def submit(self, code: str, sealed: moves.SealedOffer) -> None:
        blocks = [{"part": part, "hashes": b64(hashes)} for part, hashes in sealed.hashes.items()]
        self.send("POST", f"/tenders/{code}/bids", {"body": sealed.body, "sig": sealed.sig, "blocks": blocks})
        for part, data in sealed.parts.items():
            cut = list(container.blocks_of(_reader(data)))
            self.send("PUT", f"/bids/{sealed.code}/{part}/blocks/0-{len(cut) - 1}", b"".join(cut))
        self.send("POST", f"/bids/{sealed.code}/complete", {})


def _reader(data: bytes):  # type: ignore[no-untyped-def]
    import io

    return io.BytesIO(data)


@contextmanager
def server(house: House, folder: Path) -> Iterator[tuple[subprocess.Popen[str], int, Path]]:
    config, log = folder / "config.json", folder / "server.log"
    settings = house.settings
    config.write_text(
        json.dumps(
            {
                "database_url": settings.database_url,
                "folder": str(house.folder),
                "secret_key": settings.secret_key,
                "log_seed": base64.b64encode(settings.log_seed).decode(),
                "platform_seed": base64.b64encode(settings.platform_seed).decode(),
                "now": house.clock.now().isoformat(),
            }
        ),
        "utf-8",
    )
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, str(SERVER), str(config)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline()), log
        finally:
            process.kill()
            process.wait(20)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


def tell(name: str) -> bytes:
    """A text nobody would write by chance, longer than a keyword and in Chinese, too."""
    return f"{name}-{secrets.token_hex(12)}-机密".encode()


def price_of_nobody() -> str:
    return f"{random.SystemRandom().randint(8_000_000_000, 8_999_999_999) / 1000:.2f}"


def submitted(house: House, port: int) -> tuple[dict[str, bytes], moves.Deal]:
    """Two bids by the real doors; everything that must stay unread, by name."""
    world = found_city(World(house.platform, house.clock, random.Random(7)), bidders=3)
    deal = moves.draft_deal(
        world, world.buyers[0], title="向阳区道路改造工程", summary="路面与排水。", regime="TM",
        category="works", method="evaluated_lowest", ceilings=[Money.from_yuan("9000000")],
    )  # fmt: skip
    moves.publish(world, deal)
    world.sequence()
    planted: dict[str, bytes] = {}
    for index, bidder in enumerate(world.bidders[:2]):
        price, name, content, remark = price_of_nobody(), tell("name"), tell("content"), tell("remark")
        offer = moves.Offer(
            lot=1,
            price=Money.from_yuan(price),
            items={"remark": remark.decode()},
            files=[(name.decode() + ".pdf", "application/pdf", content * 2000)],
        )
        sealed = moves.seal_offer(world, deal, bidder, offer)
        planted |= {f"price {index}": f'"{price}"'.encode(), f"price digits {index}": price.encode()}
        planted |= {f"name {index}": name, f"content {index}": content, f"remark {index}": remark}
        assert deal.policy is not None
        for part, data in sealed.parts.items():
            header = parse_header(data)
            secret = world.secrets[sealed.code, part]
            planted[f"S {part} {index}"] = secret
            planted[f"K {part} {index}"] = payload_key(header, secret, b"")
            for custodian in deal.policy.custodians:
                seed = world.seeds[deal.code, custodian.x]
                planted[f"share {custodian.x} {part} {index}"] = unwrap_share(
                    header, custodian.x, seed, deal.policy.digest
                )
        Client(port, house.token(bidder.person_id, "bid", "read")).submit(deal.code, sealed)
    planted |= {f"seed {x}": seed for (_, x), seed in world.seeds.items()}
    return planted, deal


# The hunt ---------------------------------------------------------------------------------------


def test_nothing_readable_is_left_behind_by_a_sealed_bid(tmp_path: Path) -> None:
    (tmp_path / "house").mkdir()
    (tmp_path / "outside").mkdir()
    house = House(tmp_path / "house")
    with server(house, tmp_path / "outside") as (process, port, log):
        planted, deal = submitted(house, port)
        hunter = Hunter(planted)
        in_memory, on_disk = list(memory(process.pid)), list(files(tmp_path / "house"))

        hits = hunter.look([*in_memory, *on_disk, ("log", log.read_bytes())])

        assert hits == []
        # The hunt was where the bids are: their public ids are in memory, on disk and in the tables.
        near = Hunter({"bid": next(iter(house_bids(house))).encode(), "tender": deal.code.encode()})
        found = near.look([*in_memory, *on_disk])
        assert any("in memory" in hit for hit in found)
        assert any("house.db" in hit for hit in found)
        assert any(hit.startswith("bid in blobs/") for hit in found)
        assert b"POST /api/v1/tenders/" in log.read_bytes()
        assert sum(len(data) for _, data in in_memory) > 20_000_000
    house.close()


def house_bids(house: House) -> list[str]:
    import sqlalchemy as sa

    from bidding.models import Bid

    with house.read() as session:
        return list(session.scalars(sa.select(Bid.code)))


def test_nothing_readable_is_in_a_dump_of_postgresql(tmp_path: Path, pg_cluster: str, pg_url: str) -> None:
    (tmp_path / "house").mkdir()
    (tmp_path / "outside").mkdir()
    house = House(tmp_path / "house", pg_url)
    with server(house, tmp_path / "outside") as (_, port, _log):
        planted, deal = submitted(house, port)
    dump = subprocess.run(
        [
            str(services.postgres_binaries() / "pg_dump"), "-h", pg_cluster, "-U", "postgres",
            urllib.parse.urlsplit(pg_url).path.lstrip("/"),
        ],
        check=True, capture_output=True,
    ).stdout  # fmt: skip

    hits = Hunter(planted).look([("dump", dump), *files(tmp_path / "house")])

    assert hits == []
    assert Hunter({"tender": deal.code.encode()}).look([("dump", dump)]) == ["tender in dump"]
    house.close()


# The control: a hunt that cannot fail is no check -----------------------------------------------


@pytest.mark.parametrize(
    "spelled",
    [
        lambda text: text.encode(),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode("utf-16-be"),
        lambda text: text.encode().hex().encode(),
        lambda text: base64.b64encode(text.encode()),
        lambda text: base64.b64encode(b"x" + text.encode() + b"yz"),
        lambda text: base64.urlsafe_b64encode(b"xy" + text.encode()),
        lambda text: json.dumps({"a": text}).encode(),
    ],
)
def test_the_hunter_finds_every_spelling_in_a_file(spelled, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    text = tell("control").decode()
    (tmp_path / "somewhere.bin").write_bytes(b"\0\x01noise" + spelled(text) + b"more noise")

    assert Hunter({"control": text.encode()}).look(files(tmp_path)) == ["control in somewhere.bin"]


KEEPER = "import sys; kept = bytes.fromhex(sys.stdin.readline()); print(1, flush=True); sys.stdin.read()"


def test_the_hunter_finds_a_string_in_the_memory_of_a_process() -> None:
    wanted = secrets.token_bytes(32)
    process = subprocess.Popen(
        [sys.executable, "-c", KEEPER],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(wanted.hex() + "\n")
    process.stdin.flush()
    process.stdout.readline()

    hits = Hunter({"control": wanted}).look(memory(process.pid))

    process.kill()
    process.wait(10)
    process.stdin.close()
    process.stdout.close()
    assert any(hit.startswith("control in memory") for hit in hits)


def test_the_hunter_finds_what_a_careless_server_would_log_and_store(tmp_path: Path) -> None:
    (tmp_path / "house").mkdir()
    (tmp_path / "outside").mkdir()
    house, marker = House(tmp_path / "house"), tell("control")
    with server(house, tmp_path / "outside") as (process, port, log):
        asked = urllib.parse.quote(marker.decode())
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz?q={asked}", timeout=30) as answer:
            answer.read()
        hunter = Hunter({"control": marker})

        assert hunter.look([("log", log.read_bytes())]) == ["control in log"]
        assert hunter.look(memory(process.pid)), "a fresh request must still be in memory"
    with tempfile.NamedTemporaryFile(dir=house.folder, prefix=marker[:20].hex()) as named:
        named.flush()
        assert Hunter({"control": marker[:20]}).look(files(house.folder))
    house.close()
