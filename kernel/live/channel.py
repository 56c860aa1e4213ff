"""What a live page is: a kind of channel, who may listen to it, what can be done on it, and one listener of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy.orm import Session

from kernel.errors import NotFound
from kernel.rights import Actor

if TYPE_CHECKING:
    from kernel.live.leases import Lease
    from kernel.platform import Platform

NAMESPACE = "/live"
MESSAGE_BYTES_MAX = 64 << 10

MORE = -1
"""A version nobody here knows: there is something newer than at the last look. See ``Channel.versions``."""

Json = dict[str, Any]
Ack = Callable[[Json], None]


class Connection:
    """One listener of one channel: who joined, as what, and the audience chosen then. Kept until it leaves.

    Attributes:
        actor: the principal, looked up when the socket opened and again from time to time.
        seat: what the channel's ``on_join`` returned.
        lang: ``zh-CN`` or ``en``, for texts of refusals.
    """

    __slots__ = ("actor", "audience", "channel", "lang", "seat", "sid", "subject")

    def __init__(
        self,
        *,
        sid: str,
        actor: Actor,
        channel: str,
        subject: UUID,
        audience: str = "",
        seat: object = None,
        lang: str = "zh-CN",
    ) -> None:
        self.sid = sid
        self.actor = actor
        self.channel = channel
        self.subject = subject
        self.audience = audience
        self.seat = seat
        self.lang = lang

    @property
    def seat_key(self) -> str:
        """The name ``tell_one`` knows this participant by; empty for those who only listen."""
        return key_of(self.seat)


Command = Callable[["Platform", Actor, UUID, Json], Json | None]
HotCommand = Callable[[Connection, UUID, Json, datetime, Ack], None]
"""``(connection, id, message, recv_at, ack)``: called on the socket's own loop, so it must not wait for anything.
``recv_at`` was stamped when the frame was read; ``ack(answer)`` may be called once, later, from any thread.
A ``Refusal`` raised at once becomes the negative answer; a later one is answered with ``ack(refused(no, lang))``."""


@dataclass(frozen=True)
class Channel:
    """A kind of live page.

    Attributes:
        prefix: the first half of the channel's name.
        may_join: whether an actor may listen to this thing; a read-only session is given.
        snapshot: the whole state for this actor, with its ``version``; NotFound when there is no such thing.
        since: the news after a version, oldest first, as ``(version, news)``; None when the state is needed.
        commands: what can be done over the socket: ``(platform, actor, id, message) → answer``. A command
            opens its own transaction with ``platform.begin(actor)`` and may refuse like any action.
        hot: commands that skip the request and answer later; see ``HotCommand``.
        audience: the group of listeners an actor belongs to, chosen at the join; news for one audience reach
            nobody else. A constant empty text is one audience for all.
        on_join: what is kept with the connection as its ``seat``. A text, or anything with an attribute ``key``,
            is also the name by which ``tell_one`` finds every connection of one participant.
        own: what only this participant may know, added to every answer to a join as ``own``; news sent by
            ``tell_one`` are not repeated one by one, so it must hold all of them.
        versions: the present version of each ``(id, audience)``, cheaply; asked every second so that news
            that were lost on the way are noticed. Missing keys are not looked at. ``MORE`` where another process
            numbers the news and the database shows that it must have told some since the last look.
        owned: one process at a time, the holder of the lease ``prefix:id``, runs the hot commands of a thing.
        taken: called as ``(platform, id, lease)`` in a thread of its own when this process became the owner.
        lost: called as ``(platform, id)`` when it is the owner no longer.
    """

    prefix: str
    may_join: Callable[[Session, Actor, UUID], bool]
    snapshot: Callable[[Session, Actor, UUID], Json]
    since: Callable[[Session, Actor, UUID, int], list[tuple[int, Json]] | None] | None = None
    commands: Mapping[str, Command] = field(default_factory=dict)
    hot: Mapping[str, HotCommand] = field(default_factory=dict)
    audience: Callable[[Session, Actor, UUID], str] | None = None
    on_join: Callable[[Session, Actor, UUID], object] | None = None
    own: Callable[[Session, Actor, UUID], Json] | None = None
    versions: Callable[[Session, Sequence[tuple[UUID, str]]], Mapping[tuple[UUID, str], int]] | None = None
    owned: bool = False
    taken: Callable[[Platform, UUID, Lease], None] | None = None
    lost: Callable[[Platform, UUID], None] | None = None


def key_of(seat: object) -> str:
    """The key of a seat: itself when it is a text, else its attribute ``key``, else empty."""
    return seat if isinstance(seat, str) else str(getattr(seat, "key", "") or "")


def room_of(channel: str, audience: str = "") -> str:
    """The socket room of one audience of a channel."""
    return f"{channel}#{audience}" if audience else channel


def seat_room(channel: str, key: str) -> str:
    """The socket room of all connections of one participant."""
    return f"{channel}@{key}"


def named(channels: Mapping[str, Channel], message: Json) -> tuple[str, Channel, UUID]:
    """The channel a message speaks of: its full name, its kind and its subject.

    Raises:
        NotFound: the name is no name, or nobody offers such a channel.
    """
    name = message.get("channel")
    prefix, _, key = name.partition(":") if isinstance(name, str) else ("", "", "")
    channel = channels.get(prefix)
    try:
        subject = UUID(key)
    except ValueError:
        raise NotFound("not_found", thing="channel") from None
    if channel is None:
        raise NotFound("not_found", thing="channel")
    return f"{prefix}:{subject}", channel, subject
