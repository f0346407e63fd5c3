"""The XHTML of a narrative: what htmlChecks() lets pass and what it refuses."""

from __future__ import annotations

import pytest

from carespine.fhir.fhirpath import evaluate, narrative

OPEN = '<div xmlns="http://www.w3.org/1999/xhtml">'


@pytest.mark.parametrize(
    "inner",
    [
        "text",
        "<p>a&nbsp;&lt;b <b>c</b><br/></p>",
        '<img src="#photo" alt="x"/>',
        '<a href="https://example.org" title="t">a</a>',
        '<table class="grid"><tbody><tr><td colspan="2">1</td></tr></tbody></table>',
        '<p style="color: red">x</p>',
    ],
)
def test_formatted_text_passes(inner: str) -> None:
    div = f"{OPEN}{inner}</div>"
    tree = {"resourceType": "Patient", "text": {"status": "generated", "div": div}}
    assert narrative.fault(div) is None
    assert evaluate(tree, "text.`div`.htmlChecks()") == [True]


@pytest.mark.parametrize(
    ("div", "words"),
    [
        (f"{OPEN}<script>x</script></div>", "element script"),
        (f"{OPEN}<form/>x</div>", "element form"),
        (f"{OPEN}<iframe/>x</div>", "element iframe"),
        (f'{OPEN}<p onclick="x">x</p></div>', "attribute onclick"),
        (f'{OPEN}<a href="java\nscript:x">x</a></div>', "runs a script"),
        (f'{OPEN}<p style="background: url(http://x)">x</p></div>', "loads or runs"),
        (f'{OPEN}<svg xmlns="http://www.w3.org/2000/svg"/>x</div>', "element svg"),
        (f'{OPEN}<p xmlns="http://other">x</p></div>', "only hold XHTML"),
        (f"{OPEN}  <p> </p></div>", "no content"),
        (f"{OPEN}<p>x</div>", "not well-formed"),
        ("<div>x</div>", "must be a div"),
        ('<p xmlns="http://www.w3.org/1999/xhtml">x</p>', "must be a div"),
        (f"<!DOCTYPE div [<!ENTITY a 'b'>]>{OPEN}&a;</div>", "document type"),
        (f"{OPEN}<?php x ?>x</div>", "processing instructions"),
        (f"{OPEN}&unknown;</div>", "not well-formed"),
        (5, "not a text"),
    ],
)
def test_anything_that_runs_loads_or_is_not_xhtml_is_refused(div: object, words: str) -> None:
    problem = narrative.fault(div)
    assert problem is not None
    assert words in problem
