"""The adapters, one folder for each format, and how the right one is found."""

from __future__ import annotations

from typing import BinaryIO

from carespine.devices.adapters.apple_health.adapter import AppleHealth
from carespine.devices.adapters.contract import Adapter, UnknownFormat

ALL: tuple[Adapter, ...] = (AppleHealth(),)


def adapter_for(file: BinaryIO) -> Adapter:
    """The adapter that recognises the content of `file`; UnknownFormat when none does."""
    for adapter in ALL:
        file.seek(0)
        if adapter.recognises(file):
            file.seek(0)
            return adapter
    known = ", ".join(adapter.manifest.title for adapter in ALL)
    raise UnknownFormat(f"This is not a file that Carespine can read. It reads: {known}.")
