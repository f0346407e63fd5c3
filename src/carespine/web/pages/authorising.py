"""The pages on which a person lets an app in: sign in, choose the patient, decide what it may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from carespine.kernel import nhs_number
from carespine.kernel.errors import CarespineError, Forbidden, Invalid
from carespine.security.actor import ADMINISTRATION, PATIENT_REQUEST, TREATMENT
from carespine.security.audit_event import MINOR_FAILURE, SUCCESS, Event
from carespine.security.oauth import asking
from carespine.security.oauth.asking import PARAMETERS, Question, Sent
from carespine.security.oauth.records import User
from carespine.spine.fhir_api.pairs import query_pairs
from carespine.web.gate import content_security_policy
from carespine.web.pages import people
from carespine.web.pages.browser_sessions import stranger
from carespine.web.pages.problems import guarded
from carespine.web.pages.rendering import page
from carespine.web.pages.scope_words import wishes
from carespine.web.pages.visits import posted, text, texts, to_sign_in

if TYPE_CHECKING:
    from starlette.requests import Request

    from carespine.security.actor import Actor
    from carespine.web.pages.connect import Connected
    from carespine.web.pages.views import Visitor
    from carespine.web.platform import Platform

PATH = "/oauth/authorize"
_CHOSEN = "chosen_patient"
_LOOKED_FOR = "find"
_MOST_FOUND = 50  # ../reference/security.md: staff searches return at most 50


@dataclass(frozen=True, slots=True)
class _Choice:
    """A patient who may be chosen."""

    id: str
    name: str
    born: str
    number: str


def routes(platform: Platform, connected: Connected) -> list[Route]:
    """`/oauth/authorize`, by GET and by POST, and the decision."""
    pages = _Authorising(platform, connected)
    return guarded(
        connected,
        [
            Route(PATH, pages.ask, methods=["GET"]),
            Route(PATH, pages.ask_by_post, methods=["POST"]),
            Route(f"{PATH}/decision", pages.decide, methods=["POST"]),
        ],
    )


@dataclass(frozen=True, slots=True)
class _Authorising:
    platform: Platform
    connected: Connected

    async def ask_by_post(self, request: Request) -> Response:
        """The capability authorize-post: the same request as a form; it goes on as an address."""
        fields = await request.form(max_files=0, max_fields=40)
        pairs = [(name, value) for name, value in fields.multi_items() if isinstance(value, str)]
        return RedirectResponse(f"{PATH}?{urlencode(pairs)}", 303)

    async def ask(self, request: Request) -> Response:
        parameters = _parameters(request.url.query)
        question = await self._examine(parameters)
        if isinstance(question, Sent):
            await self._on_record(request, None, parameters, "authorise", MINOR_FAILURE)
            return _go(question)
        visitor = await self.connected.sessions.visitor(request)
        if visitor is None or visitor.actor is None:
            return to_sign_in(request)
        if visitor.kind not in ("patient", "practitioner"):
            raise Forbidden("Apps act for patients and for staff. You are signed in as someone else.")
        patient = await self._patient(visitor.actor, question, request.query_params.get(_CHOSEN))
        if question.needs_patient and patient is None:
            return await self._picker(visitor, question, request)
        return await self._consent(visitor, question, patient)

    async def decide(self, request: Request) -> Response:
        fields = await posted(self.connected, request)
        visitor = await self.connected.sessions.visitor(request)
        if visitor is None or visitor.actor is None:
            return to_sign_in(request)
        parameters = _parameters(text(fields, "request"))
        question = await self._examine(parameters)
        if isinstance(question, Sent):
            return _go(question)
        if text(fields, "decision") != "allow":
            await self._on_record(request, visitor.actor, parameters, "refuse-app", SUCCESS)
            return _go(asking.refuse(question))
        patient = await self._patient(visitor.actor, question, text(fields, _CHOSEN) or None)
        if question.needs_patient and patient is None:
            raise Invalid("Choose the patient first.")
        chosen = {wish.value for wish in wishes(question.scopes) if not wish.choice} | set(
            texts(fields, "scope")
        )
        actor, now = visitor.actor, self.platform.clock()
        async with self.platform.database.transaction() as tx:
            sent = await asking.allow(
                tx,
                question,
                user=User(actor.id, actor.name, actor.reference or "", enabled=True),
                allowed=frozenset(chosen),
                patient=patient,
                signed_in=visitor.signed_in or now,
                now=now,
            )
        await self._on_record(request, actor, parameters, "allow-app", SUCCESS)
        return _go(sent)

    async def _examine(self, parameters: dict[str, str]) -> Question | Sent:
        async with self.platform.database.connection() as connection:
            return await asking.examine(
                connection,
                parameters,
                audience=self.platform.tokens.audience,
                now=self.platform.clock(),
            )

    async def _patient(self, actor: Actor, question: Question, chosen: str | None) -> str | None:
        """The patient the app is for: the person themself, whom it was opened from, or whom they chose."""
        if not question.needs_patient and question.launch is None:
            return None
        if actor.kind == "patient":
            return actor.patient
        if question.launch is not None:
            if question.launch.username != actor.id:
                raise Forbidden("The app was opened by somebody else.")
            chosen = question.launch.patient
        if chosen is None:
            return None
        async with self.platform.door.glance(actor, purpose=TREATMENT) as session:
            await session.read("Patient", chosen)
        return chosen

    async def _picker(self, visitor: Visitor, question: Question, request: Request) -> Response:
        wanted = request.query_params.get(_LOOKED_FOR, "").strip()[:100]
        assert visitor.actor is not None  # noqa: S101 -- the caller has looked
        return page(
            "oauth/patient.html",
            visitor=visitor,
            current="",
            app=question.client.name,
            parameters=question.parameters,
            wanted=wanted,
            choices=await self._choices(visitor.actor, wanted) if wanted else None,
        )

    async def _choices(self, actor: Actor, wanted: str) -> list[_Choice]:
        """Patients within reach by NHS number, or by the beginning of a name."""
        digits = wanted.replace(" ", "")
        asked = (
            ("identifier", f"{nhs_number.SYSTEM}|{digits}")
            if nhs_number.is_valid(digits)
            else ("name", wanted.replace("\\", "").replace(",", " ").replace("|", " ").replace("$", " "))
        )
        async with self.platform.door.glance(actor, purpose=TREATMENT) as session:
            found = await session.search(
                "Patient", [asked, ("_count", str(_MOST_FOUND)), ("_sort", "family")]
            )
        return [
            _Choice(each["id"], people.name(each), each.get("birthDate", "not known"), people.number(each))
            for each in found.entries
        ]

    async def _consent(self, visitor: Visitor, question: Question, patient: str | None) -> Response:
        name = None
        if patient and visitor.actor:
            purpose = PATIENT_REQUEST if visitor.kind == "patient" else TREATMENT
            async with self.platform.door.glance(visitor.actor, purpose=purpose) as session:
                name = people.name(await session.read("Patient", patient))
        response = page(
            "oauth/consent.html",
            visitor=visitor,
            current="",
            app=question.client.name,
            certified=question.client.certified,
            patient=patient,
            patient_name=name,
            wishes=wishes(question.scopes),
            request=urlencode(question.parameters),
            host=question.origin,
        )
        # The answer to this page's form leads to the app: browsers ask the policy about that too.
        response.headers["Content-Security-Policy"] = content_security_policy(question.origin)
        return response

    async def _on_record(
        self, request: Request, actor: Actor | None, parameters: dict[str, str], what: str, outcome: str
    ) -> None:
        who = actor or stranger(request)
        client = parameters.get("client_id", "")
        detail = {"client": client if client.isprintable() else "", "scope": parameters.get("scope", "")}
        event = Event(who, ADMINISTRATION, "E", what, outcome=outcome, detail=detail)
        await self.platform.audit.record([event])


def _go(sent: Sent) -> Response:
    return Response(status_code=303, headers={"Location": sent.address, "Cache-Control": "no-store"})


def _parameters(query: str) -> dict[str, str]:
    """The parameters that count, each once; raises Invalid where one is given twice."""
    try:
        pairs = [(name, value) for name, value in query_pairs(query) if name in PARAMETERS]
    except CarespineError as error:
        raise Invalid("The request of the app cannot be read.") from error
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Invalid("The app sent a parameter twice. Do not go on.")
    if any("\x00" in value for value in found.values()):
        raise Invalid("The app sent a sign that no parameter can hold. Do not go on.")
    return found
