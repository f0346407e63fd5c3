"""A certificate is verified offline, with the public key alone, at any time."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from carespine.kernel.errors import Invalid, Misconfigured
from carespine.standards import certificates, keys
from carespine.standards.keys import SigningKey
from carespine.standards.lifecycle import State

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
STATUS = "https://carespine.example/standards/status"


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey.of(ECKey.generate_key("P-256"))


def claims(index: int = 3) -> dict[str, object]:
    begins = int(NOW.timestamp())
    return {
        "sub": "steady-band",
        "iat": begins,
        "exp": begins + 365 * 86_400,
        "cnf": {"jkt": "thumb"},
        "status": {"status_list": {"idx": index, "uri": STATUS}},
    }


def status(key: SigningKey, *states: State | None, at: datetime = NOW, uri: str = STATUS) -> str:
    listed = certificates.status_list(states)
    return certificates.issue_status(
        {"sub": uri, "exp": int(at.timestamp()) + 300, "status_list": listed}, key
    )


def test_a_good_certificate_holds_and_says_for_whom(key):
    found = certificates.verify(certificates.issue(claims(), key) + "\n", key.jwks, NOW)

    assert (found.ok, found.reasons) == (True, ())
    assert found.claims["cnf"] == {"jkt": "thumb"}


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (NOW - timedelta(seconds=1), "not issued yet"),
        (NOW, None),
        (NOW + timedelta(days=365, seconds=-1), None),
        (NOW + timedelta(days=365), "had expired"),
    ],
)
def test_it_holds_from_its_first_second_to_its_last(key, at, told):
    found = certificates.verify(certificates.issue(claims(), key), key.jwks, at)

    assert found.ok == (told is None)
    assert told is None or told in found.reasons[0]


def altered(text: str, **change: object) -> str:
    head, body, signature = text.split(".")
    tree = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    changed = urlsafe_b64encode(json.dumps({**tree, **change}).encode()).rstrip(b"=").decode()
    return f"{head}.{changed}.{signature}"


def unsigned(text: str) -> str:
    head = (
        urlsafe_b64encode(json.dumps({"alg": "none", "typ": "conformance+jwt"}).encode())
        .rstrip(b"=")
        .decode()
    )
    return f"{head}.{text.split('.')[1]}."


@pytest.mark.parametrize(
    "how", ["altered", "cut", "unsigned", "other key", "other type", "nonsense", "empty"]
)
def test_what_was_tampered_with_does_not_hold(key, how):
    good = certificates.issue(claims(), key)
    texts = {
        "altered": altered(good, sub="loose-band"),
        "cut": good[:-6],
        "unsigned": unsigned(good),
        "other key": certificates.issue(claims(), SigningKey(key.kid, ECKey.generate_key("P-256"))),
        "other type": certificates.issue_status(claims(), key),
        "nonsense": "certificate",
        "empty": "",
    }

    assert not certificates.verify(texts[how], key.jwks, NOW).ok


def test_a_key_that_is_not_trusted_proves_nothing(key):
    stranger = SigningKey.of(ECKey.generate_key("P-256"))

    found = certificates.verify(certificates.issue(claims(), stranger), key.jwks, NOW)

    assert found.reasons == ("it is signed with a key that is not trusted",)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (State.CERTIFIED, None),
        (State.WATCH, None),
        (State.SUSPENDED, "it is suspended"),
        (State.WITHDRAWN, "it was withdrawn or has expired"),
        (State.EXPIRED, "it was withdrawn or has expired"),
        (None, "it was withdrawn or has expired"),
    ],
)
def test_a_status_list_at_hand_is_believed(key, state, told):
    states = [State.CERTIFIED, State.SUSPENDED, None, state, State.SUSPENDED]

    found = certificates.verify(certificates.issue(claims(), key), key.jwks, NOW, status=status(key, *states))

    assert found.reasons == (() if told is None else (told,))


@pytest.mark.parametrize("fault", ["too old", "another", "too short", "not ours"])
def test_a_status_list_that_does_not_fit_is_not_believed(key, fault):
    good = [State.CERTIFIED] * 5
    listed = {
        "too old": status(key, *good, at=NOW - timedelta(seconds=301)),
        "another": status(key, *good, uri="https://elsewhere.example/status"),
        "too short": status(key),
        "not ours": status(SigningKey(key.kid, ECKey.generate_key("P-256")), *good),
    }[fault]

    assert not certificates.verify(certificates.issue(claims(), key), key.jwks, NOW, status=listed).ok


def test_the_signing_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path):
    path = tmp_path / "keys" / "certificates.jwk"
    made = SigningKey.load(path)

    assert path.stat().st_mode & 0o777 == 0o600
    assert SigningKey.load(path).kid == made.kid
    assert "d" not in made.jwks["keys"][0]
    path.chmod(0o644)
    with pytest.raises(Misconfigured):
        SigningKey.load(path)


def test_a_clients_key_is_known_by_its_thumbprint():
    key = ECKey.generate_key("P-384")
    tree = {**key.as_dict(private=False), "kid": "any", "use": "sig"}

    assert keys.client_thumbprint({"keys": [tree]}) == key.thumbprint()


@pytest.mark.parametrize(
    "jwks",
    [
        {},
        {"keys": []},
        {"keys": ["text"]},
        {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "a"}]},
        {"keys": [{**ECKey.generate_key("P-384").as_dict(private=True), "kid": "a"}]},
        {"keys": [{**ECKey.generate_key("P-384").as_dict(private=False)}]},
        {"keys": [{"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA", "kid": "a"}]},
        {"keys": [{"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA", "kid": "a"}]},
    ],
)
def test_a_client_key_that_cannot_be_relied_on_is_refused(jwks):
    with pytest.raises(Invalid):
        keys.client_thumbprint(jwks)
