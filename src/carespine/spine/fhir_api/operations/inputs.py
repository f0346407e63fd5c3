"""The inputs of an operation: from the query and, where there is a body, from a Parameters resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carespine.fhir import codec
from carespine.fhir.search import moments
from carespine.kernel.errors import Invalid

if TYPE_CHECKING:
    from carespine.spine.fhir_api.exchange import Exchange

_OUTPUT_ONLY = frozenset({"_format", "_pretty"})


def given(exchange: Exchange, *, references: bool = False) -> list[tuple[str, str]]:
    """Names and values as text, in order; raises Invalid for a parameter that has no simple value.

    With `references` the reference of a valueReference counts as one.
    """
    pairs = [(name, value) for name, value in exchange.pairs if name not in _OUTPUT_ONLY]
    return pairs + [(item["name"], text(item, references=references)) for item in parameters(exchange)]


def demand_asynchronous(exchange: Exchange) -> None:
    """Raise Invalid where the client does not say that it comes back for the answer."""
    if "respond-async" not in exchange.prefer:
        raise Invalid(
            "This takes its time: send the header Prefer: respond-async, and come back for the answer."
        )


def parameters(exchange: Exchange) -> list[dict[str, Any]]:
    """The parameters in the body; none where there is no body."""
    if exchange.method != "POST" or not exchange.body:
        return []
    found: list[dict[str, Any]] = codec.decode(exchange.body, "Parameters").get("parameter", [])
    return found


def once(pairs: list[tuple[str, str]], name: str) -> str | None:
    """The value of a parameter that is given once or not at all; raises Invalid for more."""
    values = [value for key, value in pairs if key == name]
    if len(values) > 1:
        raise Invalid(f"The parameter {name!r} is given {len(values)} times; expected it once.")
    return values[0] if values else None


def demand_known(pairs: list[tuple[str, str]], known: frozenset[str]) -> None:
    """Raise Invalid for a name that the operation does not have."""
    if unknown := sorted({name for name, _ in pairs} - known):
        raise Invalid(f"This operation takes {', '.join(sorted(known))}; not {', '.join(unknown)[:100]}.")


def number(pairs: list[tuple[str, str]], name: str, default: int, most: int) -> int:
    """A whole number from 1, `most` where more is asked for; raises Invalid for anything else."""
    text = once(pairs, name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < 1:
        raise Invalid(f"{name} must be a whole number from 1, not {text[:40]!r}.")
    return min(int(text), most)


def interval(pairs: list[tuple[str, str]], name: str) -> tuple[int, int] | None:
    """A date or an instant as microseconds since 1970, half-open; raises Invalid for anything else."""
    text = once(pairs, name)
    if text is None:
        return None
    try:
        return moments.interval(text.replace(" ", "+"))
    except ValueError as error:
        raise Invalid(f"{name} must be a date or an instant, not {text[:40]!r}.") from error


def text(parameter: dict[str, Any], *, references: bool = False) -> str:
    """The simple value of a parameter; raises Invalid where it has none."""
    if references and isinstance(parameter.get("valueReference"), dict):
        return str(parameter["valueReference"].get("reference", ""))
    value = next((parameter[key] for key in parameter if key.startswith("value")), None)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, (dict, list)):
        raise Invalid(f"The parameter {parameter['name'][:60]!r} needs a simple value.")
    return str(value)
