"""The live rooms under load, beside what they are compared with, in one run on the same cores.

``python -m benchmarks.auction_fanout [--quick] [--soak] [--only KIND …] [--seconds S] [--record]``

Servers: the hall as it is installed, with real auctions, on SQLite (FULL) and on PostgreSQL; its transport alone; stock
Flask-SocketIO with gevent and with threads; a native reference in C. The load is C too. Figures are only good as ratios
within one run: the machine may be busy with other things. Defends performance §6.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.fanout_servers import ORIGIN, channel_name
from benchmarks.report import ROOT, Result, commit, machine, record
from tests.support import services

TICKS = os.sysconf("SC_CLK_TCK")
REFERENCE = "reference"
BIDDERS = 10
KEPT_BYTES = 1_500
"""What an offer of a running auction may add to the hall's memory: itself, its key, its place."""
DURABLE = ("lean-sqlite", "lean-postgresql")
LEAN = ("lean-sqlite", "lean-postgresql", "lean-none")
STOCK = ("stock-gevent", "stock-threading")


class NoCompiler(Exception):
    """There is no gcc: neither the load nor the reference can be built."""


def compiled(folder: Path) -> dict[str, Path]:
    """The load and the reference, compiled into a folder.

    Raises:
        NoCompiler: gcc is not installed.
    """
    gcc = shutil.which("gcc")
    if gcc is None:
        raise NoCompiler("gcc is not installed; the load generator and the reference are C")
    found = {}
    for name in ("load", "reference"):
        found[name] = folder / name
        source = ROOT / "benchmarks" / f"fanout_{name}.c"
        subprocess.run([gcc, "-O2", "-o", str(found[name]), str(source)], check=True)
    return found


@dataclass(frozen=True)
class Server:
    """A server that answers.

    Attributes:
        ports: of its halls; room *n* is served by hall *n* modulo their number. pids: of their processes.
        cookies: file of signed-in people, or ``-``.
        rooms: ``channel step`` of every room.
    """

    kind: str
    ports: tuple[int, ...]
    pids: tuple[int, ...]
    cookies: str
    rooms: list[str]

    def processor_seconds(self) -> float:
        """What its processes have used of the processor so far, in user and system."""
        stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self.pids]
        return sum(int(words[11]) + int(words[12]) for words in stats) / TICKS

    def memory(self) -> int:
        """Resident bytes."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids)
        return pages * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self.pids)

    def settle(self, seconds: float = 20.0) -> None:
        """Wait until the server has nothing more to do: rooms have found their owner, people are in."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            used = self.processor_seconds()
            time.sleep(1.0)
            if self.processor_seconds() - used < 0.1:
                return


@contextmanager
def serving(
    kind: str,
    tools: dict[str, Path],
    cluster: str | None,
    *,
    rooms: int,
    each: int,
    bidders: int = BIDDERS,
    halls: int = 1,
) -> Iterator[Server]:
    """A fresh server of a kind, with so many rooms, people in each, and bidders among them."""
    with (
        tempfile.TemporaryDirectory(dir=_on_disk()) as name,
        ExitStack() as stack,
    ):
        folder, ports = Path(name), tuple(services.free_port() for _ in range(halls))
        wanted: dict[str, Any] = {"rooms": rooms, "each": each, "bidders": min(bidders, each), "url": ""}
        wanted["more"] = ports[1:]
        if kind == "lean-postgresql":
            assert cluster is not None
            wanted["url"] = stack.enter_context(services.postgres_database(cluster, "fanout"))
        (folder / "wanted").write_text(json.dumps(wanted))
        words = [sys.executable, "-m", "benchmarks.fanout_servers", kind, str(ports[0]), str(folder)]
        if kind == REFERENCE:
            words = [str(tools["reference"]), str(ports[0])]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
        try:
            if not all(services_up(port, process) for port in ports):
                raise RuntimeError(f"{kind} did not start: {(folder / 'log').read_text()[-2000:]}")
            cookies, names = folder / "cookies", [f"{channel_name(number)} 1" for number in range(rooms)]
            if (folder / "rooms").exists():
                names = (folder / "rooms").read_text().split("\n")[:rooms]
            people = str(cookies) if cookies.exists() else "-"
            yield Server(kind, ports, (process.pid, *children_of(process.pid)), people, names)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _on_disk() -> Path | None:
    """A folder of the project's own disk that is never committed: syncs in memory would cost nothing."""
    if not os.access(ROOT, os.W_OK):
        return None
    found = ROOT / "var"
    found.mkdir(exist_ok=True)
    return found


def children_of(pid: int) -> tuple[int, ...]:
    """Processes that a process started, in the order of their start."""
    return tuple(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def services_up(port: int, process: subprocess.Popen[bytes], seconds: float = 180) -> bool:
    """Whether the server listens before the time is over."""
    import socket

    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=0.3):
                return True
        except OSError:
            time.sleep(0.05)
    return False


