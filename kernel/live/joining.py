"""How thousands come in within seconds: principals and joins are looked up in batches, in native threads."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog

from kernel.errors import NotNow, Refusal
from kernel.identity import sessions
from kernel.live import principals
from kernel.live.channel import Connection, Json, room_of, seat_room
from kernel.live.door import Ticket, refused
from kernel.live.handshake import Request
from kernel.live.link import Link
from kernel.rights import ANONYMOUS, Actor

if TYPE_CHECKING:
    from kernel.live.lean import LeanLive

log = structlog.get_logger("sunroad.live")

BATCH = 256
BATCHES_AT_ONCE = 2
FRESH_SECONDS = 2.0
"""How old the look-up of a principal may be at a join."""


class Head(NamedTuple):
    """What remains of the request that opened a socket: enough to make a request context of it."""

    cookie: str
    host: str
    languages: str
    authorization: str


class _Join(NamedTuple):
    link: Link
    message: Json
    number: int | None


class Entrance:
    """The hall's arrivals and joins."""

    def __init__(self, live: LeanLive) -> None:
        self._live = live
        self._engine = live.engine
        self._platform = live.platform
        self._cookies = live.app.session_interface.get_signing_serializer(live.app)  # type: ignore[attr-defined]
        self._arrivals: list[tuple[Link, Request, str, bytes]] = []
        self._joins: list[_Join] = []
        self._batches = 0

    def arrived(self, link: Link, request: Request, accept: str, rest: bytes) -> None:
        """A proper request for a socket came."""
        headers = request.headers
        link.head = Head(
            headers.get("cookie", ""),
            headers.get("host", ""),
            headers.get("accept-language", ""),
            headers.get("authorization", ""),
        )
        self._arrivals.append((link, request, accept, rest))
        self._pump()

    def _pump(self) -> None:
        """Begin batches of look-ups and joins, as many as may run at one time."""
        while self._batches < BATCHES_AT_ONCE and (self._arrivals or self._joins):
            self._batches += 1
            arrivals, self._arrivals = self._arrivals[:BATCH], self._arrivals[BATCH:]
            if arrivals:
                self._run(self._who, self._welcome, arrivals, [link for link, *_ in arrivals])
                continue
            joins, self._joins = self._joins[:BATCH], self._joins[BATCH:]
            self._run(self._admit, self._admitted, joins, [one.link for one in joins])

    def _run(
        self,
        deed: Callable[[list[Any]], Any],
        then: Callable[[Any], bool],
        items: list[Any],
        links: list[Link],
    ) -> None:
        """Do one step of a batch in a thread, the next in the loop. Whatever goes wrong, the batch ends: its sockets
        are closed and come again, and others have their turn.

        Args:
            then: gets the result of ``deed``; True when the batch goes on with another step.
        """

        def step() -> Any:
            try:
                return deed(items)
            except Exception:  # a bug; what is expected to fail is handled in the step itself
                log.exception("live_join")
                return None

        def finish(result: Any) -> None:
            goes_on = False
            try:
                if result is None:
                    for link in links:
                        link.close()
                else:
                    goes_on = then(result)
            finally:
                if not goes_on:
                    self._batches -= 1
                    self._pump()

        self._engine.aside(step, finish)

    def _who(
        self, arrivals: list[tuple[Link, Request, str, bytes]]
    ) -> list[tuple[Link, str, bytes, Actor, str]]:
        """Look up who is behind some requests. In a thread. Without the database nobody comes in: they try again."""
        tokens: dict[Link, str] = {}
        for link, request, _, _ in arrivals:
            tokens[link] = self._token(request.cookie(str(self._live.app.config["SESSION_COOKIE_NAME"])))
        found = principals.by_tokens(self._platform, {token for token in tokens.values() if token})
        answers = []
        for link, request, accept, rest in arrivals:
            actor, lang = found.get(tokens[link], (ANONYMOUS, ""))
            scheme, _, secret = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() == "bearer":
                known = sessions.from_token(self._platform, secret.strip())
                actor, lang = (known.actor, known.lang) if known is not None else (ANONYMOUS, "")
            answers.append((link, accept, rest, actor, lang or _language(request)))
        return answers

    def _token(self, cookie: str) -> str:
        """The session's token inside our signed cookie; empty when there is none or it was tampered with."""
        from itsdangerous import BadSignature

        from kernel.web.current import SESSION_KEY

        if not cookie:
            return ""
        age = int(self._live.app.permanent_session_lifetime.total_seconds())
        try:
            token = self._cookies.loads(cookie, max_age=age).get(SESSION_KEY)
        except BadSignature:
            return ""
        return token if isinstance(token, str) else ""

    def _welcome(self, answers: list[tuple[Link, str, bytes, Actor, str]]) -> bool:
        now = time.monotonic()
        for link, accept, rest, actor, lang in answers:
            link.actor, link.lang, link.checked_at = actor, lang, now
            self._engine.welcome(link, accept, rest)
        return False

    def join(self, link: Link, message: Json, number: int | None) -> None:
        """Somebody asks to listen."""
        self._joins.append(_Join(link, message, number))
        self._pump()

    def _answer(self, one: _Join, said: Json) -> None:
        from kernel.live.lean import Answer

        Answer(self._live, one.link, one.number)(said)

    def _admit(self, joins: list[_Join]) -> list[tuple[_Join, Actor, Ticket | Refusal]]:
        """Who may listen, and as what. In a thread."""
        now = time.monotonic()
        stale = {
            one.link.actor.session_id
            for one in joins
            if now - one.link.checked_at > FRESH_SECONDS and one.link.actor.session_id
        }
        found: list[tuple[_Join, Actor, Ticket | Refusal]] = []
        try:
            fresh = principals.by_sessions(self._platform, stale) if stale else {}
            with self._platform.read() as session:
                for one in joins:
                    actor = one.link.actor
                    if actor.session_id in stale:
                        actor = fresh.get(actor.session_id, ANONYMOUS) if actor.session_id else actor
                    try:
                        found.append((one, actor, self._live.door.admit(session, actor, one.message)))
                    except Refusal as no:
                        found.append((one, actor, no))
        except Exception:  # the database is away, or a bug: everybody is told, and tries again
            log.exception("live_join")
            return [(one, one.link.actor, NotNow("no_answer_yet")) for one in joins]
        return found

    def _admitted(self, found: list[tuple[_Join, Actor, Ticket | Refusal]]) -> bool:
        """Let them hear first; what they see is looked up after that, so that nothing falls in between."""
        todo: list[tuple[_Join, Actor, Ticket]] = []
        now = time.monotonic()
        for one, actor, ticket in found:
            link = one.link
            if not link.open:
                continue
            link.actor, link.checked_at = actor, now
            if isinstance(ticket, Refusal):
                self._answer(one, refused(ticket, link.lang))
                continue
            self._live.quit(link, ticket.name)
            connection = Connection(
                sid=link.sid, actor=actor, channel=ticket.name, subject=ticket.subject,
                audience=ticket.audience, seat=ticket.seat, lang=link.lang,
            )  # fmt: skip
            link.joined[ticket.name] = connection
            self._engine.enter(link, room_of(ticket.name, ticket.audience))
            if connection.seat_key:
                self._engine.enter(link, seat_room(ticket.name, connection.seat_key))
            todo.append((one, actor, ticket))
        if todo:
            self._run(self._look, self._looked, todo, [one.link for one, _, _ in todo])
        return bool(todo)

    def _look(self, todo: list[tuple[_Join, Actor, Ticket]]) -> list[tuple[_Join, Ticket, Json, int | None]]:
        """What each of them sees. In a thread."""
        answers: list[tuple[_Join, Ticket, Json, int | None]] = []
        try:
            self._live.owners.ensure({ticket.name for _, _, ticket in todo})
            with self._platform.read() as session:
                for one, actor, ticket in todo:
                    try:
                        said, version = self._live.door.look(session, actor, ticket, one.message.get("seen"))
                        answers.append((one, ticket, {"ok": True} | said, version))
                    except Refusal as no:
                        answers.append((one, ticket, refused(no, one.link.lang), None))
        except Exception:  # as above: nobody stays in a room without having seen its state
            log.exception("live_join")
            no_answer = NotNow("no_answer_yet")
            return [(one, ticket, refused(no_answer, one.link.lang), None) for one, _, ticket in todo]
        return answers

    def _looked(self, answers: list[tuple[_Join, Ticket, Json, int | None]]) -> bool:
        for one, ticket, said, version in answers:
            if not one.link.open:
                continue
            if version is None:
                self._live.quit(one.link, ticket.name)
            else:
                self._live.told.setdefault(room_of(ticket.name, ticket.audience), version)
            self._answer(one, said)
        return False


def _language(request: Request) -> str:
    """The language of somebody we do not know: the cookie's, else the browser's."""
    from kernel.i18n import COOKIE, LANGS, language_of

    wish = request.cookie(COOKIE)
    if wish in LANGS:
        return wish
    tags = request.headers.get("accept-language", "").split(",")
    return language_of([tag.partition(";")[0].strip() for tag in tags if tag.strip()])
