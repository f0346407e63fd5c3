"""A small OpenID Connect provider of our own, on a port of this machine, which can misbehave where it matters."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from carespine.security.federation.provider import challenge

KEY = RSAKey.generate_key(2048, {"kid": "provider"})
STRANGER = RSAKey.generate_key(2048, {"kid": "provider"})


@dataclass
class FakeProvider:
    """`claims` and `userinfo` are what it says next; `key`, `alg` and `kid` how it signs; `nonce` overrides."""

    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    over: dict[str, Any] = field(default_factory=dict)
    key: Any = field(default_factory=lambda: KEY)
    alg: str = "RS512"
    kid: str = "provider"
    published: list[Any] = field(default_factory=lambda: [KEY])
    issuer: str = ""
    describes: str | None = None
    client_keys: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    clock: Any = None
    proved: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def consent(self, address: str) -> dict[str, str]:
        """Somebody signs in where the browser was sent to: the parameters that it comes back with."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert asked["code_challenge_method"] == "S256"
        assert asked["response_type"] == "code"
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """The token endpoint, as strict as a real one: the client proves itself, the code works once, PKCE holds."""
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None or challenge(form["code_verifier"]) != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        keys = KeySet.import_key_set(self.client_keys)  # type: ignore[arg-type]
        proof = jwt.decode(form["client_assertion"], keys, algorithms=["RS512"]).claims
        assert proof["aud"] == f"{self.issuer}/token"
        assert proof["iss"] == proof["sub"] == form["client_id"] == asked["client_id"]
        assert form["redirect_uri"] == asked["redirect_uri"]
        self.proved.append(proof)
        now = int(self.clock().timestamp())
        claims = {
            "iss": self.issuer, "aud": asked["client_id"], "nonce": asked["nonce"], "iat": now, "exp": now + 300,
            **self.claims, **self.over,
        }  # fmt: skip
        told = {name: value for name, value in claims.items() if value is not None}
        return 200, {"access_token": "at", "token_type": "Bearer", "id_token": self.sign(told)}

    def sign(self, claims: dict[str, Any]) -> str:
        header = {"alg": self.alg, "kid": self.kid}
        if self.alg == "none":
            import base64

            parts = (json.dumps(part).encode() for part in (header, claims))
            return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."
        return jwt.encode(header, claims, self.key, algorithms=[self.alg])

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        self.calls.append(path)
        if path == "/.well-known/openid-configuration":
            names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
            told = {name: f"{self.issuer}/{part}" for name, part in names.items()}
            return 200, {
                "issuer": self.describes or self.issuer,
                "userinfo_endpoint": f"{self.issuer}/me",
                **told,
            }
        if path == "/jwks":
            return 200, {"keys": [key.as_dict(private=False) for key in self.published]}
        if path == "/me":
            return 200, self.userinfo
        return self.token(form) if path == "/token" else (404, {})


@contextmanager
def providing() -> Iterator[FakeProvider]:
    """The provider, for as long as this lasts."""
    made = FakeProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            self._answer({name: values[0] for name, values in parse_qs(body).items()})

        def _answer(self, form: dict[str, str]) -> None:
            status, tree = made.answer(self.path, form)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(tree).encode())

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.issuer = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()
