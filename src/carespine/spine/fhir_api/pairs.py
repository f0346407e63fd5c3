"""Query strings and forms as pairs of names and values, in order."""

from __future__ import annotations

from urllib.parse import parse_qsl

from carespine.kernel.errors import Invalid

_MOST_PAIRS = 200


def query_pairs(text: str) -> list[tuple[str, str]]:
    """The decoded pairs; raises Invalid where the text is not UTF-8 or has more than 200 of them."""
    if not text:
        return []
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_PAIRS)
    except ValueError as error:
        raise Invalid(f"The query string is not UTF-8, or has more than {_MOST_PAIRS} parameters.") from error
