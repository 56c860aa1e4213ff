"""What both transports do alike: let in, look up what was missed, run a command, say no."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from kernel.errors import NotAllowed, NotValid, Refusal
from kernel.facts import plain, rfc3339
from kernel.i18n import refusal_text, speaking
from kernel.live.channel import Channel, Connection, Json, named, room_of, seat_room
from kernel.rights import Actor

if TYPE_CHECKING:
    from kernel.live.bus import Bus
    from kernel.platform import Platform

log = structlog.get_logger("sunroad.live")

OUR_MISTAKE: Json = {"ok": False, "problem": {"status": 500, "code": "our_mistake"}}


def refused(no: Refusal, lang: str = "zh-CN") -> Json:
    """The negative answer to a command, in words of the listener's language; needs no request."""
    with speaking(lang):
        title, detail = refusal_text(no.code, no.details)
    details = {}
    for name, value in no.details.items():
        try:
            details[name] = plain(value)
        except TypeError:
            details[name] = str(value)
    problem = {"type": f"/problems/{no.code}", "status": no.status, "code": no.code, "title": title}
    problem |= {"detail": detail, "source": no.source or "", "field": no.field or "", "details": details}
    return {"ok": False, "problem": problem}


def spoken(value: Any) -> Any:
    """As ``plain``, but nothing stays nothing: news tell also that an entry became null."""
    if isinstance(value, Mapping):
        return {str(name): spoken(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [spoken(item) for item in value]
    return plain(value)


@dataclass(frozen=True)
class Ticket:
    """Somebody who may listen: which channel, and as what."""

    name: str
    channel: Channel
    subject: UUID
    audience: str
    seat: object


class Door:
    """The channels of all rooms, without any transport."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.channels: Mapping[str, Channel] = {
            channel.prefix: channel for room in platform.rooms for channel in room.channels
        }

    def admit(self, session: Session, actor: Actor, message: Json) -> Ticket:
        """Let an actor in.

        Raises:
            NotFound: no such channel or thing. NotAllowed: ``channel_closed``.
        """
        name, channel, subject = named(self.channels, message)
        if not channel.may_join(session, actor, subject):
            raise NotAllowed("channel_closed")
        audience = channel.audience(session, actor, subject) if channel.audience else ""
        seat = channel.on_join(session, actor, subject) if channel.on_join else None
        return Ticket(name, channel, subject, audience, seat)

    def look(self, session: Session, actor: Actor, ticket: Ticket, seen: object) -> tuple[Json, int]:
        """The answer to a join, and the version it leads to: what was missed since ``seen``, or all of the state.

        The listener must hear news already, and the session must be younger than that: news in between would
        be lost otherwise, and news told twice are harmless.
        """
        channel, subject = ticket.channel, ticket.subject
        answer: Json = {"channel": ticket.name}
        if channel.own is not None:
            answer["own"] = spoken(channel.own(session, actor, subject))
        if channel.since is not None and type(seen) is int:
            news = channel.since(session, actor, subject, seen)
            if news is not None:
                answer["news"] = [{"version": at, "news": spoken(item)} for at, item in news]
                return answer, max((at for at, _ in news), default=seen)
        state = spoken(channel.snapshot(session, actor, subject))
        answer["state"] = state
        return answer, int(state.get("version", 0))

    def command(self, message: Json) -> tuple[str, Channel, UUID, str, Json]:
        """The command a message asks for: channel, kind, subject, the command's name and its own message.

        Raises:
            NotValid: ``message_unreadable``. NotFound: no such channel.
        """
        name, channel, subject = named(self.channels, message)
        word = message.get("command")
        inner = message.get("message", {})
        if not isinstance(word, str) or not isinstance(inner, dict):
            raise NotValid("message_unreadable")
        if word not in channel.commands and word not in channel.hot:
            raise NotValid("message_unreadable")
        return name, channel, subject, word, inner


class Telling(ABC):
    """The half of a live server that speaks: news to audiences and participants, here and in other processes."""

    platform: Platform
    bus: Bus | None = None
    told: dict[str, int]
    """Room → the newest version its listeners in this process were told of; rooms without listeners are absent."""
    told_own: dict[str, int]
    """The same of participants: their private room → the newest number of their private news."""

    @abstractmethod
    def deliver(self, room: str, event: str, data: Json) -> None:
        """Send to the listeners of a room in this process; from any thread."""

    def tell(self, channel: str, *, version: int, news: Mapping[str, Any], audience: str = "") -> None:
        """Send numbered news to one audience of a channel, everywhere."""
        at = stamp(self.platform.outside.clock.now())
        data = {"channel": channel, "version": version, "news": spoken(dict(news)), "at": at}
        self._everywhere(room_of(channel, audience), "news", data)

    def tell_one(self, channel: str, seat_key: str, *, news: Mapping[str, Any], version: int = 0) -> None:
        """Send private news to every connection of one participant, everywhere."""
        assert seat_key, "private news need an addressee"
        at = stamp(self.platform.outside.clock.now())
        data: Json = {"channel": channel, "own": spoken(dict(news)), "at": at}
        if version:
            data["version"] = version
        self._everywhere(seat_room(channel, seat_key), "own", data)

    def tell_all(
        self, channel: str, news: Sequence[tuple[str, int, Json]], own: Sequence[tuple[str, int, Json]]
    ) -> None:
        """Send what one commit means: ``(audience, version, news)`` and ``(seat key, version or 0, own news)``."""
        for audience, version, said in news:
            self.tell(channel, version=version, news=said, audience=audience)
        for key, version, said in own:
            self.tell_one(channel, key, news=said, version=version)

    def missed(self, joined: Mapping[str, Connection], message: Json) -> Json:
        """For a client that says what it has ``seen`` and what of its ``own`` news.

        ``behind`` and ``behind_own`` name the channels that were told more; neither is there when none was.
        """
        found: Json = {}
        asked = (("seen", "behind", self._told_everybody), ("own", "behind_own", self._told_him))
        for word, answer, told in asked:
            versions = message.get(word)
            if not isinstance(versions, dict):
                continue
            more = {
                name: newest
                for name, version in versions.items()
                if type(version) is int
                and (connection := joined.get(name)) is not None
                and (newest := told(connection)) is not None
                and newest > version
            }
            if more:
                found[answer] = more
        return found

    def _told_everybody(self, connection: Connection) -> int | None:
        return self.told.get(room_of(connection.channel, connection.audience))

    def _told_him(self, connection: Connection) -> int | None:
        key = connection.seat_key
        return self.told_own.get(seat_room(connection.channel, key)) if key else None

    def _everywhere(self, room: str, event: str, data: Json) -> None:
        self.deliver(room, event, data)
        if self.bus is not None:
            self.bus.publish(room, event, data)

    def heard(self, room: str, event: str, data: Json) -> None:
        """Deliver what another process told."""
        self.deliver(room, event, data)

    def note_told(self, room: str, data: Json) -> None:
        """Remember how far the listeners of a room are; of a private room that somebody listens to."""
        version = data.get("version")
        if "own" in data and type(version) is int:
            self.told_own[room] = max(version, self.told_own.get(room, 0))
        elif room in self.told and type(version) is int and version > self.told[room]:
            self.told[room] = version

    def joined(self) -> list[tuple[str, UUID, str]]:
        """Which ``(prefix, id, audience)`` anybody in this process listens to."""
        found = []
        for room in list(self.told):
            name, _, audience = room.partition("#")
            prefix, _, key = name.partition(":")
            found.append((prefix, UUID(key), audience))
        return found


def stamp(now: datetime) -> str:
    """``rfc3339`` without its cost: this is written for every offer."""
    text = now.isoformat(timespec="milliseconds")
    return f"{text[:-6]}Z" if text.endswith("+00:00") else rfc3339(now)


def guarded(deed: Callable[[], Json], lang: str) -> Json:
    """Do it and answer; a refusal becomes a negative answer, a bug is logged and does not take the socket down."""
    try:
        return {"ok": True} | deed()
    except Refusal as no:
        return refused(no, lang)
    except Exception:
        log.exception("live_mistake")
        return OUR_MISTAKE
