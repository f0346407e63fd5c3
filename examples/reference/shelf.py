"""What a reference service keeps beside people and readings: any resource, by kind and id, with its version."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from starlette.requests import Request

from wearable.errors import Refusal
from wearable.store import Store

Tree = dict[str, Any]
_SCHEMA = """
CREATE TABLE IF NOT EXISTS things (kind TEXT, id TEXT, patient TEXT, version INTEGER, body TEXT,
    PRIMARY KEY (kind, id));
CREATE INDEX IF NOT EXISTS things_by_patient ON things (kind, patient);
CREATE TABLE IF NOT EXISTS claims (what TEXT PRIMARY KEY, by TEXT);
"""


class Shelf:
    """Resources and claims in the service's one SQLite file."""

    def __init__(self, store: Store) -> None:
        self.db = store.db
        self.db.executescript(_SCHEMA)

    def put(self, kind: str, body: Tree, *, patient: str = "", name: str = "") -> Tree:
        """Keep a new resource and answer it with its id and version; one that is there already stays as it is."""
        name = name or str(uuid.uuid4())
        kept = {**body, "resourceType": kind, "id": name, "meta": {**body.get("meta", {}), "versionId": "1"}}
        self.db.execute(
            "INSERT INTO things VALUES (?, ?, ?, 1, ?) ON CONFLICT DO NOTHING",
            (kind, name, patient, json.dumps(kept)),
        )
        return kept

    def get(self, kind: str, name: str) -> Tree | None:
        """One resource, or None."""
        row = self.db.execute("SELECT body FROM things WHERE kind = ? AND id = ?", (kind, name)).fetchone()
        return json.loads(row[0]) if row else None

    def change(self, kind: str, name: str, body: Tree) -> Tree:
        """Replace a resource that is there; its version goes up by one."""
        row = self.db.execute("SELECT version FROM things WHERE kind = ? AND id = ?", (kind, name)).fetchone()
        version = row[0] + 1
        kept = {**body, "id": name, "meta": {**body.get("meta", {}), "versionId": str(version)}}
        self.db.execute(
            "UPDATE things SET version = ?, body = ? WHERE kind = ? AND id = ?",
            (version, json.dumps(kept), kind, name),
        )
        return kept

    def remove(self, kind: str, name: str) -> None:
        """Forget a resource."""
        self.db.execute("DELETE FROM things WHERE kind = ? AND id = ?", (kind, name))

    def all(self, kind: str, patient: str | None = None) -> list[Tree]:
        """Every resource of a kind, of one patient or of all, in the order of their keeping."""
        where, values = (
            ("kind = ?", [kind]) if patient is None else ("kind = ? AND patient = ?", [kind, patient])
        )
        rows = self.db.execute(f"SELECT body FROM things WHERE {where} ORDER BY rowid", values)  # noqa: S608
        return [json.loads(row[0]) for row in rows]

    def claim(self, what: str, by: str) -> bool:
        """Whether `what` was nobody's until now; from now on it is `by`'s."""
        done = self.db.execute("INSERT INTO claims VALUES (?, ?) ON CONFLICT DO NOTHING", (what, by))
        return bool(done.rowcount)

    def claimed(self) -> dict[str, str]:
        """What is claimed, and by whom."""
        return dict(self.db.execute("SELECT what, by FROM claims").fetchall())

    def release(self, what: str) -> None:
        """Nobody claims `what` any more."""
        self.db.execute("DELETE FROM claims WHERE what = ?", (what,))


async def body(request: Request, kind: str) -> Tree:
    """The resource that was sent. Raises Refusal where it is none of this kind."""
    try:
        tree = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "structure", "the body is not JSON") from error
    if not isinstance(tree, dict) or tree.get("resourceType") != kind:
        raise Refusal(400, "structure", f"the body is not a resource of the type {kind}")
    return tree


def unchanged(request: Request, old: Tree) -> None:
    """Refuse a change that does not name the version it changes."""
    wanted = re.fullmatch(r'(?:W/)?"(\d{1,9})"', request.headers.get("if-match", ""))
    if wanted is None or wanted[1] != old["meta"]["versionId"]:
        raise Refusal(
            412, "conflict", "say in If-Match which version you change; it was changed, or is missing"
        )


def bundle(resources: list[Tree], *, included: list[Tree] | None = None) -> Tree:
    """A searchset of matches, and of what they refer to."""
    entries = [{"resource": each, "search": {"mode": "match"}} for each in resources]
    entries += [{"resource": each, "search": {"mode": "include"}} for each in included or []]
    made: Tree = {"resourceType": "Bundle", "type": "searchset", "total": len(resources)}
    return {**made, "entry": entries} if entries else made


def at(tree: Tree) -> dict[str, str]:
    """The headers that name a resource and its version."""
    return {
        "location": f"{tree['resourceType']}/{tree['id']}",
        "etag": f'W/"{tree["meta"]["versionId"]}"',
    }


def referred(tree: Any, *path: str) -> str:
    """The id at the end of the reference at this path; empty where there is none."""
    for name in path:
        tree = tree.get(name) if isinstance(tree, dict) else None
    reference = tree.get("reference") if isinstance(tree, dict) else None
    return reference.rpartition("/")[2] if isinstance(reference, str) else ""
