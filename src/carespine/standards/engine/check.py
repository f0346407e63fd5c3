"""What a check is, and how one is written: a decorated `run` in a file of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from carespine.standards.engine.context import Context
from carespine.standards.models import Finding, Outcome

Run = Callable[[Context], Awaitable[Finding]]
Need = Callable[[Context], Finding | None]


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `quote` is its requirement's wording; `expected` and `advice` are written for the supplier.

    `flaky` checks measure something that noise can spoil: they are decided by two of three runs.
    Checks with a higher `order` run later.
    """

    id: str
    requirement: str
    title: str
    quote: str
    expected: str
    advice: str
    run: Run
    needs: tuple[Need, ...] = ()
    time_limit_s: float = 60.0
    flaky: bool = False
    order: int = 0

    def absent(self, context: Context) -> Finding | None:
        """Why the check cannot run or does not apply here, or None."""
        return next((finding for need in self.needs if (finding := need(context)) is not None), None)


def check(
    requirement: str,
    name: str,
    *,
    title: str,
    quote: str,
    expected: str,
    advice: str,
    needs: tuple[Need, ...] = (),
    time_limit_s: float = 60.0,
    flaky: bool = False,
    order: int = 0,
) -> Callable[[Run], Check]:
    """Make the decorated coroutine function the run of a check called `<requirement>-<name>`."""

    def made(run: Run) -> Check:
        return Check(
            id=f"{requirement.lower()}-{name}",
            requirement=requirement,
            title=title,
            quote=quote,
            expected=expected,
            advice=advice,
            run=run,
            needs=needs,
            time_limit_s=time_limit_s,
            flaky=flaky,
            order=order,
        )

    return made


def one_identity(context: Context) -> Finding | None:
    """The check acts as a client of the service."""
    return _least(context, 1)


def two_identities(context: Context) -> Finding | None:
    """The check needs two clients with a patient each."""
    return _least(context, 2)


def _least(context: Context, count: int) -> Finding | None:
    if len(context.config.identities) >= count:
        return None
    return context.skipped(f"the run's configuration names fewer than {count} test identities")


def configured(field: str) -> Need:
    """The check needs this part of the run's configuration."""

    def need(context: Context) -> Finding | None:
        if getattr(context.config, field) is not None:
            return None
        return context.skipped(f"the run's configuration does not say {field!r}")

    return need


def over_tls(context: Context) -> Finding | None:
    """The check looks at TLS, which a service on its own machine's loopback address may do without."""
    if context.session.base_url.startswith("https://"):
        return None
    host = context.session.client.build_request("GET", context.session.base_url).url.host
    if host in {"127.0.0.1", "::1", "localhost"}:
        return Finding(Outcome.OMIT, "plain HTTP on a loopback address: nothing crosses a network", tried=0)
    return context.failed("the service is offered over plain HTTP on a network address")
