"""A process that makes tables: it is asked over its standard input, and can be ended whatever a view has it do.

A message is four bytes of length and MessagePack: a list of a word and what belongs to it. Each is answered by one:
["done", value], or ["refused", words, issues, is_invalid] where the view does not fit or asks too much.
"""

from __future__ import annotations

import resource
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

import msgspec

from carespine.fhir import codec, json_text, sql_on_fhir
from carespine.fhir.sql_on_fhir import outputs, straight
from carespine.fhir.sql_on_fhir.rows import Row, Rows
from carespine.kernel.errors import CarespineError, Unprocessable

# Ours: a table of 200,000 rows takes a tenth of it.
MOST_MEMORY = 4 * 1024**3
_LENGTH = struct.Struct(">I")
TOO_COSTLY = "too-costly"


class _Table:
    """One table at work."""

    def __init__(self, view: bytes, form: str, header: bool) -> None:
        self.view = sql_on_fhir.read(json_text.read(view))
        self.form, self.header = form, header
        self.rows, self.stored = Rows(self.view), straight.Bodies(self.view)
        self.found: list[Row] = []

    def bodies(self, page: list[bytes]) -> int:
        self.found += self.stored.table(page)
        return len(self.found)

    def trees(self, sent: list[bytes]) -> int:
        for body in sent:
            tree = json_text.read(body)
            codec.check(tree)
            self.found += self.rows.of(tree)
        return len(self.found)

    def written(self, limit: int) -> bytes:
        writer = outputs.writer(self.view, self.form, header=self.header)
        return b"".join([writer.begin(), writer.rows(self.found[:limit]), writer.end()])


def write(stream: BinaryIO, message: list[Any]) -> None:
    text = msgspec.msgpack.encode(message)
    stream.write(_LENGTH.pack(len(text)) + text)
    stream.flush()


def read(stream: BinaryIO) -> list[Any] | None:
    """The next message; None where the other side has ended."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    text = stream.read(_LENGTH.unpack(head)[0])
    message: list[Any] = msgspec.msgpack.decode(text)
    return message


def main() -> None:
    """Answer until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    table: _Table | None = None
    while (message := read(sys.stdin.buffer)) is not None:
        word, *given = message
        if word == "view":
            table = None  # the memory of the table before is free again
        try:
            table, value = _answer(table, word, given)
        except MemoryError:
            words = "The view takes more memory than a table may."
            table, answer = None, ["refused", words, [[TOO_COSTLY, words, None]], False]
        except CarespineError as refusal:
            issues = [[each.code, each.diagnostics, each.expression] for each in refusal.issues]
            answer = ["refused", refusal.message, issues, not isinstance(refusal, Unprocessable)]
        else:
            answer = ["done", value]
        write(sys.stdout.buffer, answer)


def _answer(table: _Table | None, word: str, given: list[Any]) -> tuple[_Table, Any]:
    if word == "view":
        return _Table(*given), None
    if table is None:
        raise RuntimeError("There is no view yet.")
    verbs: dict[str, Callable[..., Any]] = {
        "bodies": table.bodies,
        "trees": table.trees,
        "written": table.written,
    }
    return table, verbs[word](*given)


if __name__ == "__main__":
    main()
