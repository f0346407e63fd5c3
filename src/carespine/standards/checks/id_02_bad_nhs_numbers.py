"""ID-02: twenty bad NHS numbers are refused, and a good one is taken."""

from __future__ import annotations

from carespine.kernel import nhs_number
from carespine.standards.engine import readings
from carespine.standards.engine.check import check, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

_TEST_RANGE = 90_000


def _swapped(number: str) -> str | None:
    """The number with two unlike neighbours exchanged, the commonest slip after a wrong digit."""
    for place in range(3, 8):
        left, right = number[place], number[place + 1]
        if left != right:
            return number[:place] + right + left + number[place + 2 :]
    return None


def bad_numbers(context: Context) -> list[str]:
    """Twenty numbers that cannot be NHS numbers, each wrong in one of six ways, drawn from the seed."""
    good = [nhs_number.synthetic(context.random.randrange(_TEST_RANGE)) for _ in range(9)]
    wrong_digit = [each[:9] + str((int(each[9]) + context.random.randint(1, 9)) % 10) for each in good[:5]]
    lengths = [good[5][:9], good[6] + "0", good[7][:5], ""]
    stems = [f"999{n:06d}" for n in context.random.sample(range(999_999), 200)]
    no_check_digit = [stem + "0" for stem in stems if nhs_number.check_digit(stem) is None][:3]
    alike = [str(digit) * 10 for digit in context.random.sample(range(1, 10), 3)]
    letters = [good[8][:4] + "O" + good[8][5:], "９９９" + good[8][3:], good[8][:9] + "X"]
    swapped = [each for n in range(9) if (each := _swapped(good[n])) is not None][:2]
    return wrong_digit + lengths + no_check_digit + alike + letters + swapped


@check(
    "ID-02",
    "bad-nhs-numbers",
    title="Invalid NHS numbers are refused with a coded error",
    quote="A write with an invalid NHS number is refused with a coded error.",
    expected="20 creations of a Patient with a number that fails the check digit, the length, the "
    "alphabet or has all digits alike are each answered 4xx with an OperationOutcome; one with "
    "a valid number is answered 201.",
    advice="Check NHS numbers by Modulus 11 wherever they are written, and answer 400 or 422 with an "
    "OperationOutcome.",
    needs=(one_identity,),
)
async def run(context: Context) -> Finding:
    writer = context.config.identity(context.config.registrar or "") or context.first
    number = nhs_number.synthetic(context.random.randrange(_TEST_RANGE))
    good = await context.fhir("POST", "Patient", identity=writer, json=readings.patient(context, number))
    if good.status in {401, 403, 404, 405}:
        return context.skipped(
            f"no configured identity may create Patients ({good}); name one as `registrar`"
        )
    # 409: the number drawn already belongs to somebody here, which is a right answer to a good number.
    if not good.ok and good.status != 409:
        return context.failed(f"a Patient with a valid NHS number was not created: {good}", good)
    faults: list[Fault] = []
    bad = bad_numbers(context)
    for value in bad:
        answer = await context.fhir("POST", "Patient", identity=writer, json=readings.patient(context, value))
        if not answer.refused:
            faults.append(fault(f"the bad number {value!r} was not refused", answer))
        elif not answer.issue_codes:
            faults.append(fault(f"the refusal of {value!r} is not a coded OperationOutcome", answer))
    return context.judge(faults, tried=len(bad), came=f"{len(bad)} bad numbers refused, a good one taken")
