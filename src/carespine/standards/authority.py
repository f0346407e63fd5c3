"""Who decides on products, and for which health body an administrator chooses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carespine.kernel.errors import Forbidden

if TYPE_CHECKING:
    from carespine.security.actor import Actor


def is_authority(actor: Actor) -> bool:
    """Whether the actor decides on products: an administrator of the register, or the system itself."""
    return actor.kind in {"administrator", "system"}


def demand_authority(actor: Actor, verb: str) -> None:
    """Raises Forbidden for anyone else."""
    if not is_authority(actor):
        raise Forbidden(f"Only an administrator of the register may {verb}.")


def health_body(actor: Actor) -> str:
    """The ODS code of the health body that the actor administers. Raises Forbidden for anyone else."""
    if actor.kind != "administrator" or not actor.organisation:
        raise Forbidden(
            "Only an administrator whose account names their health body may do this, for that body alone."
        )
    return actor.organisation
