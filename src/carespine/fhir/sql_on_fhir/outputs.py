"""Rows as NDJSON, CSV or Parquet. Each writer takes rows and gives bytes; nothing is kept but what Parquet needs."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from carespine.fhir import definitions
from carespine.fhir.sql_on_fhir import quick
from carespine.fhir.sql_on_fhir.definition import Column, Select, View
from carespine.kernel.errors import Invalid, Unprocessable

if TYPE_CHECKING:
    import pyarrow as pa

_json = msgspec.json.Encoder(decimal_format="number").encode
MEDIA_TYPES = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "json": "application/json",
}
_KINDS = {
    **dict.fromkeys(("integer", "positiveInt", "unsignedInt", "integer64"), "whole"),
    "decimal": "number",
    "boolean": "truth",
}
# Rows of one row group of a Parquet file.
GROUP = 65_536


class Writer(Protocol):
    """Bytes to begin with, for rows, and to end with."""

    def begin(self) -> bytes: ...

    def rows(self, rows: Sequence[tuple[Any, ...]]) -> bytes: ...

    def end(self) -> bytes: ...


def writer(view: View, form: str, *, header: bool = True) -> Writer:
    """The writer of a form (ndjson, csv, json, parquet); Invalid for another one."""
    makers: dict[str, Callable[[], Writer]] = {
        "ndjson": lambda: Ndjson(view),
        "csv": lambda: Csv(view, header=header),
        "json": lambda: Json(view),
        "parquet": lambda: Parquet(view),
    }
    if form not in makers:
        raise Invalid(f"Tables are written as {', '.join(makers)}; not as {form[:40]!r}.")
    return makers[form]()


class Ndjson:
    """One JSON object a row, nulls included; decimals keep their digits."""

    def __init__(self, view: View) -> None:
        names = [column.name for column in view.columns]
        self._shape = msgspec.defstruct("Row", [(name, Any) for name in names])

    def begin(self) -> bytes:
        return b""

    def rows(self, rows: Sequence[tuple[Any, ...]]) -> bytes:
        shape = self._shape
        return b"".join([_json(shape(*row)) + b"\n" for row in rows])

    def end(self) -> bytes:
        return b""


class Json(Ndjson):
    """One JSON array of objects."""

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._separator = b""

    def begin(self) -> bytes:
        return b"["

    def rows(self, rows: Sequence[tuple[Any, ...]]) -> bytes:
        lines = super().rows(rows).rstrip(b"\n").replace(b"\n", b",\n")
        if not lines:
            return b""
        text, self._separator = self._separator + lines, b",\n"
        return text

    def end(self) -> bytes:
        return b"]\n"


class Csv:
    """RFC 4180: a header, then a line a row. Null is empty, truth is true or false, lists and objects are JSON."""

    def __init__(self, view: View, *, header: bool) -> None:
        self._names, self._header = [column.name for column in view.columns], header
        # Columns that can hold what CSV has no writing for: all but those of a plain path to a text or number.
        primitive = [kind in ("plain", "whole", "number") for kind in kinds(view)]
        self._odd = [
            place
            for place, (column, is_plain) in enumerate(zip(view.columns, primitive, strict=True))
            if column.collection or not is_plain
        ]

    def begin(self) -> bytes:
        return self._text([tuple(self._names)]) if self._header else b""

    def rows(self, rows: Sequence[tuple[Any, ...]]) -> bytes:
        return self._text([self._cells(row) for row in rows] if self._odd else rows)

    def _cells(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        cells = list(row)
        for place in self._odd:
            cells[place] = _cell(cells[place])
        return tuple(cells)

    def end(self) -> bytes:
        return b""

    @staticmethod
    def _text(rows: Sequence[tuple[Any, ...]]) -> bytes:
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        return text.getvalue().encode()


def _cell(value: Any) -> Any:
    kind = type(value)
    if kind is str or value is None:
        return value
    if kind is bool:
        return "true" if value else "false"
    if kind is list or kind is dict:
        return _json(value).decode()
    return value


class Parquet:
    """Parquet with zstd; column kinds from declared types, else from R4's, else text. Decimals are doubles there.

    Lists where a column is a collection; objects are text that holds their JSON.
    """

    def __init__(self, view: View) -> None:
        import pyarrow as pa  # noqa: PLC0415 - a second of start-up that only Parquet is worth
        from pyarrow import parquet  # noqa: PLC0415

        self._columns = view.columns
        self._kinds = kinds(view)
        arrow: dict[str, pa.DataType] = {"whole": pa.int64(), "number": pa.float64(), "truth": pa.bool_()}
        self._types = [
            pa.list_(arrow.get(kind, pa.string())) if column.collection else arrow.get(kind, pa.string())
            for column, kind in zip(self._columns, self._kinds, strict=True)
        ]
        names = [column.name for column in self._columns]
        self._schema = pa.schema(list(zip(names, self._types, strict=True)))
        self._file = _Chunks()
        self._writer = parquet.ParquetWriter(self._file, self._schema, compression="zstd")
        self._waiting: list[tuple[Any, ...]] = []

    def begin(self) -> bytes:
        return b""

    def rows(self, rows: Sequence[tuple[Any, ...]]) -> bytes:
        self._waiting += rows
        if len(self._waiting) >= GROUP:
            self._write()
        return self._file.take()

    def end(self) -> bytes:
        if self._waiting:
            self._write()
        self._writer.close()
        return self._file.take()

    def _write(self) -> None:
        import pyarrow as pa  # noqa: PLC0415

        rows, self._waiting = self._waiting, []
        arrays = []
        for column, kind, arrow, values in zip(
            self._columns, self._kinds, self._types, zip(*rows, strict=True), strict=True
        ):
            try:
                arrays.append(pa.array(_converted(values, kind, collection=column.collection), type=arrow))
            except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, ValueError) as error:
                raise Unprocessable(
                    f"The column {column.name} holds what is no {column.type or kind}; declare another type.",
                    expression=f"ViewDefinition.{column.place}.type",
                ) from error
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))


class _Chunks(io.RawIOBase):
    """A file that is taken away as it grows."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        part = bytes(content)
        self._parts.append(part)
        self._size += len(part)
        return len(part)

    def tell(self) -> int:
        return self._size

    def take(self) -> bytes:
        content, self._parts = b"".join(self._parts), []
        return content