@dataclass
class Run:
    """What one workload on one server gave."""

    kind: str
    joined_seconds: float
    memory_each: float
    """Bytes of resident memory a connection added."""
    cpu_each: float = 0.0
    """Seconds of the server's processor per delivered message."""
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def offers_per_second(self) -> float:
        return float(self.said["acks_in_time"] / self.said["seconds"])


def load(
    server: Server,
    tools: dict[str, Path],
    *,
    rooms: int,
    each: int,
    mode: str,
    rate: float,
    seconds: float,
    senders: int = BIDDERS,
) -> Run:
    """Join everybody, then offer for a while, and read the server's processor time around it."""
    ports, senders = ",".join(map(str, server.ports)), min(senders, each)
    words = [tools["load"], ports, ORIGIN, server.cookies, rooms, each, senders, mode, rate, seconds]
    before = server.memory()
    with subprocess.Popen(
        [str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("".join(f"{name}\n" for name in server.rooms[:rooms]))
        process.stdin.flush()
        line = process.stdout.readline()
        if not line.startswith("joined"):
            raise RuntimeError(f"{server.kind}: the load ended while joining")
        run = Run(server.kind, float(line.split()[1]), (server.memory() - before) / (rooms * each))
        server.settle()
        used = server.processor_seconds()
        process.stdin.write("go\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{server.kind}: the load ended")
        run.said = json.loads(line)
        used = server.processor_seconds() - used
        run.cpu_each = used / max(1, run.said["news"] + run.said["own"])
        process.stdin.close()
    return run


def told(name: str, run: Run, native: Run | None, limits: Sequence[tuple[str, bool]] = ()) -> Result:
    """One line of the report."""
    said = run.said
    ratio = f" = {run.cpu_each / native.cpu_each:.2f} × C" if native and native.cpu_each else ""
    late = "".join(
        f"; {what} p50 {said[f'{word}_p50'] * 1000:.1f} p99 {said[f'{word}_p99'] * 1000:.1f} ms"
        for word, what in (("ack", "ack"), ("last", "last listener"))
    )
    text = (
        f"{run.cpu_each * 1e6:.1f} µs CPU a message{ratio}; {run.offers_per_second:,.0f} offers/s{late}; "
        f"joined in {run.joined_seconds:.2f} s; {run.memory_each / 1024:.1f} KB a connection"
    )
    for word in ("refused", "cuts", "gaps", "behind", "covered", "missing"):
        if said[word]:
            text += f"; {word} {said[word]:,}"
    limit = "; ".join(word for word, _ in limits)
    return Result(
        f"{name}, {run.kind}", name, text, limit, all(held for _, held in limits) if limits else None
    )


def one_room(
    kinds: Sequence[str],
    tools: dict[str, Path],
    cluster: str | None,
    *,
    listeners: int,
    rate: float,
    seconds: float,
) -> Iterator[Result]:
    """One room, an open loop of offers, every offer to everybody."""
    runs: dict[str, Run] = {}
    for kind in kinds:
        try:
            with serving(kind, tools, cluster, rooms=1, each=listeners) as server:
                runs[kind] = load(
                    server, tools, rooms=1, each=listeners, mode="open", rate=rate, seconds=seconds
                )
        except RuntimeError as why:
            yield Result(f"{listeners} listeners, {kind}", "", f"not measured: {why}"[:300])
            continue
        run, native, gevent = runs[kind], runs.get(REFERENCE), runs.get("stock-gevent")
        limits: list[tuple[str, bool]] = []
        if kind in LEAN:
            if native:
                limits.append(("≤ 1.5 × C", run.cpu_each <= 1.5 * native.cpu_each))
            if gevent:
                limits.append(("≤ ¼ stock gevent", run.cpu_each <= gevent.cpu_each / 4))
            limits.append(("≤ 10 KB", run.memory_each <= 10 * 1024))
            if listeners >= 5000:
                limits.append(("joins ≤ 5 s", run.joined_seconds <= 5))
            elif kind != "lean-none":
                limits.append(("ack p99 ≤ 5 ms", run.said["ack_p99"] <= 0.005))
                limits.append(("last p99 ≤ 20 ms", run.said["last_p99"] <= 0.020))
        yield told(f"{listeners:,} listeners, {rate:g} offers/s", run, native, limits)


def many_rooms(
    kinds: Sequence[str], tools: dict[str, Path], cluster: str | None, *, rooms: int, seconds: float
) -> Iterator[Result]:
    """Rooms of ten bidders, an offer in flight in each all the time: who is answered makes room for the next price."""
    native: Run | None = None
    plays = [(kind, 1) for kind in kinds] + [(kind, 2) for kind in kinds if kind in DURABLE]
    for kind, halls in plays:
        try:
            with serving(kind, tools, cluster, rooms=rooms, each=10, halls=halls) as server:
                run = load(server, tools, rooms=rooms, each=10, mode="window", rate=1, seconds=seconds)
        except RuntimeError as why:
            yield Result(f"{rooms} rooms, {kind}", "", f"not measured: {why}"[:300])
            continue
        if kind == REFERENCE:
            native = run
        limits = (
            [("≥ 4,000 durable/s", run.offers_per_second >= 4000)] if kind in DURABLE and rooms >= 200 else []
        )
        beside = f", {halls} halls" if halls > 1 else ""
        yield told(f"{rooms} rooms × 10, saturated{beside}", run, native, limits)


def soak(*, minutes: float = 9.0, rooms: int = 200) -> Iterator[Result]:
    """Twelve hours of a day's traffic in minutes: 200 real auctions of 10 bidders, people coming and going all the time.

    A day is taken as one offer in every room every thirty seconds, 1,440 a room in twelve hours, and everybody
    leaves and comes back once every round, ten times in all. Every offer that was acknowledged must reach everybody in
    its room, as news or in the answer to a join after a cut; what a cut covered is counted apart.
    """
    rounds = 10
    seconds = max(1.0, minutes * 60 / rounds - 8)
    rate = min(20.0, 1440 / rounds / seconds)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        try:
            tools = compiled(Path(name))
        except NoCompiler as why:
            yield Result("soak", "", f"not measured: {why}")
            return
        server = stack.enter_context(serving("lean-sqlite", tools, None, rooms=rooms, each=10))
        trace = []
        for number in range(rounds):
            run = load(server, tools, rooms=rooms, each=10, mode="open", rate=rate, seconds=seconds)
            time.sleep(1.5)
            trace.append((server.memory(), server.descriptors(), run.said))
            said = run.said
            line = (
                f"{server.memory() >> 20} MB, {server.descriptors()} descriptors, {said['offers']} offers, "
                f"{said['acks']} acknowledged, {said['refused']} overtaken, {said['delivered']} delivered, "
                f"{said['cuts']} cuts covered {said['covered']}, {said['missing']} missing"
            )
            yield Result(
                f"soak round {number + 1} of {rounds}", f"{rooms} rooms × 10, {rate:.1f}/s each", line
            )
        offers = sum(said["offers"] for *_, said in trace)
        silent = sum(said["offers"] - said["acks"] - said["refused"] for *_, said in trace)
        missing = sum(said["missing"] for *_, said in trace)
        grown = trace[-1][0] - trace[rounds // 3][0]
        # The journals in memory grow with every offer; what grows beside them is a leak.
        kept = KEPT_BYTES * sum(said["acks"] for *_, said in trace[rounds // 3 + 1 :])
        flat = grown <= kept + max(8 << 20, trace[rounds // 3][0] // 20) and trace[-1][1] <= trace[0][1] + 2
        yield Result(
            "soak",
            f"{offers:,} offers, {rounds} times everybody came and went",
            f"{grown / 2**20:+.1f} MB ({kept / 2**20:.1f} MB of offers) and {trace[-1][1] - trace[0][1]:+d} descriptors; "
            f"{missing} deliveries missing, {silent} offers without an answer",
            "flat, none missing",
            flat and missing == 0 and silent == 0,
        )


def run(*, quick: bool = False, only: Sequence[str] = (), seconds: float = 0.0) -> Iterator[Result]:
    """All workloads on all servers."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        try:
            tools = compiled(Path(name))
        except NoCompiler as why:
            yield Result("auction fan-out", "", f"not measured: {why}")
            return
        cluster: str | None = None
        wanted = list(only) or [REFERENCE, *STOCK[: 1 if quick else 2], *LEAN[: 1 if quick else 3]]
        if "lean-postgresql" in wanted:
            try:
                cluster = stack.enter_context(services.postgres_cluster(durable=True))
            except services.Missing as why:
                yield Result("lean-postgresql", "", f"not measured: {why}")
                wanted.remove("lean-postgresql")
        span = seconds or (3.0 if quick else 10.0)
        yield from one_room(wanted, tools, cluster, listeners=200 if quick else 1000, rate=20, seconds=span)
        big = [kind for kind in wanted if kind != "stock-threading"]  # four threads a socket: it cannot
        if not quick:
            yield from one_room(big, tools, cluster, listeners=5000, rate=10, seconds=span)
        yield from many_rooms(wanted, tools, cluster, rooms=20 if quick else 200, seconds=span)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.auction_fanout", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small rooms, seconds instead of minutes")
    parser.add_argument("--soak", action="store_true", help="only the soak: memory and descriptors over time")
    parser.add_argument("--minutes", type=float, default=9.0, help="length of the soak (default 9)")
    parser.add_argument("--only", nargs="*", default=(), help=f"of {REFERENCE}, {', '.join((*STOCK, *LEAN))}")
    parser.add_argument("--record", action="store_true", help="append the run to docs/performance.md")
    parser.add_argument("--seconds", type=float, default=0.0, help="length of each workload")
    args = parser.parse_args(argv)
    print(f"{machine()}, commit {commit()}")
    results = run(quick=args.quick, only=args.only, seconds=args.seconds)
    before = machine()
    found = list(map(_shown, soak(minutes=args.minutes) if args.soak else results))
    if args.record:
        record(found, before)
    return int(any(one.held is False for one in found))


def _shown(result: Result) -> Result:
    print(result, flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main())
