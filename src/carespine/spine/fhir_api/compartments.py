"""Compartment search: GET Patient/id/Observation?... (or Patient/id/*) finds what belongs to one patient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carespine.fhir import definitions
from carespine.fhir.search import AnyOf, Clause, parse
from carespine.kernel.errors import NotFound
from carespine.spine.fhir_api import searching
from carespine.spine.fhir_api.answer import Answer

if TYPE_CHECKING:
    from carespine.security.session import Session
    from carespine.spine.fhir_api.exchange import Exchange

# How the R4 definitions say that the resource itself is in its compartment.
_ITSELF = "{def}"
EVERY_TYPE = "*"
COMPARTMENTS = ("Device", "Encounter", "Patient", "Practitioner", "RelatedPerson")


async def search(session: Session, exchange: Exchange) -> Answer:
    """The type's search (`*`: that of all types), narrowed to the compartment; a type without a place in it is
    refused."""
    compartment, resource_id, wanted, *_ = exchange.parts
    address = "/".join(exchange.parts[:3])
    if wanted == EVERY_TYPE:
        exchange = searching.with_form(exchange)
        types = {name for name, codes in definitions.compartment(compartment).items() if codes}
        if asked := searching.types_asked(exchange):
            types &= set(asked)
        return await searching.find_across(
            session,
            exchange,
            [name for name in session.searchable(await session.types_in_use()) if name in types],
            address=address,
            inside=lambda name: (within(compartment, resource_id, name),),
        )
    inside = within(compartment, resource_id, wanted)
    return await searching.find(session, exchange, wanted, address=address, inside=(inside,))


def within(compartment: str, resource_id: str, wanted: str) -> Clause:
    """The condition that a resource of type `wanted` is in the compartment; raises NotFound where none can be."""
    codes = definitions.compartment(compartment).get(wanted, ())
    if not codes:
        raise NotFound(f"No {wanted[:60]} can be in the compartment of a {compartment}.")
    clauses: list[Clause] = []
    if wanted == compartment:
        clauses += parse(wanted, [("_id", resource_id)]).clauses
    for code in codes:
        pair = ("_id", resource_id) if code == _ITSELF else (code, f"{compartment}/{resource_id}")
        clauses += parse(wanted, [pair]).clauses
    return AnyOf(wanted, tuple(clauses))
