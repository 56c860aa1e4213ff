"""A hall process with real auctions: ``python -m tests.integration.auction.live_hall FOLDER PORT [REDIS]``.

The folder holds ``settings``, a pickle of the house's settings, as ``benchmarks.fanout_sale`` made them.
"""

from __future__ import annotations

import pickle
import sys
import threading
from dataclasses import replace
from pathlib import Path

import app as composition
from kernel.live.engine import Limits, prepare_process
from kernel.live.lean import LeanLive


def main(folder: Path, port: int, redis: str = "") -> None:
    settings = pickle.loads((folder / "settings").read_bytes())
    settings = replace(settings, live_url=f"http://127.0.0.1:{port}", redis_url=redis)
    built = composition.create_app(settings)
    prepare_process()
    limits = Limits(per_second=1e6, burst=1e6)
    LeanLive(built, built.extensions["sunroad"], f"127.0.0.1:{port}", limits).serve(threading.Event())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:4])
