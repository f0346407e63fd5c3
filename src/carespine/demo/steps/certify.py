"""Step 3: two apps ask to be certified; the checks run against them over HTTP; one passes."""

from __future__ import annotations

from typing import Any

import httpx

from carespine.demo.processes import App, start_app
from carespine.demo.stage import Stage, expect

SOUND, BROKEN = "steady_band", "loose_band"
# Issue terms: at least 15 checks.
FEWEST_CHECKS = 15
# The faults of the broken app, by the requirement that each breaks.
BROKEN_REQUIREMENTS = frozenset({"SE-05", "TR-04", "SE-07"})
_RUN_WITHIN_S = 300.0


def play(stage: Stage) -> str:
    """Both apply and are checked; the sound one gets a certificate, the broken one its reasons."""
    figures = []
    for name in (SOUND, BROKEN):
        app = start_app(name, stage.data)
        stage.apps[name] = app
        with stage.show_progress(f"Checking {app.about['product']}", 1) as bar:
            outcome = _apply(stage, app)
            bar.advance(bar.task_ids[0], 1)
        stage.products[name] = outcome
        figures.append(_verify(stage, name, outcome))
    return "; ".join(figures)


def _apply(stage: Stage, app: App) -> dict[str, Any]:
    with httpx.Client(base_url=stage.server.address, timeout=_RUN_WITHIN_S, trust_env=False) as client:
        applied = client.post("/standards/applications", json=app.application(stage.server.address))
        expect(
            applied.status_code == 201,
            f"the application was answered {applied.status_code}: {applied.text[:300]}",
        )
        application = applied.json()
        ran = client.post(
            f"/standards/applications/{application['id']}/run",
            json={"config": app.sandbox},
            headers={"Authorization": f"Bearer {application['token']}"},
        )
        expect(ran.status_code in (200, 201), f"the run was answered {ran.status_code}: {ran.text[:300]}")
        return {**application, "run": ran.json()}


def _verify(stage: Stage, name: str, outcome: dict[str, Any]) -> str:
    with httpx.Client(base_url=stage.server.address, trust_env=False) as client:
        run = outcome["run"]
        report = client.get(f"/standards/runs/{run['run']}/report.json").json()
        results = report["results"]
        failed = sorted({item["requirement"] for item in results if item["outcome"] == "fail"})
        expect(len(results) >= FEWEST_CHECKS, f"only {len(results)} checks ran")
        html = client.get(f"/standards/runs/{run['run']}/report.html")
        expect(html.status_code == 200 and "<h1" in html.text, "there is no HTML report")
        if name == SOUND:
            expect(run["certificate"] is not None, f"{name} got no certificate; failed: {failed}")
            text = client.get(f"/standards/certificates/{run['certificate']}")
            expect(text.status_code == 200 and text.text.count(".") == 2, "the certificate is not a JWS")
            return f"{name}: {len(results)} checks, certificate {run['certificate']}"
        expect(run["certificate"] is None, f"{name} was certified although it is broken")
        expect(
            set(failed) == BROKEN_REQUIREMENTS, f"{name} failed {failed}, not {sorted(BROKEN_REQUIREMENTS)}"
        )
        return f"{name}: refused for {', '.join(failed)}"
