"""Tells a continuous sensor from a meter by how its readings come. Pure.

Apple Health has one type for both, and names of apps say nothing reliable. A sensor reports every few minutes
for hours; nobody pricks a finger like that.
"""

from __future__ import annotations

import numpy as np

from carespine.devices.samples import MINUTE_MS, Samples

SENSOR, METER = "glucose-cgm", "glucose-meter"
# Sensors report every 1 to 15 minutes.
LONGEST_STEP_MS = 15 * MINUTE_MS
# Carespine: two dozen readings in such steps (two hours at five minutes) are no coincidence.
STEPS_NEEDED = 24


def comes_from_sensor(samples: Samples) -> bool:
    """Whether these readings of one source follow one another as a sensor's do."""
    gaps = np.diff(np.unique(samples.start_ms))
    return int((gaps <= LONGEST_STEP_MS).sum()) >= STEPS_NEEDED and bool(np.median(gaps) <= LONGEST_STEP_MS)
