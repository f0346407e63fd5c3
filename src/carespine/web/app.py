"""The ASGI application of one server process."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import date, timedelta
from multiprocessing import connection
from typing import TYPE_CHECKING

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from carespine.kernel.errors import CarespineError
from carespine.security import audit_heads, audit_retention, audit_seal
from carespine.security.tokens import forget_expired_assertions
from carespine.spine.retention import keep_to
from carespine.spine.subscriptions.dispatcher import tidy
from carespine.standards import monitoring
from carespine.standards.routes import standards_of
from carespine.storage.bell import Bell
from carespine.storage.jobs import forget_expired
from carespine.storage.subscriptions import forget_events
from carespine.web import (
    discovery,
    logs,
    metrics,
    pages,
    sandbox,
    subscription_socket,
    tracing,
    wiring,
    workers,
)
from carespine.web.cors import Cors
from carespine.web.fhir_endpoint import PREFIX, FhirEndpoint
from carespine.web.gate import Gate
from carespine.web.metrics import Meter
from carespine.web.places import Places
from carespine.web.platform import Platform
from carespine.web.settings import Settings

if TYPE_CHECKING:
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Receive, Scope, Send

_SEAL_EVERY_S = 2.0
_FORGET_EVERY_S = 60.0
_LOOK_EVERY_S = 2.0
_MONITOR_EVERY_S = 30.0
_log = structlog.get_logger("carespine.jobs")


def create(run: str) -> ASGIApp:
    """The application of a server process; `run` is the JSON of the settings and of the database's URL."""
    given = json.loads(run)
    settings = Settings.model_validate(given["settings"])
    logs.configure(settings.log_level)
    _end_with_supervisor()
    return build(Platform.build(settings, given["database_url"]))


def build(platform: Platform) -> ASGIApp:
    """The application over a platform: /fhir by hand, everything else by Starlette."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await platform.open(bell)
        own = (
            _seal(platform, meter),
            _forget(platform, meter),
            _look_at_connections(platform, meter),
            _monitor(platform, meter),
        )
        work = (
            *own,
            bell.run(),
            workers.runner(platform, bell).run(),
            *workers.subscriptions(platform, bell),
        )
        jobs = [asyncio.create_task(each) for each in work]
        try:
            yield
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            await platform.close()
            if traces is not None:
                traces.shutdown()

    bell = Bell(platform.database)
    meter, traces = metrics.Meter(), tracing.provider()
    routes: list[BaseRoute] = [metrics.route(meter, platform.settings), *discovery.routes(platform)]
    routes.append(subscription_socket.route(bell, workers.telling(platform)))
    routes += [*wiring.routes(platform), *sandbox.routes(platform), *pages.routes(platform)]
    handlers = {CarespineError: pages.on_error, HTTPException: pages.on_http_error}
    rest = Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers)
    rest.state.platform = platform
    fhir = FhirEndpoint(platform)

    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        inside = path == PREFIX or path.startswith(f"{PREFIX}/")
        if scope["type"] == "http" and inside and "/.well-known/" not in path:
            await fhir(scope, receive, send)
        else:
            await rest(scope, receive, send)

    settings = platform.settings
    shared = Cors(choose, settings.origins) if settings.origins else choose
    return Gate(
        shared,
        limit=settings.max_in_flight,
        https=settings.address.startswith("https://"),
        longest_url=settings.max_url_kb * 1024,
        places=Places(routes),
        meter=meter,
        tracing=tracing.Tracing(traces) if traces is not None else None,
    )


async def _seal(platform: Platform, meter: Meter) -> None:
    """Seal the audit trail every two seconds, whatever happens to one attempt; sign its head once a day."""
    day: date | None = None
    while True:
        await asyncio.sleep(_SEAL_EVERY_S)
        with _reported("seal the audit trail", meter):
            async with platform.database.transaction() as tx:
                await audit_seal.seal(tx, platform.keys.audit, platform.clock)
        if (today := platform.clock().date()) != day:
            with _reported("make the head of the audit trail", meter):
                if await _make_head(platform):
                    day = today


async def _make_head(platform: Platform) -> bool:
    """Sign the newest seal once a day, and keep that in the data folder beside the database. False: nothing yet."""
    async with platform.database.transaction() as tx:
        made = await audit_heads.make(tx, platform.keys.audit, platform.clock)
    if made:
        await asyncio.to_thread(audit_heads.keep, platform.settings.data, *made)
    return made is not None


async def _look_at_connections(platform: Platform, meter: Meter) -> None:
    while True:
        meter.look_at(platform.database)
        await asyncio.sleep(_LOOK_EVERY_S)


async def _forget(platform: Platform, meter: Meter) -> None:
    while True:
        with _reported("forget expired assertions", meter):
            async with platform.database.transaction() as tx:
                await forget_expired_assertions(tx)
        with _reported("forget expired jobs", meter):
            async with platform.database.transaction() as tx:
                await forget_expired(tx, now=platform.clock())
        with _reported("keep to the retention policy", meter):
            await keep_to(platform.door, workers.policy(platform.settings), now=platform.clock())
        with _reported("keep to the retention policy of the audit trail", meter):
            years = platform.settings.audit_years
            await audit_retention.keep_to(
                platform.door, platform.keys.audit, years=years, clock=platform.clock
            )
        with _reported("forget old events", meter):
            async with platform.database.transaction() as tx:
                before = platform.clock() - timedelta(hours=platform.settings.job_hours)
                await forget_events(tx, before=before)
            await tidy(platform.database)
        await asyncio.sleep(_FORGET_EVERY_S)


async def _monitor(platform: Platform, meter: Meter) -> None:
    """Probe each product once an hour, whichever process comes first."""
    standards = standards_of(platform)
    while platform.settings.monitoring:
        await asyncio.sleep(_MONITOR_EVERY_S)
        with _reported("monitor products", meter):
            await monitoring.tick(standards)


class _reported(suppress):  # noqa: N801 -- used like the context manager that it extends
    """Log a job's failure and let the job go on to its next turn."""

    def __init__(self, job: str, meter: Meter) -> None:
        super().__init__(Exception)
        self._job, self._meter = job, meter

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if error is not None and not isinstance(error, asyncio.CancelledError):
            _log.error("job failed", job=self._job, error=type(error).__name__)
            self._meter.failed(self._job)
        return super().__exit__(kind, error, trace)  # type: ignore[arg-type]


def _end_with_supervisor() -> None:
    """A process whose supervisor was killed must not keep the port, nor the process that it was forked from."""
    supervisor = multiprocessing.parent_process()
    if supervisor is None:
        return
    sentinel = supervisor.sentinel

    def watch() -> None:
        connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="supervisor-watch", daemon=True).start()
