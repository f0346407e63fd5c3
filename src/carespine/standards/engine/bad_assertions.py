"""Every way in which a client assertion can be wrong, built from a good one."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Any

from joserfc.jwk import ECKey

from carespine.standards.engine import assertions
from carespine.standards.engine.assertions import b64
from carespine.standards.engine.context import Context


@dataclass(frozen=True, slots=True)
class Case:
    """One token request that must be refused. `before` is a request to send first (for replays)."""

    what: str
    form: dict[str, str]
    before: dict[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def good(context: Context) -> str:
    """A fresh assertion of the first identity that must be accepted."""
    return assertions.good(context.first, audience=context.token_url, now=context.now(), jti=context.uuid())


def cases(context: Context) -> list[Case]:
    """All bad requests: about forty, in an order drawn from the seed."""
    found = [
        *_claims(context),
        *_headers(context),
        *_signatures(context),
        *_replays(context),
        *_forms(context),
    ]
    context.random.shuffle(found)
    return found


def _base(context: Context) -> dict[str, Any]:
    return assertions.claims(context.first, audience=context.token_url, now=context.now(), jti=context.uuid())


def _header(context: Context) -> dict[str, Any]:
    return {"alg": context.first.alg, "typ": "JWT", "kid": context.first.jwk["kid"]}


def _signed(context: Context, claims: Mapping[str, Any], header: Mapping[str, Any] | None = None) -> str:
    return assertions.sign(claims, header or _header(context), assertions.key_of(context.first))


def _form(context: Context, assertion: str, **over: str) -> dict[str, str]:
    return {**assertions.form(context.first, assertion), **over}


def _claims(context: Context) -> list[Case]:
    """Rightly signed, but saying the wrong thing."""
    base, now = _base(context), context.now()
    # SMART App Launch 2.2: exp no more than five minutes in the future; a minute's grace for clocks apart.
    beyond = int((now + timedelta(minutes=6)).timestamp())
    hour = int((now + timedelta(hours=1)).timestamp())
    past = int((now - timedelta(minutes=5)).timestamp())
    other = context.config.identities[-1].client_id if len(context.config.identities) > 1 else "somebody-else"
    changes: list[tuple[str, dict[str, Any]]] = [
        ("iss of another client", {"iss": other}),
        ("sub of another client", {"sub": other}),
        ("iss and sub unknown", {"iss": f"no-{context.uuid()}", "sub": f"no-{context.uuid()}"}),
        ("iss missing", {"iss": None}),
        ("sub missing", {"sub": None}),
        ("aud of another server", {"aud": "https://tokens.example.org/oauth/token"}),
        ("aud that only begins alike", {"aud": context.token_url + ".example.org"}),
        ("aud missing", {"aud": None}),
        ("aud empty", {"aud": []}),
        ("expired", {"iat": past - 240, "exp": past}),
        ("exp six minutes ahead", {"exp": beyond}),
        ("exp an hour ahead", {"exp": hour}),
        ("exp missing", {"exp": None}),
        ("exp not a number", {"exp": "soon"}),
        ("not valid yet", {"nbf": beyond}),
        ("jti missing", {"jti": None}),
        ("jti empty", {"jti": ""}),
    ]
    return [
        Case(
            what,
            _form(context, _signed(context, _without({**base, "jti": context.uuid(), **change}))),
        )
        for what, change in changes
    ]


def _without(claims: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if value is not None}


def _headers(context: Context) -> list[Case]:
    """Rightly claimed and signed with the client's own key, but with a header that leads astray."""
    stranger = ECKey.generate_key("P-384")
    kid, alg = context.first.jwk["kid"], context.first.alg
    own: list[tuple[str, dict[str, Any]]] = [
        ("kid missing", {"alg": alg}),
        ("kid unknown", {"alg": alg, "kid": context.uuid()}),
        ("kid that is a path", {"alg": alg, "kid": "../../../../dev/null"}),
        ("kid that is a query", {"alg": alg, "kid": f"{kid}' OR '1'='1"}),
    ]
    strange: list[tuple[str, dict[str, Any]]] = [
        ("another key under the client's kid", {"alg": "ES384", "kid": kid}),
        (
            "its own key in the header (jwk)",
            {"alg": "ES384", "kid": kid, "jwk": stranger.as_dict(private=False)},
        ),
        (
            "an address of keys in the header (jku)",
            {"alg": "ES384", "kid": kid, "jku": "https://keys.example.org/jwks"},
        ),
        (
            "an address of a certificate in the header (x5u)",
            {"alg": "ES384", "kid": kid, "x5u": "https://keys.example.org/c"},
        ),
    ]
    made = [(what, _raw_signed(context, header, None)) for what, header in own]
    made += [(what, _raw_signed(context, header, stranger)) for what, header in strange]
    return [Case(what, _form(context, assertion)) for what, assertion in made]


