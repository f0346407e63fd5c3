"""How fast FHIR XML is read and written, beside JSON, in one process on one core.

    python benchmarks/fhir_xml.py [BUNDLES.ndjson.gz]

The argument is a file of bundles, one a line; by default the Synthea corpus in ../shared. Prints the machine, the
method, the median of the runs and how many times the JSON time XML takes.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fhir_codec import CORPUS, cpu, resources, timed

from carespine.fhir import codec, json_text, xml

RUNS = 5
# Enough kinds of resources for a stable median, few enough to finish within a minute.
MOST = 5_000


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("bundles", type=Path, nargs="?", default=CORPUS)
    bundles = arguments.parse_args().bundles
    if not bundles.is_file():
        sys.exit(f"There is no {bundles}: name a file of bundles, one a line, gzipped.")
    everything = resources(bundles)
    in_json = everything[:: max(1, len(everything) // MOST)]
    trees = [codec.decode(text) for text in in_json]
    in_xml = [xml.encode(tree) for tree in trees]
    print(f"machine   {platform.machine()}, {cpu()}, Python {platform.python_version()}, one core")
    print(f"corpus    {len(trees):,} resources of {bundles.name}, {mean(in_json):,.0f} bytes of JSON each,")
    print(f"          {mean(in_xml):,.0f} bytes of XML")
    print(f"method    median of {RUNS} runs over the corpus, JSON and XML in turn, after one not counted")
    print(f"{'us each':30}{'JSON':>10}{'XML':>10}{'times':>8}")
    show("decode (read and check)", codec.decode, in_json, xml.decode, in_xml)
    show("encode", codec.encode, trees, xml.encode, trees)
    show("decode and encode", json_both, in_json, xml_both, in_xml)
    show("encode, made sure to be R4", json_checked, trees, xml.encode, trees)
    print(f"{'decode JSON, write XML':30}{'':10}{microseconds(json_to_xml, in_json):10.1f}")
    print(f"{'decode XML, write JSON':30}{'':10}{microseconds(xml_to_json, in_xml):10.1f}")


def json_both(raw: bytes) -> bytes:
    return codec.encode(codec.decode(raw))


def xml_both(raw: bytes) -> bytes:
    return xml.encode(xml.decode(raw))


def json_checked(tree: dict[str, Any]) -> bytes:
    """XML is written from the definitions, so what R4 does not know is refused; JSON needs a check for that."""
    codec.check(tree)
    return codec.encode(tree)


def json_to_xml(raw: bytes) -> bytes:
    return xml.encode(json_text.read(raw))


def xml_to_json(raw: bytes) -> bytes:
    return codec.encode(xml.decode(raw))


def mean(texts: list[bytes]) -> float:
    return sum(map(len, texts)) / len(texts)


def show(
    name: str,
    in_json: Callable[[Any], Any],
    json_values: list[Any],
    in_xml: Callable[[Any], Any],
    xml_values: list[Any],
) -> None:
    """One line: the medians, measured in turn so that both see the same machine."""
    timed(in_json, json_values)
    timed(in_xml, xml_values)
    runs = [(timed(in_json, json_values), timed(in_xml, xml_values)) for _ in range(RUNS)]
    of_json, of_xml = (statistics.median(side) / len(json_values) * 1e6 for side in zip(*runs, strict=True))
    print(f"{name:30}{of_json:10.1f}{of_xml:10.1f}{of_xml / of_json:8.1f}")


def microseconds(function: Callable[[Any], Any], values: list[Any]) -> float:
    """The median time of one call."""
    timed(function, values)
    return statistics.median(timed(function, values) for _ in range(RUNS)) / len(values) * 1e6


if __name__ == "__main__":
    main()
