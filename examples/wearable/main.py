"""Running the service: its own process, its own port, one JSON line when it is ready."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
import sys
from pathlib import Path

import httpx
from granian.constants import Interfaces
from granian.server.embed import Server

from wearable import sandbox
from wearable.defects import DEFECTS, chosen
from wearable.web import Service, build, description, service

_HOST = "127.0.0.1"
_TRIES, _PAUSE_SECONDS = 200, 0.05


def run(product: str, *, defects: frozenset[str] = frozenset(), arguments: list[str] | None = None) -> None:
    """Read the command line and serve until told to stop, or print the sandbox's configuration."""
    told = _parser(product).parse_args(arguments)
    if told.sandbox_config:
        parts = service(product, data=told.data, base=f"http://{_HOST}")
        _say(sandbox.config(parts.store, told.data))
        return
    port = told.port or _free_port()
    base = f"http://{_HOST}:{port}"
    parts = service(
        product,
        data=told.data,
        base=base,
        defects=defects | chosen(told.defect),
        version=told.product_version,
    )
    asyncio.run(_serve(parts, port))


def _parser(product: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=f"{product}: an example wearable service")
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
        "--defect", action="append", default=[], choices=sorted(DEFECTS), help="switch a fault on"
    )
    return parser


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _say(tree: object) -> None:
    sys.stdout.write(json.dumps(tree) + "\n")
    sys.stdout.flush()


async def _serve(parts: Service, port: int) -> None:
    server = Server(build(parts), address=_HOST, port=port, interface=Interfaces.ASGI, log_enabled=False)
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, server.stop)
    serving = asyncio.create_task(server.serve())
    await _ready(parts.base, serving)
    _say({"address": parts.base, "operator_token": parts.operator_token, **description(parts)})
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