def _raw_signed(context: Context, header: Mapping[str, Any], key: ECKey | None) -> str:
    """A signature over a header that the library would refuse to build: signed with plain names, then
    exact.
    """
    signer = key or assertions.key_of(context.first)
    body = json.dumps({**_base(context), "jti": context.uuid()}).encode()
    text = f"{b64(json.dumps({'typ': 'JWT', **header}).encode())}.{b64(body)}"
    return f"{text}.{b64(assertions.signature(text.encode(), signer, str(header['alg'])))}"


def _signatures(context: Context) -> list[Case]:
    """Unsigned, signed with something that is no secret, or altered afterwards."""
    base = json.dumps(_base(context)).encode()
    kid = context.first.jwk["kid"]
    public = assertions.key_of(context.first)
    found: list[tuple[str, str]] = [
        (
            f"unsigned (alg {alg})",
            f"{b64(json.dumps({'alg': alg, 'typ': 'JWT', 'kid': kid}).encode())}.{b64(base)}.",
        )
        for alg in ("none", "None", "NONE", "nOnE")
    ]
    secrets = {
        "the public key as PEM": public.as_pem(private=False),
        "the public key as JSON": json.dumps(public.as_dict(private=False)).encode(),
        "an empty secret": b"",
    }
    for what, secret in secrets.items():
        text = f"{b64(json.dumps({'alg': 'HS256', 'typ': 'JWT', 'kid': kid}).encode())}.{b64(base)}"
        found.append((f"HS256 with {what}", f"{text}.{b64(hmac.digest(secret, text.encode(), sha256))}"))
    head, _, signature = good(context).rpartition(".")
    flipped = ("A" if signature[20] != "A" else "B").join([signature[:20], signature[21:]])
    header, _, _ = head.partition(".")
    found += [
        ("signature altered", f"{head}.{flipped}"),
        ("signature cut off", f"{head}."),
        ("signature of zeros", f"{head}.{b64(bytes(96))}"),
        ("claims altered", f"{header}.{b64(base)}.{signature}"),
        ("two parts only", head),
        ("not a token at all", context.uuid()),
    ]
    return [Case(what, _form(context, assertion)) for what, assertion in found]


def _replays(context: Context) -> list[Case]:
    """Good once, and only once."""
    same, jti = good(context), context.uuid()
    first = _signed(context, {**_base(context), "jti": jti})
    second = _signed(context, {**_base(context), "jti": jti, "iat": int(context.now().timestamp()) - 1})
    return [
        Case("replayed", _form(context, same), before=_form(context, same)),
        Case("a jti used again in a new assertion", _form(context, second), before=_form(context, first)),
    ]


def _forms(context: Context) -> list[Case]:
    """A good assertion in a bad request."""
    other = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"
    missing = _form(context, good(context))
    missing.pop("client_assertion")
    return [
        Case("the wrong assertion type", _form(context, good(context), client_assertion_type=other)),
        Case("no assertion", missing),
        Case(
            "a shared secret instead",
            {**missing, "client_id": context.first.client_id, "client_secret": "secret"},
        ),
        Case(
            "the password grant",
            {**_form(context, good(context)), "grant_type": "password", "username": "a", "password": "b"},
        ),
        Case("client_id of another", _form(context, good(context), client_id=f"no-{context.uuid()}")),
    ]
