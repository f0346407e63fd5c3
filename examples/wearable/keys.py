"""The service's keys: made at the first start, kept in a file that only its owner may read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey

CURVE, ALGORITHM = "P-384", "ES384"


def write_private(path: Path, text: str) -> None:
    """Write a new file that was never readable by others. Raises FileExistsError where there is one."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def new_key() -> dict[str, Any]:
    """A fresh private key as a JWK; its kid is its thumbprint (RFC 7638)."""
    key = ECKey.generate_key(CURVE)
    return {**key.as_dict(private=True), "kid": key.thumbprint(), "alg": ALGORITHM, "use": "sig"}


def load_or_make(path: Path) -> dict[str, Any]:
    """The private key in the file, made first where there is none."""
    if not path.exists():
        write_private(path, json.dumps(new_key()))
    tree: dict[str, Any] = json.loads(path.read_text())
    return tree


def public(jwk: dict[str, Any]) -> dict[str, Any]:
    """The key without its private part."""
    return {name: value for name, value in jwk.items() if name != "d"}
