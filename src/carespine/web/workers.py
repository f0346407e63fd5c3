"""The jobs that a server process takes up: which handler does which kind."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from carespine.security.egress import Egress
from carespine.spine.bulk.export_job import Exporter
from carespine.spine.bulk.import_job import Importer
from carespine.spine.fhir_api.operations import export, importing, reindex
from carespine.spine.jobs.runner import Runner
from carespine.spine.reindexing.reindex_job import Reindexer

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
    )
    reindexer = Reindexer(platform.database)
    handlers = {export.KIND: exporter.run, importing.KIND: importer.run, reindex.KIND: reindexer.run}
    keep = timedelta(hours=platform.settings.job_hours)
    return Runner(platform.database, bell, platform.clock, handlers, keep=keep)


def egress(settings: Settings) -> Egress:
    """Which addresses imports and notifications may call. A server with open access is alone on its machine, and
    may call what runs beside it."""
    return Egress(
        allow_loopback=settings.open or settings.demo or settings.outbound == "any",
        allow_private=settings.outbound in ("private", "any"),
    )
