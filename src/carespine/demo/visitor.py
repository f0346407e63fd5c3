"""A person at a browser, as far as HTTP shows: signs in, follows pages, sends forms with their tokens."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

import httpx

from carespine.demo.stage import StepFailed

if TYPE_CHECKING:
    from carespine.demo.sign_ins import SignIn

_TOKEN = re.compile(r'name="csrf_token"\s+value="([^"]+)"')
_TAG = re.compile(r"<[^>]+>")


class Visitor:
    """One browser window over the server's pages."""

    def __init__(self, address: str) -> None:
        self._client = httpx.Client(base_url=address, timeout=60, trust_env=False)

    def sign_in(self, account: SignIn) -> None:
        """Sign in; raises StepFailed where the server does not let this account in."""
        self.open("/sign-in")
        answer = self.send("/sign-in", {"user_name": account.user_name, "password": account.password})
        if answer.status_code != 303:
            raise StepFailed(f"signing in as {account.user_name} was answered {answer.status_code}")

    def open(self, path: str, *, expect: int = 200) -> str:
        """The HTML of a page; raises StepFailed where the status is another than `expect`."""
        answer = self._client.get(path)
        if answer.status_code != expect:
            raise StepFailed(f"the page {path} was answered {answer.status_code}, not {expect}")
        self._page = answer.text
        return answer.text

    def fetch(self, path: str) -> httpx.Response:
        return self._client.get(path)

    def send(self, path: str, fields: dict[str, str | list[str]]) -> httpx.Response:
        """Post a form as the page that was opened last would, with its token."""
        token = _TOKEN.search(self._page)
        if token is None:
            raise StepFailed(f"the page before {path} has no form with a token")
        return self._client.post(path, data={"csrf_token": unescape(token[1]), **fields})

    def close(self) -> None:
        self._client.close()


def words(html: str) -> str:
    """The text of a page, white space folded."""
    return " ".join(unescape(_TAG.sub(" ", html)).split())
