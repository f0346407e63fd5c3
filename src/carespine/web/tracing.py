"""OpenTelemetry: one span for each request, off unless the standard OTEL_ variables ask for it.

A span says the route as a template, the method, the status and the request id; never an address, a search or a
person. The names are those of the semantic conventions for HTTP.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from carespine import __version__
from carespine.web import places

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span
    from starlette.types import Scope

_WANTED = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PARENT = (b"traceparent", b"tracestate")


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Whether the environment names a place to send traces to, and does not switch them off."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if environment.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return False
    return any(environment.get(name) for name in _WANTED)


def provider() -> TracerProvider | None:
    """What makes and sends spans as the environment says; None where it asks for none."""
    if not is_wanted(os.environ):
        return None
    # Slow to import, and few need it.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    name = os.environ.get("OTEL_SERVICE_NAME", "carespine")
    made = TracerProvider(resource=Resource.create({"service.name": name, "service.version": __version__}))
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return made


class Tracing:
    """Spans around requests."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("carespine", __version__)

    @contextmanager
    def request(self, scope: Scope, request_id: str) -> Iterator[Span]:
        """A span for one request, below the one that the caller names; `finish` is to be called at its end."""
        from opentelemetry.propagate import extract  # noqa: PLC0415
        from opentelemetry.trace import SpanKind  # noqa: PLC0415

        carrier = {
            name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in _PARENT
        }
        method = places.method(scope)
        attributes = {"http.request.method": method, "carespine.request_id": request_id}
        with self._tracer.start_as_current_span(
            method,
            context=extract(carrier),
            kind=SpanKind.SERVER,
            attributes=attributes,
            record_exception=False,  # an exception's text may hold what a patient is called
        ) as span:
            yield span


def finish(span: Span, scope: Scope, route: str, status: int) -> None:
    """Name the span after its route, and say how it ended."""
    from opentelemetry.trace import StatusCode  # noqa: PLC0415

    span.update_name(f"{places.method(scope)} {route}")
    span.set_attribute("http.route", route)
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        span.set_status(StatusCode.ERROR)
