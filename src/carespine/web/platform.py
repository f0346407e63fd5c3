"""The parts of a running server, put together once per process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from carespine.kernel import clock as kernel_clock
from carespine.kernel.events import Announcer
from carespine.security import audit_clock, second_factor
from carespine.security.audit_log import AuditLog
from carespine.security.door import Door
from carespine.security.tokens import TokenService
from carespine.spine.fhir_api.api import FhirApi
from carespine.spine.jobs.handle import Jobs
from carespine.spine.reindexing.parameters import KnownParameters
from carespine.spine.validating.service import Validator
from carespine.storage.database import Database
from carespine.web import wiring
from carespine.web.keys import Keys

if TYPE_CHECKING:
    from carespine.kernel.clock import Clock
    from carespine.storage.bell import Bell
    from carespine.web.settings import Settings


@dataclass(frozen=True, slots=True)
class Platform:
    """What request handlers need. `open()` before the first request, `close()` after the last."""

    settings: Settings
    clock: Clock
    keys: Keys
    database: Database
    audit: AuditLog
    door: Door
    tokens: TokenService
    fhir: FhirApi
    announcer: Announcer
    parameters: KnownParameters

    @classmethod
    def build(cls, settings: Settings, database_url: str, *, clock: Clock = kernel_clock.now) -> Platform:
        """Put the parts together; nothing is connected yet."""
        keys = Keys.load(settings)
        database = Database(
            database_url, max_size=settings.database_connections, longest_s=settings.max_query_s
        )
        audit = AuditLog(database, clock)
        door = Door(database, audit, clock, Validator(settings.validation_levels))
        tokens = TokenService(
            database,
            keys.tokens,
            clock,
            wiring.Certificates(clock),
            base_url=settings.address,
            identity_key=keys.identity,
        )
        token_url = None if settings.open else tokens.token_url
        fhir = FhirApi(door, Jobs(database), token_url=token_url, cors=bool(settings.origins))
        announcer = Announcer()
        wiring.subscribe(announcer)
        known = KnownParameters(database)
        return cls(settings, clock, keys, database, audit, door, tokens, fhir, announcer, known)

    async def open(self, bell: Bell | None = None) -> None:
        """Connect; with a bell, what other processes change is known at once, else within a second."""
        await self.database.open()
        async with self.database.transaction() as tx:
            await audit_clock.carry_on(tx)
            await second_factor.seal_all(tx, self.keys.vault)
        await self.parameters.start(bell)

    async def close(self) -> None:
        await self.parameters.stop()
        await self.database.close()
