"""The tree of a parsed expression. Every part knows the position of the text it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Literal:
    value: Any
    position: int


@dataclass(frozen=True, slots=True)
class Empty:
    """`{}`."""

    position: int


@dataclass(frozen=True, slots=True)
class Variable:
    """`$this`, `$index` or `$total`; the name is without its sign."""

    name: str
    position: int


@dataclass(frozen=True, slots=True)
class External:
    """`%name`."""

    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Member:
    """`source.name`; without a source, an element of (or the type name of) what is at hand."""

    source: Expression | None
    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Call:
    """`source.name(arguments)`."""

    source: Expression | None
    name: str
    arguments: tuple[Expression, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Index:
    source: Expression
    index: Expression
    position: int


@dataclass(frozen=True, slots=True)
class Unary:
    operator: str
    operand: Expression
    position: int


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str
    left: Expression
    right: Expression
    position: int


@dataclass(frozen=True, slots=True)
class TypeName:
    """A type as written: `Quantity`, `FHIR.Patient`, `System.String`."""

    namespace: str | None
    name: str
    position: int


@dataclass(frozen=True, slots=True)
class TypeTest:
    """`operand is type` or `operand as type`."""

    operator: str
    operand: Expression
    type: TypeName
    position: int


Expression: TypeAlias = (
    Literal | Empty | Variable | External | Member | Call | Index | Unary | Binary | TypeTest
)


def children(node: Expression) -> tuple[Expression, ...]:
    """The expressions directly inside `node`."""
    match node:
        case Member(source=source):
            return () if source is None else (source,)
        case Call(source=source, arguments=arguments):
            return arguments if source is None else (source, *arguments)
        case Index(source=source, index=index):
            return (source, index)
        case Unary(operand=operand) | TypeTest(operand=operand):
            return (operand,)
        case Binary(left=left, right=right):
            return (left, right)
        case _:
            return ()


def mentions_variable(node: Expression, name: str) -> bool:
    """Whether `$name` is written anywhere in `node`."""
    if isinstance(node, Variable):
        return node.name == name
    return any(mentions_variable(child, name) for child in children(node))


def mentions_call(node: Expression, name: str) -> bool:
    """Whether the function `name` is called anywhere in `node`."""
    if isinstance(node, Call) and node.name == name:
        return True
    return any(mentions_call(child, name) for child in children(node))


def as_type_name(node: Expression) -> TypeName | None:
    """The type that an argument such as `FHIR.Patient` of `ofType(FHIR.Patient)` names, or None."""
    match node:
        case Member(source=None, name=name, position=position):
            return TypeName(None, name, position)
        case Member(source=Member(source=None, name=namespace, position=position), name=name):
            return TypeName(namespace, name, position)
        case _:
            return None
