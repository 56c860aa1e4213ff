"""The live rooms under load, beside what they are compared with, in one run on the same cores.

``python -m benchmarks.auction_fanout [--quick] [--soak] [--only KIND …] [--seconds S]``

Servers: ours with group commits on SQLite (FULL) and PostgreSQL and without storage, stock Flask-SocketIO with gevent and
with threads, and a native reference in C. The load is C too. Figures are only good as ratios within one run: the machine
may be busy with other things. Defends performance §6.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
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
from benchmarks.report import ROOT, Result, commit, machine
from tests.support import services

TICKS = os.sysconf("SC_CLK_TCK")
REFERENCE = "reference"
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
        cookies: file of signed-in people, or ``-``.
    """

    kind: str
    port: int
    pid: int
    cookies: str

    def processor_seconds(self) -> float:
        """What the process has used of the processor so far, in user and system."""
        words = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / TICKS

    def memory(self) -> int:
        """Resident bytes."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))


@contextmanager
def serving(kind: str, tools: dict[str, Path], people: int, cluster: str | None) -> Iterator[Server]:
    """A fresh server of a kind, with so many people who may sign in."""
    with (
        tempfile.TemporaryDirectory(dir=ROOT if os.access(ROOT, os.W_OK) else None) as name,
        ExitStack() as stack,
    ):
        folder, port = Path(name), services.free_port()
        (folder / "people").write_text(str(people))
        if kind == "lean-postgresql":
            assert cluster is not None
            url = stack.enter_context(services.postgres_database(cluster, "fanout"))
            (folder / "postgresql").write_text(url)
        words = [sys.executable, "-m", "benchmarks.fanout_servers", kind, str(port), str(folder)]
        if kind == REFERENCE:
            words = [str(tools["reference"]), str(port)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log)
        try:
            if not services_up(port, process):
                raise RuntimeError(f"{kind} did not start: {(folder / 'log').read_text()[-2000:]}")
            cookies = folder / "cookies"
            yield Server(kind, port, process.pid, str(cookies) if cookies.exists() else "-")
        finally:
            process.kill()
            process.wait()


def services_up(port: int, process: subprocess.Popen[bytes], seconds: float = 60) -> bool:
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
    senders: int = 10,
) -> Run:
    """Join everybody, then offer for a while, and read the server's processor time around it."""
    words = [
        tools["load"], server.port, ORIGIN, server.cookies, rooms, each, min(senders, each), mode, rate, seconds,
    ]  # fmt: skip
    before = server.memory()
    with subprocess.Popen(
        [str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("".join(f"{channel_name(number)}\n" for number in range(rooms)))
        process.stdin.flush()
        line = process.stdout.readline()
        if not line.startswith("joined"):
            raise RuntimeError(f"{server.kind}: the load ended while joining")
        run = Run(server.kind, float(line.split()[1]), (server.memory() - before) / (rooms * each))
        time.sleep(1.0)
        used = server.processor_seconds()
        process.stdin.write("go\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{server.kind}: the load ended")
        run.said = json.loads(line)
        used = server.processor_seconds() - used
        run.cpu_each = used / max(1, run.said["news"])
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
    if said["refused"] or said["lost"] or said["delivered"] < said["offers"]:
        text += f"; refused {said['refused']}, lost sockets {said['lost']}, delivered {said['delivered']}"
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
            with serving(kind, tools, listeners, cluster) as server:
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
    """Rooms of ten participants, four offers in flight in each, as fast as they go."""
    native: Run | None = None
    for kind in kinds:
        try:
            with serving(kind, tools, rooms * 10, cluster) as server:
                run = load(server, tools, rooms=rooms, each=10, mode="window", rate=4, seconds=seconds)
        except RuntimeError as why:
            yield Result(f"{rooms} rooms, {kind}", "", f"not measured: {why}"[:300])
            continue
        if kind == REFERENCE:
            native = run
        durable = kind in LEAN and kind != "lean-none"
        limits = [("≥ 4,000 durable/s", run.offers_per_second >= 4000)] if durable and rooms >= 200 else []
        yield told(f"{rooms} rooms × 10, saturated", run, native, limits)


def soak(tools: dict[str, Path], *, minutes: float, rooms: int = 200) -> Iterator[Result]:
    """Twelve hours of a day's traffic in minutes: 200 rooms × 10, people coming and going all the time.

    A day is taken as one offer in every room every thirty seconds, 1,440 a room in twelve hours, and everybody
    leaves and comes back once every round, ten times in all.
    """
    rounds = 10
    seconds = max(1.0, minutes * 60 / rounds - 4)
    rate = min(20.0, 1440 / rounds / seconds)
    with serving("lean-sqlite", tools, rooms * 10, None) as server:
        trace = []
        for number in range(rounds):
            run = load(server, tools, rooms=rooms, each=10, mode="open", rate=rate, seconds=seconds)
            time.sleep(1.5)
            trace.append((server.memory(), server.descriptors(), run.said))
            said = run.said
            line = (
                f"{server.memory() >> 20} MB, {server.descriptors()} descriptors, {said['offers']} offers, "
                f"{said['acks_in_time']} answered and {said['delivered']} of {said['offers'] * 10} delivered in time"
            )
            yield Result(
                f"soak round {number + 1} of {rounds}", f"{rooms} rooms × 10, {rate:.1f}/s each", line
            )
        offers = sum(said["offers"] for *_, said in trace)
        missing = sum(said["offers"] * 10 - said["delivered"] for *_, said in trace)
        growth = trace[-1][0] - trace[rounds // 3][0]
        flat = growth <= max(8 << 20, trace[rounds // 3][0] // 20) and trace[-1][1] <= trace[0][1] + 2
        yield Result(
            "soak",
            f"{offers:,} offers, {rounds} times everybody came and went",
            f"{growth / 2**20:+.1f} MB and {trace[-1][1] - trace[0][1]:+d} descriptors; {missing} deliveries missing",
            "flat, none missing",
            flat and missing == 0,
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
    parser.add_argument("--seconds", type=float, default=0.0, help="length of each workload")
    args = parser.parse_args(argv)
    print(f"{machine()}, commit {commit()}")
    results = run(quick=args.quick, only=args.only, seconds=args.seconds)
    if args.soak:
        with tempfile.TemporaryDirectory() as name:
            try:
                found = list(map(_shown, soak(compiled(Path(name)), minutes=args.minutes)))
            except NoCompiler as why:
                print(f"not measured: {why}")
                return 0
    else:
        found = list(map(_shown, results))
    return int(any(one.held is False for one in found))


def _shown(result: Result) -> Result:
    print(result, flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main())
