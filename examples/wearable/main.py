"""Running the service: its own process, its own port, one JSON line when it is ready."""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

import httpx
import uvicorn
from starlette.types import ASGIApp

from wearable import sandbox
from wearable.defects import DEFECTS, chosen
from wearable.web import Service, build, description, service

_HOST = "127.0.0.1"
_TRIES, _PAUSE_SECONDS = 200, 0.05


def run(product: str, *, defects: frozenset[str] = frozenset(), arguments: list[str] | None = None) -> None:
    """Read the command line and serve until told to stop, or print the sandbox's configuration."""
    told = parser(product, DEFECTS).parse_args(arguments)
    if told.sandbox_config:
        parts = service(product, data=told.data, base=f"http://{_HOST}")
        say(sandbox.config(parts.store, told.data))
        return
    port = told.port or free_port()
    parts = service(
        product,
        data=told.data,
        base=f"http://{_HOST}:{port}",
        defects=defects | chosen(told.defect),
        version=told.product_version,
    )
    asyncio.run(serve(build(parts), parts, port))


def parser(product: str, defects: Iterable[str]) -> argparse.ArgumentParser:
    """The command line of an example service."""
    parser = argparse.ArgumentParser(description=f"{product}: an example service")
    parser.add_argument("--port", type=int, default=0, help="the port on 127.0.0.1; 0 takes a free one")
    parser.add_argument(
        "--data", type=Path, required=True, help="the folder for keys and readings; made if missing"
    )
    parser.add_argument(
        "--product-version", default="1.0.0", help="the version under which it asks to be certified"
    )
    parser.add_argument(
        "--sandbox-config", action="store_true", help="print the configuration for a check, and stop"
    )
    parser.add_argument(
        "--defect", action="append", default=[], choices=sorted(defects), help="switch a fault on"
    )
    return parser


def free_port() -> int:
    """A port of this machine that nobody uses."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def say(tree: object) -> None:
    """One JSON line on standard output."""
    sys.stdout.write(json.dumps(tree) + "\n")
    sys.stdout.flush()


async def serve(app: ASGIApp, parts: Service, port: int) -> None:
    """Serve `app` until told to stop; say so when it is ready."""
    settings = uvicorn.Config(app, host=_HOST, port=port, log_config=None, access_log=False)
    server = uvicorn.Server(settings)
    serving = asyncio.create_task(server.serve())
    await _ready(parts.base, serving)
    say({"address": parts.base, "operator_token": parts.operator_token, **description(parts)})
    await serving


async def _ready(base: str, serving: asyncio.Task[None]) -> None:
    """Wait until the service answers. Raises RuntimeError where it does not come up."""
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(_TRIES):
            if serving.done():
                raise RuntimeError("the server stopped before it was ready")
            try:
                if (await client.get(f"{base}/health")).is_success:
                    return
            except httpx.TransportError:
                await asyncio.sleep(_PAUSE_SECONDS)
    raise RuntimeError("the server did not become ready")
