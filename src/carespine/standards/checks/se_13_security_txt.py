"""SE-13: whoever finds a hole knows whom to tell."""

from __future__ import annotations

from datetime import datetime

from carespine.standards.engine.check import check
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

_CONTACTS = ("mailto:", "https://", "tel:")


@check(
    "SE-13",
    "security-txt",
    title="A contact for vulnerabilities is published",
    quote="Vulnerability contact published.",
    expected="GET /.well-known/security.txt answers text/plain with at least one Contact and exactly one "
    "Expires in the future (RFC 9116).",
    advice="Publish the file, and renew Expires at every release.",
)
async def run(context: Context) -> Finding:
    answer = await context.call("GET", "/.well-known/security.txt")
    if answer.status != 200:
        return context.failed("there is no security.txt", answer)
    lines = [
        line.split(":", 1) for line in answer.text.splitlines() if ":" in line and not line.startswith("#")
    ]
    fields = [(name.strip().lower(), value.strip()) for name, value in lines]
    faults: list[Fault] = []
    if not answer.header("content-type").startswith("text/plain"):
        faults.append(fault("it is not text/plain", answer))
    if not any(name == "contact" and value.startswith(_CONTACTS) for name, value in fields):
        faults.append(fault("it names no contact", answer))
    expires = [value for name, value in fields if name == "expires"]
    try:
        current = len(expires) == 1 and datetime.fromisoformat(expires[0]) > context.now()
    except (ValueError, TypeError):
        current = False
    if not current:
        faults.append(fault("it has no single Expires in the future", answer))
    return context.judge(faults, tried=3, came="the contact is published and current")
