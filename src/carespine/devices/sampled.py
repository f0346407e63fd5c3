"""A dense metric's day as SampledData: means at equal steps, so that a chart needs no single samples. Pure."""

from __future__ import annotations

import numpy as np

from carespine.devices import codes
from carespine.devices.metrics import Metric
from carespine.devices.models import Coding
from carespine.devices.quantities import Tree, concept, number, quantity
from carespine.devices.samples import DAY_MS, MINUTE_MS, Samples

# Minutes of one step: an hour says enough of a pulse, a quarter of an hour is what a glucose sensor keeps.
STEP_MIN = {
    "heart-rate": 60,
    "respiratory-rate": 60,
    "oxygen-saturation": 60,
    "glucose-cgm": 15,
    "hrv-sdnn": 60,
    "hrv-rmssd": 60,
}
_MEANS = Coding(codes.LOCAL_METRIC, "means-of-day", "Means at equal steps of the local day")


def component(of: Metric, samples: Samples, day: int) -> Tree | None:
    """The means of the day's plausible readings from local midnight on; a step without readings is E (no value).

    None for a metric that is not sampled, or a day without readings. The offset of the day's first reading counts
    for all of it: on the two nights of the clock change the last step may lie an hour beside the wall clock.
    """
    minutes = STEP_MIN.get(of.key)
    value = samples.canonical(of)
    inside = (samples.local_day() == day) & (value >= of.bounds[0]) & (value <= of.bounds[1])
    if minutes is None or not inside.any():
        return None
    moment, value = samples.start_ms[inside], value[inside]
    midnight = day * DAY_MS - int(samples.offset_min[inside][moment.argmin()]) * MINUTE_MS
    step_ms = minutes * MINUTE_MS
    steps = DAY_MS // step_ms
    place = np.clip((moment - midnight) // step_ms, 0, steps - 1)
    count = np.bincount(place, minlength=steps)
    total = np.bincount(place, weights=value, minlength=steps)
    data = [str(number(total[at] / count[at], of.digits + 1)) if count[at] else "E" for at in range(steps)]
    return {
        "code": concept(_MEANS.display, _MEANS),
        "valueSampledData": {
            "origin": quantity(0, of.unit),
            "period": step_ms,
            "dimensions": 1,
            "data": " ".join(data),
        },
    }
