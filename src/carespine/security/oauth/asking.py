"""An app asks a person to let it in: what is asked, and the answer, as addresses to send the browser to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from authlib.oauth2 import OAuth2Error

from carespine.kernel.errors import Invalid
from carespine.security import clients, scopes
from carespine.security.oauth import store
from carespine.security.oauth.engine import Asked, Desk, Engine
from carespine.security.oauth.records import KnownClient, User

if TYPE_CHECKING:
    from carespine.security.clients import Client
    from carespine.storage.database import Connection

# RFC 6749 section 4.1.2 recommends at most ten minutes; OAuth 2.1 drafts shorter. Ours: one minute.
CODE_LIFE = timedelta(seconds=60)
# Ours: how long an app may come back without the person (offline_access), or while they are about (online_access).
OFFLINE_LIFE, ONLINE_LIFE = timedelta(days=90), timedelta(hours=12)
PARAMETERS = (
    "response_type", "client_id", "redirect_uri", "scope", "state", "aud", "code_challenge", "code_challenge_method",
    "launch", "nonce",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """What an app asks. `scopes` are those that are registered for it; `launch` is where it was opened from."""

    client: Client
    parameters: Mapping[str, str]
    redirect_uri: str
    scopes: tuple[str, ...]
    launch: store.Launch | None

    @property
    def needs_patient(self) -> bool:
        """Whether it asks for a patient's record in particular."""
        return "launch/patient" in self.scopes or any(
            scope.context == "patient" for scope in scopes.resource_scopes(self.scopes)
        )

    @property
    def origin(self) -> str:
        """The origin that the browser goes to with the answer, for the page's own policy."""
        parts = urlsplit(self.redirect_uri)
        return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"


@dataclass(frozen=True, slots=True)
class Sent:
    """The answer is already known: send the browser here."""

    address: str


async def examine(
    connection: Connection, parameters: Mapping[str, str], *, audience: str, now: datetime
) -> Question | Sent:
    """What is asked, or where to send the browser because it is refused.

    Raises Invalid where the browser must not be sent anywhere: the client or its address is not known.
    """
    client = await clients.find(connection, parameters.get("client_id", ""))
    if client is None or not client.enabled:
        raise Invalid("The app that sent you here is not known. Do not go on; tell whoever runs it.")
    redirect_uri = parameters.get("redirect_uri", "")
    if redirect_uri not in client.redirect_uris:
        raise Invalid("The app wants you sent to an address that it has not registered. Do not go on.")
    try:
        grant = Engine(Desk(KnownClient(client))).get_consent_grant(Asked(parameters))
    except OAuth2Error as error:
        words = error.description or "The request is refused."
        return _refused(redirect_uri, parameters, str(error.error), words)
    except ValueError:
        return _refused(
            redirect_uri, parameters, "invalid_request", "A parameter holds signs that it cannot."
        )
    wrong = _beyond_oauth(parameters, audience)
    if wrong:
        return _refused(redirect_uri, parameters, "invalid_request", wrong)
    launch = None
    if "launch" in parameters:
        launch = await store.launch(connection, parameters["launch"], now=now)
        if launch is None or launch.client_id != client.client_id:
            return _refused(
                redirect_uri, parameters, "invalid_request", "The launch is not known, or is over."
            )
    return Question(client, parameters, redirect_uri, tuple(grant.request.scope.split()), launch)


def _beyond_oauth(parameters: Mapping[str, str], audience: str) -> str | None:
    """What SMART App Launch 2.2 demands beyond OAuth."""
    if not parameters.get("state"):
        return "The state is missing."
    if parameters.get("aud", "").rstrip("/") != audience:
        return "The aud is not the address of this FHIR server."
    if "launch" in parameters and "launch" not in parameters.get("scope", "").split():
        return "A launch needs the scope launch."
    return None


async def allow(
    tx: Connection,
    question: Question,
    *,
    user: User,
    allowed: frozenset[str],
    patient: str | None,
    signed_in: datetime,
    now: datetime,
) -> Sent:
    """The person lets the app in with `allowed`, a part of what it asks; where to send the browser."""
    kept = [text for text in question.scopes if text in allowed]
    if not scopes.resource_scopes(kept) and "openid" not in kept:
        return refuse(question)
    desk = Desk(KnownClient(question.client))
    engine = Engine(desk)
    asked = Asked(question.parameters)
    grant = engine.get_consent_grant(asked)
    _, _, headers = engine.create_authorization_response(asked, grant_user=user, grant=grant)
    life = OFFLINE_LIFE if "offline_access" in kept else ONLINE_LIFE
    made = store.NewGrant(
        question.client.client_id,
        user.username,
        patient,
        " ".join(kept),
        signed_in,
        now + life,
        str(desk.new_code),
        question.redirect_uri,
        question.parameters["code_challenge"],
        question.parameters.get("nonce"),
        now + CODE_LIFE,
    )
    await store.allow(tx, made, now=now)
    return Sent(headers["Location"])


def refuse(question: Question) -> Sent:
    """The person does not let the app in."""
    return _refused(
        question.redirect_uri, question.parameters, "access_denied", "The person did not let the app in."
    )


def _refused(redirect_uri: str, parameters: Mapping[str, str], error: str, words: str) -> Sent:
    told: dict[str, Any] = {"error": error, "error_description": words}
    if parameters.get("state"):
        told["state"] = parameters["state"]
    joined = "&" if urlsplit(redirect_uri).query else "?"
    return Sent(f"{redirect_uri}{joined}{urlencode(told)}")
