"""The FHIR interface: Patients and readings of the client's own people, and the audit trail."""

from __future__ import annotations

import asyncio
import re
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request

from wearable import capability, judging
from wearable.errors import Refusal
from wearable.store import Client, Store

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_PREFIX = re.compile(r"(eq|ge|gt|le|lt|sa|eb)?(\d{4}-\d{2}-\d{2}(?:T.*)?)")
_OPERATORS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "sa": ">", "eb": "<", "eq": "=", None: "="}
_VERIFIED = {
    "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
    "valueCodeableConcept": {
        "coding": [
            {
                "system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus",
                "code": "number-present-and-verified",
            }
        ]
    },
}
_DEFAULT_COUNT, _MOST, _SLOW_EVERY, _SLOW_SECONDS = 50, 1000, 8, 0.28
_NOTE_CUT = 255
_WHEREABOUTS = frozenset({"address", "telecom", "generalPractitioner", "managingOrganization", "contact"})

Answer = tuple[int, dict[str, Any], dict[str, str]]


@dataclass(slots=True)
class Fhir:
    """The verbs of the interface. Each gets the client who asks; none looks at a patient without `reach`."""

    store: Store
    product: str
    defects: frozenset[str]
    version: str = "1.0.0"
    hidden: set[str] = field(default_factory=set)
    # By client: why it may not come in at all.
    barred: dict[str, str] = field(default_factory=dict)
    spine_away: bool = False
    writes: int = 0
    recent: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def throttle(self, client: Client) -> None:
        """Refuse what goes beyond the client's rate."""
        if client.rate is None or "never-throttles" in self.defects:
            return
        requests, seconds = client.rate
        now, times = time.monotonic(), self.recent[client.client_id]
        while times and times[0] <= now - seconds:
            times.popleft()
        if len(times) >= requests:
            wait = max(1, round(times[0] + seconds - now))
            raise Refusal(
                429, "throttled", f"more than {requests} requests in {seconds} s", {"retry-after": str(wait)}
            )
        times.append(now)

    def reach(self, client: Client, patient: str) -> None:
        """Refuse a patient who is not the client's, or whom nobody may see."""
        if patient in self.hidden:
            raise Refusal(403, "suppressed", "the patient does not share this record")
        if patient not in client.patients and "answers-other-patients" not in self.defects:
            raise Refusal(404, "not-found", "there is no such patient here, or not for you")

    # Patients

    async def read_patient(self, client: Client, name: str) -> Answer:
        """GET Patient/id"""
        self.reach(client, name)
        found = self.store.patient(name)
        if found is None:
            raise Refusal(404, "not-found", "there is no such patient here, or not for you")
        return 200, self.shown(found), {"etag": 'W/"1"'}

    async def search_patients(self, client: Client, query: QueryParams) -> Answer:
        """GET Patient?... and POST Patient/_search: at most one match, and none where it is not certain
        who is meant.
        """
        self._only(query, {"_id", "identifier", "family", "given", "birthdate", "_count"})
        columns = {"_id": "id", "family": "family", "given": "given", "birthdate": "birth_date"}
        wanted = {columns[name]: value for name, value in query.items() if name in columns}
        if "identifier" in query:
            wanted["nhs_number"] = query["identifier"].rpartition("|")[2]
        if not wanted:
            raise Refusal(400, "required", "say whom you are looking for")
        found = self.store.patients(wanted)
        if len(found) > 1 and "guesses-between-twins" not in self.defects:
            raise Refusal(422, "multiple-matches", "several people match; ask with the NHS number")
        if "guesses-between-twins" not in self.defects:
            found = [each for each in found if self._may(client, each["id"])]
        return 200, self._bundle([self.shown(each) for each in found[:1]], min(len(found), 1)), {}

    async def create_patient(self, client: Client, request: Request) -> Answer:
        """POST Patient"""
        tree = judging.resource(await request.body(), "Patient")
        number = judging.check_patient(tree, number_too="accepts-any-nhs-number" not in self.defects)
        if client.role != "registrar":
            raise Refusal(403, "forbidden", "only a registrar may add patients")
        name = (tree.get("name") or [{}])[0]
        given = str((name.get("given") or [""])[0])
        added = self.store.add_patient(
            number, str(name.get("family", "")), given, str(tree.get("birthDate", "")), tree
        )
        if added is None:
            raise Refusal(409, "duplicate", "there is a Patient with that NHS number")
        self.store.add_to_client(client, added)
        return 201, self.shown({**tree, "id": added}), {"location": f"Patient/{added}", "etag": 'W/"1"'}

    def shown(self, tree: dict[str, Any]) -> dict[str, Any]:
        """A Patient as it leaves the service: of a restricted one nobody learns where they are."""
        labels = [each.get("code") for each in (tree.get("meta") or {}).get("security", [])]
        if "R" in labels and "tells-restricted-address" not in self.defects:
            tree = {name: value for name, value in tree.items() if name not in _WHEREABOUTS}
        if "no-verification-status" in self.defects:
            return tree
        return {**tree, "identifier": [{**each, "extension": [_VERIFIED]} for each in tree["identifier"]]}

    # Readings

    async def read_reading(self, client: Client, name: str) -> Answer:
        """GET Observation/id"""
        found = self.store.reading(name) if _ID.fullmatch(name) else None
        if found is None or not self._may(client, _owner(found)):
            raise Refusal(404, "not-found", "there is no such reading here, or not for you")
        return 200, self._reading(found), {"etag": f'W/"{found["meta"]["versionId"]}"'}

    async def search_readings(self, client: Client, query: QueryParams) -> Answer:
        """GET Observation?... and POST Observation/_search: of the client's own people only."""
        self._only(query, {"patient", "subject", "code", "date", "_id", "_count", "_total"})
        patients = set(client.patients) - self.hidden
        if "answers-other-patients" in self.defects:
            patients |= {
                each.rpartition("/")[2] for each in query.getlist("patient") + query.getlist("subject")
            }
        for name in ("patient", "subject"):
            for value in query.getlist(name):
                patients &= {each.rpartition("/")[2] for each in value.split(",")}
        where: list[tuple[str, Any]] = [("code = ?", self._code(each)) for each in query.getlist("code")]
        where += [("id = ?", each) for each in query.getlist("_id")]
        if "search-ignores-time" not in self.defects:
            where += [self._date(each) for each in query.getlist("date")]
        found, total = (
            self.store.readings(sorted(patients), where, limit=self._count(query)) if patients else ([], 0)
        )
        return 200, self._bundle([self._reading(each) for each in found], total), {}

    async def create_reading(self, client: Client, request: Request) -> Answer:
        """POST Observation: once for each request id, once for each reading, and only with consent."""
        tree = judging.resource(await request.body(), "Observation")
        possible = "keeps-impossible-values" not in self.defects
        judging.check_reading(tree, now=datetime.now(UTC), possible=possible)
        patient = self._writable(client, tree)
        await self._pace()
        request_id = request.headers.get("x-request-id", "")
        before = self.store.retried(client.client_id, request_id) if request_id else None
        same = self.store.reading(before) if before and "retries-twice" not in self.defects else None
        twin = judging.twin_of(tree)
        if same is None and not self.defects & {"keeps-duplicates", "retries-twice"}:
            same = self.store.twin(twin)
        if same is not None:
            return 200, self._reading(same), _where(same)
        at = judging.effective(tree).timestamp()
        if "loses-on-crash" in self.defects and not self.store.db.in_transaction:
            self.store.db.execute("BEGIN")
        kept = self.store.add_reading(patient, min(judging.codes(tree)), at, twin, self._kept(tree))
        if request_id:
            self.store.remember_request(client.client_id, request_id, kept["id"])
        return 201, self._reading(kept), _where(kept)

    async def update_reading(self, client: Client, name: str, request: Request) -> Answer:
        """PUT Observation/id, with If-Match"""
        tree = judging.resource(await request.body(), "Observation")
        judging.check_reading(tree, now=datetime.now(UTC))
        if tree.get("id") != name:
            raise Refusal(400, "invalid", "the id in the body is not the id in the address")
        old = self.store.reading(name)
        if old is None or not self._may(client, _owner(old)):
            raise Refusal(404, "not-found", "there is no such reading here, or not for you")
        if self._writable(client, tree) != _owner(old):
            raise Refusal(422, "business-rule", "a reading cannot move to another patient")
        wanted = re.fullmatch(r'(?:W/)?"(\d{1,9})"', request.headers.get("if-match", ""))
        careless = "last-writer-wins" in self.defects
        if wanted is None and not careless:
            raise Refusal(412, "conflict", "say in If-Match which version you change")
        kept = self.store.change_reading(
            name, None if careless or wanted is None else int(wanted[1]), self._kept(tree)
        )
        if kept is None:
            raise Refusal(412, "conflict", "the reading was changed in the meantime")
        return 200, self._reading(kept), _where(kept)

    def _writable(self, client: Client, tree: dict[str, Any]) -> str:
        """The patient for whom this reading may be stored by this client. Raises Refusal otherwise."""
        reference = tree["subject"]["reference"]
        if not re.fullmatch(r"Patient/[A-Za-z0-9\-.]{1,64}", reference):
            raise Refusal(422, "value", "subject must be a reference such as Patient/123")
        patient = str(reference.rpartition("/")[2])
        self.reach(client, patient)
        self._same_person(tree, patient)
        if not self.store.consents(patient, judging.codes(tree)) and "ignores-consent" not in self.defects:
            raise Refusal(403, "forbidden", "the patient has not consented to this kind of data")
        return patient

    def _same_person(self, tree: dict[str, Any], patient: str) -> None:
        """Refuse a reading whose subject is one person by reference and another by NHS number."""
        identifier = tree["subject"].get("identifier")
        if not isinstance(identifier, dict) or "ignores-mismatch" in self.defects:
            return
        found = self.store.patient(patient) or {}
        own = {each.get("value") for each in found.get("identifier", [])}
        if identifier.get("system") == judging.NHS_NUMBER and identifier.get("value") not in own:
            raise Refusal(
                422, "business-rule", "subject names one person by reference, another by NHS number"
            )

    async def _pace(self) -> None:
        self.writes += 1
        if "slow-writes" in self.defects and self.writes % _SLOW_EVERY == 0:
            await asyncio.sleep(_SLOW_SECONDS)

    def _kept(self, tree: dict[str, Any]) -> dict[str, Any]:
        """The reading as it is stored: as sent, with the app named where it did not say."""
        kept = {**tree, "meta": {"source": f"urn:app:{self.product}", **tree.get("meta", {})}}
        if "loses-time-zone" in self.defects:
            kept["effectiveDateTime"] = re.sub(r"[+-]\d{2}:\d{2}$", "Z", kept["effectiveDateTime"])
        if "drops-the-device" in self.defects:
            kept.pop("device", None)
        if "truncates-text" in self.defects:
            kept["note"] = [
                {**each, "text": str(each.get("text"))[:_NOTE_CUT]} for each in kept.get("note", [])
            ]
        return kept

    def _reading(self, tree: dict[str, Any]) -> dict[str, Any]:
        if "breaks-fhir-rules" in self.defects:
            tree = {**tree, "dataAbsentReason": {"text": "unknown"}}
        if "invents-a-code-system" not in self.defects:
            return tree
        own = {"system": "urn:our:own:codes", "code": "pulse-ish"}
        return {**tree, "code": {**tree["code"], "coding": [*tree["code"]["coding"], own]}}

    # Audit

    async def search_audit(self, client: Client, query: QueryParams, base: str) -> Answer:
        """GET AuditEvent?date=ge..., for the auditor, page by page"""
        if client.role != "auditor":
            raise Refusal(403, "forbidden", "only an auditor may read the audit trail")
        self._only(query, {"date", "_count", "after"})
        since, count = query.get("date", "ge2000-01-01").removeprefix("ge"), self._count(query)
        after = int(query["after"]) if query.get("after", "").isdigit() else 0
        found = self.store.audit(since, after=after, limit=count)
        bundle = self._bundle([self._event(each) for _, each in found], None)
        if len(found) == count:
            bundle["link"] = [
                {
                    "relation": "next",
                    "url": f"{base}/AuditEvent?date=ge{since}&_count={count}&after={found[-1][0]}",
                }
            ]
        return 200, bundle, {}

    def _event(self, event: dict[str, Any]) -> dict[str, Any]:
        if "rewrites-audit" in self.defects and event["outcome"] != "0":
            return {**event, "outcome": "0"}
        return event

    async def read_audit(self, client: Client, name: str) -> Answer:
        """GET AuditEvent/id, for the auditor"""
        if client.role != "auditor":
            raise Refusal(403, "forbidden", "only an auditor may read the audit trail")
        found = self.store.audit_event(name)
        if found is None:
            raise Refusal(404, "not-found", "there is no such event")
        return 200, found, {}

    # Small parts

    def _may(self, client: Client, patient: str) -> bool:
        if patient in self.hidden:
            return False
        return patient in client.patients or "answers-other-patients" in self.defects

    @staticmethod
    def _only(query: QueryParams, known: set[str]) -> None:
        unknown = [each for each in query if each not in known]
        if unknown:
            raise Refusal(400, "not-supported", "a search parameter is not one of those in the description")

    @staticmethod
    def _count(query: QueryParams) -> int:
        text = query.get("_count", str(_DEFAULT_COUNT))
        if not (text.isascii() and text.isdigit() and len(text) < 6):
            raise Refusal(400, "value", "_count must be a number")
        return min(int(text), _MOST)

    @staticmethod
    def _code(text: str) -> str:
        """The LOINC code that is asked for; none where another system is."""
        system, _, code = text.rpartition("|")
        return code if system in ("", judging.LOINC) else ""

    @staticmethod
    def _date(text: str) -> tuple[str, float]:
        found = _PREFIX.fullmatch(text)
        try:
            at = datetime.fromisoformat(found[2]) if found else None
        except ValueError:
            at = None
        if found is None or at is None:
            raise Refusal(400, "value", "date must be a date, with a prefix such as ge")
        return f"at {_OPERATORS[found[1]]} ?", (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()

    @staticmethod
    def _bundle(resources: list[dict[str, Any]], total: int | None) -> dict[str, Any]:
        bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
        if total is not None:
            bundle["total"] = total
        if resources:
            bundle["entry"] = [{"resource": each, "search": {"mode": "match"}} for each in resources]
        return bundle

    def metadata(self, base: str, more: Mapping[str, capability.Declared]) -> dict[str, Any]:
        """GET metadata; `more` is what another kind of service adds."""
        lacking = "describes-what-it-lacks" in self.defects
        return capability.statement(self.product, self.version, base, lacking=lacking, more=more)


def _owner(reading: dict[str, Any]) -> str:
    return str(reading["subject"]["reference"]).rpartition("/")[2]


def _where(reading: dict[str, Any]) -> dict[str, str]:
    return {"location": f"Observation/{reading['id']}", "etag": f'W/"{reading["meta"]["versionId"]}"'}
