"""Every setting, from the environment (CARESPINE_...), a file or the command line; checked before the start.

docs/configuration.md is generated from this module (tools/generate_docs.py).
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from carespine.kernel.errors import BadSetting
from carespine.security.audit_retention import LEAST_YEARS
from carespine.security.roles import ROLES
from carespine.spine.validating.levels import levels
from carespine.web.cors import EVERY_ORIGIN

CONFIG_FILE = Path("carespine.toml")
# Variables of ours that are no settings: the first asks the tests for their long packs.
_NOT_SETTINGS = {"CARESPINE_LONG"}
# Where the worker processes keep their figures: the name is the library's (prometheus-client).
METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

# NHS national job role codes: R and four digits.
_JOB_ROLE = re.compile(r"R[0-9]{4}")


class Settings(BaseSettings):
    """What a deployment decides. Precedence: command line, environment, carespine.toml, default."""

    model_config = SettingsConfigDict(
        env_prefix="CARESPINE_", toml_file=CONFIG_FILE, extra="forbid", frozen=True, validate_default=True
    )

    data: Path = Field(
        Path(".carespine"), description="Folder for the embedded database, the keys and the evidence."
    )
    database: str | None = Field(
        None,
        description="URL of a PostgreSQL 15 or later (postgresql://...); without it the embedded one runs.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8600, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    workers: int = Field(
        0, ge=0, le=64, description="Number of server processes; 0: one for each processor, four at most."
    )
    base_url: str = Field(
        "",
        description="Public address of the server, without a final slash; http://HOST:PORT when empty, or https.",
    )
    tls_certificate: Path | None = Field(
        None, description="PEM file with the certificate and its chain, where the server ends TLS itself."
    )
    tls_key: Path | None = Field(None, description="PEM file with the certificate's private key.")
    open: bool = Field(
        False,
        description="FHIR without sign-in, for trying tools; refused on anything but a loopback address.",
    )
    second_factor: bool = Field(
        True, description="Staff need a code from an authenticator app to sign in (not in a demonstration)."
    )
    nhs_login_issuer: str = Field(
        "",
        description="Issuer of NHS login, at which patients then sign in: https://auth.login.nhs.uk, or that of a test "
        "environment.",
    )
    nhs_login_client_id: str = Field("", description="Our client id at NHS login.")
    cis2_issuer: str = Field(
        "", description="Issuer of NHS CIS2 Authentication, at which staff then sign in; its full address."
    )
    cis2_client_id: str = Field("", description="Our client id at NHS CIS2.")
    cis2_level: int = Field(
        2, ge=2, le=3, description="Least authenticator assurance level (AAL) of staff who come from CIS2."
    )
    cis2_roles: str = Field(
        "",
        description="Role here by national job role code, as in R8000=general practitioner,R8001=nurse; other job "
        "roles have no access.",
    )
    monitoring: bool = Field(
        True, description="Probe every product that has access once an hour, from this server."
    )
    sandbox: bool = Field(
        False,
        description="Let anybody register a client with made-up patients of its own; for a server without real people.",
    )
    demo: bool = Field(False, description="Show the demonstration's sign-ins on the first page.")
    max_body_mb: int = Field(32, ge=1, le=1024, description="Largest body of a FHIR request, in MiB.")
    max_upload_mb: int = Field(
        4096, ge=1, le=65536, description="Largest upload of a wearable's export, in MiB."
    )
    max_in_flight: int = Field(
        1_000, ge=1, le=10_000, description="Requests at work at once in one process; more are answered 429."
    )
    database_connections: int = Field(
        16, ge=2, le=200, description="Largest number of database connections of one process."
    )
    cors_origins: str = Field(
        "",
        description="Origins whose browser apps may use the API, separated by commas; * for every origin.",
    )
    max_url_kb: int = Field(16, ge=1, le=256, description="Longest path and query of a request, in KiB.")
    max_query_s: int = Field(
        30, ge=1, le=3600, description="Longest time that one statement may take in the database, in seconds."
    )
    job_hours: int = Field(
        24, ge=1, le=8760, description="Hours for which the files of an export or import can be had."
    )
    history_days: int = Field(
        0,
        ge=0,
        le=36_500,
        description="Days after which a version that was replaced is removed for good; 0 keeps all.",
    )
    deleted_days: int = Field(
        0,
        ge=0,
        le=36_500,
        description="Days after which a deleted resource is removed with its versions; 0 keeps all.",
    )
    audit_years: int = Field(
        0,
        ge=0,
        le=200,
        description="Years after which the oldest seals of the audit trail are removed, with a signed checkpoint in "
        "their place; 0 keeps all, and fewer than 8 need audit_short.",
    )
    audit_short: bool = Field(
        False, description="Allow audit_years below 8, which is less than health records are kept in England."
    )
    outbound: str = Field(
        "public",
        pattern="^(public|private|any)$",
        description="Addresses that imports and notifications may call: public ones; private networks too; or any.",
    )
    metrics_token: str = Field(
        "",
        description="What Prometheus must send as a bearer token to read /metrics; without it only a server on a "
        "loopback address, with no proxy before it, shows them.",
    )
    validation: str = Field(
        "structure",
        description="How far resources are validated when they are written: structure or full; and for single types, "
        "as in structure,Patient=full,Observation=full.",
    )
    security_contact: str = Field(
        "mailto:security@carespine.example",
        description="Where to report vulnerabilities (security.txt, RFC 9116).",
    )
    log_level: str = Field(
        "info", pattern="^(debug|info|warning|error)$", description="Least level that is logged."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @field_validator("database")
    @classmethod
    def _is_postgres(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("postgresql://", "postgres://")):
            raise ValueError("must begin with postgresql://")
        return value.replace("postgres://", "postgresql://", 1) if value else None

    @field_validator("base_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if value and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname):
            raise ValueError("must be an address such as https://care.example.nhs.uk")
        return value.rstrip("/")

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: str) -> str:
        for origin in _listed(value):
            parts = urlsplit(origin)
            if origin not in (EVERY_ORIGIN, f"{parts.scheme}://{parts.netloc}"):
                raise ValueError(f"{origin!r} is not an origin such as https://app.example.nhs.uk")
        return value

    @field_validator("validation")
    @classmethod
    def _are_levels(cls, value: str) -> str:
        levels(value)
        return value

    @field_validator("cis2_roles")
    @classmethod
    def _are_roles(cls, value: str) -> str:
        for code, role in _pairs(value):
            if not _JOB_ROLE.fullmatch(code) or ROLES.get(role) != "practitioner":
                raise ValueError(f"{code}={role} is not a job role code and a role of staff")
        return value

    @model_validator(mode="after")
    def _are_providers(self) -> Self:
        for name, issuer, client_id in (
            ("nhs_login", self.nhs_login_issuer, self.nhs_login_client_id),
            ("cis2", self.cis2_issuer, self.cis2_client_id),
        ):
            if bool(issuer) != bool(client_id):
                raise ValueError(f"{name}_issuer and {name}_client_id come together")
            parts = urlsplit(issuer)
            is_own = parts.scheme == "http" and is_loopback(parts.hostname or "") and is_loopback(self.host)
            bare = not (parts.query or parts.fragment or parts.username is not None)
            if issuer and not (parts.hostname and bare and (parts.scheme == "https" or is_own)):
                raise ValueError(
                    f"{name}_issuer must be an https address: whoever answers there says who people are"
                )
        if self.cis2_issuer and not self.cis2_roles:
            raise ValueError("cis2_issuer needs cis2_roles: without them no member of staff has access")
        return self

    @model_validator(mode="after")
    def _keeps_the_trail(self) -> Self:
        if 0 < self.audit_years < LEAST_YEARS and not self.audit_short:
            raise ValueError(
                f"audit_years below {LEAST_YEARS} removes the audit trail before the records it is about: "
                "set audit_short too if that is meant"
            )
        return self

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if self.open and not is_loopback(self.host):
            raise ValueError(
                f"open access is refused on {self.host}: anyone on the network could read every record. "
                "Listen on 127.0.0.1, or start without --open"
            )
        if self.demo and not is_loopback(self.host):
            raise ValueError(
                f"the demonstration is refused on {self.host}: its sign-ins are shown on the first page. "
                "Listen on 127.0.0.1"
            )
        if (self.tls_certificate is None) is not (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key are set together or not at all")
        if not is_loopback(self.host) and not self.address.startswith("https://"):
            raise ValueError(
                f"listening on {self.host} needs a base_url that begins with https:// (TLS ends at a proxy), or "
                "tls_certificate and tls_key: tokens and records must not travel in the clear"
            )
        return self

    @property
    def job_roles(self) -> dict[str, str]:
        """The role here by national job role code."""
        return dict(_pairs(self.cis2_roles))

    @property
    def origins(self) -> frozenset[str]:
        """The origins of `cors_origins`."""
        return frozenset(_listed(self.cors_origins))

    @property
    def validation_levels(self) -> dict[str, str]:
        """Resource type to level; `*` for all others."""
        return levels(self.validation)

    @property
    def address(self) -> str:
        """The public address."""
        scheme = "https" if self.tls_certificate else "http"
        return self.base_url or f"{scheme}://{self.host}:{self.port}"


def _pairs(text: str) -> list[tuple[str, str]]:
    """Code and role, as `cis2_roles` writes them."""
    split = [part.partition("=") for part in _listed(text)]
    return [(code.strip(), role.strip()) for code, _, role in split]


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def is_named(settings: Settings) -> bool:
    """Whether the public address has a name, not a number: passkeys (WebAuthn) need a domain."""
    try:
        ipaddress.ip_address(urlsplit(settings.address).hostname or "")
    except ValueError:
        return True
    return False


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load(**given: object) -> Settings:
    """The settings, with what the command line gave (None: not given) above all; raises BadSetting."""
    known = {f"CARESPINE_{name.upper()}" for name in Settings.model_fields} | _NOT_SETTINGS
    if unknown := sorted(name for name in os.environ if name.startswith("CARESPINE_") and name not in known):
        raise BadSetting(f"There is no setting {', '.join(unknown)}: is it misspelt?")
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except tomllib.TOMLDecodeError as error:
        raise BadSetting(f"{CONFIG_FILE} cannot be read as TOML: {error}.") from error
    except ValidationError as error:
        raise BadSetting(" ".join(_sentence(dict(problem)) for problem in error.errors())) from error


def _sentence(problem: dict[str, object]) -> str:
    place = ".".join(str(part) for part in problem["loc"])  # type: ignore[attr-defined]
    message = _in_words(problem)
    if not place:
        return f"The settings are not usable: {message}."
    return f"The setting {place} (CARESPINE_{place.upper()}) is not usable: {message}."


def _in_words(problem: dict[str, object]) -> str:
    """What is wrong with a value, in our words where the library's are a programmer's."""
    message = str(problem["msg"]).removeprefix("Value error, ")
    limits = dict(problem.get("ctx") or {})  # type: ignore[call-overload]
    match problem["type"]:
        case "less_than_equal":
            return f"it is {limits['le']} at most"
        case "greater_than_equal":
            return f"it is {limits['ge']} at least"
        case "int_parsing" | "int_type" | "int_from_float":
            return "it is a whole number"
        case "bool_parsing" | "bool_type":
            return "it is true or false"
        case "literal_error" | "enum":
            return f"it is one of {limits['expected']}"
    return message