def _converted(values: Sequence[Any], kind: str, *, collection: bool) -> list[Any]:
    if collection:
        return [None if value is None else [_one(item, kind) for item in value] for value in values]
    if kind == "number":
        return [None if value is None else float(value) for value in values]
    if kind in ("text", "plain"):
        return [value if value is None or type(value) is str else _one(value, kind) for value in values]
    return list(values)


def _one(value: Any, kind: str) -> Any:
    if kind == "number":
        return float(value)
    if kind not in ("text", "plain") or isinstance(value, str):
        return value
    return _json(value).decode() if isinstance(value, dict | list) else str(_cell(value))


def kinds(view: View) -> list[str]:
    """Of each column `plain` (a text of R4), `whole`, `number`, `truth`, or `text` for anything else: what a plain path
    leads to, or what is declared."""
    found: list[str] = []
    _kinds(view.select, view.resource, found)
    return found


def _kinds(select: Select, type_name: str | None, found: list[str]) -> None:
    at = type_name
    if select.each is not None:
        at = quick.type_at(select.each, type_name)
    elif select.repeat:
        at = None
    found += [_kind(column, at) for column in select.columns]
    for part in select.selects:
        _kinds(part, at, found)
    if select.union:
        _kinds(select.union[0], at, found)


def _kind(column: Column, type_name: str | None) -> str:
    path = quick.plain(column.path, type_name) if type_name is not None else None
    found = None if path is None else "id" if path.key is not None else path.steps[-1].type
    if column.type is not None or found is None:
        return _KINDS.get(column.type or "", "text")
    return _KINDS.get(found, "plain" if definitions.is_primitive(found) else "text")
