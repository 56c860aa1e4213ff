"""``/metrics`` in the text format of Prometheus, for who shows the installation's token.

Counters of requests are the process's own, or the sum over a server's workers where ``PROMETHEUS_MULTIPROC_DIR`` names
a folder they share. Gauges are the whole installation's, the same from every process. No label says who did what.

Source: Prometheus exposition format 0.0.4; RFC 6750 (bearer tokens).
"""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from kernel.gauges import GAUGES
from kernel.web.audience import public

if TYPE_CHECKING:
    from kernel.platform import Platform

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"


class House(Collector):
    """The gauges of all rooms, read in one go."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def collect(self) -> Iterator[GaugeMetricFamily]:
        platform = self._platform
        now = platform.outside.clock.now()
        with platform.read() as session:
            for gauge in (*GAUGES, *(one for room in platform.rooms for one in room.gauges)):
                family = GaugeMetricFamily(
                    f"sunroad_{gauge.name}", gauge.help, labels=[gauge.label] if gauge.label else []
                )
                for label, figure in gauge.read(platform, session, now):
                    family.add_metric([label] if gauge.label else [], figure)
                yield family


def init_app(app: Flask, platform: Platform) -> None:
    """Count requests and open the door, for an installation that has a token."""
    token = platform.settings.metrics_token
    assert token, "without a token there is no such page"
    counting, house = CollectorRegistry(), CollectorRegistry()
    house.register(House(platform))
    asked = Counter(
        "sunroad_requests", "Answered requests.", ["method", "endpoint", "status"], registry=counting
    )
    took = Histogram(
        "sunroad_request_seconds", "Time to an answer.", ["endpoint"], buckets=SECONDS, registry=counting
    )

    @app.after_request
    def count(response: Response) -> Response:
        endpoint = request.endpoint or "none"
        asked.labels(request.method, endpoint, str(response.status_code)).inc()
        if "began" in g:
            took.labels(endpoint).observe(time.monotonic() - g.began)
        return response

    @app.get("/metrics")
    @public
    def metrics() -> Response:
        """Figures for whoever is on watch."""
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            return Response(
                "The token of this page is missing or wrong.\n",
                HTTPStatus.UNAUTHORIZED,
                {"WWW-Authenticate": 'Bearer realm="metrics"'},
                mimetype="text/plain",
            )
        counted = counting
        if os.environ.get(MULTIPROCESS):
            counted = CollectorRegistry()
            MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
        return Response(generate_latest(counted) + generate_latest(house), content_type=CONTENT_TYPE_LATEST)
