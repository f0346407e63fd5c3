"""The terminology service: $expand, $validate-code, $lookup, $subsumes, $translate, $closure over what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from carespine.fhir import codec
from carespine.fhir.terminology import closing, operations
from carespine.fhir.terminology.requests import Request
from carespine.kernel.errors import Invalid, NotFound
from carespine.spine.fhir_api import answer
from carespine.spine.fhir_api.answer import Answer
from carespine.storage.terminology import closures

if TYPE_CHECKING:
    from carespine.fhir.terminology.models import Tree
    from carespine.security.session import Session
    from carespine.spine.fhir_api.exchange import Exchange
    from carespine.storage.terminology.library import StoredLibrary

_OUTPUT_ONLY = frozenset({"_format", "_pretty", "_summary", "_elements"})
# The parameter that a resource is, where it is posted as it stands (R4 operations.html#request).
_ALONE = {"ValueSet": "valueSet", "CodeSystem": "codeSystem", "ConceptMap": "conceptMap"}


async def expand(session: Session, exchange: Exchange) -> Answer:
    """ValueSet/$expand."""
    library = session.terminology("ValueSet", asked=_asked(exchange))
    found = await operations.expand(
        library,
        _request(exchange),
        instance=await _instance(session, exchange, library),
        selecting=library.selecting,
        now=session.clock(),
    )
    return _answer(exchange, found)


async def validate_code(session: Session, exchange: Exchange) -> Answer:
    """CodeSystem/$validate-code and ValueSet/$validate-code."""
    resource_type = exchange.parts[0]
    library = session.terminology(resource_type, asked=_asked(exchange))
    request, instance = _request(exchange), await _instance(session, exchange, library)
    if resource_type == "CodeSystem":
        return _answer(exchange, await operations.validate_in_system(library, request, instance=instance))
    found = await operations.validate_in_set(library, request, instance=instance, selecting=library.selecting)
    return _answer(exchange, found)


async def lookup(session: Session, exchange: Exchange) -> Answer:
    """CodeSystem/$lookup."""
    library = session.terminology("CodeSystem", asked=_asked(exchange))
    return _answer(exchange, await operations.lookup(library, _request(exchange)))


async def subsumes(session: Session, exchange: Exchange) -> Answer:
    """CodeSystem/$subsumes."""
    library = session.terminology("CodeSystem", asked=_asked(exchange))
    instance = await _instance(session, exchange, library)
    return _answer(exchange, await operations.subsumes(library, _request(exchange), instance=instance))


async def translate(session: Session, exchange: Exchange) -> Answer:
    """ConceptMap/$translate."""
    library = session.terminology("ConceptMap", asked=_asked(exchange))
    instance = await _instance(session, exchange, library)
    return _answer(exchange, await operations.translate(library, _request(exchange), instance=instance))


async def closure(session: Session, exchange: Exchange) -> Answer:
    """$closure of the system: begins, grows or replays a closure table of the asker's own."""
    library = session.terminology("ConceptMap", asked=_asked(exchange))
    request = _request(exchange).only(frozenset({"name", "concept", "version"}))
    name, owner, codings = request.needed("name"), session.actor.id, request.trees("concept")
    if codings and request.has("version"):
        raise Invalid("Give new concepts, or a version to replay from; not both.")
    if not codings and not request.has("version"):
        await closures.begin(session.tx, owner, name)
        return _answer(exchange, closing.concept_map(name, 0, (), now=session.clock()))
    current = await closures.version(session.tx, owner, name)
    if current is None:
        raise NotFound(f"There is no closure table {name[:60]!r}; begin one by its name alone.")
    if codings:
        gained = await closing.gained(library, await closures.concepts(session.tx, owner, name), codings)
        current = await closures.grow(session.tx, owner, name, codings, gained.items())
        groups = list(gained.items())
    else:
        groups = await closures.since(session.tx, owner, name, request.number("version") or 0)
    return _answer(exchange, closing.concept_map(name, current, groups, now=session.clock()))


def _request(exchange: Exchange) -> Request:
    pairs = [(name, value) for name, value in exchange.pairs if name not in _OUTPUT_ONLY]
    return Request.of(pairs, _parameters(exchange))


def _parameters(exchange: Exchange) -> Sequence[Tree]:
    if exchange.method != "POST" or not exchange.body:
        return ()
    tree = codec.decode(exchange.body)
    if tree["resourceType"] in _ALONE:
        return [{"name": _ALONE[tree["resourceType"]], "resource": tree}]
    codec.require_resource(tree, "Parameters")
    found: list[Tree] = tree.get("parameter", [])
    return found


async def _instance(session: Session, exchange: Exchange, library: StoredLibrary) -> Tree | None:
    """The resource on which the operation was called; None on the type."""
    if len(exchange.parts) < 3:
        return None
    return library.hold(await session.read_stored(exchange.parts[0], exchange.parts[1]))


def _asked(exchange: Exchange) -> str:
    return "/".join(exchange.parts)


def _answer(exchange: Exchange, tree: Tree) -> Answer:
    body = codec.encode(tree)
    return Answer(200, answer.pretty(body) if exchange.pretty else body)
