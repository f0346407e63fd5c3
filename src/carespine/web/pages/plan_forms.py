"""The forms by which a clinician orders readings, sets targets and answers a summary: what was typed, or why not."""

from __future__ import annotations

from starlette.datastructures import FormData

from carespine.devices.models import SummaryView
from carespine.devices.ordering import LONGEST_NOTE
from carespine.devices.orders import KINDS, MOST_A_DAY, MOST_DAYS
from carespine.devices.replying import Answer
from carespine.devices.thresholds import SETTINGS, Setting
from carespine.web.pages.forms import FieldError, Form
from carespine.web.pages.views import WishedOrder
from carespine.web.pages.visits import text, texts

NOTE_LIMIT = REPLY_LIMIT = 500


def answer(fields: FormData, summary: SummaryView | None) -> tuple[Form, Answer]:
    """A note for colleagues, a reply to the patient, and the results that go into the record."""
    note, reply = (text(fields, name).replace("\r\n", "\n") for name in ("note", "reply"))
    ready = {result.key for result in summary.results if result.state == "ready"} if summary else set()
    accept = tuple(key for key in texts(fields, "accept") if key)
    errors = []
    for name, value, label, limit in (
        ("note", note, "Note", NOTE_LIMIT),
        ("reply", reply, "Reply", REPLY_LIMIT),
    ):
        if len(value) > limit:
            errors.append(FieldError(name, f"{label} must be {limit} characters or less"))
    if set(accept) - ready:
        errors.append(FieldError("accept", "Choose results that are ready"))
    values = {"note": note, "reply": reply, "accept": " ".join(accept)}
    return Form(values, tuple(errors)), Answer(note, reply, accept)


def order(fields: FormData) -> tuple[Form, WishedOrder | None]:
    """What to measure, how often, for how long."""
    values = {name: text(fields, name) for name in ("kind", "times_a_day", "days", "order_note")}
    kind = values["kind"]
    errors = [] if kind in KINDS else [FieldError("kind", "Choose what the patient should measure")]
    times, days = _whole(values["times_a_day"], MOST_A_DAY), _whole(values["days"], MOST_DAYS)
    if times is None:
        errors.append(FieldError("times_a_day", f"Times a day must be a number from 1 to {MOST_A_DAY}"))
    if days is None:
        errors.append(FieldError("days", f"Days must be a number from 1 to {MOST_DAYS}"))
    if len(values["order_note"]) > LONGEST_NOTE:
        errors.append(FieldError("order_note", f"Note must be {LONGEST_NOTE} characters or less"))
    form = Form(values, tuple(errors))
    if errors or times is None or days is None:
        return form, None
    return form, WishedOrder(kind, times, days, values["order_note"])


def targets(fields: FormData) -> tuple[Form, dict[str, float | None]]:
    """Every target of the form: a number, or None where the field is empty and the guideline's holds."""
    values, wished, errors = {}, dict[str, float | None](), []
    for key, setting in SETTINGS.items():
        name = f"target-{key}"
        values[name] = text(fields, name)
        number = _number(values[name], setting)
        if values[name] and number is None:
            least, most = f"{setting.least:g}", f"{setting.most:g}"
            errors.append(
                FieldError(name, f"{setting.label}: a number from {least} to {most} {setting.unit.text}")
            )
        wished[key] = number
    return Form(values, tuple(errors)), wished


def _whole(written: str, most: int) -> int | None:
    valid = written.isascii() and written.isdigit() and len(written) < 5 and 1 <= int(written) <= most
    return int(written) if valid else None


def _number(written: str, setting: Setting) -> float | None:
    digits = written.replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit() and len(digits) < 8):
        return None
    value = float(written)
    return value if setting.least <= value <= setting.most else None
