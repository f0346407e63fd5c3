"""What counts as an expression, how operators bind, and where an error points."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carespine.fhir import fhirpath
from carespine.kernel.errors import Invalid


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("1 + 2 * 3 - 4", 3),
        ("-2 + 3", 1),
        ("2 * -3", -6),
        ("1 | 2 = 2 | 1", False),
        ("1 + 1 is Integer", True),
        ("true or true and false", True),
        ("false implies true or false", True),
        ("1 < 2 and 2 < 3", True),
        ("'a' in 'a' | 'b'", True),
        ("(1 + 1) * 2", 4),
        ("2 // a comment\n + /* another */ 3", 5),
        (r"'it\'s \u0041 \"test\" \\ \/ \`'", 'it\'s A "test" \\ / `'),
        ("`resourceType`.exists() or true", True),
        ("%'ext-a' & ''", "http://hl7.org/fhir/StructureDefinition/a"),
        ("%`vs-a` & ''", "http://hl7.org/fhir/ValueSet/a"),
    ],
)
def test_operators_bind_as_the_grammar_says(expression: str, result: object) -> None:
    assert fhirpath.evaluate({"resourceType": "Patient"}, expression) == [result]


@pytest.mark.parametrize(
    ("expression", "line", "column", "words"),
    [
        ("name.", 1, 6, "a name is expected"),
        ("name given", 1, 6, "should end here"),
        ("name.where(use = 'x'", 1, 21, ") is missing"),
        ("name.\n  where(", 2, 9, "stops too early"),
        ("'open", 1, 1, "not closed"),
        ("1 /* open", 1, 3, "comment is not closed"),
        ("a # b", 1, 3, "'#' is not expected"),
        ("@2015-13-01", 1, 1, "no such date"),
        ("@x", 1, 1, "not a date"),
        (r"'a\x'", 1, 3, r"\x is not an escape"),
        ("3000000000", 1, 1, "too large"),
        ("% 5", 1, 3, "name of a variable"),
        ("name.$this", 1, 6, "cannot follow a dot"),
        ("name.and", 1, 6, "a name is expected"),
        ("*", 1, 1, "cannot begin"),
        ("", 1, 1, "stops too early"),
        ("(" * 200, 1, 151, "levels deep"),
    ],
)
def test_a_syntax_error_points_to_its_place(expression: str, line: int, column: int, words: str) -> None:
    with pytest.raises(fhirpath.FhirPathSyntaxError) as caught:
        fhirpath.compile(expression)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert words in caught.value.message
    assert isinstance(caught.value, Invalid)


@pytest.mark.parametrize(
    ("expression", "column", "words"),
    [
        ("name.foo()", 6, "no function foo()"),
        ("name.first(1)", 6, "first() takes 0 arguments, not 1"),
        ("name.where()", 6, "where() takes 1 arguments, not 0"),
        ("name.substring()", 6, "takes 1 to 2 arguments"),
        ("name is Nonsense", 9, "no type Nonsense"),
        ("name.ofType(System.Nonsense)", 13, "no type System.Nonsense"),
        ("name.ofType('HumanName')", 6, "takes the name of a type"),
    ],
)
def test_unknown_functions_and_types_are_refused_before_evaluation(
    expression: str, column: int, words: str
) -> None:
    with pytest.raises(fhirpath.FhirPathTypeError) as caught:
        fhirpath.compile(expression)
    assert caught.value.column == column
    assert words in caught.value.message


@pytest.mark.parametrize(
    "expression",
    [
        "a" + ".first()" * 5000,
        "not()." * 5000 + "not()",
        " + ".join(["1"] * 5000),
        " and ".join(["true"] * 5000),
    ],
)
def test_an_expression_too_long_to_compile_is_refused(expression: str) -> None:
    with pytest.raises(fhirpath.FhirPathSyntaxError, match="too long or too deeply nested"):
        fhirpath.compile(expression)


@given(st.text(alphabet="ab.()[]{}'`%$@0123 +-|=<>~!&\n/*,isand", max_size=40))
def test_any_text_is_an_expression_or_a_refusal_with_a_position(text: str) -> None:
    problem = refusal(text)
    assert problem is None or (problem.position is not None and problem.source == text)


def refusal(text: str) -> fhirpath.FhirPathError | None:
    try:
        fhirpath.compile(text)
    except fhirpath.FhirPathError as error:
        return error
    return None


def test_a_compiled_expression_is_kept() -> None:
    assert fhirpath.compile("name.given") is fhirpath.compile("name.given")
