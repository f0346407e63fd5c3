"""What the service keeps, in one SQLite file: people, readings with versions, clients, audit, retries."""

from __future__ import annotations

import json
import sqlite3
import uuid
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS patients (id TEXT PRIMARY KEY, nhs_number TEXT UNIQUE, family TEXT, given TEXT,
    birth_date TEXT, version INTEGER, body TEXT);
CREATE TABLE IF NOT EXISTS readings (id TEXT PRIMARY KEY, patient TEXT, code TEXT, at REAL, twin TEXT,
    version INTEGER, body TEXT);
CREATE INDEX IF NOT EXISTS readings_by_patient ON readings (patient, at);
CREATE INDEX IF NOT EXISTS readings_by_twin ON readings (twin);
CREATE TABLE IF NOT EXISTS clients (client_id TEXT PRIMARY KEY, body TEXT);
CREATE TABLE IF NOT EXISTS refusals_of_consent (patient TEXT, code TEXT, PRIMARY KEY (patient, code));
CREATE TABLE IF NOT EXISTS assertions (client_id TEXT, jti TEXT, until REAL, PRIMARY KEY (client_id, jti));
CREATE TABLE IF NOT EXISTS retries (client_id TEXT, request_id TEXT, reading TEXT,
    PRIMARY KEY (client_id, request_id));
CREATE TABLE IF NOT EXISTS audit_trail (n INTEGER PRIMARY KEY, at TEXT, id TEXT UNIQUE, seal TEXT, body TEXT);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT);
"""
# Each audit event carries its number, and a seal: SHA-256 over the seal before it and the event without its seal.
NUMBER, SEAL = "urn:carespine:audit-number", "urn:carespine:audit-seal"


def _canonical(tree: dict[str, Any]) -> bytes:
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who may ask for tokens: their public key, their patients, and how many requests in how many
    seconds.
    """

    client_id: str
    key: dict[str, Any]
    patients: frozenset[str]
    role: str = "app"
    revoked: bool = False
    rate: tuple[int, int] | None = None


