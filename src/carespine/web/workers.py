"""The jobs that a server process takes up: which handler does which kind."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from carespine.spine.bulk.export_job import Exporter
from carespine.spine.fhir_api.operations import export
from carespine.spine.jobs.runner import Runner

if TYPE_CHECKING:
    from carespine.storage.bell import Bell
    from carespine.web.platform import Platform


def runner(platform: Platform, bell: Bell) -> Runner:
    """The runner of this process, over the platform's parts."""
    exporter = Exporter(platform.database, platform.door, platform.clock, platform.tokens)
    handlers = {export.KIND: exporter.run}
    keep = timedelta(hours=platform.settings.job_hours)
    return Runner(platform.database, bell, platform.clock, handlers, keep=keep)
