"""What a check is given: the service, identities, seeded randomness, and words for what it found."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NoReturn, TypeVar
from urllib.parse import urljoin
from uuid import uuid4

import httpx

from carespine.kernel.clock import Clock
from carespine.security.egress import Egress
from carespine.standards.engine import assertions
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.config import Identity, RunConfig
from carespine.standards.engine.evidence import EvidenceLog
from carespine.standards.engine.recorder import Recorder
from carespine.standards.models import Fault, Finding, Outcome

FHIR_JSON = "application/fhir+json"
# Ours: how many requests a check has in flight at once.
PARALLEL = 16
# Ours: an access token is renewed this long before it ends.
_TOKEN_MARGIN = timedelta(seconds=30)
# Ours: how often it is asked whether something has come about.
_PAUSE_S = 0.25
_T = TypeVar("_T")


class EndedEarlyError(Exception):
    """Raised inside a check to end it at once with a finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.came)
        self.finding = finding


@dataclass(slots=True)
class Session:
    """What all checks of one run share."""

    base_url: str
    config: RunConfig
    recorder: Recorder
    client: httpx.AsyncClient
    evidence: EvidenceLog
    clock: Clock
    egress: Egress
    discovery: Mapping[str, Any] = field(default_factory=dict)
    tokens: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    seen: list[Answer] = field(default_factory=list)
    token_gate: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def fhir_base(self) -> str:
        """The FHIR base, without a slash at its end."""
        return (self.config.fhir_base or f"{self.base_url}/fhir").rstrip("/")

    @property
    def token_url(self) -> str | None:
        """Where tokens are asked for: as configured, else as discovered."""
        return self.config.token_url or self.discovery.get("token_endpoint")


class Context:
    """One check's view of the run. Its randomness depends on the seed and the check only, not on the
    order.
    """

    def __init__(self, session: Session, *, check: str, seed: str) -> None:
        self.session = session
        self.check = check
        self.exchanges: list[int] = []
        self.random = random.Random(f"{seed}/{check}")  # noqa: S311 - it must be repeatable from the seed

    @property
    def config(self) -> RunConfig:
        """What the run was told about the service."""
        return self.session.config

    @property
    def first(self) -> Identity:
        """The identity that most checks act as."""
        return self.config.identities[0]

    @property
    def second(self) -> Identity:
        """The identity whose patient the first may not reach."""
        return self.config.identities[1]

    def now(self) -> datetime:
        """This instant."""
        return self.session.clock()

    def uuid(self) -> str:
        """A fresh identifier. Not from the seed: request ids and jtis must not repeat when a run is repeated."""
        return str(uuid4())

    async def call(
        self,
        method: str,
        path: str,
        *,
        identity: Identity | None = None,
        headers: Mapping[str, str] | None = None,
        params: Sequence[tuple[str, str]] | None = None,
        json: object = None,
        data: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        """One request to `path` below the service's base, or to a whole URL; with a token where `identity`
        is given.
        """
        url = path if "://" in path else urljoin(self.session.base_url + "/", path.lstrip("/"))
        sent = {"accept": f"{FHIR_JSON}, application/json;q=0.9, */*;q=0.1", "x-request-id": self.uuid()}
        if json is not None:
            sent["content-type"] = FHIR_JSON
        if identity is not None:
            sent["authorization"] = f"Bearer {await self.token(identity)}"
        sent.update({name.lower(): value for name, value in (headers or {}).items()})
        request = self.session.client.build_request(
            method,
            url,
            headers=sent,
            params=list(params) if params else None,
            json=json,
            data=data,
            content=content,
        )
        answer = await self.session.recorder.send(request, check=self.check)
        self.exchanges.append(answer.n)
        self.session.seen.append(answer)
        return answer

    async def fhir(self, method: str, path: str, **how: Any) -> Answer:
        """`call` with `path` below the FHIR base."""
        return await self.call(method, f"{self.session.fhir_base}/{path.lstrip('/')}", **how)

    async def token(self, identity: Identity) -> str:
        """An access token of `identity`, kept until shortly before it ends. Ends the check where none is
        given.
        """
        async with self.session.token_gate:
            held = self.session.tokens.get(identity.name)
            if held and held[1] > self.now() + _TOKEN_MARGIN:
                return held[0]
            return await self._fresh_token(identity)

    async def _fresh_token(self, identity: Identity) -> str:
        assertion = assertions.good(identity, audience=self.token_url, now=self.now(), jti=self.uuid())
        answer = await self.ask_token(identity, assertion)
        token = answer.tree.get("access_token")
        if not answer.ok or not isinstance(token, str):
            self.end(f"the identity {identity.name!r} was given no access token: {answer}", answer)
        lifetime = answer.tree.get("expires_in")
        seconds = lifetime if isinstance(lifetime, int) else 0
        self.session.tokens[identity.name] = (token, self.now() + timedelta(seconds=seconds))
        return token

    def forget_tokens(self) -> None:
        """Ask for new tokens from now on: the service may have lost those it gave."""
        self.session.tokens.clear()

    async def ask_token(self, identity: Identity, assertion: str) -> Answer:
        """The token endpoint's answer to `assertion`."""
        return await self.call("POST", self.token_url, data=assertions.form(identity, assertion))

    @property
    def token_url(self) -> str:
        """The token endpoint. Ends the check as not proven where the service declares none."""
        url = self.session.token_url
        if not url:
            raise EndedEarlyError(Finding(Outcome.SKIP, "the service declares no token endpoint"))
        return url

    async def together(self, jobs: Iterable[Callable[[], Awaitable[_T]]]) -> list[_T]:
        """The results of all jobs, in their order, at most PARALLEL of them running at once."""
        gate = asyncio.Semaphore(PARALLEL)

        async def one(job: Callable[[], Awaitable[_T]]) -> _T:
            async with gate:
                return await job()

        tasks = [asyncio.create_task(one(job)) for job in jobs]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()

    async def within(self, seconds: float, holds: Callable[[], Awaitable[bool]]) -> bool:
        """Whether it holds now, or begins to before that many seconds are over."""
        until = time.monotonic() + seconds
        while not (found := await holds()) and time.monotonic() < until:  # noqa: ASYNC110 - only asking tells
            await asyncio.sleep(_PAUSE_S)
        return found

    def end(self, text: str, answer: Answer | None = None) -> NoReturn:
        """End the check here: it failed."""
        raise EndedEarlyError(self.failed(text, answer))

    def passed(self, came: str, *, tried: int = 1) -> Finding:
        """All was as required."""
        return Finding(Outcome.PASS, came, tried=tried)

    def failed(self, text: str, answer: Answer | None = None) -> Finding:
        """One thing was not as required."""
        return Finding(Outcome.FAIL, text, (Fault(text, answer.n if answer else None),))

    def skipped(self, reason: str) -> Finding:
        """It could not be proven either way."""
        return Finding(Outcome.SKIP, reason, tried=0)

    def judge(self, faults: Sequence[Fault], *, tried: int, came: str, allowed: int = 0) -> Finding:
        """Pass with `came` where at most `allowed` of the `tried` assertions failed; otherwise fail and
        name them.
        """
        if len(faults) <= allowed:
            return Finding(Outcome.PASS, came, tuple(faults), tried)
        return Finding(Outcome.FAIL, f"{len(faults)} of {tried} were not as required", tuple(faults), tried)


def fault(text: str, answer: Answer) -> Fault:
    """A fault that `answer` shows."""
    return Fault(f"{text}: {answer}", answer.n)
