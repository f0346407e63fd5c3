"""$submit-cgm-bundle: readings of a device in a Bundle, taken by the domain that keeps readings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from carespine.fhir import codec, json_text
from carespine.kernel.errors import Invalid, NotFound
from carespine.spine.fhir_api.answer import Answer

if TYPE_CHECKING:
    from carespine.security.session import Session
    from carespine.spine.fhir_api.exchange import Exchange

# HL7 CGM guide 1.0.0, OperationDefinition submit-cgm-bundle.
URL = "http://hl7.org/fhir/uv/cgm/OperationDefinition/submit-cgm-bundle"
RECEIVER = "http://hl7.org/fhir/uv/cgm/CapabilityStatement/cgm-data-receiver"


class Taker(Protocol):
    """Who takes a submission: the Bundle and its bytes in, a transaction-response out, an entry for each entry."""

    async def __call__(
        self, session: Session, bundle: dict[str, Any], *, raw: bytes, base: str, key: str | None
    ) -> dict[str, Any]: ...


_takers: list[Taker] = []


def fill(taker: Taker) -> None:
    """Say who takes submissions; web/wiring.py does, once for the process."""
    _takers[:] = [taker]


async def submit(session: Session, exchange: Exchange) -> Answer:
    """POST [base]/$submit-cgm-bundle with a Bundle of type transaction. Raises Invalid for anything else."""
    if not _takers:
        raise NotFound("Nothing here takes readings of devices.")
    tree = json_text.read(exchange.body)
    if (
        not isinstance(tree, dict)
        or tree.get("resourceType") != "Bundle"
        or tree.get("type") != "transaction"
    ):
        raise Invalid("Send a Bundle of type transaction.", expression="Bundle.type")
    made = await _takers[0](
        session, tree, raw=exchange.body, base=exchange.base, key=exchange.headers.get("idempotency-key")
    )
    return Answer(200, codec.encode(made))
