"""The standards over HTTP: the public register, certificates and evidence; applications and their runs."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from carespine.kernel.clock import Clock, fhir_instant
from carespine.kernel.errors import CarespineError, Forbidden, Invalid, Misconfigured, NotFound, TooLarge
from carespine.kernel.events import Announcer
from carespine.security.actor import Actor
from carespine.security.egress import Egress
from carespine.standards import (
    applying,
    catalogue,
    declaring,
    estate,
    monitoring,
    register,
    store,
    transparency,
    waiving,
    watching,
)
from carespine.standards.area_routes import AreaRoutes
from carespine.standards.engine import config as run_config
from carespine.standards.engine import html
from carespine.standards.keys import SigningKey
from carespine.standards.lifecycle import Event
from carespine.standards.service import Decided, Standards

if TYPE_CHECKING:
    from joserfc.jwk import ECKey

    from carespine.security.door import Door
    from carespine.storage.database import Database

# Ours: an application or a run's configuration is a page of text.
_LARGEST_BODY = 256 * 1024
_LONGEST_WORD, _LONGEST_NUMBER = 2_000, 15
_DOCUMENTS = {
    "report.json": "application/json",
    "report.html": "text/html; charset=utf-8",
    "evidence.jsonl": "application/jsonl",
}
Endpoint = Callable[[Request], Awaitable[Response]]


class Settings(Protocol):
    """What the standards need of the platform's settings."""

    @property
    def address(self) -> str: ...
    @property
    def demo(self) -> bool: ...


class Keys(Protocol):
    """The platform's keys, of which this domain has one."""

    @property
    def certificates(self) -> ECKey: ...


class Platform(Protocol):
    """What the standards need of the platform."""

    @property
    def door(self) -> Door: ...
    @property
    def database(self) -> Database: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def announcer(self) -> Announcer: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def keys(self) -> Keys: ...


def standards_of(platform: Platform) -> Standards:
    """The register of a platform. Only a demonstration may check services on its own machine."""
    return Standards(
        door=platform.door,
        database=platform.database,
        key=SigningKey.of(platform.keys.certificates),
        base_url=platform.settings.address,
        clock=platform.clock,
        announcer=platform.announcer,
        egress=Egress(allow_loopback=platform.settings.demo),
    )


def routes(platform: Platform) -> list[Route]:
    """All routes of the standards."""
    return routes_of(standards_of(platform))


def routes_of(standards: Standards) -> list[Route]:
    """All routes over this register."""
    public, supplier = _Public(standards), _Supplier(standards)
    table: list[tuple[str, str, Endpoint]] = [
        ("GET", "/standards/requirements", public.requirements),
        ("GET", "/standards/register", public.register),
        ("GET", "/standards/register/{id}", public.product),
        ("GET", "/standards/waivers", public.waivers),
        ("GET", "/standards/compare", public.compare),
        ("GET", "/standards/estates/{organisation}", public.estate),
        ("GET", "/standards/estates/{organisation}/notices", public.notices),
        ("GET", "/standards/register/{id}/probes", public.probes),
        ("GET", "/standards/certificates/{id}", public.certificate),
        ("GET", "/standards/status", public.status),
        ("GET", "/standards/jwks.json", public.jwks),
        ("GET", "/standards/log", public.log_head),
        ("GET", "/standards/log/entries", public.log_entries),
        ("GET", "/standards/log/inclusion", public.log_inclusion),
        ("GET", "/standards/log/consistency", public.log_consistency),
        ("GET", "/standards/runs/{id}/{name}", public.document),
        ("POST", "/standards/applications", supplier.apply),
        ("POST", "/standards/applications/{id}/run", supplier.run),
        ("POST", "/standards/applications/{id}/declaration", supplier.declare),
        ("POST", "/standards/applications/{id}/reply", supplier.reply),
        ("POST", "/standards/applications/{id}/appeal", supplier.appeal),
    ]
    table += AreaRoutes(standards, supplier.admitted).table()
    return [Route(path, _told(endpoint), methods=[method]) for method, path, endpoint in table]


