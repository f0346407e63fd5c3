"""Reads an HTML page for the tests: its tags, its headings, its words."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {
    "area",
    "base",
    "br",
    "col",
    "embed",
    "hr",
    "img",
    "input",
    "link",
    "meta",
    "source",
    "wbr",
    "path",
    "rect",
}


@dataclass
class Tag:
    name: str
    attributes: dict[str, str | None]
    words: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def __getitem__(self, name: str) -> str | None:
        return self.attributes.get(name)


class PageReader(HTMLParser):
    """All tags of a page in order; each knows the words inside it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[Tag] = []
        self._open: list[Tag] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(Tag(tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(self.tags[-1])

    def handle_endtag(self, tag):
        while self._open and self._open.pop().name != tag:
            pass

    def handle_data(self, data):
        for tag in self._open:
            tag.words.append(data)

    def all(self, tag_name: str, **attributes: str) -> list[Tag]:
        wanted = {key.rstrip("_"): value for key, value in attributes.items()}
        return [
            tag
            for tag in self.tags
            if tag.name == tag_name and all(tag[key] == value for key, value in wanted.items())
        ]

    def one(self, tag_name: str, **attributes: str) -> Tag:
        found = self.all(tag_name, **attributes)
        assert len(found) == 1, f"{len(found)} tags <{tag_name}> {attributes}"
        return found[0]

    @property
    def words(self) -> str:
        return self.one("main").text
