"""JSON text in and out: numbers keep their digits, and what is not strict JSON is refused with a reason."""

from __future__ import annotations

import codecs
import json
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from carespine.kernel.errors import Invalid

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


def read(raw: bytes) -> Any:
    """The value of a JSON text; numbers with a fraction or an exponent are Decimal. Raises Invalid.

    Of a duplicated key the last value is returned: ask `duplicate_keys`, which needs the number of keys.
    """
    try:
        return _decode(raw)
    except UnicodeDecodeError as error:
        raise Invalid(f"The JSON text is not valid UTF-8 (byte {error.start} of a string).") from error
    except RecursionError as error:
        raise Invalid("The JSON text is nested too deeply.") from error
    except (InvalidOperation, msgspec.ValidationError) as error:
        raise Invalid("The JSON text has a number that is too large to be read.") from error
    except msgspec.DecodeError as error:
        if raw.startswith(codecs.BOM_UTF8):  # not to be sent (RFC 8259, 8.1)
            raise Invalid("The body begins with a byte order mark, which JSON does not have.") from error
        raise Invalid(f"The body is not JSON that can be read: {error}.") from error


def write(tree: Any) -> bytes:
    """Compact JSON of a tree of dict, list, str, bool, int and Decimal; a Decimal keeps its digits."""
    return _encode(tree)


def duplicate_keys(raw: bytes, keys: int) -> list[str]:
    """Keys that occur twice in one object of `raw`, given how many keys its decoded tree holds.

    Counting quotes that are followed by a colon is cheap, and equals the number of keys unless a key is
    repeated, stands apart from its colon, or a string begins with a colon. Only then is the text read again,
    slowly.
    """
    quoted_colons = raw.count(b'":') - (raw.count(b'\\":') if b"\\" in raw else 0)
    if quoted_colons == keys and not _has_loose_colon(raw):
        return []
    found: list[str] = []

    def see(pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        found.extend(name for name in dict.fromkeys(names) if names.count(name) > 1)

    json.loads(raw, object_pairs_hook=see, parse_int=len, parse_float=len)
    return found


def _has_loose_colon(raw: bytes) -> bool:
    # The single bytes are looked for first, since compact JSON has none of them and that search is the fastest.
    # A colon after a space within a string is a false alarm that costs only time.
    return (
        b" :" in raw
        or (b"\n" in raw and b"\n:" in raw)
        or (b"\t" in raw and b"\t:" in raw)
        or (b"\r" in raw and b"\r:" in raw)
    )
