"""One server process without a supervisor: as it is, or bare of authorisation, consent and audit to see their cost.

    python benchmarks/fhir_load/alone.py DATA PORT [--bare]

There is no such server to be had otherwise: nobody can switch the audit trail off.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from carespine.security.audit_log import AuditLog
from carespine.web import app, http_server, processes
from carespine.web.databases import database
from carespine.web.settings import METRICS_VARIABLE, Settings


async def _drop(_self: AuditLog, *_events: object) -> None:
    """In the place of writing the trail."""


def main(arguments: Sequence[str]) -> None:
    data, port, is_bare = Path(arguments[0]), int(arguments[1]), "--bare" in arguments
    settings = Settings(data=data, port=port, open=is_bare)
    if is_bare:
        AuditLog.append = AuditLog.record = _drop  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as figures, database(settings) as url:
        os.environ[METRICS_VARIABLE] = figures
        run = json.dumps({"settings": settings.model_dump(mode="json"), "database_url": url})
        listening = processes.listening(settings.host, settings.port)
        http_server.server(app.create(run)).run(sockets=[listening])


if __name__ == "__main__":
    main(sys.argv[1:])
