"""Delivers the outbox. A message is tried again with growing pauses and never dropped silently."""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa
import structlog

from kernel.outbox.models import Message
from kernel.platform import Platform

log = structlog.get_logger("sunroad.courier")

PAUSES = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=12),
)

Renderer = Callable[[str, str, dict[str, object]], tuple[str, str]]
"""Given template, language and parameters: subject and text."""


class SmtpMailer:
    """Mail over SMTP. The URL is ``smtp://user:password@host:port``; ``smtps`` uses TLS from the start."""

    def __init__(self, url: str, sender: str) -> None:
        self.url = urlsplit(url)
        self.sender = sender

    def send(self, *, to: str, subject: str, text: str, message_id: str) -> None:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self.sender, to, subject
        mail["Message-ID"] = f"<{message_id}@{self.sender.rpartition('@')[2]}>"
        mail.set_content(text)
        host, port = self.url.hostname or "localhost", self.url.port or 25
        maker = smtplib.SMTP_SSL if self.url.scheme == "smtps" else smtplib.SMTP
        with maker(host, port, timeout=20) as server:
            if self.url.username:
                server.login(unquote(self.url.username), unquote(self.url.password or ""))
            server.send_message(mail)


def deliver(platform: Platform, render: Renderer, *, limit: int = 50) -> int:
    """Send the messages whose time has come; returns how many went out.

    A message is claimed by moving its next try before it is sent, so two couriers do not send it twice; a crash
    after sending sends it again under the same Message-ID.
    """
    sent = 0
    for _ in range(limit):
        claimed = _claim(platform)
        if claimed is None:
            break
        trouble = ""
        try:
            subject, text = render(claimed.template, claimed.lang, claimed.params)
        except Exception as bug:  # one message that cannot be written holds up no other
            log.exception("mail_unwritable", template=claimed.template, message=str(claimed.id))
            _settle(platform, claimed, f"{type(bug).__name__}: {bug}")
            continue
        try:
            platform.outside.mail.send(to=claimed.to, subject=subject, text=text, message_id=str(claimed.id))
        except (OSError, smtplib.SMTPException) as error:
            trouble = f"{type(error).__name__}: {error}"
        _settle(platform, claimed, trouble)
        sent += not trouble
    return sent


def _claim(platform: Platform) -> Message | None:
    now = platform.outside.clock.now()
    with platform.database.session(write=True) as session, session.begin():
        message = session.scalars(
            sa.select(Message)
            .where(Message.state == "waiting", Message.next_try_at <= now)
            .order_by(Message.next_try_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).one_or_none()
        if message is None:
            return None
        message.tries += 1
        message.next_try_at = now + PAUSES[min(message.tries - 1, len(PAUSES) - 1)]
        session.flush()
        session.expunge(message)
        return message


def _settle(platform: Platform, message: Message, trouble: str) -> None:
    with platform.database.session(write=True) as session, session.begin():
        row = session.get_one(Message, message.id)
        if trouble:
            row.trouble = trouble[:500]
            row.state = "failed" if row.tries >= 12 else "waiting"
        else:
            row.state, row.sent_at, row.trouble, row.next_try_at = (
                "sent",
                platform.outside.clock.now(),
                None,
                None,
            )
