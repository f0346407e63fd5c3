"""FHIR R4 search as data: what a resource is found by (`index`) and what a query asks for (`parse`)."""

from carespine.fhir.search import moments
from carespine.fhir.search.criteria import (
    AllOf,
    AnyOf,
    Chain,
    Clause,
    CompositeValue,
    Criterion,
    DateValue,
    Has,
    Include,
    MissingValue,
    NearValue,
    NumberValue,
    OfTypeValue,
    QuantityValue,
    Query,
    ReferenceValue,
    SortKey,
    StringValue,
    TokenValue,
    UriValue,
    Value,
)
from carespine.fhir.search.entries import IndexEntries
from carespine.fhir.search.extraction import filed
from carespine.fhir.search.index import index
from carespine.fhir.search.lookup import keys_for, must_be_missing, reference_keys, row_names
from carespine.fhir.search.query import parse

__all__ = [
    "AllOf",
    "AnyOf",
    "Chain",
    "Clause",
    "CompositeValue",
    "Criterion",
    "DateValue",
    "Has",
    "Include",
    "IndexEntries",
    "MissingValue",
    "NearValue",
    "NumberValue",
    "OfTypeValue",
    "QuantityValue",
    "Query",
    "ReferenceValue",
    "SortKey",
    "StringValue",
    "TokenValue",
    "UriValue",
    "Value",
    "filed",
    "index",
    "keys_for",
    "moments",
    "must_be_missing",
    "parse",
    "reference_keys",
    "row_names",
]
