"""A patch as an entry of a batch or transaction: Parameters, or a Binary that holds a JSON Patch (R4 http 3.1.0.6)."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from carespine.fhir import codec
from carespine.kernel.errors import Invalid
from carespine.spine.fhir_api.patching.patch import JSON_PATCH


def body_of(resource: dict[str, Any]) -> tuple[str, bytes]:
    """The content type and the body that a PATCH of its own would have; raises Invalid for another resource."""
    if resource["resourceType"] == "Parameters":
        return "application/fhir+json", codec.encode(resource)
    if resource["resourceType"] != "Binary" or resource.get("contentType") != JSON_PATCH:
        raise Invalid(
            f"The resource of a PATCH is a Parameters, or a Binary with the contentType {JSON_PATCH}."
        )
    try:
        return JSON_PATCH, base64.b64decode(resource.get("data", ""))
    except binascii.Error as error:
        raise Invalid("The data of the Binary is not base64.") from error
