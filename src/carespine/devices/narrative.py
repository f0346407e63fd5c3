"""The summary as text.div: a heading, a table and sentences; every text from outside is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from carespine.devices.models import SAFETY_NOTICE, Erasure, Result


def section_text(result: Result) -> str:
    """One section of the Composition, as XHTML."""
    parts = ['<div xmlns="http://www.w3.org/1999/xhtml">']
    if result.urgent:
        parts.append(f"<p><b>Urgent:</b> {escape(result.urgent)}</p>")
    parts.append(f"<p>{escape(result.verdict)}</p>")
    parts += [f"<p>{escape(sentence)}</p>" for sentence in result.missing]
    if result.figures:
        rows = (
            f"<tr><td>{escape(one.label)}</td><td>{escape(one.text)} {escape(one.unit_text)}</td></tr>"
            for one in result.figures
        )
        parts.append(f"<table><tbody>{''.join(rows)}</tbody></table>")
    parts.append(f"<p>Rule: {escape(result.rule)}.</p></div>")
    return "".join(parts)


def narrative(
    results: Sequence[Result], *, title: str, not_shared: Sequence[str], erased: Sequence[Erasure] = ()
) -> str:
    """XHTML as FHIR allows it in a narrative: no script, no style, no link."""
    parts = [
        '<div xmlns="http://www.w3.org/1999/xhtml">',
        f"<h2>{escape(title)}</h2>",
        f"<p><b>{escape(SAFETY_NOTICE)}</b></p>",
    ]
    parts += [f"<p><b>Urgent:</b> {escape(result.urgent)}</p>" for result in results if result.urgent]
    parts.append("<table><thead><tr><th>Measurement</th><th>Result</th></tr></thead><tbody>")
    parts += [
        f"<tr><td>{escape(result.title)}</td><td>{escape(result.verdict)}</td></tr>" for result in results
    ]
    parts.append("</tbody></table>")
    if not_shared:
        parts.append(f"<p>Not shared by the patient: {escape(', '.join(not_shared))}.</p>")
    parts += [f"<p>{escape(one.sentence)}</p>" for one in erased]
    parts.append("</div>")
    return "".join(parts)
