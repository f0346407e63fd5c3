"""An application for a certificate: what a supplier sends, and whether it can be taken."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from carespine.kernel.errors import Invalid
from carespine.kernel.ids import new_id
from carespine.standards import catalogue, keys
from carespine.standards.models import Application

_CLIENT_ID = re.compile(r"[A-Za-z0-9._\-]{3,80}")
_LONGEST = 200


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The body of an application. `client_id` may be left out: then it is the key's thumbprint.

    `proof` shows that the key is the applicant's (possession.py).
    """

    supplier: str
    product: str
    version: str
    base_url: str
    service_kind: str
    jwks: dict[str, Any]
    contact: str
    client_id: str = ""
    proof: str = ""


def read(raw: bytes) -> Wish:
    """The wish in a JSON text. Raises Invalid, naming the place."""
    try:
        return msgspec.json.decode(raw, type=Wish)
    except msgspec.DecodeError as error:
        raise Invalid(f"The application cannot be read: {error}.") from error
    except RecursionError as error:
        raise Invalid("The application cannot be read: it is nested too deeply.") from error


def application(wish: Wish, *, now: datetime) -> Application:
    """The application that the wish asks for. Raises Invalid with the first rule that it breaks."""
    texts = {
        "supplier": wish.supplier,
        "product": wish.product,
        "version": wish.version,
        "contact": wish.contact,
    }
    for name, text in texts.items():
        if not text.strip() or len(text) > _LONGEST or not text.isprintable():
            raise Invalid(f"{name} must be 1 to {_LONGEST} printable characters.")
    if not _is_address(wish.base_url):
        raise Invalid("base_url must be an address such as https://app.example.org.")
    known = {str(each.service_kind): each.name for each in catalogue.profiles().values()}
    if wish.service_kind not in known:
        raise Invalid(f"There is no profile for {wish.service_kind!r} yet; there are {', '.join(known)}.")
    thumbprint = keys.client_thumbprint(wish.jwks)
    client_id = wish.client_id or thumbprint
    if not _CLIENT_ID.fullmatch(client_id):
        raise Invalid("client_id must be 3 to 80 letters, digits, dots, hyphens or underscores.")
    return Application(
        id=new_id(),
        supplier=wish.supplier.strip(),
        product=wish.product.strip(),
        version=wish.version.strip(),
        client_id=client_id,
        base_url=wish.base_url.rstrip("/"),
        profile=known[wish.service_kind],
        contact=wish.contact.strip(),
        jwks=wish.jwks,
        thumbprint=thumbprint,
        created=now,
    )


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        usable = parts.port is None or parts.port > 0  # reading the port is what checks it
    except ValueError:
        return False
    bare = not (parts.query or parts.fragment or parts.username is not None)
    return (
        usable and bare and text.isprintable() and parts.scheme in {"http", "https"} and bool(parts.hostname)
    )
