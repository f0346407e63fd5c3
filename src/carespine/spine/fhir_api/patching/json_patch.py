"""JSON Patch (RFC 6902) on plain trees: numbers keep their digits, and all operations happen or none does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from carespine.fhir import json_text
from carespine.kernel.errors import Invalid, Unprocessable
from carespine.spine.fhir_api.patching import pointer
from carespine.spine.fhir_api.patching.pointer import Pointer

# Ours: operations of one patch, and values that its `copy` operations may make. Ten copies of a list into itself
# make a thousand of it: without a bound a short patch fills the memory.
MOST_OPERATIONS = 10_000
MOST_COPIED = 200_000
_ABSENT = object()


@dataclass(slots=True)
class _Work:
    """The document as it is being changed, and how many values may still be copied."""

    document: Any
    allowance: int = MOST_COPIED

    def copy(self, value: Any) -> Any:
        """A copy that shares nothing with `value`; raises Unprocessable where the allowance is used up."""
        self.allowance -= 1
        if self.allowance < 0:
            raise Unprocessable(f"The patch copies more than {MOST_COPIED} values.", expression=None)
        if isinstance(value, dict):
            return {key: self.copy(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.copy(item) for item in value]
        return value


def read(raw: bytes) -> list[dict[str, Any]]:
    """The operations in a JSON text. Raises Invalid where it is not a JSON Patch document."""
    try:
        found = json_text.read(raw)
        repeated = json_text.duplicate_keys(raw, _keys(found))
    except RecursionError as error:
        raise Invalid("The patch is nested too deeply.") from error
    if repeated:
        raise Invalid(f"The patch repeats a key within one object: {', '.join(repeated)[:100]}.")
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise Invalid("A JSON Patch is an array of objects, each an operation.")
    if len(found) > MOST_OPERATIONS:
        raise Invalid(f"A patch has at most {MOST_OPERATIONS} operations; this one has {len(found)}.")
    return found


def apply(tree: Any, operations: list[dict[str, Any]]) -> Any:
    """The tree after all operations; the given one is left as it is.

    Raises Invalid where an operation is malformed, Unprocessable where it cannot be done to this tree or its
    test fails; the expression names the operation by its place, `[0]`.
    """
    work = _Work(None)
    try:
        work.document = _Work(None, allowance=2**62).copy(tree)
        for position, operation in enumerate(operations):
            _perform(work, operation, f"[{position}]")
    except RecursionError as error:
        raise Invalid("The patch is nested too deeply.") from error
    return work.document


def equal(left: Any, right: Any) -> bool:
    """RFC 6902, 4.6: of one JSON type, numbers by their value, objects without regard to order."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, Decimal)) and isinstance(right, (int, Decimal)):
        return left == right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    return type(left) is type(right) and bool(left == right)


def _perform(work: _Work, operation: Mapping[str, Any], place: str) -> None:
    name = operation.get("op")
    if not isinstance(name, str) or name not in _OPERATIONS:
        raise Invalid(f"`op` is one of {', '.join(_OPERATIONS)}; not {str(name)[:40]!r}.", expression=place)
    try:
        _OPERATIONS[name](work, operation)
    except Invalid as error:
        raise type(error)(error.message, expression=place) from error


def _add(work: _Work, operation: Mapping[str, Any]) -> None:
    _put(work, _pointer(operation, "path"), work.copy(_value(operation)))


def _remove(work: _Work, operation: Mapping[str, Any]) -> None:
    _take(work, _pointer(operation, "path"))


def _replace(work: _Work, operation: Mapping[str, Any]) -> None:
    path, value = _pointer(operation, "path"), work.copy(_value(operation))
    pointer.find(work.document, path)
    if not path:
        work.document = value
        return
    parent = pointer.find(work.document, path[:-1])
    parent[pointer.key(parent, path)] = value


def _move(work: _Work, operation: Mapping[str, Any]) -> None:
    source, path = _pointer(operation, "from"), _pointer(operation, "path")
    pointer.find(work.document, source)
    if source == path:
        return
    if path[: len(source)] == source:
        raise Unprocessable("A value cannot be moved into itself.")
    _put(work, path, _take(work, source))


def _copy(work: _Work, operation: Mapping[str, Any]) -> None:
    source, path = _pointer(operation, "from"), _pointer(operation, "path")
    _put(work, path, work.copy(pointer.find(work.document, source)))


def _test(work: _Work, operation: Mapping[str, Any]) -> None:
    path, value = _pointer(operation, "path"), _value(operation)
    if not equal(pointer.find(work.document, path), value):
        raise Unprocessable(f"The test failed: the value at {operation['path'][:100]!r} is another one.")


def _put(work: _Work, path: Pointer, value: Any) -> None:
    if not path:
        work.document = value
        return
    parent = pointer.find(work.document, path[:-1])
    if isinstance(parent, list):
        parent.insert(pointer.index(path[-1], len(parent), end=True), value)
    elif isinstance(parent, dict):
        parent[path[-1]] = value
    else:
        raise Unprocessable(f"{pointer.text(path[:-1])!r} is neither an object nor an array.")


def _take(work: _Work, path: Pointer) -> Any:
    if not path:
        raise Unprocessable("The whole resource cannot be removed by a patch; delete it.")
    pointer.find(work.document, path)
    parent = pointer.find(work.document, path[:-1])
    return parent.pop(pointer.key(parent, path))


def _pointer(operation: Mapping[str, Any], member: str) -> Pointer:
    text = operation.get(member)
    if not isinstance(text, str):
        raise Invalid(f"The operation needs a {member!r}: a JSON Pointer.")
    return pointer.parse(text)


def _value(operation: Mapping[str, Any]) -> Any:
    value = operation.get("value", _ABSENT)
    if value is _ABSENT:
        raise Invalid("The operation needs a 'value'.")
    return value


def _keys(value: Any) -> int:
    """How many keys all objects in a value hold."""
    if isinstance(value, dict):
        return len(value) + sum(map(_keys, value.values()))
    return sum(map(_keys, value)) if isinstance(value, list) else 0


_OPERATIONS: dict[str, Callable[[_Work, Mapping[str, Any]], None]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
