"""The jobs that a server process takes up: which handler does which kind."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import timedelta
from typing import TYPE_CHECKING

from carespine.devices import live
from carespine.security.egress import Egress
from carespine.spine.bulk.export_job import Exporter
from carespine.spine.bulk.import_job import Importer
from carespine.spine.fhir_api.operations import export, importing, reindex
from carespine.spine.jobs.runner import Runner
from carespine.spine.reindexing.reindex_job import Reindexer
from carespine.spine.retention import Policy
from carespine.spine.subscriptions.deliverer import Deliverer
from carespine.spine.subscriptions.dispatcher import Dispatcher
from carespine.spine.subscriptions.telling import Telling

if TYPE_CHECKING:
    from carespine.storage.bell import Bell
    from carespine.web.platform import Platform
    from carespine.web.settings import Settings


def runner(platform: Platform, bell: Bell) -> Runner:
    """The runner of this process, over the platform's parts."""
    exporter = Exporter(platform.database, platform.door, platform.clock, platform.tokens)
    importer = Importer(
        platform.database,
        platform.door,
        platform.tokens,
        egress(platform.settings),
        limit=platform.settings.max_upload_mb * 1024 * 1024,
        validation=platform.settings.validation_levels,
    )
    reindexer = Reindexer(platform.database)
    handlers = {export.KIND: exporter.run, importing.KIND: importer.run, reindex.KIND: reindexer.run}
    handlers[live.KIND] = live.Publisher(platform.door).run
    keep = timedelta(hours=platform.settings.job_hours)
    return Runner(platform.database, bell, platform.clock, handlers, keep=keep)


def telling(platform: Platform) -> Telling:
    """What subscribers are told, over the platform's parts."""
    base = f"{platform.settings.address}/fhir"
    return Telling(platform.database, platform.door, platform.tokens, platform.clock, base=base)


def subscriptions(platform: Platform, bell: Bell) -> tuple[Coroutine[None, None, None], ...]:
    """The work for subscribers that this process takes part in."""
    dispatcher = Dispatcher(platform.database, platform.clock)
    deliverer = Deliverer(telling(platform), egress(platform.settings))
    return dispatcher.run(bell), deliverer.run(bell)


def policy(settings: Settings) -> Policy:
    """How long superseded versions and deleted resources are kept."""
    return Policy(settings.history_days or None, settings.deleted_days or None)


def egress(settings: Settings) -> Egress:
    """Which addresses imports and notifications may call. A server with open access is alone on its machine, and
    may call what runs beside it."""
    return Egress(
        allow_loopback=settings.open or settings.demo or settings.outbound == "any",
        allow_private=settings.outbound in ("private", "any"),
    )