def _told(endpoint: Endpoint) -> Endpoint:
    """The endpoint with refusals told as JSON, in the words of the error."""

    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except CarespineError as error:
            # A configuration that cannot be used is the supplier's here, not the platform's.
            status = 400 if isinstance(error, Misconfigured) else error.status
            tree = {"error": error.code, "message": error.message}
            return JSONResponse(tree, status, headers=error.headers)

    return answered


class _Public:
    """What anybody may read."""

    def __init__(self, standards: Standards) -> None:
        self._standards = standards

    async def requirements(self, _: Request) -> Response:
        found = [msgspec.to_builtins(each) for each in catalogue.requirements().values()]
        profiles = [msgspec.to_builtins(each) for each in catalogue.profiles().values()]
        return JSONResponse({"sha256": catalogue.digest(), "profiles": profiles, "requirements": found})

    async def register(self, request: Request) -> Response:
        """All products, or those of one kind, state or capability (?kind=, ?state=, ?capability=)."""
        asked = {name: request.query_params.get(name, "") for name in ("kind", "state", "capability")}
        async with self._standards.database.connection() as connection:
            rows = await register.rows(connection, now=self._standards.clock())
            said = await declaring.declared(connection, [each.application.id for each in rows])
        found = register.chosen(rows, said, **asked)
        trees = [
            {**each.tree(), "declared": declaring.tree(said.get(each.application.id, declaring.NOTHING))}
            for each in found
        ]
        return JSONResponse({"products": trees})

    async def compare(self, request: Request) -> Response:
        """Two to four products side by side on evidence (?product=, once for each)."""
        async with self._standards.database.connection() as connection:
            ids, now = request.query_params.getlist("product"), self._standards.clock()
            found = await estate.compare(connection, ids, now=now)
        return JSONResponse(found.tree(now))

    async def estate(self, request: Request) -> Response:
        """What a health body uses, and what of it lapses soon; deployments are public."""
        async with self._standards.database.connection() as connection:
            organisation, now = request.path_params["organisation"], self._standards.clock()
            found = await estate.of(connection, organisation, now=now)
        return JSONResponse({"organisation": organisation, "products": [each.tree() for each in found]})

    async def product(self, request: Request) -> Response:
        async with self._standards.database.connection() as connection:
            name, now = request.path_params["id"], self._standards.clock()
            found = await register.record(connection, name, now=now)
        history = [
            {"event": step.entry.event, "at": step.entry.at.isoformat(), "who": step.entry.who,
             "reason": step.entry.reason, "state": step.state, "severity": step.entry.severity,
             "until": step.entry.until.isoformat() if step.entry.until else None, "second": step.entry.second}
            for step in found.history
        ]  # fmt: skip
        run = found.last_run
        sites = [{"organisation": site.organisation, "area": site.area, "since": site.since.isoformat()}
                 for site in found.sites]  # fmt: skip
        waived = [waiving.tree(each, now) for each in found.waivers]
        more = {"history": history, "sites": sites, "last_run": run.id if run else None, "waivers": waived,
                "declared": declaring.tree(found.declared)}  # fmt: skip
        return JSONResponse({**found.row.tree(), **more})

    async def waivers(self, _: Request) -> Response:
        async with self._standards.database.connection() as connection:
            found, now = await waiving.everywhere(connection), self._standards.clock()
        return JSONResponse({"waivers": [waiving.tree(each, now) for each in found]})

    async def notices(self, request: Request) -> Response:
        """What a health body was told, the newest first."""
        async with self._standards.database.connection() as connection:
            found = await monitoring.notices(connection, request.path_params["organisation"])
        trees = [
            {"id": each.id, "product": each.application, "state": each.state, "at": fhir_instant(each.at),
             "text": each.text}
            for each in found
        ]  # fmt: skip
        return JSONResponse({"notices": trees})

    async def probes(self, request: Request) -> Response:
        """The hourly probes of a product over 30 days, and what is left of its error budget."""
        name, now = request.path_params["id"], self._standards.clock()
        async with self._standards.database.connection() as connection:
            if await store.application(connection, name) is None:
                raise NotFound("There is no such product in the register.")
            found = await monitoring.probes(connection, name, since=now - watching.WINDOW)
        spent = watching.budget(found, now=now)
        trees = [{"at": fhir_instant(each.at), "outcome": each.outcome, "ms": each.ms, "came": each.came}
                 for each in found]  # fmt: skip
        left = {"runs": spent.runs, "allowed": spent.allowed, "failed": spent.failed, "left": spent.left}
        return JSONResponse({"budget": left, "probes": trees})

    async def certificate(self, request: Request) -> Response:
        async with self._standards.database.connection() as connection:
            found = await store.certificate(connection, request.path_params["id"])
        if found is None:
            raise NotFound("There is no such certificate.")
        return Response(found.text, media_type="application/jose")

    async def status(self, _: Request) -> Response:
        standards = self._standards
        async with standards.database.connection() as connection:
            now = standards.clock()
            tree = await register.status(connection, standards.key, base_url=standards.base_url, now=now)
        return JSONResponse(tree)

    async def jwks(self, _: Request) -> Response:
        return JSONResponse(self._standards.key.jwks)

    async def log_head(self, _: Request) -> Response:
        standards = self._standards
        async with standards.database.connection() as connection:
            tree = await transparency.head(
                connection, standards.key, base_url=standards.base_url, now=standards.clock()
            )
        return JSONResponse(tree)

    async def log_entries(self, request: Request) -> Response:
        first, last = _whole(request, "from", least=0), _whole(request, "to", least=0)
        async with self._standards.database.connection() as connection:
            return JSONResponse(await transparency.entries(connection, first or 0, last or 0))

    async def log_inclusion(self, request: Request) -> Response:
        index, size = _whole(request, "index", least=0), _whole(request, "size", least=1)
        if index is None:
            raise Invalid("Say which entry: index=0, 1, 2, ...")
        async with self._standards.database.connection() as connection:
            return JSONResponse(await transparency.inclusion(connection, index, size))

    async def log_consistency(self, request: Request) -> Response:
        first, second = _whole(request, "first", least=1), _whole(request, "second", least=1)
        if first is None:
            raise Invalid("Say from which size: first=1, 2, 3, ...")
        async with self._standards.database.connection() as connection:
            return JSONResponse(await transparency.consistency(connection, first, second))

    async def document(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _DOCUMENTS:
            raise NotFound("There is no such document.")
        async with self._standards.database.connection() as connection:
            body = await store.document(connection, request.path_params["id"], name)
        if body is None:
            raise NotFound("There is no such run.")
        headers = {"Content-Security-Policy": html.content_security_policy()}
        return Response(body, media_type=_DOCUMENTS[name], headers=headers)


class _Supplier:
    """What a supplier does: apply, and run the checks with the token that the application was given."""

    def __init__(self, standards: Standards) -> None:
        self._standards = standards

    async def apply(self, request: Request) -> Response:
        wish = applying.read(await _body(request))
        receipt = await self._standards.apply(_applicant(wish.client_id or "applicant", wish.supplier), wish)
        taken = receipt.application
        tree = {
            "id": taken.id,
            "client_id": taken.client_id,
            "profile": taken.profile,
            "token": receipt.token,
        }
        return JSONResponse({**tree, "run": f"/standards/applications/{taken.id}/run"}, 201)

    async def run(self, request: Request) -> Response:
        name = request.path_params["id"]
        await self._demand_token(
            request, name, "A run is started with the token that the application was given."
        )
        raw = await _body(request)
        try:
            told = json.loads(raw) if raw else {}
        except (ValueError, RecursionError) as error:
            raise Invalid("The body is not JSON that can be read here.") from error
        if (
            not isinstance(told, dict)
            or set(told) - {"config", "seed"}
            or not isinstance(told.get("seed", ""), str)
        ):
            raise Invalid('The body is an object with "config" and, if you like, "seed".')
        if not told.get("seed", "").isprintable():
            raise Invalid("seed must be printable characters.")
        config = run_config.parse(told.get("config", {}))
        if config.ca_file is not None:
            # It names a file on the machine that runs the checks: here that is the platform's own.
            raise Invalid(
                "ca_file is for checks on your own machine; here only public authorities are trusted."
            )
        decided = await self._standards.run(
            _applicant(name, "supplier"), name, config=config, seed=told.get("seed", "")
        )
        return JSONResponse(_outcome(decided))

    async def declare(self, request: Request) -> Response:
        name = request.path_params["id"]
        await self._demand_token(
            request, name, "A declaration is sent with the token that the application was given."
        )
        said = declaring.read(await _body(request))
        await declaring.declare(self._standards, _applicant(name, "supplier"), name, said)
        return JSONResponse(declaring.tree(said))

    async def reply(self, request: Request) -> Response:
        return await self._answer(request, Event.REPLY)

    async def appeal(self, request: Request) -> Response:
        return await self._answer(request, Event.APPEAL)

    async def _answer(self, request: Request, event: Event) -> Response:
        name = request.path_params["id"]
        await self._demand_token(
            request, name, f"{event} is sent with the token that the application was given."
        )
        try:
            told = msgspec.json.decode(await _body(request), type=Word)
        except (msgspec.DecodeError, RecursionError) as error:
            raise Invalid(f'The body is {{"text": "..."}}: {error}.') from error
        if not told.text.strip() or len(told.text) > _LONGEST_WORD or not told.text.isprintable():
            raise Invalid(f"text must be 1 to {_LONGEST_WORD} printable characters.")
        found = await self._standards.answer(_applicant(name, "supplier"), name, event, text=told.text)
        due = found.due.isoformat() if found.due else None
        return JSONResponse({"state": found.state, "due": due, "appealed": found.appealed is not None})

    async def admitted(self, request: Request, what: str) -> bytes:
        """The body of a request that carries the application's token."""
        words = f"{what} is sent with the token that the application was given."
        await self._demand_token(request, request.path_params["id"], words)
        return await _body(request)

    async def _demand_token(self, request: Request, name: str, refusal: str) -> None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not await self._standards.allowed_to_run(name, token):
            raise Forbidden(refusal)


class Word(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a supplier says."""

    text: str


def _whole(request: Request, name: str, *, least: int) -> int | None:
    """A whole number of the query, or None where it is left out."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > _LONGEST_NUMBER or int(text) < least:
        raise Invalid(f"{name} must be a whole number, {least} at least.")
    return int(text)


def _outcome(decided: Decided) -> dict[str, Any]:
    run, report = f"/standards/runs/{decided.run_id}", decided.report
    certificate = decided.certificate_id
    return {
        "run": decided.run_id,
        "verdict": report.verdict,
        "certified": decided.decision.certified,
        "level": decided.decision.level,
        "reasons": list(decided.decision.reasons),
        "counts": report.counts,
        "seed": {"sha256_before": report.seed_sha256, "after": report.seed},
        "certificate": certificate,
        "certificate_url": f"/standards/certificates/{certificate}" if certificate else None,
        "documents": {name: f"{run}/{name}" for name in _DOCUMENTS},
    }


def _applicant(name: str, supplier: str) -> Actor:
    return Actor("app", name, supplier, "supplier")


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > _LARGEST_BODY:
            raise TooLarge(f"The body is larger than {_LARGEST_BODY // 1024} KB.")
        parts.append(part)
    return b"".join(parts)