class Store:
    """The one SQLite file. Calls are short and made from one thread, so that each is whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch(mode=0o600)  # it holds keys and readings: for this account only
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")
        self.db.executescript(_SCHEMA)

    def crash(self) -> None:
        """Die and come up again in place: what was not committed is gone."""
        self.db.close()
        self.db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    def _one(self, sql: str, *values: Any) -> Any:
        return self.db.execute(sql, values).fetchone()

    # People

    def add_patient(
        self, number: str, family: str, given: str, birth_date: str, body: dict[str, Any]
    ) -> str | None:
        """Keep a new Patient and answer its id, or None where the NHS number is taken."""
        name = str(uuid.uuid4())
        done = self.db.execute(
            "INSERT INTO patients VALUES (?, ?, ?, ?, ?, 1, ?) ON CONFLICT DO NOTHING",
            (name, number, family, given, birth_date, json.dumps({**body, "id": name})),
        )
        return name if done.rowcount else None

    def add_patient_once(self, number: str, family: str, given: str, birth_date: str) -> str:
        """The id of the Patient with this NHS number, who is added where there is none."""
        body = {
            "resourceType": "Patient",
            "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number}],
            "name": [{"use": "official", "family": family, "given": [given]}],
            "birthDate": birth_date,
        }
        return self.add_patient(number, family, given, birth_date, body) or self.patient_id(number)

    def patient_id(self, number: str) -> str:
        """The id of the Patient with this NHS number. Raises KeyError where there is none."""
        row = self._one("SELECT id FROM patients WHERE nhs_number = ?", number)
        if row is None:
            raise KeyError("nobody here has that NHS number")
        return str(row[0])

    def patient(self, name: str) -> dict[str, Any] | None:
        """One Patient, or None."""
        row = self._one("SELECT body FROM patients WHERE id = ?", name)
        return json.loads(row[0]) if row else None

    def change_patient(self, name: str, body: dict[str, Any]) -> None:
        """Replace what is told of a patient."""
        self.db.execute("UPDATE patients SET body = ? WHERE id = ?", (json.dumps({**body, "id": name}), name))

    def patients(self, wanted: dict[str, str]) -> list[dict[str, Any]]:
        """The Patients whose columns have exactly these values (letters alike in upper and lower case)."""
        where = " AND ".join(f"{column} = ? COLLATE NOCASE" for column in wanted) or "1"
        rows = self.db.execute(f"SELECT body FROM patients WHERE {where} ORDER BY id", list(wanted.values()))  # noqa: S608
        return [json.loads(row[0]) for row in rows]

    def refuse_consent(self, patient: str, code: str) -> None:
        """Note that the patient does not consent to this kind of data (`*`: to any)."""
        self.db.execute(
            "INSERT INTO refusals_of_consent VALUES (?, ?) ON CONFLICT DO NOTHING", (patient, code)
        )

    def consents(self, patient: str, codes: set[str]) -> bool:
        """Whether the patient has refused none of these kinds of data."""
        rows = self.db.execute("SELECT code FROM refusals_of_consent WHERE patient = ?", (patient,))
        return not {row[0] for row in rows} & (codes | {"*"})

    # Readings

    def twin(self, twin: str) -> dict[str, Any] | None:
        """The reading kept already that is the same in all that matters."""
        row = self._one("SELECT body FROM readings WHERE twin = ?", twin)
        return json.loads(row[0]) if row else None

    def add_reading(
        self, patient: str, code: str, at: float, twin: str, body: dict[str, Any]
    ) -> dict[str, Any]:
        """Keep a new reading and answer it with its id and version."""
        name = str(uuid.uuid4())
        kept = {**body, "id": name, "meta": {**body.get("meta", {}), "versionId": "1"}}
        row = (name, patient, code, at, twin, json.dumps(kept))
        self.db.execute("INSERT INTO readings VALUES (?, ?, ?, ?, ?, 1, ?)", row)
        return kept

    def reading(self, name: str) -> dict[str, Any] | None:
        """One reading, or None."""
        row = self._one("SELECT body FROM readings WHERE id = ?", name)
        return json.loads(row[0]) if row else None

    def change_reading(self, name: str, version: int | None, body: dict[str, Any]) -> dict[str, Any] | None:
        """Replace the reading if it still has this version (None: whichever); None where it has another."""
        row = self._one("SELECT version FROM readings WHERE id = ?", name)
        if row is None or (version is not None and row[0] != version):
            return None
        kept = {**body, "id": name, "meta": {**body.get("meta", {}), "versionId": str(row[0] + 1)}}
        self.db.execute(
            "UPDATE readings SET version = ?, body = ? WHERE id = ?", (row[0] + 1, json.dumps(kept), name)
        )
        return kept

    def readings(
        self, patients: list[str], where: list[tuple[str, Any]], *, limit: int
    ) -> tuple[list[dict[str, Any]], int]:
        """Readings of these patients, newest first, under conditions such as ("at >= ?", 0), and how many
        there are.
        """
        marks = ", ".join("?" * len(patients))
        sql = " AND ".join([f"patient IN ({marks})", *(each for each, _ in where)])
        values = [*patients, *(value for _, value in where)]
        total = self.db.execute(f"SELECT count(*) FROM readings WHERE {sql}", values).fetchone()[0]  # noqa: S608
        rows = self.db.execute(
            f"SELECT body FROM readings WHERE {sql} ORDER BY at DESC LIMIT ?",  # noqa: S608 - conditions are ours
            [*values, limit],
        )
        return [json.loads(row[0]) for row in rows], total

    def readings_of(self, patient: str) -> list[dict[str, Any]]:
        """Every reading of a patient, in the order in which they were kept."""
        rows = self.db.execute("SELECT body FROM readings WHERE patient = ? ORDER BY rowid", (patient,))
        return [json.loads(row[0]) for row in rows]

    # Clients, tokens, retries, audit

    def add_client_once(self, client: Client) -> None:
        """Keep a client, if there is none of that id."""
        tree = {
            "key": client.key,
            "patients": sorted(client.patients),
            "role": client.role,
            "revoked": client.revoked,
            "rate": client.rate,
        }
        self.db.execute(
            "INSERT INTO clients VALUES (?, ?) ON CONFLICT DO NOTHING", (client.client_id, json.dumps(tree))
        )

    def client(self, client_id: str) -> Client | None:
        """One client, or None."""
        row = self._one("SELECT body FROM clients WHERE client_id = ?", client_id)
        if row is None:
            return None
        tree = json.loads(row[0])
        rate = tuple(tree["rate"]) if tree["rate"] else None
        return Client(
            client_id, tree["key"], frozenset(tree["patients"]), tree["role"], tree["revoked"], rate
        )

    def count_clients(self) -> int:
        """How many clients there are."""
        return int(self._one("SELECT count(*) FROM clients")[0])

    def add_to_client(self, client: Client, patient: str) -> None:
        """Let the client reach the patient whom it registered."""
        self.db.execute("DELETE FROM clients WHERE client_id = ?", (client.client_id,))
        added = client.patients | {patient}
        self.add_client_once(
            Client(client.client_id, client.key, added, client.role, client.revoked, client.rate)
        )

    def first_use(self, client_id: str, jti: str, *, until: float, now: float) -> bool:
        """Whether this assertion is seen for the first time; it is remembered until it has expired."""
        self.db.execute("DELETE FROM assertions WHERE until < ?", (now,))
        done = self.db.execute(
            "INSERT INTO assertions VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (client_id, jti, until)
        )
        return bool(done.rowcount)

    def retried(self, client_id: str, request_id: str) -> str | None:
        """The id of the reading that this request made before, or None."""
        row = self._one(
            "SELECT reading FROM retries WHERE client_id = ? AND request_id = ?", client_id, request_id
        )
        return str(row[0]) if row else None

    def remember_request(self, client_id: str, request_id: str, reading: str) -> None:
        """Note which reading this request made."""
        self.db.execute(
            "INSERT INTO retries VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (client_id, request_id, reading)
        )

    def add_audit(self, at: str, body: dict[str, Any]) -> None:
        """Keep an audit event, sealed: its seal covers the event and the seal before it."""
        before = self._one("SELECT n, seal FROM audit_trail ORDER BY n DESC LIMIT 1") or (0, "")
        number, name = before[0] + 1, str(uuid.uuid4())
        event = {**body, "id": name, "extension": [{"url": NUMBER, "valueInteger": number}]}
        seal = sha256(before[1].encode() + _canonical(event)).hexdigest()
        event["extension"].append({"url": SEAL, "valueString": seal})
        self.db.execute(
            "INSERT INTO audit_trail VALUES (?, ?, ?, ?, ?)", (number, at, name, seal, json.dumps(event))
        )

    def audit(self, since: str, *, after: int, limit: int) -> list[tuple[int, dict[str, Any]]]:
        """Audit events from `since` on, beyond number `after`, with their numbers."""
        rows = self.db.execute(
            "SELECT n, body FROM audit_trail WHERE at >= ? AND n > ? ORDER BY n LIMIT ?",
            (since, after, limit),
        )
        return [(row[0], json.loads(row[1])) for row in rows]

    def audit_event(self, name: str) -> dict[str, Any] | None:
        """One audit event, or None."""
        row = self._one("SELECT body FROM audit_trail WHERE id = ?", name)
        return json.loads(row[0]) if row else None

    def forget_audit(self, name: str) -> None:
        """What a sound service never does: remove an audit event."""
        self.db.execute("DELETE FROM audit_trail WHERE id = ?", (name,))

    def setting(self, name: str) -> str | None:
        """A setting, or None."""
        row = self._one("SELECT value FROM settings WHERE name = ?", name)
        return str(row[0]) if row else None

    def set_setting(self, name: str, value: str) -> None:
        """Keep a setting."""
        self.db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))
