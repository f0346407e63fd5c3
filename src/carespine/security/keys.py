"""The server's own signing keys: made at first start, kept in files that only the owner can read."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from joserfc.jwk import ECKey, KeySet

from carespine.kernel.errors import Misconfigured


def load_or_create(path: Path) -> ECKey:
    """The ES256 key in the JWK file at `path`, made with mode 0600 if there is none.

    Raises Misconfigured where the file is readable by others or is not such a key.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _create(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Misconfigured(f"The key file {path} can be read by others; run: chmod 600 {path}")
    try:
        return ECKey.import_key(json.loads(path.read_text()))
    except (ValueError, KeyError) as error:
        raise Misconfigured(f"The file {path} does not hold a key; restore it from a backup.") from error


def _create(path: Path) -> None:
    key = ECKey.generate_key("P-256", auto_kid=True)
    text = json.dumps(key.as_dict(private=True))
    partial = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(partial, path)  # fails if another process was first: its key is then the key
    except FileExistsError:
        pass
    finally:
        partial.unlink()


def public_set(*keys: ECKey) -> KeySet:
    """The keys as others may see them."""
    return KeySet([ECKey.import_key(key.as_dict(private=False)) for key in keys])
