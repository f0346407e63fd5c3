"""The pages over the example platform as an application, behind the gate that sends the real headers."""

from __future__ import annotations

from pages_examples import ExamplePlatform
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from carespine.web.gate import Gate
from carespine.web.pages.rendering import STATIC
from carespine.web.pages.routing import page_routes


def example_app(platform: ExamplePlatform | None = None) -> Gate:
    routes = [Mount("/static", StaticFiles(directory=STATIC)), *page_routes(platform or ExamplePlatform())]
    return Gate(Starlette(routes=routes), limit=64, https=False)
