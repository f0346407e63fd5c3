"""The area gates over HTTP: what anybody may read, and what a virtual service's supplier sends with its token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from carespine.kernel.errors import Invalid
from carespine.security.actor import Actor
from carespine.standards import areas, gating, store
from carespine.standards.areas import Said, Word

if TYPE_CHECKING:
    from carespine.standards.service import Standards

_T = TypeVar("_T")
Endpoint = Callable[[Request], Awaitable[Response]]
# Asks for the application's token, and gives the body; both raise errors of the kernel.
Admit = Callable[[Request, str], Awaitable[bytes]]


class Branch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sub-organisation that was opened for an area, by its ODS code."""

    branch: str
    reason: str


class Registration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The clinic's own opaque number of a registration: no NHS number, no name."""

    registration: str


class AreaRoutes:
    """Endpoints over one register; `admit` lets in the holder of the application's token."""

    def __init__(self, standards: Standards, admit: Admit) -> None:
        self._standards, self._admit = standards, admit

    def table(self) -> list[tuple[str, str, Endpoint]]:
        """Method, path and endpoint of each."""
        supplier = "/standards/applications/{id}/areas/{area}"
        return [
            ("GET", "/standards/areas/{area}", self.open_services),
            ("GET", "/standards/register/{id}/areas", self.of_product),
            ("POST", f"{supplier}/evidence", self.submit),
            ("POST", f"{supplier}/branch", self.branch),
            ("POST", f"{supplier}/registrations", self.register),
            ("POST", f"{supplier}/registrations/end", self.leave),
        ]

    async def open_services(self, request: Request) -> Response:
        """Whose slots may be shown to residents of an area now: booking services ask here (G1)."""
        area, now = request.path_params["area"], self._standards.clock()
        async with self._standards.database.connection() as connection:
            found = [
                {"id": each.id, "product": each.product, "version": each.version, "supplier": each.supplier}
                for each in await store.applications(connection)
                if each.profile == areas.PROFILE
                and (await store.situation(connection, each.id, now=now)).allowed
                and area in await gating.open_areas(connection, each.id, now=now)
            ]
        return JSONResponse({"area": area, "services": found})

    async def of_product(self, request: Request) -> Response:
        async with self._standards.database.connection() as connection:
            name, now = request.path_params["id"], self._standards.clock()
            found = await gating.standings(connection, name, now=now)
        return JSONResponse({"areas": [each.tree() for each in found]})

    async def submit(self, request: Request) -> Response:
        evidence = gating.read(await self._admit(request, "Evidence"))
        return await self._say(request, Said.SUBMIT, "evidence for the area was sent", evidence=evidence)

    async def branch(self, request: Request) -> Response:
        told = _decoded(await self._admit(request, "A branch"), Branch)
        return await self._say(request, Said.BRANCH, told.reason, branch=told.branch)

    async def register(self, request: Request) -> Response:
        return await self._counted(request, gating.register, 201)

    async def leave(self, request: Request) -> Response:
        return await self._counted(request, gating.leave, 200)

    async def _counted(
        self, request: Request, verb: Callable[..., Awaitable[gating.Standing]], status: int
    ) -> Response:
        told = _decoded(await self._admit(request, "A registration"), Registration)
        name, area = request.path_params["id"], request.path_params["area"]
        found = await verb(self._standards, _supplier(name), name, area, told.registration)
        return JSONResponse(found.tree(), status)

    async def _say(self, request: Request, said: Said, reason: str, **more: Any) -> Response:
        name, area = request.path_params["id"], request.path_params["area"]
        actor = _supplier(name)
        word = Word(said, self._standards.clock(), actor.name, reason, **more)
        found = await gating.say(self._standards, actor, name, area, word)
        return JSONResponse(found.tree(), 201)


def _decoded(raw: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid(f"The body cannot be read: {error}.") from error


def _supplier(name: str) -> Actor:
    return Actor("app", name, "supplier", "supplier")
