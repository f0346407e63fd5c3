"""The seven steps of the story, one file each: what happens, how it is verified, the figure it ends in."""

from collections.abc import Callable

from carespine.demo.stage import Stage
from carespine.demo.steps import audit_trail, certify, data_flow, gp_view, phase_out, practice, start

Step = tuple[str, Callable[[Stage], str]]

STEPS: tuple[Step, ...] = (
    ("Start", start.play),
    ("A practice", practice.play),
    ("Two apps want in", certify.play),
    ("Data flows", data_flow.play),
    ("The GP sees one thing", gp_view.play),
    ("Phase-out bites", phase_out.play),
    ("Every step left an audit trail", audit_trail.play),
)
