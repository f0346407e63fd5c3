"""A product in the register with a certificate in force, without the run that it takes to earn one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from api import Server
from joserfc import jwt
from joserfc.jwk import ECKey

from carespine.kernel.ids import new_id
from carespine.security import clients
from carespine.security.clients import Client
from carespine.standards import certificates, store
from carespine.standards.keys import SigningKey
from carespine.standards.lifecycle import Entry, Event
from carespine.standards.models import Application
from carespine.web.wiring import DEVICE_APP_SCOPES


@dataclass(frozen=True, slots=True)
class Product:
    """What a supplier has in hand: the key, and the certificate that is bound to it."""

    server: Server
    application: Application
    key: ECKey
    certificate: str

    def statement(self, *, key: ECKey | None = None, alg: str = "ES384", **over: Any) -> str:
        """A software statement for a browser app; None leaves a claim out."""
        now = int(self.server.platform.clock().timestamp())
        base = self.server.platform.settings.address
        claims = {
            "iss": self.application.client_id,
            "sub": self.application.client_id,
            "aud": f"{base}/oauth/register",
            "iat": now,
            "exp": now + 300,
            "jti": new_id(),
            "carespine_certificate": self.certificate,
            "redirect_uris": ["https://diet.example/back"],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
            "scope": "launch/patient openid fhirUser offline_access patient/Observation.rs",
            **over,
        }
        told = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": alg, "kid": "one", "typ": "JWT"}
        return jwt.encode(header, told, key or self.key, algorithms=[alg])

    async def say(self, event: Event) -> None:
        """A line in the product's log, as the authority would write it."""
        entry = Entry(event, self.server.platform.clock(), "The authority", "for a test")
        async with self.server.platform.database.transaction() as tx:
            await store.add_event(tx, self.application.id, entry)


async def certified(server: Server, client_id: str, *, profile: str = "device-app") -> Product:
    """Put a product with its certificate, and the client that came of it, on record."""
    platform, key, now = server.platform, ECKey.generate_key("P-384", {"kid": "one"}), server.platform.clock()
    jwks = {"keys": [key.as_dict(private=False)]}
    wanted = Application(
        new_id(), "Supplier", f"Product {client_id}", "1", client_id, "https://diet.example", profile,
        "mailto:a@example.org", jwks, key.thumbprint(), now,
    )  # fmt: skip
    name, run, until = new_id(), new_id(), now + timedelta(days=365)
    claims = {
        "iss": platform.settings.address,
        "sub": client_id,
        "jti": name,
        "iat": int(now.timestamp()),
        "exp": int(until.timestamp()),
        "product": wanted.product,
        "profile": f"{profile} 1.1",
        "cnf": {"jkt": wanted.thumbprint},
    }
    text = certificates.issue(claims, SigningKey.of(platform.keys.certificates))
    async with platform.database.transaction() as tx:
        await store.add_application(tx, wanted, secret=b"x")
        await store.add_run(tx, store.StoredRun(run, wanted.id, now, now, "pass", "", "", "", "", []), {})
        index = await store.next_index(tx)
        await store.add_certificate(
            tx, store.StoredCertificate(name, index, wanted.id, run, now, until, text)
        )
        for event, held in ((Event.APPLY, None), (Event.START, None), (Event.CERTIFY, name)):
            await store.add_event(tx, wanted.id, Entry(event, now, "Carespine", "for a test", held))
        own = Client(client_id, wanted.product, None, jwks, DEVICE_APP_SCOPES, certified=True, enabled=True)
        await clients.register(tx, own)
    return Product(server, wanted, key, text)
