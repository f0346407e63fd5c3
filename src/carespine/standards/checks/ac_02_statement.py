"""AC-02: the accessibility statement says what it must, names a telephone, and can be read."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from html.parser import HTMLParser

from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, configured
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Finding

# PSBAR 2018 asks for a review; minimum-standards, AC-02: reading age 9 to 11.
_REVIEW, _OLDEST_READER = timedelta(days=366), 11.0
# A child of five begins to read: the Flesch-Kincaid grade and five years are an age.
_SCHOOL = 5
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_DAY = re.compile(rf"\b(\d{{1,2}}) ({_MONTHS}) (\d{{4}})")
_SENTENCE, _WORD, _VOWELS = re.compile(r"[^.!?\n]+"), re.compile(r"[A-Za-z']+"), re.compile(r"[aeiouy]+")


class _Text(HTMLParser):
    """What a page says in its main part, a line a block."""

    _SKIPPED = frozenset({"script", "style", "nav", "header", "footer", "head"})
    _BLOCKS = frozenset({"p", "li", "h1", "h2", "h3", "h4", "div", "td", "th", "dt", "dd"})

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._skipping = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._skipping += tag in self._SKIPPED

    def handle_endtag(self, tag: str) -> None:
        self._skipping -= tag in self._SKIPPED
        if tag in self._BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._skipping:
            self.parts.append(data)


def text_of(html: str) -> str:
    """The page's words."""
    reader = _Text()
    reader.feed(html)
    return "".join(reader.parts)


def reading_age(text: str) -> float:
    """The age at which the text is read, by the Flesch-Kincaid grade (1975). Infinite where there are no words."""
    sentences = [found for each in _SENTENCE.findall(text) if (found := _WORD.findall(each))]
    words = [word for each in sentences for word in each]
    if not words:
        return float("inf")
    syllables = sum(_syllables(word) for word in words)
    return 0.39 * len(words) / len(sentences) + 11.8 * syllables / len(words) - 15.59 + _SCHOOL


def _syllables(word: str) -> int:
    bare = word.lower().strip("'")
    bare = bare[:-1] if bare.endswith("e") and not bare.endswith("le") else bare
    return max(1, len(_VOWELS.findall(bare)))


def _days(text: str) -> list[date]:
    found = [" ".join(each) for each in _DAY.findall(text)]
    return [datetime.strptime(each, "%d %B %Y").date() for each in found]  # noqa: DTZ007 - days, not instants


def lacks(answer: Answer, today: date) -> list[str]:
    """What the statement does not say."""
    html, text = answer.text, text_of(answer.text)
    said = {
        "which standard it meets (WCAG 2.2 AA)": re.search(r"WCAG\)?,?( version)? 2\.2", text)
        and "AA" in text,
        "when it was reviewed, within 12 months": any(
            today - _REVIEW <= each <= today for each in _days(text)
        ),
        "a telephone number, for those who cannot use it": re.search(r"""href\s*=\s*["']tel:""", html),
        "how to complain (Equality Advisory and Support Service)": "Equality Advisory" in text,
    }
    return [what for what, there in said.items() if not there]


@check(
    "AC-02",
    "statement",
    title="An accessibility statement is there, is current, and can be read",
    quote="Accessibility statement, non-digital route, reading level.",
    expected="The page pages.statement (by default /accessibility) names WCAG 2.2 AA, a day of "
    "review within 12 months, a "
    "telephone number as a link (tel:) and the Equality Advisory and Support Service; it and the pages of the journeys "
    "are read at the age of 11 or less, by the Flesch-Kincaid grade.",
    advice="Start from the government's sample statement; use short sentences and short words.",
    needs=(configured("pages"),),
)
async def run(context: Context) -> Finding:
    pages = context.config.pages
    assert pages is not None  # noqa: S101 - `needs` has seen to it
    statement = await context.call("GET", pages.statement)
    if not statement.ok:
        return context.failed(f"there is no accessibility statement: {statement}", statement)
    faults = [
        fault(f"the statement does not say {each}", statement)
        for each in lacks(statement, context.now().date())
    ]
    answers = [statement, *[await context.call("GET", path) for path in pages.paths]]
    for answer in answers:
        age = reading_age(text_of(answer.text)) if answer.ok else 0.0
        if age > _OLDEST_READER:
            faults.append(fault(f"the page is read at the age of {age:.0f}", answer))
    return context.judge(faults, tried=4 + len(answers), came="the statement says all, in plain words")
