"""What the text between two values of an XML document means: worked out once for each place, and remembered.

A document cut at its double quotes is values and, between them, segments such as `/><meta><versionId value=`. Documents
of one kind share their segments, so that where a segment has been met before, at a place of the same kind, one look-up
tells what it does to the tree. A segment holds names and white space only: nothing of a patient is remembered.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import IntEnum
from functools import cache
from typing import Any, NamedTuple

from carespine.fhir.structure import MAX_DEPTH
from carespine.fhir.xml.names import SEPARATOR, SLOTS, Kind, Slot, Slots, beside_values, resources

# An element of XML that holds a resource stands around the resource's own: two elements for one object.
MAX_ELEMENTS = 2 * MAX_DEPTH + 2
# Ours: all official examples of R4 need 11,000; so many take some tens of megabytes.
_MOST_STEPS = 30_000
_LONGEST_KEPT = 500
_tag = re.compile(r"[ \t\r\n]*<(/?)([A-Za-z0-9]+)(?: ([a-z]+)=$|( ?/)?(?: ?)>)", re.ASCII).match
_end_of_tag = re.compile(r" ?(/?)>").match
_is_blank = re.compile(r"[ \t\r\n]*").fullmatch


class Unusual(Exception):
    """Not what the quick reader knows."""


class Op(IntEnum):
    """What is done to the tree."""

    OPEN_ONE = 0
    LEAVE = 1
    OPEN_MANY = 2
    TYPE = 3  # the current object is a resource of this type
    NONE_ONE = 4  # a primitive without a value
    NONE_MANY = 5
    BESIDE = 6  # enter what stands beside a primitive's value
    LEAVE_BESIDE = 7


class Put(IntEnum):
    """Where the value after a segment goes."""

    ONE = 0
    MANY = 1
    NAMESPACE = 2
    NARRATIVE = 3
    END = 4  # the document ends: there is no value


class _Pending(IntEnum):
    """The tag that is still open when its value has been read."""

    NONE = 0
    VALUE = 1  # of a primitive
    ENTERED = 2
    NARRATIVE = 3


class _Frame(NamedTuple):
    """An element around: the type whose elements it may hold, the last of them, its name, how it is left."""

    type: str
    rank: int
    tag: str
    leave: tuple[int, str, bool]


Step = tuple[tuple[tuple[int, str, bool], ...], int, str, Callable[[str], Any] | None, "State"]
_RESOURCES, _BESIDE = "", "_"
_LEAVE = (int(Op.LEAVE), "", False)


class State(dict[str, Step]):
    """A kind of place in a document: segment -> what it does here and where it leads."""

    __slots__ = ("frames", "pending", "slot")

    def __init__(self, frames: tuple[_Frame, ...], pending: _Pending, slot: Slot | None) -> None:
        super().__init__()
        self.frames, self.pending, self.slot = frames, pending, slot


class Skeletons:
    """The places that are known. When there are too many, all are forgotten."""

    def __init__(self, most: int = _MOST_STEPS) -> None:
        self._most, self._known = most, 0
        self._states: dict[Any, State] = {}
        self.start = self._state((_Frame(_RESOURCES, -1, "", _LEAVE),), _Pending.NONE, None)

    def step(self, state: State, segment: str) -> Step:
        """What a segment does that was not known here; raises Unusual."""
        frames, pending, slot, step = _Learner(state).learn(segment)
        made = (*step, self._state(frames, pending, slot))
        if len(segment) <= _LONGEST_KEPT:
            if self._known >= self._most:
                self._known = 0
                self._states.clear()
                self.start = self._state((_Frame(_RESOURCES, -1, "", _LEAVE),), _Pending.NONE, None)
            self._known += 1
            state[segment] = made
        return made

    def _state(self, frames: tuple[_Frame, ...], pending: _Pending, slot: Slot | None) -> State:
        name = (frames, pending, slot and (slot.key, slot.type))
        state = self._states.get(name)
        return self._states.setdefault(name, State(frames, pending, slot)) if state is None else state


class _Learner:
    """Reads one segment, tag by tag."""

    def __init__(self, state: State) -> None:
        self._frames, self._pending, self._slot = list(state.frames), state.pending, state.slot
        self._ops: list[tuple[int, str, bool]] = []

    def learn(self, segment: str) -> tuple[tuple[_Frame, ...], _Pending, Slot | None, Any]:
        """The frames, the open tag and its slot, and the step but for where it leads."""
        position = self._end_tag_before(segment) if self._pending else 0
        self._pending = _Pending.NONE
        while (found := _tag(segment, position)) is not None:
            slash, name, attribute, empty = found.groups()
            position = found.end()
            if slash:
                self._end(name, plain=attribute is None and empty is None)
            elif attribute is None:
                self._enter(self._slot_of(name), name)
                if empty:
                    self._leave()
            else:
                put, key, convert, slot = self._value(self._slot_of(name), name, attribute)
                return tuple(self._frames), self._pending, slot, (tuple(self._ops), int(put), key, convert)
        if not _is_blank(segment, position) or len(self._frames) != 1:
            raise Unusual
        return tuple(self._frames), _Pending.NONE, None, (tuple(self._ops), int(Put.END), "", None)

    def _end_tag_before(self, segment: str) -> int:
        found = _end_of_tag(segment)
        if found is None:
            raise Unusual
        if self._pending is _Pending.VALUE:
            if not found.group(1) and self._slot is not None:
                self._beside(self._slot)
        elif self._pending is _Pending.ENTERED:
            if found.group(1):
                self._leave()
        elif not found.group(1):
            raise Unusual
        return found.end()

    def _slot_of(self, name: str) -> Slot:
        frame = self._frames[-1]
        slot = slots_of(frame.type).get(name)
        if slot is None or (slot.rank <= frame.rank and (slot.rank < frame.rank or not slot.many)):
            raise Unusual
        self._frames[-1] = frame._replace(rank=slot.rank)
        return slot

    def _value(
        self, slot: Slot, name: str, attribute: str
    ) -> tuple[Put, str, Callable[[str], Any] | None, Slot | None]:
        """A start tag as far as the quote of its one attribute."""
        if slot.kind is Kind.PRIMITIVE and attribute == "value":
            self._pending = _Pending.VALUE
            return (Put.MANY if slot.many else Put.ONE), slot.key, slot.convert, slot
        if slot.kind is Kind.NARRATIVE and attribute == "value":
            self._pending = _Pending.NARRATIVE
            return Put.NARRATIVE, slot.key, None, None
        self._pending = _Pending.ENTERED
        if slot.kind is Kind.RESOURCE and attribute == "xmlns" and len(self._frames) == 1:
            self._enter(slot, name, named=True)
            return Put.NAMESPACE, "", None, None
        if attribute not in slot.attributes:
            raise Unusual
        self._enter(slot, name)
        return Put.ONE, attribute, None, None

    def _enter(self, slot: Slot, name: str, *, named: bool = False) -> None:
        if slot.kind is Kind.PRIMITIVE:
            self._ops.append((Op.NONE_MANY if slot.many else Op.NONE_ONE, slot.key, slot.many))
            self._beside(slot)
            return
        if slot.kind is Kind.NARRATIVE or (slot.kind is Kind.RESOURCE and named != (len(self._frames) == 1)):
            raise Unusual
        if slot.kind is Kind.RESOURCE:
            self._ops.append((int(Op.TYPE), slot.key, False))
        else:
            self._ops.append((int(Op.OPEN_MANY if slot.many else Op.OPEN_ONE), slot.key, slot.many))
        self._push(_Frame(_RESOURCES if slot.kind is Kind.WRAPPER else slot.type, -1, name, _LEAVE))

    def _beside(self, slot: Slot) -> None:
        self._ops.append((int(Op.BESIDE), slot.key, slot.many))
        self._push(_Frame(_BESIDE, -1, slot.key, (int(Op.LEAVE_BESIDE), slot.key, slot.many)))

    def _push(self, frame: _Frame) -> None:
        self._frames.append(frame)
        if len(self._frames) > MAX_ELEMENTS:
            raise Unusual

    def _end(self, name: str, *, plain: bool) -> None:
        if not plain or name != self._frames[-1].tag:
            raise Unusual
        self._leave()

    def _leave(self) -> None:
        self._ops.append(self._frames.pop().leave)


@cache
def slots_of(type_name: str) -> Slots:
    """What may stand in elements of a type, by plain name."""
    slots = {_RESOURCES: resources, _BESIDE: beside_values}.get(type_name, lambda: SLOTS[type_name])()
    return {name.partition(SEPARATOR)[2]: slot for name, slot in slots.items()}
