"""The verbs that write: create, update, delete, and many at once. Each makes a new version and an audit event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from carespine.fhir import codec, json_text
from carespine.fhir.search import index
from carespine.kernel.clock import fhir_instant
from carespine.kernel.errors import Invalid, NotFound, PreconditionFailed
from carespine.kernel.ids import hash63, is_fhir_id, new_id
from carespine.security import confidentiality, filing, same_person, subscribing
from carespine.security.compartment import patient_key_of
from carespine.security.reach import Reach
from carespine.storage import resources
from carespine.storage.rows import Stored, Write, new_rid

if TYPE_CHECKING:
    from datetime import datetime

    from carespine.fhir.subscriptions.asked import Asked
    from carespine.security.validating import Validator


# If-Match: *, whatever version there is (RFC 9110, 13.1.1). Versions begin at 1.
ANY_VERSION = -1  # no ETag can name it
NAMES_NO_VERSION = (None, ANY_VERSION)
NAME_THE_VERSION = "An update must name the version it replaces: send If-Match with its ETag."


class Writing(Reach):
    """Writing, within what the actor may reach."""

    _written: Mapping[tuple[str, str], Write]
    validator: Validator | None = None

    async def create(self, tree: dict[str, Any], *, checked: bool = False) -> dict[str, Any]:
        """Store a new resource under a fresh id (one that it brings is replaced)."""
        tree = {**tree, "id": new_id()}
        await self._write([tree], {}, interaction="c", checked=checked)
        return await self._last(tree)

    async def update(
        self,
        tree: dict[str, Any],
        *,
        if_match: int | None = None,
        checked: bool = False,
        demand_match: bool = False,
    ) -> dict[str, Any]:
        """Replace a resource, or create it under the id it brings.

        `if_match` is the version to replace, or ANY_VERSION; `demand_match` refuses to replace one without naming it.
        """
        resource_type, resource_id = tree["resourceType"], tree.get("id")
        if not isinstance(resource_id, str) or not is_fhir_id(resource_id):
            raise Invalid("An update needs a resource with an id of 1 to 64 letters, digits, '-' and '.'.")
        found = await resources.lock(self.tx, [(resource_type, resource_id)])
        visible = await self._visible(found)
        exists = any(not item.deleted for item in visible.values())
        what = f"{resource_type}/{resource_id}"
        self._demand(resource_type, "u" if exists else "c", "update", what=what)
        self._match(visible.get((resource_type, resource_id)), if_match, what)
        self._demand_nothing_hidden(found, visible)
        if exists and demand_match and if_match in NAMES_NO_VERSION:
            raise PreconditionFailed(NAME_THE_VERSION)
        await self._write([tree], found, interaction="u" if exists else "c", checked=checked)
        return await self._last(tree)

    async def delete(
        self, resource_type: str, resource_id: str, *, if_match: int | None = None
    ) -> Stored | None:
        """Delete a resource; its versions stay. None where there was nothing to delete.

        To an actor who does not reach every patient, what never was is not found, like what is out of reach.
        """
        self._demand(resource_type, "d", "delete", what=f"{resource_type}/{resource_id}")
        found = (await resources.lock(self.tx, [(resource_type, resource_id)])).get(
            (resource_type, resource_id)
        )
        if self._is_restricted and not (found and await self._is_within(found, "d")):
            self._refuse("delete", what=f"{resource_type}/{resource_id}")
            raise NotFound(f"There is no {resource_type}/{resource_id}.")
        if found and not found.deleted:
            self._demand_scope("d", found, frozenset(index(json_text.read(found.body)).keys))
        self._match(found, if_match, f"{resource_type}/{resource_id}")
        if found is None or found.deleted:
            return None
        write = Write(
            resource_type,
            resource_id,
            found.version + 1,
            self._after(found),
            True,
            b"",
            found.patient,
            found.rid,
            None,
            found,
        )
        await resources.save(self.tx, [write])
        await filing.unfile(self.tx, resource_type, resource_id)
        self._note("D", "delete", found.patient, f"{resource_type}/{resource_id}/_history/{write.version}")
        return write.stored()

    def nothing_to_delete(self, resource_type: str) -> None:
        """A condition found nothing to delete: no error to those who reach all; to others as if out of reach."""
        self._demand(resource_type, "d", "delete", what=resource_type)
        if self._is_restricted:
            self._refuse("delete", what=resource_type)
            raise NotFound(f"There is no such {resource_type}.")

    async def upsert_many(
        self,
        trees: Sequence[dict[str, Any]],
        *,
        checked: bool = False,
        rewrite_same: bool = False,
        if_match: Mapping[tuple[str, str], int] | None = None,
        demand_match: bool = False,
    ) -> list[Stored | None]:
        """Create or update many resources with given ids at once; one that is unchanged is left alone (None).

        The fast path of loads, imports and transactions. `rewrite_same` gives the unchanged a new version too;
        `if_match` and `demand_match` are as for `update`. Raises Invalid where two carry one identity.
        """
        identities = [(tree["resourceType"], tree.get("id") or "") for tree in trees]
        if len(set(identities)) != len(identities):
            raise Invalid("The same resource stands twice in one transaction.")
        if bad := next((pair for pair in identities if not is_fhir_id(pair[1])), None):
            raise Invalid(f"A {bad[0]} has no usable id.")
        found = await resources.lock(self.tx, identities)
        visible = await self._visible(found)
        matches = if_match or {}
        for identity, version in matches.items():
            self._demand(identity[0], "u" if identity in visible else "c", "update", what="/".join(identity))
            self._match(visible.get(identity), version, "/".join(identity))
        self._demand_nothing_hidden(found, visible)
        if demand_match and any(
            not item.deleted for key, item in found.items() if matches.get(key) in NAMES_NO_VERSION
        ):
            raise PreconditionFailed(NAME_THE_VERSION)
        changed = [
            tree
            for tree, identity in zip(trees, identities, strict=True)
            if rewrite_same or not _same(found.get(identity), tree)
        ]
        written = await self._write(changed, found, interaction=None, checked=checked)
        by_identity = {(item.type, item.id): item.stored() for item in written}
        return [by_identity.get(identity) for identity in identities]

    async def serialise(self, *subjects: tuple[str, ...]) -> None:
        """Wait until no other transaction is at work on the same subjects (a condition, a document).

        Those who need several ask for them at once: they are then always waited for in the same order.
        """
        keys = sorted({hash63("serialise", *subject) for subject in subjects})
        if keys:
            await self.tx.execute("select pg_advisory_xact_lock(key) from unnest($1::bigint[]) as key", keys)

    async def hold(self, identities: Iterable[tuple[str, str]]) -> None:
        """Keep others from changing these resources until the transaction ends, also in one order."""
        await resources.lock(self.tx, identities)

    async def _write(
        self,
        trees: Sequence[dict[str, Any]],
        found: dict[tuple[str, str], Stored],
        *,
        interaction: str | None,
        checked: bool,
    ) -> list[Write]:
        writes: list[Write] = []
        subscribed: list[Asked | None] = []
        # Always in one order: two transactions over the same new resources then wait for one another in turn
        # and do not deadlock.
        for tree in (trees := sorted(trees, key=_identity)):
            previous = found.get((tree["resourceType"], tree["id"]))
            exists = previous is not None and not previous.deleted
            letter = interaction or ("u" if exists else "c")
            what = f"{tree['resourceType']}/{tree['id']}"
            self._demand(tree["resourceType"], letter, "update" if letter == "u" else "create", what=what)
            if not checked:
                codec.check(tree)
            if self._is_restricted:
                whole = confidentiality.with_hidden(tree, previous, self.actor)
                if whole is not tree:
                    tree.clear()
                    tree.update(whole)
            filing.demand(tree)
            subscribed.append(subscribing.take_in(tree, self.actor))
            writes.append(self._prepare(tree, previous))
        await self._demand_reach_of_writes(trees, writes)
        await same_person.demand(self.tx, trees)
        if self.validator is not None:
            await self.validator.demand(self, trees)
        await resources.save(self.tx, writes)
        await confidentiality.file(self.tx, trees, writes)
        for tree, write, wanted in zip(trees, writes, subscribed, strict=True):
            await filing.file(self.tx, tree)
            if wanted is not None:
                await subscribing.file(self.tx, tree, wanted, self.actor, self.purpose)
            created = write.previous is None or write.previous.deleted
            what = f"{write.type}/{write.id}/_history/{write.version}"
            self._note("C" if created else "U", "create" if created else "update", write.patient, what)
        self._written = {(write.type, write.id): write for write in writes}
        return writes

    def _prepare(self, tree: dict[str, Any], previous: Stored | None) -> Write:
        version = previous.version + 1 if previous else 1
        updated = self._after(previous)
        meta = {**tree.get("meta", {}), "versionId": str(version), "lastUpdated": fhir_instant(updated)}
        head = {"resourceType": tree["resourceType"], "id": tree["id"], "meta": meta}
        tree.update(meta=meta)
        body = codec.encode({**head, **{key: value for key, value in tree.items() if key not in head}})
        return Write(
            tree["resourceType"],
            tree["id"],
            version,
            updated,
            False,
            body,
            patient_key_of(tree),
            previous.rid if previous else new_rid(),
            index(tree),
            previous,
        )

    def _after(self, previous: Stored | None) -> datetime:
        """Now, in the milliseconds that FHIR shows; never before the version that it replaces."""
        now = self.clock()
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        return max(now, previous.updated) if previous else now

    async def _last(self, tree: dict[str, Any]) -> dict[str, Any]:
        last: dict[str, Any] = json_text.read(self._written[(tree["resourceType"], tree["id"])].body)
        return last

    def written(self, resource_type: str, resource_id: str) -> Write:
        """The write that the last verb made of this resource."""
        return self._written[(resource_type, resource_id)]

    @staticmethod
    def _match(current: Stored | None, if_match: int | None, what: str) -> None:
        if if_match is None:
            return
        if current is None or current.deleted:
            wanted = "any version" if if_match == ANY_VERSION else f"version {if_match}"
            raise PreconditionFailed(f"If-Match asks for {wanted}, but there is no {what}.")
        if if_match not in (current.version, ANY_VERSION):
            raise PreconditionFailed(
                f"{what} has changed: it is at version {current.version}, not {if_match}. Read it again first."
            )


def _identity(tree: dict[str, Any]) -> tuple[str, str]:
    return tree["resourceType"], tree["id"]


def _same(stored: Stored | None, tree: dict[str, Any]) -> bool:
    if stored is None or stored.deleted:
        return False
    return _content(json_text.read(stored.body)) == _content(tree)


def _content(tree: dict[str, Any]) -> dict[str, Any]:
    meta = {k: v for k, v in tree.get("meta", {}).items() if k not in ("versionId", "lastUpdated")}
    return {**tree, "meta": meta}
