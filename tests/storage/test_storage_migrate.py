"""Migrating: what is said when there is no database to migrate."""

from __future__ import annotations

import socket

import pytest

from carespine.kernel.errors import Unavailable
from carespine.storage.migrate import migrate


def test_a_database_that_is_not_there_is_a_sentence() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"postgresql://nobody@127.0.0.1:{free.getsockname()[1]}/none"
        with pytest.raises(Unavailable, match="cannot be reached"):
            migrate(url)
