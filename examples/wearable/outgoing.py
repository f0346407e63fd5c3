"""The other side: this app as a client of Carespine, sending what its users uploaded."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from joserfc import jws
from joserfc.jwk import ECKey

from wearable import keys
from wearable.judging import NHS_NUMBER
from wearable.store import Store
from wearable.tokens import ASSERTION_TYPE

_ASSERTION_SECONDS, _RENEW_SECONDS, _KEPT_REFUSALS, _CHUNK = 240, 30, 20, 1 << 16
_TIMEOUT = httpx.Timeout(120.0, connect=5.0)
_SCOPE = "system/Patient.rs system/Observation.crus"


@dataclass(slots=True)
class Outgoing:
    """Authenticates at Carespine and sends exports. Answers what Carespine answers, refusals included."""

    store: Store
    key: dict[str, Any]
    client_id: str
    http: httpx.AsyncClient = field(
        default_factory=lambda: httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False)
    )
    token: tuple[str, float] = ("", 0.0)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    sent: int = 0
    known: dict[str, str] = field(default_factory=dict)

    async def connect(self, wish: dict[str, Any]) -> dict[str, Any]:
        """Remember the platform at this address. Raises httpx.HTTPError where it does not describe itself."""
        base = str(wish["carespine"]).rstrip("/")
        answer = await self.http.get(f"{base}/.well-known/smart-configuration")
        answer.raise_for_status()
        settings = {
            "base": base,
            "token_url": answer.json()["token_endpoint"],
            "client_id": str(wish.get("client_id") or self.client_id),
            "scope": str(wish.get("scope") or _SCOPE),
        }
        self.store.set_setting("carespine", json.dumps(settings))
        self.token = ("", 0.0)
        self.known.clear()
        return settings

    def settings(self) -> dict[str, str] | None:
        """Where the platform is, if the app has been connected."""
        text = self.store.setting("carespine")
        return json.loads(text) if text else None

    async def send(self, nhs_number: str, export: Path) -> httpx.Response:
        """Send the export of this patient: token, look-up, import; the first refusal is the answer."""
        settings = self.settings()
        if settings is None:
            return httpx.Response(
                409, json={"error": "not_connected", "error_description": "POST /connect first"}
            )
        patient = await self._patient(settings, nhs_number)
        if isinstance(patient, httpx.Response):
            return patient
        digest, size = _measured(export)
        answer = await self.http.post(
            f"{settings['base']}/devices/patients/{patient}/imports",
            content=_pieces(export),
            headers={
                **self._bearer(),
                "content-type": "application/zip",
                "content-length": str(size),
                "idempotency-key": hashlib.sha256(f"{nhs_number}/{digest}".encode()).hexdigest(),
            },
        )
        if not answer.is_success:
            return self._noted("import", answer)
        self.sent += 1
        return answer

    async def send_batch(self, nhs_number: str, body: dict[str, Any], key: str) -> httpx.Response:
        """Send a batch of samples of this patient; the first refusal is the answer."""
        settings = self.settings()
        if settings is None:
            return httpx.Response(409, json={"error": "not_connected"})
        patient = await self._patient(settings, nhs_number)
        if isinstance(patient, httpx.Response):
            return patient
        answer = await self.http.post(
            f"{settings['base']}/devices/patients/{patient}/batches",
            json=body,
            headers={**self._bearer(), "idempotency-key": key},
        )
        return answer if answer.is_success else self._noted("batch", answer)

    def _bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token[0]}"}

    async def _patient(self, settings: dict[str, str], nhs_number: str) -> str | httpx.Response:
        """The patient's id at the platform, with a token that lives; or the refusal."""
        refusal = await self._authenticate(settings)
        if refusal is not None:
            return self._noted("token", refusal)
        if nhs_number in self.known:
            return self.known[nhs_number]
        found = await self.http.post(
            f"{settings['base']}/fhir/Patient/_search",
            data={"identifier": f"{NHS_NUMBER}|{nhs_number}"},
            headers={**self._bearer(), "accept": "application/fhir+json"},
        )
        if not found.is_success:
            return self._noted("patient search", found)
        people = [
            each["resource"]["id"]
            for each in found.json().get("entry", [])
            if each["resource"]["resourceType"] == "Patient"
        ]
        if len(people) != 1:
            text = "Carespine knows nobody with that NHS number, or nobody whose data this app may send"
            return self._noted(
                "patient search", httpx.Response(404, json={"error": "no_patient", "error_description": text})
            )
        self.known[nhs_number] = str(people[0])
        return self.known[nhs_number]

    async def _authenticate(self, settings: dict[str, str]) -> httpx.Response | None:
        """Have a token that lives, or answer the platform's refusal."""
        if self.token[1] > time.time() + _RENEW_SECONDS:
            return None
        answer = await self.http.post(
            settings["token_url"],
            data={
                "grant_type": "client_credentials",
                "scope": settings["scope"],
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": self._assertion(settings),
            },
        )
        if not answer.is_success:
            return answer
        given = answer.json()
        self.token = (given["access_token"], time.time() + int(given["expires_in"]))
        return None

    def proof(self, audience: str) -> str:
        """What shows, at `audience`, that the key is ours."""
        return self._assertion({"client_id": self.client_id, "token_url": audience})

    def _assertion(self, settings: dict[str, str]) -> str:
        now = int(time.time())
        claims = {
            "iss": settings["client_id"],
            "sub": settings["client_id"],
            "aud": settings["token_url"],
            "jti": str(uuid.uuid4()),
            "iat": now,
            "exp": now + _ASSERTION_SECONDS,
        }
        header = {"alg": keys.ALGORITHM, "typ": "JWT", "kid": self.key["kid"]}
        return jws.serialize_compact(
            header, json.dumps(claims), ECKey.import_key(self.key), algorithms=[keys.ALGORITHM]
        )

    def _noted(self, step: str, answer: httpx.Response) -> httpx.Response:
        """Keep the refusal for the status page; a token that was refused is not used again."""
        if answer.status_code == 401:
            self.token = ("", 0.0)
        note = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "step": step,
            "status": answer.status_code,
        }
        self.refusals = [{**note, "answer": answer.text[:2000]}, *self.refusals][:_KEPT_REFUSALS]
        return answer


def _measured(path: Path) -> tuple[str, int]:
    """The file's SHA-256 and its size in bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            yield piece
