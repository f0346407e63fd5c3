"""CS-04: its status as a medical device is declared."""

from __future__ import annotations

from carespine.standards.assurance.safety import DeviceStatus
from carespine.standards.engine.check import check
from carespine.standards.engine.documents import document

run = check(
    "CS-04",
    "device-status",
    title="Its status as a medical device is declared",
    quote="The medical-device status is declared; a device carries UKCA or CE marking and is "
    "registered with the MHRA.",
    expected="A signed document 'device-status' that says whether the product is a medical device "
    "and why, with class, marking and MHRA reference where it is.",
    advice="Declare the status with your reason; register a device before it is sold.",
)(document("device-status", DeviceStatus, "the status is declared, and a device is registered"))
