"""The demonstration's folder and port: taken ones are refused in a sentence, and nothing in them is touched."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from carespine.demo import story
from carespine.kernel.errors import Misconfigured


def _perform(data: Path, port: int = 0) -> bool:
    def nobody(*_: Any) -> Any:
        raise AssertionError("the story must not begin")

    return story.perform(data, port=port, checking=True, say=nobody, show_progress=nobody, stay=nobody)


def test_a_folder_that_another_demonstration_uses_is_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "demo"
    with story._fresh(data):
        (data / "kept").write_text("data")
        with pytest.raises(Misconfigured, match="Another demonstration is using"):
            _perform(data)
        assert (data / "kept").read_text() == "data"


def test_a_folder_with_something_else_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(Misconfigured, match="something else"):
        _perform(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_a_taken_port_is_refused_before_anything_is_emptied(tmp_path: Path) -> None:
    with story._fresh(tmp_path / "demo"):
        pass
    (tmp_path / "demo" / "kept").write_text("data")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(Misconfigured, match="is taken"):
            _perform(tmp_path / "demo", other.getsockname()[1])
    assert (tmp_path / "demo" / "kept").exists()
