"""Figures for Prometheus: requests by route and status, what is at work, the database's connections, failed jobs.

With several server processes each writes its own files into one folder, and whoever is asked adds them up
(PROMETHEUS_MULTIPROC_DIR, which the start sets). No label holds an id, a search or a person.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from carespine import __version__
from carespine.web.settings import METRICS_VARIABLE, is_loopback

if TYPE_CHECKING:
    from starlette.requests import Request

    from carespine.storage.database import Database
    from carespine.web.settings import Settings

# Chosen by us, around the goals for reads (20 ms) and searches (150 ms).
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Meter:
    """The figures of this process."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._registry = registry or CollectorRegistry()
        self._requests = Counter(
            "carespine_requests",
            "Requests that were answered.",
            ("route", "method", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "carespine_request_seconds",
            "Time from a request's head to the end of its answer.",
            ("route", "method"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._at_work = self._gauge("carespine_requests_in_progress", "Requests at work.")
        self._connections = self._gauge("carespine_database_connections", "Open database connections.")
        self._idle = self._gauge("carespine_database_connections_idle", "Database connections without work.")
        self._failures = Counter(
            "carespine_job_failures",
            "Turns of background jobs that failed.",
            ("job",),
            registry=self._registry,
        )
        self._build = self._gauge("carespine_build_info", "The version that runs.", ("version",), mode="max")
        self._build.labels(__version__).set(1)
        self._now = 0
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def _gauge(self, name: str, text: str, labels: Iterable[str] = (), mode: str = "livesum") -> Gauge:
        return Gauge(name, text, labels, registry=self._registry, multiprocess_mode=mode)  # type: ignore[arg-type]

    def began(self) -> None:
        self._now += 1

    def ended(self) -> None:
        self._now -= 1

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer."""
        key = (route, method, status)
        if key not in self._children:
            self._children[key] = (
                self._requests.labels(route, method, status),
                self._seconds.labels(route, method),
            )
        requests, took = self._children[key]
        requests.inc()
        took.observe(seconds)

    def failed(self, job: str) -> None:
        self._failures.labels(job).inc()

    def look_at(self, database: Database) -> None:
        """Take down how many connections there are, and requests at work."""
        size, idle = database.connections
        self._at_work.set(self._now)
        self._connections.set(size)
        self._idle.set(idle)

    def text(self) -> bytes:
        """The figures of all processes, as Prometheus reads them; what is at work elsewhere is two seconds old."""
        self._at_work.set(self._now)
        folder = os.environ.get(METRICS_VARIABLE)
        if folder is None:
            return generate_latest(self._registry)
        _forget_the_dead(Path(folder))
        everyone = CollectorRegistry()
        MultiProcessCollector(everyone, path=folder)  # type: ignore[no-untyped-call]
        return generate_latest(everyone)


def _forget_the_dead(folder: Path) -> None:
    """A process that was killed no longer has requests at work."""
    for path in folder.glob("gauge_live*.db"):
        pid = int(path.stem.rsplit("_", 1)[1])
        if not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
            mark_process_dead(pid, path=str(folder))  # type: ignore[no-untyped-call]


def route(meter: Meter, settings: Settings) -> Route:
    """GET /metrics: with the token that is set; without one only where nobody but this machine can ask."""

    async def metrics(request: Request) -> Response:
        if not _may_ask(request, settings):
            return PlainTextResponse("Not found.\n", 404)
        return Response(meter.text(), media_type=CONTENT_TYPE_LATEST)

    return Route("/metrics", metrics)


def _may_ask(request: Request, settings: Settings) -> bool:
    if settings.metrics_token:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode("latin-1"), settings.metrics_token.encode())
    # Behind a proxy every request comes from this machine.
    return is_loopback(settings.host) and not settings.base_url
