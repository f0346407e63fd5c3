"""`/sign-in/nhs-login` and `/sign-in/cis2`: to the provider and back, and the page that says why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from carespine.kernel.errors import Unauthenticated
from carespine.security.actor import ADMINISTRATION, system_job
from carespine.security.federation import people
from carespine.security.federation.provider import Configuration, Kind, Provider, Told, vectors
from carespine.security.keys import public_set
from carespine.web.pages.problems import guarded
from carespine.web.pages.rendering import page
from carespine.web.pages.views import ProviderLink
from carespine.web.pages.visits import own_path, see_other
from carespine.web.rates import Rates
from carespine.web.workers import egress

if TYPE_CHECKING:
    from starlette.requests import Request

    from carespine.security.accounts import Account
    from carespine.web.pages.connect import Connected
    from carespine.web.platform import Platform
    from carespine.web.settings import Settings

# Ours: far more than a practice behind one address needs; each begins with a row in the database.
_PER_MINUTE = 120
_WHOM: dict[Kind, str] = {"nhs-login": "Patients", "cis2": "Health and care staff"}
# NHS login, "Vectors of trust": identity P9, with a password and a code, or a passkey.
_VECTORS = vectors("P9.Cp.Cd", "P9.Cp.Ck", "P9.Cm")
# What a provider answers instead of a code, in words; anything else is told as it is not.
_ANSWERS = {
    "access_denied": "You did not go through with it, or did not agree to share who you are.",
    "login_required": "You are not signed in there any more.",
    "temporarily_unavailable": "It is not available at the moment. Try again in a few minutes.",
}


def configurations(settings: Settings) -> tuple[Configuration, ...]:
    """The providers that the settings name."""
    found = []
    if settings.nhs_login_issuer:
        found.append(
            Configuration(
                "nhs-login", "NHS login", settings.nhs_login_issuer, settings.nhs_login_client_id,
                f"{settings.address}/sign-in/nhs-login/return", "openid profile", {"vtr": _VECTORS},
            )
        )  # fmt: skip
    if settings.cis2_issuer:
        wanted = "AAL3_ANY" if settings.cis2_level == 3 else "AAL2_OR_AAL3_ANY"
        found.append(
            Configuration(
                "cis2", "NHS CIS2", settings.cis2_issuer, settings.cis2_client_id,
                f"{settings.address}/sign-in/cis2/return", "openid profile nationalrbacaccess selectedrole",
                {"acr_values": wanted},
            )
        )  # fmt: skip
    return tuple(found)


def links(settings: Settings) -> tuple[ProviderLink, ...]:
    """What the sign-in page offers."""
    return tuple(
        ProviderLink(each.title, _WHOM[each.kind], f"/sign-in/{each.kind}")
        for each in configurations(settings)
    )


def routes(platform: Platform, connected: Connected) -> list[Route]:
    """The routes of the providers that are configured, and of the key that proves us to them."""
    rates = Rates(platform.clock, per_minute=_PER_MINUTE)
    made: list[Route] = []
    for each in configurations(platform.settings):
        provider = Provider(each, platform.keys.sign_in, egress(platform.settings), platform.clock)
        pages = _Pages(platform, connected, provider, rates)
        made += [
            Route(f"/sign-in/{each.kind}", pages.begin),
            Route(f"/sign-in/{each.kind}/return", pages.end),
        ]

    async def jwks(_request: Request) -> Response:
        return JSONResponse(public_set(platform.keys.sign_in()).as_dict(private=False))

    return guarded(connected, [*made, Route("/sign-in/jwks.json", jwks)]) if made else []


@dataclass(frozen=True, slots=True)
class _Pages:
    platform: Platform
    connected: Connected
    provider: Provider
    rates: Rates

    async def begin(self, request: Request) -> Response:
        self.rates.demand(f"{request.client.host if request.client else None}")
        onward = own_path(request.query_params.get("next", ""))
        response = RedirectResponse("/", status_code=303)
        attempt = await self.connected.sessions.begin(response, self.provider.configuration.kind, onward)
        address = await self.provider.question(
            state=attempt.state, nonce=attempt.nonce, verifier=attempt.verifier
        )
        response.headers["location"] = address
        return response

    async def end(self, request: Request) -> Response:
        self.rates.demand(f"{request.client.host if request.client else None}")
        kind, response = self.provider.configuration.kind, see_other("/")
        try:
            account, level, onward = await self._prove(request)
            visitor = await self.connected.sessions.accept(
                request, response, account, provider=kind, level=level
            )
        except Unauthenticated as refusal:
            await self.connected.sessions.refused(request, kind, refusal.message)
            return page(
                "sign_in_refused.html",
                visitor=None,
                current="/sign-in",
                status=401,
                provider=self.provider.configuration.title,
                why=refusal.message,
            )
        response.headers["location"] = onward or visitor.landing
        return response

    async def _prove(self, request: Request) -> tuple[Account, str, str]:
        """Who comes back from the provider, at which level, and where they wanted to go."""
        told, own = request.query_params, self.provider.configuration
        attempt = await self.connected.sessions.end(request, own.kind, told.get("state", ""))
        if attempt is None:
            raise Unauthenticated("This sign-in was not begun in this browser, has ended, or took too long.")
        if told.get("iss", own.issuer) != own.issuer:  # RFC 9207
            raise Unauthenticated("The answer comes from another issuer.")
        if "error" in told:
            raise Unauthenticated(_ANSWERS.get(told["error"], "It answered with an error."))
        if not told.get("code"):
            raise Unauthenticated("It sent no code.")
        found = await self.provider.redeem(told["code"], verifier=attempt.verifier, nonce=attempt.nonce)
        account = await self._person(found)
        level = found.token.get("vot") or found.token.get("authentication_assurance_level") or "as asked"
        return account, str(level)[:20], attempt.onward

    async def _person(self, told: Told) -> Account:
        own, settings = self.provider.configuration, self.platform.settings
        job = system_job(f"sign-in through {own.title}")
        async with self.platform.door.enter(job, purpose=ADMINISTRATION) as session:
            if own.kind == "nhs-login":
                return await people.patient(session, own, told)
            return await people.member_of_staff(
                session, own, told, level=settings.cis2_level, job_roles=settings.job_roles
            )
