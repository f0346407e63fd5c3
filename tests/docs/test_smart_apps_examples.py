"""The worked examples of docs/smart-apps.md run as they stand, but for the ports."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from joserfc.jwk import ECKey

TESTS = Path(__file__).parents[1]
for folder in ("spine", "security", "web"):
    sys.path.append(str(TESTS / folder))

import httpx  # noqa: E402
from access_people import PEOPLE  # noqa: E402
from api import fresh_database, serving  # noqa: E402
from browser_driver import free_port, served  # noqa: E402
from certified_product import certified  # noqa: E402
from oauth_people import ACCOUNTS, PASSWORD, checked, field_of  # noqa: E402

from carespine.security import accounts, clients  # noqa: E402
from carespine.security.clients import Client  # noqa: E402
from carespine.storage.embedded import EmbeddedPostgres  # noqa: E402
from carespine.web.app import build  # noqa: E402
from carespine.web.platform import Platform  # noqa: E402
from carespine.web.settings import Settings  # noqa: E402

PAGE = (TESTS.parent / "docs" / "smart-apps.md").read_text("utf-8")
SCRIPT_SCOPES = "launch/patient openid offline_access patient/Observation.rs"


def example(heading: str) -> str:
    """The Python of a chapter: its indented blocks, without the command that comes first."""
    chapter = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in chapter.splitlines() if line.startswith("    ") or not line]
    return dedent("\n".join(line for line in lines if not line.startswith("    carespine ")))


@pytest.fixture(scope="module")
def place(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, int, Path]]:
    """A server's address, the port of the script, and the folder in which the files of the examples lie."""
    folder, port, back = tmp_path_factory.mktemp("examples"), free_port(), free_port()
    settings: dict[str, Any] = {"port": port, "second_factor": False}
    with fresh_database(postgres) as url:
        asyncio.run(_furnish(url, folder, back, settings))
        with served(build(Platform.build(Settings(data=folder, **settings), url)), port=port) as address:
            yield address, back, folder


async def _furnish(url: str, folder: Path, back: int, settings: dict[str, Any]) -> None:
    key = ECKey.generate_key("P-384", {"kid": "nightly"})
    (folder / "private.jwk").write_text(json.dumps(key.as_dict(private=True)))
    public = {"keys": [key.as_dict(private=False)]}
    async with serving(url, folder, **settings) as server:
        await server.put(*PEOPLE)
        product = await certified(server, "diet")
        (folder / "certificate.jwt").write_text(product.certificate + "\n")
        (folder / "diet.jwk").write_text(json.dumps(product.key.as_dict(private=True)))
        async with server.platform.database.transaction() as tx:
            await accounts.save(tx, ACCOUNTS[0], PASSWORD)
            nightly = Client(
                "nightly", "Nightly", None, public, frozenset({"system/*.rs"}), certified=False, enabled=True
            )
            redirects = (f"http://127.0.0.1:{back}/",)
            script = Client(
                "script", "Script", None, {"keys": []}, frozenset(SCRIPT_SCOPES.split()), False, True, redirects,
                "none",
            )  # fmt: skip
            await clients.register(tx, nightly)
            await clients.register(tx, script)


def run(
    code: str, place: tuple[str, int, Path], monkeypatch: pytest.MonkeyPatch, **names: Any
) -> dict[str, Any]:
    """What the names of an example are in the end."""
    address, back, folder = place
    monkeypatch.chdir(folder)
    ported = code.replace("http://127.0.0.1:8600", address).replace("9001", str(back))
    exec(compile(ported, "docs/smart-apps.md", "exec"), names)  # noqa: S102 -- our own page
    return names


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_the_backend_service_and_the_app_that_registers_itself(
    place: tuple[str, int, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = run(example("A backend service"), place, monkeypatch)
    assert names["answer"].json()["scope"] == "system/Patient.rs"
    assert '"Bundle"' in capsys.readouterr().out.replace("'", '"')
    names["key"] = ECKey.import_key(json.loads((place[2] / "diet.jwk").read_text()))
    made = run(example("An app that registers itself"), place, monkeypatch, **names)
    assert made["answer"].json()["client_id"] in capsys.readouterr().out


def test_the_client_without_a_screen(
    place: tuple[str, int, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def person(address: str) -> bool:
        threading.Thread(target=_let_in, args=(address,), daemon=True).start()
        return True

    monkeypatch.setattr(webbrowser, "open", person)
    names = run(example("A client without a screen"), place, monkeypatch)
    assert "ann {'resourceType': 'Bundle'" in capsys.readouterr().out
    assert names["held"]["patient"] == "ann"
    assert names["held"]["refresh_token"]


def _let_in(address: str) -> None:
    """What the person does in the browser that was opened."""
    with httpx.Client(base_url=address.split("/oauth", 1)[0], follow_redirects=True) as http:
        page = http.get(address)
        form = {name: field_of(page.text, name) for name in ("csrf_token", "next")}
        page = http.post("/sign-in", data={**form, "user_name": "ann", "password": PASSWORD})
        asked = {name: field_of(page.text, name) for name in ("csrf_token", "request", "chosen_patient")}
        decided = {**asked, "scope": checked(page.text), "decision": "allow"}
        http.post("/oauth/authorize/decision", data=decided)
