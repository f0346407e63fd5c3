"""SE-12: guessing passwords gets slow, and nobody learns who has an account."""

from __future__ import annotations

from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, configured
from carespine.standards.engine.config import SignIn
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

# minimum-standards, SE-12: 50 wrong logins, locked or slowed after at most 10.
_TRIES, _FREE = 50, 10
# Ours: an answer that takes as long as this is slowed.
_SLOW_S = 1.0


async def _wrong(context: Context, told: SignIn, name: str) -> Answer:
    form = {"username": name, "password": f"wrong {context.uuid()}"}
    return await context.call("POST", told.url, data=form)


def _held_up(answer: Answer) -> bool:
    return answer.status in {423, 429} or answer.seconds >= _SLOW_S


@check(
    "SE-12",
    "abuse",
    title="Wrong passwords are slowed down, and names are not given away",
    quote="Abuse control on sign-in and search.",
    expected="Of 50 wrong passwords for the test account, those after the tenth are answered 423 or "
    "429, or take a second; "
    "the first wrong password for a name that does not exist is answered like that for one that does.",
    advice="Count failures by account and by address, and answer unknown names after the same work.",
    needs=(configured("sign_in"),),
    order=8,
)
async def run(context: Context) -> Finding:
    told = context.config.sign_in
    assert told is not None  # noqa: S101 - `needs` has seen to it
    unknown = await _wrong(context, told, f"nobody-{context.uuid()}")
    known = await _wrong(context, told, told.username)
    if known.ok or known.status >= 500:
        return context.failed(f"a wrong password was not refused: {known}", known)
    faults: list[Fault] = []
    # An account that an earlier run locked is locked: that is no way to tell it from others.
    if not _held_up(known) and (unknown.status, unknown.body) != (known.status, known.body):
        faults.append(fault("a name that does not exist is answered otherwise than one that does", unknown))
    tries = [await _wrong(context, told, told.username) for _ in range(_TRIES)]
    if free := [each for each in tries[_FREE:] if not _held_up(each)]:
        faults.append(
            fault(f"after {_FREE} wrong passwords {len(free)} more were tried at full speed", free[0])
        )
    return context.judge(faults, tried=_TRIES + 2, came=f"guessing is held up after {_FREE} tries at most")
