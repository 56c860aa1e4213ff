"""A hall of its own process, killed by the race test: takes offers from lines of its standard input.

Started as ``python hall_process.py FOLDER URL NAME``; the first line of its input is the offset of its clock in
seconds. Every other line is JSON ``{"take": id}`` or ``{"offers": [[id, plate, amount in fen, key], …]}``; every answer
is a line of JSON with the key.
"""

from __future__ import annotations

import contextlib
import json
import queue
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

import app  # noqa: E402
from bidding.actions.auctions_life import follow_now  # noqa: E402
from bidding.hall_core.core import HallCore  # noqa: E402
from kernel.clock import ShiftedClock  # noqa: E402
from kernel.database import Database  # noqa: E402
from kernel.errors import Refusal  # noqa: E402
from kernel.money import Money  # noqa: E402
from kernel.outside import LocalBlobs, MailDrop, Outside, system_entropy  # noqa: E402
from kernel.platform import Platform  # noqa: E402
from kernel.settings import Settings  # noqa: E402


def platform_at(folder: Path, url: str, offset: float) -> Platform:
    """The house of a test (the same keys), with durable commits, on the machine's clock moved by some seconds."""
    settings = Settings(
        database_url=url,
        data_folder=folder,
        secret_key="only for tests, thirty-two letters and more",
        log_seed=b"\x01" * 32,
        platform_seed=b"\x02" * 32,
        base_url="http://localhost",
    )
    clock = ShiftedClock(timedelta(seconds=offset))
    outside = Outside(clock, system_entropy, MailDrop(), LocalBlobs(folder / "blobs", durable=False))
    return Platform(settings, Database(url, durable=True), outside, app.rooms())


def main() -> None:
    """Serve until the input ends, or until somebody kills us."""
    folder, url, name = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    sys.stdout.write('{"taken": "ready"}\n')
    sys.stdout.flush()
    offset = float(sys.stdin.readline())
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    platform = platform_at(folder, url, offset)
    core = HallCore(platform, name=name, following=follow_now)
    core.start()
    said: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    say = said.put

    def speak() -> None:
        while True:
            lines = [said.get()]
            with contextlib.suppress(queue.Empty):
                while True:
                    lines.append(said.get_nowait())
            sys.stdout.write("".join(json.dumps(one) + "\n" for one in lines))
            sys.stdout.flush()

    threading.Thread(target=speak, daemon=True).start()

    for line in sys.stdin:
        told = json.loads(line)
        if "take" in told:
            core.take(UUID(told["take"]))
            say({"taken": told["take"]})
            continue

        for auction_id, plate, amount, key in told["offers"]:

            def ack(answer: Any, key: str = key) -> None:
                if isinstance(answer, Refusal):
                    say({"key": key, "refused": answer.code})
                else:
                    say({"key": key, "receipt": answer["receipt"]})

            core.offer(UUID(auction_id), plate, Money(amount), key, ack=ack)
    core.stop()


if __name__ == "__main__":
    main()
