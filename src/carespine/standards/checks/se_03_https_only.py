"""SE-03: plain HTTP leads nowhere but to HTTPS."""

from __future__ import annotations

import re

import httpx

from carespine.standards.engine.check import check, over_tls
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

# minimum-standards, SE-03: one year in seconds.
_MAX_AGE_S = 31_536_000


@check(
    "SE-03",
    "https-only",
    title="Browsers are held to HTTPS",
    quote="HTTP redirects or refuses; HSTS.",
    expected="Answers carry Strict-Transport-Security with max-age of at least 31536000; the same "
    "address over plain HTTP refuses, or redirects to HTTPS.",
    advice="Send Strict-Transport-Security on every answer, and close port 80 or redirect from it.",
    needs=(over_tls,),
)
async def run(context: Context) -> Finding:
    faults: list[Fault] = []
    for path in ("/fhir/metadata", "/.well-known/smart-configuration"):
        answer = await context.call("GET", path)
        found = re.search(r"max-age=(\d+)", answer.header("strict-transport-security"))
        if found is None or int(found[1]) < _MAX_AGE_S:
            faults.append(fault("Strict-Transport-Security is missing or short", answer))
    plain = httpx.URL(context.session.base_url).copy_with(scheme="http", port=80)
    try:
        answer = await context.call("GET", str(plain).rstrip("/") + "/fhir/metadata")
    except httpx.TransportError:
        return context.judge(faults, tried=3, came="HSTS is sent; plain HTTP is not answered")
    to_https = 300 <= answer.status < 400 and answer.header("location").startswith("https://")
    if not (to_https or answer.refused):
        faults.append(fault("plain HTTP was neither refused nor redirected to HTTPS", answer))
    return context.judge(faults, tried=3, came="HSTS is sent; plain HTTP leads to HTTPS")
