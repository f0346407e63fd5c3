"""AP-01: where the service describes itself in OpenAPI, it answers as it says there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin

from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding, Outcome

# minimum-standards, AP-01: 30 generated calls; and ours, three to addresses that nobody described.
_CALLS, _INVENTED = 30, 3
_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Operation:
    """One GET of the document: its path template, the values its parameters may have, and its answers."""

    path: str
    parameters: tuple[dict[str, Any], ...]
    responses: dict[str, Any]


def resolved(document: dict[str, Any], tree: Any, depth: int = _DEPTH) -> dict[str, Any]:
    """What `tree` is or refers to within the document; empty where that is nothing."""
    while depth and isinstance(tree, dict) and isinstance(tree.get("$ref"), str):
        found: Any = document
        for part in tree["$ref"].removeprefix("#/").split("/"):
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        tree, depth = found, depth - 1
    return tree if isinstance(tree, dict) else {}


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    """The GET operations of the document."""
    paths = document.get("paths")
    for path, raw in (paths if isinstance(paths, dict) else {}).items():
        item = resolved(document, raw)
        get = item.get("get")
        if not isinstance(get, dict):
            continue
        told = [*(item.get("parameters") or []), *(get.get("parameters") or [])]
        parameters = tuple(resolved(document, each) for each in told)
        responses = get.get("responses")
        answers = responses if isinstance(responses, dict) else {}
        yield Operation(
            str(path), parameters, {code: resolved(document, each) for code, each in answers.items()}
        )


def deviation(answer: Answer, responses: dict[str, Any]) -> str | None:
    """How a successful or failed answer is not as documented, or None. Refusals (4xx) may go unsaid."""
    status = str(answer.status)
    said = next(
        (
            responses[each]
            for each in (status, f"{status[0]}XX", f"{status[0]}xx", "default")
            if each in responses
        ),
        None,
    )
    if status[0] in "25" and said is None:
        return f"the answer {status} is not documented"
    content = (said or {}).get("content") or {}
    kind = answer.header("content-type").partition(";")[0].strip().lower()
    if status[0] == "2" and content and kind not in {name.partition(";")[0].lower() for name in content}:
        return f"the answer is {kind or 'of no type'}, which is not documented"
    return None


def _value(context: Context, document: dict[str, Any], parameter: dict[str, Any]) -> str:
    schema = resolved(document, parameter.get("schema"))
    values = schema.get("enum")
    if isinstance(values, list) and values:
        return str(context.random.choice(values))
    return (
        str(context.random.randint(1, 9)) if schema.get("type") in ("integer", "number") else context.uuid()
    )


async def _call(context: Context, document: dict[str, Any], base: str, operation: Operation) -> Answer:
    path, query = operation.path, []
    for each in operation.parameters:
        name = str(each.get("name"))
        if each.get("in") == "path":
            path = path.replace("{" + name + "}", quote(_value(context, document, each), safe=""))
        elif each.get("in") == "query" and each.get("required"):
            query.append((name, _value(context, document, each)))
    return await context.call("GET", base + path, identity=context.first, params=query or None)


async def _document(context: Context) -> Answer | None:
    """The OpenAPI document, if the service has one."""
    for place in (context.session.base_url, context.session.fhir_base):
        answer = await context.call("GET", f"{place}/openapi.json", headers={"accept": "application/json"})
        if answer.ok and str(answer.tree.get("openapi", "")).startswith("3."):
            return answer
    return None


@check(
    "AP-01",
    "openapi",
    title="The OpenAPI document is true",
    quote="Machine-readable interface description is publicly reachable without contract (OpenAPI or "
    "CapabilityStatement) and matches behaviour.",
    expected="Where /openapi.json (at the service's base or below its FHIR base) answers an OpenAPI 3 document: 30 "
    "generated GETs answer no 2xx or 5xx that is not documented there, and no 2xx of another media type; invented "
    "addresses are not answered 2xx. A service without one is held to its CapabilityStatement alone.",
    advice="Generate the document from the routes, with every status and media type they answer.",
    needs=(one_identity,),
)
async def run(context: Context) -> Finding:
    described = await _document(context)
    if described is None:
        return Finding(
            Outcome.OMIT, "the service has no OpenAPI document; its CapabilityStatement counts", tried=0
        )
    document = described.tree
    servers = document.get("servers") or [{}]
    told = str(servers[0].get("url") or "") if isinstance(servers[0], dict) else ""
    base = urljoin(described.url, told).rstrip("/") if told else described.url.rsplit("/", 1)[0]
    own = context.session.base_url
    offered = sorted(operations(document), key=lambda each: each.path)
    if not offered or not (base == own or base.startswith(own + "/")):
        return context.failed("the document describes no GET of this service", described)
    faults: list[Fault] = []
    drawn = context.random.sample(offered, min(len(offered), _CALLS))
    drawn += context.random.choices(offered, k=_CALLS - len(drawn))
    for operation in drawn:
        answer = await _call(context, document, base, operation)
        text = deviation(answer, operation.responses)
        if text:
            faults.append(fault(f"{operation.path}: {text}", answer))
    for _ in range(_INVENTED):
        answer = await context.call("GET", f"{base}/{context.uuid()}", identity=context.first)
        if answer.ok:
            faults.append(fault("an address that nobody described is answered", answer))
    return context.judge(faults, tried=_CALLS + _INVENTED, came=f"{_CALLS} calls answered as documented")
