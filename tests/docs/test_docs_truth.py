"""What the documentation names is there: links, files, commands, make targets, decisions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import typer

from carespine.cli import app

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "carespine"
PAGES = sorted(
    chain(
        ROOT.glob("*.md"),
        *((ROOT / folder).rglob("*.md") for folder in ("docs", "src", "tests", "examples", "benchmarks")),
    )
)
# Pages whose every file name is a file of this repository; a tutorial may name files of its reader.
ABOUT_CODE = [
    *PACKAGE.rglob("README.md"),
    ROOT / "CONTRIBUTING.md",
    ROOT / "docs" / "architecture.md",
    *(ROOT / "docs" / "decisions").glob("*.md"),
]
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_SPAN = re.compile(r"`([^`\n]+)`")
_FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"[\w./-]+(\.(py|toml|sql|sh|svg|zst)|/)")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _slugs(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _code(page: Path) -> Iterator[str]:
    """Every line of code of a page: spans, and lines of fenced or indented blocks."""
    text = page.read_text(encoding="utf-8")
    for block in _FENCE.findall(text):
        yield from block.splitlines()
    rest = _FENCE.sub("", text)
    yield from (line.strip() for line in rest.splitlines() if line.startswith("    "))
    yield from _SPAN.findall(rest)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_resolves(page: Path) -> None:
    for target in _LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{_name(page)} links to {target}, which does not exist"
        if anchor and found.suffix == ".md":
            assert anchor in _slugs(found), f"{_name(page)} links to {target}, which has no such heading"


@pytest.mark.parametrize("page", ABOUT_CODE, ids=_name)
def test_every_file_that_is_named_exists(page: Path) -> None:
    """A name may be one of the repository, of the package, or of any file below the page's own folder."""
    for text in _code(page):
        if _FILE.fullmatch(text) and not text.startswith("/") and "xx" not in text.lower():
            places = [ROOT / text, PACKAGE / text, *page.parent.rglob(text), *(ROOT / "tests").rglob(text)]
            assert any(place.exists() for place in places), f"{_name(page)} names {text}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_command_that_is_named_exists(page: Path) -> None:
    for text in _code(page):
        for line in re.split(r"\s+\|\s+|&&", text.removeprefix("$ ").removeprefix(".venv/bin/")):
            words = line.removeprefix(".venv/bin/").split()
            if len(words) > 1 and words[0] == "carespine" and re.fullmatch(r"-*[a-z-]+", words[1]):
                _assert_command(words[1:], _name(page))


def _assert_command(words: list[str], page: str) -> None:
    command: Any = typer.main.get_command(app)
    while members := getattr(command, "commands", {}):
        if not words:
            return
        assert words[0] in members or words[0].startswith("-"), f"{page} names carespine {' '.join(words)}"
        if words[0].startswith("-"):
            break
        command, words = members[words[0]], words[1:]
    known = {name for parameter in command.params for name in parameter.opts} | {"-h", "--help"}
    for word in words:
        option = word.partition("=")[0].strip("[]")
        assert not option.startswith("--") or option in known, f"{page} gives {command.name} {option}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for line in _code(page):
        if named := re.match(r"make ([a-z]+)\b", line):
            assert named[1] in targets, f"{_name(page)} says {line}"


def test_the_readme_is_at_most_one_page() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 60


def test_the_readme_names_the_two_commands_and_says_not_for_clinical_use() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in text
    assert "make test" in text
    assert "Not for clinical use" in text


def test_every_package_has_a_page_of_at_most_100_lines() -> None:
    packages = [path.parent for path in PACKAGE.glob("*/__init__.py")]
    assert packages
    for package in packages:
        page = package / "README.md"
        assert page.exists(), f"{_name(package)} has no README.md"
        assert len(page.read_text(encoding="utf-8").splitlines()) <= 100, (
            f"{_name(page)} is longer than a page"
        )


def test_every_package_is_in_the_architecture() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for path in PACKAGE.glob("*/__init__.py"):
        assert f"[`{path.parent.name}`](../src/carespine/{path.parent.name}/README.md)" in text


def test_every_table_is_in_the_architecture() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for migration in (PACKAGE / "storage" / "migrations").glob("*.sql"):
        for table in re.findall(r"^create table (\w+)", migration.read_text(encoding="utf-8"), re.MULTILINE):
            assert f"`{table}`" in text, f"{table} of {migration.name} is not in the architecture"


def test_every_decision_is_indexed_and_has_its_three_parts() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [page.name[:5] for page in pages]
    assert len(set(numbers)) == len(numbers)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert re.match(r"\d{4}-", page.name)
        assert f"(decisions/{page.name})" in index
        for part in ("## Context", "## Decision", "## Consequences"):
            assert part in text, f"{page.name} lacks {part}"


def test_a_decision_is_told_in_two_sentences() -> None:
    for page in (ROOT / "docs" / "decisions").glob("*.md"):
        decision = page.read_text(encoding="utf-8").split("## Decision")[1].split("## Consequences")[0]
        sentences = [part for part in re.split(r"[.?!](?:\s|$)", decision) if part.strip()]
        assert len(sentences) <= 2, f"{page.name} takes {len(sentences)} sentences"


@pytest.mark.parametrize("image", sorted((ROOT / "docs" / "images").glob("*.svg")), ids=_name)
def test_every_image_says_what_it_shows(image: Path) -> None:
    root = ElementTree.parse(image).getroot()  # noqa: S314 -- our own file
    svg = "{http://www.w3.org/2000/svg}"
    assert root.get("role") == "img"
    labels = (root.get("aria-labelledby") or "").split()
    named = {element.get("id"): element.text for tag in ("title", "desc") for element in root.iter(svg + tag)}
    assert labels
    assert all(named.get(label) for label in labels)


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "security").glob("*.md")), ids=_name)
def test_every_test_that_a_security_page_names_is_there(page: Path) -> None:
    named = re.findall(r"`(tests/[\w/.]+)`", page.read_text(encoding="utf-8"))
    assert not [name for name in named if not (ROOT / name).is_file()]


def test_what_the_makefile_names_is_there() -> None:
    named = re.findall(
        r"(?:tests|tools|benchmarks)/[\w/]+\.py", (ROOT / "Makefile").read_text(encoding="utf-8")
    )
    assert named
    assert not [name for name in named if not (ROOT / name).is_file()]
