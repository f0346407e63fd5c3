"""Step 6: an administrator suspends the certificate; the app's next request is refused; its readings stay."""

from __future__ import annotations

import time

from carespine.demo.stage import Stage, expect
from carespine.demo.steps.certify import SOUND
from carespine.demo.steps.data_flow import send_export
from carespine.demo.visitor import Visitor, words

# lifecycle.md, enforcement: a status change refuses within 5 s where the state is read again, as it is here.
REFUSED_WITHIN_S = 5.0
_REASON = "Readings of the wrong patient were reported; suspended while this is looked into."


def play(stage: Stage) -> str:
    """Suspend through the administrator's page, then have the app try again with the token it holds."""
    product = stage.products[SOUND]["id"]
    before = _readings(stage)
    admin = Visitor(stage.server.address)
    admin.sign_in(stage.sign_ins["admin"])
    admin.open(f"/admin/products/{product}")
    answer = admin.send(f"/admin/products/{product}/suspend", {"reason": _REASON})
    expect(answer.status_code == 303, f"the suspension was answered {answer.status_code}")
    suspended_at = time.monotonic()
    refused = send_export(stage, SOUND, stage.sent["number"], stage.sent["file"])
    seconds = time.monotonic() - suspended_at
    expect(refused.status_code in (401, 403), f"the suspended app was answered {refused.status_code}")
    expect("suspend" in refused.text.lower(), f"the refusal does not say why: {refused.text[:300]}")
    expect(seconds <= REFUSED_WITHIN_S, f"the refusal came after {seconds:.1f} s")
    public = Visitor(stage.server.address)
    page = words(public.open(f"/standards/products/{product}"))
    expect(_REASON in page, "the product's page does not say why it was suspended")
    expect(_readings(stage) == before, "readings were lost with the suspension")
    return f"refused {seconds:.2f} s after the suspension; {before} observations of the app stay"


def _readings(stage: Stage) -> int:
    return stage.count("select coalesce(sum(stored), 0) from device_import")
