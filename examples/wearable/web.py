"""The service as one ASGI application: FHIR, tokens, discovery, and the operator's own routes."""

from __future__ import annotations

import asyncio
import hmac
import json
import tempfile
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from wearable import assurance, capability, keys, sandbox
from wearable.errors import Refusal
from wearable.export import Export
from wearable.extra import Extra
from wearable.fhir import Fhir
from wearable.guard import Guard
from wearable.outgoing import Outgoing
from wearable.rest import FHIR_JSON, Rest
from wearable.store import Store
from wearable.streaming import Stream
from wearable.tokens import BadClient, Tokens

_LARGEST_EXPORT = 2 * 1024**3


@dataclass(slots=True)
class Service:
    """Everything one running app holds."""

    product: str
    version: str
    base: str
    data: Path
    key: dict[str, Any]
    operator_token: str
    defects: frozenset[str]
    store: Store
    tokens: Tokens
    fhir: Fhir
    outgoing: Outgoing
    kind: str = "device-app"
    discovery: dict[str, str] = field(default_factory=dict)


def service(
    product: str, *, data: Path, base: str, defects: frozenset[str] = frozenset(), version: str = "1.0.0"
) -> Service:
    """Open the data folder, make what is missing in it, and join the parts."""
    data.mkdir(parents=True, exist_ok=True)
    key = keys.load_or_make(data / "key.json")
    token_file = data / "operator-token"
    if not token_file.exists():
        keys.write_private(token_file, keys.new_key()["kid"])
    store = Store(data / "service.sqlite")
    sandbox.fill(store, data)
    slug = product.lower().replace(" ", "-")
    return Service(
        product=product,
        version=version,
        base=base,
        data=data,
        key=key,
        operator_token=token_file.read_text(),
        defects=defects,
        store=store,
        tokens=Tokens(store, f"{base}/oauth/token", defects),
        fhir=Fhir(store, slug, defects, version),
        outgoing=Outgoing(store, key, f"{slug}-{key['kid'][:8]}"),
    )


def build(parts: Service, *, https_only: bool = False, extra: Extra | None = None) -> Guard:
    """The ASGI application; `extra` is what another kind of service adds."""
    more = (extra or Extra()) + Export(parts.fhir, parts.base).extra()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await parts.outgoing.http.aclose()
        parts.store.close()

    app = Starlette(
        routes=[
            *_public(parts),
            *_operator(parts),
            *more.routes,
            *Rest(parts.fhir, parts.tokens, parts.store, parts.product, parts.base, more).routes(),
        ],
        exception_handlers={Refusal: _refused, HTTPException: _http, Exception: _broken},
        lifespan=lifespan,
    )
    app.state.defects = parts.defects
    return Guard(app, parts.defects, https_only=https_only)


def _told(refusal: Refusal) -> Response:
    return Response(json.dumps(refusal.outcome()), refusal.status, refusal.headers, FHIR_JSON)


async def _refused(request: Request, error: Exception) -> Response:
    refusal = error if isinstance(error, Refusal) else Refusal(500, "exception", "the service made a mistake")
    if "leaks-stack-trace" in request.app.state.defects:
        text = "".join(traceback.format_exception(error))
        return _told(Refusal(refusal.status, refusal.code, text, refusal.headers))
    return _told(refusal)


async def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = "not-supported" if status == 405 else "not-found"
    return await _refused(request, Refusal(status, code, "there is no such thing here"))


async def _broken(request: Request, error: Exception) -> Response:
    return await _refused(request, error)


# What anybody may see


