"""The server's own signing keys: made at first start, kept in files that only the owner can read."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from carespine.kernel.errors import Misconfigured

# NIST SP 800-131A: at least 2,048 bits; 3,072 hold beyond 2030 (SP 800-57 part 1, table 2).
_RSA_BITS = 3_072
_KINDS: dict[str, type[ECKey | RSAKey | OctKey]] = {"EC": ECKey, "RSA": RSAKey, "oct": OctKey}


def load_or_create(path: Path) -> ECKey:
    """The ES256 key in the JWK file at `path`, made with mode 0600 if there is none.

    Raises Misconfigured where the file is readable by others or is not such a key.
    """
    if not path.exists():
        _create(path, lambda: ECKey.generate_key("P-256", auto_kid=True))
    return ECKey.import_key(_read(path))


def load_or_create_rsa(path: Path) -> RSAKey:
    """The same for a key that signs by RS256."""
    if not path.exists():
        _create(path, lambda: RSAKey.generate_key(_RSA_BITS, auto_kid=True))
    return RSAKey.import_key(_read(path))


def load_or_create_secret(path: Path) -> OctKey:
    """The same for a key of 256 bits that is never shown to anybody."""
    if not path.exists():
        _create(path, lambda: OctKey.generate_key(256, auto_kid=True))
    return OctKey.import_key(_read(path))


class KeyRing:
    """The key that signs now, and those before it that may still be met in a token.

    The files are looked at again when they change, so that a rotation reaches every server process without a
    restart.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        load_or_create(path)
        self._seen = -1
        self._keys: dict[str, ECKey] = {}
        self._kid = ""

    @property
    def current(self) -> ECKey:
        self._look()
        return self._keys[self._kid]

    @property
    def keys(self) -> list[ECKey]:
        """All keys, the current one first."""
        self._look()
        return sorted(self._keys.values(), key=lambda key: key.kid != self._kid)

    def find(self, kid: str) -> ECKey:
        """The key with this id; raises KeyError."""
        self._look()
        return self._keys[kid]

    def as_dict(self, *, private: bool) -> dict[str, Any]:
        """The current key as a JWK."""
        return self.current.as_dict(private=private)

    def rotate(self) -> str:
        """Sign with a new key from now on; the key before stays known, older ones go. Returns the new key's id."""
        for old in self._retired():
            old.unlink()
        fresh = self._path.with_suffix(".next.jwk")
        made = load_or_create(fresh)
        os.link(self._path, self._path.with_suffix(".retired.jwk"))
        fresh.replace(self._path)  # at no moment is there no current key
        return str(made.kid)

    def _look(self) -> None:
        mark = self._path.stat().st_mtime_ns
        if mark == self._seen:
            return
        current = load_or_create(self._path)
        known = [current, *(ECKey.import_key(_read(path)) for path in self._retired())]
        self._keys, self._kid, self._seen = {str(key.kid): key for key in known}, str(current.kid), mark

    def _retired(self) -> list[Path]:
        return [path for path in (self._path.with_suffix(".retired.jwk"),) if path.exists()]


def _read(path: Path) -> dict[str, Any]:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Misconfigured(f"The key file {path} can be read by others; run: chmod 600 {path}")
    try:
        tree: dict[str, Any] = json.loads(path.read_text())
        _KINDS[tree["kty"]].import_key(tree)
    except (ValueError, KeyError, JoseError) as error:
        raise Misconfigured(f"The file {path} does not hold a key; restore it from a backup.") from error
    return tree


def _create(path: Path, make: Callable[[], ECKey | RSAKey | OctKey]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(make().as_dict(private=True))
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


def public_set(*keys: ECKey | RSAKey) -> KeySet:
    """The keys as others may see them."""
    return KeySet([type(key).import_key(key.as_dict(private=False)) for key in keys])
