"""News and questions between processes over Redis. What it loses is found by number; nothing depends on it.

Each process has one connection that listens and one that speaks, both in native threads of their own. The speaker
takes from a bounded queue: when Redis is gone or slow, news are dropped here and the sweep of versions heals it.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import redis
import structlog

from kernel.outside import system_entropy

log = structlog.get_logger("sunroad.live")

NEWS = "sunroad:live"
WAITING_MAX = 10_000
SOCKET_SECONDS = 5.0
ASK_SECONDS = 4.0

Json = dict[str, Any]


class Hearer(Protocol):
    """Who delivers what other processes told."""

    def heard(self, room: str, event: str, data: Json) -> None: ...


class Bus:
    """This process's two connections to Redis.

    Args:
        url: ``redis://…``. hearer: gets the news of other processes, in the listening thread.
    """

    def __init__(self, url: str, hearer: Hearer) -> None:
        self.me = system_entropy(8).hex()
        self.alive = False
        self.breaks = 0
        """How often we stopped hearing; whatever was told meanwhile is lost."""
        self.asked: Callable[[Json, Callable[[Json], None]], None] | None = None
        self._url = url
        self._hearer = hearer
        self._queue: queue.Queue[tuple[str, str] | None] = queue.Queue(WAITING_MAX)
        self._questions: dict[str, tuple[float, Callable[[Json | None], None]]] = {}
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()
        self._speaking = False

    def publish(self, room: str, event: str, data: Json) -> None:
        """Tell the other processes; never waits."""
        self._say(NEWS, {"by": self.me, "room": room, "event": event, "data": data})

    def ask(self, whom: str, question: Json, answered: Callable[[Json | None], None]) -> None:
        """Ask another process; ``answered`` gets its reply, or None after ``ASK_SECONDS``, in our thread."""
        key = system_entropy(8).hex()
        with self._lock:
            self._questions[key] = (time.monotonic() + ASK_SECONDS, answered)
        self._say(f"{NEWS}:{whom}", {"ask": key, "by": self.me, "question": question})

    def listen(self) -> None:
        """Start to listen. Called once, by a process that has listeners of its own."""
        self._start(self._listen, "live listener")

    def close(self) -> None:
        """Stop both threads."""
        self._stop.set()
        self._queue.put(None)
        for thread in self._threads:
            thread.join(SOCKET_SECONDS)

    def _start(self, run: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _say(self, where: str, message: Json) -> None:
        with self._lock:
            if not self._speaking:
                self._speaking = True
                self._start(self._speak, "live speaker")
        try:
            self._queue.put_nowait((where, json.dumps(message, ensure_ascii=False, separators=(",", ":"))))
        except queue.Full:
            log.warning("live_news_dropped", waiting=WAITING_MAX)

    def _client(self) -> redis.Redis:
        return redis.Redis.from_url(
            self._url, socket_timeout=SOCKET_SECONDS, socket_connect_timeout=2.0, max_connections=2
        )

    def _speak(self) -> None:
        client = self._client()
        while not self._stop.is_set():
            item = self._queue.get()
            if item is None:
                break
            try:
                with client.pipeline(transaction=False) as pipe:
                    pipe.publish(*item)
                    for _ in range(200):
                        try:
                            more = self._queue.get_nowait()
                        except queue.Empty:
                            break
                        if more is not None:
                            pipe.publish(*more)
                    pipe.execute()
            except redis.RedisError as trouble:
                log.warning("live_bus", deed="publish", trouble=type(trouble).__name__)
                self._stop.wait(0.2)
        client.close()

    def _listen(self) -> None:
        while not self._stop.is_set():
            client = self._client()
            try:
                with client.pubsub(ignore_subscribe_messages=True) as heard:  # type: ignore[no-untyped-call]
                    heard.subscribe(NEWS, f"{NEWS}:{self.me}")
                    while not self._stop.is_set():
                        message = heard.get_message(timeout=0.25)
                        self.alive = True
                        if message is not None:
                            self._hear(message["data"])
                        self._expire()
            except (redis.RedisError, OSError, ValueError) as trouble:
                if not self._stop.is_set():
                    log.warning("live_bus", deed="listen", trouble=type(trouble).__name__)
            finally:
                self.alive = False
                self.breaks += 1
                client.close()
            self._expire()
            self._stop.wait(0.3)

    def _hear(self, text: bytes) -> None:
        try:
            said = json.loads(text)
            if "event" in said:
                if said["by"] != self.me:
                    self._hearer.heard(said["room"], said["event"], said["data"])
            elif "ask" in said:
                self._asked(said)
            elif "reply" in said:
                with self._lock:
                    waiting = self._questions.pop(said["reply"], None)
                if waiting is not None:
                    waiting[1](said["answer"])
        except Exception:  # one bad message must not end the listening
            log.exception("live_bus", deed="hear")

    def _asked(self, said: Json) -> None:
        def reply(answer: Json) -> None:
            self._say(f"{NEWS}:{said['by']}", {"reply": said["ask"], "answer": answer})

        if self.asked is not None:
            self.asked(said["question"], reply)

    def _expire(self) -> None:
        now = time.monotonic()
        with self._lock:
            late = [key for key, (until, _) in self._questions.items() if until <= now]
            calls = [self._questions.pop(key)[1] for key in late]
        for call in calls:
            call(None)
