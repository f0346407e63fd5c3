"""The table: what was measured beside the goal, and the machine it was measured on."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement of several runs; `goal` is the most where `least` is better, else the least."""

    name: str
    unit: str
    values: tuple[float, ...]
    goal: float | None = None
    least: bool = False
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def ratio(self) -> float | None:
        """1 or more: the goal is met."""
        if self.goal is None or not self.median:
            return None
        return self.goal / self.median if self.least else self.median / self.goal


def machine() -> str:
    """Processor, cores, memory, Python, load at this moment."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return (
        f"{model or platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"Python {platform.python_version()}, load before {os.getloadavg()[0]:.1f}"
    )


def table(rows: Sequence[Row]) -> str:
    """Markdown: work, median, all runs, goal, ratio to the goal."""
    lines = ["| work | median | runs | goal | ratio to goal |", "| --- | ---: | --- | ---: | ---: |"]
    for row in rows:
        runs = " / ".join(_number(value) for value in row.values)
        word = "at most " if row.least else ""
        goal = f"{word}{_number(row.goal)}" if row.goal is not None else ""
        ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
        note = f" ({row.note})" if row.note else ""
        lines.append(f"| {row.name}{note} | {_number(row.median)} {row.unit} | {runs} | {goal} | {ratio} |")
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
