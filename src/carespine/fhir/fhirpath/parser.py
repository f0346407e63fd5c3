"""Reads an expression into its tree: a Pratt parser over the operator table of FHIRPath."""

from __future__ import annotations

from decimal import Decimal

from carespine.fhir.fhirpath import temporal
from carespine.fhir.fhirpath.errors import FhirPathSyntaxError
from carespine.fhir.fhirpath.lexer import Kind, Token, tokens
from carespine.fhir.fhirpath.syntax import (
    Binary,
    Call,
    Empty,
    Expression,
    External,
    Index,
    Literal,
    Member,
    TypeName,
    TypeTest,
    Unary,
    Variable,
)
from carespine.fhir.fhirpath.values import CALENDAR_UNITS, INTEGER_MAX, Long, Quantity

# Binding powers, loosest first. Source: FHIRPath N1 (2.0.0), section 6.8, Operator Precedence.
_LEVELS = (
    ("implies",),
    ("or", "xor"),
    ("and",),
    ("in", "contains"),
    ("=", "~", "!=", "!~"),
    ("<", ">", "<=", ">="),
    ("|",),
    ("is", "as"),
    ("+", "-", "&"),
    ("*", "/", "div", "mod"),
)
_POWER = {operator: level for level, operators in enumerate(_LEVELS, 1) for operator in operators}
_UNARY_POWER = len(_LEVELS) + 1

_KEYWORDS = frozenset(operator for operator in _POWER if operator.isalpha())
# Source: FHIRPath N1 grammar, rule `identifier`: these words may also name elements and functions.
_WORDS_THAT_MAY_NAME = frozenset({"as", "contains", "in", "is"})

# Deep enough for any hand-written expression, shallow enough for the interpreter's stack.
_DEEPEST = 150


def parse(source: str) -> Expression:
    """The tree of `source`; FhirPathSyntaxError with the position where reading failed."""
    return _Parser(source).whole()


class _Parser:
    def __init__(self, source: str) -> None:
        self.source = source
        self.tokens = tokens(source)
        self.at = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def whole(self) -> Expression:
        tree = self.expression(0)
        if self.token.kind is not Kind.END:
            raise self.error("the expression should end here")
        return tree

    def error(self, detail: str, token: Token | None = None) -> FhirPathSyntaxError:
        return FhirPathSyntaxError(detail, (token or self.token).position, self.source)

    def advance(self) -> Token:
        token = self.token
        self.at += 1
        return token

    def accept(self, symbol: str) -> bool:
        if self.token.kind is Kind.SYMBOL and self.token.text == symbol:
            self.at += 1
            return True
        return False

    def expect(self, symbol: str) -> None:
        if not self.accept(symbol):
            raise self.error(f"{symbol} is missing")

    def expression(self, power: int) -> Expression:
        """An expression whose operators all bind more tightly than `power`."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.error(f"the expression is nested more than {_DEEPEST} levels deep")
        left = self.polarity()
        while (operator := self.operator()) and _POWER[operator] > power:
            position = self.advance().position
            if operator in ("is", "as"):
                left = TypeTest(operator, left, self.type_name(), position)
            else:
                left = Binary(operator, left, self.expression(_POWER[operator]), position)
        self.depth -= 1
        return left

    def operator(self) -> str | None:
        token = self.token
        is_operator = token.kind in (Kind.SYMBOL, Kind.NAME) and token.text in _POWER
        return token.text if is_operator else None

    def polarity(self) -> Expression:
        token = self.token
        if token.kind is Kind.SYMBOL and token.text in "+-":
            self.advance()
            return Unary(token.text, self.expression(_UNARY_POWER), token.position)
        return self.postfix(self.term())

    def postfix(self, left: Expression) -> Expression:
        while True:
            position = self.token.position
            if self.accept("."):
                left = self.invocation(left)
            elif self.accept("["):
                left = Index(left, self.expression(0), position)
                self.expect("]")
            else:
                return left

    def term(self) -> Expression:
        token = self.token
        if token.kind is Kind.SYMBOL:
            return self.bracketed(token)
        if token.kind in (Kind.NAME, Kind.QUOTED_NAME):
            if token.kind is Kind.NAME and token.text in ("true", "false"):
                self.advance()
                return Literal(token.text == "true", token.position)
            return self.invocation(None)
        if token.kind is Kind.END:
            raise self.error("the expression stops too early")
        self.advance()
        if token.kind is Kind.VARIABLE:
            return Variable(token.text[1:], token.position)
        return Literal(self.literal(token), token.position)

    def bracketed(self, token: Token) -> Expression:
        if self.accept("("):
            inner = self.expression(0)
            self.expect(")")
            return inner
        if self.accept("{"):
            self.expect("}")
            return Empty(token.position)
        if self.accept("%"):
            name = self.advance()
            if name.kind not in (Kind.NAME, Kind.QUOTED_NAME, Kind.STRING):
                raise self.error("% needs the name of a variable", name)
            return External(name.text, token.position)
        raise self.error(f"{token.text} cannot begin an expression")

    def invocation(self, source: Expression | None) -> Expression:
        if self.token.kind is Kind.VARIABLE:
            raise self.error("$this, $index and $total cannot follow a dot")
        name = self.name()
        if not self.accept("("):
            return Member(source, name.text, name.position)
        arguments = []
        if not self.accept(")"):
            arguments.append(self.argument())
            while self.accept(","):
                arguments.append(self.argument())
            self.expect(")")
        return Call(source, name.text, tuple(arguments), name.position)

    def argument(self) -> Expression:
        """An argument; `asc` and `desc` after it (the sort function's) are kept as calls of those names."""
        value = self.expression(0)
        if self.token.kind is Kind.NAME and self.token.text in ("asc", "desc"):
            direction = self.advance()
            return value if direction.text == "asc" else Unary("desc", value, direction.position)
        return value

    def name(self) -> Token:
        token = self.advance()
        if token.kind is Kind.QUOTED_NAME:
            return token
        reserved = token.text in _KEYWORDS - _WORDS_THAT_MAY_NAME
        if token.kind is not Kind.NAME or reserved:
            self.at -= 1
            raise self.error("a name is expected here")
        return token

    def type_name(self) -> TypeName:
        first = self.name()
        if self.accept("."):
            return TypeName(first.text, self.name().text, first.position)
        return TypeName(None, first.text, first.position)

    def literal(self, token: Token) -> object:
        match token.kind:
            case Kind.STRING:
                return token.text
            case Kind.LONG:
                return Long(token.text)
            case Kind.NUMBER:
                return self.number(token)
            case Kind.DATE:
                value: object = temporal.parse_date(token.text)
            case Kind.DATE_TIME:
                value = temporal.parse_date_time(token.text)
            case _:
                value = temporal.parse_time(token.text)
        if value is None:
            raise self.error("there is no such date or time", token)
        return value

    def number(self, token: Token) -> object:
        value: Decimal | int = Decimal(token.text) if "." in token.text else int(token.text)
        unit = self.token
        if unit.kind is Kind.STRING:
            self.advance()
            return Quantity(Decimal(value), unit.text)
        if unit.kind is Kind.NAME and unit.text in CALENDAR_UNITS:
            self.advance()
            return Quantity(Decimal(value), unit.text)
        if type(value) is int and value > INTEGER_MAX:
            raise self.error("the number is too large for an Integer", token)
        return value
