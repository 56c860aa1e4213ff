"""Who runs the hot commands of a thing: the process that holds its lease; others pass the command on.

A process takes a lease when the first command or listener comes and nobody holds it, renews it every second, and
after a death another process that has listeners takes over once the lease has ended.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa
import structlog

from kernel.errors import NotNow, Refusal
from kernel.live import leases
from kernel.live.channel import Ack, Channel, Connection, HotCommand, Json
from kernel.live.door import OUR_MISTAKE, refused
from kernel.live.leases import Lease
from kernel.outside import system_entropy

if TYPE_CHECKING:
    from kernel.live.bus import Bus
    from kernel.platform import Platform

log = structlog.get_logger("sunroad.live")

LEASE_SECONDS = 3.0
RENEW_SECONDS = 1.0
ELSEWHERE_SECONDS = 0.5
MARGIN_SECONDS = 0.5
"""We stop believing in a lease a little before it ends, so that two clocks need not agree to the millisecond."""


class Owners:
    """The leases of this process.

    Args:
        address: where browsers reach this process; told to clients that must go there.
        seconds: how long a lease lasts without being renewed.
        claims: whether this process may become an owner; a web process beside a hall only passes commands on.
    """

    def __init__(
        self,
        platform: Platform,
        channels: Mapping[str, Channel],
        bus: Bus | None,
        address: str,
        *,
        seconds: float = LEASE_SECONDS,
        claims: bool = True,
    ) -> None:
        self.platform = platform
        self.channels = channels
        self.bus = bus
        self.me = f"{address}#{bus.me if bus is not None else system_entropy(8).hex()}"
        self._seconds = seconds
        self._claims = claims
        self._held: dict[str, tuple[Lease, float]] = {}  # name → lease, and until when we believe in it
        self._elsewhere: dict[
            str, tuple[str, float]
        ] = {}  # name → holder, and until when we take it for granted
        self._lock = threading.Lock()
        self._claiming: dict[str, threading.Lock] = {}
        self._adopting: set[str] = set()
        self._aside = ThreadPoolExecutor(4, thread_name_prefix="live owner")
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        if bus is not None:
            bus.asked = lambda question, reply: self._submit(lambda: self._serve(question, reply))

    def lease(self, name: str) -> Lease | None:
        """The lease of ``prefix:id`` while this process surely holds it."""
        found = self._held.get(name)
        return found[0] if found is not None and time.monotonic() < found[1] else None

    def route(
        self,
        connection: Connection,
        word: str,
        hot: HotCommand,
        message: Json,
        recv_at: datetime,
        ack: Ack,
    ) -> None:
        """Run a hot command here, or have it run by its owner; the answer comes through ``ack``.

        Never waits: what needs the database goes to another thread.

        Raises:
            Refusal: when it is run here and refused at once.
        """
        name = connection.channel
        if not self.channels[name.partition(":")[0]].owned or self.lease(name) is not None:
            hot(connection, connection.subject, message, recv_at, ack)
            return

        def aside() -> None:
            if self.claim(name) is not None:
                hot(connection, connection.subject, message, recv_at, ack)
            else:
                self._forward(connection, word, message, recv_at, ack)

        self._submit(lambda: self._answered(aside, ack, connection.lang))

    def claim(self, name: str) -> Lease | None:
        """Take the lease of ``prefix:id`` if it is free. Waits for the database."""
        found = self.lease(name)
        if found is not None or not self._claims or self._holder_elsewhere(name) is not None:
            return found
        with self._lock:
            one = self._claiming.setdefault(name, threading.Lock())
        with one:
            return self.lease(name) or self._claim(name)

    def _claim(self, name: str) -> Lease | None:
        asked = time.monotonic()
        lease = leases.acquire(self.platform, name, self.me, self._seconds)
        if lease is None:
            return None
        prefix, _, key = name.partition(":")
        channel = self.channels[prefix]
        if channel.taken is not None:
            channel.taken(self.platform, UUID(key), lease)
        with self._lock:
            self._held[name] = (lease, asked + self._seconds - MARGIN_SECONDS)
        log.info("lease_taken", thing=name, token=lease.token)
        return lease

    def _holder_elsewhere(self, name: str) -> str | None:
        """Who held it a moment ago, so that a flood of commands does not become one of transactions."""
        found = self._elsewhere.get(name)
        return found[0] if found is not None and time.monotonic() < found[1] else None

    def keep(self, wanted: Callable[[], list[tuple[str, UUID, str]]]) -> None:
        """Start to renew what we hold and to take over what our listeners need and nobody holds."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._keep, args=(wanted,), name="live leases", daemon=True
            )
            self._thread.start()

    def once(self, wanted: list[tuple[str, UUID, str]]) -> None:
        """One round of ``keep``, in this thread."""
        self._renew()
        for name in self._orphans(wanted):
            self.claim(name)

    def _orphans(self, wanted: list[tuple[str, UUID, str]]) -> set[str]:
        """What our listeners need and nobody holds."""
        return self._free({f"{prefix}:{key}" for prefix, key, _ in wanted if self.channels[prefix].owned})

    def _free(self, names: set[str]) -> set[str]:
        names = {name for name in names if self.lease(name) is None}
        if not names or not self._claims:
            return set()
        with self.platform.read() as session:
            found = leases.free(session, names, self.platform.outside.clock.now())
        for name in found:
            self._elsewhere.pop(name, None)
        return found

    def ensure(self, names: set[str]) -> None:
        """Somebody comes to listen: become the owner of what nobody holds, so that the numbers he is told will last.

        Waits for the database.
        """
        for name in self._free({name for name in names if self.channels[name.partition(":")[0]].owned}):
            self.claim(name)

    def close(self) -> None:
        """Let go of everything at once."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5.0)
        self._aside.shutdown(wait=True, cancel_futures=True)
        for name, (lease, _) in list(self._held.items()):
            self._forget(name, lease)
            leases.release(self.platform, lease)

    def _keep(self, wanted: Callable[[], list[tuple[str, UUID, str]]]) -> None:
        while not self._stop.wait(RENEW_SECONDS):
            try:
                self._renew()
                # Taking over may take a while; what we hold must be renewed meanwhile.
                for name in self._orphans(wanted()) - self._adopting:
                    self._adopting.add(name)
                    self._submit(lambda one=name: self._adopt(one))  # type: ignore[misc]
            except (sa.exc.SQLAlchemyError, OSError):
                log.exception("lease_trouble")

    def _adopt(self, name: str) -> None:
        try:
            self.claim(name)
        except Exception:  # tried again in a second
            log.exception("lease_trouble", thing=name)
        finally:
            self._adopting.discard(name)

    def _renew(self) -> None:
        held = {name: lease for name, (lease, _) in list(self._held.items())}
        if not held:
            return
        asked = time.monotonic()
        kept = leases.renew_all(self.platform, held.values(), self._seconds)
        for name, lease in held.items():
            if name not in kept:
                self._forget(name, lease)
                continue
            with self._lock:
                if self._held.get(name, (None,))[0] == lease:
                    self._held[name] = (kept[name], asked + self._seconds - MARGIN_SECONDS)

    def _forget(self, name: str, lease: Lease) -> None:
        with self._lock:
            if self._held.get(name, (None,))[0] != lease:
                return  # lost and taken again meanwhile
            del self._held[name]
        prefix, _, key = name.partition(":")
        log.warning("lease_gone", thing=name)
        lost = self.channels[prefix].lost
        if lost is not None:
            lost(self.platform, UUID(key))

    def _submit(self, deed: Callable[[], None]) -> None:
        if not self._stop.is_set():
            self._aside.submit(deed)

    def _answered(self, deed: Callable[[], None], ack: Ack, lang: str) -> None:
        try:
            deed()
        except Refusal as no:
            ack(refused(no, lang))
        except (sa.exc.SQLAlchemyError, OSError):  # the database is away: they ask again with the same key
            log.exception("lease_trouble")
            ack(refused(NotNow("no_answer_yet"), lang))
        except Exception:  # a bug must not leave the client without an answer
            log.exception("live_mistake")
            ack(OUR_MISTAKE)

    def _forward(self, connection: Connection, word: str, message: Json, recv_at: datetime, ack: Ack) -> None:
        """Pass a command on to the owner, or tell the client where the owner is."""
        holder = self._holder_elsewhere(connection.channel)
        if holder is None:
            now = self.platform.outside.clock.now()
            with self.platform.read() as session:
                holder = leases.holder_of(session, connection.channel, now)
            if holder is None or holder == self.me:
                raise NotNow("no_answer_yet")
            self._elsewhere[connection.channel] = (holder, time.monotonic() + ELSEWHERE_SECONDS)
        address, _, whom = holder.rpartition("#")
        bus = self.bus
        if bus is None or not bus.alive:
            raise NotNow("moved", address=address)
        lang = connection.lang

        def answered(reply: Json | None) -> None:
            ack(refused(NotNow("no_answer_yet"), lang) if reply is None else reply)

        actor = connection.actor
        bus.ask(
            whom,
            {
                "channel": connection.channel,
                "command": word,
                "message": message,
                "recv_at": recv_at.isoformat(),
                "person": str(actor.person_id or ""),
                "org": str(actor.org_id or ""),
                "sid": connection.sid,
                "lang": lang,
            },
            answered,
        )

    def _serve(self, question: Json, reply: Callable[[Json], None]) -> None:
        """Run a command another process passed on, as the same person with a seat of their own here."""
        lang = str(question["lang"])

        def ack(answer: Json) -> None:
            reply({"ok": True} | answer)

        def deed() -> None:
            name = question["channel"]
            if self.claim(name) is None:
                raise NotNow("no_answer_yet")
            connection = self._stand_in(question)
            hot = self.channels[name.partition(":")[0]].hot[question["command"]]
            recv_at = datetime.fromisoformat(question["recv_at"])
            hot(connection, connection.subject, question["message"], recv_at, ack)

        self._answered(deed, ack, lang)

    def _stand_in(self, question: Json) -> Connection:
        from kernel.identity.sessions import actor_of
        from kernel.rights import ANONYMOUS

        prefix, _, key = question["channel"].partition(":")
        channel, subject = self.channels[prefix], UUID(key)
        org = UUID(question["org"]) if question["org"] else None
        actor = actor_of(self.platform, UUID(question["person"]), org) if question["person"] else ANONYMOUS
        with self.platform.read() as session:
            audience = channel.audience(session, actor, subject) if channel.audience else ""
            seat = channel.on_join(session, actor, subject) if channel.on_join else None
        return Connection(
            sid=question["sid"], actor=actor, channel=question["channel"], subject=subject,
            audience=audience, seat=seat, lang=question["lang"],
        )  # fmt: skip