def _public(parts: Service) -> list[Route]:
    async def smart(_: Request) -> Response:
        return JSONResponse(capability.smart(parts.base) | parts.discovery)

    async def jwks(_: Request) -> Response:
        shown = parts.key if "serves-private-key" in parts.defects else keys.public(parts.key)
        return JSONResponse({"keys": [shown]})

    async def security_txt(_: Request) -> Response:
        days = -1 if "expired-security-txt" in parts.defects else 180
        until = (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds")
        return PlainTextResponse(f"Contact: mailto:security@{parts.fhir.product}.example\nExpires: {until}\n")

    async def assurance_list(_: Request) -> Response:
        kinds = assurance.documents(parts.product, parts.version, today=datetime.now(UTC).date())
        return JSONResponse({"documents": {kind: f"{parts.base}/assurance/{kind}.jws" for kind in kinds}})

    async def assurance_document(request: Request) -> Response:
        text = assurance.signed(
            request.path_params["kind"],
            product=parts.product,
            version=parts.version,
            key=parts.key,
            defects=parts.defects,
        )
        if text is None:
            raise Refusal(404, "not-found", "there is no such document")
        return Response(text, media_type="application/jose")

    async def about(_: Request) -> Response:
        return JSONResponse(description(parts))

    async def openapi(_: Request) -> Response:
        wrong = "documents-another-answer" in parts.defects
        return JSONResponse(capability.openapi(parts.product, parts.version, parts.base, wrong=wrong))

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "pass"})

    async def token(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        try:
            return JSONResponse(parts.tokens.grant(form))
        except BadClient as error:
            return JSONResponse({"error": "invalid_client", "error_description": str(error)}, 401)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)

    return [
        Route("/", about),
        Route("/about", about),
        Route("/health", health),
        Route("/openapi.json", openapi),
        Route("/.well-known/smart-configuration", smart),
        Route("/.well-known/jwks.json", jwks),
        Route("/.well-known/security.txt", security_txt),
        Route("/.well-known/assurance.json", assurance_list),
        Route("/assurance/{kind}.jws", assurance_document),
        Route("/oauth/token", token, methods=["POST"]),
    ]


def description(parts: Service) -> dict[str, Any]:
    """The app as it introduces itself: the body of an application for a certificate, but for the proof."""
    return {
        "supplier": f"{parts.product} Ltd",
        "product": parts.product,
        "version": parts.version,
        "base_url": parts.base,
        "service_kind": parts.kind,
        "client_id": parts.outgoing.client_id,
        "jwks": {"keys": [keys.public(parts.key)]},
        "contact": f"standards@{parts.fhir.product}.example",
    }


# What the operator (the person who runs the app) may do


def _operator(parts: Service) -> list[Route]:
    def known(request: Request) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), parts.operator_token.encode()):
            raise Refusal(401, "login", "this needs the operator's token", {"www-authenticate": "Bearer"})

    async def connect(request: Request) -> Response:
        known(request)
        try:
            return JSONResponse(await parts.outgoing.connect(json.loads(await request.body())))
        except (ValueError, KeyError, httpx.HTTPError, httpx.InvalidURL) as error:
            raise Refusal(
                502, "transient", f"Carespine cannot be reached there ({type(error).__name__})"
            ) from error

    async def application(request: Request) -> Response:
        """The body of an application at a platform, with the proof that our key is ours."""
        known(request)
        try:
            platform = str(json.loads(await request.body())["platform"])
        except (ValueError, KeyError, TypeError) as error:
            raise Refusal(400, "invalid", "name the platform: its address") from error
        proof = parts.outgoing.proof(f"{platform}/standards/applications")
        return JSONResponse({**description(parts), "proof": proof})

    async def export(request: Request) -> Response:
        known(request)
        with tempfile.NamedTemporaryFile(dir=parts.data, suffix=".zip") as file:
            size = 0
            async for piece in request.stream():
                size += len(piece)
                if size > _LARGEST_EXPORT:
                    raise Refusal(413, "too-long", "the export is larger than 2 GB")
                file.write(piece)
            file.flush()
            try:
                answer = await parts.outgoing.send(request.path_params["number"], Path(file.name))
            except httpx.HTTPError as error:
                raise Refusal(
                    502, "transient", f"Carespine did not answer ({type(error).__name__})"
                ) from error
        return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))

    streams: list[tuple[Stream, asyncio.Task[None]]] = []

    async def stream(request: Request) -> Response:
        known(request)
        wish = json.loads(await request.body())
        made = Stream(
            parts.outgoing,
            request.path_params["number"],
            datetime.fromisoformat(wish["start"]),
            int(wish["minutes"]),
            float(wish.get("pace_seconds", 0)),
        )
        streams.append((made, asyncio.create_task(made.run())))
        return JSONResponse(made.status(), 202)

    async def status(request: Request) -> Response:
        known(request)
        where = parts.outgoing.settings()
        refusals = parts.outgoing.refusals
        return JSONResponse({"connected": where, "exports_sent": parts.outgoing.sent, "refusals": refusals,
                             "streams": [each.status() for each, _ in streams]})  # fmt: skip

    return [
        Route("/application", application, methods=["POST"]),
        Route("/connect", connect, methods=["POST"]),
        Route("/patients/{number}/exports", export, methods=["POST"]),
        Route("/patients/{number}/streams", stream, methods=["POST"]),
        Route("/status", status),
    ]
