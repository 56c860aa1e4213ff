"""Several houses side by side, one process each: the auctions of a file are shared out among them.

Every house is a platform of its own with its own database, log and custodians, as neighbouring exchanges are; the same
witnesses cosign all logs, so one trust file covers them. Which house holds an auction follows from the file alone.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import traceback
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.orm import configure_mappers

from app import rooms
from kernel.batch import collect_seldom
from kernel.ledger.audit import audit_log
from simulation.history import PastAuction
from simulation.replay_cohort import Cohort, Replayed
from simulation.replay_evidence import Package, Scribe, leave_with
from simulation.replay_house import a_house, trust_of
from simulation.world import Player, World

AHEAD = 2
"""Cohorts a house has been given and not answered: one in work, one waiting. More would only fill memory."""
FINDINGS_MAX = 20
LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Answer:
    """What a house made of a cohort, and the CPU seconds it took until now."""

    results: list[tuple[Replayed, Package]]
    cpu: float


@dataclass(frozen=True)
class LogEnd:
    """The end of a house's log: name, number of leaves, root in hex, and what an audit of it found."""

    origin: str
    size: int
    root: str
    findings: tuple[str, ...]


@dataclass(frozen=True)
class _Trouble:
    """Why a house gave up."""

    told: str


def resident_bytes(process: int | str = "self") -> int:
    """Resident memory of a process now, this one unless its id is given."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds() -> float:
    """CPU seconds of this process and its finished helpers."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def end_of(world: World) -> LogEnd:
    """Audit a house's log against its records and facts, and close it with a last checkpoint."""
    audit = audit_log(world.platform)
    head = world.sequence()
    origin = world.platform.settings.log_origin
    return LogEnd(origin, head.size, head.root.hex(), tuple(audit.findings[:FINDINGS_MAX]))


def one_trust(texts: Iterable[str]) -> str:
    """The trust file of several logs under the same witnesses and the same quorum."""
    split = [text.partition("\n") for text in texts]
    assert len({rest for _, _, rest in split}) == 1, "all houses have the same witnesses"
    assert len({log for log, _, _ in split}) == len(split), "every house has a log of its own"
    return "\n".join([*(log for log, _, _ in split), split[0][2]])


def shares(total: int, houses: int, cohort: int, least: int) -> tuple[int, int]:
    """How many houses share ``total`` auctions, and how many auctions walk together, so that all are done at once.

    Args:
        cohort: at most so many walk together. least: a house is not opened for fewer auctions.
    """
    houses = max(1, min(houses, total // least))
    rounds = -(-total // (houses * cohort))
    return houses, min(cohort, -(-total // (houses * rounds))) if rounds else cohort


@dataclass
class _House:
    process: Any
    orders: Any
    answers: Any
    waiting: int = 0
    cpu: float = 0.0

    def take(self) -> Any:
        """The next answer; trouble in the house, or its end, is ours."""
        while True:
            try:
                answer = self.answers.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                if not self.process.is_alive():
                    raise RuntimeError(
                        f"a house ended by itself, exit code {self.process.exitcode}"
                    ) from None
                continue
            if isinstance(answer, _Trouble):
                raise RuntimeError(f"trouble in a house:\n{answer.told}")
            return answer


@dataclass
class Houses:
    """Opens houses, shares cohorts out in turn and hands their results back in the order of the file.

    Args:
        out: evidence goes to ``out/evidence``. folder: where the houses stand while they work.
        ties: the printed rule for equal lowest prices. helpers: processes beside each house.
    """

    out: Path
    folder: Path
    count: int
    seed: int
    ties: str
    helpers: int
    trust: str = ""
    _houses: list[_House] = field(default_factory=list)

    def __enter__(self) -> Houses:
        # Forked: a house shares what is loaded, so all of it is loaded before. Nothing here has threads, nor
        # holds the history's file for writing.
        rooms()
        configure_mappers()
        forking = multiprocessing.get_context("fork")
        for number in range(self.count):
            orders, answers = forking.Queue(), forking.Queue()
            process = forking.Process(
                target=_live,
                args=(self, number, os.getpid(), orders, answers),
                name=f"house {number + 1}",
            )
            self._houses.append(_House(process, orders, answers))
        for house in self._houses:
            house.process.start()
        try:
            self.trust = one_trust([house.take() for house in self._houses])
        except BaseException:
            self._end(at_once=True)
            raise
        return self

    def __exit__(self, kind: Any, *_trouble: Any) -> None:
        self._end(at_once=kind is not None)

    def _end(self, *, at_once: bool) -> None:
        for house in self._houses:
            if at_once:
                house.process.terminate()
            house.process.join()
            house.orders.cancel_join_thread()
            house.orders.close()
            house.answers.close()

    def walk(self, cohorts: Iterable[list[PastAuction]]) -> Iterator[tuple[Replayed, Package]]:
        """Every auction with its package, in the order of the file."""
        order: deque[_House] = deque()
        for number, cohort in enumerate(cohorts):
            house = self._houses[number % self.count]
            if house.waiting == AHEAD:
                yield from self._oldest(order)
            house.orders.put(cohort)
            house.waiting += 1
            order.append(house)
        while order:
            yield from self._oldest(order)

    def _oldest(self, order: deque[_House]) -> list[tuple[Replayed, Package]]:
        house = order.popleft()
        answer: Answer = house.take()
        house.waiting -= 1
        house.cpu = answer.cpu
        return answer.results

    @property
    def resident(self) -> int:
        """Bytes of all houses and of this process."""
        return resident_bytes() + sum(resident_bytes(house.process.pid) for house in self._houses)

    @property
    def cpu(self) -> float:
        """CPU seconds of the houses for what they have answered."""
        return sum(house.cpu for house in self._houses)

    def close(self) -> list[LogEnd]:
        """Let every house audit its log and go."""
        for house in self._houses:
            house.orders.put(None)
        return [house.take() for house in self._houses]


def _live(plan: Houses, number: int, parent: int, orders: Any, answers: Any) -> None:
    """The life of a house's process."""
    leave_with(parent)
    try:
        collect_seldom()
        with a_house(plan.folder / f"{number + 1}", plan.seed, number=number) as world:
            answers.put(trust_of(world))
            firms: dict[str, Player] = {}
            with Scribe(world.platform, plan.out / "evidence", processes=plan.helpers) as scribe:
                while (auctions := orders.get()) is not None:
                    for replayed in Cohort(world, firms, auctions, plan.ties).walk():
                        scribe.give(replayed)
                    answers.put(Answer(list(scribe.take()), cpu_seconds()))
            answers.put(end_of(world))
    except Exception:
        answers.put(_Trouble(traceback.format_exc()))
        raise
